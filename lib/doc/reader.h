/* Reading what comes down the pipe, as a whole or round by round. */
#ifndef HAL9_DOC_READER_H
#define HAL9_DOC_READER_H

#include "doc/stream-internal.h"

#define BLOCK (256u << 10)
#define LINE_MAX_BYTES (1u << 20) /* a longer line is passed on in parts, and is no record to us */
#define PATIENCE_MS 2000          /* once all is read */

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
    size_t total; /* lines of all rounds */
    bool begun;
    bool taken_over; /* run and stage are known */
    bool in_long;    /* within a line that is passed on in parts */
    bool cancelled;  /* while writing */
    bool rounds;     /* it stops behind each complete round */
    bool complete;   /* every begin has met its end: it stopped there */
    bool loose;      /* what is complete is a record that no begin and end is around */
    bool adrift;     /* the stage's begin stands before such records, and has no end yet */
    /* Shown each record (in order; borrowed); those that nothing is around are rounds of their own. NULL: they aren't. */
    void (*each)(void *data, const cJSON *record);
    void *each_data;
    unsigned told;
};

/* Passes on what is before end. */
void hal9_reader_pass(struct reader *r, size_t end);
/* Why nothing may be done; the first reason counts. */
void hal9_reader_broken(struct reader *r, unsigned col, const char *fmt, ...) HAL9_PRINTF(3, 4);
/* Writes the stage's own begin, unless it is there. l is NULL when there is no line that could be read. */
void hal9_reader_begin(struct reader *r, struct hal9_line *l);
/* Takes the whole lines of the buffer. */
void hal9_reader_lines(struct reader *r);
/* What is behind the last newline. */
void hal9_reader_rest(struct reader *r);
void hal9_reader_make_room(struct reader *r);
/* HAL9_OK: *ret_n bytes more, 0 at the end. */
hal9_status hal9_reader_fill(struct reader *r, size_t *ret_n, struct hal9_error *err);

#endif
