/* SPDX-License-Identifier: Apache-2.0 */
#include "hospiconnect/secret.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The carrier of credentials.
 *
 * The bytes live in whole pages of their own (mmap), the bookkeeping on the heap. Whole pages,
 * because locking, exclusion from core dumps and unlocking act on pages: with heap memory, freeing
 * one secret would unlock the page of its neighbour, and DONTDUMP could not be used at all. One
 * mapping a secret costs about four system calls; a sign-in makes a handful, far below one percent
 * of its time, and needs no pool, hence no state and no lock in a foreign process. The bookkeeping
 * stays on the heap so that a leak checker sees a secret that nobody freed.
 *
 * mlock(2) may be refused (RLIMIT_MEMLOCK is 8 MiB by default and can be 0 in a host that loads
 * us): the secret works all the same, and the mapping is just not locked. mmap(2) failing is an
 * error, for there is no other place a secret may go.
 *
 * Must never: move or grow the bytes, leave a byte behind, show one.
 */
#define CAP_MAX 65536

struct hc_secret {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t mapped;
};

void hc_scrub(void *data, size_t len)
{
	if (len > 0)
		explicit_bzero(data, len);
}

bool hc_bytes_equal(const void *a, const void *b, size_t len)
{
	const volatile uint8_t *left = a, *right = b;
	unsigned difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= (unsigned)(left[i] ^ right[i]);
	return difference == 0;
}

static size_t page_round(size_t len)
{
	long page = sysconf(_SC_PAGESIZE);
	size_t size = page > 0 ? (size_t)page : 4096;

	return (len + size - 1) / size * size;
}

enum hc_err hc_secret_new(size_t cap, struct hc_secret **ret_secret)
{
	if (cap == 0 || cap > CAP_MAX)
		return HC_ERR_INVALID;

	struct hc_secret *secret = calloc(1, sizeof(*secret));

	if (secret == NULL)
		return HC_ERR_NOMEM;
	secret->cap = cap;
	secret->mapped = page_round(cap);
	secret->data = mmap(NULL, secret->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (secret->data == MAP_FAILED) {
		free(secret);
		return HC_ERR_NOMEM;
	}

	int saved = errno;

	/* Both are extra protection that the system may refuse; see above. */
	(void)madvise(secret->data, secret->mapped, MADV_DONTDUMP);
	(void)mlock(secret->data, secret->mapped);
	errno = saved;
	*ret_secret = secret;
	return HC_OK;
}

enum hc_err hc_secret_from(const void *data, size_t len, struct hc_secret **ret_secret)
{
	HC_AUTO(secret) secret = NULL;
	enum hc_err err = hc_secret_new(len > 0 ? len : 1, &secret);

	if (err != HC_OK)
		return err;
	err = hc_secret_append(secret, data, len);
	if (err != HC_OK)
		return err;
	*ret_secret = hc_steal_ptr(&secret);
	return HC_OK;
}

void hc_secret_free(struct hc_secret **secret)
{
	if (secret == NULL || *secret == NULL)
		return;

	int saved = errno;

	hc_scrub((*secret)->data, (*secret)->mapped);
	/* Cannot fail for a mapping of ours; unmapping also unlocks. */
	(void)munmap((*secret)->data, (*secret)->mapped);
	free(*secret);
	*secret = NULL;
	errno = saved;
}

void hc_secret_clear(struct hc_secret *secret)
{
	hc_scrub(secret->data, secret->mapped);
	secret->len = 0;
}

enum hc_err hc_secret_append(struct hc_secret *secret, const void *data, size_t len)
{
	if (len > secret->cap - secret->len)
		return HC_ERR_TOOBIG;
	if (len > 0)
		memcpy(secret->data + secret->len, data, len);
	secret->len += len;
	return HC_OK;
}

const uint8_t *hc_secret_data(const struct hc_secret *secret)
{
	return secret->data;
}

size_t hc_secret_len(const struct hc_secret *secret)
{
	return secret->len;
}

size_t hc_secret_cap(const struct hc_secret *secret)
{
	return secret->cap;
}

uint8_t *hc_secret_space(struct hc_secret *secret, size_t *ret_free)
{
	*ret_free = secret->cap - secret->len;
	return secret->data + secret->len;
}

enum hc_err hc_secret_commit(struct hc_secret *secret, size_t len)
{
	if (len > secret->cap - secret->len)
		return HC_ERR_TOOBIG;
	secret->len += len;
	return HC_OK;
}

bool hc_secret_equal(const struct hc_secret *a, const struct hc_secret *b)
{
	return a->len == b->len && hc_bytes_equal(a->data, b->data, a->len);
}
