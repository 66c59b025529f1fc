/* Text as terminals take it: columns, widths, what can't be shown. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "cli-internal.h"

static int in_utf8(void **state) {
    (void)state;
    unsetenv("LC_ALL");
    unsetenv("LC_CTYPE");
    return setenv("LANG", "ko_KR.UTF-8", 1);
}

static int in_c(void **state) {
    (void)state;
    unsetenv("LC_CTYPE");
    setenv("LANG", "ko_KR.UTF-8", 1);
    return setenv("LC_ALL", "C", 1);
}

static void the_locale_tells(void **state) {
    static const struct {
        const char *all, *ctype, *lang;
        bool utf8;
    } cases[] = {
        {NULL, NULL, NULL, false},       {NULL, NULL, "ko_KR.UTF-8", true},
        {NULL, NULL, "C.utf8", true},    {"C", NULL, "ko_KR.UTF-8", false},
        {"", "en_US.UTF-8", "C", true},  {NULL, "POSIX", "en_US.UTF-8", false},
        {"de_DE.UTF-8", "C", "C", true}, {NULL, NULL, "ko_KR.eucKR", false},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        const char *const values[] = {cases[i].all, cases[i].ctype, cases[i].lang};
        static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

        for (size_t k = 0; k < 3; k++)
            assert_int_equal(values[k] ? setenv(names[k], values[k], 1) : unsetenv(names[k]), 0);
        if (cli_utf8() != cases[i].utf8)
            fail_msg("case %zu", i);
    }
}

static void columns(void **state) {
    static const struct {
        const char *text;
        int columns;
    } cases[] = {
        {"", 0},      {"hal9", 4},      {"서버", 4},
        {"é", 1},     {"e\xcc\x81", 1}, {"\033[31mred\033[0m", 3},
        {"日本", 4},  {"🔥", 2},         {"\xff\xfe", 2},
        {"naïve", 5},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++)
        if (cli_columns(cases[i].text) != cases[i].columns)
            fail_msg("%s: %d columns", cases[i].text, cli_columns(cases[i].text));
}

static void cuts_whole_characters(void **state) {
    static const struct {
        const char *text;
        int columns;
        const char *want;
    } cases[] = {
        {"hal9-server", 4, "hal9"},
        {"서버", 3, "서"},
        {"서버", 4, "서버"},
        {"abc", 0, ""},
        {"abc", -5, ""},
        {"a서", 2, "a"},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *got = cli_cut(cases[i].text, cases[i].columns);

        assert_string_equal(got, cases[i].want);
    }
}

static void check_fit(const char *text, int width, const char *want) {
    _cleanup_free_ char *got = cli_fit(text, width);

    assert_string_equal(got, want);
}

static void lines_are_broken_at_blanks(void **state) {
    (void)state;
    check_fit("short\n", 40, "short\n");
    check_fit("one two three four\n", 10, "one two\n  three\n  four\n");
    check_fit("    port 8080 is held by web\n", 20, "    port 8080 is\n      held by web\n");
    check_fit("supercalifragilistic\n", 10, "supercalifragilistic\n");
    check_fit("a supercalifragilistic b\n", 10, "a\n  supercalifragilistic\n  b\n");
    check_fit("wide   gaps   here\n", 12, "wide   gaps\n  here\n");
    check_fit("one two\nthree four\n", 8, "one two\nthree\n  four\n");
    check_fit("no end yet, however long it is", 10, "no end yet, however long it is");
    check_fit("\033[31mfailing\033[0m port conflict\n", 20,
              "\033[31mfailing\033[0m port\n  conflict\n");
    check_fit("서버 데이터 베이스\n", 12, "서버 데이터\n  베이스\n");
    check_fit("not broken at all\n", 0, "not broken at all\n");
}

static void what_is_typed_stays_whole(void **state) {
    (void)state;
    check_fit("1 of 2 failing. Next: hal9-portfix" CLI_GLUE "hal9-server\n", 30,
              "1 of 2 failing. Next:\n  hal9-portfix hal9-server\n");
    check_fit("to the end done" CLI_GLUE "0.1" CLI_GLUE "s\n", 20, "to the end\n  done 0.1 s\n");
    check_fit("8080 is free. Undo: hal9-rollback undo 7f3a\n", 36,
              "8080 is free. Undo:\n  hal9-rollback undo 7f3a\n");
    check_fit("stopped: hal9-rollback resume 7f3a, or else another day\n", 34,
              "stopped:\n  hal9-rollback resume 7f3a, or\n  else another day\n");
}

static void nothing_talks_to_the_terminal(void **state) {
    (void)state;
    check_fit("a\001b\033]0;title\007c\n", 0, "a?b?]0;title?c\n");
    check_fit("\033[2Jgone\033[31mred\033[0m\n", 0, "?[2Jgone\033[31mred\033[0m\n");
    check_fit("hidden \033[8mwords\033[K \033[1;31mred\n", 0, "hidden ?[8mwords?[K ?[1;31mred\n");
    check_fit("failing\rhealthy\n", 0, "failing?healthy\n");
    check_fit("\r\033[Kprogress", 0, "\r\033[Kprogress");
    check_fit("turned \xe2\x80\xae round\n", 0, "turned ? round\n");
    check_fit("c1 \xc2\x9b"
              "31m\n",
              0, "c1 ?31m\n");
    check_fit("bad \xff\xc3 bytes\n", 0, "bad ?? bytes\n");
    check_fit("서버\n", 0, "서버\n");
}

static void a_terminal_of_ascii_gets_ascii(void **state) {
    (void)state;
    check_fit("서버 is naïve\n", 0, "?? is na?ve\n");
    check_fit("\033[31mred\033[0m\n", 0, "\033[31mred\033[0m\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_locale_tells),
        cmocka_unit_test_setup(columns, in_utf8),
        cmocka_unit_test_setup(cuts_whole_characters, in_utf8),
        cmocka_unit_test_setup(lines_are_broken_at_blanks, in_utf8),
        cmocka_unit_test_setup(what_is_typed_stays_whole, in_utf8),
        cmocka_unit_test_setup(nothing_talks_to_the_terminal, in_utf8),
        cmocka_unit_test_setup(a_terminal_of_ascii_gets_ascii, in_c),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
