/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a card forget its PIN. That a PIN was given is the card's state, not the session's: until the card
 * is reset, every program that reaches it may sign in its owner's name.
 *
 * State: none. Threats: a pcscd that hangs, or a program that holds the card (an alarm ends this process); a
 * name of a reader that does not match (then all cards); an end of the others by SIGKILL (this process sees
 * it). No vendor code runs here, so it works when that has crashed.
 */
#include "pkcs11_reset.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <winscard.h>

#include "hospiconnect/confine.h"
#include "pkcs11_watch.h"
#include "pkcs11_watch_card.h"

#define NAMES_CAP 4096
#define ONLY_FD	  3
#define RESET_S	  3 /* more than anybody waits for it */

/* What the guard answers. */
struct result {
	enum hc_p11_reset outcome;
	struct hc_p11_used used;
};

/* What is known of the card at this moment. */
static void note_used(SCARDCONTEXT context, const char *reader, struct hc_p11_used *used)
{
	SCARD_READERSTATE state = {.szReader = reader, .dwCurrentState = SCARD_STATE_UNAWARE};

	*used = (struct hc_p11_used){.known = false};
	if (strlen(reader) > HC_P11_READER_NAME_MAX ||
	    SCardGetStatusChange(context, 0, &state, 1) != SCARD_S_SUCCESS ||
	    (state.dwEventState & SCARD_STATE_PRESENT) == 0 || state.cbAtr == 0 ||
	    state.cbAtr > sizeof(used->atr))
		return;
	memcpy(used->reader, reader, strlen(reader) + 1);
	memcpy(used->atr, state.rgbAtr, state.cbAtr);
	used->atr_len = state.cbAtr;
	used->instance = hc_p11_instance_of(state.dwEventState);
	used->known = true;
}

/* Shared: whoever else has the card keeps the connection, and learns of the reset. */
static enum hc_p11_reset reset_one(SCARDCONTEXT context, const char *reader)
{
	SCARDHANDLE card = 0;
	DWORD protocol = 0;
	LONG rv = SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
			       &card, &protocol);

	if (rv == SCARD_E_NO_SMARTCARD || rv == SCARD_W_REMOVED_CARD)
		return HC_P11_RESET_NO_CARD;
	if (rv != SCARD_S_SUCCESS)
		return HC_P11_RESET_FAILED;
	return SCardDisconnect(card, SCARD_RESET_CARD) == SCARD_S_SUCCESS ? HC_P11_RESET_DONE
									  : HC_P11_RESET_FAILED;
}

/* A slot's description is 64 bytes, padded with blanks: the beginning of the reader's name, or all of it. */
static bool is_reader(const char *name, const char *description)
{
	size_t len = strlen(description);

	while (len > 0 && description[len - 1] == ' ')
		len--;
	return len > 0 && strncmp(name, description, len) == 0 &&
	       (name[len] == '\0' || len == HC_P11_READER_MAX);
}

/* names: one behind the other, the last one empty. reader NULL: all of them. */
static bool reset_named(SCARDCONTEXT context, const char *names, const char *reader, struct result *result)
{
	unsigned cards = 0;
	bool found = false;

	for (const char *name = names; *name != '\0'; name += strlen(name) + 1) {
		enum hc_p11_reset outcome;

		if (reader != NULL && !is_reader(name, reader))
			continue;
		outcome = reset_one(context, name);
		if (outcome != HC_P11_RESET_NO_CARD && ++cards == 1)
			note_used(context, name, &result->used);
		/* One that could not be reset outweighs others that were; a reset, readers without a card. */
		if (!found || outcome == HC_P11_RESET_FAILED ||
		    (result->outcome == HC_P11_RESET_NO_CARD && outcome == HC_P11_RESET_DONE))
			result->outcome = outcome;
		found = true;
	}
	/* Of several nobody knows which one was meant. */
	result->used.known = result->used.known && cards == 1;
	return found;
}

static enum hc_p11_reset reset_now(const char *reader, struct result *result)
{
	char names[NAMES_CAP] = "";
	DWORD len = sizeof(names) - 1;
	SCARDCONTEXT context = 0;
	LONG rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);

	if (rv == SCARD_E_NO_SERVICE)
		return HC_P11_RESET_NO_SERVICE;
	if (rv != SCARD_S_SUCCESS)
		return HC_P11_RESET_FAILED;
	rv = SCardListReaders(context, NULL, names, &len);
	if (rv == SCARD_E_NO_READERS_AVAILABLE)
		result->outcome = HC_P11_RESET_NO_CARD;
	else if (rv != SCARD_S_SUCCESS)
		result->outcome = HC_P11_RESET_FAILED;
	else if (!reset_named(context, names, reader, result))
		(void)reset_named(context, names, NULL, result); /* no reader at all: there is no card */
	(void)SCardReleaseContext(context);			 /* the process ends */
	return result->outcome;
}

/* ---- the process that does it ---- */

/* What stands in shared memory may change while it is read. */
static enum hc_p11_reset reset_noted(const struct hc_p11_watch *watch, struct result *result)
{
	char reader[sizeof(watch->reader)];

	memcpy(reader, watch->reader, sizeof(reader));
	reader[sizeof(reader) - 1] = '\0';
	(void)alarm(RESET_S); /* a pcscd that hangs ends it */
	return reset_now(reader, result);
}

static _Noreturn void guard_card(int fd, const struct hc_p11_watch *watch)
{
	sigset_t none;
	struct result result = {.outcome = HC_P11_RESET_NO_CARD};
	char order;

	(void)sigemptyset(&none); /* these fail for a wrong number only */
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGTERM, SIG_IGN); /* the end of the others is its work */
	(void)signal(SIGINT, SIG_IGN);
	/* The link ends with those who speak on it. */
	if (dup2(fd, ONLY_FD) < 0 || close_range(ONLY_FD + 1, ~0u, 0) != 0 ||
	    hc_confine(HC_CONFINE_PCSC) != HC_OK)
		_exit(1);
	if (read(ONLY_FD, &order, 1) != 1) {
		if (atomic_load(&watch->pin_sent))
			(void)reset_noted(watch, &result); /* nobody is there to be told */
		_exit(0);
	}
	result.outcome = reset_noted(watch, &result);
	_exit(send(ONLY_FD, &result, sizeof(result), MSG_NOSIGNAL) == (ssize_t)sizeof(result) ? 0 : 1);
}

bool hc_p11_guard_start(struct hc_p11_guard *guard, const struct hc_p11_watch *watch)
{
	int pair[2];
	pid_t pid;

	guard->fd = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	pid = fork();
	if (pid == 0)
		guard_card(pair[1], watch);
	(void)close(pair[1]); /* the guard's own */
	if (pid < 0) {
		(void)close(pair[0]);
		return false;
	}
	guard->fd = pair[0];
	return true;
}

enum hc_p11_reset hc_p11_guard_reset(struct hc_p11_guard *guard, int timeout_ms, struct hc_p11_used *ret_used)
{
	struct pollfd wanted = {.fd = guard->fd, .events = POLLIN};
	struct result result;

	if (guard->fd < 0 || send(guard->fd, "r", 1, MSG_NOSIGNAL) != 1 ||
	    poll(&wanted, 1, timeout_ms) != 1 ||
	    recv(guard->fd, &result, sizeof(result), MSG_DONTWAIT) != (ssize_t)sizeof(result))
		return HC_P11_RESET_FAILED;
	*ret_used = result.used; /* from a process of ours, in which no foreign code runs */
	return result.outcome;
}

void hc_p11_guard_end(struct hc_p11_guard *guard)
{
	if (guard->fd >= 0)
		(void)close(guard->fd); /* what it was told to do is done */
	guard->fd = -1;
}
