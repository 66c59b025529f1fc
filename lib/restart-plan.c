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
    struct hal9_plan *plan;
    struct hal9_step *first, *last;
};

static char *name_of(const char *service, const char *step) {
    return hal9_strf("%s/%s", service, step);
}

/* The next step of the chain; title is taken. */
static struct hal9_step *link_step(struct chain *c, const char *step, const char *kind, cJSON *args,
                                   char *title) {
    _cleanup_free_ char *name = name_of(c->f->service->name, step);
    struct hal9_step *s = hal9_plan_step(c->plan, name, kind, args, "%s", title);

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

/* From here on there is no safe place to stop until the service has been started. */
static void add_stop(struct chain *c) {
    const struct hal9_service *s = c->f->service;
    struct hal9_step *step;

    if (!c->f->running)
        return;
    if (hal9_run_kind(s->run) == HAL9_RUN_SYSTEMD)
        step = link_step(c, "stop", "unit.stop",
                         hal9_args_unit(s->run->systemd, s->stop.grace_ms + UNIT_MS),
                         hal9_strf("stop unit %s", s->run->systemd));
    else
        step = link_step(c, "stop", "process.stop", hal9_args_stop_service(&c->f->ref, &s->stop),
                         hal9_strf("stop %s (pid %d)", s->name, (int)c->f->pid));
    step->keep_going = true;
}

static void add_proofs(struct chain *c) {
    const struct hal9_service *s = c->f->service;

    for (size_t i = 0; i < s->ports.n && !c->f->socket_unit; i++) {
        uint16_t port = s->ports.v[i].first;
        _cleanup_free_ char *name = hal9_strf("port-%u", port);
        struct hal9_step *step =
            link_step(c, name, "port.prove", hal9_args_prove(HAL9_TCP, port, PROVE_MS),
                      hal9_strf("prove that %u can be bound", port));

        step->keep_going = c->f->running;
    }
}

static void add_start(struct chain *c) {
    const struct hal9_service *s = c->f->service;

    if (hal9_run_kind(s->run) == HAL9_RUN_SYSTEMD)
        link_step(c, "start", "unit.start",
                  hal9_args_unit(s->run->systemd, s->gate.within_ms + UNIT_MS),
                  hal9_strf("start unit %s", s->run->systemd));
    else
        link_step(c, "start", "process.start", hal9_args_start_service(&c->f->ref, s->run),
                  hal9_strf("start %s", s->name));
}

/* --timeout bounds the whole, so the gate, too. */
static int64_t gate_time(const struct chain *c) {
    int64_t within = c->f->service->gate.within_ms;
    int64_t left = c->r->deadline_ms - hal9_mono_ms();

    if (c->r->deadline_ms < 0 || left > within)
        return within;
    return left > 0 ? left : 0;
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

static void add_gate(struct chain *c) {
    const struct hal9_service *s = c->f->service;

    if (!c->r->gate || !has_proof(s))
        return;
    cJSON *checks = cJSON_CreateArray();

    for (size_t i = 0; i < s->checks.n; i++) {
        const struct hal9_check *check = s->checks.v[i];

        cJSON_AddItemToArray(checks, cJSON_Duplicate(check->spec, true));
    }
    cJSON *args = cJSON_CreateObject();

    cJSON_AddItemToObject(args, "service", hal9_service_ref_json(&c->f->ref));
    cJSON_AddItemToObject(args, "checks", checks);
    hal9_json_add_int(args, "within_ms", gate_time(c));
    hal9_json_add_int(args, "interval_ms", s->gate.interval_ms);
    hal9_json_add_int(args, "rise", s->gate.rise);
    hal9_json_add_int(args, "log_lines", LOG_LINES);
    hal9_json_add_str(args, "watch_pid", c->last->name);
    link_step(c, "gate", "health.gate", args, hal9_strf("wait until %s is healthy", s->name));
}

/* The last step of a service's chain: its gate, or its start. */
static const struct hal9_step *last_of(const struct hal9_plan *p, const char *service) {
    _cleanup_free_ char *gate = name_of(service, "gate"), *start = name_of(service, "start");
    const struct hal9_step *s = hal9_plan_find(p, gate);

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
    add_stop(c);
    add_proofs(c);
    add_start(c);
    add_gate(c);
    wait_for(c, c->f->service);
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
        struct chain c = {.r = r, .f = &f->v[i], .plan = ret};

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
