/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-fido2: the only process of HospiConnect that opens security keys. Started by the broker, or for it,
 * with a link on descriptor 3, it does one operation and ends; by hand it shows which keys are there.
 *
 * State: none beyond one operation. Nothing of the environment is kept, no other descriptor, no way to
 * gain anything by exec, no core file. It must never outlive its operation.
 */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fido2_loop.h"
#include "fido2_show.h"
#include "helper_start.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/device.h"
#include "hospiconnect/log.h"
#include "hospiconnect/program.h"

#define PROGRAM	  "hc-fido2"
#define BY_HAND_S 60
#define CPU_S	  60

static const char usage[] = "usage: " PROGRAM "                     (started by hospiconnect-authd)\n"
			    "       " PROGRAM " list [--json]\n"
			    "       " PROGRAM " info [--json] [PATH]\n"
			    "\n"
			    "Speaks with security keys (FIDO2, U2F) for hospiconnect-authd, one operation a\n"
			    "process, over the socket on descriptor 3. By hand it shows the keys that are\n"
			    "plugged in; nothing is asked and nothing changes.\n"
			    "\n"
			    "  list             one line for each key\n"
			    "  info [PATH]      what each key, or the one at PATH, says of itself\n"
			    "  --json           for programs\n"
			    "  --help           show this text\n"
			    "  --version        show the version\n";

/* PINs pass through here. Nothing was read from the link yet; threads come later. */
static bool harden(void)
{
	return hc_helper_harden(CPU_S) && hc_confine(HC_CONFINE_FIDO2) == HC_OK;
}

/* ---- for the broker ---- */

static int serve(const struct hc_program *program)
{
	const int status = hc_helper_begin(program, harden);

	if (status != HC_PROGRAM_OK)
		return status;
	(void)mallopt(M_ARENA_MAX, 1); /* a heap for each thread grows by pages, each a call of the kernel */
	(void)alarm(BY_HAND_S);	       /* until the operation says how long it takes */
	const enum hc_err err = hc_fido2_serve(HC_DEVICE_LINK_FD);

	if (err != HC_OK && err != HC_ERR_CLOSED)
		hc_log(HC_LOG_WARNING, "the link was ended by a surprise",
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}

/* ---- by hand ---- */

static enum hc_lang language(void)
{
	static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return hc_lang_from_tag(value, HC_LANG_EN);
	}
	return HC_LANG_EN;
}

/* The words that are no options: a command, and for info a path. They are taken out. */
static bool take_words(int *argc, char **argv, struct hc_fido2_show *show)
{
	int kept = 1, words = 0;

	for (int i = 1; i < *argc; i++) {
		if (argv[i][0] == '-') {
			argv[kept++] = argv[i];
			continue;
		}
		words++;
		if (words == 1 && (strcmp(argv[i], "list") == 0 || strcmp(argv[i], "info") == 0))
			show->brief = strcmp(argv[i], "list") == 0;
		else if (words == 2 && !show->brief)
			show->path = argv[i];
		else
			argv[kept++] = argv[i]; /* the options' reader will refuse it */
	}
	argv[kept] = NULL;
	*argc = kept;
	return words > 0;
}

int main(int argc, char **argv)
{
	struct hc_fido2_show show = {.lang = language()};
	const struct hc_program program = {
		.name = PROGRAM, .usage = usage, .options = {{"json", NULL, &show.json}, {NULL, NULL, NULL}}};
	bool by_hand = take_words(&argc, argv, &show);
	int status = HC_PROGRAM_OK;

	hc_log_init(PROGRAM, HC_LOG_INFO);
	if (!hc_program_options(&program, argc, argv, &status))
		return status;
	if (!by_hand && show.json)
		return hc_program_usage(&program);
	/* Threads may still hang in a key: nothing waits for them. */
	if (!by_hand)
		_exit(serve(&program));
	if (!harden())
		return HC_PROGRAM_FAILED;
	(void)alarm(BY_HAND_S);
	return hc_fido2_show(&show);
}
