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

/* ret_marker: NULL if there is none. A handle that does not say whether there is one is an error. */
static enum hc_err marker_get(pam_handle_t *pamh, const struct marker **ret_marker)
{
	const void *data = NULL;
	int code = pam_get_data(pamh, MARKER_NAME, &data);

	if (!hc_pam_ok(code) && code != PAM_NO_MODULE_DATA)
		return HC_ERR_IO;
	*ret_marker = data;
	return HC_OK;
}

/* The block is ours, libpam only keeps it; spent in place, it is void even if libpam does not let go. */
static void spend(const struct marker *marker)
{
	void *block;

	memcpy(&block, &marker, sizeof(block));
	hc_scrub(block, sizeof(*marker));
}

enum hc_err hc_marker_clear(pam_handle_t *pamh)
{
	const struct marker *marker = NULL;
	enum hc_err err = marker_get(pamh, &marker);

	/* Without a marker there is nothing to do; setting "none" would allocate, and might fail. */
	if (err != HC_OK || marker == NULL)
		return err;
	spend(marker);
	return hc_pam_ok(pam_set_data(pamh, MARKER_NAME, NULL, NULL)) ? HC_OK : HC_ERR_IO;
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
	const struct marker *marker = NULL;
	enum hc_err err = marker_get(pamh, &marker);
	bool valid = marker != NULL && marker->pid == getpid() && strcmp(marker->login.text, user) == 0;

	if (err == HC_OK)
		err = hc_marker_clear(pamh);
	if (err != HC_OK)
		return err;
	*ret_valid = valid;
	return HC_OK;
}
