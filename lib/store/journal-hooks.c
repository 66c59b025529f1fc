/* Test hooks: a process says that it stands at a journal line and waits there to be killed or let
 * go. Lines are counted over all journals of the process, in the order of appending.
 *
 *     HAL9OPS_TEST_STOP="N:READY:GO"         after line N is written (and synced, where durable)
 *     HAL9OPS_TEST_STOP_BEFORE="N:READY:GO"  before it
 *     HAL9OPS_TEST_LINES=FILE                each line's number is appended to FILE
 *
 * READY and GO are descriptors: one byte is written to READY, then GO is read; a byte or its end
 * lets the process go on. */
#include "store/store-internal.h"

#ifdef HAL9_TEST_HOOKS
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static atomic_uint counted;

struct stop {
    long at, ready, go;
};

/* "N:READY:GO" */
static bool parse(const char *spec, struct stop *ret) {
    char *end;
    ret->at = strtol(spec, &end, 10);
    if (*end != ':')
        return false;
    ret->ready = strtol(end + 1, &end, 10);
    if (*end != ':')
        return false;
    ret->go = strtol(end + 1, &end, 10);
    return *end == '\0' && ret->at > 0 && ret->ready >= 0 && ret->go >= 0;
}

static void stop_at(const char *variable, unsigned n) {
    const char *spec = getenv(variable);
    struct stop stop;
    if (!spec)
        return;
    if (!parse(spec, &stop)) {
        hal9_log(0, "%s is '%s'; it must be N:FD:FD", variable, spec);
        abort(); /* a test that asked to be stopped must not pass without it */
    }
    if (stop.at != (long)n)
        return;
    char byte = '.';
    if (HAL9_AGAIN(write((int)stop.ready, &byte, 1)) != 1 ||
        HAL9_AGAIN(read((int)stop.go, &byte, 1)) < 0) {
        hal9_log(0, "%s=%s: %s", variable, spec, strerror(errno));
        abort();
    }
}

static void count_in_file(unsigned n) {
    const char *path = getenv("HAL9OPS_TEST_LINES");
    if (!path)
        return;
    _cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || dprintf(fd, "%u\n", n) < 0)
        hal9_log(0, "HAL9OPS_TEST_LINES=%s: %s", path, strerror(errno));
}

void hal9_hook_reset(void) {
    atomic_store(&counted, 0);
}

unsigned hal9_hook_before_line(void) {
    unsigned n = atomic_fetch_add(&counted, 1) + 1;
    stop_at("HAL9OPS_TEST_STOP_BEFORE", n);
    return n;
}

void hal9_hook_after_line(unsigned n) {
    count_in_file(n);
    stop_at("HAL9OPS_TEST_STOP", n);
}
#endif
