/* Runs a program to its end and keeps what it said. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fault.h"
#include "sys/spawn.h"

/* One of the program's streams. */
struct stream {
    int fd; /* -1: at its end */
    struct hal9_buf *text;
    size_t max;
};

static int open_stream(struct stream *s, int *ret_write) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return -1;
    /* Our end only must not block: the program may not expect that of its own. */
    fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) & ~O_NONBLOCK);
    s->fd = ends[0];
    *ret_write = ends[1];
    return 0;
}

/* Reads what is there; what is over max is dropped. */
static void drain(struct stream *s) {
    char chunk[16384];
    while (s->fd >= 0) {
        ssize_t n = HAL9_RETRY(read(s->fd, chunk, sizeof(chunk)));
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close(HAL9_TAKE_FD(s->fd));
            return;
        }
        size_t room = s->max - s->text->len;
        hal9_buf_add(s->text, chunk, (size_t)n < room ? (size_t)n : room);
    }
}

/* Reads until the program has ended. What a grandchild that lives on writes later is not waited for. */
static hal9_status collect(struct hal9_child *c, struct stream streams[2], int64_t deadline,
                           int cancel_fd, struct hal9_error *err) {
    for (;;) {
        struct pollfd fds[] = {{.fd = c->fd, .events = POLLIN},
                               {.fd = streams[0].fd, .events = POLLIN},
                               {.fd = streams[1].fd, .events = POLLIN},
                               {.fd = cancel_fd, .events = POLLIN}};
        int n = poll(fds, HAL9_ARRAY_LEN(fds), hal9_poll_timeout(deadline));
        if (n < 0 && errno != EINTR)
            return hal9_error_errno(err, errno, "cannot wait");
        if (n < 0)
            continue;
        drain(&streams[0]);
        drain(&streams[1]);
        if (fds[0].revents)
            return HAL9_OK;
        if (fds[3].revents)
            return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted");
        if (deadline >= 0 && hal9_mono_ms() >= deadline)
            return hal9_error_set(err, HAL9_E_TIMEOUT, "still running at its deadline, killed");
    }
}

static void close_streams(struct stream (*streams)[2]) {
    for (size_t i = 0; i < 2; i++)
        if ((*streams)[i].fd >= 0)
            close((*streams)[i].fd);
}

/* Ends the program's whole process group: its leader isn't reaped yet, so the number is still its own. */
static void kill_group(struct hal9_child *c) {
    int ignored;
    hal9_sys_end_child(-c->id.pid);
    hal9_child_wait(c, hal9_mono_ms() + HAL9_KILL_WAIT_MS, -1, &ignored, NULL);
}

hal9_status hal9_run(const struct hal9_spawn *s, int64_t timeout_ms, int cancel_fd, size_t max,
                     struct hal9_run_result *ret, struct hal9_error *err) {
    int64_t deadline = timeout_ms < 0 ? -1 : hal9_mono_ms() + timeout_ms;
    _cleanup_(hal9_run_result_clear) struct hal9_run_result result = {0};
    _cleanup_(close_streams) struct stream streams[2] = {
        {.fd = -1, .text = &result.out, .max = max}, {.fd = -1, .text = &result.err, .max = max}};
    _cleanup_close_ int out = -1;
    _cleanup_close_ int error = -1;
    if (open_stream(&streams[0], &out) < 0 || open_stream(&streams[1], &error) < 0)
        return hal9_error_errno(err, errno, "cannot run %s", s->argv[0]);
    struct hal9_spawn piped = *s;
    piped.stdio[1] = out;
    piped.stdio[2] = error;
    piped.new_session = true;
    piped.gated = false;
    _cleanup_(hal9_child_clear) struct hal9_child c = HAL9_CHILD_INIT;
    struct hal9_patience patience = {deadline, cancel_fd};
    hal9_status status = hal9_spawn_within(&piped, &patience, &c, err);
    if (status == HAL9_E_TIMEOUT || status == HAL9_E_INTERRUPTED)
        hal9_error_prefix(err, "%s did not begin", s->argv[0]);
    if (status != HAL9_OK)
        return status;
    close(HAL9_TAKE_FD(out));
    close(HAL9_TAKE_FD(error));
    status = collect(&c, streams, deadline, cancel_fd, err);
    if (status != HAL9_OK) {
        kill_group(&c);
        hal9_error_prefix(err, "%s", s->argv[0]);
        return status;
    }
    drain(&streams[0]);
    drain(&streams[1]);
    status = hal9_child_wait(&c, -1, -1, &result.exit, err);
    if (status != HAL9_OK)
        return status;
    *ret = result;
    memset(&result, 0, sizeof(result)); /* the caller's now */
    return HAL9_OK;
}

void hal9_run_result_clear(struct hal9_run_result *r) {
    hal9_buf_free(&r->out);
    hal9_buf_free(&r->err);
    *r = (struct hal9_run_result){0};
}
