/* What the files of the record stream share. */
#ifndef HAL9_DOC_STREAM_INTERNAL_H
#define HAL9_DOC_STREAM_INTERNAL_H

#include <pthread.h>

#include "doc/json-scan.h"
#include "hal9ops/doc.h"

/* What a write to fd may wait for. */
enum hal9_out_kind {
    HAL9_OUT_FILE,   /* nothing: regular files, and no fd at all */
    HAL9_OUT_SOCKET, /* its reader; can be asked for a write that does not wait */
    HAL9_OUT_PIPE,   /* its reader (terminals, too) */
};

struct hal9_stream {
    struct hal9_stream_opts o; /* strings owned */
    pthread_mutex_t lock;      /* recursive: a sink may emit */
    enum hal9_out_kind kind;
    char run[65];
    int stage;
    int64_t patience_ms; /* how long a write waits for the reader; -1 for ever */
    int cancel_fd;       /* readable: writes wait no longer; -1 none */
    bool begun;          /* begin is written, end not yet */
    bool gone;
    bool midline; /* the last byte written was no newline */
};

/* Writes whole lines, and waits for the reader as long as patience_ms and cancel_fd let it. A reader
 * that has gone, or stalls for longer, is marked gone. False: cancelled half-way. */
bool hal9_stream_write(struct hal9_stream *s, const char *data, size_t len);

/* ---- one line of the pipe -------------------------------------------------------------------- */

struct hal9_line {
    const char *text; /* without the newline */
    size_t len;
    struct hal9_json_scan scan;
    struct hal9_buf canon; /* where the line is hard to read: the same, written plainly */
    char *bad;             /* it is no record: why */
    char *told;            /* a record with something off that needs telling only */
    unsigned col;          /* of what is bad or told; 0 unknown */
};
/* Looks at a line; hal9_line_clear() it. */
void hal9_line_read(struct hal9_line *l, const char *text, size_t len);
/* The spans of a member's value, or NULL; strings with their quotes. */
const struct hal9_json_member *hal9_line_get(const struct hal9_line *l, const char *name);
bool hal9_line_kind(const struct hal9_line *l, const char *kind);
/* The line as a tree; NULL when it can't be had. */
cJSON *hal9_line_tree(const struct hal9_line *l);
/* Makes it a line that is no record. why is taken. */
void hal9_line_spoil(struct hal9_line *l, char *why);
void hal9_line_clear(struct hal9_line *l);

/* ---- what the lines mean ------------------------------------------------------------------------ */

struct hal9_begun { /* a begin that waits for its end */
    char *key;      /* tool, stage, run, round */
    char *name;     /* as people are told */
};
struct hal9_kept { /* the newest verdict about a service of a machine */
    char *line;
    size_t len;
    int64_t time_ms;
    struct hal9_json_member service, machine; /* within line */
};
struct hal9_tally {
    struct hal9_begun *begun;
    size_t n_begun, cap_begun;
    struct hal9_kept *kept;
    size_t n_kept, cap_kept;
    size_t kept_bytes;
    uint32_t *index; /* hash table: positions in kept + 1 */
    size_t index_size;
    int exit_stage, fatal_stage;
};
/* Takes in a begin, end or verdict; spoils the line when it lacks what it must have. */
void hal9_tally_line(struct hal9_tally *t, struct hal9_upstream *up, struct hal9_line *l);
/* At end of input: the verdicts, and whether every begin met its end. */
void hal9_tally_end(struct hal9_tally *t, struct hal9_upstream *up);
void hal9_tally_clear(struct hal9_tally *t);

#endif
