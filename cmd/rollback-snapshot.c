/* hal9-rollback snapshot, list, and show of a snapshot: how it was, kept. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

const char *rollback_short_id(const char *id) {
    size_t len = strlen(id);

    return len > 4 ? id + len - 4 : id;
}

/* A snapshot as a record; at a terminal as one line. did: what was done with it, or NULL. extra: members more, taken; NULL-able. */
void rollback_tell_snapshot(const cJSON *snapshot, const char *did, cJSON *extra) {
    cJSON *d = hal9_rollback_describe_snapshot(snapshot), *m, *rec;

    if (cli.text) {
        const char *id = hal9_json_str(d, "id"), *name = hal9_json_str(d, "name");
        const char *taken = hal9_json_str(d, "taken"), *plan = hal9_json_str(d, "plan");
        int64_t ms = 0;
        char clock[16] = "";
        _cleanup_free_ char *size = hal9_size_text((uint64_t)hal9_json_int(d, "bytes", 0));

        if (taken && hal9_time_parse(taken, &ms, NULL) == HAL9_OK)
            hal9_time_clock(ms, clock);
        cli_say("%s  %.10s %s  %-8s %-16s %zu parts, %lld files, %s%s%s\n",
                id ? rollback_short_id(id) : "?", taken ? taken : "", clock,
                hal9_json_str(d, "why") ? hal9_json_str(d, "why") : "", name ? name : "-",
                (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(d, "parts")),
                (long long)hal9_json_int(d, "files", 0), size, plan ? ", plan " : "",
                plan ? plan : "");
        cJSON_Delete(d);
        cJSON_Delete(extra);
        return;
    }
    rec = hal9_record_new(cli.out, "snapshot");
    cJSON *const both[] = {d, extra};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(both); i++)
        while ((m = cJSON_DetachItemFromArray(both[i], 0)))
            cJSON_AddItemToObject(rec, m->string, m);
    hal9_json_add_str(rec, "did", did);
    cJSON_Delete(d);
    cJSON_Delete(extra);
    hal9_stream_emit(cli.out, rec);
}

static void told(void *data, const char *words) {
    (void)data;
    cli_warn("%s", words);
}

/* What can't be read is neither this nor that, whichever way it can't. */
static int exit_of(const struct hal9_error *err) {
    int code = cli_error(err);

    return code == CLI_NOT || (code == CLI_UNFINISHED && err->code != HAL9_E_INTERRUPTED)
               ? CLI_UNKNOWN
               : code;
}

int rollback_snapshot(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv files = {0};
    _cleanup_json_ cJSON *taken = NULL;
    struct hal9_snapshot_opts o = {.config = cli.config,
                                   .state = cli.state,
                                   .plan = rollback_options.plan,
                                   .files = &files,
                                   .best_effort = rollback_options.best_effort != 0,
                                   .cancel_fd = cli.cancel.soft_fd,
                                   .told = told};

    if (cli.operands.n > 2)
        return cli_usage("snapshot wants at most one NAME; files go to --file");
    for (char **f = rollback_options.files; f && *f; f++)
        hal9_strv_add(&files, *f);
    o.name = cli.operands.n == 2 ? cli.operands.v[1] : NULL;
    if (hal9_rollback_snapshot(&o, &taken, &err) != HAL9_OK)
        return exit_of(&err);
    if (cli.text) {
        const char *id = hal9_json_str(taken, "id");
        _cleanup_json_ cJSON *d = hal9_rollback_describe_snapshot(taken);
        const cJSON *part;

        cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(d, "parts")) {
            cli_say("  %s\n", part->valuestring);
        }
        if (cli.dry_run) {
            cli_say("would be kept; nothing was written (--dry-run)\n");
            return CLI_HOLDS;
        }
        rollback_tell_snapshot(taken, "taken", NULL);
        cli_say("kept. What differs since: hal9-rollback diff %s\n",
                o.name ? o.name : rollback_short_id(id));
        return CLI_HOLDS;
    }
    rollback_tell_snapshot(taken, cli.dry_run ? NULL : "taken", NULL);
    return CLI_HOLDS;
}

int rollback_list(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv ids = {0};
    int code = CLI_HOLDS;

    if (cli.operands.n > 1)
        return cli_usage("list wants no operand; show SNAPSHOT tells of one");
    if (cli.state && hal9_snapshot_list(cli.state, &ids, &err) != HAL9_OK)
        return cli_error(&err);
    for (size_t i = 0; i < ids.n; i++) {
        _cleanup_json_ cJSON *one = NULL;
        _cleanup_error_ struct hal9_error bad = {0};

        if (hal9_snapshot_get(cli.state, ids.v[i], &one, &bad) == HAL9_OK) {
            rollback_tell_snapshot(one, NULL, NULL);
        } else {
            cli_error(&bad);
            code = CLI_UNKNOWN;
        }
    }
    if (ids.n == 0)
        cli_say("no snapshot was taken yet\n");
    return code;
}

int rollback_load_snapshot(const char *word, cJSON **ret) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *id = NULL;

    if (!cli.state) {
        hal9_error_set(&err, HAL9_E_NOT_FOUND, "no snapshot '%s': none was taken yet", word);
        return cli_error(&err);
    }
    if (hal9_snapshot_find(cli.state, word, &id, &err) != HAL9_OK ||
        hal9_snapshot_get(cli.state, id, ret, &err) != HAL9_OK)
        return err.code == HAL9_E_NOT_FOUND ? (cli_error(&err), CLI_USAGE) : cli_error(&err);
    return CLI_HOLDS;
}
