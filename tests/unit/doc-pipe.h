/* Runs of hal9_upstream_read() over given bytes, shared by the tests of the pipe. */
#ifndef HAL9_TESTS_DOC_PIPE_H
#define HAL9_TESTS_DOC_PIPE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"

#define HEAD(kind, stage)                                                                         \
    "{\"hal9\":1,\"kind\":\"" kind "\",\"time\":\"2026-11-23T03:04:05.678Z\",\"host\":\"web-1\"," \
    "\"machine\":\"b1c5\",\"tool\":\"hal9-health\",\"stage\":" stage ",\"run\":\"01JD8Z\""
#define BEGIN HEAD("begin", "1") "}\n"
#define ENDED(code)                                                                   \
    HEAD("end", "1")                                                                  \
    ",\"planned\":1,\"ran\":1,\"passed\":0,\"failed\":1,\"unknown\":0,\"skipped\":0," \
    "\"exit\":" code ",\"resumable\":false}\n"
#define VERDICT \
    HEAD("verdict", "1") ",\"service\":\"a\",\"state\":\"failing\",\"cause\":\"not_running\"}\n"

/* One reading of a whole input, from a file to a file. */
struct run {
    struct hal9_stream *s;
    struct hal9_upstream up;
    char *out; /* all that was written */
    size_t len;
};

static inline int file_of(const void *data, size_t len) {
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fflush(f), 0);
    int fd = dup(fileno(f));
    fclose(f);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static inline void run_bytes(struct run *r, const void *data, size_t len) {
    _cleanup_close_ int in = file_of(data, len);
    _cleanup_close_ int out = file_of("", 0);
    struct hal9_stream_opts o = {
        .tool = "hal9-test", .host = "h", .machine = "m", .fd = out, .buffered_pass = true};
    r->s = hal9_stream_new(&o);
    r->up = (struct hal9_upstream){0};
    assert_ok(hal9_upstream_read(r->s, in, -1, NULL, &r->up, NULL));
    r->len = (size_t)lseek(out, 0, SEEK_END);
    r->out = hal9_alloc(r->len + 1);
    assert_int_equal(pread(out, r->out, r->len, 0), (ssize_t)r->len);
}

static inline void run_text(struct run *r, const char *text) {
    run_bytes(r, text, strlen(text));
}

static inline void run_clear(struct run *r) {
    hal9_upstream_clear(&r->up);
    hal9_stream_free(r->s);
    free(r->out);
}

/* Takes out the lines of this tool: what is left must be what was read. *ret_own: how many. */
static inline char *foreign(const struct run *r, size_t *ret_len, int *ret_own) {
    char *rest = hal9_alloc(r->len + 1);
    size_t n = 0;
    *ret_own = 0;
    for (const char *p = r->out; p < r->out + r->len;) {
        const char *newline = memchr(p, '\n', (size_t)(r->out + r->len - p));
        assert_non_null(newline);
        size_t len = (size_t)(newline - p) + 1;
        if (memmem(p, len, "\"tool\":\"hal9-test\"", 18)) {
            cJSON *j = NULL;
            assert_ok(hal9_json_parse(p, len - 1, &j, NULL));
            assert_ok(hal9_record_check(j, NULL));
            cJSON_Delete(j);
            (*ret_own)++;
        } else {
            memcpy(rest + n, p, len);
            n += len;
        }
        p += len;
    }
    *ret_len = n;
    return rest;
}

#endif
