/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth_client [options] SOCKET USER [CODE...]: one conversation with the broker, without PAM; with
 * -b one process for each "USER CODE" line of stdin, all let go at the same instant.
 *
 *   -s NAME  service, "sshd" without      -l LANG  language, "en" without
 *   -a       account phase                -d       trust the owner of the socket's folder
 *   -k PID   kill -9 this process (the broker) -w USEC microseconds after HELLO was sent (-H) or
 *            after the first ANSWER was sent
 *
 * Prints "USER VERDICT HC-nnn USEC TEXT" when a RESULT came, USEC microseconds after the last
 * message was sent, and "USER lost ERROR" otherwise.
 *
 * Role: drives the broker at chosen instants. State: one connection, and when the last message was sent. It must never print a verdict
 * that it did not receive.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/broker_client.h"
#include "hospiconnect/reason.h"

#define BATCH_MAX 512

struct options {
	const char *socket, *service, *lang;
	bool account, batch, directory_owner, kill_after_hello;
	pid_t victim;
	long kill_after_us;
};

struct person {
	const char *user;
	char *const *codes; /* NULL-terminated */
};

static struct timespec sent;

static long since_sent_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - sent.tv_sec) * 1000000L + (now.tv_nsec - sent.tv_nsec) / 1000L;
}

/* Spins: a sleep would miss the microsecond. */
static void kill_later(const struct options *options)
{
	while (since_sent_us() < options->kill_after_us)
		;
	(void)kill(options->victim, SIGKILL);
}

static enum hc_err send_hello(struct hc_broker *broker, const struct options *options, const char *user,
			      struct hc_msg *msg)
{
	enum hc_err err;

	hc_msg_init(msg, HC_MSG_HELLO);
	hc_msg_put_u32(msg, HC_FIELD_REQUEST,
		       options->account ? HC_REQUEST_ACCOUNT : HC_REQUEST_AUTHENTICATE);
	hc_msg_put_u32(msg, HC_FIELD_MODE, HC_MODE_SECOND_FACTOR);
	hc_msg_put_u32(msg, HC_FIELD_METHODS, HC_METHOD_TOTP | HC_METHOD_RECOVERY);
	hc_msg_put_u32(msg, HC_FIELD_FLAGS, 0);
	hc_msg_put_text(msg, HC_FIELD_SERVICE, options->service);
	hc_msg_put_text(msg, HC_FIELD_USER, user);
	hc_msg_put_text(msg, HC_FIELD_LANG, options->lang);
	hc_msg_put_u32(msg, HC_FIELD_TIMEOUT_S, 60);
	(void)clock_gettime(CLOCK_MONOTONIC, &sent); /* before: the broker may be done when send returns */
	err = hc_broker_send(broker, msg);
	if (!err && options->victim && options->kill_after_hello)
		kill_later(options);
	return err;
}

static enum hc_err send_answer(struct hc_broker *broker, const struct options *options, const char *code,
			       struct hc_msg *msg)
{
	enum hc_err err;

	hc_msg_init(msg, code ? HC_MSG_ANSWER : HC_MSG_CANCEL);
	if (code)
		hc_msg_put_bytes(msg, HC_FIELD_ANSWER, code, strlen(code));
	(void)clock_gettime(CLOCK_MONOTONIC, &sent); /* before: the broker may be done when send returns */
	err = hc_broker_send(broker, msg);
	if (!err && options->victim && !options->kill_after_hello)
		kill_later(options);
	return err;
}

/* Talks until a RESULT is in msg. */
static enum hc_err talk(struct hc_broker *broker, const struct options *options, const struct person *person,
			struct hc_msg *msg)
{
	char *const *code = person->codes;
	enum hc_err err = send_hello(broker, options, person->user, msg);

	while (!err) {
		err = hc_broker_receive(broker, msg, HC_BROKER_SILENCE_MS);
		if (err || msg->type == HC_MSG_RESULT)
			break;
		if (msg->type != HC_MSG_STEP)
			continue;
		err = send_answer(broker, options, *code, msg);
		if (*code)
			code++;
	}
	return err;
}

static bool report(const struct hc_msg *msg, const char *user)
{
	char text[2049] = "";
	uint32_t wire = 0, reason = 0;
	const long took_us = since_sent_us();
	enum hc_verdict verdict = HC_DENY;

	if (hc_msg_u32(msg, HC_FIELD_VERDICT, &wire) || hc_verdict_from_wire(wire, &verdict)) {
		(void)printf("%s lost verdict\n", user);
		return false;
	}
	if (hc_msg_u32(msg, HC_FIELD_REASON, &reason))
		reason = 0;
	if (hc_msg_text(msg, HC_FIELD_TEXT, text, sizeof(text)))
		text[0] = '\0';
	(void)printf("%s %s HC-%u %ld %s\n", user, hc_verdict_name(verdict), reason, took_us, text);
	return verdict == HC_ALLOW;
}

static bool converse(const struct options *options, const struct person *person)
{
	HC_AUTO(broker) broker = NULL;
	HC_AUTO(msg) msg = NULL;
	enum hc_err err = hc_msg_new(&msg);

	if (!err)
		err = hc_broker_connect(options->socket,
					options->directory_owner ? HC_PEER_DIRECTORY_OWNER : HC_PEER_SYSTEM,
					hc_clock_system(), &broker);
	if (!err)
		err = talk(broker, options, person, msg);
	if (err) {
		(void)printf("%s lost %s\n", person->user, hc_strerror(err));
		return false;
	}
	return report(msg, person->user);
}

/* The child waits until the parent closes the write end of the gate. */
static void batch_child(const struct options *options, const int gate[2], char *line)
{
	char *codes[2] = {NULL, NULL};
	char *code = strchr(line, ' ');
	char byte;
	bool allowed;

	(void)close(gate[1]);
	if (code) {
		*code = '\0';
		codes[0] = code + 1;
	}
	while (read(gate[0], &byte, 1) > 0)
		;
	allowed = converse(options, &(struct person){.user = line, .codes = codes});
	_exit(fflush(stdout) == 0 && allowed ? 0 : 1);
}

static int batch(const struct options *options)
{
	char line[512];
	int gate[2], failed = 0, status;

	if (pipe(gate))
		return 1;
	for (size_t count = 0; count < BATCH_MAX && fgets(line, sizeof(line), stdin); count++) {
		pid_t pid;

		line[strcspn(line, "\n")] = '\0';
		pid = fork();
		if (pid < 0)
			return 1;
		if (pid == 0)
			batch_child(options, gate, line);
	}
	(void)close(gate[0]);
	(void)close(gate[1]);
	while (wait(&status) > 0)
		failed |= status;
	return failed ? 1 : 0;
}

static bool parse(int argc, char **argv, struct options *options)
{
	for (int c; (c = getopt(argc, argv, "+s:l:k:w:abdH")) != -1;) {
		switch (c) {
		case 's':
			options->service = optarg;
			break;
		case 'l':
			options->lang = optarg;
			break;
		case 'k':
			options->victim = (pid_t)strtol(optarg, NULL, 10);
			break;
		case 'w':
			options->kill_after_us = strtol(optarg, NULL, 10);
			break;
		case 'a':
			options->account = true;
			break;
		case 'b':
			options->batch = true;
			break;
		case 'd':
			options->directory_owner = true;
			break;
		case 'H':
			options->kill_after_hello = true;
			break;
		default:
			return false;
		}
	}
	return optind + (options->batch ? 0 : 1) < argc;
}

int main(int argc, char **argv)
{
	struct options options = {.service = "sshd", .lang = "en"};
	struct person person;

	if (!parse(argc, argv, &options)) {
		(void)fputs("usage: auth_client [-s SERVICE] [-l LANG] [-abdH] [-k PID -w USEC] SOCKET USER "
			    "[CODE...]\n",
			    stderr);
		return 2;
	}
	options.socket = argv[optind];
	if (options.batch)
		return batch(&options);
	person = (struct person){.user = argv[optind + 1], .codes = argv + optind + 2};
	return converse(&options, &person) ? 0 : 1;
}
