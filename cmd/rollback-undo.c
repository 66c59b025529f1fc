/* hal9-rollback resume, undo, abort: going on, taking back, freezing. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

/* The operand, or what stands in its place. */
int rollback_find(const char *word, char **ret_operation, char **ret_run) {
    _cleanup_error_ struct hal9_error err = {0};

    if (hal9_rollback_find(cli.state, word, ret_operation, ret_run, &err) != HAL9_OK)
        return cli_error(&err);
    return CLI_HOLDS;
}

static bool is_rollback(const char *id) {
    struct hal9_op o = {0};
    bool is = hal9_op_load(cli.state, id, &o, NULL) == HAL9_OK && hal9_rollback_subject(&o) &&
              o.undoes.n == 0;

    hal9_op_clear(&o);
    return is;
}

/* How resume, undo and abort ended, in words and as an exit code. */
static int outcome(const char *verb, const char *id, const struct hal9_op_result *r, hal9_status s,
                   const struct hal9_error *err) {
    if (s != HAL9_OK && r->resumable)
        return rollback_held(r, err);
    if (s != HAL9_OK)
        return cli_error(err);
    if (cli.dry_run)
        return r->nothing ? CLI_HOLDS : CLI_NOT;
    if (r->nothing) {
        if (r->why)
            cli_say("%s\n", r->why);
        cli_say("nothing to %s in %s\n", verb, cli_short(id));
        return CLI_HOLDS;
    }
    if (r->state == HAL9_OP_FAILED && rollback_is_forward(r->id))
        return rollback_forward_ended(r->id);
    if (r->state == HAL9_OP_FAILED && is_rollback(r->id))
        return rollback_failed(r);
    if (r->state == HAL9_OP_FAILED) {
        cli_say("%s: step %s failed\n", cli_short(r->id[0] ? r->id : id),
                r->failed_step ? r->failed_step : "?");
        cli_next("hal9-rollback show %s", cli_short(r->id[0] ? r->id : id));
        return CLI_NOT;
    }
    return CLI_HOLDS;
}

static int resume_or_abort(const char *verb) {
    _cleanup_free_ char *id = NULL, *run = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_env env;
    struct hal9_op_result r = {0};
    hal9_status s;
    int code = CLI_HOLDS;

    if (cli.operands.n > 2)
        return cli_usage("%s wants at most one ID", verb);
    if (cli.operands.n == 2)
        code = rollback_find(cli.operands.v[1], &id, &run);
    else if (hal9_rollback_open(cli.state, &id, &err) == HAL9_E_NOT_FOUND) {
        cli_say("nothing is unfinished\n");
        return CLI_HOLDS;
    } else if (!id)
        return cli_error(&err);
    if (code != CLI_HOLDS)
        return code;
    if (!id)
        return cli_usage("%s wants an operation, and '%s' is a run", verb, cli.operands.v[1]);
    cli_op_env(&env);
    s = strcmp(verb, "resume") == 0 ? hal9_op_resume(&env, id, &r, &err)
                                    : hal9_op_abort(&env, id, &r, &err);
    code = outcome(verb, id, &r, s, &err);
    if (s == HAL9_OK && !r.nothing && !cli.dry_run && r.state == HAL9_OP_DONE &&
        strcmp(verb, "resume") == 0 && rollback_is_forward(id)) {
        code = rollback_forward_ended(id);
    } else if (s == HAL9_OK && !r.nothing && !cli.dry_run && r.state != HAL9_OP_FAILED) {
        if (r.state == HAL9_OP_ABORTED)
            rollback_stands(id);
        else
            rollback_keep_healthy(id);
        cli_say("operation %s is %s\n", cli_short(id), hal9_op_state_name(r.state));
        cli_next("hal9-rollback show %s", cli_short(id));
    }
    hal9_op_result_clear(&r);
    return code;
}

static int undo_operation(const struct hal9_op_env *env, const char *id) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result r = {0};
    hal9_status s = hal9_op_undo(env, id, &r, &err);
    int code = outcome("undo", id, &r, s, &err);

    if (s == HAL9_OK && r.state == HAL9_OP_DONE && r.id[0])
        cli_say("operation %s is taken back. Undo of that: hal9-rollback undo %s\n", cli_short(id),
                cli_short(r.id));
    hal9_op_result_clear(&r);
    return code;
}

static int undo_run(const struct hal9_op_env *env, const char *run) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result *all = NULL;
    size_t n = 0, taken = 0, planned = 0;
    int code = CLI_HOLDS;
    hal9_status s = hal9_op_undo_run(env, run, &all, &n, &err);

    if (s != HAL9_OK)
        code = cli_error(&err);
    for (size_t i = 0; i < n; i++) {
        bool failed = all[i].state == HAL9_OP_FAILED;

        if (failed && code == CLI_HOLDS)
            code = CLI_NOT;
        if (failed && all[i].id[0])
            cli_next("hal9-rollback show %s", cli_short(all[i].id));
        if (!all[i].nothing)
            planned++;
        taken += all[i].state == HAL9_OP_DONE && !all[i].nothing;
        hal9_op_result_clear(&all[i]);
    }
    free(all);
    if (cli.dry_run)
        return code == CLI_HOLDS && planned > 0 ? CLI_NOT : code;
    if (code == CLI_HOLDS)
        cli_say("run %s is taken back: %zu operation%s\n", run, taken, taken == 1 ? "" : "s");
    else if (s != HAL9_OK || taken > 0)
        cli_say(
            "run %s is taken back in part: %zu operation%s, then it stopped; the older ones are as "
            "they were\n",
            run, taken, taken == 1 ? "" : "s");
    return code;
}

int rollback_undo(void) {
    _cleanup_free_ char *id = NULL, *run = NULL;
    struct hal9_op_env env;
    int code;

    if (cli.operands.n != 2)
        return cli_usage("undo wants one ID or RUN; see hal9-rollback history");
    code = rollback_find(cli.operands.v[1], &id, &run);
    if (code != CLI_HOLDS)
        return code;
    cli_op_env(&env);
    return id ? undo_operation(&env, id) : undo_run(&env, run);
}

int rollback_resume(void) {
    return resume_or_abort("resume");
}

int rollback_abort(void) {
    return resume_or_abort("abort");
}
