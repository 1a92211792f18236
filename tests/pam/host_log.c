/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <security/pam_ext.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Stands in for libpam's pam_syslog, so that a test sees what modules log and the machine's log
 * stays clean. The loader prefers this one for the modules that libpam loads.
 */
static char lines[8192];

__attribute__((visibility("default"))) void pam_syslog(const pam_handle_t *pamh, int priority,
						       const char *format, ...)
{
	size_t len = strlen(lines);
	va_list args;

	(void)pamh;
	len += (size_t)snprintf(lines + len, sizeof(lines) - len, "<%d>", priority);
	va_start(args, format);
	if (len < sizeof(lines))
		(void)vsnprintf(lines + len, sizeof(lines) - len, format, args);
	va_end(args);
	len = strlen(lines);
	if (len + 1 < sizeof(lines))
		memcpy(lines + len, "\n", 2);
}

const char *host_log(void)
{
	return lines;
}

void host_log_clear(void)
{
	lines[0] = '\0';
}
