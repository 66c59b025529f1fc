/* A started child: waiting for its end, letting go of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/sys-internal.h"

/* Takes the exit code when the child has ended. Whether it has. */
static bool reap(struct hal9_child *c, int flags) {
    int status;
    if (c->ended || c->id.pid <= 0)
        return c->ended;
    pid_t got = HAL9_RETRY(waitpid(c->id.pid, &status, flags));
    if (got != c->id.pid)
        return false;
    c->ended = true;
    c->exit = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}

hal9_status hal9_child_wait(struct hal9_child *c, int64_t deadline_ms, int cancel_fd, int *ret_exit,
                            struct hal9_error *err) {
    if (!c->ended) {
        hal9_status status = hal9_wait_fd(c->fd, deadline_ms, cancel_fd, err);
        if (status != HAL9_OK) {
            hal9_error_prefix(err, "waiting for process %d", (int)c->id.pid);
            return status;
        }
        if (!reap(c, 0))
            return hal9_error_set(err, HAL9_E_UNKNOWN,
                                  "process %d has ended, but not as our child: no exit code",
                                  (int)c->id.pid);
    }
    *ret_exit = c->exit;
    return HAL9_OK;
}

void hal9_child_clear(struct hal9_child *c) {
    if (c->gate_fd >= 0) {
        close(HAL9_TAKE_FD(c->gate_fd));
        /* It ends by itself now; a moment's wait saves the zombie. */
        if (!c->ended && c->fd >= 0)
            hal9_wait_fd(c->fd, hal9_mono_ms() + 1000, -1, NULL);
    }
    reap(c, WNOHANG);
    if (c->fd >= 0)
        close(HAL9_TAKE_FD(c->fd));
    if (c->error_fd >= 0)
        close(HAL9_TAKE_FD(c->error_fd));
    free(c->program);
    *c = (struct hal9_child)HAL9_CHILD_INIT;
}
