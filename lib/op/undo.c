/* Taking back: an operation, or all of a run. */
#include <string.h>

#include "op/op-internal.h"

static void undo_clear(struct op_undo *u) {
    free(u->why);
    free(u->drifted);
    cJSON_Delete(u->detail);
    hal9_strv_free(&u->covered);
}

/* One without an end is ended first: aborted, as it stands. Not before it is known that it can be taken back. */
static hal9_status end_first(struct op_undo *u, struct hal9_error *err) {
    _cleanup_(hal9_op_result_clear) struct hal9_op_result res = {0};
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    _cleanup_(hal9_plan_clear) struct hal9_plan plan = {0};
    _cleanup_strv_ struct hal9_strv more = {0};
    struct hal9_state *state = u->env->state;
    hal9_status st = op_read(state, u->id, false, &o, err);
    if (st != HAL9_OK || o.state != HAL9_OP_OPEN)
        return st;
    if (hal9_journal_running(state, u->id))
        return op_busy(state, u->id, err);
    if (u->env->dry_run)
        return HAL9_OK;
    st = op_undo_plan(u, &plan, &more, err);
    if (st == HAL9_OK)
        st = hal9_op_abort(u->env, u->id, &res, err);
    if (st == HAL9_OK && !res.nothing) {
        _cleanup_free_ char *what = hal9_strf("aborted: %s", res.why);
        op_tell_found(u->env, u->id, what);
    }
    return st;
}

/* An undo of the same that was begun and has no end: it is gone on with, so that one operation has all of it. */
static hal9_status begun_before(struct op_undo *u, char **ret_id, struct hal9_error *err) {
    _cleanup_(op_undo_index_free) struct op_undo_index x = {0};
    struct hal9_state *state = u->env->state;
    hal9_status st = op_undo_index(state, u->id, &x, err);
    for (size_t i = x.n; st == HAL9_OK && !*ret_id && i-- > 0;) {
        _cleanup_(hal9_op_clear) struct hal9_op o = {0};
        if (hal9_streq(x.v[i].undone, u->id) &&
            op_read(state, x.v[i].by, false, &o, NULL) == HAL9_OK && o.state == HAL9_OP_OPEN)
            *ret_id = hal9_strdup(o.id);
    }
    return st;
}

static hal9_status undo(struct op_undo *u, struct hal9_op_result *ret, struct hal9_error *err) {
    _cleanup_free_ char *begun = NULL;
    if (!u->env->state)
        return hal9_error_set(err, HAL9_E_USAGE, "nothing can be told without a state directory");
    hal9_status st = begun_before(u, &begun, err);
    if (st == HAL9_OK && begun) {
        if (!u->env->dry_run)
            op_tell_found(u->env, begun, "its undo goes on");
        return hal9_op_resume(u->env, begun, ret, err);
    }
    if (st == HAL9_OK)
        st = end_first(u, err);
    if (st == HAL9_OK)
        st = op_start(u->env, &(struct op_source){op_undo_plan, u}, ret, err);
    if (st == HAL9_OK && ret->nothing && !ret->why)
        ret->why = u->why ? HAL9_TAKE_PTR(u->why)
                          : hal9_strf("it is as it was before operation %s already", u->id);
    if (st == HAL9_E_DRIFT && !ret->id[0]) {
        ret->failed_step = HAL9_TAKE_PTR(u->drifted);
        ret->detail = HAL9_TAKE_PTR(u->detail);
    }
    return st;
}

hal9_status hal9_op_undo(const struct hal9_op_env *env, const char *id, struct hal9_op_result *ret,
                         struct hal9_error *err) {
    _cleanup_(undo_clear) struct op_undo u = {.env = env, .id = id};
    return undo(&u, ret, err);
}

struct of_run {
    const char *run;
    struct hal9_strv *ids;
};

static int add_of_run(void *data, const struct hal9_journal_head *h) {
    const struct of_run *r = data;
    if (hal9_streq(h->run, r->run))
        hal9_strv_add(r->ids, h->id);
    return 0;
}

static hal9_status of_run(struct hal9_state *state, const char *run, struct hal9_strv *ret,
                          struct hal9_error *err) {
    struct of_run r = {run, ret};
    hal9_status st = hal9_journal_heads(state, NULL, add_of_run, &r, err);
    if (st == HAL9_OK && ret->n == 0) {
        hal9_error_set(err, HAL9_E_NOT_FOUND, "no operation of run '%s' in %s", run,
                       hal9_state_path(state));
        hal9_error_hint(err, "hal9-rollback history lists them");
        return HAL9_E_NOT_FOUND;
    }
    return st;
}

/* What took back one of the run's own isn't taken back with it: what it took back is looked at itself. */
static hal9_status wanted(struct hal9_state *state, const char *id, const struct hal9_strv *run,
                          bool *ret, struct hal9_strv *touched, struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    hal9_status st = op_read(state, id, false, &o, err);
    if (st != HAL9_OK)
        return st;
    *ret = (o.changed || o.state == HAL9_OP_OPEN) && !op_strv_meet(&o.undoes, run);
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(o.plan, "resources"), touched);
    return HAL9_OK;
}

hal9_status hal9_op_undo_run(const struct hal9_op_env *env, const char *run,
                             struct hal9_op_result **ret, size_t *n_ret, struct hal9_error *err) {
    _cleanup_(undo_clear) struct op_undo u = {.env = env, .but_run = run};
    _cleanup_strv_ struct hal9_strv ids = {0};
    size_t cap = 0;
    *ret = NULL;
    *n_ret = 0;
    if (!env->state)
        return hal9_error_set(err, HAL9_E_USAGE, "nothing can be told without a state directory");
    hal9_status st = of_run(env->state, run, &ids, err);
    for (size_t i = ids.n; st == HAL9_OK && i-- > 0;) {
        _cleanup_strv_ struct hal9_strv touched = {0};
        bool take = false;
        u.id = ids.v[i];
        st = wanted(env->state, u.id, &ids, &take, &touched, err);
        if (st != HAL9_OK || !take)
            continue;
        struct hal9_op_result *r = HAL9_APPEND(*ret, *n_ret, cap);
        st = undo(&u, r, err);
        if (st == HAL9_OK && r->state == HAL9_OP_FAILED)
            break;
        for (size_t k = 0; env->dry_run && k < touched.n; k++)
            hal9_strv_add(&u.covered, touched.v[k]); /* as if it were taken back by now */
    }
    return st;
}
