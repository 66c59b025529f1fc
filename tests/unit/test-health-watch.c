/* The watch: what it believes of answers, how often it asks, when its rounds are due; with answers and clocks of the test's own. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "health-internal.h"

/* ---- a check whose answers are a script: P pass, F fail, U unknown; the last one stays */

static const char *script;
static size_t asked;

static void answer(struct hal9_check_run *r) {
    const size_t n = strlen(script);
    const char c = script[asked < n ? asked : n - 1];

    asked++;
    hal9_check_done(r,
                    c == 'P'   ? HAL9_CHECK_PASS
                    : c == 'F' ? HAL9_CHECK_FAIL
                               : HAL9_CHECK_UNKNOWN,
                    "check_failed", "answer %zu is %c", asked, c);
}

static const struct hal9_check_driver scripted = {.key = "scripted", .start = answer};

static void pass(struct hal9_check_run *r) {
    hal9_check_done(r, HAL9_CHECK_PASS, NULL, "fine");
}
static const struct hal9_check_driver passing = {.key = "passing", .start = pass};

static struct hal9_check make(const char *name, const struct hal9_check_driver *d) {
    return (struct hal9_check){.name = (char *)name,
                               .driver = d,
                               .timeout_ms = 5000,
                               .weight = 1,
                               .rise = 2,
                               .fall = 3,
                               .critical = -1};
}

/* ---- clocks that the test moves */

static int64_t mono_at, boot_at;
static int64_t mono(void) {
    return mono_at;
}
static int64_t boot(void) {
    return boot_at;
}
static void sleep_both(int64_t ms) {
    mono_at += ms;
    boot_at += ms;
}

struct world {
    struct hal9_watch *w;
    struct hal9_check checks[2];
    struct hal9_check *list[2];
    struct hal9_health h;
};

/* quick_ms 1: asked again at once. With every at an hour, a round has all the time it wants. */
static void open_world(struct world *o, const char *answers, int64_t every_ms, int64_t quick_ms) {
    *o = (struct world){
        .w = hal9_watch_new(&(struct hal9_watch_spec){.every_ms = every_ms, .quick_ms = quick_ms})};
    o->checks[0] = make("script", &scripted);
    o->checks[1] = make("other", &passing);
    o->list[0] = &o->checks[0];
    o->list[1] = &o->checks[1];
    o->h = (struct hal9_health){
        .checks = o->list, .n_checks = 1, .deadline_ms = -1, .cancel_fd = -1, .only = true};
    script = answers;
    asked = 0;
}

static void close_world(struct world *o) {
    hal9_watch_free(o->w);
}

static struct hal9_verdicts round_of(struct world *o) {
    struct hal9_verdicts v = {0};
    struct hal9_round r;

    hal9_watch_begin(o->w, &r);
    assert_ok(hal9_watch_probe(o->w, &o->h, -1, &v, NULL));
    assert_int_equal(v.n, o->h.n_checks);
    return v;
}

/* Plays rounds; the states that were told, a letter each: H healthy, F failing, U unknown. */
static void play(struct world *o, const char *want) {
    for (const char *p = want; *p; p++) {
        struct hal9_verdicts v = round_of(o);
        const char got = v.v[0].state == HAL9_HEALTHY   ? 'H'
                         : v.v[0].state == HAL9_FAILING ? 'F'
                                                        : 'U';

        if (got != *p)
            fail_msg("round %zu of %s: %c, %s", (size_t)(p - want) + 1, want, got, v.v[0].reason);
        hal9_verdicts_clear(&v);
    }
}

/* ---- what is believed */

/* One answer a round: nothing is asked again where a round has no time for it. */
static void rise_and_fall(void **state) {
    static const struct {
        const char *answers, *want;
    } cases[] = {
        {"PPPP", "HHHH"},       /* the first pass is believed */
        {"PFFFF", "HHHFF"},     /* three failures in a row */
        {"PFFPFFP", "HHHHHHH"}, /* never three in a row */
        {"FFFPPP", "UUFFHH"},   /* until then nobody knows; two passes to rise */
        {"FP", "UHH"},          /* never known, so the first pass will do */
        {"PFFFPFPPP", "HHHFFFFHH"},
        {"PUUUPP", "HHHUUH"},     /* silence is not health */
        {"PUFUFU", "HHHUUU"},     /* nor are failures and silence in turns */
        {"PFFFUUUU", "HHHFFFUU"}, /* nothing is known any more */
        {"PUUUFFFF", "HHHUUUFF"},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct world o;

        open_world(&o, cases[i].answers, 1, 1000);
        play(&o, cases[i].want);
        close_world(&o);
    }
}

static void undecided_says_how_far_it_is(void **state) {
    struct world o;

    (void)state;
    open_world(&o, "FF", 1, 1000);
    struct hal9_verdicts v = round_of(&o);

    assert_string_equal(v.v[0].reason, "1 of 3 times in a row: answer 1 is F");
    assert_int_equal(v.v[0].jobs[0].result.state,
                     HAL9_CHECK_FAIL); /* the record tells the answer */
    assert_int_equal(v.v[0].beliefs[0].state, HAL9_CHECK_UNKNOWN);
    assert_false(v.v[0].beliefs[0].decided);
    assert_int_equal(v.v[0].beliefs[0].streak, 1);
    assert_int_equal(v.v[0].beliefs[0].need, 3);
    hal9_verdicts_clear(&v);
    close_world(&o);
}

static void it_is_asked_again_until_decided(void **state) {
    static const struct {
        const char *answers, *want;
        size_t asked;
    } cases[] = {
        {"P", "H", 1},     {"FFF", "F", 3},   {"FFP", "H", 3},       {"PFP", "HH", 3},
        {"PFFF", "HF", 4}, {"FFFP", "FH", 5}, {"FFFPFPP", "FFH", 7}, {"UUU", "U", 3},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct world o;

        open_world(&o, cases[i].answers, 3600000, 1);
        play(&o, cases[i].want);
        if (asked != cases[i].asked)
            fail_msg("%s: asked %zu times, not %zu", cases[i].answers, asked, cases[i].asked);
        close_world(&o);
    }
}

static void who_wants_to_stop_does_not_ask_again(void **state) {
    struct world o;
    struct hal9_verdicts v = {0};
    struct hal9_round r;
    int fds[2];

    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], "!", 1), 1);
    open_world(&o, "F", 3600000, 60000);
    hal9_watch_begin(o.w, &r);
    assert_ok(hal9_watch_probe(o.w, &o.h, fds[0], &v, NULL));
    assert_int_equal(asked, 1);
    assert_int_equal(v.v[0].state, HAL9_HEALTH_UNKNOWN);
    hal9_verdicts_clear(&v);
    close_world(&o);
    close(fds[0]);
    close(fds[1]);
}

/* ---- changes */

static void changes_are_told_once(void **state) {
    struct world o;

    (void)state;
    open_world(&o, "PPFFFFPP", 1, 1000);
    static const char changed[] = "10001001"; /* known; failing after three; healthy after two */

    for (size_t i = 0; changed[i]; i++) {
        struct hal9_verdicts v = round_of(&o);

        if (v.v[0].changed != (changed[i] == '1'))
            fail_msg("round %zu: changed is %d", i + 1, v.v[0].changed);
        assert_int_equal(v.v[0].has_before, i == 4 || i == 7);
        if (i == 4)
            assert_int_equal(v.v[0].before, HAL9_HEALTHY);
        if (i == 7)
            assert_int_equal(v.v[0].before, HAL9_FAILING);
        assert_false(v.v[0].flapping);
        hal9_verdicts_clear(&v);
    }
    close_world(&o);
}

static void flapping_begins_and_calms_down(void **state) {
    struct hal9_service_history h = {0};
    const struct hal9_flap flap = {.count = 3, .within_ms = 1000};
    /* A change each 100 ms makes four within a second at the fifth; then silence. */
    static const struct {
        int64_t at;
        enum hal9_health_state state;
        bool flapping, changed;
    } steps[] = {
        {0, HAL9_HEALTHY, false, true},     {100, HAL9_FAILING, false, true},
        {200, HAL9_HEALTHY, false, true},   {300, HAL9_FAILING, false, true},
        {400, HAL9_HEALTHY, true, true},    {500, HAL9_HEALTHY, true, false},
        {1200, HAL9_HEALTHY, true, false}, /* those at 300 and 400 are left */
        {1300, HAL9_HEALTHY, false, true}, /* one is half of three: calm, and that is news */
        {1500, HAL9_HEALTHY, false, false},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(steps); i++) {
        struct hal9_verdict v = {.state = steps[i].state};

        hal9_history_take(&h, &flap, steps[i].at, 1000000 + steps[i].at, &v);
        if (v.flapping != steps[i].flapping || v.changed != steps[i].changed)
            fail_msg("at %d ms: flapping %d, changed %d, %zu changes", (int)steps[i].at, v.flapping,
                     v.changed, v.changes);
        if (v.has_before)
            assert_int_equal(v.lasted_ms, 100);
    }
    assert_int_equal(h.since_ms, 1000400);
    hal9_history_clear(&h);
}

/* ---- when */

static void on_clocks(struct world *o) {
    o->w->mono = mono;
    o->w->boot = boot;
    mono_at = 1000000;
    boot_at = 5000000;
}

static void rounds_do_not_drift(void **state) {
    struct world o;
    struct hal9_round r;

    (void)state;
    open_world(&o, "P", 10000, 1);
    on_clocks(&o);
    for (int i = 0; i < 100; i++) {
        struct hal9_verdicts v = {0};

        hal9_watch_begin(o.w, &r);
        assert_int_equal(r.number, i + 1);
        assert_int_equal(r.gap_ms, 0);
        assert_int_equal(r.late_ms, 0);
        assert_ok(hal9_watch_probe(o.w, &o.h, -1, &v, NULL));
        hal9_verdicts_clear(&v);
        assert_int_equal(hal9_watch_next_ms(o.w), 1000000 + (i + 1) * 10000);
        /* Whoever waits is some ms late each time. */
        sleep_both(hal9_watch_next_ms(o.w) + 7 + i % 13 - mono_at);
    }
    close_world(&o);
}

static int64_t round_takes;
static void slow_answer(struct hal9_check_run *r) {
    sleep_both(round_takes);
    hal9_check_done(r, HAL9_CHECK_PASS, NULL, "at last");
}
static const struct hal9_check_driver slow = {.key = "slow", .start = slow_answer};

static void rounds_do_not_overlap(void **state) {
    struct world o;
    struct hal9_round r;

    (void)state;
    open_world(&o, "P", 10000, 1);
    on_clocks(&o);
    o.checks[0].driver = &slow;
    round_takes = 23000;
    struct hal9_verdicts v = round_of(&o);

    hal9_verdicts_clear(&v);
    /* Two were due meanwhile: they are left out, and the pace is kept. */
    assert_int_equal(hal9_watch_next_ms(o.w), 1000000 + 30000);
    sleep_both(7000);
    hal9_watch_begin(o.w, &r);
    assert_int_equal(r.late_ms, 20000);
    assert_int_equal(r.gap_ms, 0);
    close_world(&o);
}

/* Suspended: the monotonic clock stood still, the other one went on. */
static void a_gap_is_neither_up_nor_down(void **state) {
    struct world o;
    struct hal9_round r;
    struct hal9_verdicts v = {0};

    (void)state;
    open_world(&o, "PFFFF", 10000, 60000);
    on_clocks(&o);
    play(&o, "H");
    sleep_both(10000);
    play(&o, "H");
    sleep_both(10000);
    play(&o, "H"); /* two failures in a row */
    boot_at += 7200000;
    sleep_both(10000);
    hal9_watch_begin(o.w, &r);
    assert_int_equal(r.gap_ms, 7200000);
    assert_ok(hal9_watch_probe(o.w, &o.h, -1, &v, NULL));
    /* The third in a row by count is the first after the gap. */
    assert_int_equal(v.v[0].state, HAL9_HEALTHY);
    assert_int_equal(v.v[0].beliefs[0].streak, 1);
    hal9_verdicts_clear(&v);
    sleep_both(10000);
    hal9_watch_begin(o.w, &r);
    assert_int_equal(r.gap_ms, 0);
    close_world(&o);
}

/* Stopped by a signal: both clocks went on, and the rounds missed are left out. */
static void a_stopped_process_is_a_gap(void **state) {
    struct world o;
    struct hal9_round r;

    (void)state;
    open_world(&o, "P", 10000, 60000);
    on_clocks(&o);
    play(&o, "H");
    sleep_both(10000 + 95000);
    hal9_watch_begin(o.w, &r);
    assert_int_equal(r.gap_ms, 95000);
    struct hal9_verdicts v = {0};

    assert_ok(hal9_watch_probe(o.w, &o.h, -1, &v, NULL));
    hal9_verdicts_clear(&v);
    assert_int_equal(hal9_watch_next_ms(o.w), 1000000 + 110000);
    sleep_both(5000);
    hal9_watch_begin(o.w, &r);
    assert_int_equal(r.gap_ms, 0);
    close_world(&o);
}

static int64_t nap_ms;
static void sleepy_answer(struct hal9_check_run *r) {
    boot_at += nap_ms;
    nap_ms = 0;
    answer(r);
}
static const struct hal9_check_driver sleepy = {.key = "sleepy", .start = sleepy_answer};

static void what_was_asked_before_sleep_does_not_count(void **state) {
    struct world o;

    (void)state;
    open_world(&o, "FP", 10000, 60000);
    on_clocks(&o);
    o.checks[0].driver = &sleepy;
    nap_ms = 3600000;
    play(&o, "H"); /* the failure was of the time before; asked again at once */
    assert_int_equal(asked, 2);
    close_world(&o);
}

/* ---- of what */

static void each_check_has_its_own_pace(void **state) {
    struct world o;

    (void)state;
    open_world(&o, "P", 10000, 1);
    on_clocks(&o);
    o.h.n_checks = 2;
    o.checks[0].every_ms = 30000;
    static const size_t asked_after[] = {1, 1, 1, 2, 2, 2, 3};

    for (size_t i = 0; i < HAL9_ARRAY_LEN(asked_after); i++) {
        struct hal9_verdicts v = round_of(&o);

        assert_int_equal(asked, asked_after[i]);
        assert_int_equal(v.v[0].beliefs[0].probed, i % 3 == 0);
        assert_true(v.v[1].beliefs[0].probed);
        assert_int_equal(v.v[0].state, HAL9_HEALTHY);
        hal9_verdicts_clear(&v);
        sleep_both(10000);
    }
    close_world(&o);
}

static void a_faster_check_makes_more_rounds(void **state) {
    struct world o;

    (void)state;
    open_world(&o, "P", 10000, 1);
    on_clocks(&o);
    o.h.n_checks = 2;
    o.checks[0].every_ms = 2500;
    for (size_t i = 0; i < 9; i++) {
        struct hal9_verdicts v = round_of(&o);

        assert_int_equal(asked, i + 1);
        assert_int_equal(v.v[1].beliefs[0].probed, i % 4 == 0);
        hal9_verdicts_clear(&v);
        assert_int_equal(hal9_watch_next_ms(o.w), 1000000 + (int64_t)(i + 1) * 2500);
        sleep_both(2500);
    }
    close_world(&o);
}

static void what_is_configured_anew_begins_anew(void **state) {
    struct world o;
    cJSON *spec = cJSON_CreateString("another");

    (void)state;
    open_world(&o, "PFFF", 1, 1000);
    play(&o, "HH");
    o.checks[0].spec = spec;
    play(&o, "U"); /* the same name, another check: nothing is known of it */
    o.checks[0].spec = NULL;
    play(&o, "U");
    cJSON_Delete(spec);
    assert_int_equal(o.w->n_checks, 1); /* and the old one is forgotten */
    close_world(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rise_and_fall),
        cmocka_unit_test(undecided_says_how_far_it_is),
        cmocka_unit_test(it_is_asked_again_until_decided),
        cmocka_unit_test(who_wants_to_stop_does_not_ask_again),
        cmocka_unit_test(changes_are_told_once),
        cmocka_unit_test(flapping_begins_and_calms_down),
        cmocka_unit_test(rounds_do_not_drift),
        cmocka_unit_test(rounds_do_not_overlap),
        cmocka_unit_test(a_gap_is_neither_up_nor_down),
        cmocka_unit_test(a_stopped_process_is_a_gap),
        cmocka_unit_test(what_was_asked_before_sleep_does_not_count),
        cmocka_unit_test(each_check_has_its_own_pace),
        cmocka_unit_test(a_faster_check_makes_more_rounds),
        cmocka_unit_test(what_is_configured_anew_begins_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
