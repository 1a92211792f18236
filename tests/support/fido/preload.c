/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libhc_test_keys.so: shows the keys that listen in a folder (every socket there whose name ends in
 * .key) to a program that was linked with libfido2 and knows nothing of it.
 *
 * Preloaded, it stands before four functions of libfido2 1.12 and works by its public interface
 * alone. The folder is $HC_TEST_KEYS_DIR or, where the environment is wiped, the first line of
 * /etc/hc-test-keys. Without either, or for any other path, libfido2 does what it always does.
 *
 * libfido2 itself is looked up where it is needed, not linked: preloaded into every program of a
 * namespace, the library must not drag it into shells, and a module may have brought it privately.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fido.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define EXPORTED    __attribute__((visibility("default")))
#define FOLDER_AT   "/etc/hc-test-keys"
#define SUFFIX	    ".key"
#define PATH_CAP    108
#define KEYS_MAX    32
#define DEVICES_MAX 64
#define LOCK_TRIES  20

struct handle {
	int fd, lock;
};

/* Devices made by fido_dev_new_with_info, with the path they are for. */
static struct {
	fido_dev_t *device;
	char path[PATH_CAP];
} devices[DEVICES_MAX];

static void *real(const char *name)
{
	static void *library;

	if (!library)
		library = dlopen("libfido2.so.1", RTLD_LAZY | RTLD_LOCAL);
	return library ? dlsym(library, name) : NULL;
}

/* A pointer to a function out of a pointer to an object, which ISO C has no cast for. */
#define REAL(name)                                               \
	({                                                       \
		__typeof__(&(name)) function_;                   \
		void *object_ = real(#name);                     \
		memcpy(&function_, &object_, sizeof(function_)); \
		function_;                                       \
	})

static bool is_key(const char *path)
{
	size_t len = strlen(path);
	struct stat info;

	return len > strlen(SUFFIX) && len < PATH_CAP && strcmp(path + len - strlen(SUFFIX), SUFFIX) == 0 &&
	       stat(path, &info) == 0 && S_ISSOCK(info.st_mode);
}

static bool is_key_path(const char *path)
{
	size_t len = strlen(path);

	return path[0] == '/' && strncmp(path, "/dev/", 5) != 0 && len > strlen(SUFFIX) && len < PATH_CAP &&
	       strcmp(path + len - strlen(SUFFIX), SUFFIX) == 0;
}

/* libfido2 holds a hidraw node for itself, and waits up to 21 s for another to let go: so do we. */
static int take_lock(const char *path)
{
	char name[PATH_CAP + 8];
	int fd;

	(void)snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	for (unsigned tries = 1; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; tries++) {
		struct timespec pause = {.tv_sec = tries / 10, .tv_nsec = (long)(tries % 10) * 100000000L};

		if (errno != EWOULDBLOCK || tries > LOCK_TRIES) {
			(void)close(fd);
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
	return fd;
}

static void device_close(void *opened)
{
	struct handle *handle = opened;

	if (handle->fd >= 0)
		(void)close(handle->fd);
	if (handle->lock >= 0)
		(void)close(handle->lock);
	free(handle);
}

static void *device_open(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	handle->lock = take_lock(path);
	handle->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (handle->lock < 0 || handle->fd < 0 ||
	    connect(handle->fd, (struct sockaddr *)&address, sizeof(address))) {
		device_close(handle);
		return NULL;
	}
	return handle;
}

static int device_read(void *opened, unsigned char *report, size_t len, int ms)
{
	const struct handle *handle = opened;
	struct pollfd readable = {.fd = handle->fd, .events = POLLIN};

	if (poll(&readable, 1, ms) != 1)
		return -1;
	return recv(handle->fd, report, len, 0) == (ssize_t)len ? (int)len : -1;
}

/* The first byte is the number of the report, which a key has only one of. */
static int device_write(void *opened, const unsigned char *report, size_t len)
{
	const struct handle *handle = opened;

	if (len < 2 || send(handle->fd, report + 1, len - 1, MSG_NOSIGNAL) != (ssize_t)len - 1)
		return -1;
	return (int)len;
}

static const fido_dev_io_t device = {device_open, device_close, device_read, device_write};

static bool first_line(const char *path, char *line, size_t cap)
{
	FILE *file = fopen(path, "re");
	bool there = file && fgets(line, (int)cap, file);

	if (file)
		(void)fclose(file);
	if (there)
		line[strcspn(line, "\n")] = '\0';
	return there;
}

/* As the program found it: one that clears its environment must not lose sight of its keys. */
static char given_folder[PATH_CAP];

__attribute__((constructor)) static void note_folder(void)
{
	const char *given = getenv("HC_TEST_KEYS_DIR");

	if (given && strlen(given) < sizeof(given_folder))
		memcpy(given_folder, given, strlen(given) + 1);
}

static bool folder(char *path, size_t cap)
{
	if (given_folder[0] == '\0')
		return first_line(FOLDER_AT, path, cap);
	return (size_t)snprintf(path, cap, "%s", given_folder) < cap;
}

static int by_name(const void *one, const void *other)
{
	return strcmp(one, other);
}

static size_t list(const char *at, char paths[KEYS_MAX][PATH_CAP])
{
	DIR *dir = opendir(at);
	const struct dirent *entry;
	size_t count = 0;

	while (dir && count < KEYS_MAX && (entry = readdir(dir)) != NULL) {
		if ((size_t)snprintf(paths[count], PATH_CAP, "%s/%s", at, entry->d_name) < PATH_CAP &&
		    is_key(paths[count]))
			count++;
	}
	if (dir)
		(void)closedir(dir);
	qsort(paths, count, PATH_CAP, by_name);
	return count;
}

static void descriptor(const char *path, char manufacturer[128], char product[128])
{
	char name[PATH_CAP + 8];
	FILE *file;

	(void)snprintf(manufacturer, 128, "HospiConnect");
	(void)snprintf(product, 128, "Test key");
	if ((size_t)snprintf(name, sizeof(name), "%s.usb", path) >= sizeof(name))
		return;
	file = fopen(name, "re");
	if (!file)
		return;
	if (fgets(manufacturer, 128, file) && fgets(product, 128, file)) {
		manufacturer[strcspn(manufacturer, "\n")] = '\0';
		product[strcspn(product, "\n")] = '\0';
	}
	(void)fclose(file);
}

EXPORTED int fido_dev_info_manifest(fido_dev_info_t *found, size_t cap, size_t *out_count)
{
	__typeof__(&fido_dev_info_set) set = REAL(fido_dev_info_set);
	__typeof__(&fido_dev_info_manifest) manifest = REAL(fido_dev_info_manifest);
	char at[PATH_CAP], paths[KEYS_MAX][PATH_CAP], manufacturer[128], product[128];
	size_t count;

	if (!set || !manifest)
		return FIDO_ERR_INTERNAL;
	if (!folder(at, sizeof(at)))
		return manifest(found, cap, out_count);
	*out_count = 0;
	count = list(at, paths);
	for (size_t i = 0; i < count && i < cap; i++) {
		descriptor(paths[i], manufacturer, product);
		if (set(found, i, paths[i], manufacturer, product, &device, NULL) != FIDO_OK)
			return FIDO_ERR_INTERNAL;
		*out_count = i + 1;
	}
	return FIDO_OK;
}

EXPORTED int fido_dev_open(fido_dev_t *opened, const char *path)
{
	__typeof__(&fido_dev_open) open_real = REAL(fido_dev_open);
	__typeof__(&fido_dev_set_io_functions) set = REAL(fido_dev_set_io_functions);

	if (!open_real || !set)
		return FIDO_ERR_INTERNAL;
	if (is_key_path(path)) {
		int status = set(opened, &device);

		if (status != FIDO_OK)
			return status;
	}
	return open_real(opened, path);
}

/* With functions of ours in a fido_dev_info_t alone, 1.12 asks hidraw for the length of reports. */
EXPORTED fido_dev_t *fido_dev_new_with_info(const fido_dev_info_t *info)
{
	__typeof__(&fido_dev_new_with_info) new_real = REAL(fido_dev_new_with_info);
	__typeof__(&fido_dev_new) new_plain = REAL(fido_dev_new);
	__typeof__(&fido_dev_info_path) path_of = REAL(fido_dev_info_path);
	const char *path = path_of ? path_of(info) : NULL;
	fido_dev_t *made;
	size_t place = 0;

	if (!new_real || !new_plain)
		return NULL;
	if (!path || !is_key_path(path))
		return new_real(info);
	made = new_plain();
	if (!made)
		return NULL;
	while (place < DEVICES_MAX - 1 && devices[place].device && devices[place].device != made)
		place++;
	devices[place].device = made;
	(void)snprintf(devices[place].path, sizeof(devices[place].path), "%s", path);
	return made;
}

EXPORTED int fido_dev_open_with_info(fido_dev_t *opened)
{
	__typeof__(&fido_dev_open_with_info) open_real = REAL(fido_dev_open_with_info);

	for (size_t i = 0; i < DEVICES_MAX; i++) {
		if (devices[i].device == opened)
			return fido_dev_open(opened, devices[i].path);
	}
	return open_real ? open_real(opened) : FIDO_ERR_INTERNAL;
}
