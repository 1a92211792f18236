/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CONFINE_SUPPORT_H
#define HC_CONFINE_SUPPORT_H

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define PAGE   4096
#define WORKS  0
#define SPOILT 255

/* ---- what is tried: 0 where it is done, or an errno ---- */

static int outcome(long result)
{
	return result < 0 ? errno : WORKS;
}

static int try_execve(void)
{
	char *const words[] = {(char *)(uintptr_t) "no-such-program", NULL};

	(void)execve("/no/such/program", words, words + 1);
	return errno == ENOENT ? WORKS : errno;
}

static int try_execveat(void)
{
	(void)syscall(SYS_execveat, -1, "no-such-program", NULL, NULL, 0);
	return errno == EBADF || errno == EFAULT ? WORKS : errno;
}

static int try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return outcome(pid);
}

static void *idle(void *ctx)
{
	return ctx;
}

static int try_thread(void)
{
	pthread_t thread;
	int failure = pthread_create(&thread, NULL, idle, NULL);

	return failure != 0 ? failure : pthread_join(thread, NULL);
}

static int try_clone3(void)
{
	return outcome(syscall(SYS_clone3, NULL, (size_t)0));
}

static int try_user_namespace(void)
{
	const long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return outcome(pid);
}

static int try_ptrace(void)
{
	return outcome(syscall(SYS_ptrace, 0, 0, 0, 0));
}

static int try_process_vm_readv(void)
{
	return outcome(syscall(SYS_process_vm_readv, getpid(), NULL, 0ul, NULL, 0ul, 0ul));
}

static int try_mount(void)
{
	return outcome(syscall(SYS_mount, NULL, NULL, NULL, 0ul, NULL));
}

static int try_unshare(void)
{
	return outcome(syscall(SYS_unshare, 0));
}

static int try_setns(void)
{
	return outcome(syscall(SYS_setns, -1, 0));
}

static int try_chroot(void)
{
	return outcome(syscall(SYS_chroot, "/no/such/directory"));
}

static int try_bpf(void)
{
	return outcome(syscall(SYS_bpf, -1, NULL, 0));
}

static int try_perf(void)
{
	return outcome(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0ul));
}

static int try_userfaultfd(void)
{
	return outcome(syscall(SYS_userfaultfd, 0));
}

static int try_module(void)
{
	return outcome(syscall(SYS_finit_module, -1, "", 0));
}

static int try_clock(void)
{
	return outcome(syscall(SYS_clock_settime, -1, NULL));
}

static int try_handle(void)
{
	return outcome(syscall(SYS_open_by_handle_at, -1, NULL, 0));
}

static int try_keyring(void)
{
	return outcome(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0, 0, 0));
}

static int try_io_uring(void)
{
	return outcome(syscall(SYS_io_uring_setup, 0, NULL));
}

static int try_setuid(void)
{
	return outcome(setuid(getuid()));
}

static int try_persona(void)
{
	return outcome(personality(READ_IMPLIES_EXEC));
}

static int try_asking_persona(void)
{
	return outcome(personality(0xffffffff));
}

static int try_dumpable(void)
{
	return outcome(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int try_undumpable(void)
{
	return outcome(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

static int try_typing(void)
{
	char letter = 'x';

	return outcome(ioctl(STDIN_FILENO, TIOCSTI, &letter)) == 0 ? WORKS : errno;
}

static int try_code_at_once(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? errno : WORKS;
}

static int try_code_later(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? SPOILT : outcome(mprotect(page, PAGE, PROT_READ | PROT_EXEC));
}

static int try_memory(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? errno : outcome(mprotect(page, PAGE, PROT_READ));
}

/* As dlopen(3) does. */
static int try_library(void)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? errno : WORKS;
}

static int try_unix(void)
{
	return outcome(socket(AF_UNIX, SOCK_STREAM, 0));
}

/* What the kernel has not got is done for our purpose: the filter let it through. */
static int try_family(int family, int type)
{
	const int result = outcome(socket(family, type, 0));

	return result == EPROTONOSUPPORT || result == ESOCKTNOSUPPORT ? WORKS : result;
}

static int try_inet(void)
{
	return try_family(AF_INET, SOCK_STREAM);
}

static int try_inet6(void)
{
	return try_family(AF_INET6, SOCK_DGRAM);
}

static int try_netlink(void)
{
	return try_family(AF_NETLINK, SOCK_RAW);
}

static int try_packet(void)
{
	return try_family(AF_PACKET, SOCK_RAW);
}

static int try_kernel_crypto(void)
{
	return try_family(AF_ALG, SOCK_SEQPACKET);
}

static int try_near_field(void)
{
	return try_family(AF_NFC, SOCK_SEQPACKET);
}

static int try_pair(void)
{
	int ends[2];

	return outcome(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
}

static int try_other_pair(void)
{
	int ends[2];

	return outcome(socketpair(AF_TIPC, SOCK_SEQPACKET, 0, ends));
}

/* Of no segment: the kernel sees the flags first where it is let. */
static int try_shared_code(void)
{
	return (intptr_t)shmat(-1, NULL, SHM_EXEC) == -1 && errno != EINVAL ? errno : WORKS;
}

static int try_shared_memory(void)
{
	return (intptr_t)shmat(-1, NULL, 0) == -1 && errno != EINVAL ? errno : WORKS;
}

static int try_opening(const char *path, int flags)
{
	return outcome(open(path, flags, 0600));
}

static int try_reading(void)
{
	return try_opening("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int try_writing(void)
{
	return try_opening("/dev/null", O_WRONLY);
}

static int try_both(void)
{
	return try_opening("/dev/null", O_RDWR);
}

static int try_emptying(void)
{
	return try_opening("/dev/null", O_RDWR | O_TRUNC);
}

/* What is there already is only opened: nothing is made here. */
static int try_making(void)
{
	return try_opening("/dev/null", O_RDWR | O_CREAT);
}

static int try_unnamed(void)
{
	return try_opening("/tmp", O_RDWR | O_TMPFILE);
}

/* Signal 0 is none. */
static int try_own_thread(void)
{
	return outcome(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

static int try_other_process(void)
{
	return outcome(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int try_no_family(void)
{
	return try_family(1000, SOCK_STREAM);
}

static int try_own_limits(void)
{
	struct rlimit limit;

	return outcome(getrlimit(RLIMIT_NOFILE, &limit));
}

/* No kernel has it: as a libc of later years meets the filter. */
static int try_later(void)
{
	return outcome(syscall(1400));
}

/* In the list of no role, and harmless. */
static int try_swap_priority(void)
{
	return outcome(syscall(SYS_ioprio_get, 1, 0));
}

static int try_listening(void)
{
	return outcome(listen(-1, 1)) == EBADF ? WORKS : errno;
}

#endif
