/* hal9-rollback rehearse: on staging or on copies; words, records or JUnit of what came of it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "rollback.h"

static struct {
    struct hal9_rehearsal job;
    struct hal9_op_env env;
    struct hal9_sandbox box;
    struct hal9_strv command;
    char **envp;
    char *lock_variable, *strip;
    cJSON *runs; /* for a document at the end */
} it;

/* ---- telling ---- */

static void told(void *data, const char *words) {
    (void)data;
    cli_warn("%s", words);
}

static char *name_of(enum hal9_strategy strategy, const char *killed) {
    const char *how = hal9_strategy_name(strategy);

    return killed ? hal9_strf("%s, killed at %s%s", how,
                              hal9_startswith(killed, "line") ? "" : "the ", killed)
                  : hal9_strdup(how);
}

static void on_begin(void *data, enum hal9_strategy strategy, const char *killed) {
    _cleanup_free_ char *name = name_of(strategy, killed);

    (void)data;
    cli_progress("%s", name);
}

static cJSON *part_json(const struct hal9_rehearsed_part *p) {
    cJSON *j = cJSON_CreateObject();

    hal9_json_add_str(j, "part", p->part);
    hal9_json_add_str(j, "state", hal9_rehearsed_name(p->state));
    hal9_json_add_str(j, "reason", p->reason);
    hal9_json_add_int(j, "ms", p->ms);
    return j;
}

static void keep(const struct hal9_rehearsal_run *r, const char *name) {
    cJSON *run = cJSON_CreateObject(), *parts;

    hal9_json_add_str(run, "name", name);
    hal9_json_add_int(run, "run_ms", r->ms);
    parts = cJSON_AddArrayToObject(run, "parts");
    for (size_t i = 0; i < r->n; i++)
        cJSON_AddItemToArray(parts, part_json(&r->parts[i]));
    cJSON_AddItemToArray(it.runs, run);
}

static void emit(const struct hal9_rehearsal_run *r) {
    for (size_t i = 0; i < r->n; i++) {
        cJSON *rec = hal9_record_new(cli.out, "rehearsal"), *m;
        _cleanup_json_ cJSON *part = part_json(&r->parts[i]);

        hal9_json_add_str(rec, "strategy", hal9_strategy_name(r->strategy));
        hal9_json_add_str(rec, "killed", r->killed);
        hal9_json_add_str(rec, "lines", r->lines);
        while ((m = cJSON_DetachItemFromArray(part, 0)))
            cJSON_AddItemToObject(rec, m->string, m);
        hal9_json_add_int(rec, "run_ms", r->ms);
        cJSON_AddBoolToObject(rec, "sandbox", it.box.root != NULL);
        hal9_stream_emit(cli.out, rec);
    }
}

static void say_part(const struct hal9_rehearsed_part *p) {
    const bool bad = p->state == HAL9_REHEARSED_FAIL || p->state == HAL9_REHEARSED_UNKNOWN;
    _cleanup_free_ char *span = hal9_span_text(p->ms);

    cli_say("    %s%s%s %s  %s  %s\n", cli_style(bad ? "red" : "off"), bad ? "x" : ".",
            cli_style("off"), p->part, hal9_rehearsed_name(p->state), p->reason ? p->reason : span);
}

/* Of a rollback that was killed only what is not as before: its parts were told with the one that was not. */
static void say(const struct hal9_rehearsal_run *r, const char *name) {
    _cleanup_free_ char *span = hal9_span_text(r->ms);
    bool bad = false;

    for (size_t i = 0; i < r->n; i++)
        bad = bad || r->parts[i].state == HAL9_REHEARSED_FAIL ||
              r->parts[i].state == HAL9_REHEARSED_UNKNOWN;
    cli_say("%s%s%s %s%s%s%s  %s  %s\n", cli_style(bad ? "red" : "off"), bad ? "x" : ".",
            cli_style("off"), name, r->lines ? " (" : "", r->lines ? r->lines : "",
            r->lines ? ")" : "", bad ? "fail" : "pass", span);
    for (size_t i = 0; i < r->n; i++)
        if (!r->killed || r->parts[i].state == HAL9_REHEARSED_FAIL ||
            r->parts[i].state == HAL9_REHEARSED_UNKNOWN)
            say_part(&r->parts[i]);
}

static void on_run(void *data, const struct hal9_rehearsal_run *r) {
    _cleanup_free_ char *name = name_of(r->strategy, r->killed);

    (void)data;
    if (cli.form)
        keep(r, name);
    else if (cli.text)
        say(r, name);
    else
        emit(r);
}

/* Parts of which there is no copy: told once, as a round of their own. */
static void tell_left_out(void) {
    const size_t n = it.box.left_out.n;
    struct hal9_rehearsal_run run = {.strategy = HAL9_IMMEDIATE, .n = n};

    if (n == 0)
        return;
    run.parts = hal9_alloc(n * sizeof(*run.parts));
    for (size_t i = 0; i < n; i++) {
        const bool unread = hal9_strv_has(&it.box.unread, it.box.left_out.v[i]);

        run.parts[i] = (struct hal9_rehearsed_part){.part = it.box.left_out.v[i],
                                                    .state = unread ? HAL9_REHEARSED_UNKNOWN
                                                                    : HAL9_REHEARSED_SKIPPED,
                                                    .reason = it.box.whys.v[i]};
        it.job.unknown += unread;
        it.job.skipped += !unread;
    }
    if (cli.text)
        for (size_t i = 0; i < n; i++)
            say_part(&run.parts[i]);
    else if (cli.form)
        keep(&run, "sandbox");
    else
        emit(&run);
    free(run.parts);
}

/* ---- how it is asked for ---- */

int rollback_rehearse_check(void) {
    const struct hal9_config *c = cli.config;
    const char *name = c->environment ? c->environment : c->staging ? "staging" : NULL;
    const char *path = c->path ? c->path : "there is no configuration, which";

    if (cli.operands.n > 2)
        return cli_usage("rehearse wants at most one PLAN");
    if (cli.operands.n == 2 && rollback_options.plan &&
        !hal9_streq(cli.operands.v[1], rollback_options.plan))
        return cli_usage("rehearse: one PLAN, by --plan or without");
    if (rollback_options.environment && !hal9_streq(rollback_options.environment, name)) {
        if (name)
            return cli_usage("--env: %s is of environment '%s', not '%s'; nothing was touched",
                             c->path, name, rollback_options.environment);
        return cli_usage("--env: %s names no environment; nothing was touched", path);
    }
    if (c->staging || rollback_options.sandbox)
        return CLI_HOLDS;
    return cli_usage("%s does not say staging: true, and a rehearsal disturbs what it rehearses "
                     "on; nothing was touched. --sandbox rehearses on copies",
                     path);
}

static int read_every(void) {
    _cleanup_error_ struct hal9_error err = {0};

    it.job.every_ms = 0;
    if (!rollback_options.every ||
        hal9_parse_duration(rollback_options.every, &it.job.every_ms, &err) == HAL9_OK)
        return CLI_HOLDS;
    return cli_usage("--every: %s", err.message);
}

/* The same executable, though its file may be another one by now. */
static const char *self(void) {
    static const char proc[] = "/proc/self/exe";

    return access(proc, X_OK) == 0 ? proc : cli.argv[0];
}

static void make_command(const char *config, const char *state) {
    static const char *const options[] = {
        "--output=json", "--quiet",      "--no-notify",       "--yes",
        "--color=never", "--tone=plain", "--lock-timeout=30s"};

    hal9_strv_add(&it.command, self());
    for (size_t i = 0; i < HAL9_ARRAY_LEN(options); i++)
        hal9_strv_add(&it.command, options[i]);
    if (config)
        hal9_strv_take(&it.command, hal9_strf("--config=%s", config));
    hal9_strv_take(&it.command, hal9_strf("--state-dir=%s", state));
    it.job.command = &it.command;
}

/* Locks of a sandbox are nobody else's business. */
static void make_environment(void) {
    const char *name = "HAL9OPS_LOCK_DIR=";
    size_t n = 0, k = 0;

    while (environ[n])
        n++;
    it.envp = hal9_alloc((n + 2) * sizeof(*it.envp));
    for (size_t i = 0; i < n; i++)
        if (!hal9_startswith(environ[i], name))
            it.envp[k++] = environ[i];
    it.lock_variable = hal9_strf("%s%s", name, it.box.lock_dir);
    it.envp[k] = it.lock_variable;
    it.job.envp = (const char *const *)it.envp;
}

static hal9_status use_sandbox(struct hal9_error *err) {
    hal9_status st = hal9_sandbox_make(cli.config, it.job.plan, &it.env, told, NULL, &it.box, err);

    if (st != HAL9_OK)
        return st;
    tell_left_out();
    it.job.config = it.box.config;
    it.job.state = it.env.state = it.box.state;
    it.env.lock_dir = it.box.lock_dir;
    it.job.labels = &it.box.labels;
    it.strip = hal9_strf("%s/files", it.box.root);
    it.job.strip = it.strip;
    make_environment();
    make_command(it.box.config_path, hal9_state_path(it.box.state));
    return HAL9_OK;
}

static void use_staging(void) {
    it.job.config = cli.config;
    it.job.state = cli.state;
    make_command(cli.config->path, hal9_state_path(cli.state));
}

/* ---- how it ended ---- */

static int judge(void) {
    const struct hal9_rehearsal *j = &it.job;

    if (rollback_options.sandbox)
        cli_say("the copies are removed; the real parts were not touched\n");
    else
        cli_say("all is as before: the snapshot was restored and compared\n");
    if (j->failed > 0)
        cli_headline("REHEARSAL FAILED");
    cli_say("%zu passed, %zu failed, %zu unknown, %zu skipped\n", j->passed, j->failed, j->unknown,
            j->skipped);
    rollback_counted = (struct hal9_stage_result){
        .planned = (int)(j->passed + j->failed + j->unknown + j->skipped),
        .ran = (int)(j->passed + j->failed + j->unknown),
        .passed = (int)j->passed,
        .failed = (int)j->failed,
        .unknown = (int)j->unknown,
        .skipped = (int)j->skipped};
    return j->failed > 0 ? CLI_NOT : j->unknown > 0 || j->passed == 0 ? CLI_UNKNOWN : CLI_HOLDS;
}

/* Not all is back, or it can't be told. */
static int broken_off(const struct hal9_error *err) {
    const int code = cli_error(err);

    if (it.job.back && code >= CLI_SIGNAL)
        cli_say("all is as before\n");
    return err->code == HAL9_E_FAILED || err->code == HAL9_E_DRIFT ? CLI_UNFINISHED : code;
}

/* What would be done; the parts are read. */
static int dry_run(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *taken = NULL;
    const struct hal9_snapshot_opts o = {.config = cli.config,
                                         .plan = it.job.plan,
                                         .reason = "rehearsal",
                                         .best_effort = rollback_options.sandbox != 0,
                                         .cancel_fd = cli.cancel.soft_fd,
                                         .told = told};
    const cJSON *one;

    if (hal9_rollback_snapshot(&o, &taken, &err) != HAL9_OK)
        return cli_error(&err);
    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(taken, "parts")) {
        cli_say("  %s\n", hal9_json_str(one, "part"));
    }
    cli_say("would be %sdisturbed and rolled back: immediate, gradual, partial; each also killed "
            "%s and resumed; nothing was touched (--dry-run)\n",
            rollback_options.sandbox ? "copied, " : "",
            rollback_options.thorough ? "at each line of its journal" : "in the middle");
    return CLI_HOLDS;
}

static int rehearse(void) {
    _cleanup_error_ struct hal9_error err = {0};
    hal9_status st = HAL9_OK;

    cli_op_env(&it.env);
    it.env.observer = NULL;
    if (rollback_options.sandbox)
        st = use_sandbox(&err);
    else
        use_staging();
    if (st == HAL9_OK && (!it.box.root || it.box.labels.n > 0))
        st = hal9_rollback_rehearse(&it.job, &it.env, &err);
    else if (st == HAL9_OK)
        cli_warn("none of the plan's parts can be copied");
    hal9_sandbox_clear(&it.box);
    return st == HAL9_OK ? judge() : broken_off(&err);
}

int rollback_rehearse(void) {
    it.box.lock_fd = -1;
    it.job.plan = cli.operands.n == 2 ? cli.operands.v[1] : rollback_options.plan;
    it.job.thorough = rollback_options.thorough != 0;
    it.job.told = told;
    it.job.on_begin = on_begin;
    it.job.on_run = on_run;
    it.runs = cJSON_CreateArray();
    int code = read_every();

    if (code == CLI_HOLDS)
        code = cli.dry_run ? dry_run() : rehearse();
    if (cli.form)
        code = rollback_junit(it.runs, cli.trouble, code);
    cJSON_Delete(it.runs);
    hal9_strv_free(&it.command);
    free(it.envp);
    free(it.lock_variable);
    free(it.strip);
    return code;
}
