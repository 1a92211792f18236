/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_PROGRAM_H
#define HC_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/err.h"

/*
 * What the mains of our daemons and helpers do alike: the command line, standard output, exit
 * statuses, and telling a service manager. For programs of our own, never for the PAM module.
 */
#define HC_PROGRAM_OK	       0
#define HC_PROGRAM_FAILED      1
#define HC_PROGRAM_USAGE       2
#define HC_PROGRAM_OPTIONS_MAX 6

/* One long option: with a value (value set) or without (flag set). */
struct hc_program_option {
	const char *name; /* without the dashes; NULL ends the list */
	const char **value;
	bool *flag;
};

struct hc_program {
	const char *name;
	const char *usage; /* whole text of --help, which names --help and --version too */
	struct hc_program_option options[HC_PROGRAM_OPTIONS_MAX + 1];
};

/*
 * hc_program_options: reads the command line into the options. False: the process is to end with
 * *ret_status: --help or --version was answered, or a word means nothing, which was said.
 */
bool hc_program_options(const struct hc_program *program, int argc, char **argv, int *ret_status);

/* hc_program_usage: the usage on standard error. Returns HC_PROGRAM_USAGE. */
int hc_program_usage(const struct hc_program *program);

/* hc_program_say: a text on standard output; a full disk or a closed pipe behind it is a failure. */
int hc_program_say(const char *text);

/*
 * A daemon with one configuration file. load reads it (failure: ret_why is for a person) and returns
 * the log level; serve runs until it is told to end, and has logged why when it fails.
 */
struct hc_daemon {
	const char *name, *usage;
	const char *config; /* the file, unless --config names another one */
	enum hc_err (*load)(const char *path, int *ret_log_level, char *ret_why, size_t cap);
	enum hc_err (*serve)(void);
	/* One more thing that it can do with its configuration instead, once; NULL: nothing. Says what was done, or why not. */
	const char *task_option;
	enum hc_err (*task)(void);
	/* --check-store DIR: looks at a store that nobody uses, without a configuration. Logged; NULL: no such option */
	enum hc_err (*check_store)(const char *directory);
};

/*
 * hc_daemon_main: --config, --check-config, --check-store, --help, --version and the task's option; hardening of the
 * process, then the configuration, then serve or the task. Returns the exit status.
 */
int hc_daemon_main(const struct hc_daemon *daemon, int argc, char **argv);

/*
 * hc_notify: tells the service manager that started us, if there is one: "READY=1", "STOPPING=1", …
 * (sd_notify(3)). Nobody there is no failure; neither is one that does not listen.
 */
void hc_notify(const char *state);

/* hc_notify_reloading: RELOADING=1 with the time that goes with it. READY=1 ends it. */
void hc_notify_reloading(void);

/* hc_notify_watchdog_ms: within which time WATCHDOG=1 must come again and again; 0: nobody waits for it. */
int64_t hc_notify_watchdog_ms(void);

/* hc_descriptors_raise: up to wanted open files (0: as many as root allows); fewer are logged, no failure. */
void hc_descriptors_raise(size_t wanted);

#endif
