/* Reads the records of the tools before this one in the pipe: each line is passed on as it is, byte for
 * byte, and looked at on the way. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "doc/stream-internal.h"

#define BLOCK (256u << 10)
#define LINE_MAX_BYTES (1u << 20) /* a longer line is passed on in parts, and is no record to us */
#define TOLD_MAX 100
#define PATIENCE_MS 2000 /* once all is read */

struct reader {
    struct hal9_stream *s;
    struct hal9_upstream *up;
    struct hal9_tally tally;
    cJSON *planned; /* NULL once the begin is written */
    int fd, cancel_fd, cancel_before;
    char *buf;
    size_t done; /* passed on up to here */
    size_t line; /* where the line at hand begins */
    size_t seen; /* no newline between line and here */
    size_t len;
    bool begun;
    bool in_long;   /* within a line that is passed on in parts */
    bool cancelled; /* while writing */
    unsigned told;
};

static void pass_up_to(struct reader *r, size_t end) {
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

/* The first reason counts. */
static void broken(struct reader *r, unsigned col, const char *fmt, ...) HAL9_PRINTF(3, 4);
static void broken(struct reader *r, unsigned col, const char *fmt, ...) {
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
    broken(r, col, "line %zu of the input: %s", r->up->lines, why);
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

/* l is NULL when there is no line that could be read. */
static void begin(struct reader *r, struct hal9_line *l) {
    if (r->begun)
        return;
    r->begun = true;
    if (l && !l->bad)
        take_over(r, l);
    hal9_stream_begin(r->s, HAL9_TAKE_PTR(r->planned));
}

/* ---- lines */

static void sink_line(struct reader *r, const struct hal9_line *l) {
    if (!r->s->o.sink)
        return;
    _cleanup_json_ cJSON *tree = l->bad ? NULL : hal9_line_tree(l);
    r->s->o.sink(r->s->o.sink_data, tree, l->text, l->len, false);
}

/* One whole line; end is where the next one begins. */
static void take_line(struct reader *r, size_t len, size_t end) {
    struct hal9_line l;
    r->up->lines++;
    hal9_line_read(&l, r->buf + r->line, len);
    begin(r, &l);
    if (!l.bad)
        hal9_tally_line(&r->tally, r->up, &l);
    sink_line(r, &l);
    if (l.bad || l.told || !r->s->o.buffered_pass)
        pass_up_to(r, end);
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
    r->up->lines++;
    begin(r, NULL);
    if (r->s->o.sink)
        r->s->o.sink(r->s->o.sink_data, NULL, r->buf + r->line, r->len - r->line, false);
    r->in_long = true;
    r->line = r->seen = r->len;
    pass_up_to(r, r->len);
}

static void end_long_line(struct reader *r, size_t end) {
    r->in_long = false;
    r->line = r->seen = end;
    pass_up_to(r, end);
    bad_line(r, 0, "longer than 1 MiB");
}

static void take_lines(struct reader *r) {
    while (!r->cancelled) {
        char *newline = memchr(r->buf + r->seen, '\n', r->len - r->seen);
        if (!newline)
            break;
        size_t end = (size_t)(newline - r->buf) + 1;
        if (r->in_long)
            end_long_line(r, end);
        else
            take_line(r, end - 1 - r->line, end);
    }
    r->seen = r->len;
    if (r->in_long)
        r->line = r->len;
    else if (r->len - r->line >= LINE_MAX_BYTES)
        start_long_line(r);
}

/* ---- reading */

static void make_room(struct reader *r) {
    if (r->line == 0)
        return;
    memmove(r->buf, r->buf + r->line, r->len - r->line);
    r->len -= r->line;
    r->seen -= r->line;
    r->done = r->line = 0;
}

/* HAL9_OK: *ret_n bytes more, 0 at the end. */
static hal9_status fill(struct reader *r, size_t *ret_n, struct hal9_error *err) {
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

static hal9_status read_all(struct reader *r, struct hal9_error *err) {
    for (;;) {
        size_t n = 0;
        make_room(r);
        hal9_status code = fill(r, &n, err);
        if (code != HAL9_OK || n == 0)
            return code;
        take_lines(r);
        pass_up_to(r, r->line);
    }
}

/* What is behind the last newline. */
static void take_rest(struct reader *r) {
    size_t end = r->len;
    if (!r->in_long && r->len == r->line)
        return;
    r->buf[r->len++] = '\n';
    if (r->in_long)
        end_long_line(r, r->len);
    else
        take_line(r, end - r->line, r->len);
    pass_up_to(r, r->len);
    tell(r, 0, "the tool before this one may have been cut off",
         "the last line of the input has no line end; one was added");
}

static void finish(struct reader *r, struct hal9_error *read_error) {
    take_rest(r);
    begin(r, NULL);
    bool told = r->up->broken.code;
    if (read_error->code)
        hal9_error_move(&r->up->broken, read_error);
    else if (r->up->lines == 0)
        broken(r, 0, "the input is empty: no tool has said anything");
    hal9_tally_end(&r->tally, r->up);
    r->up->complete = !r->up->broken.code;
    if (!r->up->complete && !told)
        hal9_stream_problem(r->s, &r->up->broken);
}

static hal9_status interrupted(struct hal9_error *err) {
    return hal9_error_set(err, HAL9_E_INTERRUPTED,
                          "interrupted while reading what comes down the pipe");
}

static hal9_status read_to_end(struct reader *r, struct hal9_error *err) {
    _cleanup_error_ struct hal9_error mine = {0};
    hal9_status code = read_all(r, &mine);
    if (code != HAL9_E_INTERRUPTED)
        finish(r, &mine);
    r->s->patience_ms = PATIENCE_MS;
    r->s->cancel_fd = r->cancel_before;
    if (code != HAL9_E_INTERRUPTED && !r->cancelled)
        return HAL9_OK;
    begin(r, NULL); /* what the tool says of its end has a begin */
    return interrupted(err);
}

hal9_status hal9_upstream_read(struct hal9_stream *s, int fd, int cancel_fd, cJSON *planned,
                               struct hal9_upstream *ret, struct hal9_error *err) {
    struct hal9_upstream up = {.exit = -1};
    struct reader r = {.s = s,
                       .up = &up,
                       .planned = planned,
                       .fd = fd,
                       .cancel_fd = cancel_fd,
                       .cancel_before = s->cancel_fd};
    r.buf = hal9_alloc(LINE_MAX_BYTES + BLOCK + 1);
    s->cancel_fd = cancel_fd;
    hal9_status code = read_to_end(&r, err);
    if (code == HAL9_OK)
        *ret = up;
    else
        hal9_upstream_clear(&up);
    cJSON_Delete(r.planned);
    hal9_tally_clear(&r.tally);
    free(r.buf);
    return code;
}

void hal9_upstream_clear(struct hal9_upstream *u) {
    for (size_t i = 0; i < u->n_verdicts; i++) {
        free(u->verdicts[i].service);
        free(u->verdicts[i].machine);
        free(u->verdicts[i].state);
        free(u->verdicts[i].cause);
        cJSON_Delete(u->verdicts[i].record);
    }
    free(u->verdicts);
    hal9_error_clear(&u->broken);
    *u = (struct hal9_upstream){.exit = -1};
}

int hal9_upstream_exit(const struct hal9_upstream *u, int own) {
    if (u->fatal)
        return u->fatal_exit;
    return u->complete ? own : 4;
}
