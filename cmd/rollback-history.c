/* hal9-rollback status, history, show: what was done. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "rollback.h"

const char *rollback_shorter(const char *id) {
    size_t len = strlen(id);

    return len > 4 ? id + len - 4 : id;
}

/* An operation as a record; at a terminal as one line. */
static void tell(const struct hal9_op *o) {
    char clock[16];
    cJSON *rec, *members, *m;

    hal9_time_clock(o->started_ms, clock);
    if (cli.text) {
        char day[32];

        hal9_time_format(o->started_ms, day);
        cli_say("%s  %.10s %s  %-13s %-8s %zu/%zu  %s%s\n", rollback_shorter(o->id), day, clock,
                o->by, o->running ? "running" : hal9_op_state_name(o->state), o->n_done, o->n_steps,
                o->title ? o->title : "", o->undone_by ? " (undone)" : "");
        return;
    }
    rec = hal9_record_new(cli.out, "operation");
    members = hal9_rollback_describe(o);
    /* An operation belongs to the run that made it, not to the one that reads it. */
    while ((m = cJSON_DetachItemFromArray(members, 0))) {
        cJSON_DeleteItemFromObjectCaseSensitive(rec, m->string);
        cJSON_AddItemToObject(rec, m->string, m);
    }
    cJSON_Delete(members);
    hal9_stream_emit(cli.out, rec);
}

struct told {
    size_t n, skip, open;
};

static int count_one(const struct hal9_op *o, void *data) {
    struct told *t = data;

    (void)o;
    t->n++;
    return 0;
}

static int tell_one(const struct hal9_op *o, void *data) {
    struct told *t = data;

    if (t->skip > 0)
        t->skip--;
    else
        tell(o);
    return 0;
}

static void tell_bad(const char *id, const struct hal9_error *e, void *data) {
    (void)data;
    (void)id;
    cli_error(e);
}

int rollback_history(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct told t = {0};
    const size_t limit = rollback_options.last > 0 ? (size_t)rollback_options.last : 0;

    if (hal9_op_each(cli.state, count_one, NULL, &t, &err) != HAL9_OK)
        return cli_error(&err);
    t.skip = limit > 0 && t.n > limit ? t.n - limit : 0;
    if (t.n == 0)
        cli_say("nothing was done yet\n");
    if (hal9_op_each(cli.state, tell_one, tell_bad, &t, &err) != HAL9_OK)
        return cli_error(&err);
    return CLI_HOLDS;
}

static int tell_open(const struct hal9_op *o, void *data) {
    struct told *t = data;

    t->n++;
    if (o->state != HAL9_OP_OPEN)
        return 0;
    tell(o);
    if (o->running)
        return 0;
    t->open++;
    cli_next("hal9-rollback resume %s", rollback_shorter(o->id));
    cli_next("hal9-rollback undo %s", rollback_shorter(o->id));
    return 0;
}

/* 0: nothing is unfinished; 3: something is, which resume goes on with. */
int rollback_status(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct told t = {0};

    if (hal9_op_each(cli.state, tell_open, tell_bad, &t, &err) != HAL9_OK)
        return cli_error(&err);
    if (t.open == 0)
        cli_say("nothing is unfinished; %zu operation%s in the history\n", t.n,
                t.n == 1 ? "" : "s");
    return t.open > 0 ? CLI_UNFINISHED : CLI_HOLDS;
}

static void show_value(const char *name, const cJSON *value) {
    if (!value)
        return;
    _cleanup_free_ char *text = hal9_json_text(value);

    cli_say("        %-7s %s\n", name, text);
}

static void show_step(const struct hal9_op *o, size_t i) {
    const struct hal9_op_step *s = &o->steps[i];

    if (cli.text) {
        cli_say("  %zu/%zu %-36s %-8s %.1f s\n", i + 1, o->n_steps, s->title ? s->title : s->name,
                hal9_step_state_name(s->state), (double)s->ms / 1000.0);
        if (s->reason)
            cli_say("        %s\n", s->reason);
        show_value("before", s->before);
        show_value("intent", s->intent);
        show_value("after", s->after);
        return;
    }
    cJSON *rec = hal9_record_new(cli.out, "step");

    hal9_json_add_str(rec, "operation", o->id);
    hal9_json_add_str(rec, "step", s->name);
    hal9_json_add_str(rec, "step_kind", s->kind);
    hal9_json_add_str(rec, "title", s->title);
    hal9_json_add_str(rec, "state", hal9_step_state_name(s->state));
    hal9_json_add_int(rec, "index", (int64_t)i + 1);
    hal9_json_add_int(rec, "count", (int64_t)o->n_steps);
    hal9_json_add_int(rec, "ms", s->ms);
    hal9_json_add_str(rec, "reason", s->reason);
    if (s->before)
        cJSON_AddItemToObject(rec, "before", cJSON_Duplicate(s->before, true));
    if (s->intent)
        cJSON_AddItemToObject(rec, "intent", cJSON_Duplicate(s->intent, true));
    if (s->after)
        cJSON_AddItemToObject(rec, "after", cJSON_Duplicate(s->after, true));
    hal9_stream_emit(cli.out, rec);
}

static int show_operation(const char *id) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op op = {0};

    if (hal9_op_load(cli.state, id, &op, &err) != HAL9_OK)
        return cli_error(&err);
    tell(&op);
    cli_say("  operation %s, run %s, user %s, host %s\n", op.id, op.run ? op.run : "?",
            op.user ? op.user : "?", op.host ? op.host : "?");
    for (size_t i = 0; i < op.n_steps; i++)
        show_step(&op, i);
    hal9_op_clear(&op);
    return CLI_HOLDS;
}

struct of_run {
    const char *run;
};

static int show_if(const struct hal9_op *o, void *data) {
    const struct of_run *r = data;

    if (hal9_streq(o->run, r->run))
        show_operation(o->id);
    return 0;
}

int rollback_show(void) {
    _cleanup_free_ char *id = NULL, *run = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    int code;

    if (cli.operands.n != 2)
        return cli_usage("show wants one ID or RUN; see hal9-rollback history");
    code = rollback_find(cli.operands.v[1], &id, &run);
    if (code != CLI_HOLDS || id)
        return code != CLI_HOLDS ? code : show_operation(id);
    struct of_run r = {run};

    if (hal9_op_each(cli.state, show_if, NULL, &r, &err) != HAL9_OK)
        return cli_error(&err);
    return CLI_HOLDS;
}
