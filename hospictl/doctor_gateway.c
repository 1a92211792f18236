/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway, where there is one: its user and files, the broker's part, what it says of itself, whether its
 * port answers. State: none. The key of its certificate is never opened.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hospiconnect/attrs.h"
#include "hospiconnect/msg.h"

#include "doctor.h"
#include "request.h"
#include "when.h"

#define CONNECT_MS    1000
#define SETTLING_S    5	  /* a gateway that was started since then may still be on its way to the broker */
#define SETTLING_MS   100 /* between two questions to it */
#define LISTEN_CAP    600
#define WARN_DAYS     14
#define DAY_MS	      INT64_C(86400000)
#define BACKLOG_LARGE 1000 /* audit records that wait: the broker has been away for long */

struct settings {
	char state_dir[HC_DOCTOR_PATH_CAP], seal_key_file[HC_DOCTOR_PATH_CAP], user[65];
	char admin_socket[HC_DOCTOR_PATH_CAP], authd_socket[HC_DOCTOR_PATH_CAP];
	char tls_certificate[HC_DOCTOR_PATH_CAP], tls_key[HC_DOCTOR_PATH_CAP];
	char issuer[300], listen[LISTEN_CAP];
};

static void read_settings(const char *path, struct settings *out)
{
	const struct hc_doctor_setting settings[] = {
		{"state_dir", out->state_dir, sizeof(out->state_dir)},
		{"seal_key_file", out->seal_key_file, sizeof(out->seal_key_file)},
		{"user", out->user, sizeof(out->user)},
		{"admin_socket", out->admin_socket, sizeof(out->admin_socket)},
		{"authd_socket", out->authd_socket, sizeof(out->authd_socket)},
		{"tls_certificate", out->tls_certificate, sizeof(out->tls_certificate)},
		{"tls_key", out->tls_key, sizeof(out->tls_key)},
		{"issuer", out->issuer, sizeof(out->issuer)},
		{"listen", out->listen, sizeof(out->listen)},
	};

	*out = (struct settings){.state_dir = HC_GATEWAY_STATE_DIR,
				 .user = HC_GATEWAY_USER,
				 .admin_socket = HC_CTL_DEFAULT_GATEWAY_SOCKET,
				 .authd_socket = HC_RUN_DIR "/gateway.sock",
				 .listen = "0.0.0.0:443"};
	hc_doctor_settings_scan(path, "[gateway]", settings, HC_COUNT(settings));
	if (out->seal_key_file[0] == '\0')
		(void)snprintf(out->seal_key_file, sizeof(out->seal_key_file), "%.240s/seal.key",
			       out->state_dir);
}

/* ---- certificate and key, as files ---- */

static void check_key(struct hc_doctor *doctor, const struct hc_doctor_subject *subject, const char *path)
{
	struct stat facts;
	char mode[16];

	if (path[0] == '\0')
		return; /* the configuration was found wrong */
	if (stat(path, &facts) != 0) {
		hc_doctor_tell(doctor, subject, errno == ENOENT ? HC_DOCTOR_ERROR : HC_DOCTOR_WARNING,
			       "tls_key", errno == ENOENT ? "tls_key.missing" : "unseen",
			       HC_ARGS(path, strerrordesc_np(errno)));
		return;
	}
	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned)(facts.st_mode & 07777));
	const bool owned = facts.st_uid == 0 || facts.st_uid == geteuid() ||
			   (subject->user_known && facts.st_uid == subject->user_uid);
	const bool safe = S_ISREG(facts.st_mode) && owned && (facts.st_mode & 0037) == 0;
	hc_doctor_tell(doctor, subject, safe ? HC_DOCTOR_OK : HC_DOCTOR_ERROR, "tls_key",
		       safe ? "tls_key.ok" : "tls_key.unsafe", HC_ARGS(path, mode, subject->user));
}

/* ---- the broker's part ---- */

static void check_role(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
		       const struct settings *settings)
{
	const struct hc_doctor_settings *broker = &doctor->settings;

	if (strcmp(broker->role, "authority") != 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "role", "role.wrong", HC_ARGS(broker->role));
	else if (strcmp(broker->gateway_user, settings->user) != 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "role", "role.user",
			       HC_ARGS(broker->gateway_user, settings->user));
	else if (strcmp(broker->gateway_socket, settings->authd_socket) != 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "role", "role.socket",
			       HC_ARGS(broker->gateway_socket, settings->authd_socket));
	else if (doctor->broker_role[0] != '\0' && strcmp(doctor->broker_role, broker->role) != 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "role", "role.restart",
			       HC_ARGS(doctor->config, broker->role, doctor->broker_role));
	else
		hc_doctor_tell(doctor, subject, HC_DOCTOR_OK, "role", "role.ok",
			       HC_ARGS(settings->authd_socket));
}

/* Whether somebody listens there. Nothing is sent, so nothing is asked of whoever it is. */
static int try_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int failure = 0;

	if (fd < 0)
		return errno;
	memcpy(address.sun_path, path, strnlen(path, sizeof(address.sun_path) - 1));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		failure = errno;
	(void)close(fd); /* nothing was written */
	return failure;
}

static void check_password_helper(struct hc_doctor *doctor, const struct hc_doctor_subject *subject)
{
	const char *path = doctor->settings.password_socket;
	const int failure = try_unix(path);

	if (failure == 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_OK, "password", "password.ok", HC_ARGS(path));
	else if (failure == EACCES)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "password", "unseen",
			       HC_ARGS(path, strerrordesc_np(failure)));
	else
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "password", "password.silent",
			       HC_ARGS(path));
}

/* ---- what it says of itself ---- */

struct facts {
	char version[65], broker[8], store[8], purge_behind[8], certificate_fits[8], certificate_self_made[8];
	char records_waiting[24], certificate_expires_ms[24], clock_ms[24], uptime_s[24];
};

static enum hc_err take_fact(const struct hc_msg *row, void *ctx)
{
	struct facts *facts = ctx;
	const struct {
		const char *name;
		char *field;
		size_t cap;
	} wanted[] = {
		{"version", facts->version, sizeof(facts->version)},
		{"broker", facts->broker, sizeof(facts->broker)},
		{"store", facts->store, sizeof(facts->store)},
		{"purge_behind", facts->purge_behind, sizeof(facts->purge_behind)},
		{"certificate_fits", facts->certificate_fits, sizeof(facts->certificate_fits)},
		{"certificate_self_made", facts->certificate_self_made, sizeof(facts->certificate_self_made)},
		{"records_waiting", facts->records_waiting, sizeof(facts->records_waiting)},
		{"clock_ms", facts->clock_ms, sizeof(facts->clock_ms)},
		{"uptime_s", facts->uptime_s, sizeof(facts->uptime_s)},
		{"certificate_expires_ms", facts->certificate_expires_ms,
		 sizeof(facts->certificate_expires_ms)}};
	char name[65];

	if (hc_msg_text(row, HC_FIELD_NAME, name, sizeof(name)) != HC_OK)
		return HC_ERR_PROTOCOL;
	for (size_t i = 0; i < HC_COUNT(wanted); i++) {
		if (strcmp(wanted[i].name, name) == 0 &&
		    hc_msg_text(row, HC_FIELD_VALUE, wanted[i].field, wanted[i].cap) != HC_OK)
			return HC_ERR_PROTOCOL;
	}
	return HC_OK;
}

static void judge_certificate(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
			      const struct facts *facts, const struct settings *settings)
{
	const int64_t ends_ms = strtoll(facts->certificate_expires_ms, NULL, 10);
	const int64_t left_ms = ends_ms - hc_now_ms(doctor->ctl.clock);
	char when[HC_WHEN_CAP];

	hc_when_utc(ends_ms, false, when, sizeof(when));
	if (left_ms <= 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "certificate", "certificate.over",
			       HC_ARGS(when));
	else if (strcmp(facts->certificate_fits, "yes") != 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "certificate", "certificate.name",
			       HC_ARGS(settings->tls_certificate, settings->issuer));
	else if (left_ms < WARN_DAYS * DAY_MS)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "certificate", "certificate.soon",
			       HC_ARGS(when));
	else if (strcmp(facts->certificate_self_made, "yes") == 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "certificate", "certificate.self_made",
			       HC_ARGS(settings->tls_certificate, when, settings->tls_key, settings->user));
	else
		hc_doctor_tell(doctor, subject, HC_DOCTOR_OK, "certificate", "certificate.ok", HC_ARGS(when));
}

static void judge(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
		  const struct facts *facts)
{
	const bool broker = strcmp(facts->broker, "yes") == 0, store = strcmp(facts->store, "yes") == 0;
	const bool behind = strcmp(facts->purge_behind, "yes") == 0;

	hc_doctor_tell(doctor, subject, HC_DOCTOR_OK, "answer", "answer.ok", HC_ARGS(facts->version));
	if (strcmp(facts->version, HC_VERSION) != 0)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "version", "version.differs",
			       HC_ARGS(facts->version, HC_VERSION));
	hc_doctor_since_start(doctor, subject, facts->clock_ms, facts->uptime_s);
	hc_doctor_tell(doctor, subject, broker ? HC_DOCTOR_OK : HC_DOCTOR_ERROR, "broker",
		       broker ? "link.ok" : "link.away", NULL);
	hc_doctor_tell(doctor, subject, store ? HC_DOCTOR_OK : HC_DOCTOR_ERROR, "store",
		       store ? "store.ok" : "store.broken", NULL);
	if (behind)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "purge", "purge.behind", NULL);
	if (strtoll(facts->records_waiting, NULL, 10) > BACKLOG_LARGE)
		hc_doctor_tell(doctor, subject, HC_DOCTOR_WARNING, "records", "records.waiting",
			       HC_ARGS(facts->records_waiting));
}

static enum hc_err ask(const struct hc_ctl *gateway, struct facts *facts, struct hc_reply *reply)
{
	HC_AUTO(msg) request = NULL;
	enum hc_err err = hc_request_new(gateway, HC_MSG_STATUS, &request);

	return err != HC_OK ? err : hc_request_send(gateway, request, take_fact, facts, reply);
}

static bool settling(const struct facts *facts)
{
	return strcmp(facts->broker, "yes") != 0 && strtoll(facts->uptime_s, NULL, 10) < SETTLING_S;
}

/* What is asked in the moment after a restart would be answered by an alarm that is over before it is read. */
static enum hc_err ask_when_settled(const struct hc_ctl *gateway, struct facts *facts, struct hc_reply *reply)
{
	const struct timespec pause = {.tv_nsec = SETTLING_MS * 1000000L};
	enum hc_err err = ask(gateway, facts, reply);

	for (int i = 0; err == HC_OK && settling(facts) && i < SETTLING_S * 1000 / SETTLING_MS; i++) {
		(void)nanosleep(&pause, NULL); /* cut short by a signal: asked sooner */
		err = ask(gateway, facts, reply);
	}
	return err;
}

static void check_status(struct hc_doctor *doctor, const struct hc_doctor_subject *subject,
			 const struct settings *settings, const char *socket_path)
{
	struct hc_ctl gateway = hc_ctl_at_gateway(&doctor->ctl);
	struct facts facts = {.version = "?"};
	struct hc_reply reply = {.ended = false};
	enum hc_err err;

	gateway.socket = socket_path;
	err = ask_when_settled(&gateway, &facts, &reply);
	if (err != HC_OK) {
		hc_doctor_tell(doctor, subject, HC_DOCTOR_ERROR, "answer", "answer.silent",
			       HC_ARGS(socket_path, reply.ended ? reply.text : hc_strerror(err)));
		return;
	}
	judge(doctor, subject, &facts);
	judge_certificate(doctor, subject, &facts, settings);
}

/* ---- the port ---- */

static bool read_address(const char *text, size_t len, struct sockaddr_storage *out, socklen_t *ret_len)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	char host[64];
	const char *colon = memrchr(text, ':', len);
	const bool v6 = text[0] == '[';
	const size_t host_len = colon == NULL ? 0 : (size_t)(colon - text) - (v6 ? 2 : 0);

	if (colon == NULL || host_len >= sizeof(host))
		return false;
	memcpy(host, text + (v6 ? 1 : 0), host_len);
	host[host_len] = '\0';
	in4.sin_port = in6.sin6_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	memset(out, 0, sizeof(*out));
	if (inet_pton(v6 ? AF_INET6 : AF_INET, host, v6 ? (void *)&in6.sin6_addr : (void *)&in4.sin_addr) !=
	    1)
		return false;
	*ret_len = v6 ? sizeof(in6) : sizeof(in4);
	memcpy(out, v6 ? (const void *)&in6 : (const void *)&in4, *ret_len);
	return true;
}

static bool answers(const struct sockaddr_storage *address, socklen_t len)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd waiting = {.fd = fd, .events = POLLOUT};
	int failure = -1;
	socklen_t size = sizeof(failure);
	bool connected = false;

	if (fd < 0)
		return false;
	connected = connect(fd, (const struct sockaddr *)address, len) == 0 ||
		    (errno == EINPROGRESS && poll(&waiting, 1, CONNECT_MS) == 1 &&
		     getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0);
	(void)close(fd); /* nothing was written */
	return connected;
}

static void check_port(struct hc_doctor *doctor, const struct hc_doctor_subject *subject, const char *listen)
{
	static const char separators[] = " \t,";
	const size_t len = strcspn(listen, separators);
	struct sockaddr_storage address;
	socklen_t address_len = 0;
	char shown[80];
	bool good = false;

	if (!read_address(listen, len, &address, &address_len))
		return; /* the configuration was found wrong */
	(void)snprintf(shown, sizeof(shown), "%.*s", (int)len,
		       listen); /* the settings let no longer one through */
	good = answers(&address, address_len);
	hc_doctor_tell(doctor, subject, good ? HC_DOCTOR_OK : HC_DOCTOR_ERROR, "port",
		       good ? "port.ok" : "port.silent", HC_ARGS(shown));
}

/* ---- the whole ---- */

void hc_doctor_gateway(struct hc_doctor *doctor)
{
	static struct settings settings; /* large, and one examination a process */
	struct hc_doctor_subject subject = {.name = "gateway",
					    .program = "hospiconnect-gateway",
					    .config = doctor->gateway_config,
					    .user = settings.user,
					    .state_dir = settings.state_dir,
					    .seal_key_file = settings.seal_key_file};
	const char *socket_path = doctor->ctl.gateway_socket;

	if (access(doctor->gateway_config, F_OK) != 0 && errno == ENOENT)
		return; /* none is installed */
	read_settings(doctor->gateway_config, &settings);
	if (strcmp(socket_path, HC_CTL_DEFAULT_GATEWAY_SOCKET) == 0)
		socket_path = settings.admin_socket;
	hc_doctor_user(doctor, &subject);
	hc_doctor_files(doctor, &subject);
	check_key(doctor, &subject, settings.tls_key);
	check_role(doctor, &subject, &settings);
	check_password_helper(doctor, &subject);
	hc_doctor_socket(doctor, &subject, "admin_socket", socket_path, true);
	check_status(doctor, &subject, &settings, socket_path);
	check_port(doctor, &subject, settings.listen);
}
