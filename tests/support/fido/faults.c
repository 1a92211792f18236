/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libhc_fido_faults.so: stands before every function of libfido2 that hc-fido2 calls, and makes one call of one of
 * them fail. $HC_FIDO_FAULT: "NAME N VALUE": the N-th call of NAME gives VALUE instead of being made (a pointer: NULL;
 * a size or a truth: 0). N with a "+": each one from there on. "malloc N": the N-th allocation that the helper,
 * libfido2 or libcbor makes for itself gives NULL. With "count" for NAME nothing fails.
 *
 * $HC_FIDO_FAULT_LOG: a file that gets a line for what happens at once, since nobody knows how the program ends:
 * "fault NAME", "pin NAME" where a PIN goes along with a call, and with "count" for NAME "call NAME" as well.
 *
 * Preloaded before libhc_test_keys.so, whose functions it calls. Nothing here is installed.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <fido.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXPORTED  __attribute__((visibility("default")))
#define NAMES_MAX 96
#define OURS_MAX  4

static struct {
	char name[64];
	unsigned long n;
	int value;
	bool sticky, counting;
	char log[108];
} fault;

static atomic_ulong calls[NAMES_MAX];

static void note(const char *what, const char *name)
{
	struct iovec parts[] = {{(void *)(uintptr_t)what, strlen(what)},
				{(void *)(uintptr_t)name, strlen(name)},
				{(void *)(uintptr_t) "\n", 1}};
	int fd;

	/* the program closes what it did not open itself */
	if (fault.log[0] == '\0')
		return;
	fd = open(fault.log, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd >= 0) {
		(void)!writev(fd, parts, 3);
		(void)close(fd);
	}
}

/* Before the program is confined, which makes no file then. */
static void make_log(void)
{
	const int fd = open(fault.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd >= 0)
		(void)close(fd);
}

/* Whether this call is the one. */
static bool due(const char *name, unsigned long call)
{
	bool hit = strcmp(fault.name, name) == 0 && (call == fault.n || (call > fault.n && fault.sticky));

	if (hit)
		note("fault ", name);
	else if (fault.counting)
		note("call ", name);
	return hit;
}

/* ---- memory ---- */

#ifdef HC_FAULTS_OF_MEMORY
static struct {
	uintptr_t from, to;
} ours[OURS_MAX];
static size_t ours_count;
static atomic_ulong allocations;

/* Text of the program itself and of the two libraries: whoever calls from there is meant. */
static int note_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	bool meant = info->dlpi_name[0] == '\0' || strstr(info->dlpi_name, "libfido2") != NULL ||
		     strstr(info->dlpi_name, "libcbor") != NULL;

	(void)size;
	(void)ctx;
	for (int i = 0; meant && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0 || ours_count == OURS_MAX)
			continue;
		ours[ours_count].from = info->dlpi_addr + part->p_vaddr;
		ours[ours_count].to = ours[ours_count].from + part->p_memsz;
		ours_count++;
	}
	return 0;
}

static bool memory_fails(const void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	for (size_t i = 0; i < ours_count; i++) {
		if (at < ours[i].from || at >= ours[i].to)
			continue;
		return due("malloc", atomic_fetch_add(&allocations, 1) + 1);
	}
	return false;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);

EXPORTED void *malloc(size_t size)
{
	return memory_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

EXPORTED void *calloc(size_t count, size_t size)
{
	return memory_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

EXPORTED void *realloc(void *data, size_t size)
{
	return memory_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(data, size);
}
#endif

/* ---- what is asked for ---- */

__attribute__((constructor)) static void begin(void)
{
	const char *what = getenv("HC_FIDO_FAULT"), *log = getenv("HC_FIDO_FAULT_LOG");
	char number[24] = "";

	if (log && strlen(log) < sizeof(fault.log)) {
		memcpy(fault.log, log, strlen(log) + 1);
		make_log();
	}
	if (!what || sscanf(what, "%63s %23s %i", fault.name, number, &fault.value) < 1)
		return;
	fault.n = strtoul(number, NULL, 10);
	fault.sticky = strchr(number, '+') != NULL;
	fault.counting = strcmp(fault.name, "count") == 0;
#ifdef HC_FAULTS_OF_MEMORY
	(void)dl_iterate_phdr(note_object, NULL);
#endif
}

static bool fails(size_t place, const char *name)
{
	return due(name, atomic_fetch_add(&calls[place], 1) + 1);
}

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

/* A pointer to a function out of a pointer to an object, which ISO C has no cast for. */
#define NEXT(name)                                               \
	({                                                       \
		__typeof__(&(name)) function_;                   \
		void *object_ = next(#name);                     \
		memcpy(&function_, &object_, sizeof(function_)); \
		function_;                                       \
	})

/* ---- the functions ---- */

/* X(type of the result, what a fault gives, name, parameters, arguments) */
#define CALLS(X)                                                                                             \
	X(int, fault.value, fido_dev_info_manifest, (fido_dev_info_t * a, size_t b, size_t * c), (a, b, c))  \
	X(int, fault.value, fido_dev_open, (fido_dev_t * a, const char *b), (a, b))                          \
	X(int, fault.value, fido_dev_close, (fido_dev_t * a), (a))                                           \
	X(int, fault.value, fido_dev_cancel, (fido_dev_t * a), (a))                                          \
	X(int, fault.value, fido_dev_set_timeout, (fido_dev_t * a, int b), (a, b))                           \
	X(int, fault.value, fido_dev_get_cbor_info, (fido_dev_t * a, fido_cbor_info_t * b), (a, b))          \
	X(int, fault.value, fido_dev_get_retry_count, (fido_dev_t * a, int *b), (a, b))                      \
	X(int, fault.value, fido_dev_get_uv_retry_count, (fido_dev_t * a, int *b), (a, b))                   \
	X(int, fault.value, fido_dev_get_touch_begin, (fido_dev_t * a), (a))                                 \
	X(int, fault.value, fido_dev_get_touch_status, (fido_dev_t * a, int *b, int c), (a, b, c))           \
	X(int, fault.value, fido_assert_set_rp, (fido_assert_t * a, const char *b), (a, b))                  \
	X(int, fault.value, fido_assert_set_clientdata_hash,                                                 \
	  (fido_assert_t * a, const unsigned char *b, size_t c), (a, b, c))                                  \
	X(int, fault.value, fido_assert_allow_cred, (fido_assert_t * a, const unsigned char *b, size_t c),   \
	  (a, b, c))                                                                                         \
	X(int, fault.value, fido_assert_set_up, (fido_assert_t * a, fido_opt_t b), (a, b))                   \
	X(int, fault.value, fido_assert_set_uv, (fido_assert_t * a, fido_opt_t b), (a, b))                   \
	X(int, fault.value, fido_cred_set_type, (fido_cred_t * a, int b), (a, b))                            \
	X(int, fault.value, fido_cred_set_rp, (fido_cred_t * a, const char *b, const char *c), (a, b, c))    \
	X(int, fault.value, fido_cred_set_user,                                                              \
	  (fido_cred_t * a, const unsigned char *b, size_t c, const char *d, const char *e, const char *f),  \
	  (a, b, c, d, e, f))                                                                                \
	X(int, fault.value, fido_cred_set_clientdata_hash,                                                   \
	  (fido_cred_t * a, const unsigned char *b, size_t c), (a, b, c))                                    \
	X(int, fault.value, fido_cred_set_rk, (fido_cred_t * a, fido_opt_t b), (a, b))                       \
	X(int, fault.value, fido_cred_set_uv, (fido_cred_t * a, fido_opt_t b), (a, b))                       \
	X(int, fault.value, fido_cred_set_prot, (fido_cred_t * a, int b), (a, b))                            \
	X(int, fault.value, fido_cred_exclude, (fido_cred_t * a, const unsigned char *b, size_t c),          \
	  (a, b, c))                                                                                         \
	X(fido_dev_info_t *, NULL, fido_dev_info_new, (size_t a), (a))                                       \
	X(const fido_dev_info_t *, NULL, fido_dev_info_ptr, (const fido_dev_info_t *a, size_t b), (a, b))    \
	X(const char *, NULL, fido_dev_info_path, (const fido_dev_info_t *a), (a))                           \
	X(const char *, NULL, fido_dev_info_manufacturer_string, (const fido_dev_info_t *a), (a))            \
	X(const char *, NULL, fido_dev_info_product_string, (const fido_dev_info_t *a), (a))                 \
	X(fido_dev_t *, NULL, fido_dev_new, (void), ())                                                      \
	X(fido_cbor_info_t *, NULL, fido_cbor_info_new, (void), ())                                          \
	X(const unsigned char *, NULL, fido_cbor_info_aaguid_ptr, (const fido_cbor_info_t *a), (a))          \
	X(const char *, NULL, fido_cbor_info_algorithm_type, (const fido_cbor_info_t *a, size_t b), (a, b))  \
	X(size_t, 0, fido_cbor_info_options_len, (const fido_cbor_info_t *a), (a))                           \
	X(size_t, 0, fido_cbor_info_versions_len, (const fido_cbor_info_t *a), (a))                          \
	X(size_t, 0, fido_cbor_info_algorithm_count, (const fido_cbor_info_t *a), (a))                       \
	X(uint64_t, 0, fido_cbor_info_maxcredcntlst, (const fido_cbor_info_t *a), (a))                       \
	X(uint64_t, 0, fido_cbor_info_maxcredidlen, (const fido_cbor_info_t *a), (a))                        \
	X(uint64_t, 0, fido_cbor_info_maxmsgsiz, (const fido_cbor_info_t *a), (a))                           \
	X(uint64_t, 0, fido_cbor_info_minpinlen, (const fido_cbor_info_t *a), (a))                           \
	X(bool, false, fido_dev_is_fido2, (const fido_dev_t *a), (a))                                        \
	X(bool, false, fido_dev_has_pin, (const fido_dev_t *a), (a))                                         \
	X(bool, false, fido_dev_has_uv, (const fido_dev_t *a), (a))                                          \
	X(bool, false, fido_dev_supports_pin, (const fido_dev_t *a), (a))                                    \
	X(bool, false, fido_dev_supports_uv, (const fido_dev_t *a), (a))                                     \
	X(bool, false, fido_dev_supports_cred_prot, (const fido_dev_t *a), (a))                              \
	X(bool, false, fido_dev_supports_permissions, (const fido_dev_t *a), (a))                            \
	X(fido_assert_t *, NULL, fido_assert_new, (void), ())                                                \
	X(size_t, 0, fido_assert_count, (const fido_assert_t *a), (a))                                       \
	X(const unsigned char *, NULL, fido_assert_authdata_ptr, (const fido_assert_t *a, size_t b), (a, b)) \
	X(size_t, 0, fido_assert_authdata_len, (const fido_assert_t *a, size_t b), (a, b))                   \
	X(const unsigned char *, NULL, fido_assert_id_ptr, (const fido_assert_t *a, size_t b), (a, b))       \
	X(size_t, 0, fido_assert_id_len, (const fido_assert_t *a, size_t b), (a, b))                         \
	X(const unsigned char *, NULL, fido_assert_sig_ptr, (const fido_assert_t *a, size_t b), (a, b))      \
	X(size_t, 0, fido_assert_sig_len, (const fido_assert_t *a, size_t b), (a, b))                        \
	X(const unsigned char *, NULL, fido_assert_user_id_ptr, (const fido_assert_t *a, size_t b), (a, b))  \
	X(size_t, 0, fido_assert_user_id_len, (const fido_assert_t *a, size_t b), (a, b))                    \
	X(const char *, NULL, fido_assert_user_name, (const fido_assert_t *a, size_t b), (a, b))             \
	X(const char *, NULL, fido_assert_user_display_name, (const fido_assert_t *a, size_t b), (a, b))     \
	X(fido_cred_t *, NULL, fido_cred_new, (void), ())                                                    \
	X(const char *, NULL, fido_cred_fmt, (const fido_cred_t *a), (a))                                    \
	X(const unsigned char *, NULL, fido_cred_attstmt_ptr, (const fido_cred_t *a), (a))                   \
	X(size_t, 0, fido_cred_attstmt_len, (const fido_cred_t *a), (a))                                     \
	X(const unsigned char *, NULL, fido_cred_id_ptr, (const fido_cred_t *a), (a))                        \
	X(size_t, 0, fido_cred_id_len, (const fido_cred_t *a), (a))                                          \
	X(const unsigned char *, NULL, fido_cred_authdata_raw_ptr, (const fido_cred_t *a), (a))              \
	X(size_t, 0, fido_cred_authdata_raw_len, (const fido_cred_t *a), (a))

#define PLACE(type, fault_value, name, parameters, arguments) AT_##name,
enum place { CALLS(PLACE) AT_fido_dev_get_assert, AT_fido_dev_make_cred, AT_fido_dev_set_pin, PLACES };

_Static_assert(PLACES <= NAMES_MAX, "each function has its counter");

#define WRAP(type, fault_value, name, parameters, arguments) \
	EXPORTED type name parameters                        \
	{                                                    \
		if (fails(AT_##name, #name))                 \
			return fault_value;                  \
		__typeof__(&(name)) real_ = NEXT(name);      \
		return real_ arguments;                      \
	}
CALLS(WRAP)

/* Those that a PIN goes along with. */
EXPORTED int fido_dev_get_assert(fido_dev_t *dev, fido_assert_t *assertion, const char *pin)
{
	if (pin)
		note("pin ", "fido_dev_get_assert");
	if (fails(AT_fido_dev_get_assert, "fido_dev_get_assert"))
		return fault.value;
	return NEXT(fido_dev_get_assert)(dev, assertion, pin);
}

EXPORTED int fido_dev_make_cred(fido_dev_t *dev, fido_cred_t *credential, const char *pin)
{
	if (pin)
		note("pin ", "fido_dev_make_cred");
	if (fails(AT_fido_dev_make_cred, "fido_dev_make_cred"))
		return fault.value;
	return NEXT(fido_dev_make_cred)(dev, credential, pin);
}

EXPORTED int fido_dev_set_pin(fido_dev_t *dev, const char *pin, const char *old)
{
	if (old)
		note("pin ", "fido_dev_set_pin");
	if (fails(AT_fido_dev_set_pin, "fido_dev_set_pin"))
		return fault.value;
	return NEXT(fido_dev_set_pin)(dev, pin, old);
}
