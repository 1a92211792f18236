/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hospictl: the program's entry. Freed memory is overwritten from the first moment on, since seeds
 * and codes pass through libraries that free without scrubbing.
 */
#include <malloc.h>

#include "ctl.h"

#define FREED_BYTE 0x5a

int main(int argc, char **argv)
{
	(void)mallopt(M_PERTURB, FREED_BYTE); /* a refusal loses nothing but this extra */
	return hc_ctl_main(argc, argv);
}
