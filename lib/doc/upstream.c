/* A whole stream of the tools before this one: read to its end, and what it comes to. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "doc/reader.h"

static hal9_status read_all(struct reader *r, struct hal9_error *err) {
    for (;;) {
        size_t n = 0;
        hal9_reader_make_room(r);
        hal9_status code = hal9_reader_fill(r, &n, err);
        if (code != HAL9_OK || n == 0)
            return code;
        hal9_reader_lines(r);
        hal9_reader_pass(r, r->line);
    }
}

static void finish(struct reader *r, struct hal9_error *read_error) {
    hal9_reader_rest(r);
    hal9_reader_begin(r, NULL);
    bool told = r->up->broken.code;
    if (read_error->code)
        hal9_error_move(&r->up->broken, read_error);
    else if (r->up->lines == 0)
        hal9_reader_broken(r, 0, "the input is empty: no tool has said anything");
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
    hal9_reader_begin(r, NULL); /* what the tool says of its end has a begin */
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
