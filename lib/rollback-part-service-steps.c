/* The steps of a service part: stop, ports free, start, gate. */
#include "rollback-service.h"

#define PROVE_MS 10000 /* after its processes have ended, the kernel lets go at once */
#define UNIT_MS 90000  /* what systemd itself allows by default for a start or a stop */
#define LOG_LINES 20

struct hal9_step *rb_service_step(const struct rb_service_chain *c, const char *kind, cJSON *args,
                                  char *title) {
    _cleanup_free_ char *name = rb_step_name(c->plan, c->part->name), *words = title;

    hal9_strv_add(c->names, name);
    return words ? hal9_plan_step(c->plan, name, kind, args, "%s", words)
                 : hal9_plan_step(c->plan, name, kind, args, NULL);
}

static const char *unit_of(const struct hal9_service *s) {
    return hal9_run_kind(s->run) == HAL9_RUN_SYSTEMD ? s->run->systemd : NULL;
}

struct hal9_step *rb_service_stop(const struct rb_service_chain *c) {
    const struct hal9_service *s = c->part->service;
    const char *unit = unit_of(s);

    if (unit)
        return rb_service_step(c, hal9_kind_unit_stop.name,
                               hal9_args_unit(unit, s->stop.grace_ms + UNIT_MS),
                               hal9_strf("stop unit %s", unit));
    return rb_service_step(c, hal9_kind_process_stop.name,
                           hal9_args_stop_service(&c->ref, &s->stop),
                           hal9_strf("stop %s", s->name));
}

static void add_proofs(const struct rb_service_chain *c) {
    const struct hal9_service *s = c->part->service;

    for (size_t i = 0; i < s->ports.n && !unit_of(s); i++) {
        const uint16_t port = s->ports.v[i].first;

        rb_service_step(c, hal9_kind_port_prove.name, hal9_args_prove(HAL9_TCP, port, PROVE_MS),
                        hal9_strf("prove that %u can be bound", port))
            ->keep_going = true;
    }
}

/* ---- its gate ---- */

/* Whether it can prove anything: a check of the host decides only where it is told to. */
static bool has_proof(const struct hal9_service *s) {
    for (size_t i = 0; i < s->checks.n; i++) {
        const struct hal9_check *check = s->checks.v[i];

        if (check->critical < 0 ? !check->driver->of_host : check->critical > 0)
            return true;
    }
    return false;
}

static cJSON *proven_json(const struct hal9_service *s, const char *release) {
    cJSON *j = cJSON_CreateObject();

    if (release && s->release) {
        hal9_json_add_str(j, "link", s->release->current);
        hal9_json_add_str(j, "target", release);
    }
    return j;
}

static void add_gate(const struct rb_service_chain *c, const char *start, const char *release) {
    const struct hal9_service *s = c->part->service;
    cJSON *args = cJSON_CreateObject(), *checks = cJSON_AddArrayToObject(args, "checks");

    for (size_t i = 0; i < s->checks.n; i++) {
        const struct hal9_check *check = s->checks.v[i];

        cJSON_AddItemToArray(checks, cJSON_Duplicate(check->spec, true));
    }
    cJSON_AddItemToObject(args, "service", hal9_service_ref_json(&c->ref));
    hal9_json_add_int(args, "within_ms", s->gate.within_ms);
    hal9_json_add_int(args, "interval_ms", s->gate.interval_ms);
    hal9_json_add_int(args, "rise", s->gate.rise);
    hal9_json_add_int(args, "log_lines", LOG_LINES);
    hal9_json_add_str(args, "watch_pid", start);
    cJSON_AddItemToObject(args, "proven", proven_json(s, release));
    rb_service_step(c, "health.gate", args, hal9_strf("wait until %s is healthy", s->name));
}

void rb_service_start(const struct rb_service_chain *c, const char *release) {
    const struct hal9_service *s = c->part->service;
    const char *unit = unit_of(s);
    const struct hal9_step *start;

    add_proofs(c);
    start = unit ? rb_service_step(c, hal9_kind_unit_start.name,
                                   hal9_args_unit(unit, s->gate.within_ms + UNIT_MS),
                                   hal9_strf("start unit %s", unit))
                 : rb_service_step(c, hal9_kind_process_start.name,
                                   hal9_args_start_service(&c->ref, s->run),
                                   hal9_strf("start %s", s->name));
    if (has_proof(s))
        add_gate(c, start->name, release);
}
