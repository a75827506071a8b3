/* A clock for server processes that a test sets: LD_PRELOAD this, and name in TEST_CLOCK a file with the microseconds since the
 * Unix epoch (8 bytes). The monotonic clock goes on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

static volatile int64_t *now;
static int (*system_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void map_clock(void) {
    system_clock = dlsym(RTLD_NEXT, "clock_gettime");
    int file = open(getenv("TEST_CLOCK"), O_RDONLY);
    void *page = mmap(NULL, sizeof *now, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) abort();
    now = page;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    *time = (struct timeval){ *now / 1000000, *now % 1000000 };
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (!system_clock) map_clock();
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) return system_clock(clock, time);
    *time = (struct timespec){ *now / 1000000, *now % 1000000 * 1000 };
    return 0;
}

/* Valkey derives the time from the counter of the processor if it finds in this file that there is one. */
FILE *fopen(const char *path, const char *mode) {
    FILE *(*open_file)(const char *, const char *) = dlsym(RTLD_NEXT, "fopen");
    return strcmp(path, "/proc/cpuinfo") ? open_file(path, mode) : NULL;
}

FILE *fopen64(const char *path, const char *mode) {
    return fopen(path, mode);
}

time_t time(time_t *result) {
    time_t seconds = *now / 1000000;
    if (result) *result = seconds;
    return seconds;
}
