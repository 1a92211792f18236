/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reader, seen through pcscd, until its card has left.
 *
 * State: a process of its own with one connection to pcscd, since waiting there cannot be interrupted otherwise. No
 * vendor's library runs here. Threats: a card that is swapped faster than anybody looks (pcscd counts what comes
 * and goes, and the count is compared each time), a pcscd that ends (that is no removal, and the parent decides what it is
 * worth). It must never outlive its parent, and never say that a card is there which it has not just seen.
 */
#include "pkcs11_watch_card.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <winscard.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/program.h"

#define ONLY_FD	  3
#define AGAIN_MS  50  /* between two looks while something is missing that is waited for */
#define CALM_MS	  700 /* a pcscd that ends takes its readers away first: is it still there after that? */
#define MS_PER_S  1000
#define NS_PER_MS 1000000L

/* Signals are what ends this process. */
static void pause_ms(long ms)
{
	const struct timespec span = {.tv_sec = ms / MS_PER_S, .tv_nsec = ms % MS_PER_S * NS_PER_MS};

	(void)nanosleep(&span, NULL);
}

static void tell(enum hc_p11_news news, uint32_t instance)
{
	const struct hc_p11_card_news message = {.news = (uint32_t)news, .instance = instance};

	/* Nobody listens any more: then nobody needs this process. */
	if (send(ONLY_FD, &message, sizeof(message), MSG_NOSIGNAL) != (ssize_t)sizeof(message))
		_exit(HC_PROGRAM_FAILED);
}

static bool is_away(LONG rv)
{
	return rv == SCARD_E_NO_SERVICE || rv == SCARD_E_SERVICE_STOPPED || rv == SCARD_F_COMM_ERROR ||
	       rv == SCARD_E_INVALID_HANDLE || rv == SCARD_F_INTERNAL_ERROR || rv == SCARD_E_CANCELLED;
}

static bool is_the_card(const struct hc_watch_request *request, const SCARD_READERSTATE *state)
{
	return (state->dwEventState & SCARD_STATE_PRESENT) != 0 && state->cbAtr == request->atr_len &&
	       memcmp(state->rgbAtr, request->atr, request->atr_len) == 0;
}

/* Why it is not there: the reader has gone, or the card from it. One that is about to end says so by its absence. */
static enum hc_p11_news why_not(SCARDCONTEXT context, const SCARD_READERSTATE *state, LONG rv)
{
	const DWORD no_reader = SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE;
	SCARD_READERSTATE again = {.szReader = state->szReader, .dwCurrentState = SCARD_STATE_UNAWARE};

	if (rv == SCARD_S_SUCCESS && (state->dwEventState & no_reader) == 0)
		return HC_P11_LEFT;
	for (long waited_ms = 0; waited_ms < CALM_MS; waited_ms += AGAIN_MS) {
		pause_ms(AGAIN_MS);
		if (is_away(SCardGetStatusChange(context, 0, &again, 1)))
			return HC_P11_AWAY;
	}
	return HC_P11_UNPLUGGED;
}

/* Waits until the card is there, or says that it is not. */
static enum hc_p11_news find(SCARDCONTEXT context, const struct hc_watch_request *request, bool patient,
			     SCARD_READERSTATE *state)
{
	for (;;) {
		LONG rv = SCardGetStatusChange(context, 0, state, 1);
		uint32_t instance = hc_p11_instance_of(state->dwEventState);

		if (is_away(rv))
			return HC_P11_AWAY;
		if (rv == SCARD_S_SUCCESS && is_the_card(request, state))
			return request->has_instance && instance != request->instance ? HC_P11_LEFT
										      : HC_P11_HERE;
		/* One that was put in is another one, for all that anybody can know. */
		if (rv == SCARD_S_SUCCESS && (state->dwEventState & SCARD_STATE_PRESENT) != 0 &&
		    state->cbAtr > 0)
			return HC_P11_LEFT;
		if (!patient)
			return why_not(context, state, rv);
		state->dwCurrentState = SCARD_STATE_UNAWARE;
		pause_ms(AGAIN_MS);
	}
}

/* With the count the same, the card is the same: its ATR need not be read again, and may be away while it rests. */
static enum hc_p11_news watch(SCARDCONTEXT context, SCARD_READERSTATE *state)
{
	const uint32_t instance = hc_p11_instance_of(state->dwEventState);

	for (;;) {
		LONG rv;

		tell(HC_P11_HERE, instance);
		state->dwCurrentState = state->dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
		rv = SCardGetStatusChange(context, HC_P11_NEWS_MS, state, 1);
		if (is_away(rv))
			return HC_P11_AWAY;
		if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT)
			return why_not(context, state, rv);
		if ((state->dwEventState & SCARD_STATE_PRESENT) == 0)
			return why_not(context, state, SCARD_S_SUCCESS);
		if (hc_p11_instance_of(state->dwEventState) != instance)
			return HC_P11_LEFT;
	}
}

static _Noreturn void run(const struct hc_watch_request *request, bool patient)
{
	SCARD_READERSTATE state = {.szReader = request->path, .dwCurrentState = SCARD_STATE_UNAWARE};
	SCARDCONTEXT context = 0;
	enum hc_p11_news news = HC_P11_AWAY;

	if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) == SCARD_S_SUCCESS) {
		news = find(context, request, patient, &state);
		if (news == HC_P11_HERE)
			news = watch(context, &state);
	}
	tell(news, 0);
	_exit(HC_PROGRAM_OK); /* the connection goes with the process */
}

bool hc_p11_watch_card(const struct hc_watch_request *request, bool patient, int *ret_fd, int *ret_pid)
{
	const pid_t parent = getpid();
	int pair[2];
	sigset_t none;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	pid_t pid = fork();

	if (pid == 0) {
		(void)sigemptyset(&none); /* these fail for a wrong number only */
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		/* A parent that ended before it was asked for tells nothing more. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent ||
		    dup2(pair[1], ONLY_FD) < 0 || close_range(ONLY_FD + 1, ~0u, 0) != 0 ||
		    hc_confine(HC_CONFINE_PCSC) != HC_OK)
			_exit(HC_PROGRAM_FAILED);
		run(request, patient);
	}
	(void)close(pair[1]); /* the process' own */
	if (pid < 0) {
		(void)close(pair[0]);
		return false;
	}
	*ret_fd = pair[0];
	*ret_pid = pid;
	return true;
}
