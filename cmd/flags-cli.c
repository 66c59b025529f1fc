/* What operations changed in flag stores, whichever tool ran them: each change is a flag record, and the operation's own record, which
 * receivers of notifications get, has them all. */
#include "flags-cli.h"

#include <string.h>

#include "base/cleanup.h"

void cli_render_flag(const cJSON *r) {
    const char *store = hal9_json_str(r, "store"), *flag = hal9_json_str(r, "flag"),
               *value = hal9_json_str(r, "value"), *from = hal9_json_str(r, "from"),
               *to = hal9_json_str(r, "to"), *time = hal9_json_str(r, "time");
    char clock[16] = "";
    int64_t ms;

    if (cli.quiet)
        return;
    if (!from && !to) {
        cli_print("%-32s %s\n", flag ? flag : "?", value ? value : "?");
        return;
    }
    if (cli.clock && time && hal9_time_parse(time, &ms, NULL) == HAL9_OK)
        hal9_time_clock(ms, clock);
    cli_print("%s%s%s (%s): %s -> %s%s%s\n", clock, clock[0] ? " " : "  ", flag ? flag : "?",
              store ? store : "?", from ? from : "?", cli_style("bold"), to ? to : "?",
              cli_style("off"));
}

/* Of a step that was left half-way what is there now counts. */
static const cJSON *result_of(const struct hal9_op_step *s) {
    if (s->state == HAL9_STEP_DONE)
        return s->after;
    return s->state == HAL9_STEP_FAILED ? cJSON_GetObjectItemCaseSensitive(s->detail, "now") : NULL;
}

static void emit(const struct hal9_op *op, const cJSON *change) {
    cJSON *r = hal9_record_new(cli.out, "flag");
    const cJSON *m;

    cJSON_ArrayForEach(m, change) {
        cJSON_AddItemToObject(r, m->string, cJSON_Duplicate(m, true));
    }
    hal9_json_add_str(r, "user", op->user);
    hal9_json_add_str(r, "operation", op->id);
    hal9_stream_emit(cli.out, r);
}

void cli_tell_flag_changes(const struct hal9_op *op, cJSON *operation) {
    cJSON *all = cJSON_CreateArray();

    for (size_t i = 0; i < op->n_steps; i++) {
        const struct hal9_op_step *s = &op->steps[i];
        const cJSON *result = result_of(s);
        cJSON *changes, *one;

        if (!hal9_streq(s->kind, hal9_kind_flag_set.name) || !result)
            continue;
        changes = hal9_flag_changes(s->args, s->before, result);
        while ((one = cJSON_DetachItemFromArray(changes, 0))) {
            emit(op, one);
            cJSON_AddItemToArray(all, one);
        }
        cJSON_Delete(changes);
    }
    if (all->child)
        cJSON_AddItemToObject(operation, "flags", all);
    else
        cJSON_Delete(all);
}
