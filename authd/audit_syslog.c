/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Audit records and heads as lines to the local syslog, in the form of the C library's syslog(3)
 * (RFC 3164, facility LOG_AUTHPRIV). State: one datagram socket.
 *
 * syslog(3) itself may block for as long as the log daemon likes, and falls back to the console;
 * here a datagram is sent or it is not, and what could not be sent goes to our own log. A line
 * holds what the record holds, escaped, in one line: whoever chooses a login or a host name cannot
 * begin a second one. It must never delay the loop.
 */
#include "audit_internal.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/log.h"

#define LINE_MAX_LEN 8192

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
};

static void HC_PRINTF(2, 3) append(struct line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	const int len = vsnprintf(line->text + line->len, sizeof(line->text) - line->len, format, args);
	va_end(args);
	if (len > 0 && (size_t)len < sizeof(line->text) - line->len)
		line->len += (size_t)len;
}

static void append_field(struct line *line, const char *key, const char *value)
{
	char escaped[4 * sizeof(((struct hc_audit_record *)NULL)->detail)];

	if (value[0] == '\0')
		return;
	hc_escape(value, escaped, sizeof(escaped));
	append(line, " %s=\"%s\"", key, escaped);
}

/* Month names in English whatever the locale: collectors parse them. */
static void start_line(struct line *line, int priority, int64_t time_ms)
{
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	const time_t seconds = (time_t)(time_ms / 1000);
	struct tm when = {0};

	line->len = 0;
	(void)localtime_r(&seconds, &when); /* a time that no calendar has stays at zero */
	append(line, "<%d>%s %2d %02d:%02d:%02d hospiconnect-authd[%ld]:", LOG_AUTHPRIV | priority,
	       months[(unsigned)when.tm_mon % 12], when.tm_mday, when.tm_hour, when.tm_min, when.tm_sec,
	       (long)getpid());
}

void hc_audit_syslog_open(struct hc_audit_syslog *syslog, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	syslog->path = path;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	syslog->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (syslog->fd < 0)
		return;
	if (connect(syslog->fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		hc_audit_syslog_close(syslog);
}

void hc_audit_syslog_close(struct hc_audit_syslog *syslog)
{
	if (syslog->fd >= 0)
		(void)close(syslog->fd); /* a datagram socket holds nothing back */
	syslog->fd = -1;
}

static bool send_once(const struct hc_audit_syslog *syslog, const struct line *line)
{
	ssize_t sent = -1;

	if (syslog->fd < 0)
		return false;
	do {
		sent = send(syslog->fd, line->text, line->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

/* A log daemon that was restarted has a new socket: one new connection a line is tried. */
static bool send_line(struct hc_audit_syslog *syslog, const struct line *line)
{
	if (send_once(syslog, line))
		return true;
	if (syslog->fd >= 0 && (errno == EAGAIN || errno == ENOBUFS))
		return false;
	hc_audit_syslog_close(syslog);
	hc_audit_syslog_open(syslog, syslog->path);
	return send_once(syslog, line);
}

static void log_record(const struct hc_audit_record *record)
{
	hc_log(HC_LOG_NOTICE, "audit record (syslog is away)", HC_F_NUM("seq", record->seq),
	       HC_F_TEXT("event", record->event), HC_F_TEXT("outcome", record->outcome),
	       HC_F_NUM("reason", record->reason), HC_F_TEXT("login", record->login),
	       HC_F_TEXT("factor", record->factor), HC_F_TEXT("credential", record->credential),
	       HC_F_TEXT("service", record->service), HC_F_TEXT("origin", record->origin),
	       HC_F_TEXT("actor", record->actor), HC_F_TEXT("detail", record->detail));
}

void hc_audit_syslog_record(struct hc_audit_syslog *syslog, const struct hc_audit_record *record)
{
	const bool success = strcmp(record->outcome, "success") == 0;
	struct line line;

	start_line(&line, success ? LOG_INFO : LOG_NOTICE, record->time_ms);
	append(&line, " audit seq=\"%" PRId64 "\"", record->seq);
	append_field(&line, "event", record->event);
	append_field(&line, "outcome", record->outcome);
	if (record->reason != 0)
		append(&line, " reason=\"HC-%" PRIu32 "\"", record->reason);
	append_field(&line, "login", record->login);
	append_field(&line, "factor", record->factor);
	append_field(&line, "credential", record->credential);
	append_field(&line, "service", record->service);
	append_field(&line, "origin", record->origin);
	append_field(&line, "actor", record->actor);
	append_field(&line, "detail", record->detail);
	if (!send_line(syslog, &line))
		log_record(record);
}

static void append_hex(struct line *line, const char *key, const uint8_t *data, size_t len)
{
	append(line, " %s=\"", key);
	for (size_t i = 0; i < len; i++)
		append(line, "%02x", data[i]);
	append(line, "\"");
}

void hc_audit_syslog_head(struct hc_audit_syslog *syslog, const struct hc_audit_head *head)
{
	struct line line;

	start_line(&line, LOG_NOTICE, head->time_ms);
	const size_t prefix = line.len;
	append(&line, " audit-head seq=\"%" PRId64 "\" time_ms=\"%" PRId64 "\"", head->seq, head->time_ms);
	append_hex(&line, "hash", head->hash, sizeof(head->hash));
	append_hex(&line, "public_key", head->public_key, sizeof(head->public_key));
	append_hex(&line, "signature", head->signature, sizeof(head->signature));
	if (!send_line(syslog, &line))
		hc_log(HC_LOG_NOTICE, "audit head (syslog is away)",
		       HC_F_TEXT("head", line.text + prefix + sizeof(" audit-head")));
}
