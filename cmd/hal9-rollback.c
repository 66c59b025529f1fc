/* hal9-rollback - what was done to this host, and taking it back. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli.h"

static int limit;

static const struct poptOption options[] = {
    {"last", 0, POPT_ARG_INT, &limit, 0, "history: only the newest N", "N"},
    POPT_TABLEEND,
};
static const struct cli_subcommand subcommands[] = {
    {"status", "", "what is unfinished, and the last operation"},
    {"history", "", "all operations, oldest first"},
    {"show", "ID|RUN", "one operation, or those of a run: every step, what was before and after"},
    {"resume", "[ID]", "go on with an unfinished operation"},
    {"undo", "ID|RUN", "take back what an operation, or a whole run, did"},
    {"abort", "[ID]", "freeze an unfinished operation as it stands"},
    {NULL, NULL, NULL},
};
static const struct cli_example examples[] = {
    {"hal9-rollback history", "what was done to this host, by whom"},
    {"hal9-rollback undo 7f3a", "take that operation back: what was stopped is started again"},
    {NULL, NULL},
};
static const struct cli_command command = {
    .name = "hal9-rollback",
    .operands = "COMMAND [ID|RUN]",
    .summary = "Shows what hal9ops did to this host, and takes it back.",
    .options = options,
    .subcommands = subcommands,
    .examples = examples,
};

static const char *shorter(const char *id) {
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
        cli_say("%s  %.10s %s  %-13s %-8s %zu/%zu  %s%s\n", shorter(o->id), day, clock, o->by,
                o->running ? "running" : hal9_op_state_name(o->state), o->n_done, o->n_steps,
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

static int history(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct told t = {0};

    if (hal9_op_each(cli.state, count_one, NULL, &t, &err) != HAL9_OK)
        return cli_error(&err);
    t.skip = limit > 0 && t.n > (size_t)limit ? t.n - (size_t)limit : 0;
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
    cli_next("hal9-rollback resume %s", shorter(o->id));
    cli_next("hal9-rollback undo %s", shorter(o->id));
    return 0;
}

/* 0: nothing is unfinished; 3: something is, which resume goes on with. */
static int status(void) {
    _cleanup_error_ struct hal9_error err = {0};
    struct told t = {0};

    if (hal9_op_each(cli.state, tell_open, tell_bad, &t, &err) != HAL9_OK)
        return cli_error(&err);
    if (t.open == 0)
        cli_say("nothing is unfinished; %zu operations in the history\n", t.n);
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

/* The operand, or what stands in its place. */
static int find(const char *word, char **ret_operation, char **ret_run) {
    _cleanup_error_ struct hal9_error err = {0};

    if (hal9_rollback_find(cli.state, word, ret_operation, ret_run, &err) != HAL9_OK)
        return cli_error(&err);
    return CLI_HOLDS;
}

static int show(void) {
    _cleanup_free_ char *id = NULL, *run = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    int code;

    if (cli.operands.n != 2)
        return cli_usage("show wants one ID or RUN; see hal9-rollback history");
    code = find(cli.operands.v[1], &id, &run);
    if (code != CLI_HOLDS || id)
        return code != CLI_HOLDS ? code : show_operation(id);
    struct of_run r = {run};

    if (hal9_op_each(cli.state, show_if, NULL, &r, &err) != HAL9_OK)
        return cli_error(&err);
    return CLI_HOLDS;
}

/* How resume, undo and abort ended, in words and as an exit code. */
static int outcome(const char *verb, const char *id, const struct hal9_op_result *r, hal9_status s,
                   const struct hal9_error *err) {
    if (s != HAL9_OK) {
        int code = cli_error(err);

        /* What was begun and has no end can be gone on with; the exit code says so. */
        return r->resumable && code < CLI_SIGNAL ? CLI_UNFINISHED : code;
    }
    if (cli.dry_run)
        return r->nothing ? CLI_HOLDS : CLI_NOT;
    if (r->nothing) {
        cli_say("nothing to %s in %s\n", verb, shorter(id));
        return CLI_HOLDS;
    }
    if (r->state == HAL9_OP_FAILED) {
        cli_say("%s: step %s failed\n", shorter(r->id[0] ? r->id : id),
                r->failed_step ? r->failed_step : "?");
        cli_next("hal9-rollback show %s", shorter(r->id[0] ? r->id : id));
        return CLI_NOT;
    }
    return CLI_HOLDS;
}

static int resume_or_abort(const char *verb) {
    _cleanup_free_ char *id = NULL, *run = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_env env;
    struct hal9_op_result r = {0};
    hal9_status s;
    int code = CLI_HOLDS;

    if (cli.operands.n > 2)
        return cli_usage("%s wants at most one ID", verb);
    if (cli.operands.n == 2)
        code = find(cli.operands.v[1], &id, &run);
    else if (hal9_rollback_open(cli.state, &id, &err) == HAL9_E_NOT_FOUND) {
        cli_say("nothing is unfinished\n");
        return CLI_HOLDS;
    } else if (!id)
        return cli_error(&err);
    if (code != CLI_HOLDS)
        return code;
    if (!id)
        return cli_usage("%s wants an operation, and '%s' is a run", verb, cli.operands.v[1]);
    cli_op_env(&env);
    s = strcmp(verb, "resume") == 0 ? hal9_op_resume(&env, id, &r, &err)
                                    : hal9_op_abort(&env, id, &r, &err);
    code = outcome(verb, id, &r, s, &err);
    if (s == HAL9_OK && !r.nothing && !cli.dry_run && r.state != HAL9_OP_FAILED) {
        cli_say("operation %s is %s\n", shorter(id), hal9_op_state_name(r.state));
        cli_next("hal9-rollback show %s", shorter(id));
    }
    hal9_op_result_clear(&r);
    return code;
}

static int undo_operation(const struct hal9_op_env *env, const char *id) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result r = {0};
    hal9_status s = hal9_op_undo(env, id, &r, &err);
    int code = outcome("undo", id, &r, s, &err);

    if (s == HAL9_OK && r.state == HAL9_OP_DONE && r.id[0])
        cli_say("operation %s is taken back. Undo of that: hal9-rollback undo %s\n", shorter(id),
                shorter(r.id));
    hal9_op_result_clear(&r);
    return code;
}

static int undo_run(const struct hal9_op_env *env, const char *run) {
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_op_result *all = NULL;
    size_t n = 0;
    int code = CLI_HOLDS;
    hal9_status s = hal9_op_undo_run(env, run, &all, &n, &err);

    if (s != HAL9_OK)
        code = cli_error(&err);
    for (size_t i = 0; i < n; i++) {
        if (all[i].state == HAL9_OP_FAILED && code == CLI_HOLDS)
            code = CLI_NOT;
        hal9_op_result_clear(&all[i]);
    }
    free(all);
    if (code == CLI_HOLDS && !cli.dry_run)
        cli_say("run %s is taken back: %zu operations\n", run, n);
    return code;
}

static int undo(void) {
    _cleanup_free_ char *id = NULL, *run = NULL;
    struct hal9_op_env env;
    int code;

    if (cli.operands.n != 2)
        return cli_usage("undo wants one ID or RUN; see hal9-rollback history");
    code = find(cli.operands.v[1], &id, &run);
    if (code != CLI_HOLDS)
        return code;
    cli_op_env(&env);
    return id ? undo_operation(&env, id) : undo_run(&env, run);
}

static int run_subcommand(const char *word) {
    static const char *const names[] = {"status", "history", "show", "resume", "undo", "abort"};
    const char *near;

    if (strcmp(word, "status") == 0)
        return status();
    if (strcmp(word, "history") == 0)
        return history();
    if (strcmp(word, "show") == 0)
        return show();
    if (strcmp(word, "undo") == 0)
        return undo();
    if (strcmp(word, "resume") == 0 || strcmp(word, "abort") == 0)
        return resume_or_abort(word);
    near = hal9_suggest(word, names, HAL9_ARRAY_LEN(names));
    if (near)
        return cli_usage("'%s' is not one of its commands; did you mean '%s'?", word, near);
    return cli_usage("'%s' is not one of its commands; see hal9-rollback --help", word);
}

static bool changes(const char *word) {
    return !cli.dry_run &&
           (strcmp(word, "resume") == 0 || strcmp(word, "undo") == 0 || strcmp(word, "abort") == 0);
}

static int run(void) {
    const char *word = cli.operands.n > 0 ? cli.operands.v[0] : NULL;
    struct hal9_stage_result r = {0};
    int code;

    if (!word)
        return cli_usage("which command? status, history, show, resume, undo or abort; see "
                         "hal9-rollback --help");
    if (cli_load_config() != CLI_HOLDS)
        return CLI_USAGE;
    code = cli_open_state(changes(word) ? HAL9_STATE_WRITE : HAL9_STATE_READ);
    if (code != CLI_HOLDS)
        return code;
    if (changes(word))
        cli_acts();
    hal9_stream_begin(cli.out, NULL);
    code = cli.state ? run_subcommand(word) : (cli_say("nothing was done yet\n"), CLI_HOLDS);
    r.exit = code;
    r.resumable = code == CLI_UNFINISHED;
    hal9_stream_end(cli.out, &r);
    return code;
}

int main(int argc, char **argv) {
    int code;

    if (!cli_start(&command, argc, argv, &code))
        return code;
    return cli_finish(run());
}
