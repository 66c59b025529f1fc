/*
 * Unfinished operations on the same things: the locks' notes and the own state directory's open marks tell of them. Notes are hints that
 * anybody may have written: the journal decides, and one that is not there or has an end is simply past.
 */
#include "op/op-internal.h"

void op_founds_free(struct op_founds *f) {
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i].id);
        if (f->v[i].other)
            hal9_state_close(f->v[i].other);
    }
    free(f->v);
    hal9_strv_free(&f->seen);
    *f = (struct op_founds){0};
}

/* Notes of several things may tell of the same operation, and so may its open mark. */
static bool first_time(struct op_founds *f, const char *id) {
    if (hal9_strv_has(&f->seen, id))
        return false;
    hal9_strv_add(&f->seen, id);
    return true;
}

/* What can't be read or ended by this user is passed over only when forced. Takes why. */
static hal9_status foreign(const struct operation *op, const char *id, const char *dir,
                           struct hal9_error *why, struct hal9_error *err) {
    if (op_forced(op->env, "foreign")) {
        hal9_log(0, "operation %s in %s is left as it is: %s", id, dir, why->message);
        hal9_error_clear(why);
        return HAL9_OK;
    }
    hal9_error_set(err, HAL9_E_REFUSED,
                   "operation %s in %s is unfinished on the same thing, and can't be settled: %s",
                   id, dir, why->message);
    hal9_error_hint(err, "have its user run hal9-rollback resume or abort; --force=foreign goes on "
                         "without");
    hal9_error_clear(why);
    return HAL9_E_REFUSED;
}

enum past { PAST, OPEN, CANT_TELL, RUNS };

/* Its states may be another user's alone. */
static bool can_be_settled(struct hal9_state *state, const char *id, struct hal9_error *why) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    return op_read(state, id, true, &o, why) != HAL9_E_PERM;
}

static enum past look(struct hal9_state *state, const char *id, struct hal9_error *why) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    hal9_status st = op_read(state, id, false, &o, why);
    if (st == HAL9_E_NOT_FOUND) {
        hal9_error_clear(why);
        return PAST;
    }
    if (st != HAL9_OK)
        return CANT_TELL;
    if (o.state != HAL9_OP_OPEN || !op_of_this_host(o.plan))
        return PAST;
    if (hal9_journal_running(state, id))
        return RUNS;
    return can_be_settled(state, id, why) ? OPEN : CANT_TELL;
}

/* Takes other. */
static hal9_status check(struct operation *op, const char *id, struct hal9_state *other,
                         struct op_founds *ret, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error why = {0};
    struct hal9_state *state = other ? other : op->env->state;
    enum past past = look(state, id, &why);
    hal9_status st = HAL9_OK;
    if (past == OPEN) {
        *HAL9_APPEND(ret->v, ret->n, ret->cap) = (struct op_found){hal9_strdup(id), other};
        return HAL9_OK;
    }
    if (past == RUNS) {
        st = op_busy(state, id, err);
    } else if (past == CANT_TELL) {
        hal9_state_say(state, &why);
        st = foreign(op, id, hal9_state_path(state), &why, err);
    }
    if (other)
        hal9_state_close(other);
    return st;
}

/* Whether the operation is past, in a directory that isn't one to be written to. */
static bool is_past(const struct hal9_lock_note *note) {
    struct hal9_state *other = NULL;
    _cleanup_error_ struct hal9_error why = {0};
    if (hal9_state_open(note->state_dir, HAL9_STATE_READ, false, &other, NULL) != HAL9_OK)
        return false;
    enum past past = look(other, note->operation, &why);
    hal9_state_close(other);
    return past == PAST;
}

static hal9_status check_note(struct operation *op, const struct hal9_lock_note *note,
                              struct op_founds *ret, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error why = {0};
    struct hal9_state *other = NULL;
    if (hal9_streq(note->state_dir, hal9_state_path(op->env->state)))
        return check(op, note->operation, NULL, ret, err);
    hal9_status st = hal9_state_open_foreign(note->state_dir, &other, &why);
    if (st == HAL9_OK)
        return check(op, note->operation, other, ret, err);
    if (st == HAL9_E_NOT_FOUND || is_past(note))
        return HAL9_OK;
    return foreign(op, note->operation, note->state_dir, &why, err);
}

/* Of the own state directory: those whose plan meets this one's resources. */
static hal9_status check_open(struct operation *op, const char *id, struct op_founds *ret,
                              struct hal9_error *err) {
    _cleanup_json_ cJSON *line = NULL;
    _cleanup_strv_ struct hal9_strv theirs = {0};
    _cleanup_error_ struct hal9_error why = {0};
    hal9_status st = hal9_journal_first(op->env->state, id, &line, &why);
    if (st == HAL9_E_NOT_FOUND)
        return HAL9_OK;
    if (st != HAL9_OK)
        return foreign(op, id, hal9_state_path(op->env->state), &why, err);
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(line, "resources"), &theirs);
    return op_strv_meet(&theirs, &op->resources) ? check(op, id, NULL, ret, err) : HAL9_OK;
}

hal9_status op_find_unfinished(struct operation *op, const char *but, struct op_founds *ret,
                               struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv open = {0};
    size_t n = op->locks ? hal9_locks_count(op->locks) : 0;
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < n; i++) {
        const struct hal9_lock_note *note = hal9_locks_found(op->locks, i, NULL);
        if (!note || note->ended || !note->state_dir || !hal9_id_valid(note->operation) ||
            hal9_streq(note->operation, but) || !first_time(ret, note->operation))
            continue;
        st = check_note(op, note, ret, err);
    }
    if (st == HAL9_OK && op->env->state)
        st = hal9_journal_list_open(op->env->state, &open, err);
    for (size_t i = 0; st == HAL9_OK && i < open.n; i++)
        if (!hal9_streq(open.v[i], but) && first_time(ret, open.v[i]))
            st = check_open(op, open.v[i], ret, err);
    return st;
}

static hal9_status supersede(const struct hal9_op_env *env, const char *id, const char *by,
                             char **ret_words, struct hal9_error *err) {
    _cleanup_operation_ struct operation op;
    bool open = false;
    op_init(&op, env);
    hal9_status st = op_reopen(&op, id, &open, err);
    if (st != HAL9_OK || !open)
        return st;
    st = op_settle(&op, false, ret_words, err);
    return st == HAL9_OK ? op_write_end(&op, HAL9_OP_SUPERSEDED, by, err) : st;
}

hal9_status op_supersede(const struct hal9_op_env *env, const struct op_founds *f, const char *by,
                         struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < f->n; i++) {
        _cleanup_free_ char *words = NULL;
        struct hal9_op_env theirs = *env;
        theirs.state = f->v[i].other ? f->v[i].other : env->state;
        theirs.observer = NULL; /* its steps are not this run's */
        _cleanup_error_ struct hal9_error e = {0};
        st = supersede(&theirs, f->v[i].id, by, &words, &e);
        if (st != HAL9_OK) {
            hal9_state_say(theirs.state, &e);
            hal9_error_move(err, &e);
        }
        if (!words)
            continue; /* it has come to its end meanwhile */
        _cleanup_free_ char *what = hal9_strf("superseded: %s", words);
        op_tell_found(env, f->v[i].id, what);
    }
    return st;
}
