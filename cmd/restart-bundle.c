/* hal9-restart bundle: a service's logs, saved and nothing else done. */
#include "restart-bundle.h"

#include "base/cleanup.h"
#include "cli.h"

static int take_services(struct hal9_restart *r) {
    if (cli.from_stdin)
        return cli_usage("bundle reads no records; name a service");
    if (cli.operands.n < 2)
        return cli_usage("bundle wants a service: hal9-restart bundle SERVICE");
    for (size_t i = 1; i < cli.operands.n; i++)
        if (!hal9_strv_has(&r->services, cli.operands.v[i]))
            hal9_strv_add(&r->services, cli.operands.v[i]);
    return cli_load_config();
}

/* Before a state directory is made for nothing. */
static int check_names(const struct hal9_restart *r) {
    _cleanup_error_ struct hal9_error err = {0};
    const struct hal9_service *s;

    for (size_t i = 0; i < r->services.n; i++)
        if (hal9_config_need_service(cli.config, r->services.v[i], &s, &err) != HAL9_OK)
            return cli_error(&err);
    return CLI_HOLDS;
}

static int act(struct hal9_restart *r, struct hal9_stage_result *end) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_env env;
    struct hal9_op_result res = {0};
    int code = CLI_HOLDS;

    r->config = cli.config;
    r->state = cli.state;
    cli_op_env(&env);
    if (hal9_restart_bundle(r, &env, &res, &err) != HAL9_OK)
        code = cli_error(&err);
    else if (res.failed > 0 && cli_error(&res.error) != CLI_HOLDS)
        code = CLI_NOT;
    else if (cli.dry_run)
        cli_say("nothing was done (--dry-run)\n");
    end->planned = (int)r->services.n;
    end->passed = (int)res.done;
    end->failed = (int)res.failed;
    end->ran = end->passed + end->failed;
    end->skipped = end->planned - end->ran;
    end->resumable = res.resumable;
    hal9_op_result_clear(&res);
    return code;
}

int restart_bundle(void) {
    struct hal9_restart r = {.deadline_ms = cli.deadline_ms, .cancel_fd = cli.cancel.soft_fd};
    struct hal9_stage_result end = {0};
    int code = take_services(&r);

    if (code == CLI_HOLDS)
        code = check_names(&r);
    if (code == CLI_HOLDS) {
        if (!cli.dry_run)
            cli_acts();
        hal9_stream_begin(cli.out, NULL);
        code = cli_open_state(cli.dry_run ? HAL9_STATE_READ : HAL9_STATE_WRITE);
    }
    if (code == CLI_HOLDS)
        code = act(&r, &end);
    end.exit = code;
    if (hal9_stream_begun(cli.out))
        hal9_stream_end(cli.out, &end);
    hal9_strv_free(&r.services);
    return code;
}
