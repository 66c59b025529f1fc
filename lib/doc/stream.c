/* The stream of a tool's own records. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "doc/stream-internal.h"

static enum hal9_out_kind kind_of(int fd) {
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
        return HAL9_OUT_FILE;
    return S_ISSOCK(st.st_mode) ? HAL9_OUT_SOCKET : HAL9_OUT_PIPE;
}

struct hal9_stream *hal9_stream_new(const struct hal9_stream_opts *o) {
    struct hal9_stream *s = hal9_alloc(sizeof(*s));
    pthread_mutexattr_t recursive;
    s->o = *o;
    s->o.tool = hal9_strdup(o->tool ? o->tool : "hal9ops");
    s->o.host = hal9_strdup(o->host ? o->host : "");
    s->o.machine = hal9_strdup(o->machine ? o->machine : "");
    s->kind = kind_of(o->fd);
    s->stage = 1;
    s->patience_ms = -1;
    s->cancel_fd = -1;
    char run[HAL9_ID_LEN + 1];
    hal9_id_new(run);
    memcpy(s->run, run, sizeof(run));
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    return s;
}

void hal9_stream_free(struct hal9_stream *s) {
    if (!s)
        return;
    free((char *)s->o.tool);
    free((char *)s->o.host);
    free((char *)s->o.machine);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *hal9_stream_run(const struct hal9_stream *s) {
    return s->run;
}

int hal9_stream_stage(const struct hal9_stream *s) {
    return s->stage;
}

bool hal9_stream_gone(const struct hal9_stream *s) {
    return s->gone;
}

void hal9_stream_patience(struct hal9_stream *s, int64_t ms) {
    s->patience_ms = ms;
}

void hal9_stream_cancel(struct hal9_stream *s, int fd) {
    s->cancel_fd = fd;
}

cJSON *hal9_record_new(struct hal9_stream *s, const char *kind) {
    char now[32];
    cJSON *r = cJSON_CreateObject();
    hal9_time_format(hal9_now_ms(), now);
    cJSON_AddNumberToObject(r, "hal9", HAL9_RECORD_VERSION);
    cJSON_AddStringToObject(r, "kind", kind);
    cJSON_AddStringToObject(r, "time", now);
    cJSON_AddStringToObject(r, "host", s->o.host);
    cJSON_AddStringToObject(r, "machine", s->o.machine);
    cJSON_AddStringToObject(r, "tool", s->o.tool);
    cJSON_AddNumberToObject(r, "stage", s->stage);
    cJSON_AddStringToObject(r, "run", s->run);
    return r;
}

/* The record and its newline in one write. A line that was left half-way is ended first. */
static void write_record(struct hal9_stream *s, const char *text) {
    _cleanup_buf_ struct hal9_buf line = {0};
    if (s->midline)
        hal9_buf_putc(&line, '\n');
    hal9_buf_puts(&line, text);
    hal9_buf_putc(&line, '\n');
    hal9_stream_write(s, line.data, line.len);
}

void hal9_stream_emit(struct hal9_stream *s, cJSON *record) {
    hal9_redact_record(record);
    _cleanup_free_ char *text = hal9_json_text(record);
    pthread_mutex_lock(&s->lock);
    if (s->o.sink)
        s->o.sink(s->o.sink_data, record, text, strlen(text), true);
    else
        write_record(s, text);
    pthread_mutex_unlock(&s->lock);
    cJSON_Delete(record);
}

void hal9_stream_text(struct hal9_stream *s, const char *text, size_t len) {
    pthread_mutex_lock(&s->lock);
    hal9_stream_write(s, text, len);
    pthread_mutex_unlock(&s->lock);
}

void hal9_stream_begin(struct hal9_stream *s, cJSON *planned) {
    _cleanup_json_ cJSON *members = planned;
    if (s->begun)
        return;
    s->begun = true;
    cJSON *r = hal9_record_new(s, "begin");
    while (members && members->child) {
        cJSON *item = cJSON_DetachItemFromArray(members, 0);
        _cleanup_free_ char *name = hal9_strdup(item->string);
        cJSON_AddItemToObject(r, name, item);
    }
    hal9_stream_emit(s, r);
}

void hal9_stream_end(struct hal9_stream *s, const struct hal9_stage_result *r) {
    cJSON *end = hal9_record_new(s, "end");
    cJSON_AddNumberToObject(end, "planned", r->planned);
    cJSON_AddNumberToObject(end, "ran", r->ran);
    cJSON_AddNumberToObject(end, "passed", r->passed);
    cJSON_AddNumberToObject(end, "failed", r->failed);
    cJSON_AddNumberToObject(end, "unknown", r->unknown);
    cJSON_AddNumberToObject(end, "skipped", r->skipped);
    cJSON_AddNumberToObject(end, "exit", r->exit);
    cJSON_AddBoolToObject(end, "resumable", r->resumable);
    if (r->round > 0)
        cJSON_AddNumberToObject(end, "round", r->round);
    hal9_stream_emit(s, end);
    s->begun = false;
}

bool hal9_stream_begun(const struct hal9_stream *s) {
    return s->begun;
}

void hal9_stream_problem(struct hal9_stream *s, const struct hal9_error *e) {
    cJSON *r = hal9_record_new(s, "problem");
    hal9_json_add_str(r, "message", e->message ? e->message : hal9_status_name(e->code));
    hal9_json_add_str(r, "code", hal9_status_name(e->code));
    hal9_json_add_str(r, "file", e->file);
    if (e->line > 0)
        cJSON_AddNumberToObject(r, "line", e->line);
    if (e->col > 0)
        cJSON_AddNumberToObject(r, "col", e->col);
    hal9_json_add_str(r, "hint", e->hint);
    hal9_stream_emit(s, r);
}
