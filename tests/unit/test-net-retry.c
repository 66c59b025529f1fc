/* HTTP again where that is safe, and peers that are left alone. */
#include <fcntl.h>

#include "peer.h"

#include "base/cleanup.h"
#include "hal9ops/net.h"
#include "hal9ops/sys.h"

/* A receiver that answers as told, one word a request, and what a run of tries against it gives. */
struct run {
    struct fixture f;
    char url[64];
    hal9_status status;
    int tries;
    struct hal9_http_response a;
    struct hal9_error err;
};

static void start(struct run *r, const char *first, const char *second, const char *third) {
    const char *args[8] = {0};
    int n = 0;
    *r = (struct run){.status = HAL9_OK};
    for (int i = 0; i < 3; i++) {
        const char *answer = i == 0 ? first : i == 1 ? second : third;
        if (!answer)
            break;
        args[n++] = "--answer";
        args[n++] = answer;
    }
    r->f = fixture_start("http-receiver", args);
    snprintf(r->url, sizeof(r->url), "http://127.0.0.1:%d/x", r->f.port);
}

static void ask(struct run *r, struct hal9_http_request q, struct hal9_retry how) {
    q.url = r->url;
    how.base_ms = how.base_ms ? how.base_ms : 1;
    hal9_http_response_clear(&r->a);
    hal9_error_clear(&r->err);
    r->status = hal9_http_retry(&q, &how, -1, &r->a, &r->tries, &r->err);
}

static void stop(struct run *r) {
    fixture_stop(&r->f);
    hal9_http_response_clear(&r->a);
    hal9_error_clear(&r->err);
}

static void a_peer_that_gets_well_is_asked_until_then(void **state) {
    (void)state;
    struct run r;
    start(&r, "500", "503", "200");
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){0});
    assert_ok(r.status);
    assert_int_equal(r.a.status, 200);
    assert_int_equal(r.tries, 3);
    stop(&r);
    start(&r, "close", "cut", "200");
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){0});
    assert_int_equal(r.a.status, 200);
    assert_int_equal(r.tries, 3);
    stop(&r);
}

static void the_last_outcome_is_the_result(void **state) {
    (void)state;
    struct run r;
    start(&r, "500", "502", "503");
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){.attempts = 2});
    assert_ok(r.status);
    assert_int_equal(r.a.status, 502);
    assert_int_equal(r.tries, 2);
    stop(&r);
    start(&r, "close", NULL, NULL);
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){.attempts = 2});
    assert_int_equal(r.status, HAL9_E_PROTOCOL);
    assert_int_equal(r.a.failure, HAL9_HTTP_PROTOCOL);
    assert_int_equal(r.err.code, HAL9_E_PROTOCOL);
    assert_int_equal(r.tries, 2);
    stop(&r);
}

static void what_will_never_work_is_tried_once(void **state) {
    (void)state;
    struct run r;
    start(&r, "400", "200", NULL);
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){0});
    assert_int_equal(r.a.status, 400);
    assert_int_equal(r.tries, 1);
    snprintf(r.url, sizeof(r.url), "gopher://x");
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){0});
    assert_int_equal(r.status, HAL9_E_USAGE);
    assert_int_equal(r.tries, 1);
    stop(&r);
}

/* A POST that arrived may have done its work, however its answer went. */
static void only_what_is_safe_is_sent_twice(void **state) {
    (void)state;
    static const char *const key[] = {"idempotency-key: 1", NULL};
    struct hal9_http_request post = {.data = "x", .data_len = 1};
    struct run r;
    start(&r, "500", "200", NULL);
    ask(&r, post, (struct hal9_retry){0});
    assert_int_equal(r.a.status, 500);
    assert_int_equal(r.tries, 1);
    stop(&r);
    start(&r, "500", "200", NULL);
    post.keyed = true;
    ask(&r, post, (struct hal9_retry){0});
    assert_int_equal(r.a.status, 200);
    stop(&r);
    post.keyed = false;
    assert_false(hal9_http_repeatable(&post));
    post.headers = key;
    assert_true(hal9_http_repeatable(&post));
    assert_true(hal9_http_repeatable(&(struct hal9_http_request){.method = "PUT", .data = "x"}));
    assert_false(hal9_http_repeatable(&(struct hal9_http_request){.method = "PATCH"}));
}

/* Nobody listened, so nothing can have arrived: even a POST is sent again. */
static void a_refused_connection_is_always_safe(void **state) {
    (void)state;
    struct run r;
    start(&r, "200", NULL, NULL);
    fixture_stop(&r.f);
    ask(&r, (struct hal9_http_request){.data = "x", .data_len = 1}, (struct hal9_retry){0});
    assert_int_equal(r.status, HAL9_E_IO);
    assert_int_equal(r.a.failure, HAL9_HTTP_REFUSED);
    assert_int_equal(r.tries, 3);
    stop(&r);
}

static void retry_after_comes_before_our_own_pause(void **state) {
    (void)state;
    struct run r;
    start(&r, "429:1", "200", NULL);
    const int64_t begin = hal9_mono_ms();
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){0});
    assert_int_equal(r.a.status, 200);
    assert_int_equal(r.tries, 2);
    assert_true(hal9_mono_ms() - begin >= 1000);
    stop(&r);
}

/* A wish of an hour is not waited for: the answer goes back at once, for the caller to plan. */
static void a_pause_beyond_the_deadline_is_not_begun(void **state) {
    (void)state;
    struct run r;
    start(&r, "429:3600", "200", NULL);
    const int64_t begin = hal9_mono_ms();
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){.deadline_ms = begin + 20000});
    assert_int_equal(r.a.status, 429);
    assert_int_equal(r.tries, 1);
    assert_true(hal9_mono_ms() - begin < 10000);
    assert_int_equal(hal9_http_retry_after(&r.a), 3600 * 1000);
    stop(&r);
}

static void the_deadline_counts_for_all_tries(void **state) {
    (void)state;
    struct run r;
    start(&r, "hang", NULL, NULL);
    const int64_t begin = hal9_mono_ms();
    ask(&r, (struct hal9_http_request){.timeout_ms = 100},
        (struct hal9_retry){.attempts = 1000, .deadline_ms = begin + 350});
    assert_int_equal(r.status, HAL9_E_TIMEOUT);
    assert_int_equal(r.a.failure, HAL9_HTTP_TIMEOUT);
    assert_true(r.tries >= 2);
    assert_true(hal9_mono_ms() - begin < 5000);
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){.deadline_ms = begin});
    assert_int_equal(r.status, HAL9_E_TIMEOUT);
    assert_int_equal(r.tries, 0);
    stop(&r);
}

static void a_pause_can_be_called_off(void **state) {
    (void)state;
    struct run r;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    start(&r, "429:600", NULL, NULL);
    pid_t child = fork();
    if (child == 0) { /* lets the pause begin: the request is answered when it asks for a second */
        struct run probe = {.tries = 0};
        snprintf(probe.url, sizeof(probe.url), "%s", r.url);
        ask(&probe, (struct hal9_http_request){0}, (struct hal9_retry){.attempts = 1});
        _exit(write(fds[1], "x", 1) == 1 ? 0 : 1);
    }
    const struct hal9_http_request q = {.url = r.url};
    r.status = hal9_http_retry(&q, &(struct hal9_retry){0}, fds[0], &r.a, &r.tries, &r.err);
    assert_int_equal(r.status, HAL9_E_INTERRUPTED);
    waitpid(child, NULL, 0);
    close(fds[0]);
    close(fds[1]);
    stop(&r);
}

static void pauses_grow_to_the_cap_and_spread(void **state) {
    (void)state;
    int64_t highest = 0;
    bool differ = false;
    const int64_t first = hal9_retry_pause(100, 10000, 4);
    for (int i = 0; i < 500; i++) {
        const int64_t p = hal9_retry_pause(100, 10000, 4);
        assert_in_range(p, 0, 800);
        differ |= p != first;
        highest = p > highest ? p : highest;
        assert_in_range(hal9_retry_pause(100, 10000, 1), 0, 100);
        assert_in_range(hal9_retry_pause(100, 10000, 1000000), 0, 10000);
        assert_in_range(hal9_retry_pause(INT64_MAX, INT64_MAX / 2, 3), 0, INT64_MAX / 2);
    }
    assert_true(differ);
    assert_true(highest > 400); /* of 500, one in the upper half */
    assert_int_equal(hal9_retry_pause(0, 0, 1), 0);
}

static int64_t after(const char *value) {
    struct hal9_http_response r = {0};
    if (value)
        hal9_strv_take(&r.headers, hal9_strf("retry-after: %s", value));
    const int64_t ms = hal9_http_retry_after(&r);
    hal9_http_response_clear(&r);
    return ms;
}

static void retry_after_is_seconds_or_a_date(void **state) {
    (void)state;
    setenv("HAL9OPS_NOW", "1994-11-06T08:49:00Z", 1);
    assert_int_equal(after("120"), 120000);
    assert_int_equal(after("0"), 0);
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:37 GMT"), 37000);
    assert_int_equal(after("Sun, 06 Nov 1994 08:48:37 GMT"), 0); /* over */
    assert_int_equal(after("-5"), -1);
    assert_int_equal(after("soon"), -1);
    assert_int_equal(after("Sun, 06 Foo 1994 08:49:37 GMT"), -1);
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:3x GMT"), -1);
    assert_int_equal(after("Sun, 06 Nov 1994 08:49:37 CET"), -1);
    assert_int_equal(after("99999999999999999999"), -1);
    assert_int_equal(after(NULL), -1);
    unsetenv("HAL9OPS_NOW");
}

/* ---- the breaker */

struct memory {
    struct hal9_breaker_state state;
    bool known;
    int saves;
};

static bool load(void *data, struct hal9_breaker_state *ret) {
    const struct memory *m = data;
    *ret = m->state;
    return m->known;
}

static void save(void *data, const struct hal9_breaker_state *s) {
    struct memory *m = data;
    m->state = *s;
    m->known = true;
    m->saves++;
}

static struct hal9_breaker *new_breaker(struct memory *m) {
    return hal9_breaker_new(&(struct hal9_breaker_opts){
        .threshold = 2, .cool_ms = 10000, .load = load, .save = save, .data = m});
}

static void at(const char *time) {
    setenv("HAL9OPS_NOW", time, 1);
}

static void it_opens_cools_and_lets_one_try(void **state) {
    (void)state;
    struct memory m = {.saves = 0};
    int64_t wait = -1;
    at("2026-11-23T03:00:00Z");
    struct hal9_breaker *b = new_breaker(&m);
    assert_true(hal9_breaker_allow(b, &wait));
    assert_int_equal(wait, 0);
    hal9_breaker_tell(b, true);
    assert_int_equal(m.saves, 0); /* nothing to keep */
    hal9_breaker_tell(b, false);
    assert_int_equal(hal9_breaker_mode(b), HAL9_BREAKER_CLOSED);
    hal9_breaker_tell(b, false);
    assert_int_equal(hal9_breaker_mode(b), HAL9_BREAKER_OPEN);
    assert_false(hal9_breaker_allow(b, &wait));
    assert_int_equal(wait, 10000);
    at("2026-11-23T03:00:10Z");
    assert_int_equal(hal9_breaker_mode(b), HAL9_BREAKER_HALF_OPEN);
    assert_true(hal9_breaker_allow(b, NULL));
    assert_false(hal9_breaker_allow(b, NULL)); /* one is under way */
    hal9_breaker_tell(b, false);
    at("2026-11-23T03:00:19Z");
    assert_false(hal9_breaker_allow(b, NULL));
    at("2026-11-23T03:00:20Z");
    assert_true(hal9_breaker_allow(b, NULL));
    hal9_breaker_tell(b, true);
    assert_int_equal(hal9_breaker_mode(b), HAL9_BREAKER_CLOSED);
    assert_true(hal9_breaker_allow(b, NULL));
    hal9_breaker_free(b);
    unsetenv("HAL9OPS_NOW");
}

static void its_state_lasts_between_runs_and_is_shared(void **state) {
    (void)state;
    struct memory m = {.saves = 0};
    at("2026-11-23T03:00:00Z");
    struct hal9_breaker *one = new_breaker(&m);
    struct hal9_breaker *two = new_breaker(&m);
    hal9_breaker_tell(one, false);
    hal9_breaker_tell(two, false);
    assert_false(hal9_breaker_allow(one, NULL));
    hal9_breaker_free(one);
    one = new_breaker(&m);
    assert_false(hal9_breaker_allow(one, NULL));
    hal9_breaker_tell(two, true);
    assert_true(hal9_breaker_allow(one, NULL));
    hal9_breaker_free(one);
    hal9_breaker_free(two);
    unsetenv("HAL9OPS_NOW");
}

static void a_clock_set_back_or_a_damaged_state_lets_go(void **state) {
    (void)state;
    struct memory m = {.state = {.failures = 9, .since_ms = INT64_MAX}, .known = true};
    struct hal9_breaker *b = new_breaker(&m);
    assert_true(hal9_breaker_allow(b, NULL));
    hal9_breaker_tell(b, true);
    m.state = (struct hal9_breaker_state){.failures = -3};
    assert_int_equal(hal9_breaker_mode(b), HAL9_BREAKER_CLOSED);
    hal9_breaker_free(b);
    b = hal9_breaker_new(&(struct hal9_breaker_opts){0}); /* keeps its state in itself */
    for (int i = 0; i < 5; i++)
        hal9_breaker_tell(b, false);
    assert_int_equal(hal9_breaker_mode(b), HAL9_BREAKER_OPEN);
    hal9_breaker_free(b);
}

static void an_open_breaker_sends_nothing(void **state) {
    (void)state;
    struct memory m = {.saves = 0};
    struct run r;
    struct hal9_breaker *b = new_breaker(&m);
    start(&r, "500", "429", "400");
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){.attempts = 9, .breaker = b});
    assert_int_equal(r.a.status, 400); /* 429 and 400 come from a peer that is well */
    assert_int_equal(r.tries, 3);
    assert_int_equal(hal9_breaker_mode(b), HAL9_BREAKER_CLOSED);
    stop(&r);
    start(&r, "500", NULL, NULL);
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){.attempts = 9, .breaker = b});
    assert_ok(r.status);
    assert_int_equal(r.a.status, 500);
    assert_int_equal(r.tries, 2); /* it opened: no further try is worth it */
    ask(&r, (struct hal9_http_request){0}, (struct hal9_retry){.breaker = b});
    assert_int_equal(r.status, HAL9_E_REFUSED);
    assert_int_equal(r.tries, 0);
    assert_says(r.err, "left alone for ");
    stop(&r);
    hal9_breaker_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_peer_that_gets_well_is_asked_until_then),
        cmocka_unit_test(the_last_outcome_is_the_result),
        cmocka_unit_test(what_will_never_work_is_tried_once),
        cmocka_unit_test(only_what_is_safe_is_sent_twice),
        cmocka_unit_test(a_refused_connection_is_always_safe),
        cmocka_unit_test(retry_after_comes_before_our_own_pause),
        cmocka_unit_test(a_pause_beyond_the_deadline_is_not_begun),
        cmocka_unit_test(the_deadline_counts_for_all_tries),
        cmocka_unit_test(a_pause_can_be_called_off),
        cmocka_unit_test(pauses_grow_to_the_cap_and_spread),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(it_opens_cools_and_lets_one_try),
        cmocka_unit_test(its_state_lasts_between_runs_and_is_shared),
        cmocka_unit_test(a_clock_set_back_or_a_damaged_state_lets_go),
        cmocka_unit_test(an_open_breaker_sends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
