/* The stops of a gradual rollback: which shares, and the whole weights that come nearest to them. */
#include <math.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "rollback-stops.h"

static struct hal9_strv words(const char *text) {
    struct hal9_strv s = {0};
    while (*text) {
        const size_t len = strcspn(text, " ");
        hal9_strv_take(&s, hal9_strndup(text, len));
        text += len + (text[len] == ' ');
    }
    return s;
}

static void expect_shares(const char *stops, double from, double to, const char *wanted) {
    _cleanup_strv_ struct hal9_strv s = words(stops);
    _cleanup_buf_ struct hal9_buf b = {0};
    struct rb_shares got = {0};
    rb_shares_between(&s, from, to, &got);
    for (size_t i = 0; i < got.n; i++)
        hal9_buf_printf(&b, "%s%g", i ? " " : "", round(got.v[i] * 1e6) / 1e4);
    assert_string_equal(b.data, wanted);
    rb_shares_free(&got);
}

static void shares_lie_between_now_and_the_snapshot(void **state) {
    (void)state;
    expect_shares("10", 1, 0, "90 80 70 60 50 40 30 20 10 0");
    expect_shares("1", 1, 0, "0");
    expect_shares("4", 0.5, 0, "37.5 25 12.5 0");
    expect_shares("75 25 5 0", 1, 0, "75 25 5 0");
    /* a rollback never sends the new path more than it has */
    expect_shares("75 25 5 0", 0.5, 0, "25 5 0");
    expect_shares("75 25 5", 1, 0, "75 25 5 0");
    expect_shares("5 75 25 25 0", 1, 0, "75 25 5 0");
    /* a snapshot in the middle of the migration, and one beyond where it stands */
    expect_shares("75 25 5 0", 1, 0.2, "75 25 20");
    expect_shares("2", 0.2, 0.6, "40 60");
    expect_shares("75 25 5 0", 0.1, 1, "25 75 100");
    /* nothing between the two */
    expect_shares("10", 0.3, 0.3, "30");
    expect_shares("75 25 5 0", 0.04, 0, "0");
}

static void values_are(const struct rb_weight *v, size_t n, const char *wanted) {
    _cleanup_buf_ struct hal9_buf b = {0};
    for (size_t i = 0; i < n; i++)
        hal9_buf_printf(&b, "%s%lld", i ? " " : "", (long long)v[i].value);
    assert_string_equal(b.data, wanted);
}

static void weights_look_like_those_of_the_backend(void **state) {
    (void)state;
    struct rb_weight two[] = {{"s1", false, 0, 100, -1}, {"s3", true, 100, 0, -1}};
    assert_true(rb_weights_for_share(two, 2, 0.7));
    values_are(two, 2, "30 70");
    assert_true(rb_weights_for_share(two, 2, 0.5));
    values_are(two, 2, "50 50");
    assert_true(rb_weights_for_share(two, 2, 0));
    values_are(two, 2, "100 0");
    assert_true(rb_weights_for_share(two, 2, 1));
    values_are(two, 2, "0 100");
    struct rb_weight four[] = {{"s1", false, 0, 100, -1},
                               {"s2", false, 0, 100, -1},
                               {"s3", true, 100, 0, -1},
                               {"s4", true, 100, 0, -1}};
    assert_true(rb_weights_for_share(four, 4, 0.9));
    values_are(four, 4, "10 10 90 90");
    /* unequal ones keep their proportions: the old as in the snapshot, the new as now */
    struct rb_weight odd[] = {{"s1", false, 0, 50, -1},
                              {"s2", false, 100, 100, -1},
                              {"s3", true, 20, 0, -1},
                              {"s4", true, 60, 0, -1}};
    assert_true(rb_weights_for_share(odd, 4, 0.4));
    values_are(odd, 4, "36 72 18 54");
}

static void what_nobody_could_take_is_refused(void **state) {
    (void)state;
    struct rb_weight no_old[] = {{"s1", false, 0, 0, -1}, {"s3", true, 100, 0, -1}};
    assert_false(rb_weights_for_share(no_old, 2, 0.7));
    struct rb_weight no_new[] = {{"s1", false, 0, 100, -1}, {"s3", true, 0, 0, -1}};
    assert_false(rb_weights_for_share(no_new, 2, 0.7));
    assert_true(rb_weights_for_share(no_new, 2, 0));
    assert_false(rb_weights_on_way(no_old, 2, 0.5));
}

static void the_way_is_straight(void **state) {
    (void)state;
    /* 1:3 now, 3:1 in the snapshot, written on another scale */
    struct rb_weight v[] = {{"s1", false, 1, 150, -1}, {"s2", false, 3, 50, -1}};
    assert_true(rb_weights_on_way(v, 2, 1));
    values_are(v, 2, "50 150");
    assert_true(rb_weights_on_way(v, 2, 0.5));
    values_are(v, 2, "100 100");
    assert_true(rb_weights_on_way(v, 2, 0));
    values_are(v, 2, "150 50");
}

static unsigned long random_state;
static int64_t random_upto(int64_t n) {
    random_state = random_state * 6364136223846793005UL + 1442695040888963407UL;
    return (int64_t)((random_state >> 33) % (unsigned long)(n + 1));
}

#define SERVERS 64

/* Any backend, any share: the path's share within 2 % (in truth far nearer), whole numbers from 0 to 256, nothing for whom nothing is meant. */
static void any_share_is_met_within_two_percent(void **state) {
    double worst = 0;
    (void)state;
    random_state = 20260101;
    for (int round = 0; round < 3000; round++) {
        struct rb_weight v[SERVERS];
        const size_t n = 2 + (size_t)random_upto(SERVERS - 2),
                     old = 1 + (size_t)random_upto((int64_t)n - 2);
        for (size_t i = 0; i < n; i++)
            v[i] = (struct rb_weight){.name = "s",
                                      .fresh = i >= old,
                                      .from = i >= old ? random_upto(256) : random_upto(1) * 100,
                                      .to = i >= old ? 0 : random_upto(256)};
        v[0].to = 1 + random_upto(255);
        v[n - 1].from = 1 + random_upto(255);
        const double share = (double)random_upto(1000) / 1000;
        assert_true(rb_weights_for_share(v, n, share));
        const double off = fabs(rb_share(v, n, RB_VALUE) - share);
        worst = off > worst ? off : worst;
        for (size_t i = 0; i < n; i++) {
            assert_true(v[i].value >= 0 && v[i].value <= RB_WEIGHT_MAX);
            if (v[i].fresh ? v[i].from == 0 || share == 0 : v[i].to == 0 || share == 1)
                assert_int_equal(v[i].value, 0);
        }
    }
    print_message("# the worst share is off by %.3f %%\n", worst * 100);
    assert_true(worst < 0.02);
}

/* A walk never turns back, on the path's share as the weights give it. */
static void a_walk_never_turns_back(void **state) {
    (void)state;
    static const size_t sizes[] = {2, 4, 7, 40};
    for (size_t k = 0; k < HAL9_ARRAY_LEN(sizes); k++) {
        struct rb_weight v[SERVERS];
        _cleanup_strv_ struct hal9_strv stops = words("100");
        struct rb_shares shares = {0};
        double last = 1;
        for (size_t i = 0; i < sizes[k]; i++)
            v[i] = (struct rb_weight){"s", i % 2 == 1, i % 2 ? 100 : 0,
                                      i % 2 ? 0 : (int64_t)(10 + i), -1};
        rb_shares_between(&stops, 1, 0, &shares);
        assert_int_equal(shares.n, 100);
        for (size_t i = 0; i < shares.n; i++) {
            assert_true(rb_weights_for_share(v, sizes[k], shares.v[i]));
            const double now = rb_share(v, sizes[k], RB_VALUE);
            assert_true(now < last);
            last = now;
        }
        rb_shares_free(&shares);
    }
}

static void percentages_add_up(void **state) {
    (void)state;
    for (int k = 0; k <= 700; k++) {
        struct rb_weight v[3] = {{"hierarchical", true, 60, 0, -1}, {"flat", false, 40, 100, -1}};
        const double share = (double)k / 700;
        assert_true(rb_weights_for_share(v, 2, share));
        rb_weights_percent(v, 2);
        assert_int_equal(v[0].value + v[1].value, 100);
        assert_true((double)v[0].value <= share * 100 + 1 && (double)v[0].value >= share * 100 - 1);
    }
    struct rb_weight thirds[3] = {{.value = 1}, {.value = 1}, {.value = 1}};
    rb_weights_percent(thirds, 3);
    assert_int_equal(thirds[0].value, 34);
    assert_int_equal(thirds[1].value + thirds[2].value, 66);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_lie_between_now_and_the_snapshot),
        cmocka_unit_test(weights_look_like_those_of_the_backend),
        cmocka_unit_test(what_nobody_could_take_is_refused),
        cmocka_unit_test(the_way_is_straight),
        cmocka_unit_test(any_share_is_met_within_two_percent),
        cmocka_unit_test(a_walk_never_turns_back),
        cmocka_unit_test(percentages_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
