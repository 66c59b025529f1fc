/* hal9-restart - stops a service, starts it, and proves it healthy. */
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "follow.h"
#include "restart-bundle.h"
#include "restart.h"

static char *max_age_option;
static struct restart_hold_options hold_options;
static int if_down, no_gate, no_bundle, follows;
static int64_t max_age_ms = (int64_t)5 * 60 * 1000;

static const struct poptOption options[] = {
    {"if-down", 0, POPT_ARG_NONE, &if_down, 0, "leave alone what is healthy", NULL},
    {"no-gate", 0, POPT_ARG_NONE, &no_gate, 0, "don't wait until it is healthy", NULL},
    {"no-bundle", 0, POPT_ARG_NONE, &no_bundle, 0, "don't save its logs before it is stopped",
     NULL},
    {"max-age", 0, POPT_ARG_STRING, &max_age_option, 0,
     "records older than this are not acted on (5m)", "TIME"},
    {"follow", 0, POPT_ARG_NONE, &follows, 0, "with -: act on each round of a watch", NULL},
    {"for", 0, POPT_ARG_STRING, &hold_options.time, 0, "hold: how long; default: 1h", "TIME"},
    {"reason", 0, POPT_ARG_STRING, &hold_options.reason, 0, "hold: why", "TEXT"},
    POPT_TABLEEND,
};
static const struct cli_subcommand subcommands[] = {
    {"hold", "SERVICE...", "keep every tool's hands off a service for a time", NULL, true},
    {"unhold", "SERVICE...", "lift that", NULL, true},
    {"holds", "", "which services are held, by whom and until when", NULL, false},
    {"bundle", "SERVICE...", "save their logs, and do nothing else", NULL, true},
    {NULL, NULL, NULL, NULL, false},
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
    .subcommands = subcommands,
    .examples = examples,
};

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
static bool take_verdict(struct restart_job *j, const struct hal9_verdict_in *v, size_t *counted) {
    bool counts = cli_verdict_counts(v, max_age_ms);
    bool act = hal9_restart_acts_on(v->state, v->cause);

    *counted += counts;
    if (!act && counts)
        hal9_log(1, "%s: %s%s%s is passed on: nothing that a restart puts right", v->service,
                 v->state, v->cause ? ", " : "", v->cause ? v->cause : "");
    if (!act)
        return false;
    if (!counts) {
        restart_worse(j, CLI_UNKNOWN);
        return false;
    }
    if (hal9_config_service(cli.config, v->service))
        return true;
    cli_warn("%s: no service of this configuration; its verdict is passed on", v->service);
    restart_worse(j, CLI_NOT);
    return false;
}

static void add_verdict(struct restart_job *j, const struct hal9_verdict_in *v) {
    hal9_strv_add(&j->restart.services, v->service);
    if (!j->verdicts)
        j->verdicts = cJSON_CreateObject();
    if (v->record)
        cJSON_AddItemToObject(j->verdicts, v->service, cJSON_Duplicate(v->record, true));
    j->restart.verdicts = j->verdicts;
}

static void take_verdicts(struct restart_job *j, const struct hal9_upstream *up) {
    size_t counted = 0;

    for (size_t i = 0; i < up->n_verdicts; i++)
        if (take_verdict(j, &up->verdicts[i], &counted) &&
            !cli_follow_stale(up->verdicts[i].service, up) &&
            !hal9_strv_has(&j->restart.services, up->verdicts[i].service))
            add_verdict(j, &up->verdicts[i]);
    /* A stream that says nothing of this machine tells nothing of it. */
    if (up->n_verdicts > 0 && counted == 0)
        restart_worse(j, CLI_UNKNOWN);
}

/* ---- the run ---- */

static int act(struct restart_job *j) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_env env;
    struct hal9_op_result res = {0};
    hal9_status st;

    cli_op_env(&env);
    st = hal9_restart_run(&j->restart, &j->found, &env, &res, &err);
    j->end.resumable = res.resumable;
    if (st != HAL9_OK) {
        int code = cli_error(&err);

        restart_next_at_night(&err);
        restart_worse(j, res.resumable && code < CLI_SIGNAL ? CLI_UNFINISHED : code);
    } else if (!cli.dry_run) {
        restart_tell_outcome(j, &res);
    } else if (!res.nothing) {
        cli_say("nothing was changed (--dry-run)\n");
        restart_worse(j, CLI_NOT);
    }
    hal9_op_result_clear(&res);
    return j->own;
}

/* Nothing to do: what a killed run left on these services may lack nothing but its end. */
static void tidy(const struct restart_job *j) {
    _cleanup_strv_ struct hal9_strv names = {0};

    for (size_t i = 0; i < j->found.n; i++)
        if (j->found.v[i].answer == HAL9_RESTART_HEALTHY)
            hal9_strv_take(&names, hal9_strf("service:%s", j->found.v[i].service->name));
    cli_tidy(&names);
}

/* Looking needs no state directory that can be written; only acting does. */
static int open_to_act(struct restart_job *j) {
    if (cli.dry_run)
        return CLI_HOLDS;
    hal9_state_close(cli.state);
    cli.state = NULL;
    int code = cli_open_state(HAL9_STATE_WRITE);

    j->restart.state = cli.state;
    return code;
}

/* A person at a terminal who names a service that was restarted too often is told so, and asked. */
static int ask_flapping(struct restart_job *j) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_restart *r = &j->restart;

    for (size_t i = 0; i < j->found.n; i++) {
        const struct hal9_restart_finding *f = &j->found.v[i];
        bool asked = false;

        if (f->answer != HAL9_RESTART_REFUSED || !hal9_streq(f->guard, "flap"))
            continue;
        if (!hal9_strv_has(&cli.operands, f->service->name) || cli.from_stdin || cli.dry_run)
            return CLI_HOLDS;
        const bool yes = cli_confirm("flap", f->refusal.message, f->service->name, &asked);

        j->asked = j->asked || asked;
        if (!yes)
            return CLI_HOLDS;
        r->ignore_flap = true;
    }
    if (!r->ignore_flap || !j->asked)
        return CLI_HOLDS;
    hal9_restart_findings_clear(&j->found);
    return hal9_restart_look(r, &j->found, &err) == HAL9_OK ? CLI_HOLDS : cli_error(&err);
}

static int look_and_act(struct restart_job *j) {
    _cleanup_error_ struct hal9_error err = {0};
    int code = cli_open_state(HAL9_STATE_READ);

    if (code != CLI_HOLDS)
        return code;
    j->restart.state = cli.state;
    if (hal9_restart_look(&j->restart, &j->found, &err) != HAL9_OK)
        return cli_error(&err);
    code = ask_flapping(j);
    if (code != CLI_HOLDS)
        return code;
    size_t wanted = restart_tell_found(j);

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

static int restart(struct restart_job *j, const struct hal9_upstream *up) {
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

static void close_stage(struct restart_job *j, int code, int64_t round) {
    restart_count(j);
    j->end.exit = code;
    j->end.round = (int)round;
    hal9_stream_end(cli.out, &j->end);
}

/* From the first record to the last. */
static int stage(struct restart_job *j) {
    struct hal9_upstream up = {0};
    int code = CLI_HOLDS;

    if (!cli.from_stdin && !cli.dry_run)
        cli_acts();
    if (cli.from_stdin)
        code = cli_read_upstream(planned(), &up);
    else
        hal9_stream_begin(cli.out, planned());
    if (code == CLI_HOLDS)
        code = cli_need_follow(&up);
    if (code == CLI_HOLDS)
        code = restart(j, &up);
    /* What broke off tells by its own exit code what it was that ended it. */
    if (cli.from_stdin && (up.complete || code == CLI_UNKNOWN))
        code = hal9_upstream_exit(&up, code);
    hal9_upstream_clear(&up);
    close_stage(j, code, 0);
    return code;
}

static void begin_job(struct restart_job *j) {
    const bool person = isatty(STDERR_FILENO) && !cli.from_stdin;

    *j = (struct restart_job){.restart = {.only_if_down = if_down || cli.from_stdin,
                                          .gate = !no_gate,
                                          .no_bundle = no_bundle,
                                          .ignore_depends = cli_forced("depends"),
                                          .ignore_last_server = cli_forced("last-server"),
                                          .ignore_flap = cli_forced("flap"),
                                          .automatic = cli.from_stdin || (if_down && !person),
                                          .follow = follows,
                                          .leave_refused = cli.from_stdin,
                                          .deadline_ms = cli.deadline_ms,
                                          .cancel_fd = cli.cancel.soft_fd}};
}

static void end_job(struct restart_job *j) {
    hal9_restart_findings_clear(&j->found);
    hal9_strv_free(&j->restart.services);
    hal9_strv_free(&j->restart.regardless);
    hal9_strv_free(&j->told);
    cJSON_Delete(j->verdicts);
}

/* One round of a watch. */
static int follow_round(const struct hal9_upstream *up) {
    struct restart_job j;

    begin_job(&j);
    const int code = hal9_upstream_exit(up, restart(&j, up));

    for (size_t i = 0; i < j.found.n; i++)
        if (j.found.v[i].end != HAL9_RESTART_UNTOUCHED)
            cli_follow_acted(j.found.v[i].service->name);
    close_stage(&j, code, up->round);
    end_job(&j);
    return code;
}

static int follow(void) {
    if (!cli.from_stdin || cli.operands.n > 0)
        return cli_usage("--follow goes with - alone: hal9-health watch -o json | hal9-restart "
                         "--follow -");
    return cli_load_config() == CLI_HOLDS ? cli_follow(follow_round) : CLI_USAGE;
}

static bool word_is(const char *word) {
    return cli.operands.n > 0 && hal9_streq(cli.operands.v[0], word);
}

/* hold, unhold, holds. */
static int hold_command(bool changes) {
    struct hal9_stage_result end = {0};
    const bool writes = changes && !cli.dry_run;
    int code =
        cli.from_stdin ? cli_usage("%s reads no records", cli.operands.v[0]) : cli_load_config();

    if (code == CLI_HOLDS)
        code = cli_open_state(writes ? HAL9_STATE_WRITE : HAL9_STATE_READ);
    if (code != CLI_HOLDS)
        return code;
    hal9_stream_begin(cli.out, NULL);
    if (word_is("holds"))
        code = restart_holds();
    else
        code = word_is("hold") ? restart_hold(&hold_options) : restart_unhold();
    end.exit = code;
    hal9_stream_end(cli.out, &end);
    return code;
}

static int run(void) {
    struct restart_job j;
    int code;

    if (word_is("hold") || word_is("unhold") || word_is("holds"))
        return hold_command(!word_is("holds"));
    if (word_is("bundle"))
        return restart_bundle();
    if (hold_options.time || hold_options.reason)
        return cli_usage("--for and --reason belong to hold: hal9-restart hold SERVICE --for 1h");
    if (follows)
        return follow();
    begin_job(&j);
    code = stage(&j);
    end_job(&j);
    return code;
}

int main(int argc, char **argv) {
    int code;

    if (!cli_start(&command, argc, argv, &code))
        return code;
    return cli_finish(run());
}
