/* What is to be restarted: what runs, how it is, and what stands in the way. */
#include <string.h>

#include "base/cleanup.h"
#include "restart-internal.h"

static void clear_finding(struct hal9_restart_finding *f) {
    hal9_service_ref_clear(&f->ref);
    hal9_error_clear(&f->refusal);
    hal9_restart_drain_free(f->drain);
    free(f->words);
    free(f->ill);
    free(f->end_words);
    free(f->because);
    free(f->release);
    free(f->revert_to);
    free(f->revert_not);
    hal9_strv_free(&f->left);
}

void hal9_restart_findings_clear(struct hal9_restart_findings *f) {
    for (size_t i = 0; i < f->n; i++)
        clear_finding(&f->v[i]);
    free(f->v);
    memset(f, 0, sizeof(*f));
}

const struct hal9_restart_finding *hal9_restart_find(const struct hal9_restart_findings *f,
                                                     const char *service) {
    for (size_t i = 0; i < f->n; i++)
        if (hal9_streq(f->v[i].service->name, service))
            return &f->v[i];
    return NULL;
}

struct procs {
    struct hal9_proc *v;
    size_t n;
};

static void procs_clear(struct procs *p) {
    for (size_t i = 0; i < p->n; i++)
        hal9_proc_clear(&p->v[i]);
    free(p->v);
    *p = (struct procs){0};
}

/* Its processes now, and no other service's. */
static hal9_status find_procs(const struct hal9_restart *r, struct hal9_restart_finding *f,
                              struct procs *ret, struct hal9_error *err) {
    bool narrowed = false;
    hal9_status st = hal9_service_procs(&f->ref, &ret->v, &ret->n, NULL, err);

    if (st == HAL9_OK)
        st = hal9_restart_kin(r, f, ret->v, ret->n, &narrowed, err);
    if (st != HAL9_OK || !narrowed)
        return st;
    procs_clear(ret);
    return hal9_service_procs(&f->ref, &ret->v, &ret->n, NULL, err);
}

static char *running_words(const struct hal9_service *s, const struct hal9_proc *p) {
    char clock[16];

    hal9_time_clock(p->started_ms, clock);
    return hal9_strf("%s is running (pid %d, since %s)", s->name, (int)p->id.pid, clock);
}

hal9_status hal9_restart_running(const struct hal9_restart *r, struct hal9_restart_finding *f,
                                 struct hal9_error *err) {
    _cleanup_(procs_clear) struct procs procs = {0};

    hal9_service_ref_clear(&f->ref);
    hal9_status st = hal9_config_ref(f->service, r->state, &f->ref, err);

    if (st == HAL9_OK)
        st = find_procs(r, f, &procs, err);
    if (st != HAL9_OK)
        return st;
    f->running = procs.n > 0;
    f->pid = procs.n > 0 ? procs.v[0].id.pid : 0;
    free(f->words);
    f->words = procs.n > 0 ? running_words(f->service, &procs.v[0])
                           : hal9_strf("%s is not running", f->service->name);
    return HAL9_OK;
}

/* Whether an operation on the service was begun and has no end, and nobody is at it. */
static bool has_unfinished(const struct hal9_restart *r, const char *service) {
    _cleanup_strv_ struct hal9_strv open = {0};
    _cleanup_free_ char *prefix = hal9_strf("%s/", service);
    bool found = false;

    if (!r->state || hal9_journal_list_open(r->state, &open, NULL) != HAL9_OK)
        return false;
    for (size_t i = 0; i < open.n && !found; i++) {
        _cleanup_(hal9_op_clear) struct hal9_op op = {0};

        if (hal9_op_look(r->state, open.v[i], &op, NULL) != HAL9_OK || !op.resumable)
            continue;
        for (size_t k = 0; k < op.n_steps && !found; k++)
            found = hal9_startswith(op.steps[k].name, prefix);
    }
    return found;
}

/* Whether it may be left alone: it runs and is healthy. */
static hal9_status leave_healthy(const struct hal9_restart *r, struct hal9_restart_finding *f,
                                 struct hal9_error *err) {
    enum hal9_restart_health how;
    _cleanup_free_ char *reason = NULL;
    hal9_status st;

    if (!f->running || !r->only_if_down || f->because ||
        hal9_strv_has(&r->regardless, f->service->name))
        return HAL9_OK;
    st = hal9_restart_health(r, f->service, &f->ref, &how, &reason, err);
    if (st != HAL9_OK)
        return st;
    if (how == HAL9_RESTART_WELL) {
        f->answer = HAL9_RESTART_HEALTHY;
        f->unfinished = has_unfinished(r, f->service->name);
    }
    if (how == HAL9_RESTART_ILL)
        f->ill = HAL9_TAKE_PTR(reason);
    if (how != HAL9_RESTART_UNSURE)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_UNKNOWN,
                   "%s runs (pid %d), but whether it is healthy is not known: %s", f->service->name,
                   (int)f->pid, reason);
    hal9_error_hint(err, "to restart it all the same: hal9-restart %s", f->service->name);
    return HAL9_E_UNKNOWN;
}

/* A dependency that isn't restarted must be healthy. Where the service is down, only a failure keeps
 * it so: what is not known is no reason to leave it down. */
static hal9_status dependency(const struct hal9_restart *r, const struct hal9_restart_finding *f,
                              const char *name, struct hal9_error *err) {
    const struct hal9_service *d = hal9_config_service(r->config, name);
    struct hal9_service_ref ref = {0};
    enum hal9_restart_health how = HAL9_RESTART_WELL;
    _cleanup_free_ char *reason = NULL;
    hal9_status st = d ? hal9_config_ref(d, r->state, &ref, err) : HAL9_OK;

    if (d && st == HAL9_OK)
        st = hal9_restart_health(r, d, &ref, &how, &reason, err);
    hal9_service_ref_clear(&ref);
    if (st != HAL9_OK || how == HAL9_RESTART_WELL || (how == HAL9_RESTART_UNSURE && !f->running))
        return st;
    if (how == HAL9_RESTART_ILL)
        hal9_error_set(err, HAL9_E_REFUSED, "blocked: %s, which %s depends on, is not healthy: %s",
                       name, f->service->name, reason);
    else
        hal9_error_set(err, HAL9_E_REFUSED,
                       "blocked: whether %s, which %s depends on, is healthy is not known: %s",
                       name, f->service->name, reason);
    hal9_error_hint(err, "hal9-health %s -v; to go on all the same: --yes --force=depends", name);
    return HAL9_E_REFUSED;
}

static hal9_status dependencies(const struct hal9_restart *r,
                                const struct hal9_restart_findings *all,
                                const struct hal9_restart_finding *f, struct hal9_error *err) {
    for (size_t i = 0; i < f->service->depends.n && !r->ignore_depends; i++) {
        const char *name = f->service->depends.v[i];
        const struct hal9_restart_finding *other = hal9_restart_find(all, name);

        if (other && other->answer != HAL9_RESTART_REFUSED)
            continue;
        hal9_status st = dependency(r, f, name, err);

        if (st != HAL9_OK)
            return st;
    }
    return HAL9_OK;
}

static hal9_status look_one(const struct hal9_restart *r, const struct hal9_restart_findings *all,
                            struct hal9_restart_finding *f, struct hal9_error *err) {
    hal9_status st = hal9_restart_running(r, f, err);

    if (st == HAL9_OK)
        st = hal9_restart_can_start(f->service, err);
    if (st == HAL9_OK)
        st = hal9_restart_unit(f, err);
    if (st == HAL9_OK)
        st = leave_healthy(r, f, err);
    if (st != HAL9_OK || f->answer == HAL9_RESTART_HEALTHY)
        return st;
    st = hal9_hold_check(r->state, f->service->name, err);
    if (st == HAL9_OK)
        st = hal9_restart_drain(r, f, err);
    if (st == HAL9_OK)
        st = hal9_restart_ready(f->service, err);
    if (st == HAL9_OK)
        st = hal9_restart_ports_ours(f, err);
    if (st == HAL9_OK)
        st = dependencies(r, all, f, err);
    if (st == HAL9_OK)
        st = hal9_restart_limit(r, f, err);
    if (st == HAL9_OK)
        hal9_restart_release(r, f);
    return st;
}

/* What keeps one service from being restarted, as opposed to what ends the looking. */
static bool is_refusal(hal9_status st) {
    return st == HAL9_E_REFUSED || st == HAL9_E_UNKNOWN || st == HAL9_E_CONFIG ||
           st == HAL9_E_UNSUPPORTED || st == HAL9_E_CORRUPT;
}

/* One that comes along because of another is left out where that isn't restarted, where it doesn't run, and where something is in its way. */
static bool comes_along(const struct hal9_restart *r, const struct hal9_restart_findings *all,
                        struct hal9_restart_finding *f) {
    const struct hal9_restart_finding *leader = hal9_restart_leader(r, all, f->service);

    if (hal9_strv_has(&r->services, f->service->name))
        return true;
    if (!leader)
        return false;
    f->because = hal9_strdup(leader->service->name);
    return true;
}

/* It is told that it depends on what is restarted; why it is left is said in full only with -v. */
static void leave_out(struct hal9_restart_finding *f) {
    if (f->refusal.message)
        hal9_log(1, "%s is not restarted with %s: %s", f->service->name, f->because,
                 f->refusal.message);
    clear_finding(f);
}

static hal9_status look_all(const struct hal9_restart *r, const struct hal9_service **order,
                            size_t n, struct hal9_restart_findings *ret, struct hal9_error *err) {
    for (size_t i = 0; i < n; i++) {
        struct hal9_restart_finding f = {.service = order[i]};

        if (!comes_along(r, ret, &f))
            continue;
        hal9_status st = look_one(r, ret, &f, &f.refusal);

        if (f.because && (is_refusal(st) || (st == HAL9_OK && !f.running))) {
            leave_out(&f);
            continue;
        }
        if (is_refusal(st))
            f.answer = HAL9_RESTART_REFUSED;
        *HAL9_APPEND(ret->v, ret->n, ret->cap) = f;
        if (st != HAL9_OK && !is_refusal(st))
            return hal9_error_move(err, &ret->v[ret->n - 1].refusal);
    }
    return HAL9_OK;
}

hal9_status hal9_restart_look(const struct hal9_restart *r, struct hal9_restart_findings *ret,
                              struct hal9_error *err) {
    struct hal9_restart_findings found = {0};
    const struct hal9_service *s;
    size_t n;

    for (size_t i = 0; i < r->services.n; i++) {
        hal9_status st = hal9_config_need_service(r->config, r->services.v[i], &s, err);

        if (st != HAL9_OK)
            return st;
    }
    _cleanup_strv_ struct hal9_strv names = {0};

    hal9_strv_copy(&names, &r->services);
    hal9_restart_dependants(r, &names);
    _cleanup_free_ const struct hal9_service **order = hal9_config_order(r->config, &names, &n);
    hal9_status st = look_all(r, order, n, &found, err);

    if (st == HAL9_OK)
        hal9_restart_tell_left(r, &found);
    if (st == HAL9_OK)
        *ret = found;
    else
        hal9_restart_findings_clear(&found);
    return st;
}
