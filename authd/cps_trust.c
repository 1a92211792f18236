/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorities over cards and their revocation lists, held in memory and read again when the files have changed.
 *
 * State: what was read last, and what the directories looked like just before. Threats: a file that is bad or half
 * written (whatever is wrong with an authority refuses all of them; a list that is wrong is left out, so that its
 * authority counts as unknown), a change that is not noticed (names, sizes, times, owners and inodes of all files are
 * compared), a directory that is so large that looking at it takes long (bounded). It must never go on with
 * authorities that are no longer in the directory.
 */
#include "cps_trust.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/crypto.h"
#include "hospiconnect/log.h"

#define LOOK_EVERY_MS  1000
#define AGAIN_EVERY_MS 60000 /* what was refused for the time of day, or for want of memory */
#define ENTRIES_MAX    4096

/* What a directory looks like; equal ones hold the same files. */
struct look {
	uint8_t sum[HC_SHA256_LEN];
};

struct hc_cps_trust {
	const struct hc_cps_settings *settings;
	const struct hc_clock *clock;
	bool looked;
	int64_t looked_ms, read_ms;
	struct look trust_look, crl_look;
	struct hc_trust *trust;	  /* NULL: err says why */
	struct hc_cps_crls *crls; /* made with trust */
	enum hc_err err;
	size_t refused;
};

/* ---- looking ---- */

/* What distinguishes two states of one file. Fixed size, and every byte of it set. */
struct facts {
	uint64_t device, inode, size, mode, owner;
	int64_t changed_s, changed_ns, modified_s, modified_ns;
	char name[256];
};

static bool add_facts(const struct stat *status, const char *name, struct look *look)
{
	uint8_t hash[HC_SHA256_LEN];
	struct facts facts;

	memset(&facts, 0, sizeof(facts));
	facts.device = status->st_dev;
	facts.inode = status->st_ino;
	facts.size = (uint64_t)status->st_size;
	facts.mode = status->st_mode;
	facts.owner = status->st_uid;
	facts.changed_s = status->st_ctim.tv_sec;
	facts.changed_ns = status->st_ctim.tv_nsec;
	facts.modified_s = status->st_mtim.tv_sec;
	facts.modified_ns = status->st_mtim.tv_nsec;
	memcpy(facts.name, name, strnlen(name, sizeof(facts.name) - 1));
	if (hc_sha256(&facts, sizeof(facts), hash) != HC_OK)
		return false;
	/* In whichever order the files are listed. */
	for (size_t i = 0; i < sizeof(hash); i++)
		look->sum[i] ^= hash[i];
	return true;
}

static bool look_at_files(DIR *stream, struct look *look)
{
	const struct dirent *entry;
	struct stat status;
	size_t count = 0;

	while ((entry = readdir(stream)) != NULL) {
		if (strcmp(entry->d_name, "..") == 0)
			continue;
		if (++count > ENTRIES_MAX)
			return false;
		if (fstatat(dirfd(stream), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    !add_facts(&status, entry->d_name, look))
			return false;
	}
	return true;
}

/* False: it cannot be said, so that it is read. A directory that is not there looks like nothing. */
static bool look_at(const char *directory, struct look *ret_look)
{
	const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	bool known = true;

	memset(ret_look, 0, sizeof(*ret_look));
	if (stream != NULL) {
		known = look_at_files(stream, ret_look);
		(void)closedir(stream); /* nothing was written */
	} else if (fd >= 0) {
		(void)close(fd); /* nothing was written */
		known = false;
	}
	return known;
}

/* ---- reading ---- */

static void read_trust(struct hc_cps_trust *held)
{
	const char *directory = held->settings->trust_dir;

	hc_cps_crls_free(&held->crls);
	hc_trust_free(&held->trust);
	held->err = hc_trust_load(directory, &held->trust);
	if (held->err == HC_OK && hc_trust_count(held->trust) == 0)
		held->err = HC_ERR_NOTFOUND;
	if (held->err != HC_OK) {
		hc_trust_free(&held->trust);
		hc_log(HC_LOG_WARNING, "nobody is let on by a card: the authorities cannot be used",
		       HC_F_TEXT("trust_dir", directory), HC_F_TEXT("reason", hc_strerror(held->err)));
		return;
	}
	hc_log(HC_LOG_INFO, "authorities over cards were read", HC_F_TEXT("trust_dir", directory),
	       HC_F_NUM("count", (int64_t)hc_trust_count(held->trust)));
}

static void read_lists(struct hc_cps_trust *held)
{
	const char *directory = held->settings->crl_dir;
	enum hc_err err;

	hc_cps_crls_free(&held->crls);
	held->refused = 0;
	if (held->trust == NULL)
		return;
	err = hc_cps_crls_load(directory, held->trust, hc_now_ms(held->clock), &held->crls, &held->refused);
	if (err != HC_OK) {
		hc_log(HC_LOG_WARNING, "no revocation list can be used", HC_F_TEXT("crl_dir", directory),
		       HC_F_TEXT("reason", hc_strerror(err)));
		err = hc_cps_crls_new(&held->crls);
	}
	if (err != HC_OK) {
		held->err = err;
		hc_trust_free(&held->trust);
		return;
	}
	hc_log(HC_LOG_INFO, "revocation lists were read", HC_F_TEXT("crl_dir", directory),
	       HC_F_NUM("count", (int64_t)hc_cps_crls_count(held->crls)),
	       HC_F_NUM("refused", (int64_t)held->refused));
}

/* Whether what was read may be otherwise by now, with the same files. */
static bool is_due(const struct hc_cps_trust *held, int64_t now_ms)
{
	const bool in_doubt = held->refused > 0 || (held->err != HC_OK && held->err != HC_ERR_NOTFOUND);

	return in_doubt && now_ms - held->read_ms >= AGAIN_EVERY_MS;
}

static void refresh(struct hc_cps_trust *held)
{
	const int64_t now_ms = hc_mono_ms(held->clock);
	struct look trust_look, crl_look;

	if (held->looked && now_ms - held->looked_ms < LOOK_EVERY_MS)
		return;
	/* What changes while it is read is found at the next look. */
	const bool trust_known = look_at(held->settings->trust_dir, &trust_look);
	const bool crl_known = look_at(held->settings->crl_dir, &crl_look);
	const bool all = !held->looked || !trust_known || is_due(held, now_ms) ||
			 memcmp(&trust_look, &held->trust_look, sizeof(trust_look)) != 0;

	if (all)
		read_trust(held);
	if (all || !crl_known || memcmp(&crl_look, &held->crl_look, sizeof(crl_look)) != 0) {
		read_lists(held);
		held->read_ms = now_ms;
	}
	held->trust_look = trust_look;
	held->crl_look = crl_look;
	held->looked = true;
	held->looked_ms = now_ms;
}

/* ---- the whole ---- */

enum hc_err hc_cps_trust_new(const struct hc_cps_settings *settings, const struct hc_clock *clock,
			     struct hc_cps_trust **ret_trust)
{
	struct hc_cps_trust *trust = calloc(1, sizeof(*trust));

	if (trust == NULL)
		return HC_ERR_NOMEM;
	trust->settings = settings;
	trust->clock = clock;
	refresh(trust);
	*ret_trust = trust;
	return HC_OK;
}

void hc_cps_trust_free(struct hc_cps_trust **trust)
{
	if (trust == NULL || *trust == NULL)
		return;
	hc_cps_crls_free(&(*trust)->crls);
	hc_trust_free(&(*trust)->trust);
	free(*trust);
	*trust = NULL;
}

void hc_cps_trust_look(struct hc_cps_trust *trust)
{
	trust->looked_ms = hc_mono_ms(trust->clock) - LOOK_EVERY_MS;
}

enum hc_err hc_cps_trust_get(struct hc_cps_trust *trust, struct hc_cps_trust_view *ret_view)
{
	refresh(trust);
	if (trust->trust == NULL || trust->crls == NULL)
		return trust->err != HC_OK ? trust->err : HC_ERR_NOTFOUND;
	*ret_view = (struct hc_cps_trust_view){
		.trust = trust->trust, .crls = trust->crls, .refused = trust->refused};
	return HC_OK;
}
