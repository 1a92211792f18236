/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Environment and limits of the processes of hc-pkcs11. State: the process.
 *
 * Threats: variables that make a middleware write PINs into traces or load other code, a library that eats
 * memory or runs away, its chatter on our terminal. The environment is made of what is
 * named here, not freed of what is known to be bad.
 */
#include "pkcs11_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/log.h"

#define MEMORY_MAX (1024L * 1024 * 1024)
#define FILE_MAX   (16L * 1024 * 1024)
#define FILES_MAX  128
#define CPU_S	   30 /* a card does its own sums */
#define KEPT_MAX   16

/* What a service manager hands over; a sanitizer build listens to its own options as well. */
static const char *const kept[] = {"LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES=", "JOURNAL_STREAM="};
static const char *const kept_by_sanitizers[] = {
	"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS="};

static bool starts_with_one_of(const char *entry, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

static bool is_kept(const char *entry)
{
	return starts_with_one_of(entry, kept, HC_COUNT(kept)) ||
	       (HC_DUMPABLE && starts_with_one_of(entry, kept_by_sanitizers, HC_COUNT(kept_by_sanitizers)));
}

bool hc_p11_environment(char **argv)
{
	char *clean[KEPT_MAX + 1] = {NULL};
	size_t count = 0;
	bool dirty = false;

	for (char **entry = environ; *entry != NULL; entry++) {
		if (is_kept(*entry) && count < KEPT_MAX)
			clean[count++] = *entry;
		else
			dirty = true;
	}
	if (!dirty)
		return true;
	(void)execve("/proc/self/exe", argv, clean);
	hc_log(HC_LOG_ERROR, "cannot start anew with a clean environment",
	       HC_F_TEXT("reason", strerrordesc_np(errno)));
	return false;
}

static bool limit(int what, rlim_t most)
{
	const struct rlimit both = {most, most};

	return setrlimit((__rlimit_resource_t)what, &both) == 0;
}

/* What a middleware prints may be anything, down to a PIN. A sanitizer writes its findings to stderr. */
static bool silence(void)
{
	const int last = HC_DUMPABLE ? STDOUT_FILENO : STDERR_FILENO;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	for (int i = STDIN_FILENO; i <= last; i++) {
		if (dup2(fd, i) < 0)
			return false;
	}
	if (fd > STDERR_FILENO)
		(void)close(fd); /* nothing was written */
	return true;
}

bool hc_p11_confine(int64_t timeout_ms)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || !limit(RLIMIT_CORE, 0) ||
	    !limit(RLIMIT_NOFILE, FILES_MAX) || !limit(RLIMIT_FSIZE, FILE_MAX) || !limit(RLIMIT_CPU, CPU_S))
		return false;
	(void)signal(SIGXFSZ,
		     SIG_IGN); /* these fail for a wrong number only: a full file is an error to write(2) */
	(void)signal(SIGPIPE, SIG_IGN);
	/* The last word, should the watcher be stopped: twice the time that the operation has. */
	(void)alarm((unsigned)(2 * timeout_ms / 1000 + 10));
	/* A sanitizer needs terabytes of addresses. */
	return silence() && (HC_DUMPABLE || limit(RLIMIT_AS, MEMORY_MAX));
}
