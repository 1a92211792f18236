/* SPDX-License-Identifier: Apache-2.0 */
#include "fault.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The wrappers of fault injection. Each WRAP line is also read by fault.cmake, which makes the
 * linker's list of it, so that there is one list. A wrapper that is not armed does nothing but pass
 * the call on.
 */
static struct { /* atomic for the sake of threads that are not meant and only look whether they are */
	_Atomic enum hc_fault_kind kind;
	atomic_uint n, calls;
	atomic_bool sticky;
	atomic_int error;
	const char *_Atomic symbol;
} armed = {.error = EIO, .symbol = ""};

void hc_fault_arm(enum hc_fault_kind kind, unsigned n)
{
	armed.kind = HC_FAULT_NONE;
	armed.n = n;
	armed.calls = 0;
	armed.sticky = false;
	armed.symbol = "";
	armed.kind = kind;
}

void hc_fault_arm_from(enum hc_fault_kind kind, unsigned n)
{
	hc_fault_arm(kind, n);
	armed.sticky = true;
}

void hc_fault_errno(int error)
{
	armed.error = error;
}

void hc_fault_disarm(void)
{
	armed.kind = HC_FAULT_NONE;
}

unsigned hc_fault_calls(void)
{
	return armed.calls;
}

bool hc_fault_hit(void)
{
	return armed.symbol[0] != '\0';
}

const char *hc_fault_symbol(void)
{
	return armed.symbol;
}

/* Counts one call; true if it is the one that must fail, with errno set. */
static bool fails(enum hc_fault_kind kind, const char *symbol)
{
	if (armed.kind != kind)
		return false;
	armed.calls++;
	if (armed.n == 0 || armed.calls < armed.n || (armed.calls > armed.n && !armed.sticky))
		return false;
	if (armed.symbol[0] == '\0')
		armed.symbol = symbol;
	errno = kind == HC_FAULT_MEMORY ? ENOMEM : armed.error;
	return true;
}

#define WRAP(type, name, params)   \
	type __real_##name params; \
	type __wrap_##name params; \
	type __wrap_##name params

WRAP(void *, malloc, (size_t size))
{
	return fails(HC_FAULT_MEMORY, "malloc") ? NULL : __real_malloc(size);
}

WRAP(void *, calloc, (size_t count, size_t size))
{
	return fails(HC_FAULT_MEMORY, "calloc") ? NULL : __real_calloc(count, size);
}

WRAP(void *, realloc, (void *data, size_t size))
{
	return fails(HC_FAULT_MEMORY, "realloc") ? NULL : __real_realloc(data, size);
}

WRAP(char *, strdup, (const char *text))
{
	return fails(HC_FAULT_MEMORY, "strdup") ? NULL : __real_strdup(text);
}

WRAP(char *, strndup, (const char *text, size_t len))
{
	return fails(HC_FAULT_MEMORY, "strndup") ? NULL : __real_strndup(text, len);
}

WRAP(void *, mmap, (void *address, size_t len, int protection, int flags, int fd, off_t offset))
{
	if (fails(HC_FAULT_MEMORY, "mmap"))
		return MAP_FAILED;
	return __real_mmap(address, len, protection, flags, fd, offset);
}

WRAP(int, socket, (int domain, int type, int protocol))
{
	return fails(HC_FAULT_SYSTEM, "socket") ? -1 : __real_socket(domain, type, protocol);
}

WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t len))
{
	return fails(HC_FAULT_SYSTEM, "connect") ? -1 : __real_connect(fd, address, len);
}

WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *len))
{
	return fails(HC_FAULT_SYSTEM, "getsockopt") ? -1 : __real_getsockopt(fd, level, name, value, len);
}

WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len))
{
	return fails(HC_FAULT_SYSTEM, "setsockopt") ? -1 : __real_setsockopt(fd, level, name, value, len);
}

WRAP(ssize_t, send, (int fd, const void *data, size_t len, int flags))
{
	return fails(HC_FAULT_SYSTEM, "send") ? -1 : __real_send(fd, data, len, flags);
}

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags))
{
	return fails(HC_FAULT_SYSTEM, "sendmsg") ? -1 : __real_sendmsg(fd, message, flags);
}

WRAP(ssize_t, recv, (int fd, void *data, size_t len, int flags))
{
	return fails(HC_FAULT_SYSTEM, "recv") ? -1 : __real_recv(fd, data, len, flags);
}

WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags))
{
	return fails(HC_FAULT_SYSTEM, "recvmsg") ? -1 : __real_recvmsg(fd, message, flags);
}

WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout))
{
	return fails(HC_FAULT_SYSTEM, "poll") ? -1 : __real_poll(fds, count, timeout);
}

WRAP(int, ppoll, (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask))
{
	return fails(HC_FAULT_SYSTEM, "ppoll") ? -1 : __real_ppoll(fds, count, timeout, mask);
}

/* What a fortified ppoll(2) without descriptors becomes with clang and glibc 2.41. */
WRAP(int, __ppoll_chk,
     (struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask, size_t cap))
{
	return fails(HC_FAULT_SYSTEM, "ppoll") ? -1 : __real___ppoll_chk(fds, count, timeout, mask, cap);
}

/* The mode is there only with O_CREAT; reading one that is not there gives a value nobody looks at. */
WRAP(int, open, (const char *path, int flags, ...))
{
	va_list args;

	va_start(args, flags);

	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;

	va_end(args);
	return fails(HC_FAULT_SYSTEM, "open") ? -1 : __real_open(path, flags, mode);
}

WRAP(int, openat, (int dir, const char *path, int flags, ...))
{
	va_list args;

	va_start(args, flags);

	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;

	va_end(args);
	return fails(HC_FAULT_SYSTEM, "openat") ? -1 : __real_openat(dir, path, flags, mode);
}

/* Every command that we use takes nothing or a number. */
WRAP(int, fcntl, (int fd, int command, ...))
{
	va_list args;

	va_start(args, command);

	long argument = va_arg(args, long);

	va_end(args);
	return fails(HC_FAULT_SYSTEM, "fcntl") ? -1 : __real_fcntl(fd, command, argument);
}

WRAP(int, fstat, (int fd, struct stat *facts))
{
	return fails(HC_FAULT_SYSTEM, "fstat") ? -1 : __real_fstat(fd, facts);
}

WRAP(int, stat, (const char *path, struct stat *facts))
{
	return fails(HC_FAULT_SYSTEM, "stat") ? -1 : __real_stat(path, facts);
}

WRAP(ssize_t, read, (int fd, void *data, size_t len))
{
	return fails(HC_FAULT_SYSTEM, "read") ? -1 : __real_read(fd, data, len);
}

WRAP(ssize_t, write, (int fd, const void *data, size_t len))
{
	return fails(HC_FAULT_SYSTEM, "write") ? -1 : __real_write(fd, data, len);
}

WRAP(int, fsync, (int fd))
{
	return fails(HC_FAULT_SYSTEM, "fsync") ? -1 : __real_fsync(fd);
}

WRAP(int, fchmod, (int fd, mode_t mode))
{
	return fails(HC_FAULT_SYSTEM, "fchmod") ? -1 : __real_fchmod(fd, mode);
}

WRAP(int, linkat, (int from_dir, const char *from, int to_dir, const char *to, int flags))
{
	return fails(HC_FAULT_SYSTEM, "linkat") ? -1 : __real_linkat(from_dir, from, to_dir, to, flags);
}

WRAP(ssize_t, getrandom, (void *data, size_t len, unsigned flags))
{
	return fails(HC_FAULT_SYSTEM, "getrandom") ? -1 : __real_getrandom(data, len, flags);
}

/* These two return the error instead of setting errno. */
WRAP(int, getpwnam_r,
     (const char *name, struct passwd *entry, char *text, size_t cap, struct passwd **ret_found))
{
	if (fails(HC_FAULT_SYSTEM, "getpwnam_r")) {
		*ret_found = NULL;
		return errno;
	}
	return __real_getpwnam_r(name, entry, text, cap, ret_found);
}

WRAP(int, getpwuid_r, (uid_t uid, struct passwd *entry, char *text, size_t cap, struct passwd **ret_found))
{
	if (fails(HC_FAULT_SYSTEM, "getpwuid_r")) {
		*ret_found = NULL;
		return errno;
	}
	return __real_getpwuid_r(uid, entry, text, cap, ret_found);
}

/* close(2) releases the descriptor even where it fails. */
WRAP(int, close, (int fd))
{
	bool failing = fails(HC_FAULT_SYSTEM, "close");
	int saved = errno;
	int result = __real_close(fd);

	if (!failing)
		return result;
	errno = saved;
	return -1;
}
