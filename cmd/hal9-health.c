/* hal9-health - says what is wrong with which service, and who answers in its place. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "health.h"
#include "notify-cli.h"

static char *wait_option, *max_age_option, *every_option, *flap_option, *rounds_option;
static int exit_zero, all, send_now, send_again;

static const struct poptOption options[] = {
    {"wait", 'w', POPT_ARG_STRING, &wait_option, 0,
     "probe again until all are healthy, or the time is over", "TIME"},
    {"exit-zero", 0, POPT_ARG_NONE, &exit_zero, 0,
     "exit 0 when something is failing (for pipefail)", NULL},
    {"max-age", 0, POPT_ARG_STRING, &max_age_option, 0,
     "don't act on records older than this; default: 5m", "TIME"},
    {"every", 0, POPT_ARG_STRING, &every_option, 0,
     "watch: from one round to the next; default: 30s", "TIME"},
    {"all", 0, POPT_ARG_NONE, &all, 0, "watch: tell every service each time, not only changes",
     NULL},
    {"flap", 0, POPT_ARG_STRING, &flap_option, 0,
     "watch: more changes than that are flapping; default: 5 in 10m", "N in TIME"},
    {"rounds", 0, POPT_ARG_STRING, &rounds_option, 0, "watch: end after so many", "N"},
    {"send", 0, POPT_ARG_NONE, &send_now, 0, "notifications: send what is due", NULL},
    {"again", 0, POPT_ARG_NONE, &send_again, 0, "notifications: send what was given up once more",
     NULL},
    POPT_TABLEEND,
};
static const struct cli_subcommand subcommands[] = {
    {"watch", "[SERVICE|CHECK]...", "probe again and again, and tell what changes", NULL, false},
    {"notifications", "", "what waits to be told, and what was given up", NULL, false},
    {NULL, NULL, NULL, NULL, false},
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
    .subcommands = subcommands,
    .examples = examples,
    .outputs = health_outputs,
};

static void clear(struct health_asked *a) {
    hal9_strv_free(&a->services);
    for (size_t i = 0; i < a->checks.n; i++)
        hal9_check_free(a->checks.v[i]);
    free(a->checks.v);
    hal9_upstream_clear(&a->upstream);
}

static bool has_check(const struct health_asked *a, const char *name) {
    for (size_t i = 0; i < a->checks.n; i++)
        if (hal9_streq(((const struct hal9_check *)a->checks.v[i])->name, name))
            return true;
    return false;
}

/* It may have been meant for a subcommand. */
static int no_service(const char *word, struct hal9_error *err) {
    const char *names[HAL9_ARRAY_LEN(subcommands)];
    size_t n = 0;

    while (subcommands[n].name) {
        names[n] = subcommands[n].name;
        n++;
    }
    const char *near = hal9_suggest(word, names, n);

    if (near && !strstr(err->message, "did you mean"))
        hal9_error_hint(err, "did you mean 'hal9-health %s'?", near);
    return cli_error(err);
}

/* A service's name, or else a check such as disk:/ or http://... */
static int take_operands(struct health_asked *a) {
    for (size_t i = 0; i < cli.operands.n; i++) {
        const char *word = cli.operands.v[i];
        _cleanup_error_ struct hal9_error err = {0};
        const struct hal9_service *s;
        struct hal9_check *c;

        if (hal9_config_service(cli.config, word) || !strchr(word, ':')) {
            if (hal9_config_need_service(cli.config, word, &s, &err) != HAL9_OK)
                return no_service(word, &err);
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
static int take_upstream(struct health_asked *a, int64_t max_age_ms) {
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

static void waiting(void *data, const struct hal9_verdicts *v) {
    (void)data;
    for (size_t i = 0; i < v->n; i++) {
        if (v->v[i].state == HAL9_HEALTHY)
            continue;
        cli_progress("waiting for %s: %s", v->v[i].service, v->v[i].reason ? v->v[i].reason : "?");
        return;
    }
}

static int probe(const struct health_asked *a, int64_t wait_ms, struct hal9_verdicts *v) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_health h = {
        .config = cli.config,
        .state = cli.state,
        .services = &a->services,
        .only = cli.from_stdin, /* a stream that names no service asks for none */
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

static int prepare(struct health_asked *a, int64_t *wait_ms, int64_t *max_age_ms) {
    int code = cli_load_config();

    if (code == CLI_HOLDS)
        code = span("wait", wait_option, -1, wait_ms);
    if (code == CLI_HOLDS)
        code = span("max-age", max_age_option, INT64_C(5) * 60 * 1000, max_age_ms);
    if (code == CLI_HOLDS)
        code = take_operands(a);
    return code == CLI_HOLDS ? cli_open_state(HAL9_STATE_READ) : code;
}

/* One look at everything, or with --wait as many as it takes. */
static int once(struct health_asked *a, struct hal9_verdicts *v, int64_t wait_ms,
                int64_t max_age_ms) {
    int code, broken = CLI_HOLDS;

    if (cli.from_stdin) {
        broken = take_upstream(a, max_age_ms);
        /* It changes nothing, so a pager may take its time. */
        hal9_stream_patience(cli.out, -1);
    } else {
        hal9_stream_begin(cli.out, health_planned(a));
    }
    if (broken == CLI_USAGE)
        return broken;
    /* Of a stream that was cut off nobody knows what else it asks for: nothing is done with it. */
    code = broken == CLI_HOLDS ? probe(a, wait_ms, v) : broken;
    if (code == CLI_HOLDS) {
        health_tell_all(v);
        code = hal9_health_exit(v);
    }
    if (cli.from_stdin)
        code = hal9_upstream_exit(&a->upstream, code);
    if (exit_zero && code == CLI_NOT)
        code = CLI_HOLDS;
    const struct hal9_stage_result r = health_counts(v, code);

    hal9_stream_end(cli.out, &r);
    return code;
}

/* Whether the first operand is this word; it is taken off. */
static bool subcommand(const char *word) {
    struct hal9_strv rest = {0};

    if (cli.operands.n == 0 || strcmp(cli.operands.v[0], word) != 0)
        return false;
    for (size_t i = 1; i < cli.operands.n; i++)
        hal9_strv_add(&rest, cli.operands.v[i]);
    hal9_strv_free(&cli.operands);
    cli.operands = rest;
    return true;
}

static int watch(const struct health_asked *a) {
    const struct health_watch_options o = {.every = every_option,
                                           .flap = flap_option,
                                           .rounds = rounds_option,
                                           .all = all,
                                           .exit_zero = exit_zero};

    if (cli.from_stdin)
        return cli_usage("watch reads no records; what it says can be piped into other tools");
    if (wait_option)
        return cli_usage("watch has no --wait; --rounds or --timeout end it");
    return health_watch(a, &o);
}

/* Options that only watch has. */
static int only_for_watch(void) {
    const char *option = every_option    ? "--every"
                         : flap_option   ? "--flap"
                         : rounds_option ? "--rounds"
                         : all           ? "--all"
                                         : NULL;

    return option ? cli_usage("%s belongs to watch: hal9-health watch %s ...", option, option)
                  : CLI_HOLDS;
}

static int run(void) {
    struct health_asked a = {.services = {0}};
    struct hal9_verdicts v = {0};
    int64_t wait_ms = -1, max_age_ms = 0;
    const bool watches = subcommand("watch");
    int code = watches ? CLI_HOLDS : only_for_watch();

    if (code == CLI_HOLDS)
        code = prepare(&a, &wait_ms, &max_age_ms);
    if (code == CLI_HOLDS)
        code = watches ? watch(&a) : once(&a, &v, wait_ms, max_age_ms);
    if (cli.form)
        code = health_document(&v, code);
    hal9_verdicts_clear(&v);
    clear(&a);
    return code;
}

int main(int argc, char **argv) {
    int code;

    if (!cli_start(&command, argc, argv, &code))
        return code;
    if (cli.operands.n > 0 && hal9_streq(cli.operands.v[0], "notifications"))
        return cli_finish(cli_notifications(send_now, send_again));
    return cli_finish(run());
}
