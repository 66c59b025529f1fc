/* Writes records for a reader that may be slow, may stall, may have gone: none of that may stop an
 * operation. The descriptor is inherited, so O_NONBLOCK is never set on it: others share it. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doc/stream-internal.h"

enum ready { READY, STALLED, CANCELLED };

/* Waits until fd takes bytes. deadline: monotonic ms, -1 none. */
static enum ready await(int fd, int64_t deadline, int cancel_fd) {
    struct pollfd fds[2] = {{.fd = fd, .events = POLLOUT}, {.fd = cancel_fd, .events = POLLIN}};
    for (;;) {
        int64_t left = deadline < 0 ? -1 : deadline - hal9_mono_ms();
        int n = poll(fds, 2, left < 0 ? (deadline < 0 ? -1 : 0) : (int)left);
        if (n < 0 && errno != EINTR)
            return STALLED;
        if (n > 0 && fds[0].revents)
            return READY; /* broken counts: the write tells how */
        if (n > 0 && fds[1].revents)
            return CANCELLED;
        if (n == 0)
            return STALLED;
    }
}

/* A pipe that can be written takes PIPE_BUF bytes without waiting (POSIX, write()); of whole lines
 * as many as fit, so that no other writer gets between the parts of one. */
static size_t portion(const char *data, size_t len) {
    if (len <= PIPE_BUF)
        return len;
    size_t whole = PIPE_BUF;
    while (whole > 0 && data[whole - 1] != '\n')
        whole--;
    return whole > 0 ? whole : PIPE_BUF;
}

static ssize_t put(struct hal9_stream *s, const char *data, size_t len, bool waits) {
    if (s->kind == HAL9_OUT_SOCKET)
        return send(s->o.fd, data, len, waits ? 0 : MSG_DONTWAIT);
    return write(s->o.fd, data, waits ? len : portion(data, len));
}

static void give_up(struct hal9_stream *s, int errnum) {
    s->gone = true;
    if (errnum == EPIPE || errnum == ECONNRESET)
        hal9_log(1, "the reader of stdout has gone");
    else if (errnum == ETIMEDOUT)
        hal9_log(0, "the reader of stdout stalls; the journal has what it missed");
    else
        hal9_log(0, "stdout cannot be written: %s", strerror(errnum));
}

bool hal9_stream_write(struct hal9_stream *s, const char *data, size_t len) {
    bool waits = s->kind == HAL9_OUT_FILE || (s->patience_ms < 0 && s->cancel_fd < 0);
    int64_t deadline = s->patience_ms < 0 ? -1 : hal9_mono_ms() + s->patience_ms;
    bool ask = !waits;
    if (s->o.fd < 0)
        return true;
    while (len > 0 && !s->gone) {
        enum ready ready = ask ? await(s->o.fd, deadline, s->cancel_fd) : READY;
        if (ready == CANCELLED)
            return false;
        if (ready == STALLED) {
            give_up(s, ETIMEDOUT);
            break;
        }
        ssize_t n = put(s, data, len, waits);
        ask = !waits || (n < 0 && errno == EAGAIN);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            give_up(s, errno);
        if (n <= 0)
            continue;
        s->midline = data[n - 1] != '\n';
        data += n;
        len -= (size_t)n;
    }
    return true;
}
