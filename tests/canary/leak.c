/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loses a block of memory on purpose. LeakSanitizer must say so; if it does not, the sanitizer runs
 * of all other tests prove nothing about leaks.
 */
#include <stdlib.h>

static void *volatile kept;

int main(void)
{
	kept = malloc(37);
	kept = NULL;

	return 0;
}
