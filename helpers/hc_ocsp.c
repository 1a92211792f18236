/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-ocsp: the only process of the broker's that speaks to a network. Started by the broker, or for it, with a link on descriptor
 * 3, it carries one question to a responder and the answer back; by hand it asks for somebody.
 *
 * State: none beyond one operation. It verifies nothing for the broker, holds no secret, and keeps nothing of the
 * environment, which could name a proxy. It must never outlive its operation, nor speak to the network as root.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hc_ocsp_fetch.h"
#include "hc_ocsp_hand.h"
#include "helper_start.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/device.h"
#include "hospiconnect/log.h"
#include "hospiconnect/packet.h"
#include "hospiconnect/program.h"
#include "hospiconnect/reason.h"

#define PROGRAM	  "hc-ocsp"
#define BY_HAND_S 30
#define SPARE_S	  2 /* behind the operation's own limit: then the process is ended by the kernel */
#define CPU_S	  30

static const char usage[] =
	"usage: " PROGRAM "\n"
	"       " PROGRAM " check URL --certificate FILE --issuer FILE\n"
	"\n"
	"Asks an OCSP responder about a card for hospiconnect-authd, which starts it with a\n"
	"link on descriptor 3. By hand: asks about a certificate and shows the answer. As\n"
	"root it becomes the user " HC_BROKER_USER " first.\n"
	"\n"
	"  --certificate FILE   the certificate in question, PEM or DER\n"
	"  --issuer FILE        that of the authority that issued it\n"
	"  --help               show this text\n"
	"  --version            show the version\n";

/* ---- the process ---- */

static bool harden(void)
{
	return hc_helper_harden(CPU_S) && hc_helper_identity() && hc_confine(HC_CONFINE_OCSP) == HC_OK;
}

/* ---- for the broker ---- */

static enum hc_err receive_start(struct hc_msg *msg, struct hc_ocsp_request *ret_request)
{
	struct pollfd wanted = {.fd = HC_DEVICE_LINK_FD, .events = POLLIN};

	if (poll(&wanted, 1, HC_DEVICE_START_MS) != 1)
		return HC_ERR_TIMEOUT;
	const enum hc_err err = hc_packet_receive(HC_DEVICE_LINK_FD, msg);

	return err == HC_OK ? hc_ocsp_request_parse(msg, ret_request) : err;
}

static enum hc_err say(struct hc_msg *msg)
{
	const enum hc_err err = hc_msg_finish(msg);

	if (err != HC_OK)
		return err;
	return send(HC_DEVICE_LINK_FD, msg->packet, msg->len, MSG_NOSIGNAL) < 0 ? HC_ERR_CLOSED : HC_OK;
}

static enum hc_err fail(struct hc_msg *msg, enum hc_reason reason, const char *why)
{
	hc_msg_init(msg, HC_MSG_DEVICE_FAILED);
	hc_msg_put_u32(msg, HC_FIELD_REASON, (uint32_t)reason);
	hc_msg_put_text(msg, HC_FIELD_DETAIL, why);
	return say(msg);
}

/* While the responder is asked the link says CANCEL, or that the broker has gone. */
static enum hc_err interrupted(struct hc_msg *msg)
{
	const enum hc_err err = hc_packet_receive(HC_DEVICE_LINK_FD, msg);

	if (err != HC_OK)
		return err;
	if (msg->type != HC_MSG_DEVICE_CANCEL || hc_msg_only(msg, NULL, 0) != HC_OK)
		return HC_ERR_PROTOCOL;
	return fail(msg, HC_REASON_CANCELLED, NULL);
}

static enum hc_err operate(struct hc_msg *msg)
{
	static struct hc_ocsp_request request;
	static struct hc_ocsp_response response;
	enum hc_err err = receive_start(msg, &request);

	if (err != HC_OK)
		return err;
	(void)alarm((unsigned)request.timeout_s + SPARE_S);
	err = hc_ocsp_fetch(&request, HC_DEVICE_LINK_FD, &response);
	if (err == HC_ERR_STATE)
		return interrupted(msg);
	if (err != HC_OK)
		return fail(msg, HC_REASON_REVOCATION_UNKNOWN, response.why);
	hc_msg_init(msg, HC_MSG_DEVICE_DONE);
	hc_msg_put_bytes(msg, HC_FIELD_OCSP_RESPONSE, response.data, response.len);
	return say(msg);
}

static int serve(const struct hc_program *program)
{
	static struct hc_msg msg;
	const int status = hc_helper_begin(program, harden);

	if (status != HC_PROGRAM_OK)
		return status;
	const enum hc_err err = operate(&msg);

	if (err != HC_OK && err != HC_ERR_CLOSED)
		hc_log(HC_LOG_WARNING, "the link was ended by a surprise",
		       HC_F_TEXT("reason", hc_strerror(err)));
	return err == HC_OK ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}

/* ---- by hand ---- */

static int by_hand(const struct hc_program *program, const struct hc_ocsp_hand *hand)
{
	if (hand->certificate == NULL || hand->issuer == NULL)
		return hc_program_usage(program);
	int status = hc_ocsp_hand_load(hand);

	if (status != HC_PROGRAM_OK)
		return status;
	if (!harden()) {
		hc_log_plain(HC_LOG_ERROR, "cannot harden the process");
		return HC_PROGRAM_FAILED;
	}
	(void)alarm(BY_HAND_S);
	return hc_ocsp_hand_ask(hand);
}

/* "check URL", which getopt(3) does not know, goes out of the way. */
static bool take_words(int *argc, char ***argv, struct hc_ocsp_hand *hand)
{
	if (*argc < 3 || strcmp((*argv)[1], "check") != 0 || (*argv)[2][0] == '-')
		return false;
	hand->url = (*argv)[2];
	(*argv)[2] = (*argv)[0];
	*argv += 2;
	*argc -= 2;
	return true;
}

int main(int argc, char **argv)
{
	struct hc_ocsp_hand hand = {.url = NULL};
	const struct hc_program program = {.name = PROGRAM,
					   .usage = usage,
					   .options = {{"certificate", &hand.certificate, NULL},
						       {"issuer", &hand.issuer, NULL},
						       {NULL, NULL, NULL}}};
	int status = HC_PROGRAM_OK;

	hc_log_init(PROGRAM, HC_LOG_INFO);
	const bool check = take_words(&argc, &argv, &hand);

	if (!hc_program_options(&program, argc, argv, &status))
		return status;
	if (check)
		status = by_hand(&program, &hand);
	else if (hand.certificate != NULL || hand.issuer != NULL)
		status = hc_program_usage(&program);
	else
		status = serve(&program);
	/* A name server may still be waited for by a thread: nothing waits for that. */
	_exit(status);
}
