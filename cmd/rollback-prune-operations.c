/* hal9-rollback prune --operations: what is old goes. */
#include <stdio.h>

#include "base/cleanup.h"
#include "rollback.h"

static int read_options(struct hal9_prune_opts *ret) {
    _cleanup_error_ struct hal9_error err = {0};
    int64_t age = 0;

    *ret = (struct hal9_prune_opts){.before_ms = -1, .dry_run = cli.dry_run};
    if (cli.operands.n > 1)
        return cli_usage("prune --operations takes no operand; see hal9-rollback --help");
    if (rollback_options.keep < 0 && !rollback_options.older)
        return cli_usage("prune --operations wants --keep N or --older AGE, such as --older 30d");
    ret->keep_told = rollback_options.keep >= 0;
    ret->keep = ret->keep_told ? (size_t)rollback_options.keep : 0;
    if (!rollback_options.older)
        return CLI_HOLDS;
    if (hal9_parse_duration(rollback_options.older, &age, &err) != HAL9_OK)
        return cli_usage("--older: %s", err.message);
    ret->before_ms = hal9_now_ms() - age;
    return CLI_HOLDS;
}

static void record(const struct hal9_pruned *done) {
    cJSON *rec = hal9_record_new(cli.out, "pruned");

    hal9_json_add_str(rec, "what", "operations");
    cJSON_AddBoolToObject(rec, "would", cli.dry_run);
    hal9_json_add_int(rec, "removed", (int64_t)done->removed);
    hal9_json_add_int(rec, "kept", (int64_t)done->kept);
    hal9_json_add_int(rec, "open", (int64_t)done->open);
    hal9_json_add_int(rec, "needed", (int64_t)done->needed);
    hal9_json_add_int(rec, "bytes", (int64_t)done->bytes);
    cJSON_AddItemToObject(rec, "ids", hal9_json_strv(&done->ids));
    cJSON_AddItemToObject(rec, "damaged", hal9_json_strv(&done->damaged));
    hal9_stream_emit(cli.out, rec);
}

static void tell(const struct hal9_pruned *done) {
    _cleanup_free_ char *size = hal9_size_text(done->bytes);

    for (size_t i = 0; i < done->damaged.n; i++)
        cli_warn("operation %s is damaged, and stays; look at its journal by hand",
                 done->damaged.v[i]);
    if (!cli.text) {
        record(done);
        return;
    }
    if (done->open > 0)
        cli_say("%zu operations without an end stay; see hal9-rollback status\n", done->open);
    if (done->needed > 0)
        cli_say("%zu old operations stay: undo of what stays needs them\n", done->needed);
    cli_say("%zu operation%s %s, %zu stay; %s %s\n", done->removed, done->removed == 1 ? "" : "s",
            cli.dry_run ? "would be removed" : "removed", done->kept, size,
            cli.dry_run ? "would be free" : "free again");
}

int rollback_prune_operations(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_prune_opts opts;
    struct hal9_pruned done = {0};
    int code = read_options(&opts);

    if (code != CLI_HOLDS)
        return code;
    hal9_status s = hal9_journal_prune(cli.state, &opts, &done, &err);

    if (s == HAL9_OK || done.removed > 0)
        tell(&done);
    if (s != HAL9_OK)
        code = cli_error(&err);
    else if (cli.dry_run && done.removed > 0)
        code = CLI_NOT;
    hal9_pruned_clear(&done);
    return code;
}
