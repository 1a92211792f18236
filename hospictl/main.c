/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hospictl: the program's entry. Freed memory is overwritten from the first moment on, since seeds
 * and codes pass through libraries that free without scrubbing; and nobody else of the same user may look at it.
 * Its system calls are not filtered: who starts it may do more than it does, and doctor runs other programs.
 */
#include <malloc.h>
#include <stdlib.h>

#include "hospiconnect/privilege.h"

#include "ctl.h"

#define FREED_BYTE 0x5a

int main(int argc, char **argv)
{
	(void)mallopt(M_PERTURB, FREED_BYTE); /* a refusal loses nothing but this extra */
	if (hc_privilege_close() != HC_OK)
		return EXIT_FAILURE;
	return hc_ctl_main(argc, argv);
}
