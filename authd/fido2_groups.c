/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's keys by relying party: those that were enrolled here, and those that were brought from elsewhere.
 *
 * No state beyond the store. A key answers a question about one relying party at a time, so the helper is told all of
 * them, each with its list. Threats: a person with so many, or so long, credentials that the question does not fit: then
 * those that fit are asked for, rather than nothing. It must never list what is revoked.
 */
#include "fido2_groups.h"

#include <string.h>

#include "hospiconnect/buf.h"
#include "hospiconnect/device.h"
#include "store/store.h"

#define LIST_MAX   8192 /* of CREDENTIALS */
#define GROUPS_MAX 6144 /* of GROUPS */

struct listing {
	const struct hc_authd *authd;
	struct hc_credential_id ids[HC_CREDENTIALS_MAX]; /* of active keys, oldest first */
	size_t count;
	char parties[HC_DEVICE_GROUPS_MAX][HC_RP_ID_MAX + 1];
	size_t party_count;
};

static enum hc_err read_key(const struct listing *listing, size_t index, struct hc_stored_key *key)
{
	enum hc_err err = hc_store_key_get(listing->authd->store, &listing->ids[index], key);

	return err == HC_ERR_NOTFOUND ? HC_ERR_CORRUPT : err;
}

static enum hc_err read_ids(const struct hc_authd *authd, int64_t person_id, struct listing *listing)
{
	struct hc_credential held[HC_CREDENTIALS_MAX];
	size_t count = 0;
	enum hc_err err =
		hc_store_credential_list(authd->store, person_id, false, HC_COUNT(held), held, &count);

	for (size_t i = 0; err == HC_OK && i < count; i++) {
		if (held[i].type == HC_CREDENTIAL_FIDO2 && held[i].state == HC_CREDENTIAL_ACTIVE)
			listing->ids[listing->count++] = held[i].id;
	}
	return err;
}

static void add_party(struct listing *listing, const char *rp_id)
{
	bool ours = strcmp(rp_id, listing->authd->config->fido.rp_id) == 0;
	size_t len = strlen(rp_id) + 1;

	for (size_t i = 0; i < listing->party_count; i++) {
		if (strcmp(listing->parties[i], rp_id) == 0)
			return;
	}
	if (listing->party_count == HC_DEVICE_GROUPS_MAX && !ours)
		return;
	if (listing->party_count < HC_DEVICE_GROUPS_MAX)
		listing->party_count++;
	if (ours)
		memmove(listing->parties[1], listing->parties[0],
			(listing->party_count - 1) * sizeof(listing->parties[0]));
	memcpy(listing->parties[ours ? 0 : listing->party_count - 1], rp_id, len);
}

static enum hc_err read_parties(struct listing *listing)
{
	struct hc_stored_key key;
	enum hc_err err = HC_OK;

	for (size_t i = 0; err == HC_OK && i < listing->count; i++) {
		err = read_key(listing, i, &key);
		if (err == HC_OK)
			add_party(listing, key.rp_id);
	}
	return err;
}

/* The list of one relying party; ret_more: it has one as well whose name is not known yet. */
static enum hc_err list_ids(const struct listing *listing, const char *rp_id, struct hc_writer *writer,
			    bool *ret_more)
{
	struct hc_stored_key key;
	enum hc_err err = HC_OK;

	*ret_more = false;
	for (size_t i = 0; err == HC_OK && i < listing->count; i++) {
		err = read_key(listing, i, &key);
		if (err != HC_OK || strcmp(key.rp_id, rp_id) != 0)
			continue;
		if (key.id_len == 0) {
			*ret_more = true;
		} else if (writer->cap - writer->len >= 2 + key.id_len) {
			hc_writer_u16(writer, (uint16_t)key.id_len);
			hc_writer_bytes(writer, key.id, key.id_len);
		}
	}
	return err == HC_OK ? writer->err : err;
}

/* One list for one relying party: the first into fields of its own, the others behind each other. */
struct groups {
	struct hc_msg *start;
	struct hc_writer writer;
	size_t count;
	bool known; /* GROUPS is needed */
};

static void put_group(struct groups *groups, const char *rp_id, const struct hc_writer *list)
{
	struct hc_writer *writer = &groups->writer;
	size_t rp_id_len = strlen(rp_id);

	if (groups->count++ == 0) {
		hc_msg_put_text(groups->start, HC_FIELD_RP_ID, rp_id);
		hc_msg_put_bytes(groups->start, HC_FIELD_CREDENTIALS, list->data, list->len);
		return;
	}
	groups->known = true;
	if (groups->count > HC_DEVICE_GROUPS_MAX || writer->cap - writer->len < 4 + rp_id_len + list->len)
		return;
	hc_writer_u16(writer, (uint16_t)rp_id_len);
	hc_writer_bytes(writer, rp_id, rp_id_len);
	hc_writer_u16(writer, (uint16_t)list->len);
	hc_writer_bytes(writer, list->data, list->len);
}

static enum hc_err put_party(const struct listing *listing, const char *rp_id, struct groups *groups)
{
	uint8_t ids[LIST_MAX];
	struct hc_writer list;
	bool more = false;

	hc_writer_init(&list, ids, groups->count == 0 ? sizeof(ids) : GROUPS_MAX / 2);
	enum hc_err err = list_ids(listing, rp_id, &list, &more);

	if (err != HC_OK)
		return err;
	if (list.len > 0)
		put_group(groups, rp_id, &list);
	list.len = 0;
	if (more) {
		groups->known = true;
		put_group(groups, rp_id, &list);
	}
	return HC_OK;
}

enum hc_err hc_fido2_put_credentials(const struct hc_authd *authd, int64_t person_id, struct hc_msg *start)
{
	struct listing listing = {.authd = authd};
	struct groups groups = {.start = start};
	uint8_t bytes[GROUPS_MAX];
	enum hc_err err = read_ids(authd, person_id, &listing);

	hc_writer_init(&groups.writer, bytes, sizeof(bytes));
	if (err == HC_OK)
		err = read_parties(&listing);
	if (err == HC_OK && listing.party_count == 0)
		err = HC_ERR_STATE;
	for (size_t i = 0; err == HC_OK && i < listing.party_count; i++)
		err = put_party(&listing, listing.parties[i], &groups);
	if (err == HC_OK && groups.known)
		hc_msg_put_bytes(start, HC_FIELD_GROUPS, bytes, groups.writer.len);
	return err == HC_OK ? groups.writer.err : err;
}
