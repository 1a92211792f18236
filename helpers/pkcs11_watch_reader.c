/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Until a card has left its reader.
 *
 * State: the process that looks at the reader, and until when it must have said that the card is there. Threats: a
 * pcscd that ends or hangs, or a machine that slept: the card is then looked at anew by a new process, and one that
 * cannot be shown to be there in time counts as taken out. It must never take silence for presence.
 */
#include "pkcs11_watch_reader.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/clock.h"
#include "hospiconnect/confine.h"
#include "hospiconnect/log.h"
#include "hospiconnect/program.h"
#include "pkcs11_watch_card.h"

#define AGAIN_MS 100 /* between two tries to reach pcscd */
#define NEVER_S	 (INT64_C(1) << 36)

struct watch {
	int link, wake;
	struct hc_watch_request request;
	struct hc_watch_sleep sleep;
	int looker, pid;     /* the process, and our end of the pair with it; -1: none */
	int64_t deadline_ms; /* when the card must have been seen again */
	int64_t again_ms;    /* when the next process is started; 0: one runs */
	bool seen, outage;
	const char *left; /* why it has left; NULL: it has not */
};

static int64_t now_ms(void)
{
	return hc_mono_ms(hc_clock_system());
}

static void end_looker(struct watch *watch)
{
	int status = 0;

	if (watch->pid > 0) {
		(void)kill(watch->pid, SIGKILL); /* not reaped yet, so the number is still its own */
		if (waitpid(watch->pid, &status, 0) == watch->pid)
			hc_confine_tell("a process that asks pcscd", status);
		(void)close(watch->looker); /* a socket; nothing is written to a file */
	}
	watch->pid = -1;
	watch->looker = -1;
}

/* Another one is started in a moment; until then the card is not seen, which may last so long and no longer. */
static void look_again(struct watch *watch, int64_t in_ms)
{
	end_looker(watch);
	watch->again_ms = now_ms() + in_ms;
	if (!watch->outage)
		watch->deadline_ms = now_ms() + HC_P11_OUTAGE_MS;
	watch->outage = true;
}

static void start_looker(struct watch *watch, bool patient)
{
	watch->again_ms = 0;
	if (!hc_p11_watch_card(&watch->request, patient, &watch->looker, &watch->pid))
		look_again(watch, AGAIN_MS);
}

/*
 * A pcscd that was started anew counts from zero. A card that was in its reader all the time is still at zero there;
 * one that came since then was put in by somebody.
 */
static void lost_pcscd(struct watch *watch)
{
	if (watch->seen) {
		watch->request.has_instance = true;
		watch->request.instance = 0;
	}
	look_again(watch, AGAIN_MS);
}

static void take_here(struct watch *watch, uint32_t instance)
{
	bool news = !watch->seen || watch->outage;

	watch->request.has_instance = true;
	watch->request.instance = instance;
	watch->seen = true;
	watch->outage = false;
	watch->deadline_ms = now_ms() + HC_P11_NEWS_MS + HC_P11_OUTAGE_MS;
	if (news && !hc_watch_say_here(watch->link, instance))
		hc_log_plain(HC_LOG_DEBUG, "the link has ended"); /* which reading it says as well */
}

static void hear_looker(struct watch *watch)
{
	struct hc_p11_card_news message;

	if (recv(watch->looker, &message, sizeof(message), MSG_DONTWAIT) != (ssize_t)sizeof(message))
		look_again(watch, AGAIN_MS); /* it died, and pcscd did not */
	else if (message.news == HC_P11_HERE)
		take_here(watch, message.instance);
	else if (message.news == HC_P11_LEFT)
		watch->left = "the card was taken out";
	else if (message.news == HC_P11_UNPLUGGED)
		watch->left = "the reader was unplugged";
	else
		lost_pcscd(watch);
}

/* What is told of a machine that slept is what is seen after it, not what was known before. */
static void look_at_sleep(struct watch *watch)
{
	uint64_t expired;

	(void)!read(watch->wake, &expired,
		    sizeof(expired)); /* ECANCELED: the clock jumped, as after a sleep */
	if (!hc_watch_slept_now(&watch->sleep))
		return;
	hc_log_plain(HC_LOG_DEBUG, "the machine slept: the reader is looked at anew");
	look_again(watch, 0);
}

static int wait_ms(const struct watch *watch)
{
	int64_t at_ms = watch->deadline_ms, left;

	if (watch->again_ms != 0 && watch->again_ms < at_ms)
		at_ms = watch->again_ms;
	left = at_ms - now_ms();
	return left < 0 ? 0 : left > HC_P11_NEWS_MS ? HC_P11_NEWS_MS : (int)left;
}

/* HC_WATCH_NOTHING: it goes on. */
static enum hc_watch_word watch_once(struct watch *watch)
{
	struct pollfd wanted[] = {{.fd = watch->link, .events = POLLIN},
				  {.fd = watch->looker, .events = POLLIN}, /* negative: left out */
				  {.fd = watch->wake, .events = POLLIN}};

	if (poll(wanted, HC_COUNT(wanted), wait_ms(watch)) < 0 && errno != EINTR)
		return HC_WATCH_CLOSED;
	if (wanted[1].revents != 0)
		hear_looker(watch);
	look_at_sleep(watch);
	if (watch->again_ms != 0 && now_ms() >= watch->again_ms)
		start_looker(watch, true);
	if (watch->left == NULL && now_ms() >= watch->deadline_ms)
		watch->left = "the reader could not be reached";
	return wanted[0].revents != 0 ? hc_watch_hear(watch->link) : HC_WATCH_NOTHING;
}

/* Told at once when the wall clock jumps, which the end of a sleep is. Without it the next look notices. */
static int open_wake(void)
{
	const struct itimerspec never = {.it_value = {.tv_sec = NEVER_S}};
	int wake = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

	if (wake >= 0 &&
	    timerfd_settime(wake, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) != 0)
		hc_log_plain(HC_LOG_DEBUG, "the end of a sleep is noticed late");
	return wake;
}

static int watch_link(struct watch *watch)
{
	enum hc_watch_word word = HC_WATCH_NOTHING;
	bool told = false;

	watch->deadline_ms = now_ms() + HC_P11_OUTAGE_MS;
	(void)hc_watch_slept_now(&watch->sleep);
	start_looker(watch, false);
	while (word == HC_WATCH_NOTHING && watch->left == NULL)
		word = watch_once(watch);
	end_looker(watch);
	if (word == HC_WATCH_CANCEL)
		told = hc_watch_say_cancelled(watch->link);
	else if (watch->left != NULL)
		told = hc_watch_say_left(watch->link, watch->left);
	return told ? HC_PROGRAM_OK : HC_PROGRAM_FAILED;
}

int hc_p11_watch_reader(int link, const struct hc_msg *start)
{
	struct watch watch = {.link = link, .looker = -1, .pid = -1};

	if (hc_watch_parse(start, true, &watch.request) != HC_OK) {
		hc_log_plain(HC_LOG_WARNING, "no device to watch for");
		return HC_PROGRAM_FAILED;
	}
	watch.wake = open_wake();
	int status = watch_link(&watch);

	if (watch.wake >= 0)
		(void)close(watch.wake); /* nothing was written to it */
	return status;
}
