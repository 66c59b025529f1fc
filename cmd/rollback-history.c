/* hal9-rollback status, history, show: what was done. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "rollback.h"

/* Local, as people have it. */
static void when(int64_t ms, char ret[32]) {
    time_t seconds = (time_t)(ms / 1000);
    struct tm local;

    ret[0] = '\0';
    if (localtime_r(&seconds, &local))
        strftime(ret, 32, "%Y-%m-%d %H:%M", &local);
}

/* An operation as a record; at a terminal as one line. */
static void tell(const struct hal9_op *o) {
    cJSON *rec, *members, *m;

    if (cli.text) {
        char day[32];

        when(o->started_ms, day);
        _cleanup_free_ char *steps = hal9_strf("%zu/%zu", o->n_done, o->n_steps);

        cli_say("%s  %s  %-13s  %-10s  %5s  %s%s\n", cli_short(o->id), day, o->by ? o->by : "?",
                o->running ? "running" : hal9_op_state_name(o->state), steps,
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

static int tell_one(const struct hal9_op *o, void *data) {
    (void)data;
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
    _cleanup_strv_ struct hal9_strv ids = {0};

    if (rollback_options.last < 0)
        return cli_usage("--last is %d; it must be a number of operations", rollback_options.last);
    const size_t n = (size_t)rollback_options.last;

    if (hal9_journal_last(cli.state, n, &ids, &err) != HAL9_OK)
        return cli_error(&err);
    if (ids.n == 0)
        cli_say("nothing was done yet\n");
    if (cli.text)
        cli_short_ids(&ids);
    if (hal9_op_last(cli.state, n, tell_one, tell_bad, NULL, &err) != HAL9_OK)
        return cli_error(&err);
    return CLI_HOLDS;
}

/* What waits for a person, with what may be done; false: it runs, or has ended meanwhile. */
static bool tell_open(const char *id) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op o = {0};
    hal9_status s = hal9_op_look(cli.state, id, &o, &err);
    bool waits = s == HAL9_OK && o.state == HAL9_OP_OPEN && !o.running;

    if (s != HAL9_OK && s != HAL9_E_NOT_FOUND)
        cli_error(&err);
    if (s == HAL9_OK && o.state == HAL9_OP_OPEN)
        tell(&o);
    if (waits) {
        cli_next("hal9-rollback resume %s", cli_short(o.id));
        cli_next("hal9-rollback undo %s", cli_short(o.id));
    }
    hal9_op_clear(&o);
    return waits;
}

static void tell_last(size_t n) {
    if (n > 0 && cli.text)
        hal9_op_last(cli.state, 1, tell_one, NULL, NULL, NULL);
    cli_say("nothing is unfinished; %zu operation%s in the history\n", n, n == 1 ? "" : "s");
}

/* 0: nothing is unfinished; 3: something is, which resume goes on with. */
int rollback_status(void) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv open = {0};
    size_t waiting = 0, n = 0;

    if (hal9_journal_list_open(cli.state, &open, &err) != HAL9_OK ||
        hal9_journal_count(cli.state, &n, &err) != HAL9_OK)
        return cli_error(&err);
    if (cli.text && open.n > 0)
        cli_short_ids(&open);
    for (size_t i = 0; i < open.n; i++)
        waiting += tell_open(open.v[i]);
    if (waiting == 0)
        tell_last(n);
    return waiting > 0 ? CLI_UNFINISHED : CLI_HOLDS;
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

    hal9_status s = hal9_op_load(cli.state, id, &op, &err);

    if (s == HAL9_E_PERM && hal9_op_look(cli.state, id, &op, NULL) == HAL9_OK)
        cli_warn("%s: a \"blob\" stands for it", err.message);
    else if (s != HAL9_OK)
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
    struct hal9_strv ids;
};

static int add_of_run(void *data, const struct hal9_journal_head *h) {
    struct of_run *r = data;

    if (hal9_streq(h->run, r->run))
        hal9_strv_add(&r->ids, h->id);
    return 0;
}

static int show_run(const char *run) {
    _cleanup_error_ struct hal9_error err = {0};
    struct of_run r = {.run = run};
    int code = CLI_HOLDS;

    if (hal9_journal_heads(cli.state, NULL, add_of_run, &r, &err) != HAL9_OK)
        code = cli_error(&err);
    if (cli.text)
        cli_short_ids(&r.ids);
    for (size_t i = 0; i < r.ids.n && code == CLI_HOLDS; i++)
        code = show_operation(r.ids.v[i]);
    hal9_strv_free(&r.ids);
    return code;
}

/* A snapshot's name or id goes before an operation's prefix or suffix; a word that could be a piece of either is neither's. *ret NULL: none. */
static int find_snapshot(const char *word, cJSON **ret) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *id = NULL, *operation = NULL, *of_run = NULL;

    if (hal9_snapshot_find(cli.state, word, &id, &err) != HAL9_OK)
        return err.code == HAL9_E_NOT_FOUND ? CLI_HOLDS : cli_error(&err);
    if (hal9_snapshot_get(cli.state, id, ret, &err) != HAL9_OK)
        return cli_error(&err);
    if (hal9_streq(hal9_json_str(*ret, "name"), word) || strcmp(id, word) == 0 ||
        hal9_rollback_find(cli.state, word, &operation, &of_run, NULL) != HAL9_OK)
        return CLI_HOLDS;
    return cli_usage("'%s' fits snapshot %s and %s %s; type more of the one you mean", word, id,
                     operation ? "operation" : "run", operation ? operation : of_run);
}

int rollback_show(void) {
    _cleanup_free_ char *id = NULL, *run = NULL;
    _cleanup_json_ cJSON *snapshot = NULL;
    int code;

    if (cli.operands.n != 2)
        return cli_usage("show wants one ID, RUN or SNAPSHOT; see hal9-rollback history and list");
    code = find_snapshot(cli.operands.v[1], &snapshot);
    if (code != CLI_HOLDS)
        return code;
    if (snapshot) {
        rollback_show_snapshot(snapshot);
        return CLI_HOLDS;
    }
    code = rollback_find(cli.operands.v[1], &id, &run);
    if (code != CLI_HOLDS || id)
        return code != CLI_HOLDS ? code : show_operation(id);
    return show_run(run);
}
