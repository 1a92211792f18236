/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second-factor marker, kept with pam_set_data on the host's handle.
 *
 * Threats: a handle that is used again (a host that retries, or one such as sudo that changes
 * PAM_USER), a fork that carries a copy of the handle along, and failing memory that would leave a
 * marker in place. It must never be readable outside of the process: no environment, no file.
 */
#include "marker.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hospiconnect/secret.h"
#include "verdict.h"

#define MARKER_NAME "hospiconnect second factor"

struct marker {
	struct hc_login login;
	pid_t pid;
};

static void marker_cleanup(pam_handle_t *pamh, void *data, int status)
{
	(void)pamh; /* the owner of the handle is known */
	(void)status;
	if (data == NULL)
		return;
	hc_scrub(data, sizeof(struct marker));
	free(data);
}

static const struct marker *marker_get(pam_handle_t *pamh)
{
	const void *data = NULL;

	if (!hc_pam_ok(pam_get_data(pamh, MARKER_NAME, &data)))
		return NULL;
	return data;
}

enum hc_err hc_marker_clear(pam_handle_t *pamh)
{
	/* Without a marker there is nothing to do; setting "none" would allocate, and might fail. */
	if (marker_get(pamh) == NULL)
		return HC_OK;
	if (!hc_pam_ok(pam_set_data(pamh, MARKER_NAME, NULL, NULL)))
		return HC_ERR_IO;
	return marker_get(pamh) == NULL ? HC_OK : HC_ERR_IO;
}

enum hc_err hc_marker_set(pam_handle_t *pamh, const struct hc_login *login)
{
	struct marker *marker = calloc(1, sizeof(*marker));

	if (marker == NULL)
		return HC_ERR_NOMEM;
	marker->login = *login;
	marker->pid = getpid();
	if (!hc_pam_ok(pam_set_data(pamh, MARKER_NAME, marker, marker_cleanup))) {
		marker_cleanup(pamh, marker, 0);
		return HC_ERR_NOMEM;
	}
	return HC_OK;
}

enum hc_err hc_marker_take(pam_handle_t *pamh, const char *user, bool *ret_valid)
{
	const struct marker *marker = marker_get(pamh);
	bool valid = marker != NULL && marker->pid == getpid() && strcmp(marker->login.text, user) == 0;
	enum hc_err err = hc_marker_clear(pamh);

	if (err != HC_OK)
		return err;
	*ret_valid = valid;
	return HC_OK;
}
