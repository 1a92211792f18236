/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program's configuration file, from its path to its struct.
 *
 * State: none. Threats: a file that somebody else can write, so its owner and mode are checked on the
 * open descriptor. Started by root, only root's file is believed: a daemon's own user must not be able
 * to choose what root does at the next start.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hospiconnect/config.h"
#include "hospiconnect/file.h"

#define CONFIG_FILE_MAX (256u * 1024u)

/* What to tell about a file that could not be read at all. */
static const char *unreadable(enum hc_err err)
{
	if (err == HC_ERR_NOTFOUND)
		return "no such file";
	if (err == HC_ERR_PERM)
		return "must be a regular file of root or of the starting user that nobody else may write "
		       "(chown root, chmod go-w)";
	if (err == HC_ERR_TOOBIG)
		return "longer than 256 KiB";
	return hc_strerror(err);
}

/* Truncation only shortens a message for a person. */
static void explain(char *out, size_t cap, const char *path, unsigned line, const char *why)
{
	if (line == 0)
		(void)snprintf(out, cap, "%s: %s", path, why);
	else
		(void)snprintf(out, cap, "%s:%u: %s", path, line, why);
}

enum hc_err hc_config_load(const char *path, hc_config_parse_fn parse, void *target, char *ret_why,
			   size_t cap)
{
	const struct hc_file_rules rules = {
		.owner = geteuid(), .root_too = true, .forbidden = 0022, .max_len = CONFIG_FILE_MAX};
	struct hc_config_error error = {0};
	char *text = NULL;
	size_t len = 0;
	enum hc_err err = hc_file_read(path, &rules, &text, &len);

	if (err != HC_OK) {
		explain(ret_why, cap, path, 0, unreadable(err));
		return err;
	}
	err = parse(text, len, target, &error);
	free(text);
	if (err != HC_OK)
		explain(ret_why, cap, path, error.line, error.text);
	return err;
}

enum hc_err hc_config_contradiction(const char *why, struct hc_config_error *ret_error)
{
	*ret_error = (struct hc_config_error){.line = 0};
	(void)snprintf(ret_error->text, sizeof(ret_error->text), "%s", why); /* shorter than 256 */
	return HC_ERR_INVALID;
}
