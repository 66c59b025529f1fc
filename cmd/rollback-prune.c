/* hal9-rollback prune: what is old goes. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

/* What is asked for, of each sort of thing. */
struct prune {
    struct hal9_prune_opts opts;
};

/* One line of words for each sort; how many went, or would go, is added to *ret_gone. */
static int prune_operations(const struct prune *p, size_t *ret_gone) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_pruned done = {0};
    hal9_status s = hal9_journal_prune(cli.state, &p->opts, &done, &err);
    _cleanup_free_ char *size = hal9_size_text(done.bytes);

    for (size_t i = 0; i < done.damaged.n; i++)
        cli_warn("operation %s is damaged, and stays; look at its journal by hand",
                 done.damaged.v[i]);
    if (done.open > 0)
        cli_say("%zu operations without an end stay; see hal9-rollback status\n", done.open);
    if (done.needed > 0)
        cli_say("%zu old operations stay: undo of what stays needs them\n", done.needed);
    if (s == HAL9_OK || done.removed > 0)
        cli_say("%zu operation%s %s, %zu stay; %s %s\n", done.removed, done.removed == 1 ? "" : "s",
                cli.dry_run ? "would be removed" : "removed", done.kept, size,
                cli.dry_run ? "would be free" : "free again");
    *ret_gone += done.removed + done.blobs;
    hal9_pruned_clear(&done);
    return s == HAL9_OK ? CLI_HOLDS : cli_error(&err);
}

/* The sorts of things that grow old. Without a word for one, all are meant. */
static const struct {
    const int *told;
    int (*prune)(const struct prune *p, size_t *ret_gone);
} sorts[] = {
    {&rollback_options.operations, prune_operations},
};

static int read_options(struct prune *p) {
    _cleanup_error_ struct hal9_error err = {0};
    int64_t age = 0;

    *p = (struct prune){.opts = {.before_ms = -1, .dry_run = cli.dry_run}};
    if (!rollback_options.keep && !rollback_options.older)
        return cli_usage("prune wants --keep N or --older AGE, such as --older 30d");
    if (rollback_options.keep) {
        int64_t keep = 0;

        if (hal9_parse_int(rollback_options.keep, 0, INT32_MAX, &keep, &err) != HAL9_OK)
            return cli_usage("--keep: %s", err.message);
        p->opts.keep_told = true;
        p->opts.keep = (size_t)keep;
    }
    if (rollback_options.older) {
        if (hal9_parse_duration(rollback_options.older, &age, &err) != HAL9_OK)
            return cli_usage("--older: %s", err.message);
        p->opts.before_ms = hal9_now_ms() - age;
    }
    return CLI_HOLDS;
}

int rollback_prune(void) {
    struct prune p;
    size_t gone = 0;
    bool some = false;
    int code;

    if (cli.operands.n > 1)
        return cli_usage("prune takes no operand; see hal9-rollback --help");
    code = read_options(&p);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(sorts); i++)
        some = some || *sorts[i].told;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(sorts) && code == CLI_HOLDS; i++)
        if (!some || *sorts[i].told)
            code = sorts[i].prune(&p, &gone);
    return code == CLI_HOLDS && cli.dry_run && gone > 0 ? CLI_NOT : code;
}
