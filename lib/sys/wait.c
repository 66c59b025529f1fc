/* Waiting for a descriptor, a deadline or a request to stop, whichever comes first. */
#include <limits.h>
#include <poll.h>

#include "sys/sys-internal.h"

int hal9_poll_timeout(int64_t deadline_ms) {
    if (deadline_ms < 0)
        return -1;
    int64_t left = deadline_ms - hal9_mono_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

hal9_status hal9_wait_fd(int fd, int64_t deadline_ms, int cancel_fd, struct hal9_error *err) {
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    for (;;) {
        int n = poll(fds, 2, hal9_poll_timeout(deadline_ms));
        if (n < 0 && errno != EINTR)
            return hal9_error_errno(err, errno, "cannot wait");
        if (n > 0 && fds[1].revents)
            return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted");
        if (n > 0 && fds[0].revents)
            return HAL9_OK;
        if (n <= 0 && deadline_ms >= 0 && hal9_mono_ms() >= deadline_ms)
            return fd < 0 ? HAL9_OK : hal9_error_set(err, HAL9_E_TIMEOUT, "timed out");
    }
}
