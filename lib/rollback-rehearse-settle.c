/*
 * What a rehearsal that was killed has left: its snapshot, and the operations that disturbed the parts or rolled them back. The newest of these tells where
 * it stood: a disturbance is undone, a rollback that is half-way is gone on with. Both are guarded: what others changed since is not overwritten.
 */
#include <string.h>

#include "hal9ops/sys.h"
#include "rollback-rehearse.h"

#define LOOK_MS 100 /* how often a process of it, which still runs, is looked for */

/* ---- which of the operations are of that rehearsal ---- */

static bool is_of(const struct hal9_op *o, const char *snapshot) {
    const cJSON *subject = cJSON_GetObjectItemCaseSensitive(o->plan, "subject");
    const cJSON *about = cJSON_GetObjectItemCaseSensitive(subject, "rehearsal");

    return hal9_streq(hal9_json_str(about ? about : hal9_rollback_subject(o), "snapshot"),
                      snapshot);
}

/* The newest, loaded into *ret; false: there is none. */
static bool find_newest(const struct rb_rehearsal *r, const char *snapshot, struct hal9_op *ret) {
    _cleanup_strv_ struct hal9_strv ids = {0};

    if (hal9_journal_list(r->job->state, &ids, NULL) != HAL9_OK)
        return false;
    for (size_t i = ids.n; i-- > 0 && strcmp(ids.v[i], snapshot) > 0;) {
        if (hal9_op_load(r->job->state, ids.v[i], ret, NULL) != HAL9_OK)
            continue;
        if (ret->undoes.n == 0 && is_of(ret, snapshot))
            return true;
        hal9_op_clear(ret);
    }
    return false;
}

/* ---- putting it right ---- */

/* A rollback of it may have outlived it, and comes to its end by itself. */
static hal9_status wait_for(const struct rb_rehearsal *r, const struct hal9_op *o,
                            struct hal9_error *err) {
    const int64_t begun = hal9_mono_ms(), max = r->env->lock_timeout_ms;
    const int cancel = r->env->cancel ? r->env->cancel->soft_fd : -1;
    hal9_status st = HAL9_OK;

    if (hal9_journal_running(r->job->state, o->id))
        rb_rehearse_say(r, "a rollback of an earlier rehearsal still runs (operation %s)", o->id);
    while (st == HAL9_OK && hal9_journal_running(r->job->state, o->id)) {
        if (max >= 0 && hal9_mono_ms() - begun >= max)
            return hal9_error_set(err, HAL9_E_BUSY,
                                  "operation %s of an earlier rehearsal still runs", o->id);
        st = hal9_wait_fd(-1, hal9_mono_ms() + LOOK_MS, cancel, err);
    }
    return st;
}

/* Parts of which the disturbance itself had failed, who knows where: an undo leaves them alone. */
static hal9_status bring_back(const struct rb_rehearsal *r, const struct hal9_op *o,
                              const char *snapshot, struct hal9_error *err) {
    struct rb_rehearsal there = *r;
    struct rb_child c = {.strategy = HAL9_PARTIAL};
    hal9_status st = HAL9_OK;

    there.id = snapshot;
    for (size_t i = 0; i < o->n_steps; i++)
        if (o->steps[i].state == HAL9_STEP_WARNED)
            hal9_strv_add(&c.parts, o->steps[i].name);
    if (c.parts.n > 0)
        st = rb_child_run(&there, &c, err);
    rb_child_clear(&c);
    return st;
}

static hal9_status put_right(const struct rb_rehearsal *r, const char *id, const char *snapshot,
                             struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    _cleanup_(hal9_op_result_clear) struct hal9_op_result res = {0};
    hal9_status st = hal9_op_load(r->job->state, id, &o, err);
    const bool disturbed = st == HAL9_OK && !hal9_rollback_subject(&o);

    if (st != HAL9_OK)
        return st;
    if (disturbed)
        st = o.state == HAL9_OP_UNDONE ? HAL9_OK : hal9_op_undo(r->env, id, &res, err);
    else if (o.state == HAL9_OP_OPEN)
        st = hal9_op_resume(r->env, id, &res, err);
    if (st == HAL9_OK && res.state == HAL9_OP_FAILED)
        st = hal9_error_set(err, HAL9_E_FAILED, "step %s failed: %s",
                            res.failed_step ? res.failed_step : "?",
                            res.error.message ? res.error.message : "?");
    return st == HAL9_OK && disturbed ? bring_back(r, &o, snapshot, err) : st;
}

static hal9_status as_before(const struct rb_rehearsal *r, const cJSON *snapshot,
                             struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf words = {0};
    size_t n = 0;
    hal9_status st =
        hal9_rollback_diff(r->job->config, r->job->state, snapshot, NULL, &words, NULL, &n, err);

    if (st == HAL9_OK && n > 0)
        st = hal9_error_set(err, HAL9_E_FAILED, "not all is as before it: %.*s",
                            (int)strcspn(words.data, "\n"), words.data);
    return st;
}

static hal9_status settle(const struct rb_rehearsal *r, const cJSON *snapshot,
                          struct hal9_error *err) {
    const char *id = hal9_json_str(snapshot, "id"), *time = hal9_json_str(snapshot, "time");
    struct hal9_op o = {0};
    const bool any = find_newest(r, id, &o);
    hal9_status st = any ? wait_for(r, &o, err) : HAL9_OK;

    if (any && st == HAL9_OK)
        st = put_right(r, o.id, id, err);
    hal9_op_clear(&o);
    if (any && st == HAL9_OK)
        st = as_before(r, snapshot, err);
    if (st == HAL9_OK)
        st = hal9_snapshot_delete(r->job->state, id, err);
    if (st == HAL9_OK && any)
        rb_rehearse_say(
            r, "a rehearsal of %.19sZ was broken off: what it had disturbed was taken back",
            time ? time : "?");
    else if (st == HAL9_OK)
        rb_rehearse_say(r, "a rehearsal of %.19sZ was broken off before it disturbed anything",
                        time ? time : "?");
    else if (st != HAL9_E_BUSY && st != HAL9_E_INTERRUPTED) {
        hal9_error_prefix(err, "a rehearsal was broken off, and can't be taken back");
        hal9_error_hint(err,
                        "hal9-rollback diff %s shows what differs, hal9-rollback to %s brings it "
                        "back, hal9-rollback prune %s forgets it",
                        id, id, id);
    }
    return st;
}

hal9_status rb_rehearse_settle(struct rb_rehearsal *r, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_snapshot_list(r->job->state, &ids, err);

    for (size_t i = ids.n; st == HAL9_OK && i-- > 0;) {
        _cleanup_json_ cJSON *s = NULL;

        if (hal9_snapshot_get(r->job->state, ids.v[i], &s, NULL) == HAL9_OK &&
            hal9_streq(hal9_json_str(s, "reason"), "rehearsal") &&
            hal9_streq(hal9_json_str(s, "plan"), r->plan->name))
            st = settle(r, s, err);
    }
    return st;
}
