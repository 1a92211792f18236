/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into hospiconnect-authd by the benchmark only: adds to CLOCK_REALTIME the milliseconds
 * that stand in the file named by HC_BENCH_CLOCK (one int64, mapped shared). A TOTP code is accepted
 * once in its 30 seconds; with this the very same binary can be asked thousands of times a second,
 * each time in the next time step. It is never linked into a program and never installed.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *shift_ms;

__attribute__((constructor)) static void map_shift(void)
{
	const char *path = getenv("HC_BENCH_CLOCK");
	int fd;
	void *page;

	if (path == NULL)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	page = mmap(NULL, sizeof(*shift_ms), PROT_READ, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED)
		shift_ms = page;
	(void)close(fd); /* the mapping stays */
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t id, struct timespec *out)
{
	long rc = syscall(SYS_clock_gettime, id, out);

	if (rc == 0 && id == CLOCK_REALTIME && shift_ms != NULL) {
		int64_t ms = *shift_ms;

		out->tv_sec += (time_t)(ms / 1000);
		out->tv_nsec += (long)(ms % 1000) * 1000000L;
		if (out->tv_nsec >= 1000000000L) {
			out->tv_sec++;
			out->tv_nsec -= 1000000000L;
		}
	}
	return (int)rc;
}
