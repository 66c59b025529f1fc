/* The rounds of a watch as they come down the pipe: each passed on, the newest complete one handed over. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "doc/reader.h"

struct hal9_follow {
    struct reader r;
    struct hal9_upstream up; /* the round at hand */
    bool eof, any;
};

struct hal9_follow *hal9_follow_new(struct hal9_stream *s, int fd, int cancel_fd) {
    struct hal9_follow *f = hal9_alloc(sizeof(*f));
    f->up.exit = -1;
    f->r = (struct reader){.s = s,
                           .up = &f->up,
                           .fd = fd,
                           .cancel_fd = cancel_fd,
                           .cancel_before = s->cancel_fd,
                           .rounds = true,
                           .buf = hal9_alloc(LINE_MAX_BYTES + BLOCK + 1)};
    return f;
}

void hal9_follow_free(struct hal9_follow *f) {
    if (!f)
        return;
    hal9_tally_clear(&f->r.tally);
    hal9_upstream_clear(&f->up);
    cJSON_Delete(f->r.planned);
    free(f->r.buf);
    free(f);
}

/* What is there already, without waiting, as far as the buffer holds it. */
static void read_ahead(struct hal9_follow *f) {
    struct reader *r = &f->r;
    struct pollfd p = {.fd = r->fd, .events = POLLIN};
    hal9_reader_make_room(r);
    while (!f->eof && r->len < LINE_MAX_BYTES && poll(&p, 1, 0) > 0) {
        const ssize_t n = read(r->fd, r->buf + r->len, BLOCK);
        if (n < 0)
            return; /* told by the read that comes next */
        f->eof = n == 0;
        r->len += (size_t)n;
    }
}

/* Whether a whole round more waits behind this one. */
static bool newer_waits(struct hal9_follow *f) {
    struct reader *r = &f->r;
    size_t depth = 0;
    char *newline;
    read_ahead(f);
    size_t at = r->line; /* it may have moved */
    while ((newline = memchr(r->buf + at, '\n', r->len - at))) {
        struct hal9_line l;
        bool whole = false;
        hal9_line_read(&l, r->buf + at, (size_t)(newline - r->buf) - at);
        if (!l.bad && hal9_line_kind(&l, "begin"))
            depth++;
        if (!l.bad && depth > 0 && hal9_line_kind(&l, "end"))
            whole = --depth == 0;
        hal9_line_clear(&l);
        if (whole)
            return true;
        at = (size_t)(newline - r->buf) + 1;
    }
    return false;
}

/* The round at hand becomes *ret, and the next one begins with nothing. */
static void hand_over(struct hal9_follow *f, struct hal9_upstream *ret) {
    hal9_tally_end(&f->r.tally, &f->up);
    hal9_tally_clear(&f->r.tally);
    f->r.tally = (struct hal9_tally){0};
    f->up.complete = !f->up.broken.code;
    f->up.loose = f->r.loose;
    *ret = f->up;
    f->up = (struct hal9_upstream){.exit = -1};
    f->r.begun = f->r.loose; /* one begin for all of those */
    f->any = true;
}

void hal9_follow_each(struct hal9_follow *f, void (*each)(void *data, const cJSON *record),
                      void *data) {
    f->r.each = each;
    f->r.each_data = data;
}

/* One that a newer one has overtaken. */
static void leave_out(struct hal9_follow *f) {
    struct hal9_upstream old;
    hand_over(f, &old);
    const struct hal9_stage_result end = {.round = (int)old.round, .exit = 0};
    hal9_stream_end(f->r.s, &end);
    hal9_upstream_clear(&old);
}

/* HAL9_OK: a round is complete, or the input has ended. */
static hal9_status read_round(struct hal9_follow *f, bool *ret_over, struct hal9_error *err) {
    struct reader *r = &f->r;
    for (;;) {
        size_t n = 0;
        hal9_reader_lines(r);
        hal9_reader_pass(r, r->line);
        if (r->complete && (r->each || !newer_waits(f)))
            return HAL9_OK;
        if (r->complete) {
            leave_out(f);
            continue;
        }
        hal9_reader_make_room(r);
        hal9_status st = f->eof ? HAL9_OK : hal9_reader_fill(r, &n, err);
        if (st != HAL9_OK)
            return st;
        if (n == 0) {
            *ret_over = true;
            return HAL9_OK;
        }
    }
}

/* What is left over at the end is a round that was cut off, or nothing. */
static void finish(struct hal9_follow *f, struct hal9_upstream *ret) {
    struct reader *r = &f->r;
    hal9_reader_rest(r);
    if (!f->any && r->total == 0)
        hal9_reader_broken(r, 0, "the input is empty: no tool has said anything");
    if (!f->any || r->begun)
        hal9_reader_begin(r, NULL);
    const bool told = f->up.broken.code;
    r->loose = false;
    hand_over(f, ret);
    if (ret->broken.code && !told)
        hal9_stream_problem(r->s, &ret->broken);
}

hal9_status hal9_follow_next(struct hal9_follow *f, struct hal9_upstream *ret, bool *ret_over,
                             struct hal9_error *err) {
    struct reader *r = &f->r;
    _cleanup_error_ struct hal9_error mine = {0};
    *ret_over = false;
    r->s->patience_ms = -1;
    r->s->cancel_fd = r->cancel_fd;
    hal9_status st = read_round(f, ret_over, &mine);
    if (st == HAL9_OK && *ret_over && !r->cancelled)
        finish(f, ret);
    else if (st == HAL9_OK && !r->cancelled)
        hand_over(f, ret);
    r->s->patience_ms = PATIENCE_MS;
    r->s->cancel_fd = r->cancel_before;
    if (st == HAL9_E_INTERRUPTED || r->cancelled)
        return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted while following the rounds");
    return st == HAL9_OK ? HAL9_OK : hal9_error_move(err, &mine);
}
