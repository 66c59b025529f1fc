/* hal9-health - says what is wrong with which service, and who answers in its place. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli.h"

static char *wait_option, *max_age_option;
static int exit_zero;

static const struct poptOption options[] = {
    {"wait", 'w', POPT_ARG_STRING, &wait_option, 0,
     "probe again until all are healthy, or the time is over", "TIME"},
    {"exit-zero", 0, POPT_ARG_NONE, &exit_zero, 0,
     "exit 0 when something is failing (for pipefail)", NULL},
    {"max-age", 0, POPT_ARG_STRING, &max_age_option, 0,
     "don't act on records older than this; default: 5m", "TIME"},
    POPT_TABLEEND,
};
static const struct cli_example examples[] = {
    {"hal9-health", "all services of hal9.yaml"},
    {"hal9-health http://127.0.0.1:8080/health disk:/", "without a configuration"},
    {NULL, NULL},
};
static const struct cli_command command = {
    .name = "hal9-health",
    .operands = "[SERVICE|CHECK|-]...",
    .summary = "Says what is wrong with which service, and who answers in its place.",
    .options = options,
    .examples = examples,
};

/* What is asked for: services by name, checks of the command line. */
struct asked {
    struct hal9_strv services;
    struct hal9_list checks;
    struct hal9_upstream upstream;
};

static void clear(struct asked *a) {
    hal9_strv_free(&a->services);
    for (size_t i = 0; i < a->checks.n; i++)
        hal9_check_free(a->checks.v[i]);
    free(a->checks.v);
    hal9_upstream_clear(&a->upstream);
}

static bool has_check(const struct asked *a, const char *name) {
    for (size_t i = 0; i < a->checks.n; i++)
        if (hal9_streq(((const struct hal9_check *)a->checks.v[i])->name, name))
            return true;
    return false;
}

/* A service's name, or else a check such as disk:/ or http://... */
static int take_operands(struct asked *a) {
    for (size_t i = 0; i < cli.operands.n; i++) {
        const char *word = cli.operands.v[i];
        _cleanup_error_ struct hal9_error err = {0};
        const struct hal9_service *s;
        struct hal9_check *c;

        if (hal9_config_service(cli.config, word) || !strchr(word, ':')) {
            if (hal9_config_need_service(cli.config, word, &s, &err) != HAL9_OK)
                return cli_error(&err);
            if (!hal9_strv_has(&a->services, word))
                hal9_strv_add(&a->services, word);
            continue;
        }
        if (hal9_check_parse_word(word, &c, &err) != HAL9_OK)
            return cli_error(&err);
        if (has_check(a, c->name)) {
            hal9_check_free(c);
            continue;
        }
        *HAL9_APPEND(a->checks.v, a->checks.n, a->checks.cap) = c;
    }
    return CLI_HOLDS;
}

/* The services of the stream that this configuration knows; another machine's are its own to probe. */
static int take_upstream(struct asked *a, int64_t max_age_ms) {
    int code = cli_read_upstream(NULL, &a->upstream);

    for (size_t i = 0; i < a->upstream.n_verdicts; i++) {
        const struct hal9_verdict_in *v = &a->upstream.verdicts[i];

        if (!cli_verdict_counts(v, max_age_ms))
            continue;
        if (hal9_config_service(cli.config, v->service)) {
            if (!hal9_strv_has(&a->services, v->service))
                hal9_strv_add(&a->services, v->service);
        } else {
            hal9_log(1, "%s is not a service of this configuration; not probed again", v->service);
        }
    }
    return code;
}

static cJSON *planned(const struct asked *a) {
    cJSON *p = cJSON_CreateObject(), *names = cJSON_CreateArray();
    bool all = a->services.n == 0 && a->checks.n == 0;

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

static void tell_check(const struct hal9_verdict *v, const struct hal9_check_job *j) {
    cJSON *r = hal9_record_new(cli.out, "check");

    hal9_json_add_str(r, "service", v->service);
    hal9_json_add_str(r, "check", j->check->name);
    hal9_json_add_str(r, "type", j->check->driver->key);
    hal9_json_add_str(r, "state", hal9_check_state_name(j->result.state));
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

static void tell_verdict(const struct hal9_verdict *v) {
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
    hal9_stream_emit(cli.out, r);
}

/* The letters at 3am, and what to do next, by the cause. */
static void advise(const struct hal9_verdict *v) {
    const struct hal9_service *s = hal9_config_service(cli.config, v->service);

    if (!s || v->state == HAL9_HEALTHY)
        return;
    if (hal9_streq(v->cause, "port_conflict")) {
        if (s->ports.n > 0)
            cli_headline("PORT %u IS TAKEN", s->ports.v[0].first);
        cli_next("hal9-portfix %s", v->service);
    } else if (hal9_streq(v->cause, "not_running") || hal9_streq(v->cause, "check_failed") ||
               hal9_streq(v->cause, "wrong_owner")) {
        cli_headline("%s IS %s", v->service, hal9_streq(v->cause, "not_running") ? "DOWN" : "SICK");
        if (s->run)
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
    enum hal9_health_state worst = n[HAL9_FAILING]    ? HAL9_FAILING
                                   : n[HAL9_DEGRADED] ? HAL9_DEGRADED
                                                      : HAL9_HEALTH_UNKNOWN;

    /* The next step stands on the same line: the most important one, at the end. */
    cli_say("%zu of %zu services %s.%s", n[worst], v->n, hal9_health_state_name(worst),
            cli.next.n > 0 && !cli.night ? " " : "\n");
}

static void tell_all(const struct hal9_verdicts *v) {
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].state == HAL9_FAILING)
            advise(&v->v[i]);
    for (size_t i = 0; i < v->n; i++)
        advise(&v->v[i]);
    for (size_t i = 0; i < v->n; i++) {
        tell_verdict(&v->v[i]);
        for (size_t k = 0; k < v->v[i].planned; k++)
            tell_check(&v->v[i], &v->v[i].jobs[k]);
    }
    summary(v);
}

static void waiting(void *data, const struct hal9_verdicts *v) {
    (void)data;
    for (size_t i = 0; i < v->n; i++) {
        if (v->v[i].state == HAL9_HEALTHY)
            continue;
        cli_progress("waiting for %s: %s", v->v[i].service, v->v[i].reason ? v->v[i].reason : "?");
        return;
    }
}

static void end(const struct hal9_verdicts *v, int code) {
    struct hal9_stage_result r = {.planned = (int)v->n, .ran = (int)v->n, .exit = code};

    for (size_t i = 0; i < v->n; i++) {
        r.passed += v->v[i].state == HAL9_HEALTHY;
        r.failed += v->v[i].state == HAL9_FAILING || v->v[i].state == HAL9_DEGRADED;
        r.unknown += v->v[i].state == HAL9_HEALTH_UNKNOWN;
        r.skipped += v->v[i].state == HAL9_HELD;
    }
    hal9_stream_end(cli.out, &r);
}

static int probe(const struct asked *a, int64_t wait_ms, struct hal9_verdicts *v) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_health h = {
        .config = cli.config,
        .state = cli.state,
        .services = &a->services,
        .dependants = cli.from_stdin,
        .checks = (struct hal9_check **)a->checks.v,
        .n_checks = a->checks.n,
        .deadline_ms = cli.deadline_ms,
        .cancel_fd = cli.cancel.soft_fd,
    };
    hal9_status rc = wait_ms >= 0 ? hal9_health_wait(&h, wait_ms, waiting, NULL, v, &err)
                                  : hal9_health_run(&h, v, &err);

    return rc == HAL9_OK ? CLI_HOLDS : cli_error(&err);
}

static int span(const char *option, const char *told, int64_t dflt, int64_t *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    *ret = dflt;
    if (!told || hal9_parse_duration(told, ret, &err) == HAL9_OK)
        return CLI_HOLDS;
    return cli_usage("--%s: %s", option, err.message);
}

static int run(void) {
    struct asked a = {.services = {0}};
    struct hal9_verdicts v = {0};
    int64_t wait_ms, max_age_ms;
    int code = cli_load_config(), broken = CLI_HOLDS;

    if (code == CLI_HOLDS)
        code = span("wait", wait_option, -1, &wait_ms);
    if (code == CLI_HOLDS)
        code = span("max-age", max_age_option, INT64_C(5) * 60 * 1000, &max_age_ms);
    if (code == CLI_HOLDS)
        code = take_operands(&a);
    if (code == CLI_HOLDS)
        code = cli_open_state(HAL9_STATE_READ);
    if (code != CLI_HOLDS) {
        clear(&a);
        return code;
    }
    if (cli.from_stdin) {
        broken = take_upstream(&a, max_age_ms);
        /* It changes nothing, so a pager may take its time. */
        hal9_stream_patience(cli.out, -1);
    }
    if (!cli.from_stdin)
        hal9_stream_begin(cli.out, planned(&a));
    if (broken == CLI_USAGE) {
        clear(&a);
        return broken;
    }
    code = probe(&a, wait_ms, &v);
    if (code == CLI_HOLDS) {
        tell_all(&v);
        code = hal9_health_exit(&v);
    }
    if (cli.from_stdin)
        code = hal9_upstream_exit(&a.upstream, code);
    if (exit_zero && code == CLI_NOT)
        code = CLI_HOLDS;
    end(&v, code);
    hal9_verdicts_clear(&v);
    clear(&a);
    return code;
}

int main(int argc, char **argv) {
    int code;

    if (!cli_start(&command, argc, argv, &code))
        return code;
    return cli_finish(run());
}
