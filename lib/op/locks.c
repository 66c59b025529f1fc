/* The locks of an operation's resources, and what they tell of earlier ones. */
#include <unistd.h>

#include "hal9ops/sys.h"
#include "op/op-internal.h"

static void waiting(void *data, const char *resource, const struct hal9_lock_note *note) {
    const struct hal9_observer *o = data;
    if (o && o->on_wait)
        o->on_wait(o->data, resource, note);
}

void op_unlock(struct operation *op) {
    if (op->locks)
        hal9_locks_release(op->locks);
    op->locks = NULL;
}

hal9_status op_lock(struct operation *op, const struct hal9_strv *names, struct hal9_error *err) {
    const struct hal9_op_env *env = op->env;
    const struct hal9_lock_opts opts = {
        .dir = env->lock_dir,
        .timeout_ms = env->lock_timeout_ms,
        .cancel_fd = env->cancel ? env->cancel->soft_fd : -1,
        .waiting = waiting,
        .data = (void *)(uintptr_t)env->observer,
    };
    op_unlock(op);
    if (names->n == 0)
        return HAL9_OK;
    hal9_status st = hal9_locks_take(names, &opts, &op->locks, err);
    if (st == HAL9_OK && hal9_locks_private(op->locks))
        hal9_log(1, "no lock directory for all users here: other users' runs are not kept out");
    return st;
}

/* A hint for who comes next; that it can't be written stops nothing. */
void op_lock_note(struct operation *op, bool ended) {
    if (!op->locks)
        return;
    _cleanup_free_ char *user = hal9_user_name(geteuid());
    _cleanup_error_ struct hal9_error e = {0};
    const struct hal9_lock_note note = {
        .operation = op->id,
        .state_dir = (char *)(uintptr_t)hal9_state_path(op->env->state),
        .tool = (char *)(uintptr_t)op->env->tool,
        .user = user,
        .pid = getpid(),
        .ended = ended,
        .time_ms = hal9_now_ms(),
    };
    if (hal9_locks_note(op->locks, &note, &e) != HAL9_OK)
        hal9_log(1, "cannot leave word in the lock file: %s", e.message);
}
