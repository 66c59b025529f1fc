/* Triggers: windows over recorded times, hysteresis, gaps, clocks that go back; cool-down and attempts; what records count. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "rollback-trigger.h"

static const struct rb_rule rate = {
    .limit = 0.05, .clear = 0.02, .over_ms = 60000, .gap_ms = 30000, .samples = 3};

/* What is said of each "SECONDS:PERCENT": a letter; n nothing, . taken, F fires, C clears. */
static void expect(const struct rb_rule *r, const char *samples, const char *wanted) {
    struct rb_window w = {0};
    char said[64] = "";
    size_t n = 0;

    for (const char *p = samples; *p; p += *p == ' ') {
        char *end;
        const double seconds = strtod(p, &end);
        const double value = strncmp(end, ":none", 5) == 0 ? NAN : strtod(end + 1, (char **)&p);

        if (isnan(value))
            p = end + 5;
        said[n++] = "n.FC"[rb_window_take(&w, r, (int64_t)(seconds * 1000), value / 100)];
    }
    said[n] = '\0';
    assert_string_equal(said, wanted);
}

static void it_fires_when_the_time_is_full(void **state) {
    (void)state;
    expect(&rate, "0:6 20:6 40:6 59:6 60:6 80:6", "....FF");
    expect(&rate, "0:5 20:5 40:5 60:5 80:5", ".....");
    expect(&rate, "0:6 20:6 40:6 50:1 60:6 80:6 100:6 119:6 120:6", "........F");
    /* few samples fill the time, but are too few */
    const struct rb_rule sparse = {
        .limit = 0.05, .clear = 0.05, .over_ms = 60000, .gap_ms = 90000, .samples = 3};
    expect(&sparse, "0:9 60:9 120:9", "..F");
    /* at once, in so many samples */
    const struct rb_rule quick = {.limit = 0.05, .clear = 0.05, .gap_ms = 60000, .samples = 2};
    expect(&quick, "0:9 1:9 2:9 3:1 4:9 5:9", ".FF..F");
}

static void between_the_levels_it_goes_on(void **state) {
    (void)state;
    /* the time runs on, the row of samples begins anew */
    expect(&rate, "0:6 20:6 40:3 60:6 70:6 80:6", ".....F");
    /* once full, it takes as many good ones to end it */
    expect(&rate, "0:6 20:6 40:6 60:6 70:1 80:1 90:6 100:6 110:6", "...F....F");
    expect(&rate, "0:6 20:6 40:6 60:6 70:1 80:2 90:0 100:6 110:6 120:6 130:6 140:6 150:6 160:6",
           "...F..C......F");
    expect(&rate, "0:6 20:6 40:6 60:6 70:1 80:1 90:3 100:1 110:1 120:1", "...F.....C");
}

static void no_data_neither_fires_nor_clears(void **state) {
    (void)state;
    expect(&rate, "0:none 10:6 20:none 30:6 50:6 70:6 80:none", "n.n..Fn");
    expect(&rate, "0:6 20:6 40:none 60:6 80:6", "..n..");                    /* 40 s without one */
    expect(&rate, "0:6 20:6 40:6 60:6 100:6 120:6 140:6 160:6", "...F...F"); /* a gap */
    expect(&rate, "0:6 20:6 40:6 60:6 100:1 110:1 120:1", "...F...");        /* it clears nothing */
}

static void late_ones_and_copies_are_nothing(void **state) {
    (void)state;
    expect(&rate, "0:6 20:6 20:6 10:1 20:1 40:6 60:6", "..nnn.F");
    expect(&rate, "100:6 120:6 50:1 140:6 160:6", "..n.F");
}

static void a_clock_that_goes_back_begins_anew(void **state) {
    (void)state;
    expect(&rate, "3600:6 3620:6 3640:6 40:6 60:6 80:6 100:6", "......F");
    expect(&rate, "3600:1 0:6 20:6 40:6 60:6", "....F");
}

static void a_score_is_bad_below(void **state) {
    const struct rb_rule score = {
        .limit = 0.5, .clear = 0.8, .below = true, .over_ms = 20000, .gap_ms = 60000, .samples = 2};
    (void)state;
    expect(&score, "0:50 10:40 20:40 30:40 40:60 50:90 60:90", "...F..C");
}

/* ---- cool-down and attempts ---- */

static const struct hal9_trigger_spec spec = {
    .cooldown_ms = 300000, .attempts = 3, .within_ms = 86400000};

static struct hal9_attempt *tried(struct hal9_attempts *a, int64_t begun, int64_t ended) {
    struct hal9_attempt *one = HAL9_APPEND(a->v, a->n, a->cap);

    *one = (struct hal9_attempt){.begun_ms = begun * 1000, .ended_ms = ended * 1000};
    return one;
}

static void expect_action(struct hal9_attempts *a, int64_t now, const char *action, int64_t until) {
    int64_t ret;

    assert_string_equal(hal9_watch_action_name(rb_decide(&spec, a, now * 1000, &ret)), action);
    assert_int_equal(ret, until * 1000);
}

static void it_cools_down_from_the_end_of_the_last(void **state) {
    struct hal9_attempts a = {0};
    (void)state;
    expect_action(&a, 1000, "fired", 0);
    tried(&a, 1000, 1100);
    expect_action(&a, 1101, "cooldown", 1400);
    expect_action(&a, 1399, "cooldown", 1400);
    expect_action(&a, 1400, "fired", 0);
    /* the clock was set back: it lasts no longer for that */
    expect_action(&a, 500, "cooldown", 800);
    expect_action(&a, 800, "fired", 0);
    hal9_attempts_clear(&a);
}

static void attempts_come_to_their_end(void **state) {
    struct hal9_attempts a = {0};
    (void)state;
    tried(&a, 1000, 1000);
    tried(&a, 2000, 2000);
    expect_action(&a, 3000, "fired", 0);
    /* one that was killed before it did anything counts, and has nothing to cool down from */
    tried(&a, 3000, 0);
    expect_action(&a, 3001, "attempts", 0);
    /* a day later the first two don't count any more */
    expect_action(&a, 2000 + 86401, "fired", 0);
    assert_int_equal(a.n, 1);
    a.stopped_ms = 1;
    expect_action(&a, 10 * 86400, "attempts", 0);
    hal9_attempts_clear(&a);
}

static void one_that_has_an_operation_cools_down(void **state) {
    struct hal9_attempts a = {0};
    (void)state;
    tried(&a, 1000, 0);
    expect_action(&a, 1001, "fired", 0);
    a.v[0].operation = hal9_strdup("01jd");
    expect_action(&a, 1001, "cooldown", 1300);
    hal9_attempts_clear(&a);
}

/* ---- what records count ---- */

static struct hal9_rollback_watch *watch_of(struct hal9_rollback_spec *plan, const char *machine) {
    struct hal9_rollback_watch *w = NULL;
    const struct hal9_rollback_watch_opts o = {.plan = plan, .machine = machine};

    assert_ok(hal9_rollback_watch_new(&o, &w, NULL));
    return w;
}

static void give(struct hal9_rollback_watch *w, int second, const char *members) {
    _cleanup_json_ cJSON *r = NULL;
    _cleanup_free_ char *text =
        hal9_strf("{\"machine\":\"m\",\"time\":\"2026-11-23T03:00:%02dZ\",%s}", second, members);

    assert_ok(hal9_json_parse(text, strlen(text), &r, NULL));
    hal9_rollback_watch_record(w, r);
}

/* Whether it fires once the same has come three times. */
static bool fires(struct hal9_rollback_spec *plan, const char *machine, const char *members) {
    struct hal9_rollback_watch *w = watch_of(plan, machine);
    struct hal9_watch_decision d = {0};
    struct hal9_attempts a = {0};

    for (int second = 0; second < 3; second++)
        give(w, second, members);
    const bool fired = hal9_rollback_watch_next(w, &a, &d);

    assert_true(!fired || (d.action == HAL9_WATCH_FIRED && d.reason));
    hal9_watch_decision_clear(&d);
    hal9_rollback_watch_free(w);
    return fired;
}

static void records_count_by_kind_unit_plan_and_service(void **state) {
    struct hal9_limit_spec error_rate = {.limit = 0.05, .clear = 0.05, .min = 20},
                           p99 = {.limit = 0.5, .clear = 0.5}, score = {.limit = 0.5, .clear = 0.5};
    struct hal9_trigger_spec t = {.error_rate = &error_rate,
                                  .p99 = &p99,
                                  .score = &score,
                                  .samples = 3,
                                  .cooldown_ms = 1,
                                  .attempts = 1,
                                  .within_ms = 86400000,
                                  .to = (char *)"good"};
    struct hal9_rollback_spec plan = {.name = (char *)"migration", .trigger = &t};
    static const struct {
        const char *members;
        bool fires;
    } cases[] = {
        {"'kind':'sample','metric':'error_rate','value':0.06", true},
        {"'kind':'sample','metric':'error_rate','value':6,'unit':'%'", true},
        {"'kind':'sample','metric':'error_rate','value':4,'unit':'%'", false},
        {"'kind':'sample','metric':'error_rate','value':6,'unit':'apples'", false},
        {"'kind':'sample','metric':'error_rate','value':0.06,'count':19", false},
        {"'kind':'sample','metric':'error_rate','value':0.06,'count':20", true},
        {"'kind':'sample','metric':'error_rate','value':0.06,'plan':'migration'", true},
        {"'kind':'sample','metric':'error_rate','value':0.06,'plan':'other'", false},
        {"'kind':'sample','metric':'error_rate','value':0.06,'service':'web'", true},
        {"'kind':'sample','metric':'error_rate','value':0.06,'service':'other'", false},
        {"'kind':'sample','metric':'load','value':99", false},
        {"'kind':'sample','metric':'p99','value':501,'unit':'ms'", true},
        {"'kind':'sample','metric':'p99','value':0.501,'unit':'s'", true},
        {"'kind':'sample','metric':'p99','value':499,'unit':'ms'", false},
        {"'kind':'check','check':'error rate','state':'fail','value':'0.06','unit':''", true},
        {"'kind':'check','check':'p99','state':'pass','value':'0.6','unit':'s'", true},
        {"'kind':'check','check':'p99','state':'unknown','value':'0.6','unit':'s'", false},
        {"'kind':'check','check':'p99','state':'fail','value':'fast','unit':'s'", false},
        {"'kind':'verdict','service':'web','state':'failing','score':0.25", true},
        {"'kind':'verdict','service':'web','state':'degraded','score':0.75", false},
        {"'kind':'verdict','service':'web','state':'unknown','score':0", false},
        {"'kind':'verdict','service':'web','state':'held','score':0", false},
        {"'kind':'verdict','service':'web','state':'failing','cause':'operation','score':0", false},
        {"'kind':'verdict','service':'web','state':'failing'", false},
        {"'kind':'verdict','service':'db','state':'failing','score':0", false},
        {"'kind':'holder','metric':'error_rate','value':0.06", false},
    };
    (void)state;
    hal9_strv_add(&plan.health, "web");
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = hal9_strdup(cases[i].members);

        for (char *c = text; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        if (fires(&plan, NULL, text) != cases[i].fires)
            fail_msg("%s: %s", text, cases[i].fires ? "does not fire" : "fires");
        assert_false(fires(&plan, "another", text));
    }
    hal9_strv_free(&plan.health);
}

/* Two services are two series: half of the samples of each are no row. */
static void each_series_stands_for_itself(void **state) {
    struct hal9_limit_spec score = {.limit = 0.5, .clear = 0.5};
    struct hal9_trigger_spec t = {
        .score = &score, .samples = 2, .attempts = 1, .within_ms = 86400000, .to = (char *)"good"};
    struct hal9_rollback_spec plan = {.name = (char *)"migration", .trigger = &t};
    struct hal9_watch_decision d = {0};
    struct hal9_attempts a = {0};
    (void)state;
    hal9_strv_add(&plan.health, "a");
    hal9_strv_add(&plan.health, "b");
    struct hal9_rollback_watch *w = watch_of(&plan, NULL);

    give(w, 0, "\"kind\":\"verdict\",\"service\":\"a\",\"state\":\"failing\",\"score\":0");
    give(w, 0, "\"kind\":\"verdict\",\"service\":\"b\",\"state\":\"failing\",\"score\":0");
    assert_false(hal9_rollback_watch_next(w, &a, &d));
    give(w, 1, "\"kind\":\"verdict\",\"service\":\"a\",\"state\":\"healthy\",\"score\":1");
    give(w, 1, "\"kind\":\"verdict\",\"service\":\"b\",\"state\":\"failing\",\"score\":0");
    assert_true(hal9_rollback_watch_next(w, &a, &d));
    assert_string_equal(d.service, "b");
    /* what was measured before the end of a rollback is of no interest any more */
    hal9_rollback_watch_acted(w, d.at_ms + 2000);
    hal9_watch_decision_clear(&d);
    for (int second = 2; second < 6; second++) {
        give(w, second, "\"kind\":\"verdict\",\"service\":\"b\",\"state\":\"failing\",\"score\":0");
        assert_int_equal(hal9_rollback_watch_next(w, &a, &d), second == 5);
    }
    hal9_watch_decision_clear(&d);
    hal9_rollback_watch_free(w);
    hal9_strv_free(&plan.health);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_fires_when_the_time_is_full),
        cmocka_unit_test(between_the_levels_it_goes_on),
        cmocka_unit_test(no_data_neither_fires_nor_clears),
        cmocka_unit_test(late_ones_and_copies_are_nothing),
        cmocka_unit_test(a_clock_that_goes_back_begins_anew),
        cmocka_unit_test(a_score_is_bad_below),
        cmocka_unit_test(it_cools_down_from_the_end_of_the_last),
        cmocka_unit_test(attempts_come_to_their_end),
        cmocka_unit_test(one_that_has_an_operation_cools_down),
        cmocka_unit_test(records_count_by_kind_unit_plan_and_service),
        cmocka_unit_test(each_series_stands_for_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
