/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "cps inspect": what a card's certificate says, and whether it may sign its owner in. State: none.
 * Threats: everything in the file acting on the administrator's terminal (escaped), a certificate that
 * looks good because a check could not be made: what is not known is said to be unknown.
 */
#include <string.h>

#include "cell.h"
#include "command.h"
#include "cps_card.h"
#include "cps_label.h"
#include "cps_settings.h"
#include "json.h"
#include "list.h"
#include "when.h"

#define TEXT_CAP 1024

struct inspection {
	struct hc_cps_work work;
	struct hc_json json;
	struct hc_ctl_card card;
	int64_t now_ms;
	enum hc_reason chain; /* apart from whether test cards are allowed */
	enum hc_cps_revocation revocation;
	struct hc_cps_crl_state list;
	enum hc_reason verdict;
	bool bound;
};

/* One fact: plain for programs (empty: unknown), human for people (NULL: the same). */
static void tell(struct inspection *it, const char *name, const char *plain, const char *human)
{
	const struct hc_ctl *ctl = it->work.ctl;
	char text[TEXT_CAP];

	if (ctl->json && plain[0] == '\0') {
		hc_json_null(&it->json, name);
	} else if (ctl->json) {
		hc_json_text(&it->json, name, plain);
	} else if (plain[0] != '\0' || (ctl->table && human != NULL && human[0] != '\0')) {
		hc_ctl_escape(ctl->table && human != NULL ? human : plain, text, sizeof(text));
		hc_view_line(ctl, name, text);
	}
}

static void tell_number(struct inspection *it, const char *name, int number)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%d", number);
	if (!it->work.ctl->json)
		tell(it, name, number < 0 || it->work.ctl->table ? "" : text, NULL);
	else if (number < 0)
		hc_json_null(&it->json, name);
	else
		hc_json_number(&it->json, name, number);
}

static void tell_bool(struct inspection *it, const char *name, bool value)
{
	char human[32];

	if (it->work.ctl->json) {
		hc_json_bool(&it->json, name, value);
		return;
	}
	hc_text(it->work.ctl->lang, value ? "ctl.yes" : "ctl.no", NULL, human, sizeof(human));
	tell(it, name, value ? "yes" : "no", human);
}

static void tell_time(struct inspection *it, const char *name, int64_t ms)
{
	char plain[HC_WHEN_CAP], human[HC_WHEN_CAP];

	hc_when_utc(ms, false, plain, sizeof(plain));
	hc_when_local(ms, human, sizeof(human));
	tell(it, name, plain, human);
}

static void tell_hex(struct inspection *it, const char *name, const uint8_t *data, size_t len)
{
	char text[2 * 32 + 1];

	hc_cell_hex(data, len, text);
	tell(it, name, text, NULL);
}

/* ---- the person ---- */

static void tell_profession(struct inspection *it)
{
	const int code = it->card.certificate.profession;
	char plain[TEXT_CAP], label[512], human[TEXT_CAP];

	/* Programs get the French name, which is the official one, in every language. */
	hc_cps_profession(HC_LANG_FR, code, plain, sizeof(plain));
	hc_cps_profession(it->work.ctl->lang, code, label, sizeof(label));
	if (plain[0] == '\0' && code >= 0)
		(void)snprintf(plain, sizeof(plain), "%d", code);
	(void)snprintf(human, sizeof(human), label[0] != '\0' ? "%s (%d)" : "%.0s%d", label, code);
	tell(it, "profession", plain, human);
	tell_number(it, "profession_code", code);
	tell(it, "title", it->card.certificate.title.text, NULL);
	tell_number(it, "training", it->card.certificate.training);
}

static void tell_skills(struct inspection *it)
{
	char text[HC_CPS_SKILLS_MAX * (HC_CPS_SKILL_MAX + 2) + 1] = "";

	if (it->work.ctl->json)
		hc_json_array(&it->json, "skills");
	for (size_t i = 0; i < it->card.certificate.skill_count; i++) {
		const size_t used = strlen(text);

		if (it->work.ctl->json)
			hc_json_text(&it->json, NULL, it->card.certificate.skills[i]);
		(void)snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " " : "",
			       it->card.certificate.skills[i]);
	}
	if (it->work.ctl->json)
		hc_json_close(&it->json);
	else
		tell(it, "skills", text, NULL);
}

static void tell_person(struct inspection *it)
{
	const struct hc_cps_certificate *certificate = &it->card.certificate;
	const char *kind = hc_cps_id_kind(certificate->national_id);
	char human[HC_NATIONAL_ID_MAX + 64];

	(void)snprintf(human, sizeof(human), kind != NULL ? "%s (%s)" : "%s%.0s", certificate->national_id,
		       kind != NULL ? kind : "");
	tell(it, "given_name", certificate->given_name.text, NULL);
	tell(it, "family_name", certificate->family_name.text, NULL);
	tell(it, "national_id", certificate->national_id, human);
	if (it->work.ctl->json)
		tell(it, "national_id_kind", kind != NULL ? kind : "", NULL);
	tell(it, "structure_id", certificate->structure_id, NULL);
	tell_profession(it);
	tell_skills(it);
}

/* ---- the card and its certificate ---- */

static void tell_card(struct inspection *it)
{
	static const char *const products[] = {"card", "", "sam", "software"};
	const struct hc_cps_certificate *certificate = &it->card.certificate;
	const char *card = hc_cps_card_name(certificate->card_type);
	const bool known = certificate->category >= 0 && (size_t)certificate->category < HC_COUNT(products);
	const char *category = certificate->test ? "test" : "production";
	char human[TEXT_CAP];

	hc_cps_card_meaning(it->work.ctl->lang, certificate->card_type, human, sizeof(human));
	tell(it, "card", card != NULL ? card : "", human);
	tell(it, "card_number", certificate->card_number, NULL);
	tell(it, "card_issuer", certificate->card_issuer, NULL);
	hc_cell_word(it->work.ctl, category, human, sizeof(human));
	tell(it, "category", category, human);
	hc_cell_word(it->work.ctl, known ? products[certificate->category] : "", human, sizeof(human));
	tell(it, "product", known ? products[certificate->category] : "", human);
	hc_cell_word(it->work.ctl, hc_cps_use(certificate), human, sizeof(human));
	tell(it, "use", hc_cps_use(certificate), human);
	(void)snprintf(human, sizeof(human), "%s %d", certificate->rsa ? "RSA" : "EC", certificate->key_bits);
	tell(it, "key", human, NULL);
	tell(it, "upn", certificate->upn, NULL);
	tell_time(it, "not_before", certificate->not_before_ms);
	tell_time(it, "not_after", certificate->not_after_ms);
	tell(it, "issuer", certificate->issuer, NULL);
	tell(it, "serial", certificate->serial, NULL);
	tell_hex(it, "fingerprint", certificate->fingerprint, sizeof(certificate->fingerprint));
}

/* ---- what it is worth ---- */

static const char *chain_word(const struct inspection *it)
{
	if (it->work.trust_err != HC_OK && it->work.trust_err != HC_ERR_NOTFOUND)
		return "unknown";
	if (it->chain == HC_REASON_NONE)
		return "trusted";
	if (it->chain == HC_REASON_ORGANISATION_CARD)
		return "organisation";
	return it->chain == HC_REASON_CERTIFICATE_EXPIRED ? "expired" : "untrusted";
}

static const char *revocation_word(enum hc_cps_revocation revocation)
{
	switch (revocation) {
	case HC_CPS_REVOKED:
		return "revoked";
	case HC_CPS_GOOD_STALE:
		return "degraded";
	case HC_CPS_GOOD:
		return "good";
	case HC_CPS_REVOCATION_UNKNOWN:
		break;
	}
	return "unknown";
}

static void tell_worth(struct inspection *it)
{
	const struct hc_ctl *ctl = it->work.ctl;
	char name[64], human[TEXT_CAP], when[HC_WHEN_CAP] = "";

	(void)snprintf(name, sizeof(name), "ctl.cps.chain.%s", chain_word(it));
	hc_text(ctl->lang, name, HC_ARGS(it->work.settings.trust_dir, hc_strerror(it->work.trust_err)), human,
		sizeof(human));
	tell(it, "chain", chain_word(it), human);
	if (it->list.next_update_ms != 0)
		hc_when_local(it->list.next_update_ms, when, sizeof(when));
	(void)snprintf(name, sizeof(name), "ctl.cps.revocation.%s%s", revocation_word(it->revocation),
		       it->revocation != HC_CPS_REVOCATION_UNKNOWN ? ""
		       : it->work.crls_err == HC_ERR_PERM	   ? ".unread"
		       : when[0] != '\0'			   ? ".old"
								   : "");
	hc_text(ctl->lang, name, HC_ARGS(it->work.settings.crl_dir, when), human, sizeof(human));
	tell(it, "revocation", revocation_word(it->revocation), human);
}

static void tell_verdict(struct inspection *it)
{
	const struct hc_ctl *ctl = it->work.ctl;
	char code[16] = "", text[TEXT_CAP] = "";

	if (it->verdict != HC_REASON_NONE) {
		(void)snprintf(code, sizeof(code), "HC-%d", (int)it->verdict);
		hc_text_reason(ctl->lang, it->verdict, NULL, text, sizeof(text));
	}
	tell_bool(it, "may_sign_in", it->verdict == HC_REASON_NONE);
	if (ctl->json || !ctl->table)
		tell(it, "code", code, NULL);
	tell(it, "reason", text, NULL);
	if (ctl->json)
		hc_json_bool(&it->json, "needs_mapping", it->bound);
	else if (it->bound && ctl->table)
		hc_ctl_say(ctl, stdout, "ctl.cps.bound", NULL);
}

static enum hc_reason judge_revocation(enum hc_cps_revocation revocation)
{
	switch (revocation) {
	case HC_CPS_GOOD:
	case HC_CPS_GOOD_STALE:
		return HC_REASON_NONE;
	case HC_CPS_REVOKED:
		return HC_REASON_CERTIFICATE_REVOKED;
	case HC_CPS_REVOCATION_UNKNOWN:
		break;
	}
	return HC_REASON_REVOCATION_UNKNOWN;
}

/* As the broker does it: the certificate itself, its chain under the rules in force, revocation. */
static void judge(struct inspection *it)
{
	const struct hc_ctl_cps *settings = &it->work.settings;
	const struct hc_cps_rules rules = {.allow_test = settings->allow_test_cards};
	const struct hc_cps_rules lenient = {.allow_test = true};

	it->chain = hc_cps_verify_chain(it->work.trust, it->card.der, it->card.len, &lenient, it->now_ms);
	it->revocation = hc_cps_crls_check(it->work.crls, it->card.der, it->card.len, it->now_ms,
					   settings->crl_degraded_max_age_s * 1000, &it->list);
	it->verdict = hc_cps_judge(&it->card.certificate, &rules, it->now_ms, &it->bound);
	if (it->verdict == HC_REASON_NONE)
		it->verdict =
			hc_cps_verify_chain(it->work.trust, it->card.der, it->card.len, &rules, it->now_ms);
	if (it->verdict == HC_REASON_NONE)
		it->verdict = judge_revocation(it->revocation);
}

static void show(struct inspection *it)
{
	judge(it);
	hc_json_init(&it->json, stdout);
	if (it->work.ctl->json)
		hc_json_object(&it->json, NULL);
	tell_person(it);
	tell_card(it);
	tell_worth(it);
	tell_verdict(it);
	if (it->work.ctl->json)
		hc_json_close(&it->json);
}

enum hc_ctl_status hc_cmd_cps_inspect(const struct hc_ctl *ctl, const struct hc_args *args)
{
	struct inspection it = {.now_ms = hc_now_ms(ctl->clock)};
	const bool reader = hc_args_flag(args, "reader");

	if (reader == (args->operand_count > 0)) {
		hc_ctl_complain(ctl, "ctl.usage.reader_or_file", HC_ARGS("--reader", "FILE"));
		hc_command_usage(ctl, stderr, args);
		return HC_CTL_USAGE;
	}
	if (!hc_cps_begin(ctl, args, &it.work))
		return HC_CTL_FAILED;
	const enum hc_ctl_status status = reader ? hc_cps_card_reader(ctl, NULL, &it.card)
						 : hc_cps_card_file(ctl, args->operands[0], &it.card);

	if (status == HC_CTL_DONE)
		show(&it);
	hc_cps_end(&it.work);
	return status;
}
