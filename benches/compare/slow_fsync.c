/* An fsync that takes a given time and does nothing else: the same disk for all servers. Preloaded into them.
 *
 * FSYNC_MICROSECONDS is the time. FSYNC_COUNT is a file of eight bytes, in which calls are counted. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static long nanoseconds;
static uint64_t *count;

__attribute__((constructor)) static void set_up(void) {
    const char *time = getenv("FSYNC_MICROSECONDS"), *path = getenv("FSYNC_COUNT");
    nanoseconds = time ? atol(time) * 1000 : 0;
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    count = mapped == MAP_FAILED ? NULL : mapped;
}

static int wait_instead(void) {
    struct timespec time = {0, nanoseconds};
    if (count)
        __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
    nanosleep(&time, NULL);
    return 0;
}

int fsync(int file) {
    (void)file;
    return wait_instead();
}

int fdatasync(int file) {
    (void)file;
    return wait_instead();
}
