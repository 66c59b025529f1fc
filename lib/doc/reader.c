/* Reads the records of the tools before this one in the pipe: each line is passed on as it is, byte for
 * byte, and looked at on the way. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "doc/reader.h"

#define TOLD_MAX 100

void hal9_reader_pass(struct reader *r, size_t end) {
    if (!r->s->o.sink && end > r->done)
        r->cancelled = r->cancelled || !hal9_stream_write(r->s, r->buf + r->done, end - r->done);
    r->done = end;
}

/* ---- problems */

/* Tells what is wrong with the input; only the first 100 times. Takes its turn behind the lines so far. */
static void tell(struct reader *r, unsigned col, const char *hint, const char *fmt, ...)
    HAL9_PRINTF(4, 5);
static void tell(struct reader *r, unsigned col, const char *hint, const char *fmt, ...) {
    _cleanup_error_ struct hal9_error err = {0};
    if (++r->told > TOLD_MAX)
        return;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_set(&err, HAL9_E_PROTOCOL, "%s", text);
    hal9_error_place(&err, "-", (unsigned)r->up->lines, col);
    if (r->told == TOLD_MAX)
        hint = "this is the 100th problem of the input; no more are told";
    if (hint)
        hal9_error_hint(&err, "%s", hint);
    if (!r->cancelled)
        hal9_stream_problem(r->s, &err);
}

void hal9_reader_broken(struct reader *r, unsigned col, const char *fmt, ...) {
    if (r->up->broken.code)
        return;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_set(&r->up->broken, HAL9_E_UNKNOWN, "%s", text);
    hal9_error_place(&r->up->broken, "-", (unsigned)r->up->lines, col);
}

static void bad_line(struct reader *r, unsigned col, const char *why) {
    r->up->bad_lines++;
    hal9_reader_broken(r, col, "line %zu of the input: %s", r->up->lines, why);
    tell(r, col, "it is passed on, and nothing is done", "line %zu of the input: %s", r->up->lines,
         why);
}

/* ---- begin */

static bool good_run(const struct hal9_json_member *m) {
    if (m->value[0] != '"' || m->value_len < 3 || m->value_len > 66)
        return false;
    for (size_t i = 1; i + 1 < m->value_len; i++) {
        char c = m->value[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              c == '-' || c == '_' || (c == '.' && i > 1)))
            return false;
    }
    return true;
}

/* This stage is the next one of the first line's run. */
static void take_over(struct reader *r, struct hal9_line *l) {
    const struct hal9_json_member *run = hal9_line_get(l, "run");
    const struct hal9_json_member *stage = hal9_line_get(l, "stage");
    char number[8] = "";
    int64_t before;
    if (stage && stage->value_len < sizeof(number))
        memcpy(number, stage->value, stage->value_len);
    if (!run || !good_run(run) || hal9_parse_int(number, 1, 9999, &before, NULL) != HAL9_OK) {
        hal9_line_spoil(l, hal9_strdup("the first record wants a run and a stage"));
        return;
    }
    r->s->stage = (int)before + 1;
    memcpy(r->s->run, run->value + 1, run->value_len - 2);
    r->s->run[run->value_len - 2] = '\0';
}

/* A round of a watch has one of this stage, too. */
static void take_round(struct reader *r, const struct hal9_line *l) {
    _cleanup_json_ cJSON *record = hal9_line_kind(l, "begin") ? hal9_line_tree(l) : NULL;
    const char *time = hal9_json_str(record, "time");
    r->up->round = hal9_json_int(record, "round", 0);
    if (!time || hal9_time_parse(time, &r->up->begin_ms, NULL) != HAL9_OK)
        r->up->begin_ms = 0;
    if (!r->planned)
        r->planned = cJSON_CreateObject();
    if (r->up->round > 0)
        hal9_json_add_int(r->planned, "round", r->up->round);
}

void hal9_reader_begin(struct reader *r, struct hal9_line *l) {
    if (r->begun)
        return;
    r->begun = true;
    if (l && !l->bad && !r->taken_over)
        take_over(r, l);
    r->taken_over = true;
    if (l && !l->bad && r->rounds)
        take_round(r, l);
    hal9_stream_begin(r->s, HAL9_TAKE_PTR(r->planned));
}

/* ---- lines */

static void sink_line(struct reader *r, const struct hal9_line *l) {
    if (!r->s->o.sink)
        return;
    _cleanup_json_ cJSON *tree = l->bad ? NULL : hal9_line_tree(l);
    r->s->o.sink(r->s->o.sink_data, tree, l->text, l->len, false);
}

static void show_line(struct reader *r, const struct hal9_line *l) {
    if (!r->each || l->bad)
        return;
    _cleanup_json_ cJSON *tree = hal9_line_tree(l);
    r->each(r->each_data, tree);
}

/* A round begins behind records that nothing was around: what this stage says of those ends here. */
static void end_adrift(struct reader *r, const struct hal9_line *l) {
    if (!r->adrift || l->bad || !hal9_line_kind(l, "begin"))
        return;
    const struct hal9_stage_result end = {.exit = 0};
    hal9_reader_pass(r, r->line);
    hal9_stream_end(r->s, &end);
    r->begun = r->adrift = false;
}

static void look_complete(struct reader *r, const struct hal9_line *l) {
    const bool whole = r->rounds && r->tally.n_begun == 0, ends = hal9_line_kind(l, "end");
    r->complete = whole && (ends || r->each);
    r->loose = r->complete && !ends;
    r->adrift = r->loose || (r->adrift && !r->complete);
}

/* One whole line; end is where the next one begins. */
static void take_line(struct reader *r, size_t len, size_t end) {
    struct hal9_line l;
    r->up->lines = ++r->total;
    hal9_line_read(&l, r->buf + r->line, len);
    end_adrift(r, &l);
    hal9_reader_begin(r, &l);
    if (!l.bad)
        hal9_tally_line(&r->tally, r->up, &l);
    look_complete(r, &l);
    sink_line(r, &l);
    show_line(r, &l);
    if (l.bad || l.told || !r->s->o.buffered_pass)
        hal9_reader_pass(r, end);
    if (l.bad)
        bad_line(r, l.col, l.bad);
    else if (l.told)
        tell(r, l.col, "it is passed on as it is", "line %zu of the input: %s", r->up->lines,
             l.told);
    hal9_line_clear(&l);
    r->line = r->seen = end;
}

/* A line that is longer than the buffer: its first part is there. */
static void start_long_line(struct reader *r) {
    r->up->lines = ++r->total;
    hal9_reader_begin(r, NULL);
    if (r->s->o.sink)
        r->s->o.sink(r->s->o.sink_data, NULL, r->buf + r->line, r->len - r->line, false);
    r->in_long = true;
    r->line = r->seen = r->len;
    hal9_reader_pass(r, r->len);
}

static void end_long_line(struct reader *r, size_t end) {
    r->in_long = false;
    r->line = r->seen = end;
    hal9_reader_pass(r, end);
    bad_line(r, 0, "longer than 1 MiB");
}

void hal9_reader_lines(struct reader *r) {
    r->complete = false;
    while (!r->cancelled && !r->complete) {
        char *newline = memchr(r->buf + r->seen, '\n', r->len - r->seen);
        if (!newline)
            break;
        size_t end = (size_t)(newline - r->buf) + 1;
        if (r->in_long)
            end_long_line(r, end);
        else
            take_line(r, end - 1 - r->line, end);
    }
    if (r->complete)
        return;
    r->seen = r->len;
    if (r->in_long)
        r->line = r->len;
    else if (r->len - r->line >= LINE_MAX_BYTES)
        start_long_line(r);
}

/* ---- reading */

void hal9_reader_make_room(struct reader *r) {
    if (r->line == 0)
        return;
    memmove(r->buf, r->buf + r->line, r->len - r->line);
    r->len -= r->line;
    r->seen -= r->line;
    r->done = r->line = 0;
}

/* HAL9_OK: *ret_n bytes more, 0 at the end. */
hal9_status hal9_reader_fill(struct reader *r, size_t *ret_n, struct hal9_error *err) {
    struct pollfd fds[2] = {{.fd = r->fd, .events = POLLIN},
                            {.fd = r->cancel_fd, .events = POLLIN}};
    for (;;) {
        int ready = r->cancelled || r->cancel_fd < 0 ? 1 : poll(fds, 2, -1);
        if (ready < 0 && errno == EINTR)
            continue;
        if (r->cancelled || (r->cancel_fd >= 0 && ready > 0 && fds[1].revents))
            return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted");
        ssize_t n = read(r->fd, r->buf + r->len, BLOCK);
        if (n >= 0) {
            r->len += (size_t)n;
            *ret_n = (size_t)n;
            return HAL9_OK;
        }
        if (errno == EAGAIN)
            poll(fds, 1, -1);
        else if (errno != EINTR)
            return hal9_error_errno(err, errno, "cannot read what comes down the pipe");
    }
}

/* What is behind the last newline. */
void hal9_reader_rest(struct reader *r) {
    size_t end = r->len;
    if (!r->in_long && r->len == r->line)
        return;
    r->buf[r->len++] = '\n';
    if (r->in_long)
        end_long_line(r, r->len);
    else
        take_line(r, end - r->line, r->len);
    hal9_reader_pass(r, r->len);
    tell(r, 0, "the tool before this one may have been cut off",
         "the last line of the input has no line end; one was added");
}
