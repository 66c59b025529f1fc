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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
