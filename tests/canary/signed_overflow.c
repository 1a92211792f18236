/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adds past INT_MAX on purpose. UndefinedBehaviorSanitizer must say so.
 */
#include <limits.h>

int main(int argc, char **argv)
{
	(void)argv;
	volatile int sum = INT_MAX;
	sum = sum + argc;

	return sum == 0;
}
