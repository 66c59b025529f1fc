/*
 * A step that was found begun and not done: what it left decides. Now as intended: done. Now as before: it is carried out again,
 * under the begin line that it has. Neither: its kind knows, or a person must look at the three values.
 */
#include "op/op-internal.h"

hal9_status op_judge_begun(struct hal9_step_ctx *c, const cJSON *now, enum op_begun *ret,
                           struct hal9_error *err) {
    const struct op_step *s = c->step;
    enum hal9_recovery r = HAL9_RECOVER_STOP;
    *ret = OP_HALF_WAY;
    if (s->kind->inspect && op_state_equal(now, s->intent))
        *ret = OP_IS_DONE;
    else if (s->kind->inspect && op_state_equal(now, s->before))
        *ret = OP_NOT_BEGUN;
    if (*ret != OP_HALF_WAY || !s->kind->recover)
        return HAL9_OK;
    hal9_status st = s->kind->recover(c, s->before, s->intent, now, &r, err);
    if (st == HAL9_OK && r != HAL9_RECOVER_STOP)
        *ret = r == HAL9_RECOVER_DONE ? OP_IS_DONE : OP_APPLY_AGAIN;
    return st;
}

cJSON *op_after_of_begun(const struct op_step *s, const cJSON *now) {
    return cJSON_Duplicate(s->kind->inspect ? now : s->intent, true);
}

static void half_way(struct hal9_step_ctx *c, const cJSON *now) {
    _cleanup_error_ struct hal9_error e = {0};
    const struct op_step *s = c->step;
    hal9_error_set(&e, HAL9_E_DRIFT,
                   "step '%s' was left half-way: it is neither as before nor as intended",
                   s->plan->name);
    hal9_error_hint(&e,
                    "look at it; then --force=drift carries it out all the same, or "
                    "hal9-rollback abort %s leaves it as it is",
                    c->op->id);
    op_step_held(c->op, c->step, op_three_values(s->before, s->intent, now), &e);
}

void op_step_recover(struct hal9_step_ctx *c) {
    _cleanup_error_ struct hal9_error e = {0};
    _cleanup_json_ cJSON *now = NULL;
    struct op_step *s = c->step;
    enum op_begun found = OP_HALF_WAY;
    hal9_status st = op_inspect(c, &now, &e);
    if (st == HAL9_OK)
        st = op_judge_begun(c, now, &found, &e);
    if (st != HAL9_OK) {
        hal9_error_prefix(&e, "step '%s' was begun, and what became of it can't be told",
                          s->plan->name);
        op_step_park(c->op, s, &e);
        return;
    }
    if (found == OP_HALF_WAY && op_forced(c->op->env, "drift"))
        found = OP_APPLY_AGAIN;
    if (found == OP_HALF_WAY) {
        half_way(c, now);
        return;
    }
    pthread_mutex_lock(&c->op->lock);
    op_tell_step(c->op, s, HAL9_STEP_RUNNING);
    pthread_mutex_unlock(&c->op->lock);
    if (found == OP_IS_DONE)
        op_step_done(c->op, s, op_after_of_begun(s, now));
    else
        op_step_apply(c);
}
