/* hal9-rollback export and import: a snapshot as a file. */
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

int rollback_export(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *snapshot = NULL;
    int code;

    if (cli.operands.n != 3)
        return cli_usage("export wants a SNAPSHOT and a FILE");
    code = rollback_load_snapshot(cli.operands.v[1], &snapshot);
    if (code != CLI_HOLDS)
        return code;
    if (cli.dry_run) {
        cli_say("would be written to %s (--dry-run)\n", cli.operands.v[2]);
        return CLI_HOLDS;
    }
    if (hal9_rollback_export(cli.state, hal9_json_str(snapshot, "id"), cli.operands.v[2], &err) !=
        HAL9_OK)
        return cli_error(&err);
    if (cli.text)
        cli_say("written to %s; it has the files' contents: keep it as safe as them\n",
                cli.operands.v[2]);
    else
        rollback_tell_snapshot(snapshot, "exported", NULL);
    return CLI_HOLDS;
}

int rollback_import(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *id = NULL;
    _cleanup_json_ cJSON *snapshot = NULL;

    if (cli.operands.n != 2)
        return cli_usage("import wants one FILE");
    if (cli.dry_run) {
        cli_say("%s would be taken in (--dry-run)\n", cli.operands.v[1]);
        return CLI_HOLDS;
    }
    if (hal9_rollback_import(cli.state, cli.operands.v[1], &id, &err) != HAL9_OK ||
        hal9_snapshot_get(cli.state, id, &snapshot, &err) != HAL9_OK)
        return cli_error(&err);
    rollback_tell_snapshot(snapshot, "imported", NULL);
    return CLI_HOLDS;
}
