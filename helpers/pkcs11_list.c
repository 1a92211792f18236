/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hc-pkcs11 list: readers and cards for whoever looks after a workstation.
 *
 * State: one LIST, asked over a pair as the broker asks. Threats: texts of a card that act on a terminal or
 * break out of JSON: they come escaped, and are escaped again for JSON. No PIN is asked for.
 */
#include "pkcs11_list.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/device.h"
#include "hospiconnect/msg.h"
#include "hospiconnect/packet.h"
#include "hospiconnect/program.h"
#include "hospiconnect/reason.h"
#include "pkcs11_certificate.h"
#include "pkcs11_watch.h"

#define TIMEOUT_S 30
#define TEXT_CAP  600

/* One line of the list. */
struct item {
	char reader[256], label[129], serial[65], id[65], holder[HC_LABEL_MAX + 1];
	enum hc_reason reason;
	bool has_certificate, has_tries;
	uint32_t tries;
};

static enum hc_err start_list(int fd, const char *module, struct hc_msg *msg)
{
	hc_msg_init(msg, HC_MSG_DEVICE_START);
	hc_msg_put_u32(msg, HC_FIELD_DEVICE_OPERATION, HC_DEVICE_LIST);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, TIMEOUT_S);
	hc_msg_put_text(msg, HC_FIELD_MODULE, module);
	if (hc_msg_finish(msg) != HC_OK)
		return HC_ERR_INVALID;
	return send(fd, msg->packet, msg->len, MSG_NOSIGNAL) > 0 ? HC_OK : HC_ERR_IO;
}

/* What is absent is empty. */
static void read_text(const struct hc_msg *msg, enum hc_field field, char *out, size_t cap)
{
	if (hc_msg_text(msg, field, out, cap) != HC_OK)
		out[0] = '\0';
}

static enum hc_reason read_reason(const struct hc_msg *msg)
{
	enum hc_reason reason = HC_REASON_NONE;
	uint32_t number = 0;

	if (hc_msg_u32(msg, HC_FIELD_REASON, &number) == HC_OK &&
	    hc_reason_from_wire(number, &reason) != HC_OK)
		return HC_REASON_INTERNAL;
	return reason;
}

static void read_item(const struct hc_msg *msg, struct item *item)
{
	struct hc_p11_usage usage;
	const uint8_t *der;
	size_t len;

	*item = (struct item){.reason = read_reason(msg)};
	read_text(msg, HC_FIELD_DEVICE_PATH, item->reader, sizeof(item->reader));
	read_text(msg, HC_FIELD_LABEL, item->label, sizeof(item->label));
	read_text(msg, HC_FIELD_SERIAL, item->serial, sizeof(item->serial));
	read_text(msg, HC_FIELD_NAME, item->id, sizeof(item->id));
	item->has_tries = hc_msg_u32(msg, HC_FIELD_TRIES_LEFT, &item->tries) == HC_OK;
	item->has_certificate = hc_msg_bytes(msg, HC_FIELD_CERTIFICATE, &der, &len) == HC_OK &&
				hc_p11_usage_read(der, len, &usage) == HC_OK;
	if (item->has_certificate)
		(void)snprintf(item->holder, sizeof(item->holder), "%s", usage.holder);
}

/* ---- for a person ---- */

static void print_plain(const struct item *item)
{
	(void)printf("%s\n", item->reader[0] != '\0' ? item->reader : "(reader without a name)");
	if (item->reason == HC_REASON_NO_DEVICE) {
		(void)printf("  empty\n");
		return;
	}
	(void)printf("  card         %s\n  serial       %s\n", item->label, item->serial);
	if (item->has_tries)
		(void)printf("  PIN tries    %s%u\n", item->tries == 0 ? "blocked, " : "at most ",
			     item->tries);
	if (item->has_certificate)
		(void)printf("  certificate  %s, CKA_ID %s\n", item->holder, item->id);
	(void)printf("  sign-in      %s\n",
		     item->reason == HC_REASON_NONE ? "yes" : hc_reason_name(item->reason));
}

/* ---- as JSON ---- */

static void print_string(const char *name, const char *text)
{
	(void)printf("\"%s\": \"", name);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			(void)putchar('\\'); /* control characters have been escaped before */
		(void)putchar(*text);
	}
	(void)printf("\"");
}

static void print_json(const struct item *item, bool first)
{
	(void)printf("%s\n  {", first ? "" : ",");
	print_string("reader", item->reader);
	if (item->reason != HC_REASON_NO_DEVICE) {
		(void)printf(", ");
		print_string("card", item->label);
		(void)printf(", ");
		print_string("serial", item->serial);
	}
	if (item->has_tries)
		(void)printf(", \"tries_left\": %u", item->tries);
	if (item->has_certificate) {
		(void)printf(", ");
		print_string("holder", item->holder);
		(void)printf(", ");
		print_string("id", item->id);
	}
	(void)printf(", \"sign_in\": %s, ", item->reason == HC_REASON_NONE ? "true" : "false");
	print_string("reason", hc_reason_name(item->reason));
	(void)printf("}");
}

/* ---- both ---- */

static int print_failure(const struct hc_msg *msg)
{
	enum hc_reason reason = read_reason(msg);
	char detail[TEXT_CAP];

	read_text(msg, HC_FIELD_DETAIL, detail, sizeof(detail));
	(void)fprintf(stderr, "hc-pkcs11: HC-%d %s: %s\n", (int)reason, hc_reason_name(reason), detail);
	return HC_PROGRAM_FAILED;
}

static int print_items(int fd, bool json, struct hc_msg *msg)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};
	struct item item;
	bool first = true;

	for (;;) {
		if (poll(&wanted, 1, 2 * TIMEOUT_S * 1000) != 1 || hc_packet_receive(fd, msg) != HC_OK) {
			(void)fprintf(stderr, "hc-pkcs11: no answer\n");
			return HC_PROGRAM_FAILED;
		}
		if (msg->type == HC_MSG_DEVICE_FAILED)
			return print_failure(msg);
		if (msg->type == HC_MSG_DEVICE_DONE)
			break;
		read_item(msg, &item);
		if (json)
			print_json(&item, first);
		else
			print_plain(&item);
		first = false;
	}
	if (first && !json)
		(void)printf("no reader\n");
	return HC_PROGRAM_OK;
}

static int ask(int fd, const char *module, bool json)
{
	HC_AUTO(msg) msg = NULL;
	int status;

	if (hc_msg_new(&msg) != HC_OK || start_list(fd, module, msg) != HC_OK) {
		(void)fprintf(stderr, "hc-pkcs11: --module takes an absolute path of at most 255 bytes\n");
		return HC_PROGRAM_USAGE;
	}
	if (json)
		(void)printf("[");
	status = print_items(fd, json, msg);
	if (json)
		(void)printf("\n]\n");
	return fflush(stdout) == 0 && !ferror(stdout) ? status : HC_PROGRAM_FAILED;
}

int hc_p11_list(const char *module, bool json)
{
	int pair[2], status, served = 0;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return HC_PROGRAM_FAILED;
	pid = fork();
	if (pid == 0) {
		(void)close(pair[0]);
		_exit(hc_p11_serve(pair[1]));
	}
	(void)close(pair[1]); /* the other process' own */
	status = pid > 0 ? ask(pair[0], module, json) : HC_PROGRAM_FAILED;
	(void)close(pair[0]); /* an order to stop */
	if (pid > 0)
		(void)waitpid(pid, &served, 0); /* what it had to say was said */
	return status;
}
