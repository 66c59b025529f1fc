/* Where a migration goes on: by the share that its new path has, and by the gates that have passed. */
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "rollback-forward.h"

static struct hal9_phase_spec five[] = {
    {.name = "shadow", .share = 0}, {.name = "canary", .share = 5},
    {.name = "state", .share = 25}, {.name = "ramp-up", .share = 75},
    {.name = "full", .share = 100},
};
/* Two with the same share, and none that gives all. */
static struct hal9_phase_spec flat[] = {
    {.name = "prepare", .share = 0}, {.name = "shadow", .share = 0}, {.name = "half", .share = 50}};

static size_t start_in(struct hal9_phase_spec *v, size_t n, double share, const char *passed) {
    void *list[8];
    struct hal9_forward_spec f = {.phases = {.v = list, .n = n}};
    _cleanup_strv_ struct hal9_strv names = {0};
    for (size_t i = 0; i < n; i++)
        list[i] = &v[i];
    for (const char *at = passed; at && *at; at += strcspn(at, " "), at += *at == ' ')
        hal9_strv_take(&names, hal9_strndup(at, strcspn(at, " ")));
    return rb_forward_start(&f, share, passed ? &names : NULL);
}

static void without_a_record_the_traffic_tells(void **state) {
    (void)state;
    assert_int_equal(start_in(five, 5, 0, NULL), 0);
    assert_int_equal(start_in(five, 5, 5, NULL), 1);
    assert_int_equal(start_in(five, 5, 5.263, NULL), 1); /* 5 of 95: weights are whole numbers */
    assert_int_equal(start_in(five, 5, 10, NULL), 2);
    assert_int_equal(start_in(five, 5, 76, NULL), 4);
    assert_int_equal(start_in(five, 5, 100, NULL), 5);
    assert_int_equal(start_in(flat, 3, 0, NULL), 0);
    assert_int_equal(start_in(flat, 3, 80, NULL), 3);
    assert_int_equal(start_in(flat, 2, 0, NULL), 0); /* nothing gives traffic: 0 % is no end */
}

static void a_gate_that_has_passed_is_not_asked_again(void **state) {
    (void)state;
    assert_int_equal(start_in(five, 5, 0, "shadow"), 1);
    assert_int_equal(start_in(five, 5, 5, "shadow canary"), 2);
    assert_int_equal(start_in(five, 5, 100, "shadow canary state ramp-up full"), 5);
    assert_int_equal(start_in(flat, 3, 0, "prepare"), 1);
    assert_int_equal(start_in(flat, 3, 0, "prepare shadow"), 2);
}

static void one_that_was_killed_before_its_gate_is_asked_again(void **state) {
    (void)state;
    assert_int_equal(start_in(five, 5, 5, "shadow"), 1);
    assert_int_equal(start_in(five, 5, 100, "shadow canary state ramp-up"), 4);
    /* weights of canary were set half-way */
    assert_int_equal(start_in(five, 5, 2, "shadow"), 1);
    assert_int_equal(start_in(five, 5, 0, ""), 0);
}

/* Somebody took traffic off by hand: the gates beyond don't count. */
static void where_the_traffic_is_counts_more_than_what_has_passed(void **state) {
    (void)state;
    assert_int_equal(start_in(five, 5, 5, "shadow canary state"), 2);
    assert_int_equal(start_in(five, 5, 0, "canary state"), 0);
}

static void long_commands_are_cut(void **state) {
    struct hal9_strv v = {0};
    (void)state;
    hal9_strv_add(&v, "/opt/hal9/bin/copy");
    hal9_strv_add(&v, "--all");
    _cleanup_free_ char *a = rb_command_words(&v);
    assert_string_equal(a, "/opt/hal9/bin/copy --all");
    hal9_strv_add(&v, "a\nb");
    _cleanup_free_ char *b = rb_command_words(&v);
    assert_string_equal(b, "/opt/hal9/bin/copy --all a...");
    hal9_strv_free(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_record_the_traffic_tells),
        cmocka_unit_test(a_gate_that_has_passed_is_not_asked_again),
        cmocka_unit_test(one_that_was_killed_before_its_gate_is_asked_again),
        cmocka_unit_test(where_the_traffic_is_counts_more_than_what_has_passed),
        cmocka_unit_test(long_commands_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
