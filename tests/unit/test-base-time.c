/* Clocks and RFC 3339. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/base.h"

static const int64_t sample = 1795403045678; /* 2026-11-23T03:04:05.678Z */

static void formats_utc(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {sample, "2026-11-23T03:04:05.678Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        char text[32];
        hal9_time_format(cases[i].ms, text);
        assert_string_equal(text, cases[i].want);
    }
}

static void parses_rfc3339(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-23T03:04:05.678Z", sample},
        {"2026-11-23t03:04:05.678z", sample},
        {"2026-11-23 03:04:05.678999999Z", sample},
        {"2026-11-23T05:34:05.678+02:30", sample},
        {"2026-11-22T20:04:05.678-07:00", sample},
        {"2026-11-23T03:04:05.6Z", sample - 78},
        {"1969-12-31T23:59:59.999-00:00", -1},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"0000-01-01T00:00:00Z", -62167219200000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        int64_t ms = 42;
        assert_ok(hal9_time_parse(cases[i].text, &ms, NULL));
        assert_true(ms == cases[i].want);
    }
}

static void refuses_what_is_no_time(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "now",
        "2026-11-23",
        "2026-11-23T03:04Z",
        "2026-11-23T03:04:05",
        "2026-11-23T03:04:05.Z",
        "2026-11-23T03:04:05ZZ",
        " 2026-11-23T03:04:05Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-11-31T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T03:60:05Z",
        "2026-11-23T03:04:61Z",
        "2026-11-23T03:04:05+2:00",
        "2026-11-23T03:04:05+24:00",
        "+026-11-23T03:04:05Z",
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        int64_t ms = 42;
        assert_int_equal(hal9_time_parse(bad[i], &ms, &err), HAL9_E_USAGE);
        assert_int_equal(ms, 42);
        assert_says(err, bad[i]);
    }
}

/* Every format that we write we read, over many days and both sides of 1970. */
static void round_trip(void **state) {
    (void)state;
    for (int64_t ms = -4000000000000; ms < 8000000000000; ms += 86399999LL * 37) {
        char text[32];
        int64_t back;
        hal9_time_format(ms, text);
        assert_ok(hal9_time_parse(text, &back, NULL));
        assert_true(back == ms);
    }
}

static void now_obeys_hal9ops_now(void **state) {
    (void)state;
    setenv("HAL9OPS_NOW", "2026-11-23T03:04:05.678Z", 1);
    assert_true(hal9_now_ms() == sample);
    setenv("HAL9OPS_NOW", "1795403045", 1);
    assert_true(hal9_now_ms() == sample - 678);
    int64_t before = hal9_mono_us();
    assert_true(hal9_mono_us() >= before);
    assert_true(hal9_mono_us() / 1000 - hal9_mono_ms() <= 0);

    int64_t real = (int64_t)time(NULL) * 1000;
    setenv("HAL9OPS_NOW", "yesterday", 1); /* told on stderr, once */
    assert_true(llabs(hal9_now_ms() - real) < 60000);
    unsetenv("HAL9OPS_NOW");
    assert_true(llabs(hal9_now_ms() - real) < 60000);
}

static void local_time_follows_tz(void **state) {
    (void)state;
    char text[16];
    setenv("TZ", "UTC0", 1);
    hal9_time_clock(sample, text);
    assert_string_equal(text, "03:04");
    assert_int_equal(hal9_time_local_hour(sample), 3);
    setenv("TZ", "XST-5:30", 1);
    hal9_time_clock(sample, text);
    assert_string_equal(text, "08:34");
    setenv("TZ", "XST9", 1);
    assert_int_equal(hal9_time_local_hour(sample), 18);
    unsetenv("TZ");
}

static void spans_in_words(void **state) {
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        {0, "0 ms"},
        {5, "5 ms"},
        {99, "99 ms"},
        {100, "0.1 s"},
        {400, "0.4 s"},
        {59949, "59.9 s"},
        {59999, "1 min"},
        {60000, "1 min"},
        {90000, "1 min 30 s"},
        {13 * 60000 + 59999, "13 min"},
        {3600000, "1 h"},
        {3 * 3600000 + 5 * 60000, "3 h 5 min"},
        {49 * 3600000, "2 d 1 h"},
        {-5000, "-5.0 s"},
        {INT64_MAX, "106751991167 d 7 h"},
        {INT64_MIN, "-106751991167 d 7 h"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = hal9_span_text(cases[i].ms);
        assert_string_equal(text, cases[i].want);
    }
    _cleanup_free_ char *fine = hal9_span_us_text(1834);
    assert_string_equal(fine, "1.8 ms");
    _cleanup_free_ char *rounded = hal9_span_us_text(99951);
    assert_string_equal(rounded, "0.1 s");
    _cleanup_free_ char *least = hal9_span_us_text(INT64_MIN);
    assert_string_equal(least, "-106751991 d 4 h");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_utc),
        cmocka_unit_test(parses_rfc3339),
        cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(now_obeys_hal9ops_now),
        cmocka_unit_test(local_time_follows_tz),
        cmocka_unit_test(spans_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
