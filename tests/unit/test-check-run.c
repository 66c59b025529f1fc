/* The loop that runs checks: timers, deadline, interrupt, looks; with drivers made for the test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "harness.h"

#include "base/cleanup.h"
#include "check/runner.h"

static void pass_now(struct hal9_check_run *r) {
    hal9_check_value(r, "ms", "%d", 7);
    hal9_json_add_str(hal9_check_evidence(r), "peer", "here");
    hal9_check_done(r, HAL9_CHECK_PASS, "check_failed", "%s", "at once");
}

static void never(struct hal9_check_run *r) {
    r->own = hal9_alloc(1);
}

static void forget(struct hal9_check_run *r) {
    free(HAL9_TAKE_PTR(r->own));
}

static void on_closed(uv_handle_t *h) {
    free(h);
}

static void on_timer(uv_timer_t *t) {
    struct hal9_check_run *r = t->data;
    r->own = NULL;
    uv_close((uv_handle_t *)t, on_closed);
    hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED, "after a while");
}

static void soon(struct hal9_check_run *r) {
    uv_timer_t *t = r->own = hal9_alloc(sizeof(*t));
    uv_timer_init(r->loop, t);
    t->data = r;
    uv_timer_start(t, on_timer, 50, 0);
}

static void stop_timer(struct hal9_check_run *r) {
    if (r->own)
        uv_close(HAL9_TAKE_PTR(r->own), on_closed);
}

static void ask_for_look(struct hal9_check_run *r) {
    hal9_check_look(r, HAL9_TCP, 0);
}

static void look(struct hal9_check_run *r, struct hal9_look *l) {
    assert_int_equal(l->listeners.n, 0);
    hal9_check_done(r, HAL9_CHECK_PASS, NULL, "looked");
}

static void late_words(struct hal9_check_run *r) {
    forget(r);
    hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "in its own words");
}

static const struct hal9_check_driver instant = {.key = "instant", .start = pass_now};
static const struct hal9_check_driver silent = {.key = "silent", .start = never, .cancel = forget};
static const struct hal9_check_driver silent_host = {
    .key = "silent-host", .of_host = true, .start = never, .cancel = forget};
static const struct hal9_check_driver wordy = {
    .key = "wordy", .start = never, .cancel = forget, .timeout = late_words};
static const struct hal9_check_driver slow = {.key = "slow", .start = soon, .cancel = stop_timer};
static const struct hal9_check_driver looker = {
    .key = "looker", .start = ask_for_look, .look = look};

static struct hal9_check make(const struct hal9_check_driver *d, int64_t timeout_ms) {
    return (struct hal9_check){.name = (char *)d->key, .driver = d, .timeout_ms = timeout_ms};
}

static void each_ends_in_its_way(void **state) {
    (void)state;
    const struct hal9_check checks[] = {make(&instant, 1000),   make(&silent, 60),
                                        make(&silent_host, 60), make(&wordy, 60),
                                        make(&slow, 5000),      make(&looker, 5000)};
    static const struct {
        enum hal9_check_state state;
        const char *cause, *reason;
    } want[] = {
        {HAL9_CHECK_PASS, NULL, "at once"},
        {HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED, "no answer within"},
        {HAL9_CHECK_FAIL, HAL9_CAUSE_RESOURCE, "no answer within"},
        {HAL9_CHECK_UNKNOWN, NULL, "in its own words"},
        {HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED, "after a while"},
        {HAL9_CHECK_PASS, NULL, "looked"},
    };
    struct hal9_check_job jobs[HAL9_ARRAY_LEN(checks)] = {0};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(checks); i++)
        jobs[i].check = &checks[i];
    /* Twice: what the first run left must not leak into the second. */
    for (int round = 0; round < 2; round++)
        assert_ok(hal9_checks_run(jobs, HAL9_ARRAY_LEN(checks), -1, -1, NULL));
    for (size_t i = 0; i < HAL9_ARRAY_LEN(checks); i++) {
        const struct hal9_check_result *r = &jobs[i].result;
        assert_int_equal(r->state, want[i].state);
        assert_true(hal9_streq(r->cause, want[i].cause));
        assert_non_null(strstr(r->reason, want[i].reason));
    }
    assert_string_equal(jobs[0].result.value, "7");
    assert_string_equal(jobs[0].result.unit, "ms");
    assert_string_equal(hal9_json_str(jobs[0].result.evidence, "peer"), "here");
    assert_true(jobs[1].result.us >= 50000);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(checks); i++)
        hal9_check_result_clear(&jobs[i].result);
}

static void many_cost_one_timeout(void **state) {
    (void)state;
    enum { N = 200 };
    const struct hal9_check c = make(&silent, 200);
    struct hal9_check_job jobs[N];
    memset(jobs, 0, sizeof(jobs));
    for (size_t i = 0; i < N; i++)
        jobs[i].check = &c;
    const int64_t begin = hal9_mono_ms();
    assert_ok(hal9_checks_run(jobs, N, -1, -1, NULL));
    assert_in_range(hal9_mono_ms() - begin, 190, 2000);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(jobs[i].result.state, HAL9_CHECK_FAIL);
        hal9_check_result_clear(&jobs[i].result);
    }
}

static void at_the_deadline_the_rest_is_unknown(void **state) {
    (void)state;
    const struct hal9_check checks[] = {make(&instant, 60000), make(&silent, 60000),
                                        make(&slow, 60000)};
    struct hal9_check_job jobs[3] = {
        {.check = &checks[0]}, {.check = &checks[1]}, {.check = &checks[2]}};
    const int64_t begin = hal9_mono_ms();
    assert_ok(hal9_checks_run(jobs, 3, begin + 200, -1, NULL));
    assert_in_range(hal9_mono_ms() - begin, 190, 5000);
    assert_int_equal(jobs[0].result.state, HAL9_CHECK_PASS);
    assert_int_equal(jobs[1].result.state, HAL9_CHECK_UNKNOWN);
    assert_int_equal(jobs[2].result.state, HAL9_CHECK_FAIL);
    assert_non_null(strstr(jobs[1].result.reason, "when the time was over"));
    for (size_t i = 0; i < 3; i++)
        hal9_check_result_clear(&jobs[i].result);
}

static void a_deadline_that_is_over_ends_at_once(void **state) {
    (void)state;
    const struct hal9_check c = make(&silent, 60000);
    struct hal9_check_job job = {.check = &c};
    const int64_t begin = hal9_mono_ms();
    assert_ok(hal9_checks_run(&job, 1, begin - 5, -1, NULL));
    assert_true(hal9_mono_ms() - begin < 5000);
    assert_int_equal(job.result.state, HAL9_CHECK_UNKNOWN);
    hal9_check_result_clear(&job.result);
}

static void an_interrupt_ends_all(void **state) {
    (void)state;
    const struct hal9_check checks[] = {make(&silent, 60000), make(&slow, 60000)};
    struct hal9_check_job jobs[2] = {{.check = &checks[0]}, {.check = &checks[1]}};
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(hal9_checks_run(jobs, 2, -1, fds[0], NULL), HAL9_E_INTERRUPTED);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(jobs[i].result.state, HAL9_CHECK_UNKNOWN);
        hal9_check_result_clear(&jobs[i].result);
    }
    close(fds[0]);
    close(fds[1]);
}

static void nothing_to_run_is_fine(void **state) {
    (void)state;
    assert_ok(hal9_checks_run(NULL, 0, -1, -1, NULL));
}

static void a_bad_descriptor_is_an_error(void **state) {
    (void)state;
    const struct hal9_check c = make(&instant, 1000);
    struct hal9_check_job job = {.check = &c};
    assert_int_equal(hal9_checks_run(&job, 1, -1, 9999, NULL), HAL9_E_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ends_in_its_way),
        cmocka_unit_test(many_cost_one_timeout),
        cmocka_unit_test(at_the_deadline_the_rest_is_unknown),
        cmocka_unit_test(a_deadline_that_is_over_ends_at_once),
        cmocka_unit_test(an_interrupt_ends_all),
        cmocka_unit_test(nothing_to_run_is_fine),
        cmocka_unit_test(a_bad_descriptor_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
