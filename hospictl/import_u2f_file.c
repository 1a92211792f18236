/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping file of pam-u2f: read whole, and its lines found. No state. Threats: a file of any length, one that anybody
 * may write (it would bring anybody's key to anybody's account), one of a person who writes lines for somebody else.
 */
#include "import_u2f_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import_u2f_line.h"

#define NAMES_CAP 8192 /* of one account */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd); /* only read from */
}

static void free_text(char **text)
{
	free(*text);
}

/* ---- lines ---- */

static int by_login(const void *left, const void *right)
{
	const struct hc_u2f_entry *a = *(struct hc_u2f_entry *const *)left;
	const struct hc_u2f_entry *b = *(struct hc_u2f_entry *const *)right;
	int order = strcmp(a->login.text, b->login.text);

	return order != 0 ? order : a->number < b->number ? -1 : 1;
}

static enum hc_err supersede(struct hc_u2f_file *file)
{
	struct hc_u2f_entry **sorted = calloc(file->count + 1, sizeof(struct hc_u2f_entry *));

	if (sorted == NULL)
		return HC_ERR_NOMEM;
	for (size_t i = 0; i < file->count; i++)
		sorted[i] = &file->entries[i];
	qsort(sorted, file->count, sizeof(struct hc_u2f_entry *), by_login);
	for (size_t i = 1; i < file->count; i++) {
		if (sorted[i]->named && strcmp(sorted[i - 1]->login.text, sorted[i]->login.text) == 0)
			sorted[i - 1]->superseded = true;
	}
	free(sorted);
	return HC_OK;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t count = 1;

	for (size_t i = 0; i < len; i++)
		count += text[i] == '\n' ? 1 : 0;
	return count;
}

static void add_line(struct hc_u2f_file *file, const char *text, size_t len, size_t number, const char *owner)
{
	struct hc_u2f_entry *entry = &file->entries[file->count];

	if (hc_u2f_line_blank(text, len))
		return;
	*entry = (struct hc_u2f_entry){.text = text, .len = len, .number = number};
	entry->named = hc_u2f_line_login(text, len, &entry->login);
	if (!entry->named)
		entry->login.text[0] = '\0';
	entry->foreign = owner != NULL && strcmp(entry->login.text, owner) != 0;
	file->count++;
}

enum hc_err hc_u2f_file_index(char *text, size_t len, const char *owner, struct hc_u2f_file *ret_file)
{
	struct hc_u2f_file file = {.text = text, .len = len};
	const size_t lines = count_lines(text, len);
	size_t number = 1;

	/* A line may be two bytes, and what is known of it a hundred. */
	if (lines <= HC_U2F_LINES_MAX)
		file.entries = calloc(lines, sizeof(*file.entries));
	if (file.entries == NULL) {
		hc_u2f_file_clear(&file);
		return lines > HC_U2F_LINES_MAX ? HC_ERR_TOOBIG : HC_ERR_NOMEM;
	}
	for (size_t at = 0; at < len; number++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line = end != NULL ? (size_t)(end - (text + at)) : len - at;

		add_line(&file, text + at, line, number, owner);
		at += line + 1;
	}
	enum hc_err err = supersede(&file);

	if (err == HC_OK)
		*ret_file = file;
	else
		hc_u2f_file_clear(&file);
	return err;
}

/* ---- the file ---- */

static enum hc_err read_all(int fd, size_t size, char **ret_text, size_t *ret_len)
{
	char *text HC_CLEANUP(free_text) = malloc(size + 1);
	size_t len = 0;

	if (text == NULL)
		return HC_ERR_NOMEM;
	while (len <= size) {
		ssize_t got = read(fd, text + len, size + 1 - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return HC_ERR_IO;
		if (got == 0)
			break;
		len += (size_t)got;
	}
	if (len > size)
		return HC_ERR_IO; /* it grows while it is read */
	*ret_text = hc_steal_ptr(&text);
	*ret_len = len;
	return HC_OK;
}

static enum hc_err judge_file(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return HC_ERR_INVALID;
	if ((status->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return HC_ERR_PEER;
	return (uintmax_t)status->st_size > HC_U2F_FILE_MAX ? HC_ERR_TOOBIG : HC_OK;
}

static enum hc_err open_file(const char *path, int *ret_fd, struct stat *ret_status)
{
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (*ret_fd < 0)
		return errno == ENOENT ? HC_ERR_NOTFOUND : errno == ELOOP ? HC_ERR_INVALID : HC_ERR_PERM;
	return fstat(*ret_fd, ret_status) == 0 ? judge_file(ret_status) : HC_ERR_IO;
}

enum hc_err hc_u2f_file_read(const char *path, struct hc_u2f_file *ret_file)
{
	int fd HC_CLEANUP(close_fd) = -1;
	char *text HC_CLEANUP(free_text) = NULL;
	const char *owner = NULL;
	struct passwd account, *found = NULL;
	char names[NAMES_CAP];
	struct stat status;
	size_t len = 0;
	enum hc_err err = open_file(path, &fd, &status);

	if (err == HC_OK)
		err = read_all(fd, (size_t)status.st_size, &text, &len);
	if (err != HC_OK)
		return err;
	if (hc_u2f_is_ssh(text, len))
		return HC_ERR_EXISTS;
	if (status.st_uid != 0 && status.st_uid != geteuid()) {
		/* A file of nobody's speaks for nobody. */
		owner = "";
		if (getpwuid_r(status.st_uid, &account, names, sizeof(names), &found) == 0 && found != NULL)
			owner = account.pw_name;
	}
	return hc_u2f_file_index(hc_steal_ptr(&text), len, owner, ret_file);
}

void hc_u2f_file_clear(struct hc_u2f_file *file)
{
	free(file->text);
	free(file->entries);
	*file = (struct hc_u2f_file){.count = 0};
}
