/* hal9-restart hold, unhold, holds: services that every tool keeps its hands off. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "restart.h"

#define DEFAULT_MS INT64_C(3600000)
#define LONGEST_MS (INT64_C(30) * 24 * 3600 * 1000)

static void emit(const struct hal9_hold *h) {
    cJSON *r = hal9_record_new(cli.out, "hold");
    _cleanup_free_ char *words = hal9_hold_words(h);
    char since[32], until[32];

    hal9_time_format(h->since_ms, since);
    hal9_time_format(h->until_ms, until);
    hal9_json_add_str(r, "service", h->service);
    hal9_json_add_str(r, "user", h->user);
    hal9_json_add_str(r, "since", since);
    hal9_json_add_str(r, "until", until);
    hal9_json_add_str(r, "why", h->reason);
    hal9_json_add_str(r, "reason", words);
    if (cli.text)
        cli_say("%s is %s\n", h->service, words);
    else
        hal9_stream_emit(cli.out, r);
    if (cli.text)
        cJSON_Delete(r);
}

/* An operation that is at work there now comes to its end first. */
static void tell_at_work(const char *service) {
    _cleanup_strv_ struct hal9_strv open = {0};
    _cleanup_free_ char *name = hal9_strf("service:%s", service);

    if (hal9_journal_list_open(cli.state, &open, NULL) != HAL9_OK)
        return;
    for (size_t i = 0; i < open.n; i++) {
        _cleanup_(hal9_op_clear) struct hal9_op op = {0};
        _cleanup_strv_ struct hal9_strv touched = {0};

        if (hal9_op_look(cli.state, open.v[i], &op, NULL) != HAL9_OK || !op.running)
            continue;
        hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(op.plan, "resources"), &touched);
        if (hal9_strv_has(&touched, name))
            cli_warn("operation %s (%s) is at work on %s and goes to its end; then it is held",
                     cli_short(op.id), op.title ? op.title : op.by, service);
    }
}

/* The names behind the subcommand, all of them known. */
static int need_services(void) {
    for (size_t i = 1; i < cli.operands.n; i++) {
        _cleanup_error_ struct hal9_error err = {0};
        const struct hal9_service *s;

        if (hal9_config_need_service(cli.config, cli.operands.v[i], &s, &err) != HAL9_OK)
            return cli_error(&err);
    }
    return cli.operands.n > 1 ? CLI_HOLDS
                              : cli_usage("which service? for example: hal9-restart %s hal9-server",
                                          cli.operands.v[0]);
}

static int how_long(const struct restart_hold_options *o, int64_t *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    *ret = DEFAULT_MS;
    if (o->time && hal9_parse_duration(o->time, ret, &err) != HAL9_OK)
        return cli_usage("--for: %s", err.message);
    if (*ret <= 0 || *ret > LONGEST_MS)
        return cli_usage("--for: %s is not between a moment and 30 days", o->time);
    return CLI_HOLDS;
}

static int hold_one(const char *service, int64_t ms, const char *reason) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_(hal9_hold_clear) struct hal9_hold h = {0};
    bool held = false;

    if (cli.dry_run) {
        cli_say("%s would be held\n", service);
        return CLI_NOT;
    }
    if (hal9_hold_put(cli.state, service, hal9_now_ms() + ms, reason, &err) != HAL9_OK ||
        hal9_hold_get(cli.state, service, &h, &held, &err) != HAL9_OK)
        return cli_error(&err);
    tell_at_work(service);
    emit(&h);
    return CLI_HOLDS;
}

int restart_hold(const struct restart_hold_options *o) {
    int64_t ms;
    int code = how_long(o, &ms);

    if (code == CLI_HOLDS)
        code = need_services();
    for (size_t i = 1; code == CLI_HOLDS && i < cli.operands.n; i++)
        code = hold_one(cli.operands.v[i], ms, o->reason);
    if (code == CLI_HOLDS && cli.operands.n == 2)
        cli_next("hal9-restart unhold %s   (or it ends by itself)", cli.operands.v[1]);
    return code;
}

static int unhold_one(const char *service) {
    _cleanup_error_ struct hal9_error err = {0};
    bool held = false;

    if (cli.dry_run) {
        if (cli.state && hal9_hold_get(cli.state, service, NULL, &held, &err) != HAL9_OK)
            return cli_error(&err);
        cli_say(held ? "%s would not be held any more\n" : "%s is not held\n", service);
        return held ? CLI_NOT : CLI_HOLDS;
    }
    if (hal9_hold_drop(cli.state, service, &held, &err) != HAL9_OK)
        return cli_error(&err);
    cli_say(held ? "%s is not held any more\n" : "%s is not held\n", service);
    return CLI_HOLDS;
}

int restart_unhold(void) {
    /* A service that has left the configuration may be held still. */
    int code = cli.operands.n > 1 ? CLI_HOLDS : need_services();

    for (size_t i = 1; code == CLI_HOLDS && i < cli.operands.n; i++) {
        _cleanup_error_ struct hal9_error err = {0};
        const struct hal9_service *s;
        bool held = false;

        if (cli.state &&
            hal9_hold_get(cli.state, cli.operands.v[i], NULL, &held, NULL) == HAL9_OK && !held &&
            hal9_config_need_service(cli.config, cli.operands.v[i], &s, &err) != HAL9_OK)
            code = cli_error(&err);
        else
            code = unhold_one(cli.operands.v[i]);
    }
    return code;
}

int restart_holds(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_hold *all = NULL;
    size_t n = 0;

    if (cli.operands.n > 1)
        return cli_usage("holds names them all; leave out '%s'", cli.operands.v[1]);
    if (cli.state && hal9_hold_list(cli.state, &all, &n, &err) != HAL9_OK)
        return cli_error(&err);
    for (size_t i = 0; i < n; i++) {
        emit(&all[i]);
        hal9_hold_clear(&all[i]);
    }
    free(all);
    if (n == 0)
        cli_say("no service is held\n");
    return CLI_HOLDS;
}
