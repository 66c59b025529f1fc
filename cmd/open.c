/* Opens what a command works on: configuration, state directory, the records of the pipe. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"

#define LOCK_MARGIN_MS 50 /* a wait that ends before --timeout says for whom it was */

int cli_load_config(void) {
    struct hal9_errors errors = {0};
    int code = CLI_HOLDS;

    if (cli.config)
        return CLI_HOLDS;
    if (hal9_config_load(cli.config_option, &cli.config, &errors) != HAL9_OK) {
        cli_errors(&errors);
        code = CLI_USAGE;
    }
    hal9_errors_clear(&errors);
    return code;
}

int cli_open_state(enum hal9_state_mode mode) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *dir = NULL;
    const char *shared = cli.config ? cli.config->state : NULL;
    hal9_status s = hal9_state_find(cli.state_option, shared, &dir, &err);

    /* Who only looks needs none. */
    if (s != HAL9_OK && mode == HAL9_STATE_READ && !cli.state_option) {
        hal9_log(1, "no history: %s", err.message);
        return CLI_HOLDS;
    }
    if (s == HAL9_OK)
        s = hal9_state_open(dir, mode, shared && hal9_streq(shared, dir), &cli.state, &err);
    if (s == HAL9_OK) {
        if (mode == HAL9_STATE_WRITE)
            hal9_state_reserve(cli.state);
        return CLI_HOLDS;
    }
    /* Reading goes on without history, unless the directory was named or is of a newer build. */
    if (mode == HAL9_STATE_READ && s != HAL9_E_USAGE && !cli.state_option) {
        hal9_log(1, "no history: %s", err.message);
        return CLI_HOLDS;
    }
    return cli_error(&err);
}

void cli_op_env(struct hal9_op_env *ret) {
    int64_t wait_ms = cli.lock_timeout_ms;

    if (!cli.dry_run)
        cli_acts();
    cli_arm_deadline();
    if (cli.deadline_ms >= 0) {
        const int64_t left = cli.deadline_ms - hal9_mono_ms() - LOCK_MARGIN_MS;

        wait_ms = wait_ms >= 0 && wait_ms < left ? wait_ms : left > 0 ? left : 0;
    }
    *ret = (struct hal9_op_env){
        .tool = cli.command->name,
        .run = hal9_stream_run(cli.out),
        .argv = cli.argv,
        .state = cli.state,
        .lock_timeout_ms = wait_ms,
        .dry_run = cli.dry_run,
        .force = &cli.force,
        .kinds = hal9_kinds(),
        .observer = cli_observer(),
        .cancel = &cli.cancel,
    };
}

int cli_read_upstream(cJSON *planned, struct hal9_upstream *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    if (isatty(STDIN_FILENO)) {
        cJSON_Delete(planned);
        return cli_usage(
            "- reads records from a pipe, but stdin is a terminal; for example: hal9-health | %s -",
            cli.command->name);
    }
    hal9_status s =
        hal9_upstream_read(cli.out, STDIN_FILENO, cli.cancel.soft_fd, planned, ret, &err);

    cli_patience();
    if (s != HAL9_OK)
        return cli_error(&err);
    if (ret->complete)
        return CLI_HOLDS;
    cli_error(&ret->broken);
    return CLI_UNKNOWN;
}

bool cli_verdict_counts(const struct hal9_verdict_in *v, int64_t max_age_ms) {
    const char *machine = hal9_host_machine_id();
    int64_t age = hal9_now_ms() - v->time_ms;

    if (v->machine && machine[0] && strcmp(v->machine, machine) != 0) {
        const char *host = hal9_json_str(v->record, "host");

        cli_warn("%s: the verdict is of another machine (%s); nothing done", v->service,
                 host ? host : v->machine);
        return false;
    }
    if (age > max_age_ms) {
        _cleanup_free_ char *text = hal9_span_text(age);

        cli_warn("%s: the verdict is %s old; nothing done (see --max-age)", v->service, text);
        return false;
    }
    return true;
}

void cli_mention_unfinished(void) {
    struct hal9_strv open = {0};

    if (cli.state && hal9_journal_list_open(cli.state, &open, NULL) == HAL9_OK) {
        for (size_t i = 0; i < open.n; i++) {
            struct hal9_op op = {0};

            if (hal9_op_look(cli.state, open.v[i], &op, NULL) == HAL9_OK &&
                op.state == HAL9_OP_OPEN && !op.running)
                cli_warn("operation %s is unfinished (%s, step %zu of %zu); go on with: "
                         "hal9-rollback resume %s",
                         cli_short(op.id), op.title ? op.title : op.by, op.n_done + 1, op.n_steps,
                         cli_short(op.id));
            hal9_op_clear(&op);
        }
    }
    hal9_strv_free(&open);
}

void cli_tidy(const struct hal9_strv *names) {
    struct hal9_strv open = {0};
    struct hal9_state *reading = cli.state;
    struct hal9_op_env env;
    bool any = reading && !cli.dry_run && hal9_journal_list_open(reading, &open, NULL) == HAL9_OK &&
               open.n > 0;

    hal9_strv_free(&open);
    if (!any)
        return;
    cli_op_env(&env);
    env.lock_timeout_ms = 0;
    env.state = NULL;
    /* Tidying is no duty: where it can't be done now, resume and undo still can. */
    if (hal9_state_open(hal9_state_path(reading), HAL9_STATE_WRITE, false, &env.state, NULL) ==
        HAL9_OK)
        hal9_op_tidy(&env, names, NULL);
    hal9_state_close(env.state);
}
