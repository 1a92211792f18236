/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists: which calls are for what, which are never made, and who may make which.
 *
 * No state. Names that an architecture or its libseccomp does not know are left out by the reader, so each list has what
 * glibc has called in any of its versions and on any architecture. Threats: a list that forgets what an error path
 * needs (it is then unknown, not forbidden: ENOSYS is an error like others), and one that allows what an attacker can use.
 * Nothing may come to the forbidden ones that an honest library could ever try in vain.
 */
#include "calls.h"

#include <sys/socket.h>

#include "hospiconnect/attrs.h"

#define FAMILY(number) (UINT64_C(1) << (number))
#define INTERNET       (FAMILY(AF_INET) | FAMILY(AF_INET6) | FAMILY(AF_NETLINK))

/*
 * ioctl, mmap, mprotect, shmat, open, openat, prctl, socket, socketpair, clone, tgkill and personality are not in these
 * lists: filter.c looks at their arguments.
 */
static const char *const every[] = {
	"arch_prctl",
	"brk",
	"clock_getres",
	"clock_getres_time64",
	"clock_gettime",
	"clock_gettime64",
	"clock_nanosleep",
	"clock_nanosleep_time64",
	"close",
	"close_range",
	"dup",
	"dup2",
	"dup3",
	"eventfd",
	"eventfd2",
	"exit",
	"exit_group",
	"fadvise64",
	"fadvise64_64",
	"fcntl",
	"fcntl64",
	"flock",
	"fstat",
	"fstat64",
	"fstatat64",
	"futex",
	"futex_time64",
	"futex_waitv",
	"getcpu",
	"getegid",
	"getegid32",
	"geteuid",
	"geteuid32",
	"getgid",
	"getgid32",
	"getgroups",
	"getgroups32",
	"getitimer",
	"getpgid",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrandom",
	"getresgid",
	"getresgid32",
	"getresuid",
	"getresuid32",
	"getrlimit",
	"get_robust_list",
	"getrusage",
	"getsid",
	"gettid",
	"gettimeofday",
	"getuid",
	"getuid32",
	"alarm",
	"_llseek",
	"lseek",
	"madvise",
	"membarrier",
	"mincore",
	"mlock",
	"mlock2",
	"mremap",
	"msync",
	"munlock",
	"munmap",
	"nanosleep",
	"newfstatat",
	"pause",
	"pipe",
	"pipe2",
	"poll",
	"ppoll",
	"ppoll_time64",
	"pread64",
	"preadv",
	"preadv2",
	"pselect6",
	"pselect6_time64",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readv",
	"restart_syscall",
	"riscv_flush_icache",
	"rseq",
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"rt_sigtimedwait_time64",
	"sched_getaffinity",
	"sched_getparam",
	"sched_getscheduler",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_yield",
	"seccomp", /* can only take away */
	"_newselect",
	"select",
	"set_robust_list",
	"set_thread_area",
	"set_tid_address",
	"set_tls",
	"setitimer",
	"sigaltstack",
	"sigreturn",
	"sysinfo",
	"time",
	"times",
	"ugetrlimit",
	"umask",
	"uname",
	"write",
	"writev",
	NULL,
};

static const char *const reading[] = {
	"access",   "faccessat",  "faccessat2", "fstatfs",  "fstatfs64", "getcwd",
	"getdents", "getdents64", "lstat",	"lstat64",  "readlink",	 "readlinkat",
	"stat",	    "stat64",	  "statfs",	"statfs64", "statx",	 NULL,
};

static const char *const writing[] = {
	"chmod",
	"fallocate",
	"fchmod",
	"fchmodat",
	"fchown",
	"fchown32",
	"fdatasync",
	"fsync",
	"ftruncate",
	"ftruncate64",
	"link",
	"linkat",
	"mkdir",
	"mkdirat",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"sync_file_range",
	"unlink",
	"unlinkat",
	"utimensat",
	"utimensat_time64",
	NULL,
};

static const char *const sockets[] = {
	"connect",	   "getpeername", "getsockname", "getsockopt", "recvfrom", "recvmmsg",
	"recvmmsg_time64", "recvmsg",	  "recv",	 "send",       "sendmmsg", "sendmsg",
	"sendto",	   "setsockopt",  "shutdown",	 NULL,
};

/* Listening is over when a server is confined. */
static const char *const serving[] = {
	"accept",
	"accept4",
	NULL,
};

static const char *const loops[] = {
	"epoll_create",	     "epoll_create1",	  "epoll_ctl",
	"epoll_pwait",	     "epoll_pwait2",	  "epoll_wait",
	"inotify_add_watch", "inotify_init",	  "inotify_init1",
	"inotify_rm_watch",  "signalfd",	  "signalfd4",
	"timerfd_create",    "timerfd_gettime",	  "timerfd_gettime64",
	"timerfd_settime",   "timerfd_settime64", NULL,
};

static const char *const children[] = {
	"pidfd_open", "wait4", "waitid", "waitpid", NULL,
};

static const char *const signals[] = {
	"kill",
	"pidfd_send_signal",
	"tkill",
	NULL,
};

static const char *const limits[] = {
	"setpriority",
	"setrlimit", /* prlimit64 of itself is everybody's: filter.c */
	NULL,
};

/* Names of hosts are asked for over netlink as well. */
static const char *const names[] = {
	"bind",
	NULL,
};

static const char *const foreign[] = {
	"capget",
	"chdir",
	"copy_file_range",
	"creat",
	"fchdir",
	"fgetxattr",
	"flistxattr",
	"getxattr",
	"lgetxattr",
	"listen",
	"listxattr",
	"llistxattr",
	"memfd_create",
	"mlockall",
	"munlockall",
	"prlimit64",
	"rt_sigqueueinfo",
	"rt_tgsigqueueinfo",
	"sched_getattr",
	"sched_setaffinity",
	"sched_setattr",
	"sched_setparam",
	"sched_setscheduler",
	"semctl",
	"semget",
	"semop",
	"semtimedop",
	"semtimedop_time64",
	"sendfile",
	"sendfile64",
	"setfsgid",
	"setfsgid32",
	"setfsuid",
	"setfsuid32",
	"setpgid",
	"setsid",
	"shmctl",
	"shmdt",
	"shmget",
	"splice",
	"symlink",
	"symlinkat",
	"sync",
	"syncfs",
	"tee",
	"timer_create",
	"timer_delete",
	"timer_getoverrun",
	"timer_gettime",
	"timer_gettime64",
	"timer_settime",
	"timer_settime64",
	"truncate",
	"truncate64",
	"utime",
	"utimes",
	"futimesat",
	NULL,
};

static const char *const identities[] = {
	"capset",    "chown",	    "chown32",	   "fchownat",	 "lchown",     "lchown32",  "setgid",
	"setgid32",  "setgroups",   "setgroups32", "setregid",	 "setregid32", "setresgid", "setresgid32",
	"setresuid", "setresuid32", "setreuid",	   "setreuid32", "setuid",     "setuid32",  NULL,
};

const struct hc_call_list hc_call_lists[] = {
	{HC_CALLS_EVERY, every},    {HC_CALLS_READ, reading},	 {HC_CALLS_WRITE, writing},
	{HC_CALLS_SOCKET, sockets}, {HC_CALLS_SERVE, serving},	 {HC_CALLS_LOOP, loops},
	{HC_CALLS_CHILD, children}, {HC_CALLS_SIGNAL, signals},	 {HC_CALLS_LIMIT, limits},
	{HC_CALLS_NAMES, names},    {HC_CALLS_FOREIGN, foreign}, {HC_CALLS_IDENTITY, identities},
};
const size_t hc_call_lists_count = HC_COUNT(hc_call_lists);

/* For the system, not for a program that signs people in: no library that any of our processes may load tries these. */
const char *const hc_calls_forbidden[] = {
	"acct",
	"adjtimex",
	"bpf",
	"chroot",
	"clock_adjtime",
	"clock_adjtime64",
	"clock_settime",
	"clock_settime64",
	"create_module",
	"delete_module",
	"fanotify_init",
	"finit_module",
	"fsconfig",
	"fsmount",
	"fsopen",
	"fspick",
	"init_module",
	"ioperm",
	"iopl",
	"kexec_file_load",
	"kexec_load",
	"lookup_dcookie",
	"modify_ldt",
	"mount",
	"mount_setattr",
	"move_mount",
	"nfsservctl",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"pivot_root",
	"process_vm_readv",
	"process_vm_writev",
	"ptrace",
	"quotactl",
	"quotactl_fd",
	"reboot",
	"setdomainname",
	"sethostname",
	"setns",
	"settimeofday",
	"stime",
	"swapoff",
	"swapon",
	"syslog",
	"umount",
	"umount2",
	"unshare",
	"uselib",
	"userfaultfd",
	"vhangup",
	"vm86",
	"vm86old",
	NULL,
};

/* Kerberos has its tickets in a keyring, PAM modules change identities; our own code does neither any more. */
const char *const hc_calls_forbidden_to_us[] = {
	"add_key",     "capset",     "io_uring_enter", "io_uring_register", "io_uring_setup",
	"keyctl",      "mknod",	     "mknodat",	       "pidfd_getfd",	    "pkey_mprotect",
	"request_key", "setfsgid",   "setfsgid32",     "setfsuid",	    "setfsuid32",
	"setgid",      "setgid32",   "setgroups",      "setgroups32",	    "setregid",
	"setregid32",  "setresgid",  "setresgid32",    "setresuid",	    "setresuid32",
	"setreuid",    "setreuid32", "setuid",	       "setuid32",	    NULL,
};

#define OF_OTHERS                                                                             \
	(HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_WRITE | HC_CALLS_SOCKET | HC_CALLS_SERVE | \
	 HC_CALLS_LOOP | HC_CALLS_CHILD | HC_CALLS_SIGNAL | HC_CALLS_LIMIT | HC_CALLS_NAMES | \
	 HC_CALLS_FOREIGN)

static const struct hc_call_plan plans[HC_CONFINE_ROLES] = {
	[HC_CONFINE_AUTHD] = {.name = "hospiconnect-authd",
			      .groups = HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_WRITE | HC_CALLS_SOCKET |
					HC_CALLS_SERVE | HC_CALLS_LOOP | HC_CALLS_CHILD | HC_CALLS_SIGNAL,
			      .families = FAMILY(AF_UNIX),
			      .threads = HC_CALL_REFUSE},
	/* Its children are the helpers, each with a narrower list of its own. */
	[HC_CONFINE_STARTER] = {.name = "starter of helpers",
				.groups = OF_OTHERS,
				.families = FAMILY(AF_UNIX) | INTERNET,
				.fork = HC_CALL_ALLOW,
				.exec = HC_CALL_ALLOW,
				.threads = HC_CALL_ALLOW,
				.code = true,
				.foreign = true,
				.hidraw = true},
	[HC_CONFINE_RESOLVER] = {.name = "resolver",
				 .groups = OF_OTHERS,
				 .families = FAMILY(AF_UNIX) | INTERNET,
				 .fork = HC_CALL_ALLOW,
				 .exec = HC_CALL_REFUSE,
				 .threads = HC_CALL_ALLOW,
				 .foreign = true},
	/* It listens already when it is confined, and makes no other socket of the network. Those that it has can be connected
	   to elsewhere, which no filter of calls sees. */
	[HC_CONFINE_GATEWAY] = {.name = "hospiconnect-gateway",
				.groups = HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_WRITE | HC_CALLS_SOCKET |
					  HC_CALLS_SERVE | HC_CALLS_LOOP,
				.families = FAMILY(AF_UNIX),
				.threads = HC_CALL_ALLOW},
	/* unix_chkpwd(8) is run where SELinux keeps pam_unix from the shadow file. */
	[HC_CONFINE_PASSWORD] = {.name = "hc-password",
				 .groups = OF_OTHERS | HC_CALLS_IDENTITY,
				 .families = FAMILY(AF_UNIX) | INTERNET,
				 .fork = HC_CALL_ALLOW,
				 .exec = HC_CALL_ALLOW,
				 .threads = HC_CALL_ALLOW,
				 .foreign = true},
	[HC_CONFINE_FIDO2] = {.name = "hc-fido2",
			      .groups = HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_SOCKET | HC_CALLS_LOOP,
			      .families = FAMILY(AF_UNIX),
			      .refused_families = FAMILY(AF_NETLINK) |
						  FAMILY(AF_NFC), /* libfido2, where there is an NFC chip */
			      .threads = HC_CALL_ALLOW,
			      .hidraw = true},
	/* A card's library may ask for an executable stack, or try to run something. */
	[HC_CONFINE_PKCS11] = {.name = "hc-pkcs11",
			       .groups = OF_OTHERS,
			       .families = FAMILY(AF_UNIX),
			       .fork = HC_CALL_ALLOW,
			       .exec = HC_CALL_REFUSE,
			       .threads = HC_CALL_ALLOW,
			       .code = true,
			       .foreign = true},
	[HC_CONFINE_PKCS11_WATCHER] = {.name = "hc-pkcs11",
				       .groups = HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_SOCKET |
						 HC_CALLS_LOOP | HC_CALLS_CHILD | HC_CALLS_SIGNAL,
				       .families = FAMILY(AF_UNIX),
				       .threads = HC_CALL_REFUSE},
	[HC_CONFINE_PCSC] = {.name = "hc-pkcs11 (pcscd)",
			     .groups = HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_SOCKET | HC_CALLS_LOOP,
			     .families = FAMILY(AF_UNIX),
			     .threads = HC_CALL_REFUSE},
	[HC_CONFINE_OCSP] = {.name = "hc-ocsp",
			     .groups = HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_SOCKET | HC_CALLS_LOOP |
				       HC_CALLS_NAMES,
			     .families = FAMILY(AF_UNIX) | INTERNET,
			     .threads = HC_CALL_ALLOW},
	[HC_CONFINE_CRL] = {.name = "hospiconnect-crl",
			    .groups = HC_CALLS_EVERY | HC_CALLS_READ | HC_CALLS_WRITE | HC_CALLS_SOCKET |
				      HC_CALLS_LOOP | HC_CALLS_NAMES,
			    .families = FAMILY(AF_UNIX) | INTERNET,
			    .threads = HC_CALL_ALLOW},
};

const struct hc_call_plan *hc_call_plan(enum hc_confine_role role)
{
	return &plans[role];
}
