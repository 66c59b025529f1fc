/* hal9-rollback to: the question, the words on the way, and the outcome. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

static struct hal9_rollback_to job;

/* ---- what is asked for ---- */

static void split(const char *list, struct hal9_strv *ret) {
    while (list && *list) {
        const size_t len = strcspn(list, ",");

        if (len > 0)
            hal9_strv_take(ret, hal9_strndup(list, len));
        list += len + (list[len] == ',');
    }
}

static int read_strategy(void) {
    static const char *const words[] = {"immediate", "gradual", "partial"};
    const char *word = rollback_options.strategy;
    const char *near;

    job.strategy = job.parts.n > 0 ? HAL9_PARTIAL : HAL9_IMMEDIATE;
    if (!word || hal9_strategy_parse(word, &job.strategy))
        return CLI_HOLDS;
    near = hal9_suggest(word, words, HAL9_ARRAY_LEN(words));
    if (near)
        return cli_usage("--strategy: '%s' is none; did you mean '%s'?", word, near);
    return cli_usage("--strategy: '%s' is none of immediate, gradual and partial", word);
}

static int read_every(void) {
    _cleanup_error_ struct hal9_error err = {0};

    job.hold_ms = -1;
    if (!rollback_options.every ||
        hal9_parse_duration(rollback_options.every, &job.hold_ms, &err) == HAL9_OK)
        return CLI_HOLDS;
    return cli_usage("--every: %s", err.message);
}

static void told(void *data, const char *words) {
    (void)data;
    cli_warn("%s", words);
}

static int settings(void) {
    if (cli.operands.n != 2)
        return cli_usage(
            "to which snapshot? its name, a piece of its id, or last-healthy; see hal9-rollback "
            "list");
    split(rollback_options.parts, &job.parts);
    if (read_strategy() != CLI_HOLDS || read_every() != CLI_HOLDS)
        return CLI_USAGE;
    job.config = cli.config;
    job.state = cli.state;
    job.snapshot = cli.operands.v[1];
    job.plan = rollback_options.plan;
    job.best_effort = rollback_options.best_effort;
    job.cancel_fd = cli.cancel.soft_fd;
    job.told = told;
    return CLI_HOLDS;
}

/* ---- how it ended ---- */

/* What differs after all, one a line. */
static void tell_differences(const cJSON *detail) {
    const cJSON *d;

    cJSON_ArrayForEach(d, cJSON_GetObjectItemCaseSensitive(detail, "differences")) {
        cli_say("    %s\n", hal9_json_str(d, "reason"));
    }
}

void rollback_stands(const char *id) {
    _cleanup_strv_ struct hal9_strv lines = {0};
    _cleanup_error_ struct hal9_error err = {0};

    if (!cli.text)
        return;
    if (hal9_rollback_stands(cli.config, cli.state, id, &lines, &err) != HAL9_OK)
        cli_warn("where it stands can't be told: %s", err.message);
    for (size_t i = 0; i < lines.n; i++)
        cli_say("    %s\n", lines.v[i]);
}

int rollback_failed(const struct hal9_op_result *r) {
    const char *id = cli_short(r->id);
    const bool unverified = hal9_streq(r->failed_kind, "state.verify");

    cli_headline(unverified ? "ROLLBACK NOT VERIFIED" : "ROLLBACK FAILED");
    cli_say("%sx%s step %s failed: %s\n", cli_style("red"), cli_style("off"),
            r->failed_step ? r->failed_step : "?", r->error.message ? r->error.message : "?");
    tell_differences(r->detail);
    cli_next("hal9-rollback show %s", id);
    cli_next("hal9-rollback undo %s   (back to how it was before)", id);
    if (hal9_streq(r->failed_kind, "health.hold"))
        cli_say("all is restored, but not healthy\n");
    else if (unverified)
        cli_say("not all is as in the snapshot\n");
    else
        cli_say("the rollback did not reach its end\n");
    return hal9_streq(r->failed_kind, "health.hold") ? CLI_NOT : CLI_UNFINISHED;
}

int rollback_held(const struct hal9_op_result *r, const struct hal9_error *err) {
    const char *id = cli_short(r->id);
    const int code = cli_error(err);

    if (!r->resumable)
        return code;
    if (code < CLI_SIGNAL)
        cli_headline(rollback_is_forward(r->id) ? "MIGRATION STANDS STILL"
                                                : "ROLLBACK STANDS STILL");
    rollback_stands(r->id);
    cli_next("hal9-rollback resume %s", id);
    if (err->code == HAL9_E_DRIFT)
        cli_next("hal9-rollback resume %s --force=drift   (overwrite it)", id);
    if (hal9_streq(r->failed_kind, "health.hold") && err->code == HAL9_E_UNKNOWN)
        cli_next("hal9-rollback resume %s --force=no-data   (go on without data)", id);
    cli_next("hal9-rollback undo %s   (back to how it was before)", id);
    cli_next("hal9-rollback abort %s   (leave it as it stands)", id);
    return code < CLI_SIGNAL ? CLI_UNFINISHED : code;
}

/* What has passed its gate is what last-healthy means. That it can't be kept only warns. */
void rollback_keep_healthy(const char *id) {
    _cleanup_error_ struct hal9_error err = {0};

    if (hal9_rollback_note_ended(cli.config, cli.state, id, &err) != HAL9_OK)
        cli_warn("all is healthy, but how it is now could not be kept: %s", err.message);
}

static int done(const struct hal9_op_result *r) {
    const char *what = job.ret_name ? job.ret_name : cli_short(job.ret_id);

    if (cli.dry_run)
        return r->nothing ? (cli_say("all is as in snapshot %s; nothing to do\n", what), CLI_HOLDS)
                          : CLI_NOT;
    if (r->nothing) {
        cli_say("all is as in snapshot %s; nothing to do\n", what);
        return CLI_HOLDS;
    }
    if (r->state == HAL9_OP_FAILED)
        return rollback_failed(r);
    rollback_keep_healthy(r->id);
    if (r->warned > 0 && job.strategy == HAL9_GRADUAL)
        cli_say("a gate failed on the way: the rest was done at once\n");
    else if (r->warned > 0)
        cli_say("%zu step%s failed, and %s left out\n", r->warned, r->warned == 1 ? "" : "s",
                r->warned == 1 ? "was" : "were");
    cli_say("rolled back to %s. Undo: hal9-rollback undo %s\n", what, cli_short(r->id));
    return r->warned > 0 && job.strategy != HAL9_GRADUAL ? CLI_NOT : CLI_HOLDS;
}

int rollback_to(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result r = {0};
    struct hal9_op_env env;
    int code = settings();

    if (code == CLI_HOLDS) {
        cli_op_env(&env);
        code = hal9_rollback_to(&job, &env, &r, &err) == HAL9_OK ? done(&r)
               : r.id[0]                                         ? rollback_held(&r, &err)
                                                                 : cli_error(&err);
    }
    hal9_op_result_clear(&r);
    hal9_strv_free(&job.parts);
    free(job.ret_id);
    free(job.ret_name);
    return code;
}
