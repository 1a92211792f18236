/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the first certificate, so that a gateway that was just installed answers on its own machine.
 *
 * State: two files. Threats: taking the place of a certificate that somebody was given; a key that others could read,
 * for however short a time. It must never replace a file: whatever the order of two that run at once, each file is
 * made once, and who comes second fails.
 */
#include "process/first_certificate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hospiconnect/file.h"
#include "hospiconnect/log.h"
#include "hospiconnect/privilege.h"
#include "http/self_made.h"
#include "process/process.h"

#define DAYS	     365
#define KEY_OF_GROUP 0640
#define KEY_OF_OWNER 0600

static void clear_made(struct hc_self_made *made)
{
	hc_self_made_clear(made);
}

/* What cannot be looked at counts as being there: it is left alone. */
static bool is_there(const char *path)
{
	struct stat facts;

	return lstat(path, &facts) == 0 || errno != ENOENT;
}

static enum hc_err refuse(enum hc_err err, const char *what, const char *path)
{
	hc_log(HC_LOG_ERROR, what, HC_F_TEXT("path", path), HC_F_TEXT("reason", hc_strerror(err)));
	return err;
}

/* Root's file, which the gateway's group may read; made closed, opened to the group once it is that one. */
static enum hc_err write_key(const struct hc_gateway_config *config, const struct hc_self_made *made)
{
	const bool as_root = geteuid() == 0;
	struct hc_identity identity = {.uid = 0};
	enum hc_err err = as_root ? hc_privilege_user(config->user, &identity) : HC_OK;

	if (err != HC_OK)
		return err;
	err = hc_file_create(config->tls_key, KEY_OF_OWNER, made->key, made->key_len);
	if (err != HC_OK)
		return refuse(err, "the key cannot be written", config->tls_key);
	if (as_root &&
	    (lchown(config->tls_key, 0, identity.gid) != 0 || chmod(config->tls_key, KEY_OF_GROUP) != 0)) {
		(void)unlink(config->tls_key); /* alone it would stand in the way of the next try */
		return refuse(HC_ERR_IO, "the key cannot be given to the gateway", config->tls_key);
	}
	return HC_OK;
}

static enum hc_err write_both(const struct hc_gateway_config *config, const struct hc_self_made *made)
{
	enum hc_err err = write_key(config, made);

	if (err != HC_OK)
		return err;
	err = hc_file_create(config->tls_certificate, 0644, made->certificate, made->certificate_len);
	if (err == HC_OK)
		return HC_OK;
	(void)unlink(config->tls_key); /* of no use alone; made a moment ago */
	return refuse(err, "the certificate cannot be written", config->tls_certificate);
}

enum hc_err hc_first_certificate(const struct hc_gateway_config *config, const struct hc_clock *clock)
{
	HC_CLEANUP(clear_made) struct hc_self_made made = {.certificate = NULL};
	const bool certificate = is_there(config->tls_certificate), key = is_there(config->tls_key);
	char host[HC_HOST_CAP];

	if (certificate && key) {
		(void)printf("%s and its key are there already, and stay as they are.\n",
			     config->tls_certificate);
		return HC_OK;
	}
	if (certificate || key)
		return refuse(HC_ERR_EXISTS,
			      "of certificate and key one is there alone: move it away, then again",
			      certificate ? config->tls_certificate : config->tls_key);
	hc_issuer_host(config->issuer, host);

	enum hc_err err = hc_self_made_new(host, hc_now_ms(clock) / 1000, DAYS, &made);

	if (err != HC_OK)
		return refuse(err, "no certificate can be made for the issuer's host", host);
	err = write_both(config, &made);
	if (err == HC_OK)
		(void)printf("%s: made by this machine itself, for %s and %d days. Browsers warn of it; put "
			     "one of an "
			     "authority in its place, its key to %s, and reload the gateway.\n",
			     config->tls_certificate, host, DAYS, config->tls_key);
	return err;
}
