/* What comes down the pipe: passed on byte for byte, understood, and distrusted where it is cut. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

static int file_of(const void *data, size_t len) {
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fflush(f), 0);
    int fd = dup(fileno(f));
    fclose(f);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void run_bytes(struct run *r, const void *data, size_t len) {
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

static void run_text(struct run *r, const char *text) {
    run_bytes(r, text, strlen(text));
}

static void run_clear(struct run *r) {
    hal9_upstream_clear(&r->up);
    hal9_stream_free(r->s);
    free(r->out);
}

/* Takes out the lines of this tool: what is left must be what was read. *ret_own: how many. */
static char *foreign(const struct run *r, size_t *ret_len, int *ret_own) {
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

static void canonical(void **state) {
    (void)state;
    struct run r;
    size_t len;
    int own;
    static const char input[] = BEGIN VERDICT ENDED("1");
    run_text(&r, input);
    assert_true(r.up.complete);
    assert_int_equal(r.up.lines, 3);
    assert_int_equal(r.up.bad_lines, 0);
    assert_int_equal(r.up.exit, 1);
    assert_false(r.up.fatal);
    assert_int_equal(r.up.n_verdicts, 1);
    assert_string_equal(r.up.verdicts[0].service, "a");
    assert_string_equal(r.up.verdicts[0].machine, "b1c5");
    assert_string_equal(r.up.verdicts[0].state, "failing");
    assert_string_equal(r.up.verdicts[0].cause, "not_running");
    assert_true(r.up.verdicts[0].time_ms == 1795403045678);
    assert_string_equal(hal9_json_str(r.up.verdicts[0].record, "tool"), "hal9-health");
    assert_string_equal(hal9_stream_run(r.s), "01JD8Z");
    assert_int_equal(hal9_stream_stage(r.s), 2);
    _cleanup_free_ char *rest = foreign(&r, &len, &own);
    assert_int_equal(own, 1);
    assert_string_equal(rest, input);
    /* Its begin comes before the first line, and knows run and stage. */
    assert_memory_equal(r.out, "{\"hal9\":1,\"kind\":\"begin\"", 24);
    char *newline = strchr(r.out, '\n');
    *newline = '\0';
    assert_non_null(strstr(r.out, "\"tool\":\"hal9-test\",\"stage\":2,\"run\":\"01JD8Z\""));
    run_clear(&r);
}

static void third_stage(void **state) {
    (void)state;
    struct run r;
    run_text(&r, HEAD("begin", "2") "}\n" BEGIN ENDED("1") HEAD("end", "2") ",\"exit\":0}\n");
    assert_int_equal(hal9_stream_stage(r.s), 3);
    assert_true(r.up.complete);
    assert_int_equal(r.up.exit, 0);
    assert_int_equal(hal9_upstream_exit(&r.up, 1), 1);
    run_clear(&r);
}

static void exit_codes(void **state) {
    (void)state;
    static const struct {
        const char *input;
        int exit, own, want;
        bool fatal;
    } cases[] = {
        {BEGIN ENDED("0"), 0, 0, 0, false},
        {BEGIN ENDED("1"), 1, 0, 0, false},
        {BEGIN ENDED("2"), 2, 0, 2, true},
        {BEGIN ENDED("3"), 3, 1, 3, true},
        {BEGIN ENDED("4"), 4, 0, 0, false},
        {BEGIN ENDED("5"), 5, 1, 1, false},
        {BEGIN ENDED("143"), 143, 0, 143, true},
        {HEAD("begin", "2") "}\n" BEGIN ENDED("2") HEAD("end", "2") ",\"exit\":130}\n", 130, 0, 130,
         true},
        {HEAD("begin", "2") "}\n" BEGIN ENDED("3") HEAD("end", "2") ",\"exit\":1}\n", 1, 0, 3,
         true},
        {VERDICT, -1, 1, 1, false},
        {BEGIN, -1, 0, 4, false},
        {"", -1, 0, 4, false},
        {BEGIN "rubbish\n" ENDED("3"), 3, 0, 3, true},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct run r;
        run_text(&r, cases[i].input);
        assert_int_equal(r.up.exit, cases[i].exit);
        assert_int_equal(r.up.fatal, cases[i].fatal);
        assert_int_equal(hal9_upstream_exit(&r.up, cases[i].own), cases[i].want);
        run_clear(&r);
    }
}

/* Each of these ends in "nothing is done", with a problem that says why. */
static void incomplete(void **state) {
    (void)state;
    static const struct {
        const char *input, *says;
        unsigned line, col;
        size_t bad;
    } cases[] = {
        {"", "the input is empty", 0, 0, 0},
        {BEGIN VERDICT, "broke off: hal9-health (stage 1) began and did not end", 0, 0, 0},
        {BEGIN BEGIN ENDED("0"), "began and did not end", 0, 0, 0},
        {VERDICT ENDED("0"), "line 2 of the input: hal9-health (stage 1) ends here, but its begin",
         2, 0, 1},
        {BEGIN "ERROR: disk full\n" ENDED("0"), "line 2 of the input: no record: not JSON", 2, 1,
         1},
        {BEGIN "{\"a\":\n" ENDED("0"), "not JSON: the text ends", 2, 6, 1},
        {BEGIN "\n" ENDED("0"), "not JSON", 2, 1, 1},
        {BEGIN "{\"foreign\":true}\n" ENDED("0"), "no member 'hal9'", 2, 0, 1},
        {BEGIN "[1]\n" ENDED("0"), "no JSON object", 2, 0, 1},
        {BEGIN "{\"hal9\":2,\"kind\":\"x\"}\n" ENDED("0"), "format is 2; this build knows 1", 2, 0,
         1},
        {BEGIN "{\"hal9\":1}\n" ENDED("0"), "no 'kind'", 2, 0, 1},
        {BEGIN "{\"hal9\":1,\"kind\":7}\n" ENDED("0"), "no 'kind'", 2, 0, 1},
        {BEGIN "{\"hal9\":1,\"kind\":\"verdict\",\"service\":\"a\"}\n" ENDED("0"),
         "a verdict wants", 2, 0, 1},
        {BEGIN "{\"hal9\":1,\"kind\":\"end\"}\n" ENDED("0"), "an end wants", 2, 0, 1},
        {BEGIN HEAD("end", "1") "}\n", "an end wants", 2, 0, 1},
        {BEGIN HEAD("verdict",
                    "1") ",\"service\":\"a\\u0000b\",\"state\":\"failing\"}\n" ENDED("0"),
         "\\u0000", 2, sizeof(HEAD("verdict", "1") ",\"service\":\"a"), 1},
        {BEGIN HEAD("verdict",
                    "1") ",\"service\":\"a\",\"service\":\"b\",\"state\":\"failing\"}\n" ENDED("0"),
         "'service' stands in one object twice", 2,
         sizeof(HEAD("verdict", "1") ",\"service\":\"a\","), 1},
        {BEGIN "{\"hal9\":1,\"kind\":\"x\",\"t\":\"\xff\"}\n" ENDED("0"), "not UTF-8", 2, 27, 1},
        {"{\"hal9\":1,\"kind\":\"x\",\"stage\":1,\"run\":\"../x\"}\n", "wants a run and a stage", 1,
         0, 1},
        {"{\"hal9\":1,\"kind\":\"x\",\"stage\":0,\"run\":\"x\"}\n", "wants a run and a stage", 1, 0,
         1},
        {"{\"hal9\":1,\"kind\":\"x\"}\n", "wants a run and a stage", 1, 0, 1},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct run r;
        size_t len;
        int own;
        print_message("# %s\n", cases[i].says);
        run_text(&r, cases[i].input);
        assert_false(r.up.complete);
        assert_says(r.up.broken, cases[i].says);
        assert_int_equal(r.up.broken.line, cases[i].line);
        assert_int_equal(r.up.broken.col, cases[i].col);
        assert_int_equal(r.up.bad_lines, cases[i].bad);
        assert_int_equal(hal9_upstream_exit(&r.up, 0), 4);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_string_equal(rest, cases[i].input);
        assert_true(own >= 2);
        assert_non_null(strstr(r.out, "\"kind\":\"problem\""));
        run_clear(&r);
    }
}

/* Nobody has to understand these: they pass, are told where they are odd, and nothing is lost. */
static void passed_on(void **state) {
    (void)state;
    static const struct {
        const char *line, *told;
    } cases[] = {
        {"{\"hal9\":1,\"kind\":\"sample\",\"value\":1e400}\n", NULL},
        {"{\"hal9\":1,\"kind\":\"sample\",\"value\":9007199254740993}\n", NULL},
        {"{\"kind\":\"later\",\"hal9\":1}\n", NULL},
        {" { \"hal9\" : 1 , \"kind\" : \"check\" } \r\n", NULL},
        {"{\"hal9\":1,\"kind\":\"check\",\"x\":\"a\\u0000b\"}\n", "\\u0000"},
        {"{\"hal9\":1,\"kind\":\"check\",\"x\":\"\\ud800\"}\n", "surrogate"},
        {"{\"hal9\":1,\"kind\":\"check\",\"x\":1,\"x\":2}\n", "'x' stands in one object twice"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct run r;
        size_t len;
        int own;
        _cleanup_free_ char *input = hal9_strf(BEGIN "%s" ENDED("0"), cases[i].line);
        run_text(&r, input);
        assert_true(r.up.complete);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_string_equal(rest, input);
        assert_int_equal(own, cases[i].told ? 2 : 1);
        if (cases[i].told)
            assert_non_null(strstr(r.out, "\"line\":2"));
        run_clear(&r);
    }
}

static void escaped_names_are_understood(void **state) {
    (void)state;
    struct run r;
    run_text(
        &r, BEGIN
        "{\"hal\\u0039\":1,\"k\\u0069nd\":\"verd\\u0069ct\",\"time\":\"2026-11-23T03:04:06Z\","
        "\"machine\":\"b1c5\",\"service\":\"\\u0061\",\"state\":\"healthy\"}\n" VERDICT ENDED("0"));
    assert_true(r.up.complete);
    assert_int_equal(r.up.n_verdicts, 1);
    assert_string_equal(r.up.verdicts[0].state, "healthy");
    run_clear(&r);
}

#define SAY(service, machine, time, state)                                                         \
    "{\"hal9\":1,\"kind\":\"verdict\",\"time\":\"" time "\",\"host\":\"h\",\"machine\":\"" machine \
    "\",\"tool\":\"t\","                                                                           \
    "\"stage\":1,\"run\":\"r\",\"service\":\"" service "\",\"state\":\"" state "\"}\n"

static void newest_verdict_counts(void **state) {
    (void)state;
    struct run r;
    run_text(&r, SAY("a", "m1", "2026-11-23T03:00:02Z", "failing")
                     SAY("b", "m1", "2026-11-23T03:00:00Z", "unknown")
                         SAY("a", "m1", "2026-11-23T03:00:01Z", "healthy")
                             SAY("a", "m2", "2026-11-23T03:00:00Z", "held")
                                 SAY("b", "m1", "2026-11-23T03:00:00.000Z", "degraded"));
    assert_true(r.up.complete);
    assert_int_equal(r.up.n_verdicts, 3);
    assert_string_equal(r.up.verdicts[0].state, "failing");
    assert_string_equal(r.up.verdicts[1].state, "degraded");
    assert_string_equal(r.up.verdicts[1].service, "b");
    assert_string_equal(r.up.verdicts[2].machine, "m2");
    run_clear(&r);
}

static void many_services(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf in = {0};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++)
            hal9_buf_printf(&in, HEAD("verdict", "1") ",\"service\":\"s%d\",\"state\":\"%s\"}\n", i,
                            round ? "healthy" : "failing");
    struct run r;
    run_bytes(&r, in.data, in.len);
    assert_int_equal(r.up.n_verdicts, 3000);
    for (int i = 0; i < 3000; i++) {
        _cleanup_free_ char *name = hal9_strf("s%d", i);
        assert_string_equal(r.up.verdicts[i].service, name);
        assert_string_equal(r.up.verdicts[i].state, "healthy");
    }
    run_clear(&r);
}

static void rounds(void **state) {
    (void)state;
    struct run r;
    run_text(&r, HEAD("begin", "1") ",\"round\":1}\n" HEAD(
                     "end", "1") ",\"round\":1,\"exit\":1}\n" HEAD("begin", "1") ",\"round\":2}\n");
    assert_false(r.up.complete);
    run_clear(&r);
    run_text(&r,
             HEAD("begin", "1") ",\"round\":1}\n" HEAD("end", "1") ",\"round\":2,\"exit\":1}\n");
    assert_false(r.up.complete);
    run_clear(&r);
    run_text(
        &r, HEAD("begin", "1") ",\"round\":1}\n" HEAD("end", "1") ",\"round\":1,\"exit\":1}\n" HEAD(
                "begin", "1") ",\"round\":2}\n" HEAD("end", "1") ",\"round\":2,\"exit\":0}\n");
    assert_true(r.up.complete);
    assert_int_equal(r.up.exit, 0);
    run_clear(&r);
}

static void last_line_without_newline(void **state) {
    (void)state;
    struct run r;
    size_t len;
    int own;
    static const char input[] = BEGIN ENDED("0");
    run_bytes(&r, input, sizeof(input) - 2);
    assert_true(r.up.complete);
    _cleanup_free_ char *rest = foreign(&r, &len, &own);
    assert_string_equal(rest, input);
    assert_int_equal(own, 2);
    assert_non_null(strstr(r.out, "has no line end"));
    run_clear(&r);
    /* One lone line, cut in its middle. */
    run_bytes(&r, BEGIN, 40);
    assert_false(r.up.complete);
    assert_int_equal(r.up.bad_lines, 1);
    _cleanup_free_ char *cut = foreign(&r, &len, &own);
    assert_int_equal(len, 41);
    assert_memory_equal(cut, BEGIN, 40);
    run_clear(&r);
}

/* Every way to cut a stream: never complete, never anything lost. */
static void cut_anywhere(void **state) {
    (void)state;
    static const char input[] = BEGIN VERDICT ENDED("1");
    for (size_t cut = 0; cut < sizeof(input) - 3; cut++) {
        struct run r;
        size_t len;
        int own;
        run_bytes(&r, input, cut);
        assert_false(r.up.complete);
        assert_int_equal(hal9_upstream_exit(&r.up, 0), 4);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_memory_equal(rest, input, cut);
        assert_true(len == cut || (len == cut + 1 && rest[cut] == '\n'));
        run_clear(&r);
    }
}

static void problems_are_bounded(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf in = {0};
    struct run r;
    size_t len;
    int own;
    for (int i = 0; i < 5000; i++)
        hal9_buf_puts(&in, "rubbish\n");
    run_bytes(&r, in.data, in.len);
    assert_int_equal(r.up.bad_lines, 5000);
    _cleanup_free_ char *rest = foreign(&r, &len, &own);
    assert_int_equal(own, 101);
    assert_int_equal(len, in.len);
    run_clear(&r);
}

/* ---- pipes */

struct feed {
    const char *data;
    size_t len, step;
    int fd;
};
static void *feeder(void *arg) {
    const struct feed *f = arg;
    for (size_t at = 0; at < f->len;) {
        size_t n = f->len - at < f->step ? f->len - at : f->step;
        ssize_t put = write(f->fd, f->data + at, n);
        if (put <= 0)
            break;
        at += (size_t)put;
    }
    close(f->fd);
    return NULL;
}
struct drain {
    struct hal9_buf got;
    int fd;
};
static void *drainer(void *arg) {
    struct drain *d = arg;
    char block[4096];
    ssize_t n;
    while ((n = read(d->fd, block, sizeof(block))) > 0)
        hal9_buf_add(&d->got, block, (size_t)n);
    return NULL;
}

/* Through two pipes, written in steps; cancel_fd makes writes wait by poll. */
static void through_pipes(struct run *r, const char *data, size_t len, size_t step, bool cancelable,
                          bool batched) {
    int in[2], out[2], never[2];
    pthread_t writer, reader;
    assert_int_equal(pipe(in) + pipe(out) + pipe(never), 0);
    struct feed f = {.data = data, .len = len, .step = step, .fd = in[1]};
    struct drain d = {.fd = out[0]};
    assert_int_equal(pthread_create(&writer, NULL, feeder, &f), 0);
    assert_int_equal(pthread_create(&reader, NULL, drainer, &d), 0);
    struct hal9_stream_opts o = {.tool = "hal9-test", .fd = out[1], .buffered_pass = batched};
    r->s = hal9_stream_new(&o);
    r->up = (struct hal9_upstream){0};
    assert_ok(hal9_upstream_read(r->s, in[0], cancelable ? never[0] : -1, NULL, &r->up, NULL));
    close(out[1]);
    pthread_join(writer, NULL);
    pthread_join(reader, NULL);
    close(in[0]);
    close(out[0]);
    close(never[0]);
    close(never[1]);
    r->out = d.got.data;
    r->len = d.got.len;
}

static uint32_t next_random(uint32_t *x) {
    *x ^= *x << 13;
    *x ^= *x >> 17;
    return *x ^= *x << 5;
}

/* Random bytes, newlines and NULs among them, now and then a record: all come out as they went in. */
static void random_bytes_pass(void **state) {
    (void)state;
    uint32_t seed = (uint32_t)getpid() | 1, x = seed;
    print_message("# seed %u\n", seed);
    for (int round = 0; round < 12; round++) {
        _cleanup_buf_ struct hal9_buf in = {0};
        struct run r;
        size_t len;
        int own;
        while (in.len < 400000) {
            uint32_t dice = next_random(&x) % 8;
            if (dice == 0) {
                hal9_buf_puts(&in, VERDICT);
                continue;
            }
            for (uint32_t n = next_random(&x) % (dice == 1 ? 30000 : 300); n > 0; n--) {
                char c = (char)next_random(&x);
                hal9_buf_add(&in, &c, 1);
            }
            hal9_buf_putc(&in, '\n');
        }
        size_t step = 1 + next_random(&x) % 70000;
        through_pipes(&r, in.data, in.len, step, round % 2, round % 3);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_int_equal(len, in.len);
        assert_memory_equal(rest, in.data, len);
        run_clear(&r);
    }
}

static void long_lines_pass_in_parts(void **state) {
    (void)state;
    static const size_t sizes[] = {(1u << 20) - 1, 1u << 20, (1u << 20) + 1, 3u << 20, 20u << 20};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(sizes); i++) {
        _cleanup_buf_ struct hal9_buf in = {0};
        _cleanup_free_ char *filling = hal9_alloc(sizes[i]);
        struct run r;
        size_t len;
        int own;
        static const char front[] = HEAD("sample", "1") ",\"x\":\"", back[] = "\"}";
        memset(filling, 'x', sizes[i]);
        hal9_buf_puts(&in, BEGIN);
        hal9_buf_puts(&in, front);
        hal9_buf_add(&in, filling, sizes[i] - strlen(front) - strlen(back));
        hal9_buf_puts(&in, back);
        hal9_buf_puts(&in, "\n" ENDED("0"));
        through_pipes(&r, in.data, in.len, 65536, i % 2, true);
        _cleanup_free_ char *rest = foreign(&r, &len, &own);
        assert_int_equal(len, in.len);
        assert_memory_equal(rest, in.data, len);
        assert_int_equal(r.up.lines, 3);
        /* Where exactly the limit falls depends on the blocks; far from it there is no doubt. */
        if (sizes[i] < 1u << 20)
            assert_true(r.up.complete);
        if (sizes[i] >= 3u << 20) {
            assert_int_equal(r.up.bad_lines, 1);
            assert_says(r.up.broken, "line 2 of the input: longer than 1 MiB");
        }
        run_clear(&r);
    }
}

static void long_line_without_end(void **state) {
    (void)state;
    _cleanup_free_ char *in = hal9_alloc(3u << 20);
    struct run r;
    size_t len;
    int own;
    memset(in, '[', 3u << 20);
    through_pipes(&r, in, 3u << 20, 65536, true, true);
    assert_false(r.up.complete);
    assert_int_equal(r.up.lines, 1);
    _cleanup_free_ char *rest = foreign(&r, &len, &own);
    assert_int_equal(len, (3u << 20) + 1);
    assert_int_equal(own, 3);
    run_clear(&r);
}

struct call {
    struct hal9_stream *s;
    int fd;
    struct hal9_upstream *up;
};
static void *read_in_thread(void *arg) {
    struct call *c = arg;
    assert_ok(hal9_upstream_read(c->s, c->fd, -1, NULL, c->up, NULL));
    return NULL;
}

/* Each line can be read from the other end before the next one is sent. */
static void at_once(void **state) {
    (void)state;
    int in[2], out[2];
    pthread_t thread;
    assert_int_equal(pipe(in) + pipe(out), 0);
    struct hal9_stream_opts o = {.tool = "hal9-test", .fd = out[1], .buffered_pass = true};
    struct hal9_stream *s = hal9_stream_new(&o);
    struct hal9_upstream up = {0};
    struct call call = {s, in[0], &up};
    assert_int_equal(pthread_create(&thread, NULL, read_in_thread, &call), 0);
    static const char *const lines[] = {BEGIN, VERDICT, ENDED("0")};
    char got[4096];
    for (size_t i = 0; i < HAL9_ARRAY_LEN(lines); i++) {
        size_t have = 0;
        assert_int_equal(write(in[1], lines[i], strlen(lines[i])), (ssize_t)strlen(lines[i]));
        do {
            ssize_t n = read(out[0], got + have, sizeof(got) - 1 - have);
            assert_true(n > 0);
            have += (size_t)n;
            got[have] = '\0';
        } while (!strstr(got, lines[i]));
    }
    close(in[1]);
    pthread_join(thread, NULL);
    assert_true(up.complete);
    hal9_upstream_clear(&up);
    hal9_stream_free(s);
    close(in[0]);
    close(out[0]);
    close(out[1]);
}

static void reader_has_gone(void **state) {
    (void)state;
    int out[2];
    assert_int_equal(pipe(out), 0);
    close(out[0]);
    _cleanup_close_ int in = file_of(BEGIN VERDICT ENDED("1"), strlen(BEGIN VERDICT ENDED("1")));
    struct hal9_stream_opts o = {.tool = "hal9-test", .fd = out[1], .buffered_pass = true};
    struct hal9_stream *s = hal9_stream_new(&o);
    struct hal9_upstream up = {0};
    assert_ok(hal9_upstream_read(s, in, -1, NULL, &up, NULL));
    /* It still knows what to do. */
    assert_true(hal9_stream_gone(s));
    assert_true(up.complete);
    assert_int_equal(up.n_verdicts, 1);
    hal9_stream_emit(s, hal9_record_new(s, "step"));
    hal9_upstream_clear(&up);
    hal9_stream_free(s);
    close(out[1]);
}

/* Fills whatever is behind fd, so that the next write would wait. */
static void stuff(int fd) {
    char block[4096] = {0};
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    while (poll(&p, 1, 0) == 1 && write(fd, block, sizeof(block)) > 0)
        continue;
    fcntl(fd, F_SETFL, flags);
}

static void reader_stalls(void **state) {
    (void)state;
    for (int socket = 0; socket < 2; socket++) {
        int out[2];
        assert_int_equal(socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, out) : pipe(out), 0);
        struct hal9_stream_opts o = {.tool = "hal9-test", .fd = out[1]};
        struct hal9_stream *s = hal9_stream_new(&o);
        stuff(out[1]);
        hal9_stream_patience(s, 50);
        int64_t before = hal9_mono_ms();
        hal9_stream_emit(s, hal9_record_new(s, "step"));
        assert_true(hal9_mono_ms() - before >= 50);
        assert_true(hal9_stream_gone(s));
        before = hal9_mono_ms();
        for (int i = 0; i < 1000; i++)
            hal9_stream_emit(s, hal9_record_new(s, "step"));
        assert_true(hal9_mono_ms() - before < 5000);
        assert_false(fcntl(out[1], F_GETFL) & O_NONBLOCK);
        hal9_stream_free(s);
        close(out[0]);
        close(out[1]);
    }
}

/* A record far larger than the pipe, and a reader that takes its first part only. */
static void reader_stalls_half_way(void **state) {
    (void)state;
    int out[2];
    assert_int_equal(pipe(out), 0);
    struct hal9_stream_opts o = {.tool = "hal9-test", .fd = out[1]};
    struct hal9_stream *s = hal9_stream_new(&o);
    _cleanup_free_ char *big = hal9_alloc(300001);
    memset(big, 'x', 300000);
    cJSON *r = hal9_record_new(s, "step");
    cJSON_AddStringToObject(r, "big", big);
    hal9_stream_patience(s, 50);
    hal9_stream_emit(s, r);
    assert_true(hal9_stream_gone(s));
    hal9_stream_free(s);
    close(out[0]);
    close(out[1]);
}

static void cancelled(void **state) {
    (void)state;
    for (int stalled = 0; stalled < 2; stalled++) {
        int in[2], out[2], cancel[2];
        _cleanup_error_ struct hal9_error err = {0};
        assert_int_equal(pipe(in) + pipe(out) + pipe(cancel), 0);
        struct hal9_stream_opts o = {.tool = "hal9-test", .fd = out[1], .buffered_pass = true};
        struct hal9_stream *s = hal9_stream_new(&o);
        struct hal9_upstream up = {.exit = 77};
        if (stalled)
            stuff(out[1]);
        assert_int_equal(write(in[1], BEGIN, strlen(BEGIN)), (ssize_t)strlen(BEGIN));
        assert_int_equal(write(cancel[1], "x", 1), 1);
        hal9_stream_patience(s, stalled ? 50 : -1);
        assert_int_equal(hal9_upstream_read(s, in[0], cancel[0], cJSON_CreateObject(), &up, &err),
                         HAL9_E_INTERRUPTED);
        assert_int_equal(up.exit, 77);
        hal9_stream_free(s);
        for (int i = 0; i < 2; i++) {
            close(in[i]);
            close(out[i]);
            close(cancel[i]);
        }
    }
}

static void unreadable_input(void **state) {
    (void)state;
    _cleanup_close_ int dir = open("/", O_RDONLY | O_DIRECTORY);
    struct hal9_stream_opts o = {.tool = "hal9-test", .fd = -1};
    struct hal9_stream *s = hal9_stream_new(&o);
    struct hal9_upstream up = {0};
    assert_ok(hal9_upstream_read(s, dir, -1, NULL, &up, NULL));
    assert_false(up.complete);
    assert_says(up.broken, "cannot read what comes down the pipe");
    hal9_upstream_clear(&up);
    hal9_stream_free(s);
}

struct words {
    int records, none, own;
    size_t bytes;
};
static void on_line(void *data, const cJSON *record, const char *line, size_t len, bool own) {
    struct words *w = data;
    w->own += own;
    w->records += !own && record;
    w->none += !own && !record;
    if (!own)
        w->bytes += len;
    assert_non_null(line);
}

static void words_instead_of_records(void **state) {
    (void)state;
    static const char input[] = BEGIN "rubbish\n" VERDICT ENDED("0");
    _cleanup_close_ int in = file_of(input, sizeof(input) - 1);
    struct words w = {0};
    struct hal9_stream_opts o = {.tool = "hal9-test", .fd = -1, .sink = on_line, .sink_data = &w};
    struct hal9_stream *s = hal9_stream_new(&o);
    struct hal9_upstream up = {0};
    assert_ok(hal9_upstream_read(s, in, -1, NULL, &up, NULL));
    assert_int_equal(w.records, 3);
    assert_int_equal(w.none, 1);
    assert_int_equal(w.own, 2);
    assert_int_equal(w.bytes, sizeof(input) - 1 - 4);
    hal9_upstream_clear(&up);
    hal9_stream_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical),
        cmocka_unit_test(third_stage),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(incomplete),
        cmocka_unit_test(passed_on),
        cmocka_unit_test(escaped_names_are_understood),
        cmocka_unit_test(newest_verdict_counts),
        cmocka_unit_test(many_services),
        cmocka_unit_test(rounds),
        cmocka_unit_test(last_line_without_newline),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(problems_are_bounded),
        cmocka_unit_test(random_bytes_pass),
        cmocka_unit_test(long_lines_pass_in_parts),
        cmocka_unit_test(long_line_without_end),
        cmocka_unit_test(at_once),
        cmocka_unit_test(reader_has_gone),
        cmocka_unit_test(reader_stalls),
        cmocka_unit_test(reader_stalls_half_way),
        cmocka_unit_test(cancelled),
        cmocka_unit_test(unreadable_input),
        cmocka_unit_test(words_instead_of_records),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("upstream", tests, NULL, NULL);
}
