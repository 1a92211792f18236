/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping the directory of revocation lists fresh. State: that directory. Threats: a server, or whoever
 * answers in its place, that hands out another authority's list, an older one, a part of one, or none:
 * what is there stays until something newer of the same authority has been verified whole. It must never
 * delete a list, nor write one that it did not verify.
 */
#include "lists.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/cps.h"
#include "hospiconnect/file.h"
#include "hospiconnect/log.h"

#include "fetch.h"
#include "note.h"

#define MIB	 (1024 * 1024)
#define MS_PER_S 1000

struct run {
	const struct hc_crl_config *config;
	struct hc_fetch_limits limits;
	struct hc_trust *trust;	  /* owned */
	struct hc_cps_crls *crls; /* owned */
	int64_t now_ms;
	bool force;
	unsigned failures;
};

static void complain(struct run *run, const char *message, const char *url, const char *why)
{
	run->failures++;
	hc_log(HC_LOG_WARNING, message, HC_F_TEXT("url", url), HC_F_TEXT("reason", why));
}

/* The list that is there under that name. */
static bool find_list(const struct run *run, const char *file, struct hc_cps_crl_state *ret_state)
{
	char name[HC_CPS_CRL_FILE_CAP];

	for (size_t i = 0; i < hc_cps_crls_count(run->crls); i++) {
		struct hc_cps_crl_state state;

		hc_cps_crls_get(run->crls, i, &state);
		hc_cps_crl_file(&state, name);
		if (strcmp(name, file) == 0) {
			*ret_state = state;
			return true;
		}
	}
	return false;
}

static bool serves(const struct run *run, const struct hc_cps_crl_state *list)
{
	return hc_cps_crl_freshness(list, run->now_ms, 0) == HC_CPS_GOOD;
}

/* An address that answered well a short while ago is left in peace; one that did not is asked each time. */
static bool is_due(const struct run *run, const struct hc_crl_note *note)
{
	struct hc_cps_crl_state list;

	if (run->force || !find_list(run, note->list, &list) || !serves(run, &list))
		return true;
	return note->asked_ms > run->now_ms ||
	       run->now_ms - note->asked_ms >= run->config->interval_s * MS_PER_S;
}

static void keep_note(struct run *run, struct hc_crl_note *note, const char *url, const char *file,
		      const struct hc_fetch_tags *tags)
{
	(void)snprintf(note->url, sizeof(note->url), "%s", url);
	(void)snprintf(note->list, sizeof(note->list), "%s", file);
	if (tags != NULL)
		note->tags = *tags;
	note->asked_ms = run->now_ms;
	const enum hc_err err = hc_crl_note_write(run->config->crl_dir, note);

	if (err != HC_OK)
		complain(run, "what the server said cannot be noted", url, hc_strerror(err));
}

static void report(struct run *run, const char *message, const char *url, const struct hc_cps_crl_state *list)
{
	const bool good = serves(run, list);

	if (!good)
		run->failures++;
	hc_log(good ? HC_LOG_INFO : HC_LOG_WARNING, message, HC_F_TEXT("url", url),
	       HC_F_TEXT("authority", list->issuer_name), HC_F_NUM("entries", list->revoked_count),
	       HC_F_NUM("age_s", (run->now_ms - list->this_update_ms) / MS_PER_S),
	       HC_F_NUM("next_update_s", (list->next_update_ms - run->now_ms) / MS_PER_S),
	       HC_F_TEXT("serves", good ? "yes" : "no, it has run out"));
}

/* What a list says of itself, verified, apart from what is there. */
static enum hc_err examine(const struct run *run, const struct hc_fetch_answer *answer,
			   struct hc_cps_crl_state *ret_state)
{
	HC_AUTO(cps_crls) alone = NULL;
	const enum hc_err err = hc_cps_crls_new(&alone);

	return err == HC_OK
		       ? hc_cps_crls_add(alone, run->trust, answer->data, answer->len, run->now_ms, ret_state)
		       : err;
}

static void put_in_place(struct run *run, const char *url, struct hc_crl_note *note,
			 const struct hc_fetch_answer *answer, const struct hc_cps_crl_state *list)
{
	char file[HC_CPS_CRL_FILE_CAP], path[PATH_MAX];

	hc_cps_crl_file(list, file);
	const int len = snprintf(path, sizeof(path), "%s/%s", run->config->crl_dir, file);
	enum hc_err err = len > 0 && (size_t)len < sizeof(path) ? HC_OK : HC_ERR_TOOBIG;

	if (err == HC_OK)
		err = hc_file_replace(path, 0644, answer->data, answer->len);
	if (err == HC_OK)
		err = hc_cps_crls_add(run->crls, run->trust, answer->data, answer->len, run->now_ms, NULL);
	if (err != HC_OK) {
		complain(run, "revocation list cannot be written; the former one stays", url,
			 hc_strerror(err));
		return;
	}
	report(run, "revocation list replaced", url, list);
	keep_note(run, note, url, file, &answer->tags);
}

static const char *refusal(enum hc_err err)
{
	if (err == HC_ERR_PERM)
		return "signed by no authority of the trust directory";
	return err == HC_ERR_INVALID ? "malformed, not whole, or from the future" : hc_strerror(err);
}

static void take_answer(struct run *run, const char *url, struct hc_crl_note *note,
			const struct hc_fetch_answer *answer)
{
	struct hc_cps_crl_state received, present;
	char file[HC_CPS_CRL_FILE_CAP];
	const enum hc_err err = examine(run, answer, &received);

	if (err != HC_OK) {
		complain(run, "revocation list refused; the former one stays", url, refusal(err));
		return;
	}
	hc_cps_crl_file(&received, file);
	if (!find_list(run, file, &present) || received.this_update_ms > present.this_update_ms) {
		put_in_place(run, url, note, answer, &received);
	} else if (received.this_update_ms < present.this_update_ms) {
		complain(run, "revocation list refused; the former one stays", url,
			 "older than the one that is there");
	} else {
		report(run, "revocation list is the same", url, &present);
		keep_note(run, note, url, file, &answer->tags);
	}
}

static void take_same(struct run *run, const char *url, struct hc_crl_note *note)
{
	struct hc_cps_crl_state present;
	char file[HC_CPS_CRL_FILE_CAP];

	if (!find_list(run, note->list, &present)) {
		complain(run, "nothing to go with the answer", url, "not modified");
		return;
	}
	hc_cps_crl_file(&present, file);
	report(run, "revocation list is the newest", url, &present);
	keep_note(run, note, url, file, NULL);
}

static void ask(struct run *run, const char *url)
{
	struct hc_crl_note note;
	struct hc_cps_crl_state present;
	struct hc_fetch_answer answer;

	hc_crl_note_read(run->config->crl_dir, url, &note);
	if (!is_due(run, &note)) {
		hc_log(HC_LOG_DEBUG, "asked a short while ago", HC_F_TEXT("url", url));
		return;
	}
	/* Without the list that the tags stand for, "not modified" would leave us with none. */
	const bool there = find_list(run, note.list, &present);
	const enum hc_err err = hc_fetch(url, there ? &note.tags : NULL, &run->limits, &answer);

	if (err != HC_OK)
		complain(run, "revocation list cannot be fetched; the former one stays", url,
			 answer.why[0] != '\0' ? answer.why : hc_strerror(err));
	else if (answer.not_modified)
		take_same(run, url, &note);
	else
		take_answer(run, url, &note, &answer);
	hc_fetch_answer_clear(&answer);
}

static bool has_list_that_serves(const struct run *run, const char *authority)
{
	for (size_t i = 0; i < hc_cps_crls_count(run->crls); i++) {
		struct hc_cps_crl_state list;

		hc_cps_crls_get(run->crls, i, &list);
		if (strcmp(list.issuer_name, authority) == 0 && serves(run, &list))
			return true;
	}
	return false;
}

/* Whose cards are refused from now on, or only borne by the degraded mode. */
static void look_for_gaps(struct run *run)
{
	for (size_t i = 0; i < hc_trust_count(run->trust); i++) {
		struct hc_trust_anchor anchor;

		hc_trust_get(run->trust, i, &anchor);
		if (!anchor.persons || has_list_that_serves(run, anchor.name))
			continue;
		run->failures++;
		hc_log(HC_LOG_WARNING, "no revocation list that serves", HC_F_TEXT("authority", anchor.name));
	}
}

static enum hc_err load(struct run *run)
{
	const char *directory = run->config->crl_dir;
	enum hc_err err = hc_trust_load(run->config->trust_dir, &run->trust);

	if (err != HC_OK) {
		hc_log(HC_LOG_ERROR, "the trust directory cannot be used",
		       HC_F_TEXT("path", run->config->trust_dir), HC_F_TEXT("reason", hc_strerror(err)));
		return err;
	}
	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		hc_log(HC_LOG_ERROR, "cannot make the directory of lists", HC_F_TEXT("path", directory),
		       HC_F_TEXT("reason", strerrordesc_np(errno)));
	err = hc_cps_crls_load(directory, run->trust, run->now_ms, &run->crls, NULL);
	if (err != HC_OK)
		hc_log(HC_LOG_ERROR, "the directory of lists cannot be used", HC_F_TEXT("path", directory),
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* ends the lock */
}

static enum hc_err work(struct run *run)
{
	int lock HC_CLEANUP(close_fd) = -1;
	const enum hc_err err = load(run);

	if (err != HC_OK)
		return err;
	lock = open(run->config->crl_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) {
		hc_log(HC_LOG_ERROR, "another one is at work", HC_F_TEXT("path", run->config->crl_dir),
		       HC_F_TEXT("reason", strerrordesc_np(errno)));
		return HC_ERR_EXISTS;
	}
	for (size_t i = 0; i < run->config->urls.count; i++)
		ask(run, run->config->urls.list[i]);
	look_for_gaps(run);
	return run->failures == 0 ? HC_OK : HC_ERR_STATE;
}

enum hc_err hc_crl_run(const struct hc_crl_config *config, const struct hc_clock *clock, bool force)
{
	struct run run = {.config = config,
			  .limits = {.connect_timeout_s = config->connect_timeout_s,
				     .timeout_s = config->timeout_s,
				     .max_size = (size_t)config->max_size_mib * MIB,
				     .proxy = config->proxy},
			  .now_ms = hc_now_ms(clock),
			  .force = force};

	/* Where no card is accepted, no list is needed. */
	if (access(config->trust_dir, F_OK) != 0 && errno == ENOENT) {
		hc_log(HC_LOG_NOTICE, "no authority is trusted: nothing to fetch",
		       HC_F_TEXT("path", config->trust_dir));
		return HC_OK;
	}
	const enum hc_err err = work(&run);

	hc_cps_crls_free(&run.crls);
	hc_trust_free(&run.trust);
	return err;
}
