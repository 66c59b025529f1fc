/* Many HTTP requests at once in a libuv loop. */
#include <uv.h>

#include "peer.h"

#include "base/cleanup.h"
#include "hal9ops/net.h"

#define CALLS 200

struct tally {
    int answers, failures, calls;
    enum hal9_http_failure last;
    struct hal9_http_pool *free_in_done;
    struct hal9_http_call *cancel_in_done;
};

static void count(void *data, const struct hal9_http_response *r, const struct hal9_error *e) {
    struct tally *t = data;
    t->calls++;
    if (e->code == HAL9_OK && r->status == 200)
        t->answers++;
    if (e->code != HAL9_OK) {
        t->failures++;
        t->last = r->failure;
    }
    hal9_http_cancel(HAL9_TAKE_PTR(t->cancel_in_done));
    if (t->free_in_done)
        hal9_http_pool_free(HAL9_TAKE_PTR(t->free_in_done));
}

static struct hal9_http_call *ask(struct hal9_http_pool *p, int port, int64_t timeout_ms,
                                  struct tally *t) {
    struct hal9_http_call *call = NULL;
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/health", port);
    const struct hal9_http_request q = {.url = url, .timeout_ms = timeout_ms};
    assert_ok(hal9_http_start(p, &q, count, t, &call, NULL));
    return call;
}

static struct hal9_http_pool *new_pool(uv_loop_t *loop) {
    struct hal9_http_pool *p = NULL;
    assert_int_equal(uv_loop_init(loop), 0);
    assert_ok(hal9_http_pool_new(loop, &p, NULL));
    return p;
}

static void close_loop(uv_loop_t *loop) {
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0); /* EBUSY: a handle was left open */
}

static void all_are_answered(void **state) {
    (void)state;
    struct peer quick = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"};
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {0};
    peer_start(&quick);
    for (int i = 0; i < CALLS; i++)
        ask(p, quick.port, 20000, &t);
    assert_int_equal(t.calls, 0); /* never from within start */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(t.calls, CALLS);
    assert_int_equal(t.answers, CALLS);
    hal9_http_pool_free(p);
    close_loop(&loop);
    peer_stop(&quick);
}

static void hanging_peers_cost_one_timeout(void **state) {
    (void)state;
    struct peer silent = {.hold = true};
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {0};
    peer_start(&silent);
    const int64_t begin = hal9_mono_ms();
    for (int i = 0; i < CALLS; i++)
        ask(p, silent.port, 500, &t);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(t.failures, CALLS);
    assert_int_equal(t.last, HAL9_HTTP_TIMEOUT);
    assert_in_range(hal9_mono_ms() - begin, 490, 5000);
    hal9_http_pool_free(p);
    close_loop(&loop);
    peer_stop(&silent);
}

static void a_cancelled_call_is_not_told(void **state) {
    (void)state;
    struct peer silent = {.hold = true};
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {0};
    peer_start(&silent);
    struct hal9_http_call *call = ask(p, silent.port, 20000, &t);
    uv_run(&loop, UV_RUN_NOWAIT);
    hal9_http_cancel(call);
    hal9_http_cancel(ask(p, silent.port, 20000, &t));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(t.calls, 0);
    hal9_http_pool_free(p);
    close_loop(&loop);
    peer_stop(&silent);
}

static void an_answer_may_cancel_another(void **state) {
    (void)state;
    struct peer silent = {.hold = true};
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {0};
    int port;
    int fd = bound_socket(SOCK_STREAM, &port);
    peer_start(&silent);
    t.cancel_in_done = ask(p, silent.port, 20000, &t);
    ask(p, port, 20000, &t);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(t.calls, 1);
    assert_int_equal(t.last, HAL9_HTTP_REFUSED);
    hal9_http_pool_free(p);
    close_loop(&loop);
    peer_stop(&silent);
    close(fd);
}

static void a_pool_freed_in_an_answer_ends_the_rest(void **state) {
    (void)state;
    struct peer silent = {.hold = true};
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {.free_in_done = p};
    int port;
    int fd = bound_socket(SOCK_STREAM, &port);
    peer_start(&silent);
    ask(p, silent.port, 20000, &t);
    ask(p, port, 20000, &t);
    close_loop(&loop);
    assert_int_equal(t.calls, 1);
    peer_stop(&silent);
    close(fd);
}

/* ---- identical requests */

static struct hal9_http_call *share(struct hal9_http_pool *p, int port, const char *header,
                                    struct tally *t) {
    struct hal9_http_call *call = NULL;
    char url[64];
    const char *const headers[] = {header, NULL};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/health", port);
    const struct hal9_http_request q = {
        .url = url, .headers = headers, .timeout_ms = 20000, .share = true};
    assert_ok(hal9_http_start(p, &q, count, t, &call, NULL));
    return call;
}

/* How many requests a receiver with that record got. */
static int requests_in(const char *path) {
    int n = 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (int c; (c = fgetc(f)) != EOF;)
        n += c == '\n';
    fclose(f);
    return n;
}

/* A receiver that records to path, which it makes. */
static struct fixture recorder(char *path) {
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    return fixture_start("http-receiver", (const char *[]){"--record", path, "--answer", "slow:50",
                                                           "--answer", "200", NULL});
}

static void identical_requests_are_one(void **state) {
    (void)state;
    char path[] = "/tmp/hal9-pool.XXXXXX";
    struct fixture f = recorder(path);
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {0};
    for (int i = 0; i < 50; i++)
        share(p, f.port, "X-A: 1", &t);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(t.calls, 50);
    assert_int_equal(requests_in(path), 1);
    share(p, f.port, "X-A: 1", &t); /* the first is over: asked anew */
    share(p, f.port, "X-A: 2", &t); /* another question */
    ask(p, f.port, 20000, &t);      /* nor does one that isn't shared join */
    ask(p, f.port, 20000, &t);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(t.calls, 54);
    assert_int_equal(requests_in(path), 5);
    hal9_http_pool_free(p);
    close_loop(&loop);
    fixture_stop(&f);
    unlink(path);
}

static void who_shares_may_leave_and_the_rest_is_told(void **state) {
    (void)state;
    char path[] = "/tmp/hal9-pool.XXXXXX";
    struct fixture f = recorder(path);
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally first = {0}, t = {0};
    struct hal9_http_call *began = share(p, f.port, NULL, &first);
    share(p, f.port, NULL, &t);
    struct hal9_http_call *other = share(p, f.port, NULL, &t);
    share(p, f.port, NULL, &t);
    hal9_http_cancel(began);
    t.cancel_in_done = other; /* the second, told, cancels the third */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(first.calls, 0);
    assert_int_equal(t.calls, 2);
    assert_int_equal(requests_in(path), 1);
    hal9_http_cancel(share(p, f.port, NULL, &t)); /* nobody waits: nothing is asked */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(requests_in(path), 1);
    hal9_http_pool_free(p);
    close_loop(&loop);
    fixture_stop(&f);
    unlink(path);
}

static void a_pool_freed_in_a_shared_answer_ends_the_rest(void **state) {
    (void)state;
    char path[] = "/tmp/hal9-pool.XXXXXX";
    struct fixture f = recorder(path);
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {.free_in_done = p};
    for (int i = 0; i < 3; i++)
        share(p, f.port, NULL, &t);
    close_loop(&loop);
    assert_int_equal(t.calls, 1);
    fixture_stop(&f);
    unlink(path);
}

static void a_pool_freed_with_calls_under_way_tells_none(void **state) {
    (void)state;
    struct peer silent = {.hold = true};
    uv_loop_t loop;
    struct hal9_http_pool *p = new_pool(&loop);
    struct tally t = {0};
    peer_start(&silent);
    for (int i = 0; i < 3; i++)
        ask(p, silent.port, 20000, &t);
    uv_run(&loop, UV_RUN_NOWAIT);
    uv_run(&loop, UV_RUN_NOWAIT);
    hal9_http_pool_free(p);
    close_loop(&loop);
    assert_int_equal(t.calls, 0);
    peer_stop(&silent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_answered),
        cmocka_unit_test(hanging_peers_cost_one_timeout),
        cmocka_unit_test(a_cancelled_call_is_not_told),
        cmocka_unit_test(an_answer_may_cancel_another),
        cmocka_unit_test(a_pool_freed_in_an_answer_ends_the_rest),
        cmocka_unit_test(a_pool_freed_with_calls_under_way_tells_none),
        cmocka_unit_test(identical_requests_are_one),
        cmocka_unit_test(who_shares_may_leave_and_the_rest_is_told),
        cmocka_unit_test(a_pool_freed_in_a_shared_answer_ends_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
