/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TESTS_FIDO_CBOR_H
#define HC_TESTS_FIDO_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The part of CBOR that CTAP2 uses: definite lengths, shortest heads, no floats, no tags.
 *
 * Both ends have a sticky failure: after the first mistake every further call does nothing (or
 * returns zero), and the caller looks once, at the end.
 */
struct tk_slice {
	const uint8_t *data; /* borrowed */
	size_t len;
};

struct tk_writer {
	uint8_t *data; /* borrowed */
	size_t cap, len;
	bool full;
};

struct tk_reader {
	const uint8_t *at, *end;
	bool bad;
};

void tk_put_raw(struct tk_writer *out, const void *data, size_t len);
void tk_put_uint(struct tk_writer *out, uint64_t value);
void tk_put_int(struct tk_writer *out, int64_t value);
void tk_put_bytes(struct tk_writer *out, const void *data, size_t len);
void tk_put_text(struct tk_writer *out, const char *text);
void tk_put_array(struct tk_writer *out, size_t count);
void tk_put_map(struct tk_writer *out, size_t count);
void tk_put_bool(struct tk_writer *out, bool value);

struct tk_reader tk_reader(struct tk_slice slice);
uint64_t tk_get_uint(struct tk_reader *in);
int64_t tk_get_int(struct tk_reader *in);
bool tk_get_bool(struct tk_reader *in);
struct tk_slice tk_get_bytes(struct tk_reader *in);
struct tk_slice tk_get_text(struct tk_reader *in);
size_t tk_get_array(struct tk_reader *in);
size_t tk_get_map(struct tk_reader *in);
/* Passes over one item of any kind and returns the bytes it was made of. */
struct tk_slice tk_get_any(struct tk_reader *in);

bool tk_slice_is(struct tk_slice slice, const char *text);
/* Copies text into a terminated string; too long a text is cut. */
void tk_slice_copy(struct tk_slice slice, char *text, size_t cap);

#endif
