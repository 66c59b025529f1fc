/* hal9-rollback tick, for cron: holds that have expired, operations that lack nothing but their end, snapshots beyond what a plan keeps,
 * notifications that are due. Nothing to do: not a word. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "notify-cli.h"
#include "rollback.h"

static struct hal9_stage_result did;

/* The stage begins with the first thing that there is to tell: cron mails whatever is said. */
static void first(void) {
    hal9_stream_begin(cli.out, NULL);
}

static void count(void) {
    did.planned++;
    did.ran++;
    did.passed++;
}

/* ---- holds ---- */

static void tell_hold(const struct hal9_hold *h) {
    cJSON *r;
    char since[32], until[32];

    first();
    count();
    r = hal9_record_new(cli.out, "hold");
    hal9_time_format(h->since_ms, since);
    hal9_time_format(h->until_ms, until);
    hal9_json_add_str(r, "service", h->service);
    hal9_json_add_str(r, "user", h->user);
    hal9_json_add_str(r, "since", since);
    hal9_json_add_str(r, "until", until);
    hal9_json_add_str(r, "why", h->reason);
    _cleanup_free_ char *words =
        hal9_strf("the hold of %s on %s has expired", h->user ? h->user : "somebody", h->service);

    hal9_json_add_str(r, "reason", words);
    hal9_stream_emit(cli.out, r);
}

static void sweep_holds(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_hold *v = NULL;
    size_t n = 0;

    if (hal9_hold_sweep(cli.state, cli.dry_run, &v, &n, &err) != HAL9_OK)
        did.exit = cli_error(&err);
    for (size_t i = 0; i < n; i++) {
        tell_hold(&v[i]);
        hal9_hold_clear(&v[i]);
    }
    free(v);
}

/* ---- operations ---- */

static void tell_ended(const char *id) {
    _cleanup_(hal9_op_clear) struct hal9_op op = {0};
    cJSON *r, *members, *one;

    if (hal9_op_load(cli.state, id, &op, NULL) != HAL9_OK || op.state == HAL9_OP_OPEN)
        return;
    first();
    count();
    r = hal9_record_new(cli.out, "operation");
    members = hal9_rollback_describe(&op);
    while ((one = members->child)) {
        cJSON_DetachItemViaPointer(members, one);
        if (cJSON_GetObjectItemCaseSensitive(r, one->string))
            cJSON_Delete(one); /* its run is another one */
        else
            cJSON_AddItemToObject(r, one->string, one);
    }
    cJSON_Delete(members);
    hal9_stream_emit(cli.out, r);
    cli_say("operation %s (%s) lacked nothing but its end\n", cli_short(id),
            op.title ? op.title : op.by);
}

/* What has something left to change is a person's to resume or to undo. */
static void end_operations(void) {
    _cleanup_strv_ struct hal9_strv open = {0};

    if (cli.dry_run || hal9_journal_list_open(cli.state, &open, NULL) != HAL9_OK)
        return;
    for (size_t i = 0; i < open.n; i++) {
        _cleanup_(hal9_op_clear) struct hal9_op op = {0};
        _cleanup_strv_ struct hal9_strv names = {0};

        if (hal9_op_load(cli.state, open.v[i], &op, NULL) != HAL9_OK || !op.resumable)
            continue;
        hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(op.plan, "resources"), &names);
        cli_tidy(&names);
        tell_ended(open.v[i]);
    }
}

/* ---- snapshots ---- */

static void tell_gone(const char *id) {
    cJSON *r;

    first();
    count();
    r = hal9_record_new(cli.out, "snapshot");
    hal9_json_add_str(r, "id", id);
    hal9_json_add_str(r, "did", cli.dry_run ? NULL : "deleted");
    hal9_stream_emit(cli.out, r);
    cli_say("snapshot %s %s: there are newer ones\n", cli_short(id),
            cli.dry_run ? "would go" : "is gone");
}

static void drop_snapshots(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv ids = {0};
    struct hal9_rollback_prune p = {.dry = cli.dry_run != 0, .ids = &ids};
    hal9_status st = hal9_rollback_overdue(cli.config, cli.state, &ids, &err);

    if (st == HAL9_OK && ids.n > 0)
        st = hal9_rollback_prune(cli.state, &p, &err);
    if (st != HAL9_OK)
        did.exit = cli_error(&err);
    for (size_t i = 0; i < p.gone.n; i++)
        tell_gone(p.gone.v[i]);
    if (p.left)
        cli_warn("contents were left as they are: %s", p.left);
    hal9_strv_free(&p.gone);
    free(p.left);
}

/* ---- */

/* HAL9_E_BUSY: another tick is at it. */
static hal9_status lock(struct hal9_locks **ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};
    const struct hal9_lock_opts opts = {.cancel_fd = -1};

    hal9_strv_take(&names, hal9_strf("tick:%s", hal9_state_path(cli.state)));
    return hal9_locks_take(&names, &opts, ret, err);
}

int rollback_tick(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_locks *locks = NULL;

    if (cli.operands.n > 1)
        return cli_usage("tick takes no operands");
    did.exit = cli_open_state(cli.dry_run ? HAL9_STATE_READ : HAL9_STATE_WRITE);
    if (did.exit != CLI_HOLDS || !cli.state)
        return did.exit;
    const hal9_status st = cli.dry_run ? HAL9_OK : lock(&locks, &err);

    if (st != HAL9_OK)
        return st == HAL9_E_BUSY ? CLI_HOLDS : cli_error(&err);
    if (cli.json_told)
        first();
    if (!cli.dry_run)
        cli_acts();
    sweep_holds();
    end_operations();
    drop_snapshots();
    if (cli_notify_due(first))
        did.exit = CLI_NOT;
    if (hal9_stream_begun(cli.out))
        hal9_stream_end(cli.out, &did);
    hal9_locks_release(locks);
    return did.exit;
}
