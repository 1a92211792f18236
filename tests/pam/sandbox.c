/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"

static bool write_map(pid_t pid, const char *name)
{
	static const char map[] = "0 0 4294967295\n";
	char path[64];
	bool written;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, map, sizeof(map) - 1) == (ssize_t)sizeof(map) - 1;
	(void)close(fd);
	return written;
}

bool sandbox_write_maps(pid_t pid)
{
	return write_map(pid, "uid_map") && write_map(pid, "gid_map");
}

/* A directory that is not there needs no hiding. */
static bool hide(const char *path)
{
	return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=64k") == 0 ||
	       errno == ENOENT;
}

static bool bring_device(const char *name, int fd)
{
	char from[64], to[64];
	int made;

	(void)snprintf(from, sizeof(from), "/proc/self/fd/%d", fd);
	(void)snprintf(to, sizeof(to), "/dev/%s", name);
	made = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (made < 0)
		return false;
	(void)close(made);
	return mount(from, to, NULL, MS_BIND, NULL) == 0;
}

static bool private_devices(void)
{
	static const char *const names[] = {"null", "zero", "urandom"};
	int fds[HC_COUNT(names)];
	bool done = true;

	for (size_t i = 0; i < HC_COUNT(names); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/dev/%s", names[i]);
		fds[i] = open(path, O_PATH | O_CLOEXEC);
	}
	done = mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=0755,size=64k") == 0;
	for (size_t i = 0; i < HC_COUNT(names); i++) {
		done = done && fds[i] >= 0 && bring_device(names[i], fds[i]);
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
	return done;
}

static bool read_only_system(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	return syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) == 0;
}

static bool no_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_capset, &header, none) == 0;
}

static bool no_locked_memory(void)
{
	const struct rlimit none = {0};

	return setrlimit(RLIMIT_MEMLOCK, &none) == 0;
}

/* What is in none of the groups that @system-service is made of. */
static const char *const forbidden[] = {
	"acct",
	"add_key",
	"adjtimex",
	"bpf",
	"chroot",
	"clock_adjtime",
	"clock_settime",
	"create_module",
	"delete_module",
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
	"reboot",
	"setdomainname",
	"sethostname",
	"setns",
	"settimeofday",
	"swapoff",
	"swapon",
	"syslog",
	"umount2",
	"unshare",
	"userfaultfd",
	"vhangup",
};

static bool add_rules(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp not_unix = {.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX};
	const struct scmp_arg_cmp write_and_execute = {.arg = 2,
						       .op = SCMP_CMP_MASKED_EQ,
						       .datum_a = PROT_WRITE | PROT_EXEC,
						       .datum_b = PROT_WRITE | PROT_EXEC};

	for (size_t i = 0; i < HC_COUNT(forbidden); i++) {
		int number = seccomp_syscall_resolve_name(forbidden[i]);

		/* a name of another architecture or age has no number here */
		if (number >= 0 && seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, number, 0) != 0)
			return false;
	}
	if (seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, &not_unix) != 0)
		return false;
	return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(mmap), 1, &write_and_execute) ==
	       0;
}

static bool filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	bool loaded = filter != NULL && add_rules(filter) && seccomp_load(filter) == 0;

	if (filter != NULL)
		seccomp_release(filter);
	return loaded;
}

static bool empty_homes(void)
{
	return hide("/home") && hide("/root") && hide("/run/user");
}

static bool own_namespaces(void)
{
	return unshare(CLONE_NEWNS | CLONE_NEWNET) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static bool own_users(void)
{
	return unshare(CLONE_NEWUSER) == 0;
}

bool sandbox_enter(bool (*map_ready)(void *), void *ctx, const char **ret_step)
{
	static const struct {
		const char *name;
		bool (*take)(void);
	} steps[] = {{"namespaces", own_namespaces},	  {"homes", empty_homes},
		     {"devices", private_devices},	  {"read-only system", read_only_system},
		     {"memory lock", no_locked_memory},	  {"capabilities", no_capabilities},
		     {"system call filter", filter_calls}};

	*ret_step = "user namespace";
	if (!own_users() || !map_ready(ctx))
		return false;
	for (size_t i = 0; i < HC_COUNT(steps); i++) {
		*ret_step = steps[i].name;
		if (!steps[i].take())
			return false;
	}
	(void)umask(0777);
	return true;
}
