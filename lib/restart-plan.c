/* The steps of a restart: preflight, stop, port free, start, gate; one chain a service. */
#include "base/cleanup.h"
#include "restart-internal.h"

#define PREFLIGHT_MS 60000
#define PROVE_MS 10000 /* after its processes have ended, the kernel lets go at once */
#define UNIT_MS 90000  /* what systemd itself allows by default for a start or a stop */
#define LOG_LINES 20

/* One service's chain while it is made. */
struct chain {
    const struct hal9_restart *r;
    const struct hal9_restart_finding *f;
    const struct hal9_restart_findings *all;
    struct hal9_plan *plan;
    struct hal9_step *first, *last;
    const char *prefix;                  /* of its steps' names */
    const char *when_failed, *or_failed; /* of its steps; NULL: they run always */
    const char *release;                 /* that it starts */
};

static char *name_of(const char *service, const char *step) {
    return hal9_strf("%s/%s", service, step);
}

/* The next step of the chain; title is taken. */
static struct hal9_step *link_step(struct chain *c, const char *step, const char *kind, cJSON *args,
                                   char *title) {
    _cleanup_free_ char *word = hal9_strf("%s%s", c->prefix ? c->prefix : "", step);
    _cleanup_free_ char *name = name_of(c->f->service->name, word);
    struct hal9_step *s = hal9_plan_step(c->plan, name, kind, args, "%s", title);

    s->when_failed = hal9_strdup(c->when_failed);
    s->or_failed = hal9_strdup(c->or_failed);

    if (c->last)
        hal9_step_after(s, c->last->name);
    else
        c->first = s;
    c->last = s;
    free(title);
    return s;
}

static void add_preflight(struct chain *c) {
    const struct hal9_service *s = c->f->service;

    if (s->preflight.n > 0)
        link_step(c, "preflight", "exec.preflight",
                  hal9_args_preflight(&s->preflight, s->run, PREFLIGHT_MS),
                  hal9_strf("check the configuration of %s", s->name));
}

/* Before anything goes that tells why it is ill. */
static void add_bundle(struct chain *c) {
    if (hal9_restart_has_evidence(c->r, c->f))
        link_step(c, "bundle", "logs.bundle", hal9_restart_bundle_args(c->r, c->f),
                  hal9_strf("save the logs of %s", c->f->service->name))
            ->on_fail = HAL9_FAIL_WARN;
}

static void add_drain(struct chain *c) {
    if (c->f->drain && c->f->drain->take)
        link_step(c, "drain", "balancer.drain", hal9_restart_drain_args(c->f),
                  hal9_restart_drain_title(c->f));
}

static void add_undrain(struct chain *c) {
    if (c->f->drain && c->f->drain->back)
        link_step(c, "undrain", "balancer.set", hal9_restart_undrain_args(c->f),
                  hal9_restart_undrain_title(c->f));
}

/* From here on there is no safe place to stop until the service has been started. */
static struct hal9_step *add_stop(struct chain *c) {
    const struct hal9_service *s = c->f->service;
    _cleanup_free_ char *pid = c->prefix ? hal9_strdup("") : hal9_strf(" (pid %d)", (int)c->f->pid);
    struct hal9_step *step;

    if (hal9_run_kind(s->run) == HAL9_RUN_SYSTEMD)
        step = link_step(c, "stop", "unit.stop",
                         hal9_args_unit(s->run->systemd, s->stop.grace_ms + UNIT_MS),
                         hal9_strf("stop unit %s", s->run->systemd));
    else
        step = link_step(c, "stop", "process.stop", hal9_args_stop_service(&c->f->ref, &s->stop),
                         hal9_strf("stop %s%s", s->name, pid));
    step->keep_going = true;
    return step;
}

static void add_proofs(struct chain *c) {
    const struct hal9_service *s = c->f->service;

    for (size_t i = 0; i < s->ports.n && !c->f->socket_unit; i++) {
        uint16_t port = s->ports.v[i].first;
        _cleanup_free_ char *name = hal9_strf("port-%u", port);
        struct hal9_step *step =
            link_step(c, name, "port.prove", hal9_args_prove(HAL9_TCP, port, PROVE_MS),
                      hal9_strf("prove that %u can be bound", port));

        step->keep_going = c->f->running || c->prefix;
    }
}

static struct hal9_step *add_start(struct chain *c) {
    const struct hal9_service *s = c->f->service;

    if (hal9_run_kind(s->run) == HAL9_RUN_SYSTEMD)
        return link_step(c, "start", "unit.start",
                         hal9_args_unit(s->run->systemd, s->gate.within_ms + UNIT_MS),
                         hal9_strf("start unit %s", s->run->systemd));
    return link_step(c, "start", "process.start", hal9_args_start_service(&c->f->ref, s->run),
                     hal9_strf("start %s", s->name));
}

/* Whether the gate can prove anything: a check of the host decides only where it is told to. */
static bool has_proof(const struct hal9_service *s) {
    for (size_t i = 0; i < s->checks.n; i++) {
        const struct hal9_check *check = s->checks.v[i];

        if (check->critical < 0 ? !check->driver->of_host : check->critical > 0)
            return true;
    }
    return false;
}

/* What is written down when the gate has passed. */
static cJSON *proven_json(const struct chain *c) {
    cJSON *j = cJSON_CreateObject();

    if (c->release) {
        hal9_json_add_str(j, "link", c->f->service->release->current);
        hal9_json_add_str(j, "target", c->release);
    }
    return j;
}

static struct hal9_step *add_gate(struct chain *c) {
    const struct hal9_service *s = c->f->service;

    if (!c->r->gate || !has_proof(s))
        return NULL;
    cJSON *checks = cJSON_CreateArray();

    for (size_t i = 0; i < s->checks.n; i++) {
        const struct hal9_check *check = s->checks.v[i];

        cJSON_AddItemToArray(checks, cJSON_Duplicate(check->spec, true));
    }
    cJSON *args = cJSON_CreateObject();

    cJSON_AddItemToObject(args, "service", hal9_service_ref_json(&c->f->ref));
    cJSON_AddItemToObject(args, "checks", checks);
    hal9_json_add_int(args, "within_ms", s->gate.within_ms);
    hal9_json_add_int(args, "interval_ms", s->gate.interval_ms);
    hal9_json_add_int(args, "rise", s->gate.rise);
    hal9_json_add_int(args, "log_lines", LOG_LINES);
    hal9_json_add_str(args, "watch_pid", c->last->name);
    cJSON_AddItemToObject(args, "proven", proven_json(c));
    return link_step(c, "gate", "health.gate", args,
                     hal9_strf("wait until %s is healthy", s->name));
}

/* The release before comes back when this one's start or gate fails. The link goes first: what can't be switched is left running, for a look. */
static void add_revert(const struct chain *done, const struct hal9_step *start,
                       const struct hal9_step *gate) {
    const struct hal9_restart_finding *f = done->f;
    struct chain c = *done;

    if (!f->revert_to)
        return;
    c.prefix = "revert-";
    c.when_failed = gate ? gate->name : start->name;
    c.or_failed = gate ? start->name : NULL;
    c.release = f->revert_to;
    link_step(&c, "release", "release.switch",
              hal9_args_release(f->service->release->current, f->revert_to),
              hal9_strf("switch %s back to %s", f->service->release->current, f->revert_to));
    struct hal9_step *stop = add_stop(&c);

    /* What the plan knows of its processes is of before they were started. */
    hal9_json_add_str(stop->args, "started_by", start->name);
    add_proofs(&c);
    add_start(&c);
    add_gate(&c);
    add_undrain(&c);
}

/* The last step of a service's chain: its traffic given back, its gate, or its start. */
static const struct hal9_step *last_of(const struct hal9_plan *p, const char *service) {
    _cleanup_free_ char *gate = name_of(service, "gate"), *start = name_of(service, "start");
    _cleanup_free_ char *undrain = name_of(service, "undrain");
    const struct hal9_step *s = hal9_plan_find(p, undrain);

    s = s ? s : hal9_plan_find(p, gate);
    return s ? s : hal9_plan_find(p, start);
}

/* Nothing of a service is begun before what it depends on, at whatever distance, has been through. */
static void wait_for(const struct chain *c, const struct hal9_service *s) {
    for (size_t i = 0; i < s->depends.n; i++) {
        const struct hal9_step *last = last_of(c->plan, s->depends.v[i]);
        const struct hal9_service *d = hal9_config_service(c->r->config, s->depends.v[i]);

        if (last)
            hal9_step_after(c->first, last->name);
        else if (d)
            wait_for(c, d);
    }
}

static void add_chain(struct chain *c) {
    add_preflight(c);
    add_bundle(c);
    add_drain(c);
    if (c->f->running)
        add_stop(c);
    add_proofs(c);
    const struct hal9_step *start = add_start(c), *gate = add_gate(c);
    const struct chain proven = *c;

    add_undrain(c);
    hal9_restart_drain_after(c->f, c->all, c->plan, c->first);
    wait_for(c, c->f->service);
    add_revert(&proven, start, gate);
}

static void name_plan(struct hal9_plan *p, const struct hal9_strv *services, bool all_down) {
    _cleanup_free_ char *names = hal9_strv_join(services, ", ");

    p->title = hal9_strf("%s %s", all_down ? "start" : "restart", names);
    p->subject = cJSON_CreateObject();
    cJSON_AddItemToObject(p->subject, "services", hal9_json_strv(services));
    if (services->n == 1)
        p->service = hal9_strdup(services->v[0]);
}

hal9_status hal9_restart_plan_from(const struct hal9_restart *r,
                                   const struct hal9_restart_findings *f, struct hal9_plan *ret,
                                   struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv services = {0};
    bool all_down = true;

    for (size_t i = 0; i < f->n; i++) {
        const struct hal9_error *no = &f->v[i].refusal;

        if (f->v[i].answer == HAL9_RESTART_REFUSED && !r->leave_refused) {
            hal9_error_set(err, no->code, "%s", no->message);
            hal9_error_place(err, no->file, no->line, no->col);
            if (no->hint)
                hal9_error_hint(err, "%s", no->hint);
            return no->code;
        }
    }
    for (size_t i = 0; i < f->n; i++) {
        struct chain c = {.r = r, .f = &f->v[i], .all = f, .plan = ret, .release = f->v[i].release};

        if (f->v[i].unfinished)
            add_start(&c);
        else if (f->v[i].answer == HAL9_RESTART_TO_DO)
            add_chain(&c);
        else
            continue;
        all_down &= !f->v[i].running;
        hal9_strv_add(&services, f->v[i].service->name);
    }
    if (services.n > 0)
        name_plan(ret, &services, all_down);
    return HAL9_OK;
}
