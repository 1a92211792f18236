/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a block that was freed, on purpose, through a pointer that the compiler must load again.
 * AddressSanitizer must say so.
 */
#include <stdlib.h>

static char *volatile block;

int main(void)
{
	block = calloc(1, 16);
	if (!block)
		return 1;
	char *volatile stale = block;
	free(block);

	return stale[3];
}
