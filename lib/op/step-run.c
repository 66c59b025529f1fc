/* One step: inspect, skip what is so already, journal, act, verify, journal. */
#include <poll.h>

#include "op/op-internal.h"

/* Only a request to stop makes an interruption of it; a step that says so by itself has failed. */
static bool interrupted(const struct hal9_step_ctx *c, hal9_status st) {
    struct pollfd p = {.fd = c->cancel_fd, .events = POLLIN};
    return st == HAL9_E_INTERRUPTED && c->cancel_fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Neither on nor back without a person: a gate that can't tell, and a guarded step that could not reach what it works on, or was refused. What was
 * carried out, and is not as intended, has failed. */
static bool stands_still(const struct hal9_step_ctx *c, hal9_status st) {
    const struct op_step *s = c->step;
    if (s->plan->guarded && s->plan->on_fail == HAL9_FAIL_STOP)
        return st != HAL9_E_FAILED;
    return st == HAL9_E_UNKNOWN && c->acting && (s->kind->flags & HAL9_KIND_HOLDS) != 0;
}

static void held(struct hal9_step_ctx *c, struct hal9_error *e) {
    if (!e->hint)
        hal9_error_hint(
            e,
            "hal9-rollback resume %s tries again, abort leaves all as it is, undo takes "
            "it back",
            c->op->id);
    op_step_held(c->op, c->step, NULL, e);
}

static void ended_badly(struct hal9_step_ctx *c, hal9_status st, struct hal9_error *e) {
    if (e->code == HAL9_OK)
        hal9_error_set(e, st, "step '%s' failed: %s", c->step->plan->name, hal9_status_name(st));
    if (interrupted(c, st))
        op_step_park(c->op, c->step, e);
    else if (stands_still(c, st))
        held(c, e);
    else
        op_step_failed(c->op, c->step, e);
}

static hal9_status not_so(struct hal9_step_ctx *c, const cJSON *now, struct hal9_error *err) {
    if (!c->step->detail)
        hal9_step_detail(c, op_three_values(c->step->before, c->step->intent, now));
    return hal9_error_set(err, HAL9_E_FAILED,
                          "step '%s' was carried out, but it is not as intended",
                          c->step->plan->name);
}

static hal9_status verify(struct hal9_step_ctx *c, cJSON **ret_after, struct hal9_error *err) {
    const struct op_step *s = c->step;
    if (s->kind->verify)
        return s->kind->verify(c, s->before, s->intent, ret_after, err);
    if (!s->kind->inspect || !s->kind->intent) {
        *ret_after = cJSON_Duplicate(s->intent, true);
        return HAL9_OK;
    }
    _cleanup_json_ cJSON *now = NULL;
    hal9_status st = op_inspect(c, &now, err);
    if (st != HAL9_OK)
        return st;
    if (!op_state_equal(now, s->intent))
        return not_so(c, now, err);
    *ret_after = HAL9_TAKE_PTR(now);
    return HAL9_OK;
}

void op_step_apply(struct hal9_step_ctx *c) {
    _cleanup_error_ struct hal9_error e = {0};
    struct op_step *s = c->step;
    cJSON *after = NULL;
    c->acting = true;
    pthread_mutex_lock(&c->op->lock);
    c->op->changed = c->op->changed || !op_passive(s);
    pthread_mutex_unlock(&c->op->lock);
    hal9_status st = s->kind->apply ? s->kind->apply(c, s->before, s->intent, &e) : HAL9_OK;
    if (st == HAL9_OK)
        st = verify(c, &after, &e);
    if (st == HAL9_OK)
        op_step_done(c->op, s, after);
    else
        ended_badly(c, st, &e);
}

void op_step_run(struct operation *op, struct op_step *s) {
    _cleanup_error_ struct hal9_error e = {0};
    struct hal9_step_ctx c = op_ctx(op, s);
    s->started_us = hal9_mono_us();
    if (s->begun && !op_passive(s)) {
        op_step_recover(&c);
        return;
    }
    hal9_status st = op_look(&c, &e);
    if (st != HAL9_OK)
        ended_badly(&c, st, &e);
    else if (op_is_so(s, s->before, s->intent))
        op_step_skipped(op, s, "already so");
    else if (!op_step_drifted(op, s) && op_step_begin(op, s))
        op_step_apply(&c);
}
