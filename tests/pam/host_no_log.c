/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

/* For tests in which modules log through libpam's own pam_syslog: there is nothing to read here. */
const char *host_log(void)
{
	return "";
}

void host_log_clear(void)
{
}
