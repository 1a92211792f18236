/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_ATTRS_H
#define HC_ATTRS_H

/*
 * Compiler attributes and ownership helpers.
 *
 * HC_CHECK        the result must be looked at; ignoring it is written `(void)` with the reason.
 * HC_PRINTF(f, a) printf-style format checking.
 * HC_AUTO(name)   an owned local `struct hc_<name> *`, freed at the end of the block by
 *                 `hc_<name>_free(struct hc_<name> **)`, which accepts a pointer to NULL.
 * hc_steal_ptr(p) hands ownership over: returns *p and sets it to NULL.
 */
#define HC_CHECK	     __attribute__((warn_unused_result))
#define HC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HC_AUTO(name)	     __attribute__((cleanup(hc_##name##_free))) struct hc_##name *
#define HC_CLEANUP(fn)	     __attribute__((cleanup(fn)))
#define HC_COUNT(array)	     (sizeof(array) / sizeof((array)[0]))

#define hc_steal_ptr(p)                             \
	({                                          \
		__typeof__(*(p)) hc_stolen_ = *(p); \
		*(p) = NULL;                        \
		hc_stolen_;                         \
	})

#endif
