/* A step's beginning and end: first in the journal, then told. */
#include "op/op-internal.h"

/* The first reason counts. Takes it. */
static void stop(struct operation *op, struct hal9_error *why) {
    if (op->stopped.code == HAL9_OK)
        hal9_error_move(&op->stopped, why);
    hal9_error_clear(why);
}

/* What can't be journaled isn't done: nothing further is begun, not even what should follow. */
static void lost(struct operation *op, struct op_step *s, struct hal9_error *e, const char *what) {
    hal9_error_prefix(e, "step '%s' %s", s->plan->name, what);
    if (!e->hint)
        hal9_error_hint(e, "then go on with: hal9-rollback resume %s", op->id);
    op->journal_lost = true;
    stop(op, e);
    s->state = HAL9_STEP_PENDING;
    s->parked = true;
}

static const char not_noted[] = "ended, which can't be journaled";

bool op_step_begin(struct operation *op, struct op_step *s) {
    _cleanup_error_ struct hal9_error e = {0};
    pthread_mutex_lock(&op->lock);
    bool written = op_write_begin(op, s, &e) == HAL9_OK;
    if (written) {
        s->begun = true;
        op_tell_step(op, s, HAL9_STEP_RUNNING);
    } else {
        lost(op, s, &e, "was not begun");
    }
    pthread_mutex_unlock(&op->lock);
    return written;
}

void op_step_done(struct operation *op, struct op_step *s, cJSON *after) {
    _cleanup_error_ struct hal9_error e = {0};
    pthread_mutex_lock(&op->lock);
    s->ms = (hal9_mono_us() - s->started_us) / 1000;
    cJSON_Delete(s->result);
    s->result = after;
    if (op_write_done(op, s, &e) == HAL9_OK) {
        s->state = HAL9_STEP_DONE;
        s->order = ++op->done;
        op->last = s->index;
        op_tell_step(op, s, s->state);
    } else {
        lost(op, s, &e, not_noted);
    }
    pthread_mutex_unlock(&op->lock);
}

void op_step_skipped(struct operation *op, struct op_step *s, const char *why) {
    _cleanup_error_ struct hal9_error e = {0};
    pthread_mutex_lock(&op->lock);
    s->ms = (hal9_mono_us() - s->started_us) / 1000;
    s->why = hal9_strdup(why);
    if (op_write_skip(op, s, &e) == HAL9_OK) {
        s->state = HAL9_STEP_SKIPPED;
        op->last = s->index;
        op_tell_step(op, s, s->state);
    } else {
        lost(op, s, &e, not_noted);
    }
    pthread_mutex_unlock(&op->lock);
}

void op_step_failed(struct operation *op, struct op_step *s, struct hal9_error *error) {
    _cleanup_error_ struct hal9_error e = {0};
    pthread_mutex_lock(&op->lock);
    s->ms = (hal9_mono_us() - s->started_us) / 1000;
    hal9_error_clear(&s->error);
    hal9_error_move(&s->error, error);
    if (op_write_fail(op, s, &e) == HAL9_OK) {
        bool warn = s->plan->on_fail == HAL9_FAIL_WARN;
        s->state = warn ? HAL9_STEP_WARNED : HAL9_STEP_FAILED;
        op->last = s->index;
        if (!warn && op->failed == OP_NONE)
            op->failed = s->index;
        op_tell_step(op, s, s->state);
    } else {
        lost(op, s, &e, not_noted);
    }
    pthread_mutex_unlock(&op->lock);
}

void op_step_park(struct operation *op, struct op_step *s, struct hal9_error *why) {
    pthread_mutex_lock(&op->lock);
    s->state = HAL9_STEP_PENDING;
    s->parked = true;
    stop(op, why);
    pthread_mutex_unlock(&op->lock);
}

void op_step_held(struct operation *op, struct op_step *s, cJSON *detail, struct hal9_error *why) {
    pthread_mutex_lock(&op->lock);
    if (detail) {
        cJSON_Delete(s->detail);
        s->detail = detail;
    }
    free(s->why);
    s->why = hal9_strdup(why->message);
    s->ms = (hal9_mono_us() - s->started_us) / 1000;
    op->held = s->index;
    op_tell_step(op, s, HAL9_STEP_PENDING);
    pthread_mutex_unlock(&op->lock);
    op_step_park(op, s, why);
}

void op_say_interrupted(struct operation *op) {
    const char *where = "before";
    const char *name = NULL;
    for (size_t i = 0; i < op->plan.n && !name; i++)
        if (op->steps[i].parked && op->steps[i].begun) {
            where = "in the middle of";
            name = op->steps[i].plan->name;
        }
    if (!name && op->last != OP_NONE) {
        where = "after";
        name = op->steps[op->last].plan->name;
    }
    for (size_t i = 0; i < op->plan.n && !name; i++)
        if (!op_step_ended(&op->steps[i]))
            name = op->steps[i].plan->name;
    hal9_error_clear(&op->stopped);
    hal9_error_set(&op->stopped, HAL9_E_INTERRUPTED, "stopped %s step '%s'", where, name);
    hal9_error_hint(&op->stopped, "go on with: hal9-rollback resume %s", op->id);
}
