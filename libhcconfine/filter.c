/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a list to the kernel's filter.
 *
 * State: none here; the filter is the kernel's, and nobody takes it away again. Threats: a rule that silently is not
 * there (each one is checked, and without the whole filter the program ends), an argument that allows by its upper half
 * (libseccomp compares 64 bits), a number of another architecture. This is the only file that sees libseccomp. It must
 * never depend on the environment, nor on what a configuration says.
 */
#include "hospiconnect/confine.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#include "calls.h"

#define FAMILIES      64
#define BINARY_TREE   2 /* the numbers are searched, not walked along */
#define ASK_PERSONA   0xffffffffU
#define HIDRAW_IOCTLS 0x4800U /* 'H', in the byte that names the driver */
#define REQUEST_BITS  32
#define DRIVER_MASK   0xff00U
#define WRITE_EXECUTE ((scmp_datum_t)(PROT_WRITE | PROT_EXEC))

#define EQUAL(index, value) ((struct scmp_arg_cmp){(index), SCMP_CMP_EQ, (scmp_datum_t)(value), 0})
#define OTHER(index, value) ((struct scmp_arg_cmp){(index), SCMP_CMP_NE, (scmp_datum_t)(value), 0})
#define ABOVE(index, value) ((struct scmp_arg_cmp){(index), SCMP_CMP_GT, (scmp_datum_t)(value), 0})
#define BITS(index, mask, value) \
	((struct scmp_arg_cmp){(index), SCMP_CMP_MASKED_EQ, (scmp_datum_t)(mask), (scmp_datum_t)(value)})

/* One filter in the making; failed once is failed. */
struct maker {
	scmp_filter_ctx filter;
	const struct hc_call_plan *plan;
	int failure; /* an errno, or 0 */
};

static uint32_t action_of(enum hc_call_verdict verdict, int refusal)
{
	switch (verdict) {
	case HC_CALL_ALLOW:
		return SCMP_ACT_ALLOW;
	case HC_CALL_REFUSE:
		return SCMP_ACT_ERRNO((uint32_t)refusal);
	case HC_CALL_KILL:
		break;
	}
	return SCMP_ACT_KILL_PROCESS;
}

static void add(struct maker *maker, uint32_t action, const char *name, unsigned count,
		const struct scmp_arg_cmp *when)
{
	const int number = seccomp_syscall_resolve_name(name);
	int result;

	/* A name of another architecture or age has no number here. */
	if (number < 0 || maker->failure != 0)
		return;
	result = seccomp_rule_add_array(maker->filter, action, number, count, when);
	/* What the filter does anyway is not said again. */
	if (result != 0 && result != -EEXIST && result != -EACCES)
		maker->failure = -result;
}

static void always(struct maker *maker, uint32_t action, const char *name)
{
	add(maker, action, name, 0, NULL);
}

static void when(struct maker *maker, uint32_t action, const char *name, struct scmp_arg_cmp condition)
{
	add(maker, action, name, 1, &condition);
}

/* No bit at all is always. */
static void without(struct maker *maker, const char *name, unsigned argument, scmp_datum_t bits)
{
	if (bits == 0)
		always(maker, SCMP_ACT_ALLOW, name);
	else
		when(maker, SCMP_ACT_ALLOW, name, BITS(argument, bits, 0));
}

static void add_all(struct maker *maker, uint32_t action, const char *const *names)
{
	for (size_t i = 0; names[i] != NULL; i++)
		always(maker, action, names[i]);
}

/* ---- calls whose arguments count ---- */

/* Libraries of others try what is better with it, and go on without: compilers of patterns, closures, executable stacks. */
static void add_memory(struct maker *maker)
{
	static const char *const maps[] = {"mmap", "mmap2"};
	const uint32_t refusal = maker->plan->foreign ? SCMP_ACT_ERRNO(EACCES) : SCMP_ACT_KILL_PROCESS;

	if (maker->plan->code) {
		add_all(maker, SCMP_ACT_ALLOW, (const char *const[]){"mmap", "mmap2", "mprotect", NULL});
		return;
	}
	for (size_t i = 0; i < HC_COUNT(maps); i++) {
		when(maker, refusal, maps[i], BITS(2, WRITE_EXECUTE, WRITE_EXECUTE));
		when(maker, SCMP_ACT_ALLOW, maps[i], BITS(2, WRITE_EXECUTE, PROT_EXEC));
		when(maker, SCMP_ACT_ALLOW, maps[i], BITS(2, PROT_EXEC, 0));
	}
	/* Written first and executed then is the same thing. A library's code is mapped, never changed into code. */
	when(maker, refusal, "mprotect", BITS(2, PROT_EXEC, PROT_EXEC));
	when(maker, SCMP_ACT_ALLOW, "mprotect", BITS(2, PROT_EXEC, 0));
}

static void add_shared_memory(struct maker *maker)
{
	const scmp_datum_t execute = maker->plan->code ? 0 : SHM_EXEC;

	if ((maker->plan->groups & HC_CALLS_FOREIGN) != 0)
		without(maker, "shmat", 2, execute);
}

/* Who keeps nothing in files opens none to write; a security key is read and written. */
static void add_opening(struct maker *maker)
{
	static const struct {
		const char *name;
		unsigned flags; /* which argument */
	} calls[] = {{"open", 1}, {"openat", 2}};
	const struct hc_call_plan *plan = maker->plan;
	const scmp_datum_t temporary = O_TMPFILE & ~O_DIRECTORY;
	const scmp_datum_t writing[] = {O_CREAT, O_TRUNC, temporary, plan->hidraw ? 0 : O_WRONLY,
					plan->hidraw ? 0 : O_RDWR};
	const bool writes = HC_CONFINE_COUNTS || (plan->groups & HC_CALLS_WRITE) != 0;
	scmp_datum_t any = 0;

	for (size_t i = 0; !writes && i < HC_COUNT(writing); i++) {
		any |= writing[i];
		for (size_t call = 0; writing[i] != 0 && call < HC_COUNT(calls); call++)
			when(maker, SCMP_ACT_ERRNO(EACCES), calls[call].name,
			     BITS(calls[call].flags, writing[i], writing[i]));
	}
	for (size_t call = 0; call < HC_COUNT(calls); call++)
		without(maker, calls[call].name, calls[call].flags, any);
}

static void add_families(struct maker *maker)
{
	const struct hc_call_plan *plan = maker->plan;
	const uint64_t refused =
		plan->refused_families | (UINT64_C(1) << AF_ALG); /* OpenSSL's, if so configured */
	const uint32_t other = plan->foreign ? SCMP_ACT_ERRNO(EAFNOSUPPORT) : SCMP_ACT_KILL_PROCESS;

	for (unsigned family = 0; family < FAMILIES; family++) {
		const uint64_t bit = UINT64_C(1) << family;
		uint32_t action = other;

		if ((plan->families & bit) != 0)
			action = SCMP_ACT_ALLOW;
		else if ((refused & bit) != 0)
			action = SCMP_ACT_ERRNO(EAFNOSUPPORT);
		when(maker, action, "socket", EQUAL(0, family));
	}
	when(maker, other, "socket", ABOVE(0, FAMILIES - 1));
	when(maker, SCMP_ACT_ALLOW, "socketpair", EQUAL(0, AF_UNIX));
	when(maker, other, "socketpair", OTHER(0, AF_UNIX));
}

/* Namespaces are nobody's business here. clone3, whose flags no filter sees, is unknown to everybody: libc uses clone. */
static void add_processes(struct maker *maker)
{
	static const uint32_t spaces[] = {CLONE_NEWNS,	 CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
					  CLONE_NEWUSER, CLONE_NEWPID,	  CLONE_NEWNET};
	const struct hc_call_plan *plan = maker->plan;
	scmp_datum_t any = 0;

	for (size_t i = 0; i < HC_COUNT(spaces); i++) {
		any |= spaces[i];
		when(maker, SCMP_ACT_KILL_PROCESS, "clone", BITS(0, spaces[i], spaces[i]));
	}
	when(maker, action_of(plan->threads, EAGAIN), "clone", BITS(0, any | CLONE_THREAD, CLONE_THREAD));
	when(maker, action_of(plan->fork, EAGAIN), "clone", BITS(0, any | CLONE_THREAD, 0));
	add_all(maker, action_of(plan->fork, EAGAIN), (const char *const[]){"fork", "vfork", NULL});
	add_all(maker, action_of(plan->exec, EACCES), (const char *const[]){"execve", "execveat", NULL});
	/* abort(3) is for one's own threads, whoever else is the same user. A child's number is another one. */
	if (plan->fork == HC_CALL_KILL)
		when(maker, SCMP_ACT_ALLOW, "tgkill", EQUAL(0, getpid()));
	else
		always(maker, SCMP_ACT_ALLOW, "tgkill");
}

static void add_process_control(struct maker *maker)
{
	static const int allowed[] = {
		PR_SET_NAME,	     PR_GET_NAME,     PR_SET_PDEATHSIG,	 PR_GET_PDEATHSIG,    PR_GET_DUMPABLE,
		PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,  PR_SET_SECCOMP,	 PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ,
		PR_SET_VMA,	     PR_GET_KEEPCAPS, PR_GET_SECUREBITS, PR_GET_TIMERSLACK,   PR_CAP_AMBIENT};

	for (size_t i = 0; i < HC_COUNT(allowed); i++)
		when(maker, SCMP_ACT_ALLOW, "prctl", EQUAL(0, allowed[i]));
	/* Back to a process that can be traced and dumped: never. */
	add(maker, SCMP_ACT_ALLOW, "prctl", 2,
	    (const struct scmp_arg_cmp[]){EQUAL(0, PR_SET_DUMPABLE), EQUAL(1, 0)});
	add(maker, SCMP_ACT_KILL_PROCESS, "prctl", 2,
	    (const struct scmp_arg_cmp[]){EQUAL(0, PR_SET_DUMPABLE), OTHER(1, 0)});
	when(maker, SCMP_ACT_ALLOW, "personality", EQUAL(0, ASK_PERSONA));
	when(maker, SCMP_ACT_KILL_PROCESS, "personality", OTHER(0, ASK_PERSONA));
	if ((maker->plan->groups & HC_CALLS_FOREIGN) == 0)
		when(maker, SCMP_ACT_ALLOW, "prlimit64", EQUAL(0, 0));
}

/*
 * A terminal that types for its owner is an old way out. The kernel looks at 32 bits of the request, so that the one is
 * forbidden, and all others are allowed, by each of those alone.
 */
static void add_devices(struct maker *maker)
{
	static const unsigned allowed[] = {FIOCLEX, FIONBIO, FIONCLEX, FIONREAD, TCGETS, TIOCGWINSZ};

	when(maker, SCMP_ACT_KILL_PROCESS, "ioctl", BITS(1, UINT32_MAX, TIOCSTI));
	for (unsigned i = 0; maker->plan->foreign && i < REQUEST_BITS; i++)
		when(maker, SCMP_ACT_ALLOW, "ioctl", BITS(1, 1U << i, ~(unsigned)TIOCSTI & (1U << i)));
	for (size_t i = 0; !maker->plan->foreign && i < HC_COUNT(allowed); i++)
		when(maker, SCMP_ACT_ALLOW, "ioctl", EQUAL(1, allowed[i]));
	if (maker->plan->hidraw && !maker->plan->foreign)
		when(maker, SCMP_ACT_ALLOW, "ioctl", BITS(1, DRIVER_MASK, HIDRAW_IOCTLS));
}

/* ---- the whole ---- */

static void add_rules(struct maker *maker)
{
	add_all(maker, SCMP_ACT_KILL_PROCESS, hc_calls_forbidden);
	if (!maker->plan->foreign)
		add_all(maker, SCMP_ACT_KILL_PROCESS, hc_calls_forbidden_to_us);
	for (size_t i = 0; i < hc_call_lists_count; i++) {
		if ((maker->plan->groups & hc_call_lists[i].group) != 0)
			add_all(maker, SCMP_ACT_ALLOW, hc_call_lists[i].names);
	}
	add_memory(maker);
	add_shared_memory(maker);
	add_opening(maker);
	add_families(maker);
	add_processes(maker);
	add_process_control(maker);
	add_devices(maker);
}

/* All threads at once, and no_new_privs before it, whoever forgot it. */
static int set_up(scmp_filter_ctx filter)
{
	int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1);
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (result == 0)
		result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
	return -result;
}

static enum hc_err refused(const struct hc_call_plan *plan, int failure)
{
	hc_log(HC_LOG_ERROR, "cannot confine the process: the kernel needs seccomp filters",
	       HC_F_TEXT("process", plan->name), HC_F_TEXT("reason", strerrordesc_np(failure)));
	return failure == ENOMEM ? HC_ERR_NOMEM : HC_ERR_IO;
}

enum hc_err hc_confine(enum hc_confine_role role)
{
	struct maker maker = {.filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), .plan = hc_call_plan(role)};

	if (maker.filter == NULL)
		return refused(maker.plan, ENOMEM);
	maker.failure = set_up(maker.filter);
	if (maker.failure == 0)
		add_rules(&maker);
	if (maker.failure == 0)
		maker.failure = -seccomp_load(maker.filter);
	seccomp_release(maker.filter);
	return maker.failure == 0 ? HC_OK : refused(maker.plan, maker.failure);
}

bool hc_confine_is_built_in(void)
{
	return true;
}
