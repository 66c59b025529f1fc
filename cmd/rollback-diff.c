/* hal9-rollback diff: what differs between two snapshots, or from one to now. */
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

/* Lines of a unified diff in colour; the rest as it is. */
static void say_words(const struct hal9_buf *words) {
    const char *at = words->data, *end = at ? at + words->len : at;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = newline ? (size_t)(newline - at) : (size_t)(end - at);
        const char *style = *at == '+' ? "green" : *at == '-' ? "red" : NULL;

        cli_print("%s%.*s%s\n", style ? cli_style(style) : "", (int)len, at,
                  style ? cli_style("off") : "");
        at += len + 1;
    }
}

int rollback_diff(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *a = NULL, *b = NULL;
    _cleanup_buf_ struct hal9_buf words = {0};
    size_t n = 0;
    int code;

    if (cli.operands.n < 2 || cli.operands.n > 3)
        return cli_usage("diff wants one SNAPSHOT (against now) or two; see hal9-rollback list");
    code = rollback_load_snapshot(cli.operands.v[1], &a);
    if (code == CLI_HOLDS && cli.operands.n == 3)
        code = rollback_load_snapshot(cli.operands.v[2], &b);
    if (code != CLI_HOLDS)
        return code;
    cJSON *list = cJSON_CreateArray();

    if (hal9_rollback_diff(cli.config, cli.state, a, b, &words, list, &n, &err) != HAL9_OK) {
        cJSON_Delete(list);
        code = cli_error(&err);
        return code == CLI_NOT || code == CLI_UNFINISHED ? CLI_UNKNOWN : code;
    }
    if (cli.text) {
        cJSON_Delete(list);
        say_words(&words);
        if (n == 0)
            cli_say("nothing differs%s\n", b ? "" : " from now");
        else
            cli_say("%zu %s\n", n, n == 1 ? "difference" : "differences");
    } else {
        cJSON *extra = cJSON_CreateObject();

        hal9_json_add_str(extra, "against", hal9_json_str(b, "id"));
        cJSON_AddItemToObject(extra, "differences", list);
        rollback_tell_snapshot(a, NULL, extra);
    }
    return n > 0 ? CLI_NOT : CLI_HOLDS;
}
