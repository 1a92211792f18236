/* SPDX-License-Identifier: Apache-2.0 */
/* The tests' cards as files. State: how often each function was called. Only a test's module has this. */
#include "card_files.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#define COUNTED_MAX 32

const char *hc_test_dir(void)
{
	static char dir[PATH_MAX];
	Dl_info info;

	if (dir[0] == '\0' && dladdr((void *)(unsigned long)&hc_test_dir, &info) != 0) {
		(void)snprintf(dir, sizeof(dir), "%s", info.dli_fname);
		*strrchr(dir, '/') = '\0';
	}
	return dir;
}

__attribute__((format(printf, 2, 0))) static void make_path(char out[PATH_MAX], const char *format,
							    va_list arguments)
{
	int len = snprintf(out, PATH_MAX, "%s/", hc_test_dir());

	(void)vsnprintf(out + len, PATH_MAX - (size_t)len, format, arguments);
}

#define PATH_OF(path, format)                       \
	do {                                        \
		va_list arguments;                  \
		va_start(arguments, format);        \
		make_path(path, format, arguments); \
		va_end(arguments);                  \
	} while (0)

static long read_path(char *out, size_t cap, const char *path, bool text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, out, cap - 1);
	(void)close(fd);
	if (len < 0)
		return -1;
	if (text && len > 0 && out[len - 1] == '\n')
		len--;
	out[len] = '\0';
	return len;
}

long hc_test_read(char *out, size_t cap, const char *format, ...)
{
	char path[PATH_MAX];

	PATH_OF(path, format);
	return read_path(out, cap, path, true);
}

long hc_test_bytes(void *out, size_t cap, const char *format, ...)
{
	char path[PATH_MAX];

	PATH_OF(path, format);
	return read_path(out, cap, path, false);
}

bool hc_test_exists(const char *format, ...)
{
	char path[PATH_MAX];

	PATH_OF(path, format);
	return access(path, F_OK) == 0;
}

long hc_test_number(long fallback, const char *format, ...)
{
	char path[PATH_MAX], text[32];

	PATH_OF(path, format);
	return read_path(text, sizeof(text), path, true) > 0 ? strtol(text, NULL, 0) : fallback;
}

void hc_test_write(const char *text, const char *format, ...)
{
	char path[PATH_MAX];
	int fd;

	PATH_OF(path, format);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort(); /* a test whose card does not remember proves nothing */
	(void)close(fd);
}

void hc_test_remove(const char *format, ...)
{
	char path[PATH_MAX];

	PATH_OF(path, format);
	(void)unlink(path);
}

void hc_test_log(const char *format, ...)
{
	char path[PATH_MAX], line[512];
	va_list arguments;
	int fd, len;

	va_start(arguments, format);
	len = vsnprintf(line, sizeof(line) - 1, format, arguments);
	va_end(arguments);
	line[len++] = '\n';
	(void)snprintf(path, sizeof(path), "%.4000s/log", hc_test_dir());
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		abort();
	(void)close(fd);
}

/* ---- faults ---- */

/* How often this function was called before. */
static long calls_before(const char *function)
{
	static struct {
		char name[40];
		long calls;
	} counted[COUNTED_MAX];

	for (size_t i = 0; i < COUNTED_MAX; i++) {
		if (counted[i].name[0] == '\0')
			(void)snprintf(counted[i].name, sizeof(counted[i].name), "%s", function);
		if (strcmp(counted[i].name, function) == 0)
			return counted[i].calls++;
	}
	abort();
}

static enum hc_test_deed do_deed(const char *word, const char *rest, unsigned long *ret_rv)
{
	char card[HC_TEST_NAME_MAX + 1] = "";

	(void)hc_test_read(card, sizeof(card), "slots/0/card");
	if (strcmp(word, "crash") == 0)
		*(volatile int *)NULL = 1;
	if (strcmp(word, "exit") == 0)
		_exit(0);
	if (strcmp(word, "trace") == 0)
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	if (strcmp(word, "run") == 0)
		(void)execl("/bin/true", "true", (char *)NULL);
	if (strcmp(word, "hang") == 0) {
		for (;;)
			(void)pause();
	}
	if (strcmp(word, "rv") == 0) {
		*ret_rv = strtoul(rest, NULL, 0);
		return HC_TEST_RETURN;
	}
	if (strcmp(word, "remove") == 0)
		hc_test_remove("slots/0/card");
	if (strcmp(word, "swap") == 0)
		hc_test_write(rest, "slots/0/card");
	if (strcmp(word, "tries") == 0)
		hc_test_write(rest, "cards/%s/tries", card);
	return strcmp(word, "lie") == 0 ? HC_TEST_LIE : HC_TEST_GO_ON;
}

enum hc_test_deed hc_test_fault(const char *function, unsigned long *ret_rv)
{
	long before = calls_before(function);
	char text[128], *at = text, *word, *rest;

	if (hc_test_read(text, sizeof(text), "faults/%s", function) <= 0)
		return HC_TEST_GO_ON;
	word = strsep(&at, " ");
	if (strcmp(word, "after") == 0) {
		rest = strsep(&at, " ");
		if (rest == NULL || before < strtol(rest, NULL, 0))
			return HC_TEST_GO_ON;
		word = strsep(&at, " ");
	}
	/* What is done to the cards happens once, what is done to the caller each time. */
	if (strcmp(word, "remove") == 0 || strcmp(word, "swap") == 0 || strcmp(word, "tries") == 0)
		hc_test_remove("faults/%s", function);
	hc_test_log("fault %s", function);
	return do_deed(word, at != NULL ? at : "", ret_rv);
}
