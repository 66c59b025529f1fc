/* Closing what a child must not inherit, and reserving space in files: system calls that only Linux has. */
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/fault.h"
#include "sys/linux/linux-internal.h"

/* close_range(2) is missing before Linux 5.9 and in old containers' filters. */
static void close_span(unsigned first, unsigned last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    struct rlimit limit;
    unsigned end = last;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= last)
        end = (unsigned)limit.rlim_cur;
    for (unsigned fd = first; fd <= end && fd < INT_MAX; fd++)
        close((int)fd);
}

void hal9_platform_close_all_but(int keep_a, int keep_b) {
    unsigned low = (unsigned)(keep_a < keep_b ? keep_a : keep_b);
    unsigned high = (unsigned)(keep_a < keep_b ? keep_b : keep_a);
    unsigned from = 3;
    if (keep_a >= 3 && keep_b >= 3) {
        close_span(from, low - 1);
        from = low + 1;
    }
    if ((int)high >= 3) {
        close_span(from, high - 1);
        from = high + 1;
    }
    close_span(from, UINT_MAX);
}

int hal9_sys_fallocate(int fd, off_t offset, off_t len) {
    return hal9_fault("fallocate") ? -1 : fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, len);
}
