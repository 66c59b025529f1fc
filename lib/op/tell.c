/* The observer: the terminal, records and notifications hear of it here. Callers hold the operation's lock. */
#include "op/op-internal.h"

void op_tell_plan(const struct operation *op) {
    const struct hal9_observer *o = op->env->observer;
    if (o && o->on_plan)
        o->on_plan(o->data, op->id[0] ? op->id : NULL, &op->plan);
}

/* Steps that are only there for a failure count behind the others: "3 of 4" is what a run that goes well has. */
static void number(const struct operation *op, const struct op_step *s, size_t *ret_index,
                   size_t *ret_count) {
    const bool spare = s->when_failed != OP_NONE;
    size_t usual = 0, before = 0;
    for (size_t i = 0; i < op->plan.n; i++) {
        usual += op->steps[i].when_failed == OP_NONE;
        before += i < s->index && (op->steps[i].when_failed != OP_NONE) == spare;
    }
    *ret_index = (spare ? usual : 0) + before + 1;
    *ret_count = spare ? op->plan.n : usual;
}

static struct hal9_step_report report(const struct operation *op, const struct op_step *s,
                                      enum hal9_step_state state) {
    size_t index, count;
    number(op, s, &index, &count);
    return (struct hal9_step_report){
        .operation = op->id[0] ? op->id : NULL,
        .index = index,
        .count = count,
        .name = s->plan->name,
        .kind = s->plan->kind,
        .title = s->plan->title,
        .state = state,
        .ms = s->ms,
        .reason = s->error.message ? s->error.message : s->why,
        .hint = s->error.hint,
        .before = s->before,
        .intent = s->intent,
        .after = s->result,
        .detail = s->detail,
    };
}

void op_tell_step(const struct operation *op, const struct op_step *s, enum hal9_step_state state) {
    const struct hal9_observer *o = op->env->observer;
    if (!o || !o->on_step)
        return;
    struct hal9_step_report r = report(op, s, state);
    o->on_step(o->data, &r);
}

void op_tell_progress(const struct operation *op, const struct op_step *s, const char *text) {
    const struct hal9_observer *o = op->env->observer;
    if (!o || !o->on_progress)
        return;
    struct hal9_step_report r = report(op, s, HAL9_STEP_RUNNING);
    r.ms = (hal9_mono_us() - s->started_us) / 1000;
    o->on_progress(o->data, &r, text);
}

void op_tell_found(const struct hal9_op_env *env, const char *id, const char *what) {
    const struct hal9_observer *o = env->observer;
    if (o && o->on_found)
        o->on_found(o->data, id, what);
}

void op_tell_end(const struct operation *op) {
    const struct hal9_observer *o = op->env->observer;
    if (o && o->on_end)
        o->on_end(o->data, op->id, op->end);
}
