/* Going on with an operation that has no end: resume. Ending it as it stands: abort. */
#include <unistd.h>

#include "hal9ops/sys.h"
#include "op/op-internal.h"

static hal9_status ended(enum hal9_op_state state, struct hal9_op_result *ret) {
    *ret = (struct hal9_op_result){.state = state, .nothing = true};
    ret->why = hal9_strf("it has ended already: %s", hal9_op_state_name(state));
    return HAL9_OK;
}

/* The operation as it stands, before any lock. *ret_open false: it has ended, which ret tells. */
static hal9_status look(const struct hal9_op_env *env, const char *id, struct hal9_op *o,
                        bool *ret_open, struct hal9_op_result *ret, struct hal9_error *err) {
    if (!env->state)
        return hal9_error_set(err, HAL9_E_USAGE, "nothing can be told without a state directory");
    hal9_status st = op_read(env->state, id, true, o, err);
    if (st != HAL9_OK)
        return st;
    *ret_open = o->state == HAL9_OP_OPEN;
    if (!*ret_open)
        return ended(o->state, ret);
    return hal9_journal_running(env->state, id) ? op_busy(env->state, id, err) : HAL9_OK;
}

static hal9_status lock_and_reopen(struct operation *op, const struct hal9_op *o, bool *ret_open,
                                   struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(o->plan, "resources"), &names);
    hal9_status st = op_lock(op, &names, err);
    return st == HAL9_OK ? op_reopen(op, o->id, ret_open, err) : st;
}

static hal9_status dry(const struct hal9_op_env *env, struct hal9_op *o, struct hal9_op_result *ret,
                       struct hal9_error *err) {
    _cleanup_operation_ struct operation op;
    op_init(&op, env);
    hal9_status st = op_set_loaded(&op, o, err);
    if (st == HAL9_OK)
        st = op_need_kinds(&op, err);
    return st == HAL9_OK ? op_dry_run(&op, ret) : st;
}

/* Others that were left unfinished on the same things give way to this one. */
static hal9_status settle_others(struct operation *op, struct hal9_error *err) {
    _cleanup_(op_founds_free) struct op_founds found = {0};
    hal9_status st = op_find_unfinished(op, op->id, &found, err);
    return st == HAL9_OK ? op_supersede(op->env, &found, op->id, err) : st;
}

hal9_status hal9_op_resume(const struct hal9_op_env *env, const char *id,
                           struct hal9_op_result *ret, struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    _cleanup_operation_ struct operation op;
    bool open;
    op_init(&op, env);
    hal9_status st = look(env, id, &o, &open, ret, err);
    if (st != HAL9_OK || !open)
        return st;
    st = op_need_host(&o, err);
    if (st == HAL9_OK && env->dry_run)
        return dry(env, &o, ret, err);
    if (st == HAL9_OK)
        st = lock_and_reopen(&op, &o, &open, err);
    if (st == HAL9_OK && !open)
        return ended(op.end, ret);
    if (st == HAL9_OK)
        st = op_need_kinds(&op, err);
    if (st == HAL9_OK)
        st = op_not_held(&op, err);
    if (st == HAL9_OK)
        st = settle_others(&op, err);
    if (st == HAL9_OK)
        st = op_write_resume(&op, err);
    if (st != HAL9_OK)
        return st;
    op_lock_note(&op, false);
    op_tell_plan(&op);
    st = op_execute(&op, err);
    op_lock_note(&op, st == HAL9_OK);
    op_result_fill(&op, ret);
    return st;
}

/* Elsewhere, or with its kinds unknown, it can be frozen, but not looked at. */
static hal9_status may_abort(const struct hal9_op_env *env, const struct hal9_op *o,
                             bool *ret_blind, struct hal9_error *err) {
    *ret_blind = false;
    if (op_of_this_host(o->plan))
        return HAL9_OK;
    *ret_blind = op_forced(env, "foreign");
    if (*ret_blind)
        return HAL9_OK;
    hal9_status st = op_need_host(o, err);
    hal9_error_hint(err, "abort it there; --force=foreign freezes it without looking");
    return st;
}

static hal9_status freeze(struct operation *op, bool blind, char **ret_words,
                          struct hal9_error *err) {
    _cleanup_free_ char *user = hal9_user_name(geteuid());
    hal9_status st = op_settle(op, blind, ret_words, err);
    return st == HAL9_OK ? op_write_end(op, HAL9_OP_ABORTED, user, err) : st;
}

hal9_status hal9_op_abort(const struct hal9_op_env *env, const char *id, struct hal9_op_result *ret,
                          struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    _cleanup_operation_ struct operation op;
    _cleanup_free_ char *words = NULL;
    bool blind;
    bool open;
    op_init(&op, env);
    hal9_status st = look(env, id, &o, &open, ret, err);
    if (st != HAL9_OK || !open)
        return st;
    st = may_abort(env, &o, &blind, err);
    if (st == HAL9_OK && env->dry_run)
        return dry(env, &o, ret, err);
    if (st == HAL9_OK)
        st = lock_and_reopen(&op, &o, &open, err);
    if (st == HAL9_OK && !open)
        return ended(op.end, ret);
    if (st == HAL9_OK)
        st = freeze(&op, blind, &words, err);
    if (st != HAL9_OK)
        return st;
    op_lock_note(&op, true);
    op_tell_end(&op);
    op_result_fill(&op, ret);
    ret->why = HAL9_TAKE_PTR(words);
    return HAL9_OK;
}
