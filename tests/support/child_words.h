/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HC_TEST_CHILD_WORDS_H
#define HC_TEST_CHILD_WORDS_H

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a child said on both streams, and how it ended. */
struct outcome {
	int status; /* -1: by a signal */
	char said[4096];
};

/* Reads from the pipe (ends[1] is the child's) until nobody writes any more, and waits for the child. Closes both ends. */
static inline struct outcome child_words(const int ends[2], pid_t pid)
{
	struct outcome outcome = {.status = -1};
	size_t len = 0;
	ssize_t got = 0;
	int status = 0;

	(void)close(ends[1]);
	while ((got = read(ends[0], outcome.said + len, sizeof(outcome.said) - 1 - len)) > 0)
		len += (size_t)got;
	(void)close(ends[0]);
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		outcome.status = WEXITSTATUS(status);
	return outcome;
}

#endif
