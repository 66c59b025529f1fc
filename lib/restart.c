/* A service stopped and started again, and proven healthy: looking, planning, acting, and how it ended. */
#include "base/cleanup.h"
#include "hal9ops/net.h"
#include "hal9ops/sys.h"
#include "restart-internal.h"

bool hal9_restart_acts_on(const char *state, const char *cause) {
    return hal9_streq(state, "failing") &&
           (hal9_streq(cause, "not_running") || hal9_streq(cause, "check_failed") ||
            hal9_streq(cause, "port_conflict"));
}

char *hal9_restart_detach_warning(const struct hal9_restart_findings *f) {
    _cleanup_free_ char *why = NULL;
    size_t i = 0;

    while (i < f->n && (f->v[i].answer != HAL9_RESTART_TO_DO ||
                        hal9_run_kind(f->v[i].service->run) != HAL9_RUN_EXEC))
        i++;
    /* Only a supervisor of control groups takes what is left in one with it. */
    if (i == f->n || !hal9_systemd_running() || hal9_detach_available(&why) != HAL9_DETACH_NONE)
        return NULL;
    return hal9_strf("%s stays in the control group of this session, and ends with it where a "
                     "supervisor clears that up (cron under systemd, KillUserProcesses): %s",
                     f->v[i].service->name, why ? why : "no other place can be had");
}

hal9_status hal9_restart_plan(const struct hal9_restart *r, struct hal9_plan *ret,
                              struct hal9_error *err) {
    _cleanup_(hal9_restart_findings_clear) struct hal9_restart_findings f = {0};
    hal9_status st = hal9_restart_look(r, &f, err);

    return st == HAL9_OK ? hal9_restart_plan_from(r, &f, ret, err) : st;
}

struct job {
    const struct hal9_restart *r;
    struct hal9_restart_findings *found;
    bool fresh; /* found is of a moment ago: good for one plan */
};

static hal9_status make_plan(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    struct job *job = data;
    struct hal9_restart_findings now = {0};
    hal9_status st = job->fresh ? HAL9_OK : hal9_restart_look(job->r, &now, err);

    if (st != HAL9_OK)
        return st;
    if (!job->fresh) {
        hal9_restart_findings_clear(job->found);
        *job->found = now;
    }
    job->fresh = false;
    return hal9_restart_plan_from(job->r, job->found, ret, err);
}

hal9_status hal9_restart_run(const struct hal9_restart *r, struct hal9_restart_findings *f,
                             const struct hal9_op_env *env, struct hal9_op_result *ret,
                             struct hal9_error *err) {
    struct job job = {r, f, f->n > 0};
    struct hal9_restart_counter counter = {.restart = r, .found = f, .observer = env->observer};
    struct hal9_op_env mine = *env;
    const struct hal9_observer counting = hal9_restart_counting(&counter);

    mine.observer = &counting;
    return hal9_op_run(&mine, make_plan, &job, ret, err);
}

/* ---- how it ended ---- */

/* What a failed step means for its service. */
static const char *meaning(const char *kind) {
    static const char *const words[][2] = {
        {"exec.preflight", "was not stopped: the check of its configuration failed"},
        {"process.stop", "could not be stopped"},
        {"unit.stop", "could not be stopped"},
        {"port.prove", "was not started: its port can't be bound"},
        {"process.start", "could not be started"},
        {"unit.start", "could not be started"},
        {"health.gate", "did not become healthy"},
        {"balancer.drain", "was not stopped: it could not be drained"},
        {"balancer.set", "runs, but could not be put back behind its balancer"},
    };

    for (size_t i = 0; i < HAL9_ARRAY_LEN(words); i++)
        if (hal9_streq(words[i][0], kind))
            return words[i][1];
    return "failed";
}

static bool is_of(const struct hal9_op_step *s, const char *service) {
    _cleanup_free_ char *prefix = hal9_strf("%s/", service);

    return hal9_startswith(s->name, prefix);
}

static bool is_way_back(const struct hal9_op_step *s, const char *service) {
    _cleanup_free_ char *prefix = hal9_strf("%s/revert-", service);

    return hal9_startswith(s->name, prefix);
}

/* The step that decides: the one that failed, else the last. NULL: the operation has none of this service. */
static const struct hal9_op_step *deciding(const struct hal9_op *op, const char *service) {
    const struct hal9_op_step *last = NULL;

    for (size_t i = 0; i < op->n_steps; i++) {
        if (!is_of(&op->steps[i], service) || is_way_back(&op->steps[i], service) ||
            (hal9_restart_gives_back(&op->steps[i]) && op->steps[i].state != HAL9_STEP_FAILED))
            continue;
        last = &op->steps[i];
        if (last->state == HAL9_STEP_FAILED)
            return last;
    }
    return last;
}

/* What a failed gate leaves behind. */
static char *left_words(const struct hal9_restart_finding *f) {
    struct hal9_buf words = {0};

    if (f->running)
        hal9_buf_puts(&words, "; it is left running");
    if (f->pid > 0)
        hal9_buf_printf(&words, " (pid %d) for a look", (int)f->pid);
    if (f->release)
        hal9_buf_printf(&words, "; release %s stays%s%s", f->release, f->revert_not ? ": " : "",
                        f->revert_not ? f->revert_not : "");
    return hal9_buf_take(&words);
}

static void tell_failed(struct hal9_restart_finding *f, const struct hal9_op *op,
                        const struct hal9_op_step *s) {
    const char *what = meaning(s->kind);

    if (hal9_restart_reverted(f, op, s, what))
        return;
    _cleanup_free_ char *left =
        hal9_streq(s->kind, "health.gate") ? left_words(f) : hal9_strdup("");

    if (hal9_streq(s->kind, "exec.preflight") && !f->running)
        what = "was not started: the check of its configuration failed";
    f->end = HAL9_RESTART_HAS_FAILED;
    f->end_words = hal9_strf("%s %s%s%s%s", f->service->name, what, s->reason ? ": " : "",
                             s->reason ? s->reason : "", left);
}

static void tell_well(const struct hal9_restart *r, struct hal9_restart_finding *f, bool gated) {
    const char *name = f->service->name;
    _cleanup_free_ char *pid = f->pid > 0 ? hal9_strf(" (pid %d)", (int)f->pid) : hal9_strdup("");

    if (gated) {
        f->end = HAL9_RESTART_IS_HEALTHY;
        f->end_words = hal9_strf("%s is healthy%s", name, pid);
    } else if (!f->running) {
        f->end = HAL9_RESTART_HAS_FAILED;
        f->end_words = hal9_strf("%s was started and has ended since", name);
    } else {
        f->end = HAL9_RESTART_IS_STARTED;
        f->end_words =
            hal9_strf("%s is started%s; %s", name, pid,
                      r->gate ? "it has no check of its own, so nobody knows whether it is healthy"
                              : "whether it is healthy was not waited for");
    }
}

static void tell_end(const struct hal9_restart *r, struct hal9_restart_finding *f,
                     const struct hal9_op *op, const struct hal9_op_step *s) {
    if (s->state == HAL9_STEP_FAILED) {
        tell_failed(f, op, s);
    } else if (s->state == HAL9_STEP_DONE || s->state == HAL9_STEP_SKIPPED) {
        tell_well(r, f, hal9_streq(s->kind, "health.gate"));
    } else {
        f->end = HAL9_RESTART_NOT_REACHED;
        f->end_words =
            hal9_strf("%s was left as it was: what it depends on has failed", f->service->name);
    }
}

/* Healthy at the last look: before, or by somebody else's run while this one waited for the lock. */
static void tell_untouched(struct hal9_restart_finding *f) {
    if (f->answer != HAL9_RESTART_HEALTHY)
        return;
    f->end = HAL9_RESTART_IS_HEALTHY;
    f->end_words = hal9_strf("%s is healthy already; nothing done", f->service->name);
}

hal9_status hal9_restart_outcome(const struct hal9_restart *r, const struct hal9_op_result *res,
                                 struct hal9_restart_findings *f, struct hal9_error *err) {
    struct hal9_op op = {0};
    hal9_status st = res->id[0] ? hal9_op_load(r->state, res->id, &op, err) : HAL9_OK;

    for (size_t i = 0; st == HAL9_OK && i < f->n; i++) {
        const struct hal9_op_step *s = deciding(&op, f->v[i].service->name);

        free(f->v[i].end_words);
        f->v[i].end_words = NULL;
        f->v[i].end = HAL9_RESTART_UNTOUCHED;
        if (!s) {
            tell_untouched(&f->v[i]);
            continue;
        }
        st = hal9_restart_running(r, &f->v[i], err);
        if (st == HAL9_OK)
            st = hal9_restart_unit(&f->v[i], err);
        if (st == HAL9_OK)
            tell_end(r, &f->v[i], &op, s);
        if (st == HAL9_OK)
            hal9_restart_tell_drained(&f->v[i], &op);
    }
    hal9_op_clear(&op);
    return st;
}
