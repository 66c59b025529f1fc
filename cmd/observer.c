/* Connects the executor to records and to the person at the terminal. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli-internal.h"
#include "flags-cli.h"
#include "notify-cli.h"

static bool live;  /* a progress line stands on the terminal */
static char *held; /* why the operation stands still, for who is paged */

static bool wants_progress(void) {
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) && !cli.quiet && !(term && strcmp(term, "dumb") == 0);
}

void cli_progress_clear(void) {
    if (!live)
        return;
    cli_complain("\r\033[K");
    live = false;
}

void cli_progress(const char *fmt, ...) {
    va_list ap;

    if (!wants_progress())
        return;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    /* A line that wraps could not be taken back. */
    _cleanup_free_ char *line = cli_cut(text, cli_error_columns() - 3);

    cli_complain("\r\033[K  %s", line);
    live = true;
}

static void on_step(void *data, const struct hal9_step_report *r) {
    cJSON *rec;

    (void)data;
    if (r->state == HAL9_STEP_RUNNING) {
        cli_progress("%zu/%zu %s", r->index, r->count, r->title ? r->title : r->name);
        return;
    }
    if (r->state == HAL9_STEP_PENDING && r->operation) {
        free(held);
        held = hal9_strf("%s: %s", r->title ? r->title : r->name, r->reason ? r->reason : "?");
    }
    rec = hal9_record_new(cli.out, "step");
    hal9_json_add_str(rec, "operation", r->operation);
    hal9_json_add_str(rec, "step", r->name);
    hal9_json_add_str(rec, "step_kind", r->kind);
    hal9_json_add_str(rec, "title", r->title);
    hal9_json_add_str(rec, "state", hal9_step_state_name(r->state));
    hal9_json_add_int(rec, "index", (int64_t)r->index);
    hal9_json_add_int(rec, "count", (int64_t)r->count);
    hal9_json_add_int(rec, "ms", r->ms);
    hal9_json_add_str(rec, "reason", r->reason);
    hal9_json_add_str(rec, "hint", r->hint);
    if (r->detail)
        cJSON_AddItemToObject(rec, "detail", cJSON_Duplicate(r->detail, true));
    hal9_stream_emit(cli.out, rec);
}

static void on_progress(void *data, const struct hal9_step_report *r, const char *text) {
    (void)data;
    cli_progress("%zu/%zu %s  %.1f s  %s", r->index, r->count, r->title ? r->title : r->name,
                 (double)r->ms / 1000.0, text);
}

static void on_wait(void *data, const char *resource, const struct hal9_lock_note *who) {
    _cleanup_free_ char *what = hal9_resource_words(resource);

    (void)data;
    if (!who || !who->operation) {
        cli_warn("waiting for %s, which another run holds", what);
        return;
    }
    cli_warn("waiting for %s, which %s holds (pid %d, user %s, operation %s)", what,
             who->tool ? who->tool : "another run", (int)who->pid, who->user ? who->user : "?",
             who->operation);
}

static void on_found(void *data, const char *id, const char *what) {
    (void)data;
    cli_warn("operation %s was unfinished: %s", id, what);
}

static void on_end(void *data, const char *id, enum hal9_op_state state) {
    cJSON *rec;
    struct hal9_op op = {0};

    (void)data;
    if (!id)
        return;
    cli_progress_clear();
    rec = hal9_record_new(cli.out, "operation");
    hal9_json_add_str(rec, "id", id);
    hal9_json_add_str(rec, "by", cli.command->name);
    hal9_json_add_str(rec, "state", hal9_op_state_name(state));
    if (cli.state && hal9_op_load(cli.state, id, &op, NULL) == HAL9_OK) {
        hal9_json_add_int(rec, "steps", (int64_t)op.n_steps);
        hal9_json_add_int(rec, "done", (int64_t)op.n_done);
        hal9_json_add_str(rec, "title", op.title);
        hal9_json_add_str(rec, "service", op.service);
        hal9_json_add_str(rec, "user", op.user);
        cli_tell_flag_changes(&op, rec);
    }
    cJSON_AddBoolToObject(rec, "resumable", state == HAL9_OP_OPEN);
    if (state == HAL9_OP_OPEN)
        hal9_json_add_str(rec, "held", held);
    hal9_op_clear(&op);
    cli_notify_operation(rec);
    hal9_stream_emit(cli.out, rec);
}

const struct hal9_observer *cli_observer(void) {
    static const struct hal9_observer o = {
        .on_step = on_step,
        .on_progress = on_progress,
        .on_wait = on_wait,
        .on_found = on_found,
        .on_end = on_end,
    };

    return &o;
}
