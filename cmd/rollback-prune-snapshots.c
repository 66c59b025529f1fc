/* hal9-rollback prune of snapshots, and of the contents that nothing names any more. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

static int find_told(struct hal9_strv *ret) {
    _cleanup_error_ struct hal9_error err = {0};

    for (size_t i = 1; i < cli.operands.n; i++) {
        char *id = NULL;

        if (hal9_snapshot_find(cli.state, cli.operands.v[i], &id, &err) != HAL9_OK) {
            cli_error(&err);
            return CLI_USAGE;
        }
        hal9_strv_take(ret, id);
    }
    hal9_strv_sort_unique(ret);
    return CLI_HOLDS;
}

static void tell_gone(const char *id) {
    if (cli.text) {
        cli_say("%s  %s\n", rollback_short_id(id), cli.dry_run ? "would go" : "gone");
        return;
    }
    cJSON *rec = hal9_record_new(cli.out, "snapshot");

    hal9_json_add_str(rec, "id", id);
    hal9_json_add_str(rec, "did", cli.dry_run ? NULL : "deleted");
    hal9_stream_emit(cli.out, rec);
}

static void sum_up(const struct hal9_rollback_prune *p) {
    const struct hal9_prune_result *c = &p->contents;
    _cleanup_free_ char *freed =
        hal9_size_text(c->bytes_before > c->bytes_after ? c->bytes_before - c->bytes_after : 0);

    if (p->left)
        cli_warn("contents were left as they are: %s", p->left);
    if (cli.dry_run)
        cli_say("%zu snapshots would go; nothing was changed (--dry-run)\n", p->gone.n);
    else
        cli_say("%zu snapshots gone, %s freed\n", p->gone.n, freed);
}

int rollback_prune_snapshots(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv told = {0};
    struct hal9_rollback_prune p = {.dry = cli.dry_run != 0};
    const bool keep_told = rollback_options.keep >= 0;
    int code = CLI_HOLDS;

    if (rollback_options.older)
        return cli_usage("--older is for prune --operations; snapshots go by --keep N or by name");
    if (keep_told == (cli.operands.n > 1))
        return cli_usage("prune wants --keep N or the SNAPSHOTs that go");
    if (!cli.state) {
        cli_say("no snapshot was taken yet\n");
        return CLI_HOLDS;
    }
    p.keep = keep_told ? (size_t)rollback_options.keep : 0;
    if (!keep_told) {
        code = find_told(&told);
        p.ids = &told;
    }
    if (code != CLI_HOLDS)
        return code;
    if (hal9_rollback_prune(cli.state, &p, &err) != HAL9_OK) {
        code = cli_error(&err);
    } else {
        for (size_t i = 0; i < p.gone.n; i++)
            tell_gone(p.gone.v[i]);
        sum_up(&p);
    }
    const size_t gone = p.gone.n;

    hal9_strv_free(&p.gone);
    free(p.left);
    return code == CLI_HOLDS && cli.dry_run && gone > 0 ? CLI_NOT : code;
}
