/* hal9-rollback forward: the phases, the words on the way, and the outcome. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

static struct hal9_rollback_forward job;

static void told(void *data, const char *words) {
    (void)data;
    cli_warn("%s", words);
}

static int settings(void) {
    const char *operand = cli.operands.n == 2 ? cli.operands.v[1] : NULL;

    if (cli.operands.n > 2)
        return cli_usage("forward wants at most one PLAN");
    if (operand && rollback_options.plan && strcmp(operand, rollback_options.plan) != 0)
        return cli_usage("'%s' or --plan %s, not both", operand, rollback_options.plan);
    job = (struct hal9_rollback_forward){.config = cli.config,
                                         .state = cli.state,
                                         .plan = operand ? operand : rollback_options.plan,
                                         .until = rollback_options.until,
                                         .cancel_fd = cli.cancel.soft_fd,
                                         .told = told};
    return CLI_HOLDS;
}

/* ---- how it ended ---- */

static bool load(const char *id, struct hal9_forward_end *ret) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op o = {0};
    bool is = id && *id && cli.state && hal9_op_load(cli.state, id, &o, &err) == HAL9_OK &&
              hal9_forward_end(&o, ret);

    hal9_op_clear(&o);
    return is;
}

bool rollback_is_forward(const char *id) {
    struct hal9_forward_end e = {0};
    const bool is = load(id, &e);

    hal9_forward_end_clear(&e);
    return is;
}

static int tell_back(const char *id, const struct hal9_forward_end *e) {
    const char *snapshot = e->snapshot ? cli_short(e->snapshot) : "?";

    cli_headline(e->sick ? "ROLLED BACK, NOT HEALTHY" : "MIGRATION ROLLED BACK");
    if (e->sick)
        cli_say("%sx%s %s\n", cli_style("red"), cli_style("off"), e->lost);
    cli_next("hal9-rollback show %s", cli_short(id));
    cli_next("hal9-rollback forward   (once that is mended)");
    cli_say("phase %s failed: %s; rolled back to %s, verified%s\n", e->phase, e->why, snapshot,
            e->sick ? ", but not healthy" : "");
    return CLI_NOT;
}

static int tell_lost(const char *id, const struct hal9_forward_end *e) {
    const char *snapshot = e->snapshot ? cli_short(e->snapshot) : "?";

    cli_headline("THE WAY BACK FAILED");
    rollback_stands(id);
    cli_next("hal9-rollback show %s", cli_short(id));
    cli_next("hal9-rollback to %s   (tries again to bring all back)", snapshot);
    cli_say("phase %s failed: %s; and the way back to %s failed: %s\n", e->phase ? e->phase : "?",
            e->why ? e->why : "?", snapshot, e->lost ? e->lost : "it did not reach its end");
    return CLI_UNFINISHED;
}

int rollback_forward_ended(const char *id) {
    struct hal9_forward_end e = {0};
    int code = -1;

    if (!load(id, &e))
        return code;
    if (e.phase) {
        code = e.back ? tell_back(id, &e) : tell_lost(id, &e);
    } else {
        cli_say("phase %s is reached, all well. Undo: hal9-rollback undo %s\n",
                e.reached ? e.reached : "?", cli_short(id));
        code = CLI_HOLDS;
    }
    hal9_forward_end_clear(&e);
    return code;
}

static void tell_phases(void) {
    for (size_t k = 0; k < job.ret_phases.n; k++) {
        const char *mark = k + 1 < job.ret_from ? " (passed)"
                           : k + 1 > job.ret_to ? " (not now)"
                                                : "";

        cli_say("phase %zu of %zu, %s%s\n", k + 1, job.ret_phases.n, job.ret_phases.v[k], mark);
    }
}

static int done(const struct hal9_op_result *r) {
    if (r->nothing) {
        cli_say("%s; nothing to do\n", r->why ? r->why : "all is so");
        return CLI_HOLDS;
    }
    if (cli.dry_run) {
        tell_phases();
        cli_say("what fails on the way goes back to how it is before; nothing was changed "
                "(--dry-run)\n");
        return CLI_NOT;
    }
    return rollback_forward_ended(r->id);
}

int rollback_forward(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result r = {0};
    struct hal9_op_env env;
    int code = settings();

    if (code == CLI_HOLDS) {
        cli_op_env(&env);
        code = hal9_rollback_forward(&job, &env, &r, &err) == HAL9_OK ? done(&r)
               : r.id[0]                                              ? rollback_held(&r, &err)
                                                                      : cli_error(&err);
    }
    hal9_op_result_clear(&r);
    hal9_strv_free(&job.ret_phases);
    free(job.ret_snapshot);
    return code;
}
