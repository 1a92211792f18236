/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads write one variable without a lock, on purpose. ThreadSanitizer must say so.
 */
#include <pthread.h>
#include <stddef.h>

static long shared;

static void *add(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100000; i++)
		shared++;

	return NULL;
}

int main(void)
{
	pthread_t one, two;
	if (pthread_create(&one, NULL, add, NULL) || pthread_create(&two, NULL, add, NULL))
		return 1;
	(void)pthread_join(one, NULL);
	(void)pthread_join(two, NULL);

	return shared == 0;
}
