/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include <dirent.h>
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"

/*
 * Runs a fuzz target once on each file given, or on each file of a directory given, with any
 * compiler: so every preset replays the corpora. Fails where a file cannot be read or where there
 * was none, since a replay of nothing proves nothing.
 */
#define INPUT_MAX (1024L * 1024)

static unsigned replayed;

static bool replay_file(const char *path)
{
	FILE *file = fopen(path, "rbe");
	uint8_t *data = malloc(INPUT_MAX);
	size_t size = 0;

	if (file == NULL || data == NULL) {
		perror(path);
		if (file != NULL)
			(void)fclose(file);
		free(data);
		return false;
	}
	size = fread(data, 1, INPUT_MAX, file);

	/* a block of exactly this size: a step beyond it is seen by a sanitizer */
	uint8_t *input = malloc(size > 0 ? size : 1);

	if (input != NULL) {
		memcpy(input, data, size);
		/* the name first: it is the last thing printed if the target aborts */
		(void)printf("%s (%zu bytes)\n", path, size);
		(void)fflush(stdout);
		(void)LLVMFuzzerTestOneInput(input, size);
		replayed++;
	}
	free(input);
	free(data);
	return fclose(file) == 0 && input != NULL;
}

static bool replay_directory(const char *path)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, NULL, alphasort);
	bool ok = count >= 0;

	for (int i = 0; i < count; i++) {
		char file[4096];

		if (entries[i]->d_name[0] != '.') {
			(void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
			ok = replay_file(file) && ok;
		}
		free(entries[i]);
	}
	free(entries);
	return ok;
}

int main(int argc, char **argv)
{
	bool ok = true;

	for (int i = 1; i < argc; i++) {
		struct stat facts;

		if (stat(argv[i], &facts) != 0) {
			perror(argv[i]);
			return 1;
		}
		ok = (S_ISDIR(facts.st_mode) ? replay_directory(argv[i]) : replay_file(argv[i])) && ok;
	}
	(void)printf("%u inputs replayed\n", replayed);
	return ok && replayed > 0 ? 0 : 1;
}
