/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conversation in which nobody was named: the device says who is there, or the person does.
 *
 * State: the conversation, and how far it has come: first devices that are there already are looked for, without a word;
 * then the person is asked, once, for a device or a login; then a device is waited for. A login is never taken
 * here: who types one begins a conversation that names him, so that nothing can differ. Threats: a caller
 * that looks for whose device is there (root alone may ask, in services that the administrator listed, at this machine
 * alone), a login prompt that stands for hours (it is no sign-in yet: nothing of it is recorded, nothing holds a
 * device). It must never name anybody but with ALLOW.
 */
#include "session_internal.h"

#include <string.h>

#include "hospiconnect/log.h"
#include "reply.h"

#define LOOK_S 3 /* until devices that are there have been found */

static bool is_listed(const struct hc_session *session)
{
	const struct hc_policy_rules *rules = &session->authd->config->policy;

	for (size_t i = 0; i < rules->nameless_service_count; i++) {
		if (strcmp(rules->nameless_services[i].text, session->hello.service.text) == 0)
			return true;
	}
	return false;
}

bool hc_session_is_nameless(const struct hc_session *session)
{
	const struct hc_hello *hello = &session->hello;

	return hello->nameless && hello->service_valid && hello->request == HC_REQUEST_AUTHENTICATE &&
	       hello->mode == HC_MODE_PRIMARY && !hello->remote;
}

static uint32_t methods_of(const struct hc_session *session)
{
	return session->hello.methods & session->authd->device_methods & HC_METHOD_DEVICES;
}

/* The caller asks for the login itself. Nobody was named and nothing was tried: there is nothing to record. */
static void decline(struct hc_session *session, enum hc_reason reason)
{
	const struct hc_decision decision = {.verdict = HC_DENY_UNAVAILABLE, .reason = reason};

	hc_session_conclude(session, &decision, 0);
}

void hc_session_nameless_begin(struct hc_session *session)
{
	/* Root's word alone: whoever runs as somebody has a name, and types it. */
	if (session->caller.kind != HC_CALLER_ROOT || !is_listed(session)) {
		decline(session, HC_REASON_LOGIN_NEEDED);
		return;
	}
	session->nameless = HC_NAMELESS_LOOKING;
	hc_session_device_begin(session, NULL, methods_of(session), true);
	if (session->state == HC_SESSION_DEVICE)
		hc_session_device_wait(session, LOOK_S);
}

void hc_session_nameless_ask(struct hc_session *session, enum hc_reason why)
{
	int64_t timeout_s = hc_session_wait_s(session);
	uint32_t methods = 0;

	for (size_t i = 0; i < session->run_count; i++)
		methods |= session->runs[i].method->factor->method;
	hc_session_device_drop(session);
	session->nameless = HC_NAMELESS_ASKING;
	hc_session_device_wait(session, timeout_s);
	session->state = HC_SESSION_ASKING;
	hc_reply_login(session->out, &session->hello, methods, timeout_s, why);
	hc_session_send(session);
}

/* A device that is nobody's here: another one may be, and a login can still be typed. */
static bool is_strangers(enum hc_reason reason)
{
	return reason == HC_REASON_KEY_NOT_REGISTERED || reason == HC_REASON_CARD_UNKNOWN;
}

void hc_session_nameless_give_up(struct hc_session *session, const struct hc_decision *end)
{
	bool looking = session->nameless == HC_NAMELESS_LOOKING;

	if (session->run_count == 0 && looking)
		decline(session, session->device_failed != HC_REASON_NONE ? session->device_failed
									  : HC_REASON_NO_METHOD_HERE);
	else if (looking && (session->winner == NULL || is_strangers(end->reason)))
		hc_session_nameless_ask(session,
					end->verdict == HC_DENY_UNAVAILABLE ? HC_REASON_NONE : end->reason);
	else
		hc_session_record_and_conclude(session, end);
}

enum hc_err hc_session_nameless_answer(struct hc_session *session, size_t len)
{
	/* A login begins a conversation of its own. */
	if (len != 0)
		return HC_ERR_PROTOCOL;
	session->nameless = HC_NAMELESS_WAITING;
	hc_session_device_begin(session, NULL, methods_of(session), false);
	return HC_OK;
}
