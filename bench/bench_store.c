/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one sign-in costs in the store: the reads, one transaction (count, consume, clear, record)
 * and its sync, at 1 to 100 000 persons, beside the floor of the same disk (4 KiB written over and
 * fdatasync). The store must cost the same at every size.
 *
 *	bench_store [DIRECTORY]        on the disk to be measured; /var/tmp unless given
 */
#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"
#include "store/store.h"

#define ROUNDS 2000

static const unsigned SIZES[] = {1, 1000, 20000, 100000};

static void must(enum hc_err err, const char *what)
{
	if (err == HC_OK)
		return;
	(void)fprintf(stderr, "bench_store: %s: %s\n", what, hc_strerror(err));
	exit(1);
}

static double now_us(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* A fixed sequence, so that runs compare. */
static unsigned next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33);
}

static void names_of(unsigned number, struct hc_login *login, struct hc_credential_id *id)
{
	static const char digits[] = "abcdefghij";

	(void)snprintf(login->text, sizeof(login->text), "user%06u", number);
	memset(id->text, 'a', HC_CREDENTIAL_ID_LEN);
	for (size_t i = HC_CREDENTIAL_ID_LEN; number > 0; number /= 10)
		id->text[--i] = digits[number % 10];
}

static void add_person(struct hc_store *store, unsigned number)
{
	struct hc_person person = {.state = HC_PERSON_ACTIVE,
				   .given_name = {"Camille"},
				   .family_name = {"Martin"},
				   .profession = {"Infirmière"},
				   .organization = {"Centre hospitalier"}};
	struct hc_credential credential = {.type = HC_CREDENTIAL_TOTP,
					   .state = HC_CREDENTIAL_ACTIVE,
					   .label = {"phone"},
					   .algorithm = HC_OTP_SHA1,
					   .digits = 6,
					   .period_s = 30,
					   .last_step = -1,
					   .sealed_len = 57};

	names_of(number, &person.login, &credential.id);
	must(hc_store_person_add(store, &person, &credential.person_id), "add a person");
	must(hc_store_credential_add(store, &credential), "add a credential");
}

static void populate(struct hc_store *store, unsigned from, unsigned to)
{
	for (unsigned number = from; number < to; number++) {
		if (number == from || number % 5000 == 0)
			must(hc_store_begin(store), "begin");
		add_person(store, number);
		if (number + 1 == to || (number + 1) % 5000 == 0)
			must(hc_store_commit(store), "commit");
	}
}

static void sign_in(struct hc_store *store, unsigned number, int64_t *seq)
{
	struct hc_credential list[HC_CREDENTIALS_MAX];
	struct hc_audit_record record = {.seq = ++*seq,
					 .time_ms = 1800000000000,
					 .event = "sign-in",
					 .outcome = "success",
					 .factor = "totp",
					 .service = "sshd",
					 .origin = "ssh 192.0.2.7",
					 .actor = "uid 0 (root)"};
	struct hc_throttle_row row;
	struct hc_credential_id id;
	struct hc_person person;
	struct hc_login login;
	size_t count = 0;

	names_of(number, &login, &id);
	must(hc_store_person_by_login(store, &login, &person), "find the person");
	must(hc_store_begin(store), "begin");
	must(hc_store_throttle_get(store, person.id, HC_FACTOR_OTP, "", &row), "read the counter");
	row.failures++;
	must(hc_store_throttle_put(store, &row), "count");
	must(hc_store_credential_list(store, person.id, false, HC_CREDENTIALS_MAX, list, &count),
	     "credentials");
	must(hc_store_totp_consume(store, &id, list[0].last_step + 1, 0, 1800000000000), "consume");
	must(hc_store_throttle_clear(store, person.id, HC_FACTOR_OTP, "", NULL), "clear");
	(void)snprintf(record.login, sizeof(record.login), "%s", login.text);
	(void)snprintf(record.credential, sizeof(record.credential), "%s", id.text);
	must(hc_store_audit_append(store, &record), "record");
	must(hc_store_commit(store), "commit");
}

static int by_size(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return *left < *right ? -1 : *left > *right;
}

static void print_row(const char *what, double *us, double cpu_us)
{
	qsort(us, ROUNDS, sizeof(*us), by_size);
	(void)printf("%-28s p50 %7.0f us   p99 %7.0f us   max %7.0f us   CPU %6.0f us\n", what,
		     us[ROUNDS / 2], us[ROUNDS * 99 / 100], us[ROUNDS - 1], cpu_us / ROUNDS);
	(void)fflush(stdout);
}

/* The floor: what this disk takes to make one page durable. */
static void measure_disk(const char *path)
{
	static const char page[4096];
	static double us[ROUNDS];
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || pwrite(fd, page, sizeof(page), 0) < 0) {
		perror(path);
		exit(1);
	}
	const double cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const double start = now_us(CLOCK_MONOTONIC);
		if (pwrite(fd, page, sizeof(page), 0) < 0 || fdatasync(fd) != 0)
			exit(1);
		us[i] = now_us(CLOCK_MONOTONIC) - start;
	}
	print_row("4 KiB and fdatasync", us, now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	(void)close(fd);
	(void)unlink(path);
}

static void measure_store(struct hc_store *store, unsigned persons, int64_t *seq)
{
	static double us[ROUNDS];
	char what[64];

	(void)snprintf(what, sizeof(what), "sign-in, %u person%s", persons, persons == 1 ? "" : "s");
	const double cpu = now_us(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned i = 0; i < ROUNDS; i++) {
		const double start = now_us(CLOCK_MONOTONIC);
		sign_in(store, next_random() % persons, seq);
		us[i] = now_us(CLOCK_MONOTONIC) - start;
	}
	print_row(what, us, now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu);
}

int main(int argc, char **argv)
{
	const char *parent = argc > 1 ? argv[1] : "/var/tmp";
	HC_AUTO(store) store = NULL;
	char dir[256], path[300], log_path[304];
	unsigned persons = 0;
	int64_t seq = 0;
	struct rusage usage;

	(void)snprintf(dir, sizeof(dir), "%s/hc-bench-store-XXXXXX", parent);
	if (mkdtemp(dir) == NULL) {
		perror(dir);
		return 1;
	}
	(void)snprintf(path, sizeof(path), "%s/bench.db", dir);
	(void)snprintf(log_path, sizeof(log_path), "%s-wal", path);
	measure_disk(path);
	must(hc_store_open(path, &store), "open the store");
	for (size_t i = 0; i < HC_COUNT(SIZES); i++) {
		populate(store, persons, SIZES[i]);
		persons = SIZES[i];
		measure_store(store, persons, &seq);
	}
	(void)getrusage(RUSAGE_SELF, &usage);
	(void)printf("%-28s %ld KiB\n", "largest resident size", usage.ru_maxrss);
	hc_store_free(&store);
	(void)unlink(path);
	(void)unlink(log_path); /* SQLite removed it already, unless it failed */
	(void)rmdir(dir);
	return 0;
}
