/* The plan that takes an operation back: the inverse of each done step, last first, if the world is as the operation left it. */
#include <string.h>

#include "op/op-internal.h"

/* "undo-stop" takes back "stop"; what takes that back is "stop" again. */
static char *inverse_name(const struct hal9_plan *plan, const char *name) {
    static const char prefix[] = "undo-";
    char *inverse = hal9_startswith(name, prefix) ? hal9_strdup(name + strlen(prefix))
                                                  : hal9_strf("%s%s", prefix, name);
    while (hal9_plan_find(plan, inverse)) {
        char *longer = hal9_strf("%s%s", prefix, inverse);
        free(inverse);
        inverse = longer;
    }
    return inverse;
}

static hal9_status drifted(struct op_undo *u, const struct op_step *s, const cJSON *now,
                           struct hal9_error *err) {
    _cleanup_free_ char *before = op_value_text(s->before);
    _cleanup_free_ char *after = op_value_text(s->result);
    _cleanup_free_ char *present = op_value_text(now);
    free(u->drifted);
    u->drifted = hal9_strdup(s->plan->name);
    cJSON_Delete(u->detail);
    u->detail = op_three_values(s->before, s->intent, now);
    cJSON_AddItemToObject(u->detail, "after", cJSON_Duplicate(s->result, true));
    hal9_error_set(err, HAL9_E_DRIFT,
                   "what step '%s' of operation %s did was changed since: before %s, then %s, "
                   "now %s",
                   s->plan->name, u->id, before, after, present);
    hal9_error_hint(err, "--force=drift takes it back all the same");
    return HAL9_E_DRIFT;
}

/* *ret_back: it is as before the step already, nothing to take back. */
static hal9_status compare(struct op_undo *u, struct hal9_step_ctx *c, bool *ret_back,
                           struct hal9_error *err) {
    _cleanup_json_ cJSON *now = NULL;
    const struct op_step *s = c->step;
    hal9_status st = op_inspect(c, &now, err);
    if (st != HAL9_OK || op_state_equal(now, s->result))
        return st;
    *ret_back = op_state_equal(now, s->before);
    if (*ret_back || op_forced(u->env, "drift"))
        return HAL9_OK;
    return drifted(u, s, now, err);
}

static hal9_status add_inverse(struct hal9_step_ctx *c, struct hal9_plan *plan,
                               struct hal9_error *err) {
    const struct op_step *s = c->step;
    const char *kind = NULL;
    cJSON *args = NULL;
    _cleanup_free_ char *title = NULL;
    if (!s->kind->invert)
        return HAL9_OK;
    hal9_status st = s->kind->invert(c, s->before, s->result, &kind, &args, &title, err);
    if (st != HAL9_OK || !kind) {
        cJSON_Delete(args);
        return st;
    }
    _cleanup_free_ char *name = inverse_name(plan, s->plan->name);
    const char *previous = plan->n > 0 ? plan->steps[plan->n - 1]->name : NULL;
    const struct hal9_step_kind *k = hal9_kind_find(c->op->env->kinds, kind);
    struct hal9_step *inverse = hal9_plan_step(plan, name, kind, args, NULL);
    if (title)
        inverse->title = HAL9_TAKE_PTR(title);
    else if (!k || !k->describe)
        inverse->title = hal9_strf("undo: %s", s->plan->title);
    if (previous)
        hal9_step_after(inverse, previous);
    return HAL9_OK;
}

/* covered: what later steps changed too, or their inverses will: that can't be compared now. */
static hal9_status take_back(struct op_undo *u, struct operation *op, struct op_step *s,
                             struct hal9_plan *plan, struct hal9_strv *covered,
                             struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv touched = {0};
    struct hal9_step_ctx c = op_ctx(op, s);
    bool back = false;
    c.dry = true;
    hal9_status st = op_step_resources(s, &touched, err);
    if (st == HAL9_OK && s->kind->invert && s->kind->inspect && !op_strv_meet(&touched, covered))
        st = compare(u, &c, &back, err);
    if (st != HAL9_OK || back)
        return st;
    for (size_t i = 0; i < touched.n; i++)
        hal9_strv_add(covered, touched.v[i]);
    return add_inverse(&c, plan, err);
}

/* What it was settled with stands in its detail. */
static bool was_left_half_way(const struct op_step *s) {
    return (s->state == HAL9_STEP_FAILED || s->state == HAL9_STEP_WARNED) && s->begun &&
           s->error.code == HAL9_E_DRIFT && cJSON_GetObjectItemCaseSensitive(s->detail, "now");
}

static struct op_step *by_order(struct operation *op, size_t order) {
    for (size_t i = 0; i < op->plan.n; i++)
        if (op->steps[i].order == order)
            return &op->steps[i];
    return NULL;
}

static hal9_status need_kind(const struct op_step *s, struct hal9_error *err) {
    if (s->kind && s->version <= s->kind->version)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_UNSUPPORTED,
                   "step '%s' is of kind %s, version %d, which this build doesn't know",
                   s->plan->name, s->plan->kind, s->version);
    hal9_error_hint(err, "use the hal9ops that made it, or a newer one");
    return HAL9_E_UNSUPPORTED;
}

/* What a step that is still open may have changed can't be compared before it is settled. */
static hal9_status cover_open(const struct operation *op, struct hal9_strv *covered,
                              struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < op->plan.n; i++) {
        const struct op_step *s = &op->steps[i];
        if (s->begun && !op_step_ended(s) && !op_passive(s))
            st = op_step_resources(s, covered, err);
    }
    return st;
}

/* The last come first: what was under way when it was left, then what was done. */
static hal9_status invert_steps(struct op_undo *u, struct operation *op, struct hal9_plan *plan,
                                struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv covered = {0};
    hal9_strv_copy(&covered, &u->covered);
    hal9_status st = cover_open(op, &covered, err);
    for (size_t i = op->plan.n; st == HAL9_OK && i-- > 0;) {
        struct op_step *s = &op->steps[i];
        if (!was_left_half_way(s) || op_passive(s))
            continue;
        s->result = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(s->detail, "now"), true);
        st = need_kind(s, err);
        if (st == HAL9_OK)
            st = take_back(u, op, s, plan, &covered, err);
    }
    for (size_t order = op->done; st == HAL9_OK && order > 0; order--) {
        struct op_step *s = by_order(op, order);
        if (!s || op_passive(s))
            continue;
        st = need_kind(s, err);
        if (st == HAL9_OK)
            st = take_back(u, op, s, plan, &covered, err);
    }
    return st;
}

static void say_why(struct op_undo *u, char *why) {
    free(u->why);
    u->why = why;
}

static hal9_status fill(struct op_undo *u, struct hal9_op *o, struct hal9_plan *plan,
                        struct hal9_error *err) {
    _cleanup_operation_ struct operation op;
    op_init(&op, u->env);
    const cJSON *subject = cJSON_GetObjectItemCaseSensitive(o->plan, "subject");
    plan->title = hal9_strf("undo: %s", o->title ? o->title : o->id);
    plan->service = hal9_strdup(o->service);
    plan->subject = subject ? cJSON_Duplicate(subject, true) : NULL;
    hal9_strv_add(&plan->undoes, o->id);
    hal9_status st = op_set_loaded(&op, o, err);
    if (st == HAL9_OK)
        st = invert_steps(u, &op, plan, err);
    if (st == HAL9_OK && plan->n == 0)
        say_why(u, hal9_strf(op.changed ? "nothing of operation %s is left to take back"
                                        : "operation %s changed nothing",
                             u->id));
    return st;
}

hal9_status op_undo_plan(void *data, struct hal9_plan *ret, struct hal9_strv *ret_more,
                         struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    struct op_undo *u = data;
    hal9_status st = hal9_op_load(u->env->state, u->id, &o, err);
    if (st == HAL9_OK)
        st = op_need_host(&o, err);
    if (st != HAL9_OK)
        return st;
    if (o.undone_by) {
        say_why(u, hal9_strf("operation %s is already undone by %s", o.id, o.undone_by));
        return HAL9_OK;
    }
    if (op_taken_back(&o)) {
        say_why(u, hal9_strf("operation %s took back itself what it did", o.id));
        return HAL9_OK;
    }
    st = op_nothing_later(u->env->state, &o, u->but_run, err);
    if (st != HAL9_OK)
        return st;
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(o.plan, "resources"), ret_more);
    return fill(u, &o, ret, err);
}
