/* What a watch has tried: kept, forgotten, damaged, of a newer version; holds that are swept. */

#include "store-temp.h"

static void add(struct hal9_attempts *a, int64_t begun, int64_t ended, const char *operation) {
    *HAL9_APPEND(a->v, a->n, a->cap) =
        (struct hal9_attempt){.begun_ms = begun,
                              .ended_ms = ended,
                              .trigger = hal9_strdup("p99"),
                              .operation = hal9_strdup(operation),
                              .outcome = hal9_strdup(ended ? "done" : NULL)};
}

static void attempts_are_kept_as_they_are(void **state) {
    struct temp *t = *state;
    struct hal9_attempts a = {.stopped_ms = 7000}, b = {0}, none = {0};
    bool there;
    assert_ok(hal9_attempts_load(t->s, "a/../b", &none, NULL));
    assert_int_equal(none.n, 0);
    assert_ok(hal9_attempts_load(NULL, "x", &none, NULL));
    add(&a, 1000, 2001, "01jd");
    add(&a, 3000, 0, NULL);
    assert_ok(hal9_attempts_save(t->s, "a/../b", &a, NULL));
    assert_ok(hal9_attempts_load(t->s, "a/../b", &b, NULL));
    assert_int_equal(b.n, 2);
    assert_int_equal(b.stopped_ms, 7000);
    assert_int_equal(b.v[0].ended_ms, 2001);
    assert_string_equal(b.v[0].operation, "01jd");
    assert_string_equal(b.v[0].outcome, "done");
    assert_string_equal(b.v[1].trigger, "p99");
    assert_int_equal(b.v[1].ended_ms, 0);
    assert_null(b.v[1].operation);
    assert_null(b.v[1].outcome);
    assert_ok(hal9_attempts_reset(t->s, "a/../b", &there, NULL));
    assert_true(there);
    assert_ok(hal9_attempts_reset(t->s, "a/../b", &there, NULL));
    assert_false(there);
    hal9_attempts_clear(&a);
    hal9_attempts_clear(&b);
}

static void write_file(const struct temp *t, const char *text) {
    struct hal9_attempts empty = {0};
    assert_ok(hal9_attempts_save(t->s, "plan", &empty, NULL));
    _cleanup_free_ char *path = hal9_strf("%s/watches/plan.json", hal9_state_path(t->s));
    _cleanup_close_ int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void a_damaged_one_is_never_taken_for_none(void **state) {
    struct temp *t = *state;
    static const char *const damaged[] = {
        "",
        "{}",
        "[]",
        "{\"hal9_watch\":1,\"attempts\":{}}",
        "{\"hal9_watch\":1,\"attempts\":[1]}",
        "{\"hal9_watch\":1,\"attempts\":[{}]}",
        "{\"hal9_watch\":1,\"attempts\":[{\"begun\":\"soon\"}]}",
        "{\"hal9_watch\":1,\"attempts\":[{\"begun\":\"2026-11-23T03:00:00Z\",\"ended\":7}]}",
        "{\"hal9_watch\":1,\"attempts\":[],\"stopped\":\"\"}",
        "{\"hal9_watch\":1,\"attempts\":[]",
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(damaged); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_attempts a = {0};
        write_file(t, damaged[i]);
        assert_int_equal(hal9_attempts_load(t->s, "plan", &a, &err), HAL9_E_CORRUPT);
        assert_non_null(strstr(err.hint, "watch --reset"));
    }
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_attempts a = {0};
    write_file(t, "{\"hal9_watch\":2,\"attempts\":[]}");
    assert_int_equal(hal9_attempts_load(t->s, "plan", &a, &err), HAL9_E_USAGE);
}

static void holds_that_have_expired_are_swept(void **state) {
    struct temp *t = *state;
    struct hal9_hold *v = NULL;
    size_t n = 0;
    setenv("HAL9OPS_NOW", "2026-11-23T03:00:00Z", 1);
    const int64_t now = hal9_now_ms();
    assert_ok(hal9_hold_put(t->s, "b", now + 1000, NULL, NULL));
    assert_ok(hal9_hold_put(t->s, "a", now + 1000, "why", NULL));
    assert_ok(hal9_hold_put(t->s, "c", now + 9000, NULL, NULL));
    assert_ok(hal9_hold_sweep(t->s, false, &v, &n, NULL));
    assert_int_equal(n, 0);
    free(v);
    setenv("HAL9OPS_NOW", "2026-11-23T03:00:01Z", 1);
    for (int dry = 1; dry >= 0; dry--) {
        assert_ok(hal9_hold_sweep(t->s, dry, &v, &n, NULL));
        assert_int_equal(n, 2);
        assert_string_equal(v[0].service, "a");
        for (size_t i = 0; i < n; i++)
            hal9_hold_clear(&v[i]);
        free(v);
    }
    assert_ok(hal9_hold_sweep(t->s, false, &v, &n, NULL));
    assert_int_equal(n, 0);
    free(v);
    assert_ok(hal9_hold_list(t->s, &v, &n, NULL));
    assert_int_equal(n, 1);
    assert_string_equal(v[0].service, "c");
    hal9_hold_clear(&v[0]);
    free(v);
    unsetenv("HAL9OPS_NOW");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(attempts_are_kept_as_they_are, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(a_damaged_one_is_never_taken_for_none, temp_setup,
                                        temp_teardown),
        cmocka_unit_test_setup_teardown(holds_that_have_expired_are_swept, temp_setup,
                                        temp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
