/* hal9-restart - stops a service, starts it, and proves it healthy. */
#include <string.h>

#include "base/cleanup.h"
#include "cli.h"

static char *max_age_option;
static int if_down, no_gate;
static int64_t max_age_ms = (int64_t)5 * 60 * 1000;

static const struct poptOption options[] = {
    {"if-down", 0, POPT_ARG_NONE, &if_down, 0, "leave alone what is healthy", NULL},
    {"no-gate", 0, POPT_ARG_NONE, &no_gate, 0, "don't wait until it is healthy", NULL},
    {"max-age", 0, POPT_ARG_STRING, &max_age_option, 0,
     "records older than this are not acted on (5m)", "TIME"},
    POPT_TABLEEND,
};
static const struct cli_example examples[] = {
    {"hal9-restart hal9-server", "restart it and wait until it is healthy"},
    {"hal9-health | hal9-restart -", "start what is down, restart what fails its own checks"},
    {NULL, NULL},
};
static const struct cli_command command = {
    .name = "hal9-restart",
    .operands = "SERVICE|-...",
    .summary = "Stops services, starts them, and proves them healthy.",
    .options = options,
    .examples = examples,
};

/* What one run is about. */
struct job {
    struct hal9_restart restart;
    struct hal9_restart_findings found;
    struct hal9_stage_result end;
    struct hal9_strv told; /* those of which all is said */
    int own;               /* what this tool has found */
};

/* What is wrong counts before what isn't known, and that before all is well. */
static void worse(struct job *j, int code) {
    if (j->own == CLI_HOLDS || (j->own == CLI_UNKNOWN && code != CLI_HOLDS))
        j->own = code;
}

static const char *shorter(const char *id) {
    size_t len = strlen(id);

    return len > 4 ? id + len - 4 : id;
}

/* ---- which services ---- */

static int no_operand(void) {
    _cleanup_strv_ struct hal9_strv names = {0};

    for (size_t i = 0; i < cli.config->services.n; i++) {
        const struct hal9_service *s = cli.config->services.v[i];

        if (s->run)
            hal9_strv_add(&names, s->name);
    }
    _cleanup_free_ char *all = hal9_strv_join(&names, ", ");

    if (!cli.config->path)
        return cli_usage("which service? no configuration was found; name one with --config");
    if (names.n == 0)
        return cli_usage("which service? %s has none that tells how it runs", cli.config->path);
    return cli_usage("which service? there is %s; or - for the records of hal9-health", all);
}

/* Whether a verdict of the pipe names a service to look at. */
static bool take_verdict(struct job *j, const struct hal9_verdict_in *v, size_t *counted) {
    bool counts = cli_verdict_counts(v, max_age_ms);
    bool act = hal9_restart_acts_on(v->state, v->cause);

    *counted += counts;
    if (!act && counts)
        hal9_log(1, "%s: %s%s%s is passed on: nothing that a restart puts right", v->service,
                 v->state, v->cause ? ", " : "", v->cause ? v->cause : "");
    if (!act)
        return false;
    if (!counts) {
        worse(j, CLI_UNKNOWN);
        return false;
    }
    if (hal9_config_service(cli.config, v->service))
        return true;
    cli_warn("%s: no service of this configuration; its verdict is passed on", v->service);
    worse(j, CLI_NOT);
    return false;
}

static void take_verdicts(struct job *j, const struct hal9_upstream *up) {
    size_t counted = 0;

    for (size_t i = 0; i < up->n_verdicts; i++)
        if (take_verdict(j, &up->verdicts[i], &counted) &&
            !hal9_strv_has(&j->restart.services, up->verdicts[i].service))
            hal9_strv_add(&j->restart.services, up->verdicts[i].service);
    /* A stream that says nothing of this machine tells nothing of it. */
    if (up->n_verdicts > 0 && counted == 0)
        worse(j, CLI_UNKNOWN);
}

/* ---- what is found ---- */

/* What is shown in words already is an entry of the list at 3am. */
static void next_at_night(const struct hal9_error *err) {
    if (cli.night && err->hint)
        cli_next("%s", err->hint);
}

static void tell_refusal(struct job *j, const struct hal9_restart_finding *f) {
    int code = cli_error(&f->refusal);

    cli_headline("%s is blocked", f->service->name);
    next_at_night(&f->refusal);
    /* In a pipe the others are seen to: then "nothing touched" would not be true.
   */
    worse(j, j->restart.leave_refused && code == CLI_USAGE ? CLI_NOT : code);
}

static void tell_to_do(const struct hal9_restart_finding *f) {
    if (!f->running) {
        cli_headline("%s is down", f->service->name);
        cli_say("%s\n", f->words);
    } else {
        if (f->ill)
            cli_headline("%s is failing", f->service->name);
        cli_say("%s%s%s: %s\n", f->words, f->ill ? ", but " : "", f->ill ? f->ill : "",
                cli.dry_run ? "it would be restarted" : "restarting it");
    }
}

/* Says what is found; of how many something is to be done. */
static size_t tell_found(struct job *j) {
    size_t wanted = 0;

    for (size_t i = 0; i < j->found.n; i++) {
        const struct hal9_restart_finding *f = &j->found.v[i];

        if (f->answer == HAL9_RESTART_REFUSED) {
            tell_refusal(j, f);
        } else if (f->answer == HAL9_RESTART_HEALTHY) {
            cli_say("%s is healthy already; nothing done\n", f->service->name);
            hal9_strv_add(&j->told, f->service->name);
            wanted += f->unfinished && !cli.dry_run;
        } else {
            tell_to_do(f);
            wanted++;
        }
    }
    return wanted;
}

/* ---- how it ended ---- */

static void tell_failed(struct job *j, const struct hal9_restart_finding *f,
                        const struct hal9_op_result *res) {
    struct hal9_error err = {0};

    hal9_error_set(&err, HAL9_E_FAILED, "%s", f->end_words);
    worse(j, cli_error(&err));
    hal9_error_clear(&err);
    cli_headline("%s is down", f->service->name);
    cli_next("hal9-health %s -v", f->service->name);
    cli_next("hal9-rollback show %s", shorter(res->id));
    if (f->ref.unit)
        cli_next("journalctl -u %s -n 50", f->ref.unit);
    else if (f->ref.log_path)
        cli_next("less +G %s", f->ref.log_path);
    if (f->running && f->end == HAL9_RESTART_HAS_FAILED)
        cli_next("hal9-rollback undo %s", shorter(res->id));
}

static void tell_end(struct job *j, const struct hal9_restart_finding *f,
                     const struct hal9_op_result *res) {
    switch (f->end) {
    case HAL9_RESTART_HAS_FAILED:
    case HAL9_RESTART_NOT_REACHED:
        tell_failed(j, f, res);
        break;
    case HAL9_RESTART_IS_STARTED:
        if (j->restart.gate)
            worse(j, CLI_UNKNOWN);
        /* fall through */
    case HAL9_RESTART_IS_HEALTHY:
        if (res->id[0] && j->found.n == 1)
            cli_say("%s. Undo: hal9-rollback undo %s\n", f->end_words, shorter(res->id));
        else
            cli_say("%s\n", f->end_words);
        break;
    case HAL9_RESTART_UNTOUCHED:
        break;
    }
}

static int tell_outcome(struct job *j, const struct hal9_op_result *res) {
    _cleanup_error_ struct hal9_error err = {0};

    if (hal9_restart_outcome(&j->restart, res, &j->found, &err) != HAL9_OK) {
        worse(j, cli_error(&err));
        return j->own;
    }
    for (size_t i = 0; i < j->found.n; i++)
        if (!hal9_strv_has(&j->told, j->found.v[i].service->name))
            tell_end(j, &j->found.v[i], res);
    if (res->id[0] && res->changed && j->found.n > 1)
        cli_say("Undo: hal9-rollback undo %s\n", shorter(res->id));
    return j->own;
}

/* What is counted at the end of the stage. */
static void count(struct job *j) {
    struct hal9_stage_result *e = &j->end;

    if (j->found.n == 0)
        e->planned = e->skipped = (int)cli.operands.n;
    for (size_t i = 0; i < j->found.n; i++) {
        const struct hal9_restart_finding *f = &j->found.v[i];
        bool passed = f->answer == HAL9_RESTART_HEALTHY || f->end == HAL9_RESTART_IS_HEALTHY ||
                      (f->end == HAL9_RESTART_IS_STARTED && !j->restart.gate);
        bool unknown = f->end == HAL9_RESTART_IS_STARTED || f->refusal.code == HAL9_E_UNKNOWN;
        bool failed = f->end == HAL9_RESTART_HAS_FAILED || f->answer == HAL9_RESTART_REFUSED;

        e->planned++;
        if (passed)
            e->passed++;
        else if (unknown)
            e->unknown++;
        else if (failed)
            e->failed++;
        else
            e->skipped++;
    }
    e->ran = e->planned - e->skipped;
}

/* ---- the run ---- */

static int act(struct job *j) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_env env;
    struct hal9_op_result res = {0};
    hal9_status st;

    cli_op_env(&env);
    st = hal9_restart_run(&j->restart, &j->found, &env, &res, &err);
    j->end.resumable = res.resumable;
    if (st != HAL9_OK) {
        int code = cli_error(&err);

        next_at_night(&err);
        worse(j, res.resumable && code < CLI_SIGNAL ? CLI_UNFINISHED : code);
    } else if (!cli.dry_run) {
        tell_outcome(j, &res);
    } else if (!res.nothing) {
        cli_say("nothing was changed (--dry-run)\n");
        worse(j, CLI_NOT);
    }
    hal9_op_result_clear(&res);
    return j->own;
}

/* Nothing to do: what a killed run left on these services may lack nothing but its end. */
static void tidy(const struct job *j) {
    _cleanup_strv_ struct hal9_strv names = {0};

    for (size_t i = 0; i < j->found.n; i++)
        if (j->found.v[i].answer == HAL9_RESTART_HEALTHY)
            hal9_strv_take(&names, hal9_strf("service:%s", j->found.v[i].service->name));
    cli_tidy(&names);
}

/* Looking needs no state directory that can be written; only acting does. */
static int open_to_act(struct job *j) {
    if (cli.dry_run)
        return CLI_HOLDS;
    hal9_state_close(cli.state);
    cli.state = NULL;
    int code = cli_open_state(HAL9_STATE_WRITE);

    j->restart.state = cli.state;
    return code;
}

static int look_and_act(struct job *j) {
    _cleanup_error_ struct hal9_error err = {0};
    int code = cli_open_state(HAL9_STATE_READ);

    if (code != CLI_HOLDS)
        return code;
    j->restart.state = cli.state;
    if (hal9_restart_look(&j->restart, &j->found, &err) != HAL9_OK)
        return cli_error(&err);
    size_t wanted = tell_found(j);

    if (wanted == 0 || (j->own != CLI_HOLDS && !j->restart.leave_refused)) {
        tidy(j);
        cli_mention_unfinished();
        return j->own;
    }
    code = open_to_act(j);
    if (code != CLI_HOLDS)
        return code;
    _cleanup_free_ char *warning = cli.dry_run ? NULL : hal9_restart_detach_warning(&j->found);

    if (warning)
        cli_warn("%s", warning);
    code = act(j);
    if (!j->end.resumable)
        cli_mention_unfinished();
    return code;
}

static int restart(struct job *j, const struct hal9_upstream *up) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_restart *r = &j->restart;

    if (max_age_option && hal9_parse_duration(max_age_option, &max_age_ms, &err) != HAL9_OK)
        return cli_usage("--max-age: %s", err.message);
    if (cli_load_config() != CLI_HOLDS)
        return CLI_USAGE;
    if (cli.operands.n == 0 && !cli.from_stdin)
        return no_operand();
    r->config = cli.config;
    for (size_t i = 0; i < cli.operands.n; i++) {
        hal9_strv_add(&r->services, cli.operands.v[i]);
        if (!if_down)
            hal9_strv_add(&r->regardless, cli.operands.v[i]);
    }
    if (cli.from_stdin)
        take_verdicts(j, up);
    return r->services.n > 0 ? look_and_act(j) : j->own;
}

static cJSON *planned(void) {
    cJSON *p = cJSON_CreateObject();

    if (cli.operands.n > 0) {
        hal9_json_add_int(p, "planned", (int64_t)cli.operands.n);
        cJSON_AddItemToObject(p, "services", hal9_json_strv(&cli.operands));
    }
    return p;
}

/* From the first record to the last. */
static int stage(struct job *j) {
    struct hal9_upstream up = {0};
    int code = CLI_HOLDS;

    if (!cli.from_stdin && !cli.dry_run)
        cli_acts();
    if (cli.from_stdin)
        code = cli_read_upstream(planned(), &up);
    else
        hal9_stream_begin(cli.out, planned());
    if (code == CLI_HOLDS)
        code = restart(j, &up);
    /* What broke off tells by its own exit code what it was that ended it. */
    if (cli.from_stdin && (up.complete || code == CLI_UNKNOWN))
        code = hal9_upstream_exit(&up, code);
    hal9_upstream_clear(&up);
    count(j);
    j->end.exit = code;
    hal9_stream_end(cli.out, &j->end);
    return code;
}

static int run(void) {
    struct job j = {.restart = {.only_if_down = if_down || cli.from_stdin,
                                .gate = !no_gate,
                                .ignore_depends = cli_forced("depends"),
                                .leave_refused = cli.from_stdin,
                                .deadline_ms = cli.deadline_ms,
                                .cancel_fd = cli.cancel.soft_fd}};
    int code = stage(&j);

    hal9_restart_findings_clear(&j.found);
    hal9_strv_free(&j.restart.services);
    hal9_strv_free(&j.restart.regardless);
    hal9_strv_free(&j.told);
    return code;
}

int main(int argc, char **argv) {
    int code;

    if (!cli_start(&command, argc, argv, &code))
        return code;
    return cli_finish(run());
}
