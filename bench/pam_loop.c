/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_loop CONFDIR SERVICE USERS COUNT SEED_HEX|pin:PIN [BROKER_PID CLOCK_FILE]: COUNT whole authentications
 * (pam_start_confdir, pam_authenticate, pam_end) through one PAM service, and what each cost.
 *
 * Users are u0000000 … and picked at random, the same sequence for every service. Each call happens
 * 30 s after the former, so that no module refuses a code as used: peers see the time through
 * time(2), which this program overrides (it must be linked with -rdynamic), the broker through
 * CLOCK_FILE (shift_clock.c). With a PIN every question is answered by that, and time goes its way. CPU
 * is that of this process, its children, the broker and the broker's children.
 *
 * With USERS 0 nobody is named. With PAM_LOOP_EVENTS=FD, a stream socket, each call waits for a byte from there and
 * tells of itself by lines: s (it begins), m (a message), q (a question), e (the end), with the seconds of
 * CLOCK_MONOTONIC.
 */
#include <security/pam_appl.h>

#include <fcntl.h>
#include <inttypes.h>
#include <liboath/oath.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SEED_MAX 64
#define STEP_S	 30

static time_t simulated;
static char seed[SEED_MAX];
static size_t seed_len;
static const char *pin;
static int events = -1;

__attribute__((visibility("default"))) time_t time(time_t *out);

time_t time(time_t *out)
{
	if (out != NULL)
		*out = simulated;
	return simulated;
}

static double seconds(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t); /* cannot fail for the clocks used here */
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void tell(char what)
{
	if (events >= 0)
		(void)dprintf(events, "%c %.6f\n", what, seconds(CLOCK_MONOTONIC));
}

static void await_word(void)
{
	char word;

	if (events >= 0 && read(events, &word, 1) != 1)
		exit(1);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
		    void *data)
{
	struct pam_response *answers = calloc((size_t)count, sizeof(*answers));
	char code[16];

	(void)data;
	if (answers == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < count; i++) {
		bool question = messages[i]->msg_style == PAM_PROMPT_ECHO_OFF ||
				messages[i]->msg_style == PAM_PROMPT_ECHO_ON;

		tell(question ? 'q' : 'm');
		if (question) {
			if (pin == NULL &&
			    oath_totp_generate(seed, seed_len, simulated, STEP_S, 0, 6, code) != OATH_OK) {
				free(answers);
				return PAM_CONV_ERR;
			}
			answers[i].resp = strdup(pin != NULL ? pin : code);
		} else if (getenv("PAM_LOOP_VERBOSE") != NULL) {
			fprintf(stderr, "%s\n", messages[i]->msg);
		}
	}
	*responses = answers;
	return PAM_SUCCESS;
}

/* Of the processes that another one has waited for, in ticks: enough for the sum over a run. */
static double children_of(const char *pid)
{
	char path[64], line[1024];
	unsigned long user = 0, system = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	const char *end = fgets(line, sizeof(line), file) != NULL ? strrchr(line, ')') : NULL;

	(void)fclose(file);
	if (end == NULL ||
	    sscanf(end, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		return 0;
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* CPU seconds of this process, its reaped children and, from the scheduler's own count, the broker. */
static double cpu_seconds(const char *broker_pid)
{
	struct rusage own, children;
	char path[64];
	uint64_t broker_ns = 0;
	FILE *file;

	(void)getrusage(RUSAGE_SELF, &own);
	(void)getrusage(RUSAGE_CHILDREN, &children);
	if (broker_pid != NULL) {
		(void)snprintf(path, sizeof(path), "/proc/%s/schedstat", broker_pid);
		file = fopen(path, "re");
		if (file == NULL || fscanf(file, "%" SCNu64, &broker_ns) != 1) {
			fprintf(stderr, "pam_loop: no CPU time of process %s\n", broker_pid);
			exit(1);
		}
		(void)fclose(file);
	}
	return (double)(own.ru_utime.tv_sec + own.ru_stime.tv_sec + children.ru_utime.tv_sec +
			children.ru_stime.tv_sec) +
	       (double)(own.ru_utime.tv_usec + own.ru_stime.tv_usec + children.ru_utime.tv_usec +
			children.ru_stime.tv_usec) *
		       1e-6 +
	       (double)broker_ns * 1e-9 + (broker_pid != NULL ? children_of(broker_pid) : 0);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static volatile int64_t *map_clock(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *page =
		fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (page == MAP_FAILED) {
		fprintf(stderr, "pam_loop: cannot map %s\n", path);
		exit(1);
	}
	(void)close(fd);
	return page;
}

/* A fixed sequence, the same for every service (Numerical Recipes' constants). */
static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Resident memory now; the high-water mark would be that of the program which forked this one. */
static long resident_kb(void)
{
	long total = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file == NULL || fscanf(file, "%ld %ld", &total, &resident) != 2)
		resident = -1;
	if (file != NULL)
		(void)fclose(file);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* ret_resident: measured while the module is loaded, if wanted; it takes longer than the sign-in. */
static int sign_in(const char *confdir, const char *service, const char *user, long *ret_resident)
{
	const struct pam_conv conv = {converse, NULL};
	pam_handle_t *handle;
	int rc = pam_start_confdir(service, user, &conv, confdir, &handle);

	if (rc != PAM_SUCCESS)
		return rc;
	rc = pam_authenticate(handle, 0);
	if (ret_resident != NULL)
		*ret_resident = resident_kb();
	(void)pam_end(handle, rc);
	return rc;
}

static double sum_of(const double *times, long count)
{
	double sum = 0;

	for (long i = 0; i < count; i++)
		sum += times[i];
	return sum;
}

static void report(const char *service, double *times, long count, long passed, double cpu, long resident)
{
	qsort(times, (size_t)count, sizeof(*times), by_value);
	printf("{\"service\":\"%s\",\"count\":%ld,\"passed\":%ld,\"cpu_ms\":%.4f,\"wall_ms\":%.4f,\"p50_ms\":"
	       "%.4f,\"p99_ms\":%"
	       ".4f,"
	       "\"max_ms\":%.4f,\"rss_kb\":%ld}\n",
	       service, count, passed, cpu * 1e3 / (double)count, sum_of(times, count) * 1e3 / (double)count,
	       times[count / 2] * 1e3, times[count * 99 / 100] * 1e3, times[count - 1] * 1e3, resident);
}

int main(int argc, char **argv)
{
	volatile int64_t own_shift = 0, *shift = &own_shift;
	const char *broker_pid = argc > 7 ? argv[6] : NULL;
	uint32_t random_state = 7;
	char user[32];

	if (argc != 6 && argc != 8) {
		fprintf(stderr, "usage: pam_loop CONFDIR SERVICE USERS COUNT SEED_HEX|pin:PIN [BROKER_PID "
				"CLOCK_FILE]\n");
		return 2;
	}
	long users = strtol(argv[3], NULL, 10), count = strtol(argv[4], NULL, 10), passed = 0;
	double *times = calloc((size_t)count, sizeof(*times));
	unsigned byte;

	const char *wanted_events = getenv("PAM_LOOP_EVENTS");
	if (wanted_events != NULL)
		events = (int)strtol(wanted_events, NULL, 10);
	if (strncmp(argv[5], "pin:", 4) == 0)
		pin = argv[5] + 4;
	while (pin == NULL && seed_len < sizeof(seed) && sscanf(argv[5] + 2 * seed_len, "%2x", &byte) == 1)
		seed[seed_len++] = (char)byte;
	if (argc > 7)
		shift = map_clock(argv[7]);
	if (times == NULL || users < 0 || count < 1)
		return 1;
	double cpu = cpu_seconds(broker_pid);

	for (long i = 0; i < count; i++) {
		*shift += pin == NULL ? STEP_S * 1000 : 0;
		simulated = (time_t)(seconds(CLOCK_REALTIME) + (double)*shift / 1000.0);
		(void)snprintf(user, sizeof(user), "u%07ld",
			       (long)(next_random(&random_state) % (uint32_t)(users > 0 ? users : 1)));
		await_word();
		double start = seconds(CLOCK_MONOTONIC);

		tell('s');
		if (sign_in(argv[1], argv[2], users > 0 ? user : NULL, NULL) == PAM_SUCCESS)
			passed++;
		times[i] = seconds(CLOCK_MONOTONIC) - start;
		tell('e');
	}
	cpu = cpu_seconds(broker_pid) - cpu;
	*shift += STEP_S * 1000;
	simulated += STEP_S;
	long resident = -1;

	if (events < 0 && sign_in(argv[1], argv[2], users > 0 ? user : NULL, &resident) != PAM_SUCCESS)
		fprintf(stderr, "pam_loop: the last sign-in was refused\n");
	report(argv[2], times, count, passed, cpu, resident);
	free(times);
	return passed == count ? 0 : 1;
}
