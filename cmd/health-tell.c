/* What hal9-health says: records of verdicts and checks, and what to do next. */
#include "base/cleanup.h"
#include "health.h"
#include "notify-cli.h"

cJSON *health_planned(const struct health_asked *a) {
    cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray();
    bool all = !cli.from_stdin && a->services.n == 0 && a->checks.n == 0;

    for (size_t i = 0; i < a->services.n; i++)
        cJSON_AddItemToArray(names, cJSON_CreateString(a->services.v[i]));
    for (size_t i = 0; all && i < cli.config->services.n; i++)
        cJSON_AddItemToArray(
            names,
            cJSON_CreateString(((const struct hal9_service *)cli.config->services.v[i])->name));
    for (size_t i = 0; i < a->checks.n; i++)
        cJSON_AddItemToArray(names,
                             cJSON_CreateString(((const struct hal9_check *)a->checks.v[i])->name));
    hal9_json_add_int(p, "planned", cJSON_GetArraySize(names));
    cJSON_AddItemToObject(p, "services", names);
    return p;
}

void health_tell_check(const struct hal9_verdict *v, size_t index) {
    const struct hal9_check_job *j = &v->jobs[index];
    cJSON *r = hal9_record_new(cli.out, "check");

    hal9_json_add_str(r, "service", v->service);
    hal9_json_add_str(r, "check", j->check->name);
    hal9_json_add_str(r, "type", j->check->driver->key);
    hal9_json_add_str(r, "state", hal9_check_state_name(j->result.state));
    if (v->beliefs)
        hal9_json_add_str(r, "believed", hal9_check_state_name(v->beliefs[index].state));
    hal9_json_add_str(r, "cause", j->result.cause);
    hal9_json_add_str(r, "reason", j->result.reason);
    hal9_json_add_str(r, "value", j->result.value);
    hal9_json_add_str(r, "unit", j->result.unit);
    cJSON_AddBoolToObject(r, "critical", hal9_health_critical(j->check));
    cJSON_AddNumberToObject(r, "ms", (double)j->result.us / 1000.0);
    if (j->result.evidence)
        cJSON_AddItemToObject(r, "evidence", cJSON_Duplicate(j->result.evidence, true));
    hal9_stream_emit(cli.out, r);
}

/* What only who watches can know: since when it is so, what it was before, whether it flaps. */
static void add_history(cJSON *r, const struct hal9_verdict *v) {
    char since[32];

    hal9_time_format(v->since_ms, since);
    hal9_json_add_str(r, "since", since);
    if (v->has_before) {
        hal9_json_add_str(r, "before", hal9_health_state_name(v->before));
        hal9_json_add_int(r, "before_ms", v->lasted_ms);
    }
    cJSON_AddBoolToObject(r, "flapping", v->flapping);
    hal9_json_add_int(r, "changes", (int64_t)v->changes);
}

cJSON *health_verdict_record(const struct hal9_verdict *v) {
    cJSON *r = hal9_record_new(cli.out, "verdict"), *checks = cJSON_CreateObject();

    hal9_json_add_str(r, "service", v->service);
    hal9_json_add_str(r, "state", hal9_health_state_name(v->state));
    hal9_json_add_str(r, "cause", v->cause);
    hal9_json_add_str(r, "reason", v->reason);
    cJSON_AddNumberToObject(r, "score", v->score);
    if (v->blocked_by.n > 0)
        cJSON_AddItemToObject(r, "blocked_by", hal9_json_strv(&v->blocked_by));
    if (v->evidence)
        cJSON_AddItemToObject(r, "evidence", cJSON_Duplicate(v->evidence, true));
    hal9_json_add_int(checks, "planned", (int64_t)v->planned);
    hal9_json_add_int(checks, "passed", (int64_t)v->passed);
    hal9_json_add_int(checks, "failed", (int64_t)v->failed);
    hal9_json_add_int(checks, "unknown", (int64_t)v->unknown);
    cJSON_AddItemToObject(r, "checks", checks);
    cJSON_AddNumberToObject(r, "ms", (double)v->us / 1000.0);
    if (v->beliefs)
        add_history(r, v);
    return r;
}

/* The letters at 3am, and what to do next, by the cause. */
void health_advise(const struct hal9_verdict *v) {
    const struct hal9_service *s = hal9_config_service(cli.config, v->service);

    if (!s || v->state == HAL9_HEALTHY || v->state == HAL9_HELD)
        return;
    if (hal9_streq(v->cause, "port_conflict")) {
        if (s->ports.n > 0)
            cli_headline("PORT %u IS TAKEN", s->ports.v[0].first);
        cli_next("hal9-portfix %s", v->service);
    } else if (hal9_streq(v->cause, "not_running") || hal9_streq(v->cause, "check_failed") ||
               hal9_streq(v->cause, "wrong_owner")) {
        cli_headline("%s IS %s", v->service, hal9_streq(v->cause, "not_running") ? "DOWN" : "SICK");
        if (s->run && v->blocked_by.n == 0)
            cli_next("hal9-restart %s", v->service);
    } else if (hal9_streq(v->cause, "dependency")) {
        cli_headline("%s IS SICK", v->service);
    } else {
        cli_headline("%s IS %s", v->service, v->state == HAL9_DEGRADED ? "DEGRADED" : "UNKNOWN");
        cli_next("hal9-health -v %s", v->service);
    }
}

static void summary(const struct hal9_verdicts *v) {
    size_t n[5] = {0};

    for (size_t i = 0; i < v->n; i++)
        n[v->v[i].state]++;
    if (v->n == 0) {
        cli_say("nothing to probe: no service and no check\n");
        cli_next("hal9-health http://127.0.0.1:8080/health");
        return;
    }
    if (n[HAL9_HEALTHY] == v->n) {
        if (v->n > 1)
            cli_say("all %zu are healthy\n", v->n);
        return;
    }
    enum hal9_health_state worst = n[HAL9_FAILING]          ? HAL9_FAILING
                                   : n[HAL9_DEGRADED]       ? HAL9_DEGRADED
                                   : n[HAL9_HEALTH_UNKNOWN] ? HAL9_HEALTH_UNKNOWN
                                                            : HAL9_HELD;

    /* The next step stands on the same line: the most important one, at the end. */
    cli_say("%zu of %zu services %s.%s", n[worst], v->n, hal9_health_state_name(worst),
            cli.next.n > 0 && !cli.night ? " " : "\n");
}

void health_tell_all(const struct hal9_verdicts *v) {
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].state == HAL9_FAILING)
            health_advise(&v->v[i]);
    for (size_t i = 0; i < v->n; i++)
        health_advise(&v->v[i]);
    for (size_t i = 0; i < v->n; i++) {
        hal9_stream_emit(cli.out, health_verdict_record(&v->v[i]));
        for (size_t k = 0; k < v->v[i].planned; k++)
            health_tell_check(&v->v[i], k);
    }
    cli_notify_verdicts(v, health_verdict_record);
    summary(v);
}

struct hal9_stage_result health_counts(const struct hal9_verdicts *v, int code) {
    struct hal9_stage_result r = {.planned = (int)v->n, .ran = (int)v->n, .exit = code};

    for (size_t i = 0; i < v->n; i++) {
        r.passed += v->v[i].state == HAL9_HEALTHY;
        r.failed += v->v[i].state == HAL9_FAILING || v->v[i].state == HAL9_DEGRADED;
        r.unknown += v->v[i].state == HAL9_HEALTH_UNKNOWN;
        r.skipped += v->v[i].state == HAL9_HELD;
    }
    return r;
}
