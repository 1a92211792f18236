/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line for the administrator when a child was killed for what it tried. No state. Which call it was stands in the kernel's
 * log alone: nothing is told to the parent.
 */
#include "hospiconnect/confine.h"

#include <signal.h>
#include <sys/wait.h>

#include "hospiconnect/log.h"

void hc_confine_tell(const char *name, int status)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		hc_log(HC_LOG_ERROR,
		       "a process was killed for a forbidden system call: look for type=1326 in the kernel's "
		       "log",
		       HC_F_TEXT("process", name), HC_F_NUM("signal", WTERMSIG(status)));
}
