/*
 * hal9-rollback rehearse: a snapshot; every part disturbed and rolled back to it by each strategy, whole and killed in the middle; and all as before.
 */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "rollback-rehearse.h"

const char *hal9_rehearsed_name(enum hal9_rehearsed s) {
    static const char *const names[] = {"pass", "fail", "unknown", "skipped"};

    return names[s];
}

void rb_rehearse_say(const struct rb_rehearsal *r, const char *fmt, ...) {
    va_list ap;

    va_start(ap, fmt);
    _cleanup_free_ char *words = hal9_vstrf(fmt, ap);
    va_end(ap);
    if (r->job->told)
        r->job->told(r->job->data, words);
}

bool rb_rehearse_stopped(const struct rb_rehearsal *r) {
    return r->env->cancel && (r->env->cancel->signal || r->env->cancel->timed_out);
}

/* ---- groups ---- */

static bool needs(const struct rb_part *p, const struct rb_part *other) {
    for (size_t i = 0; p->spec && p != other && i < p->spec->needs.n; i++)
        if (rb_part_meant(other, p->spec->needs.v[i]))
            return true;
    return false;
}

static void join(struct rb_rehearsal *r, size_t a, size_t b) {
    const size_t from = r->v[a].group > r->v[b].group ? r->v[a].group : r->v[b].group;
    const size_t to = r->v[a].group > r->v[b].group ? r->v[b].group : r->v[a].group;

    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].group == from)
            r->v[i].group = to;
}

/* Parts that need each other, by whatever way, are one; so are those of a kind of which --parts, a list with commas, can't name one alone. */
static void make_groups(struct rb_rehearsal *r) {
    for (size_t i = 0; i < r->n; i++)
        r->v[i].group = i;
    for (size_t i = 0; i < r->n; i++)
        for (size_t k = 0; k < r->n; k++)
            if (needs(r->v[i].part, r->v[k].part) ||
                (strchr(r->v[i].part->name, ',') && r->v[i].part->kind == r->v[k].part->kind))
                join(r, i, k);
    r->groups = r->n;
}

/* ---- the snapshot ---- */

static hal9_status take(struct rb_rehearsal *r, struct hal9_error *err) {
    const struct hal9_snapshot_opts o = {.config = r->job->config,
                                         .state = r->job->state,
                                         .plan = r->plan->name,
                                         .reason = "rehearsal",
                                         .cancel_fd =
                                             r->env->cancel ? r->env->cancel->soft_fd : -1};
    hal9_status st = hal9_rollback_snapshot(&o, &r->snapshot, err);

    if (st != HAL9_OK)
        return st;
    r->id = hal9_json_str(r->snapshot, "id");
    for (size_t i = 0; i < r->n; i++)
        r->v[i].then = rb_snapshot_state(r->snapshot, r->v[i].part->name);
    return HAL9_OK;
}

static hal9_status find_parts(struct rb_rehearsal *r, struct hal9_error *err) {
    const struct hal9_strv *labels = r->job->labels;
    hal9_status st = rb_plan_find(r->job->config, r->job->plan, &r->plan, err);

    if (st == HAL9_OK)
        st = rb_parts_of_plan(r->job->config, r->plan, &r->parts, err);
    if (st != HAL9_OK)
        return st;
    r->n = r->parts.n;
    r->v = hal9_alloc((r->n + 1) * sizeof(*r->v));
    for (size_t i = 0; i < r->n; i++) {
        r->v[i].part = &r->parts.v[i];
        r->v[i].label = labels && i < labels->n ? labels->v[i] : r->parts.v[i].name;
    }
    make_groups(r);
    return HAL9_OK;
}

/* ---- the end ---- */

/* What differs from the snapshot still, a line each. Fresh; NULL: nothing. */
static char *what_differs(const struct rb_rehearsal *r) {
    _cleanup_strv_ struct hal9_strv all = {0};

    for (size_t i = 0; i < r->n; i++) {
        _cleanup_error_ struct hal9_error e = {0};
        char *words = NULL;

        if (rb_rehearse_compare(r, &r->v[i], &words, &e) != HAL9_OK)
            hal9_strv_take(&all, hal9_strf("%s can't be read: %s", r->v[i].label, e.message));
        else if (words)
            hal9_strv_take(&all, words);
    }
    return all.n > 0 ? hal9_strv_join(&all, "; ") : NULL;
}

/* Restored where it isn't, verified, and the snapshot is gone. */
static hal9_status finish(struct rb_rehearsal *r, struct hal9_error *err) {
    _cleanup_free_ char *differs = what_differs(r);

    if (differs) {
        struct rb_child c = {.strategy = HAL9_IMMEDIATE, .best_effort = true};
        hal9_status st = rb_child_run(r, &c, err);

        rb_child_clear(&c);
        if (st == HAL9_E_INTERRUPTED)
            return st;
        hal9_error_clear(err);
        free(differs);
        differs = what_differs(r);
    }
    r->job->back = differs == NULL;
    if (!differs)
        return hal9_snapshot_delete(r->job->state, r->id, err);
    hal9_error_set(err, HAL9_E_FAILED, "not all is as before: %s", differs);
    hal9_error_hint(err, "hal9-rollback to %s; a further rehearsal begins with it, too", r->id);
    return HAL9_E_FAILED;
}

static hal9_status interrupted(struct hal9_error *err) {
    return hal9_error_set(err, HAL9_E_INTERRUPTED, "the rehearsal was stopped");
}

/* Whatever broke it off: what was disturbed is brought back. */
static hal9_status play(struct rb_rehearsal *r, struct hal9_error *err) {
    struct hal9_error first = {0}, second = {0};
    hal9_status st = rb_rehearse_all(r, &first), end;

    if (r->env->cancel && hal9_wait_fd(r->env->cancel->hard_fd, 0, -1, NULL) == HAL9_OK &&
        r->env->cancel->hard_fd >= 0) {
        hal9_error_clear(&first);
        hal9_error_set(err, HAL9_E_INTERRUPTED, "the rehearsal was broken off where it stood");
        hal9_error_hint(err, "hal9-rollback to %s brings all back; so does the next rehearsal",
                        r->id);
        return HAL9_E_INTERRUPTED;
    }
    end = finish(r, &second);
    if (end != HAL9_OK) {
        hal9_error_clear(&first);
        return hal9_error_move(err, &second);
    }
    if (st != HAL9_OK)
        return hal9_error_move(err, &first);
    return rb_rehearse_stopped(r) ? interrupted(err) : HAL9_OK;
}

static hal9_status need_staging(const struct hal9_config *c, struct hal9_error *err) {
    if (c && c->staging)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_USAGE, "%s does not say staging: true; nothing was touched",
                   c && c->path ? c->path : "no configuration, which");
    hal9_error_hint(err, "a rehearsal disturbs what it rehearses on; --sandbox does it on copies");
    return HAL9_E_USAGE;
}

/* One at a time: what lies about of another that is alive isn't a killed one's. The kernel drops the lock with the process. */
static hal9_status lock(const struct rb_rehearsal *r, struct hal9_locks **ret,
                        struct hal9_error *err) {
    const struct hal9_lock_opts o = {.dir = r->env->lock_dir,
                                     .timeout_ms = r->env->lock_timeout_ms,
                                     .cancel_fd = r->env->cancel ? r->env->cancel->soft_fd : -1};
    _cleanup_strv_ struct hal9_strv names = {0};

    hal9_strv_take(&names, hal9_strf("rehearsal:%s", r->plan->name));
    hal9_status st = hal9_locks_take(&names, &o, ret, err);

    if (st == HAL9_E_BUSY)
        hal9_error_prefix(err, "plan %s is being rehearsed", r->plan->name);
    return st;
}

hal9_status hal9_rollback_rehearse(struct hal9_rehearsal *job, const struct hal9_op_env *env,
                                   struct hal9_error *err) {
    struct rb_rehearsal r = {.job = job, .env = env};
    struct hal9_locks *locks = NULL;
    hal9_status st = need_staging(job->config, err);

    if (st == HAL9_OK)
        st = find_parts(&r, err);
    if (st == HAL9_OK)
        st = lock(&r, &locks, err);
    if (st == HAL9_OK)
        st = rb_rehearse_settle(&r, err);
    if (st == HAL9_OK)
        st = take(&r, err);
    if (st == HAL9_OK)
        st = play(&r, err);
    if (locks)
        hal9_locks_release(locks);
    for (size_t i = 0; i < r.n; i++) {
        free(r.v[i].skipped);
        free(r.v[i].broken);
    }
    free(r.v);
    rb_parts_clear(&r.parts);
    cJSON_Delete(r.snapshot);
    return st;
}
