/* Comparisons and bytes on the wire, as users write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "check/compare.h"
#include "check/text.h"
#include "hal9ops/doc.h"

static void text_is_compared(void **state) {
    (void)state;
    static const struct {
        const char *want, *actual;
        bool holds;
    } cases[] = {
        {"ok", "ok", true},
        {"ok", "ok ", false},
        {"ok", "", false},
        {"", "", true},
        {"!= x", "y", true},
        {"!= x", "x", false},
        {"~ ^o.$", "ok", true},
        {"~ ^o$", "ok", false},
        {"!~ error", "fine", true},
        {"!~ error", "an error", false},
        {"< 10", "9.5", true},
        {"< 10", "10", false},
        {"<= 10", "10", true},
        {"> 10", "1e2", true},
        {">= 10", "-10", false},
        /* What is no number is neither smaller nor larger. */
        {"< 10", "", false},
        {"< 10", "nine", false},
        {"> 1", "10 apples", false},
        {"> 1", "inf", false},
        {"> 1", "0x10", false},
        {"< 10", "nan", false},
        /* Operators want a blank. */
        {"<html>", "<html>", true},
        {"~user", "~user", true},
        {"<10", "9", false},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *why = NULL;
        const bool holds = hal9_compare_text(cases[i].want, cases[i].actual, &why);
        if (holds != cases[i].holds || holds != !why)
            fail_msg("'%s' and '%s': %d, %s", cases[i].want, cases[i].actual, holds,
                     why ? why : "no reason");
    }
}

static void reasons_are_short(void **state) {
    (void)state;
    _cleanup_free_ char *why = NULL, *whole = NULL, *longer = hal9_alloc(1001);
    memset(longer, 'x', 1000);
    assert_false(hal9_compare_text("< 10", "12", &why));
    assert_string_equal(why, "is '12', not '< 10'");
    assert_false(hal9_compare_text("ok", longer, &whole));
    assert_true(strlen(whole) < 100);
}

static void what_can_not_be_compared_is_found(void **state) {
    (void)state;
    static const char *const good[] = {"ok", "< 10", ">= -1.5", "~ ^a|b$", "!~ x", "!= ", ""};
    static const char *const bad[] = {"< x", "> ", "~ (", "!~ [", "<= 1 2"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(good); i++) {
        _cleanup_free_ char *why = NULL;
        assert_true(hal9_compare_valid(good[i], &why));
        assert_null(why);
    }
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_free_ char *why = NULL;
        assert_false(hal9_compare_valid(bad[i], &why));
        assert_non_null(why);
    }
}

static void bodies_may_hold_any_bytes(void **state) {
    (void)state;
    _cleanup_free_ char *why = NULL;
    assert_true(hal9_compare_body("ok", "ok\r\n", 4, &why));
    assert_true(hal9_compare_body("~ ^b$", "a\nb\nc\n", 6, &why));
    assert_true(hal9_compare_body("~ after", "before\0after", 12, &why));
    assert_true(hal9_compare_body("> 3", "4\n", 2, &why));
    assert_null(why);
    assert_false(hal9_compare_body("before", "before\0after", 12, &why));
}

static void json_is_compared(void **state) {
    (void)state;
    static const struct {
        const char *want, *actual;
        bool holds;
    } cases[] = {
        {"\"ok\"", "\"ok\"", true},  {"1", "1.0", true},
        {"1", "\"1\"", false},       {"\"1\"", "1", false},
        {"true", "true", true},      {"true", "1", false},
        {"null", "null", true},      {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
        {"[1,2]", "[2,1]", false},   {"\"< 10\"", "9", true},
        {"\"< 10\"", "\"9\"", true}, {"\"< 10\"", "null", false},
        {"\"< 10\"", "{}", false},   {"\"!= x\"", "\"y\"", true},
        {"\"!= 1\"", "1", false},    {"\"~ ^v1\"", "\"v1.2\"", true},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_json_ cJSON *want = NULL;
        _cleanup_json_ cJSON *actual = NULL;
        _cleanup_free_ char *why = NULL;
        assert_ok(hal9_json_parse(cases[i].want, strlen(cases[i].want), &want, NULL));
        assert_ok(hal9_json_parse(cases[i].actual, strlen(cases[i].actual), &actual, NULL));
        const bool holds = hal9_compare_json(want, actual, &why);
        if (holds != cases[i].holds || holds != !why)
            fail_msg("%s and %s: %d", cases[i].want, cases[i].actual, holds);
    }
}

static void what_is_not_there_never_holds(void **state) {
    (void)state;
    static const char *const wants[] = {"\"!= x\"", "\"< 10\"", "\"!~ x\"", "null", "\"\""};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(wants); i++) {
        _cleanup_json_ cJSON *want = NULL;
        _cleanup_free_ char *why = NULL;
        assert_ok(hal9_json_parse(wants[i], strlen(wants[i]), &want, NULL));
        assert_false(hal9_compare_json(want, NULL, &why));
        assert_string_equal(why, "is not there");
    }
}

static void escapes_are_taken_apart(void **state) {
    (void)state;
    static const char *const wrong[] = {"\\", "\\q", "\\x", "\\x1", "\\xg0", "a\\x1"};
    _cleanup_buf_ struct hal9_buf b = {0};
    _cleanup_free_ char *why = NULL, *shown = NULL;
    assert_true(hal9_unescape("a\\r\\n\\t\\0\\\\\\x41\\xff", &b, &why));
    assert_int_equal(b.len, 8);
    assert_memory_equal(b.data, "a\r\n\t\0\\A\xff", 8);
    shown = hal9_escape(b.data, b.len, 100);
    assert_string_equal(shown, "a\\r\\n\\x09\\x00\\A\\xff");
    for (size_t i = 0; i < HAL9_ARRAY_LEN(wrong); i++) {
        _cleanup_buf_ struct hal9_buf junk = {0};
        _cleanup_free_ char *told = NULL;
        assert_false(hal9_unescape(wrong[i], &junk, &told));
        assert_non_null(told);
    }
}

static void the_first_line_is_shown(void **state) {
    (void)state;
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"OK - all fine\nmore", "OK - all fine"},
        {"\n\r\nlate\n", "late"},
        {"caf\xc3\xa9\tbar", "caf\xc3\xa9\\x09bar"},
        {"bad \xc3( \xed\xa0\x80 \xf5", "bad \\xc3( \\xed\\xa0\\x80 \\xf5"},
        {"", ""},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_buf_ struct hal9_buf b = {0};
        hal9_buf_puts(&b, cases[i].text);
        _cleanup_free_ char *line = hal9_first_line(&b, 100);
        assert_string_equal(line, cases[i].line);
    }
}

static void hosts_and_ports_are_taken_apart(void **state) {
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {
        {"127.0.0.1:80", "127.0.0.1", 80}, {"db:5432", "db", 5432}, {"[::1]:65535", "::1", 65535}};
    static const char *const bad[] = {"",       "db",    "db:",   ":80",      "db:0", "db:x",
                                      "::1:80", "[::1]", "[]:80", "db:65536", "a:b:1"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(good); i++) {
        _cleanup_free_ char *host = NULL, *why = NULL;
        uint16_t port = 0;
        assert_true(hal9_host_port(good[i].text, &host, &port, &why));
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_free_ char *host = NULL, *why = NULL;
        uint16_t port = 0;
        if (hal9_host_port(bad[i], &host, &port, &why) || !why)
            fail_msg("%s", bad[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_compared),
        cmocka_unit_test(reasons_are_short),
        cmocka_unit_test(what_can_not_be_compared_is_found),
        cmocka_unit_test(bodies_may_hold_any_bytes),
        cmocka_unit_test(json_is_compared),
        cmocka_unit_test(what_is_not_there_never_holds),
        cmocka_unit_test(escapes_are_taken_apart),
        cmocka_unit_test(the_first_line_is_shown),
        cmocka_unit_test(hosts_and_ports_are_taken_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
