/* Durations, sizes, percentages, CPU, numbers: what is read and what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/base.h"

static void durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t want;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"500ms", 500},
        {"30s", 30000},
        {"5m", 300000},
        {"1h", 3600000},
        {"2d", 172800000},
        {"1h30m", 5400000},
        {"1d2h3m4s5ms", 93784005},
        {"90m", 5400000},
        {"106751991167d", 106751991167 * 86400000},
        {"9223372036854775807ms", INT64_MAX},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        int64_t ms = -1;
        assert_ok(hal9_parse_duration(cases[i].text, &ms, NULL));
        assert_true(ms == cases[i].want);
    }
}

static void bad_durations(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "30",
        "s",
        "-30s",
        "+30s",
        " 30s",
        "30s ",
        "30 s",
        "1.5h",
        "30sx",
        "1h1h",
        "1m1h",
        "1h30",
        "1hm",
        "30S",
        "00",
        "0x10s",
        "1e3s",
        "9223372036854775808ms",
        "106751991168d",
        "99999999999999999999s",
        "106751991167d24h",
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        int64_t ms = 42;
        assert_int_equal(hal9_parse_duration(bad[i], &ms, &err), HAL9_E_USAGE);
        assert_int_equal(ms, 42);
        assert_says(err, bad[i]);
    }
}

static void duration_without_unit_is_told_one(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error err = {0};
    int64_t ms;
    hal9_parse_duration("30", &ms, &err);
    assert_string_equal(err.hint, "give it a unit, such as 30s");
}

static void sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t want;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"4096B", 4096},
        {"1k", 1000},
        {"1K", 1000},
        {"1Ki", 1024},
        {"1KiB", 1024},
        {"100M", 100000000},
        {"100MB", 100000000},
        {"5Gi", 5368709120},
        {"1.5Gi", 1610612736},
        {"0.1Ki", 103},
        {"2Ti", 2199023255552},
        {"1P", 1000000000000000},
        {"15Ei", 17293822569102704640u},
        {"18446744073709551615", UINT64_MAX},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        uint64_t bytes = 1;
        assert_ok(hal9_parse_size(cases[i].text, &bytes, NULL));
        assert_true(bytes == cases[i].want);
    }
}

static void bad_sizes(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "Gi",
        "-1",
        "+1",
        " 1",
        "1 Gi",
        "1gi",
        "1.5",
        "1.Gi",
        ".5Gi",
        "5GiX",
        "5iB",
        "5BB",
        "16Ei",
        "5m",
        "1e3",
        "18446744073709551616",
        "20E",
        "1.0000000000000000001Gi",
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        uint64_t bytes = 42;
        assert_int_equal(hal9_parse_size(bad[i], &bytes, &err), HAL9_E_USAGE);
        assert_int_equal(bytes, 42);
        assert_says(err, bad[i]);
    }
}

static void percentages(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double want;
    } cases[] = {{"0%", 0}, {"10%", 0.1}, {"0.5%", 0.005}, {"100%", 1}, {"150%", 1.5}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        double fraction = -1;
        assert_ok(hal9_parse_percent(cases[i].text, &fraction, NULL));
        assert_true(fabs(fraction - cases[i].want) < 1e-12);
    }
    static const char *const bad[] = {"",     "%",    "10",   "-10%", "10%%",
                                      "10 %", "1,5%", "nan%", "inf%"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        double fraction = 42;
        assert_int_equal(hal9_parse_percent(bad[i], &fraction, &err), HAL9_E_USAGE);
        assert_true(fraction == 42);
        assert_says(err, bad[i]);
    }
}

static void cpu(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double want;
    } cases[] = {{"0", 0},       {"2", 2},       {"500m", 0.5},
                 {"0.25", 0.25}, {"1500m", 1.5}, {"250000000n", 0.25}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        double cores = -1;
        assert_ok(hal9_parse_cpu(cases[i].text, &cores, NULL));
        assert_true(fabs(cores - cases[i].want) < 1e-12);
    }
    static const char *const bad[] = {"", "m", "-1", "1M", "500mm", "1 ", "two", "1."};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        double cores = 42;
        assert_int_equal(hal9_parse_cpu(bad[i], &cores, &err), HAL9_E_USAGE);
        assert_true(cores == 42);
        assert_says(err, bad[i]);
    }
}

static void integers(void **state) {
    (void)state;
    int64_t n = 42;
    assert_ok(hal9_parse_int("8080", 1, 65535, &n, NULL));
    assert_true(n == 8080);
    assert_ok(hal9_parse_int("-5", -10, 10, &n, NULL));
    assert_true(n == -5);
    assert_ok(hal9_parse_int("9223372036854775807", 0, INT64_MAX, &n, NULL));
    assert_true(n == INT64_MAX);
    assert_ok(hal9_parse_int("-9223372036854775808", INT64_MIN, INT64_MAX, &n, NULL));
    assert_true(n == INT64_MIN);
}

static void bad_integers(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "x",
                                      "80x",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "1.0",
                                      "65536",
                                      "0",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        int64_t n = 42;
        assert_int_equal(hal9_parse_int(bad[i], 1, 65535, &n, &err), HAL9_E_USAGE);
        assert_int_equal(n, 42);
        assert_says(err, bad[i]);
    }
    _cleanup_error_ struct hal9_error err = {0};
    int64_t n;
    hal9_parse_int("70000", 1, 65535, &n, &err);
    assert_string_equal(err.message, "'70000' is not between 1 and 65535");
}

static void sizes_in_words(void **state) {
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *want;
    } cases[] = {
        {0, "0 B"},           {1023, "1023 B"},         {1024, "1.0 KiB"}, {5368709120, "5.0 GiB"},
        {1048575, "1.0 MiB"}, {UINT64_MAX, "16.0 EiB"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = hal9_size_text(cases[i].bytes);
        assert_string_equal(text, cases[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(bad_durations),
        cmocka_unit_test(duration_without_unit_is_told_one),
        cmocka_unit_test(sizes),
        cmocka_unit_test(bad_sizes),
        cmocka_unit_test(percentages),
        cmocka_unit_test(cpu),
        cmocka_unit_test(integers),
        cmocka_unit_test(bad_integers),
        cmocka_unit_test(sizes_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
