/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to the broker: connect, check the peer, send, read rows until the END.
 *
 * State: none between requests. Threats: a socket that somebody else put in place (the peer is
 * checked before anything is sent), an answer that never ends (silence is bounded; each row is
 * handled and dropped). Messages are scrubbed: rows of an enrolment hold seeds and codes.
 */
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "hospiconnect/broker_client.h"

#include "talk.h"

#define SILENCE_MS	15000
#define WALK_SILENCE_MS 120000

enum hc_err hc_request_new(const struct hc_ctl *ctl, enum hc_msg_type type, struct hc_msg **ret_request)
{
	enum hc_err err = hc_msg_new(ret_request);

	if (err != HC_OK)
		return err;
	hc_msg_init(*ret_request, type);
	hc_msg_put_text(*ret_request, HC_FIELD_LANG, ctl->lang == HC_LANG_FR ? "fr" : "en");
	return HC_OK;
}

/* The END of an answer. A broker that leaves out ERR has not said that the work was done. */
static enum hc_err read_end(const struct hc_msg *msg, struct hc_reply *reply)
{
	uint32_t wire_err = 0, wire_reason = 0;

	if (hc_msg_u32(msg, HC_FIELD_ERR, &wire_err) != HC_OK || wire_err >= HC_ERR_MAX_)
		return HC_ERR_PROTOCOL;
	if (hc_msg_has(msg, HC_FIELD_REASON) && (hc_msg_u32(msg, HC_FIELD_REASON, &wire_reason) != HC_OK ||
						 hc_reason_from_wire(wire_reason, &reply->reason) != HC_OK))
		return HC_ERR_PROTOCOL;
	if (hc_msg_has(msg, HC_FIELD_COUNT) && hc_msg_u64(msg, HC_FIELD_COUNT, &reply->count) != HC_OK)
		return HC_ERR_PROTOCOL;
	if (hc_msg_has(msg, HC_FIELD_TEXT) &&
	    hc_msg_text(msg, HC_FIELD_TEXT, reply->text, sizeof(reply->text)) != HC_OK)
		return HC_ERR_PROTOCOL;
	reply->ended = true;
	return (enum hc_err)wire_err;
}

/* A walk along a trail of millions of records is silent for long; nothing else takes its time. */
static int64_t silence_of(enum hc_msg_type type)
{
	return type == HC_MSG_AUDIT_LIST || type == HC_MSG_AUDIT_VERIFY || type == HC_MSG_BACKUP ||
			       type == HC_MSG_SEAL_ROTATE
		       ? WALK_SILENCE_MS
		       : SILENCE_MS;
}

/* Requests that need somebody at a device. */
static bool asks_back(enum hc_msg_type type)
{
	return type == HC_MSG_ENROLL_FIDO2 || type == HC_MSG_FIDO2_PIN || type == HC_MSG_CPS_READ;
}

static enum hc_err read_answer(struct hc_broker *broker, enum hc_msg_type asked, hc_row_fn row, void *ctx,
			       struct hc_reply *reply)
{
	const int64_t silence_ms = silence_of(asked);
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = hc_msg_new(&msg);

	while (err == HC_OK) {
		err = hc_broker_receive(broker, msg, silence_ms);
		if (err != HC_OK)
			break;
		if (msg->type == HC_MSG_END)
			return read_end(msg, reply);
		if (asks_back(asked) && msg->type != HC_MSG_ROW) {
			err = hc_talk(broker, msg);
			continue;
		}
		if (msg->type != HC_MSG_ROW || row == NULL)
			return HC_ERR_PROTOCOL;
		err = row(msg, ctx);
		hc_msg_clear(msg);
	}
	return err;
}

/* The installation's sockets must be served by root or their daemon's user, others by their folder's owner. */
static enum hc_broker_peer expected_peer(const struct hc_ctl *ctl)
{
	if (strcmp(ctl->socket, HC_CTL_DEFAULT_SOCKET) == 0)
		return HC_PEER_SYSTEM;
	return strcmp(ctl->socket, HC_CTL_DEFAULT_GATEWAY_SOCKET) == 0 ? HC_PEER_DAEMON
								       : HC_PEER_DIRECTORY_OWNER;
}

enum hc_err hc_request_send(const struct hc_ctl *ctl, struct hc_msg *request, hc_row_fn row, void *ctx,
			    struct hc_reply *ret_reply)
{
	HC_AUTO(broker) broker = NULL;
	const enum hc_msg_type asked = request->type;
	enum hc_err err = hc_broker_connect(ctl->socket, expected_peer(ctl), ctl->clock, &broker);

	memset(ret_reply, 0, sizeof(*ret_reply));
	if (err == HC_OK)
		err = hc_broker_send(broker, request);
	if (err == HC_OK)
		err = read_answer(broker, asked, row, ctx, ret_reply);
	ret_reply->err = err;
	return err;
}

static const char *transport_text(enum hc_err err)
{
	switch (err) {
	case HC_ERR_AWAY:
		return "ctl.error.away";
	case HC_ERR_TIMEOUT:
		return "ctl.error.hung";
	case HC_ERR_CLOSED:
		return "ctl.error.closed";
	case HC_ERR_PEER:
		return "ctl.error.peer";
	case HC_ERR_PERM:
		return "ctl.error.not_permitted";
	case HC_ERR_PROTOCOL:
		return "ctl.error.protocol";
	case HC_ERR_NOMEM:
		return "ctl.error.memory";
	case HC_ERR_INVALID:
		return "ctl.error.request";
	case HC_ERR_TOOBIG:
		return "ctl.error.too_long";
	case HC_OK:
	case HC_ERR_NOTFOUND:
	case HC_ERR_EXISTS:
	case HC_ERR_STATE:
	case HC_ERR_IO:
	case HC_ERR_FULL:
	case HC_ERR_SEAL:
	case HC_ERR_CRYPTO:
	case HC_ERR_CORRUPT:
	case HC_ERR_MAX_:
		break;
	}
	return "ctl.error.transport";
}

enum hc_ctl_status hc_request_failed(const struct hc_ctl *ctl, enum hc_err err)
{
	const char *text = transport_text(err);
	char ours[64];

	/* "ctl.error.away.gateway", where the gateway has words of its own. */
	(void)snprintf(ours, sizeof(ours), "%s.gateway", text);
	if (ctl->at_gateway && hc_text_known(ours))
		text = ours;
	hc_ctl_complain(ctl, text, HC_ARGS(ctl->socket, hc_strerror(err)));
	return hc_ctl_status_of(err) == HC_CTL_DONE ? HC_CTL_FAILED : hc_ctl_status_of(err);
}

/* Text of the broker, made harmless; its own, or one of ours where it sent none. */
static void complain_refusal(const struct hc_ctl *ctl, const struct hc_reply *reply)
{
	char text[sizeof(reply->text)], shown[2 * sizeof(reply->text)];

	if (reply->text[0] == '\0' && reply->reason == HC_REASON_NONE) {
		hc_ctl_complain(ctl, "ctl.error.refused", HC_ARGS(hc_strerror(reply->err)));
		return;
	}
	if (reply->text[0] == '\0')
		hc_text_reason(ctl->lang, reply->reason, NULL, text, sizeof(text));
	else
		memcpy(text, reply->text, sizeof(text));
	hc_ctl_escape(text, shown, sizeof(shown));
	(void)fflush(stdout); /* keeps the order on a terminal */
	(void)fprintf(stderr, "hospictl: %s\n", shown);
}

enum hc_ctl_status hc_request_complain(const struct hc_ctl *ctl, const struct hc_reply *reply)
{
	if (!reply->ended)
		return hc_request_failed(ctl, reply->err);
	complain_refusal(ctl, reply);
	return hc_ctl_status_of(reply->err);
}

enum hc_ctl_status hc_request_run(const struct hc_ctl *ctl, struct hc_msg *request, hc_row_fn row, void *ctx,
				  struct hc_reply *ret_reply)
{
	if (hc_request_send(ctl, request, row, ctx, ret_reply) == HC_OK)
		return HC_CTL_DONE;
	return hc_request_complain(ctl, ret_reply);
}
