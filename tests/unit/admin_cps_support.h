/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_ADMIN_CPS_SUPPORT_H
#define HC_TEST_ADMIN_CPS_SUPPORT_H

/* Cards and administrators: a hierarchy that is made once, cards of it, and requests about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "admin.h"
#include "cps_ca.h"
#include "cps_trust.h"
#include "hospiconnect/cps.h"
#include "hospiconnect/device.h"
#include "tests/support/decision_rig.h"

#define MODULE "/usr/lib/test-module.so"
#define BOUND  "3760021832/000000018"

static struct hc_test_party root, people, organisations, test_people, stranger;
static struct tempdir trust_dir, crl_dir;

/* ---- the hierarchy, made once ---- */

static inline void write_file(const struct tempdir *dir, const char *name, const void *data, size_t len)
{
	char path[256];
	FILE *file = fopen(tempdir_file(dir, name, path, sizeof(path)), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static inline void trust_in(const struct hc_test_party *party, const char *name)
{
	char pem[HC_TRUST_PEM_MAX];

	write_file(&trust_dir, name, pem, hc_test_pem(party->certificate, pem, sizeof(pem)));
}

static inline int make_authorities(void **state)
{
	static const long revoked[] = {4711, 0};
	static uint8_t list[65536];

	(void)state;
	if (!tempdir_make(&trust_dir) || !tempdir_make(&crl_dir))
		return -1;
	root = hc_test_authority("AC RACINE IGC-SANTE FORT", "IGC-SANTE", NULL);
	people = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", &root);
	organisations = hc_test_authority("AC IGC-SANTE FORT ORGANISATIONS", "IGC-SANTE", &root);
	test_people = hc_test_authority("TEST AC IGC-SANTE FORT PERSONNES", "IGC-SANTE TEST", NULL);
	stranger = hc_test_authority("AC IGC-SANTE FORT PERSONNES", "IGC-SANTE", NULL);
	trust_in(&root, "1.pem");
	trust_in(&people, "2.pem");
	trust_in(&organisations, "3.pem");
	trust_in(&test_people, "4.pem");
	write_file(&crl_dir, "people.crl", list,
		   hc_test_crl(&people, revoked, -3600, 400 * 86400, NULL, list, sizeof(list)));
	return 0;
}

static inline int clear_authorities(void **state)
{
	(void)state;
	hc_test_party_clear(&root);
	hc_test_party_clear(&people);
	hc_test_party_clear(&organisations);
	hc_test_party_clear(&test_people);
	hc_test_party_clear(&stranger);
	tempdir_remove(&trust_dir);
	tempdir_remove(&crl_dir);
	return 0;
}

/* The directories, as they are called now, read anew. */
static inline void read_trust(struct rig *rig)
{
	hc_cps_trust_free(&rig->authd.cps_trust);
	assert_int_equal(hc_cps_trust_new(&rig->config.cps, rig->authd.clock, &rig->authd.cps_trust), HC_OK);
}

static inline int teardown(void **state)
{
	struct rig *rig = *state;

	hc_cps_trust_free(&rig->authd.cps_trust);
	return rig_teardown(state);
}

static inline int setup(void **state)
{
	if (rig_setup(state) != 0)
		return -1;
	struct hc_cps_settings *settings = &((struct rig *)*state)->config.cps;

	(void)snprintf(settings->module, sizeof(settings->module), "%s", MODULE);
	(void)snprintf(settings->trust_dir, sizeof(settings->trust_dir), "%s", trust_dir.path);
	(void)snprintf(settings->crl_dir, sizeof(settings->crl_dir), "%s", crl_dir.path);
	read_trust(*state);
	return 0;
}

/* ---- cards ---- */

struct der {
	size_t len;
	uint8_t data[HC_X509_MAX];
};

static inline struct der issue(const struct hc_test_subject *subject, const struct hc_test_party *issuer)
{
	struct hc_test_party party = hc_test_issue(subject, issuer);
	struct der der;

	der.len = hc_test_der(party.certificate, der.data, sizeof(der.data));
	hc_test_party_clear(&party);
	return der;
}

static inline struct der good_card(void)
{
	const struct hc_test_subject subject = hc_test_card();

	return issue(&subject, &people);
}

static inline struct der bound_card(void)
{
	struct hc_test_subject subject = hc_test_card();

	subject.common_name = BOUND;
	hc_test_set(&subject, "subjectAltName", "otherName:msUPN;UTF8:3.760021832/000000018@carte-cps.fr");
	hc_test_set(&subject, "1.2.250.1.71.1.2.2", "DER:020102");
	return issue(&subject, &people);
}

static inline struct hc_msg *request_for(const char *login, const struct der *der, uint32_t flags)
{
	struct hc_msg *request = rig_request(HC_MSG_ENROLL_CPS);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	if (der != NULL)
		hc_msg_put_bytes(request, HC_FIELD_CERTIFICATE, der->data, der->len);
	hc_msg_put_u32(request, HC_FIELD_FLAGS, flags);
	return request;
}

static inline struct reply enroll(struct rig *rig, const char *login, const struct der *der, uint32_t flags)
{
	struct hc_msg *request = request_for(login, der, flags);

	return rig_admin(rig, &rig->admin, &request);
}

static inline void assert_refused(struct reply reply, enum hc_reason reason, size_t row)
{
	if (reply.err == HC_OK || reply.reason != (uint32_t)reason || reply.row_count != 0)
		fail_msg("row %zu: err %d, HC-%u: %s", row, reply.err, reply.reason, reply.text);
	reply_free(&reply);
}

static inline size_t held(struct rig *rig, const char *login)
{
	struct hc_msg *request = rig_request(HC_MSG_CREDENTIAL_LIST);

	hc_msg_put_text(request, HC_FIELD_LOGIN, login);
	struct reply reply = rig_admin(rig, &rig->admin, &request);
	const size_t count = reply.row_count;

	assert_int_equal(reply.err, HC_OK);
	reply_free(&reply);
	return count;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
