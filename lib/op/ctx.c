/* What a running step may ask of its surroundings. */
#include "hal9ops/sys.h"
#include "op/op-internal.h"

const cJSON *hal9_step_args(const struct hal9_step_ctx *c) {
    return c->step->plan->args;
}

struct hal9_state *hal9_step_state(const struct hal9_step_ctx *c) {
    return c->op->env->state;
}

bool hal9_step_dry(const struct hal9_step_ctx *c) {
    return c->dry;
}

bool hal9_step_forced(const struct hal9_step_ctx *c, const char *guard) {
    return op_forced(c->op->env, guard);
}

hal9_status hal9_step_note(struct hal9_step_ctx *c, cJSON *note, struct hal9_error *err) {
    struct operation *op = c->op;
    if (!c->acting) {
        cJSON_Delete(note);
        return hal9_error_set(err, HAL9_E_REFUSED,
                              "step '%s' may only be noted on while it is carried out",
                              c->step->plan->name);
    }
    pthread_mutex_lock(&op->lock);
    hal9_status st = op_write_note(op, c->step, note, err);
    if (st == HAL9_OK)
        cJSON_AddItemToArray(c->step->notes, note);
    else
        cJSON_Delete(note);
    pthread_mutex_unlock(&op->lock);
    return st;
}

const cJSON *hal9_step_notes(const struct hal9_step_ctx *c) {
    return c->step->notes;
}

/* One that was already so is as it was found. */
const cJSON *hal9_step_after_of(const struct hal9_step_ctx *c, const char *step_name) {
    struct operation *op = c->op;
    const cJSON *after = NULL;
    pthread_mutex_lock(&op->lock);
    const struct op_step *s = op_step_named(op, step_name);
    if (s && s->state == HAL9_STEP_DONE)
        after = s->result;
    else if (s && s->state == HAL9_STEP_SKIPPED)
        after = s->before;
    pthread_mutex_unlock(&op->lock);
    return after;
}

const cJSON *hal9_step_result(const struct hal9_step_ctx *c) {
    return c->then ? c->then : c->step->state == HAL9_STEP_DONE ? c->step->result : NULL;
}

uint64_t hal9_step_serial(const struct hal9_step_ctx *c) {
    return c->op->serial;
}

void hal9_step_progress(struct hal9_step_ctx *c, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&c->op->lock);
    op_tell_progress(c->op, c->step, text);
    pthread_mutex_unlock(&c->op->lock);
}

void hal9_step_detail(struct hal9_step_ctx *c, cJSON *detail) {
    pthread_mutex_lock(&c->op->lock);
    cJSON_Delete(c->step->detail);
    c->step->detail = detail;
    hal9_redact_record(detail); /* it is told, and never read back to act on */
    pthread_mutex_unlock(&c->op->lock);
}

int hal9_step_cancel_fd(const struct hal9_step_ctx *c) {
    return c->cancel_fd;
}

hal9_status hal9_step_wait(struct hal9_step_ctx *c, int fd, int64_t deadline_ms,
                           struct hal9_error *err) {
    return hal9_wait_fd(fd, deadline_ms, c->cancel_fd, err);
}
