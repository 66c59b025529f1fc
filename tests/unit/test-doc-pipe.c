/* Passing on, byte for byte, through real pipes: random bytes, long lines, readers that stall or go. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "doc-pipe.h"

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
    assert_memory_equal(rest, in, 3u << 20);
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
        cmocka_unit_test(random_bytes_pass),      cmocka_unit_test(long_lines_pass_in_parts),
        cmocka_unit_test(long_line_without_end),  cmocka_unit_test(at_once),
        cmocka_unit_test(reader_has_gone),        cmocka_unit_test(reader_stalls),
        cmocka_unit_test(reader_stalls_half_way), cmocka_unit_test(cancelled),
        cmocka_unit_test(unreadable_input),       cmocka_unit_test(words_instead_of_records),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}
