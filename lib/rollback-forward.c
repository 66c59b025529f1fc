/*
 * hal9-rollback forward: a migration goes up in phases, each with a gate, and goes back by itself where one fails.
 *
 * What is gone back to is the snapshot that was taken before its first phase: one that goes on where an earlier one stands has that one's. Which phase comes next is
 * told by the traffic, and by the gates that the journals say have passed.
 */
#include <string.h>

#include "rollback-forward.h"

/* ---- what is asked for ---- */

static hal9_status find_plan(struct rb_forward *f, struct hal9_error *err) {
    hal9_status st = rb_plan_find(f->job->config, f->job->plan, &f->plan, err);

    if (st != HAL9_OK)
        return st;
    f->spec = f->plan->forward;
    if (f->spec)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_USAGE, "plan %s has no forward: in %s", f->plan->name,
                   f->job->config->path);
    hal9_error_hint(err, "write its phases; see forward in hal9.yaml(5)");
    return HAL9_E_USAGE;
}

static hal9_status find_end(struct rb_forward *f, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};
    const char *until = f->job->until;

    f->end = f->spec->phases.n;
    for (size_t k = 0; until && k < f->spec->phases.n; k++) {
        hal9_strv_add(&names, rb_phase(f->spec, k)->name);
        if (hal9_streq(rb_phase(f->spec, k)->name, until)) {
            f->end = k + 1;
            return HAL9_OK;
        }
    }
    if (!until)
        return HAL9_OK;
    const char *near = hal9_suggest(until, (const char *const *)names.v, names.n);
    _cleanup_free_ char *all = hal9_strv_join(&names, ", ");

    if (near)
        return hal9_error_set(err, HAL9_E_USAGE, "no phase '%s' in plan %s; did you mean '%s'?",
                              until, f->plan->name, near);
    return hal9_error_set(err, HAL9_E_USAGE, "no phase '%s' in plan %s; it has %s", until,
                          f->plan->name, all);
}

char *rb_command_words(const struct hal9_strv *argv) {
    _cleanup_free_ char *all = hal9_strv_join(argv, " ");
    const size_t len = strcspn(all, "\n");

    return len > 40 || all[len] ? hal9_strf("%.*s...", (int)(len < 40 ? len : 40), all)
                                : HAL9_TAKE_PTR(all);
}

static char *phase_words(const struct hal9_phase_spec *p) {
    _cleanup_buf_ struct hal9_buf b = {0};
    _cleanup_free_ char *span = hal9_span_text(p->for_ms);
    const int n = (int)p->validate.n, flags = cJSON_GetArraySize(p->set);

    hal9_buf_printf(&b, "%s: new path %lld %%", p->name, (long long)p->share);
    _cleanup_free_ char *command = rb_command_words(&p->run);

    if (p->run.n > 0)
        hal9_buf_printf(&b, ", runs %s", command);
    if (flags > 0)
        hal9_buf_printf(&b, ", %d flag%s", flags, flags == 1 ? "" : "s");
    if (p->release)
        hal9_buf_printf(&b, ", release %s", p->release);
    hal9_buf_printf(&b, ", for %s, %d check%s", span, n, n == 1 ? "" : "s");
    return hal9_buf_take(&b);
}

/* ---- where it stands ---- */

static double share_of(const struct hal9_balancer_view *v, const struct hal9_strv *fresh) {
    double all = 0, mine = 0;

    for (size_t k = 0; k < v->n; k++) {
        const double weight = v->v[k].admin != HAL9_ADMIN_READY ? 0
                              : v->v[k].weight < 0              ? 1
                                                                : (double)v->v[k].weight;

        all += weight;
        mine += hal9_strv_has(fresh, v->v[k].name) ? weight : 0;
    }
    return all > 0 ? 100 * mine / all : 0;
}

/* Of several balancers the one that is least far counts. */
static hal9_status find_share(const struct rb_forward *f, double *ret, struct hal9_error *err) {
    _cleanup_(rb_parts_clear) struct rb_parts parts = {0};
    hal9_status st = rb_parts_of_plan(f->job->config, f->plan, &parts, err);
    bool any = false;

    *ret = 0;
    for (size_t i = 0; st == HAL9_OK && i < parts.n; i++) {
        const struct rb_part *p = &parts.v[i];
        _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};

        if (!p->balancer || !p->spec || p->spec->fresh.n == 0)
            continue;
        st = hal9_balancer_look(p->balancer, p->backend, f->job->cancel_fd, &v, err);
        if (st != HAL9_OK) {
            hal9_error_prefix(err, "nothing was begun: %s", p->name);
            return st;
        }
        const double share = share_of(&v, &p->spec->fresh);

        *ret = !any || share < *ret ? share : *ret;
        any = true;
    }
    return st;
}

/* One that failed and isn't back must come to an end first. */
static hal9_status need_end(const struct rb_forward *f, struct hal9_error *err) {
    if (!f->past.lost)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED,
                   "nothing was begun: operation %s has failed on its way up, and is not all back",
                   f->past.id);
    if (f->past.open)
        hal9_error_hint(err, "hal9-rollback resume %s leads it back", f->past.id);
    else
        hal9_error_hint(err, "hal9-rollback to %s brings all back", f->past.snapshot);
    return HAL9_E_REFUSED;
}

/* ---- the snapshot ---- */

static void tell(const struct rb_forward *f, char *words) {
    if (f->job->told)
        f->job->told(f->job->data, words);
    free(words);
}

static hal9_status take_snapshot(struct rb_forward *f, struct hal9_error *err) {
    const struct hal9_snapshot_opts o = {.config = f->job->config,
                                         .state = f->job->state,
                                         .plan = f->plan->name,
                                         .reason = "before",
                                         .cancel_fd = f->job->cancel_fd,
                                         .told = f->job->told,
                                         .data = f->job->data};
    hal9_status st = hal9_rollback_snapshot(&o, &f->to.snapshot, err);

    f->fresh = true;
    if (st != HAL9_OK)
        return st;
    f->to.id = hal9_strdup(hal9_json_str(f->to.snapshot, "id"));
    return rb_to_take(&f->to, err);
}

static bool has_snapshot(const struct rb_forward *f) {
    _cleanup_json_ cJSON *s = NULL;

    return f->past.snapshot &&
           hal9_snapshot_get(f->job->state, f->past.snapshot, &s, NULL) == HAL9_OK;
}

static hal9_status open_snapshot(struct rb_forward *f, struct hal9_error *err) {
    f->question = (struct hal9_rollback_to){.config = f->job->config,
                                            .state = f->job->state,
                                            .plan = f->plan->name,
                                            .strategy = HAL9_IMMEDIATE,
                                            .hold_ms = -1,
                                            .cancel_fd = f->job->cancel_fd,
                                            .force = f->question.force,
                                            .told = f->job->told,
                                            .data = f->job->data};
    f->to.job = &f->question;
    hal9_status st;

    if (has_snapshot(f)) {
        f->question.snapshot = f->past.snapshot;
        st = rb_to_open(&f->to, err);
    } else {
        if (f->start > 0)
            tell(f, hal9_strf("no record of the phases before %s: what is gone back to is how it "
                              "stands now",
                              rb_phase(f->spec, f->start)->name));
        st = take_snapshot(f, err);
    }
    return st == HAL9_OK ? rb_choose(&f->to, err) : st;
}

/* ---- */

/* What a killed run left may lack nothing but its end. */
static void tidy(const struct rb_forward *f, const struct hal9_op_env *env) {
    _cleanup_strv_ struct hal9_strv names = {0};
    struct hal9_op_env at_once = *env;

    at_once.lock_timeout_ms = 0;
    hal9_strv_take(&names, hal9_strf("rollback:%s", f->plan->name));
    if (env->state && !env->dry_run)
        hal9_op_tidy(&at_once, &names, NULL); /* no duty: resume and abort still can */
}

static hal9_status arrived(const struct rb_forward *f, const struct hal9_op_env *env,
                           struct hal9_op_result *ret) {
    tidy(f, env);
    *ret = (struct hal9_op_result){.state = HAL9_OP_DONE, .nothing = true};
    ret->why = hal9_strf("new path %.3g %%: phase %s is reached", f->job->ret_share,
                         rb_phase(f->spec, f->end - 1)->name);
    return HAL9_OK;
}

/* The first phase of this run, as all stands now. */
static hal9_status find_start(const struct rb_forward *f, struct rb_past *past, double *ret_share,
                              size_t *ret, struct hal9_error *err) {
    hal9_status st = find_share(f, ret_share, err);

    if (st == HAL9_OK)
        st = rb_past_find(f->job->state, f->plan->name, past, err);
    if (st == HAL9_OK)
        *ret = rb_forward_start(f->spec, *ret_share, past->id ? &past->passed : NULL);
    return st;
}

hal9_status rb_forward_stays(const struct rb_forward *f, struct hal9_error *err) {
    _cleanup_(rb_past_clear) struct rb_past past = {0};
    size_t start = f->start;
    double share;
    hal9_status st = find_start(f, &past, &share, &start, err);

    if (st != HAL9_OK ||
        (start == f->start && past.lost == f->past.lost && hal9_streq(past.id, f->past.id)))
        return st;
    hal9_error_set(err, HAL9_E_DRIFT,
                   "nothing was begun: another run has moved the migration meanwhile");
    hal9_error_hint(err, "hal9-rollback status tells how it stands; then run it again");
    return HAL9_E_DRIFT;
}

/* Nothing was begun: nobody needs it. */
static void forget_snapshot(const struct rb_forward *f, const struct hal9_op_env *env,
                            const struct hal9_op_result *r) {
    if (f->fresh && !r->id[0] && env->state && !env->dry_run)
        hal9_snapshot_delete(env->state, f->to.id, NULL);
}

static hal9_status look(struct rb_forward *f, struct hal9_rollback_forward *job,
                        struct hal9_error *err) {
    hal9_status st = find_plan(f, err);

    if (st == HAL9_OK)
        st = find_end(f, err);
    if (st == HAL9_OK)
        st = find_start(f, &f->past, &job->ret_share, &f->start, err);
    if (st == HAL9_OK)
        st = need_end(f, err);
    if (st != HAL9_OK)
        return st;
    for (size_t k = 0; k < f->spec->phases.n; k++)
        hal9_strv_take(&job->ret_phases, phase_words(rb_phase(f->spec, k)));
    job->ret_from = f->start + 1;
    job->ret_to = f->end;
    return HAL9_OK;
}

hal9_status hal9_rollback_forward(struct hal9_rollback_forward *job, const struct hal9_op_env *env,
                                  struct hal9_op_result *ret, struct hal9_error *err) {
    struct rb_forward f = {.job = job, .question = {.force = env->force}};
    hal9_status st = look(&f, job, err);

    if (st == HAL9_OK && f.start >= f.end) {
        st = arrived(&f, env, ret);
    } else if (st == HAL9_OK) {
        st = open_snapshot(&f, err);
        if (st == HAL9_OK) {
            job->ret_snapshot = hal9_strdup(f.to.id);
            st = hal9_op_run(env, rb_forward_plan, &f, ret, err);
            forget_snapshot(&f, env, ret);
        }
    }
    rb_to_clear(&f.to);
    rb_past_clear(&f.past);
    return st;
}
