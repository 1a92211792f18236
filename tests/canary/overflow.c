/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes one byte behind a block on purpose. AddressSanitizer must say so.
 */
#include <stdlib.h>

int main(int argc, char **argv)
{
	(void)argv;
	/* volatile, and a length that the compiler cannot know: nothing may be optimised away */
	size_t len = 8 + (size_t)argc;
	volatile char *block = malloc(len);
	if (!block)
		return 1;
	block[len] = 1;
	free((void *)(size_t)block);

	return 0;
}
