/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_CTL_PAM_SAMPLES_H
#define HC_CTL_PAM_SAMPLES_H

#include <stdlib.h>
#include <string.h>

/* A PAM directory in memory: pairs of name and text, ended by a name of NULL. */
struct sample_file {
	const char *name, *text;
};

static inline char *sample_source(const char *name, void *ctx)
{
	for (const struct sample_file *file = ctx; file->name != NULL; file++) {
		if (strcmp(file->name, name) == 0)
			return strdup(file->text);
	}
	return NULL;
}

#endif
