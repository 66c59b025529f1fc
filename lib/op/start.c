/*
 * A plan becomes an operation: planned without locks, locked, planned again under them, journaled, carried out.
 */
#include <string.h>

#include "op/op-internal.h"

#define ROUNDS 5 /* a plan that touches more each time it is made is not followed for ever */

static hal9_status make_plan(struct operation *op, const struct op_source *source,
                             struct hal9_error *err) {
    _cleanup_(hal9_plan_clear) struct hal9_plan plan = {0};
    _cleanup_strv_ struct hal9_strv more = {0};
    hal9_status st = source->plan(source->data, &plan, &more, err);
    if (st == HAL9_OK)
        st = op_set_plan(op, &plan, err);
    if (st == HAL9_OK)
        st = op_need_kinds(op, err);
    if (st != HAL9_OK)
        return st;
    for (size_t i = 0; i < more.n; i++)
        hal9_strv_add(&op->resources, more.v[i]);
    return op_resources(op, &op->resources, err);
}

/* Ends what was left unfinished on the same things. *ret_again: something was, so the plan is made again. */
static hal9_status settle_others(struct operation *op, const char *id, bool *ret_again,
                                 struct hal9_error *err) {
    _cleanup_(op_founds_free) struct op_founds found = {0};
    hal9_status st = op_find_unfinished(op, NULL, &found, err);
    if (st != HAL9_OK || found.n == 0)
        return st;
    *ret_again = true;
    return op_supersede(op->env, &found, op_all_so(op) ? NULL : id, err);
}

/* Takes the locks, then the operation's id: the order of ids is the order in which the same things were touched, however long the locks were
 * waited for and wherever the clock was set meanwhile. */
static hal9_status lock_and_name(struct operation *op, const struct hal9_strv *names,
                                 char ret_id[HAL9_ID_LEN + 1], struct hal9_error *err) {
    char newest[HAL9_ID_LEN + 1];
    hal9_status st = op_lock(op, names, err);
    if (st != HAL9_OK)
        return st;
    if (hal9_journal_newest(op->env->state, newest))
        hal9_id_follow(newest);
    hal9_id_new(ret_id);
    return HAL9_OK;
}

/* Takes the locks and plans under them until the plan fits what is locked. */
static hal9_status plan_locked(struct operation *op, const struct op_source *source,
                               char id[HAL9_ID_LEN + 1], struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv held = {0};
    hal9_strv_copy(&held, &op->resources);
    hal9_status st = lock_and_name(op, &held, id, err);
    for (int round = 0; st == HAL9_OK && round < ROUNDS; round++) {
        bool again = false;
        st = make_plan(op, source, err);
        if (st != HAL9_OK || op->plan.n == 0)
            return st;
        if (!op_strv_within(&op->resources, &held)) {
            for (size_t i = 0; i < op->resources.n; i++)
                hal9_strv_add(&held, op->resources.v[i]);
            hal9_strv_sort_unique(&held);
            st = lock_and_name(op, &held, id, err);
            continue;
        }
        st = settle_others(op, id, &again, err);
        if (st != HAL9_OK || !again)
            return st;
    }
    if (st != HAL9_OK)
        return st;
    hal9_error_set(err, HAL9_E_BUSY, "what is to be done changes each time it is looked at");
    hal9_error_hint(err, "see what else is at work here, then try again");
    return HAL9_E_BUSY;
}

static hal9_status nothing(struct hal9_op_result *ret) {
    *ret = (struct hal9_op_result){.state = HAL9_OP_DONE, .nothing = true};
    return HAL9_OK;
}

static hal9_status carry_out(struct operation *op, const char *id, struct hal9_op_result *ret,
                             struct hal9_error *err) {
    memcpy(op->id, id, sizeof(op->id));
    hal9_status st = op_fill_expect(op, err);
    if (st == HAL9_OK)
        st = op_write_plan(op, err);
    if (st != HAL9_OK)
        return st;
    op_lock_note(op, false);
    op_tell_plan(op);
    st = op_execute(op, err);
    op_lock_note(op, st == HAL9_OK);
    op_result_fill(op, ret);
    return st;
}

hal9_status op_start(const struct hal9_op_env *env, const struct op_source *source,
                     struct hal9_op_result *ret, struct hal9_error *err) {
    _cleanup_operation_ struct operation op;
    char id[HAL9_ID_LEN + 1];
    op_init(&op, env);
    hal9_status st = make_plan(&op, source, err);
    if (st != HAL9_OK)
        return st;
    if (op.plan.n == 0)
        return nothing(ret);
    st = op_not_held(&op, err);
    if (st != HAL9_OK)
        return st;
    if (env->dry_run)
        return op_dry_run(&op, ret);
    if (!env->state)
        return hal9_error_set(err, HAL9_E_USAGE, "nothing can be done without a state directory");
    st = plan_locked(&op, source, id, err);
    if (st != HAL9_OK)
        return st;
    if (op.plan.n == 0)
        return nothing(ret);
    st = op_not_held(&op, err); /* it may have been put while this one waited for the locks */
    if (st != HAL9_OK)
        return st;
    if (op_all_so(&op)) {
        nothing(ret);
        ret->steps = ret->skipped = op.plan.n;
        return HAL9_OK;
    }
    if (op_soft(env))
        return hal9_error_set(err, HAL9_E_INTERRUPTED, "stopped before anything was done");
    return carry_out(&op, id, ret, err);
}

struct planner {
    hal9_plan_fn plan;
    void *data;
};

static hal9_status by_planner(void *data, struct hal9_plan *ret, struct hal9_strv *ret_more,
                              struct hal9_error *err) {
    const struct planner *p = data;
    (void)ret_more;
    return p->plan(p->data, ret, err);
}

hal9_status hal9_op_run(const struct hal9_op_env *env, hal9_plan_fn plan, void *data,
                        struct hal9_op_result *ret, struct hal9_error *err) {
    struct planner p = {plan, data};
    return op_start(env, &(struct op_source){by_planner, &p}, ret, err);
}
