/* Strings, vectors of them, shell quoting, suggestions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/base.h"

static void comparisons_take_null(void **state) {
    (void)state;
    assert_true(hal9_streq(NULL, NULL));
    assert_false(hal9_streq(NULL, ""));
    assert_false(hal9_streq("", NULL));
    assert_true(hal9_streq("a", "a"));
    assert_true(hal9_startswith("hal9-health", "hal9-"));
    assert_true(hal9_startswith("x", ""));
    assert_false(hal9_startswith("ha", "hal9"));
    assert_false(hal9_startswith(NULL, "h"));
    assert_true(hal9_endswith("x.service", ".service"));
    assert_false(hal9_endswith("ice", ".service"));
    assert_false(hal9_endswith("x", NULL));
}

static void strv_stays_terminated(void **state) {
    (void)state;
    _cleanup_strv_ struct hal9_strv s = {0};
    assert_null(s.v);
    for (size_t i = 0; i < 40; i++) {
        hal9_strv_take(&s, hal9_strf("%zu", i));
        assert_int_equal(s.n, i + 1);
        assert_null(s.v[s.n]);
    }
    hal9_strv_add(&s, NULL);
    assert_int_equal(s.n, 40);
    assert_true(hal9_strv_has(&s, "39"));
    assert_false(hal9_strv_has(&s, "40"));
}

static void sort_unique_is_by_bytes(void **state) {
    (void)state;
    _cleanup_strv_ struct hal9_strv s = {0};
    hal9_strv_sort_unique(&s);
    assert_null(s.v);
    static const char *const words[] = {"b", "a", "B", "b", "\xc3\xa4", "a", "aa"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(words); i++)
        hal9_strv_add(&s, words[i]);
    hal9_strv_sort_unique(&s);
    _cleanup_free_ char *joined = hal9_strv_join(&s, ",");
    assert_string_equal(joined, "B,a,aa,b,\xc3\xa4");
    assert_null(s.v[s.n]);
}

static void copy_replaces(void **state) {
    (void)state;
    _cleanup_strv_ struct hal9_strv from = {0};
    _cleanup_strv_ struct hal9_strv to = {0};
    hal9_strv_add(&from, "x");
    hal9_strv_add(&from, "y");
    hal9_strv_add(&to, "old");
    hal9_strv_copy(&to, &from);
    hal9_strv_copy(&to, &to);
    _cleanup_free_ char *joined = hal9_strv_join(&to, " ");
    assert_string_equal(joined, "x y");
    assert_ptr_not_equal(to.v[0], from.v[0]);
    struct hal9_strv none = {0};
    hal9_strv_copy(&to, &none);
    _cleanup_free_ char *empty = hal9_strv_join(&to, " ");
    assert_string_equal(empty, "");
}

static void quoting_is_what_people_type(void **state) {
    (void)state;
    static const struct {
        const char *argv[4];
        const char *want;
    } cases[] = {
        {{NULL}, ""},
        {{"kill", "-TERM", "4711", NULL}, "kill -TERM 4711"},
        {{"/usr/bin/x", "--a=b", "u@h:/p,q", NULL}, "/usr/bin/x --a=b u@h:/p,q"},
        {{"echo", "", NULL}, "echo ''"},
        {{"echo", "it's", "$HOME", NULL}, "echo 'it'\\''s' '$HOME'"},
        {{"A=b", "C=d", NULL}, "'A=b' C=d"},
        {{"echo", "~", "*", NULL}, "echo '~' '*'"},
        {{"echo", "a\nb\t", NULL}, "echo $'a\\nb\\t'"},
        {{"x", "\x1b[2J'\\", NULL}, "x $'\\033[2J\\'\\\\'"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *text = hal9_shell_quote(cases[i].argv);
        assert_string_equal(text, cases[i].want);
    }
}

/* What bash reads back is what was quoted. */
static void quoting_survives_a_shell(void **state) {
    (void)state;
    static const char *const argv[] = {"printf", "%s|", "a b",      "it's", "",
                                       "\"$x\"", "\\",  "\001\n7'", "*",    NULL};
    _cleanup_free_ char *words = hal9_shell_quote(argv);
    const char *const shell[] = {"bash", "-c", words, NULL};
    _cleanup_free_ char *line = hal9_shell_quote(shell);
    FILE *out = popen(line, "r"); /* sh reads 'bash -c …', bash the words */
    assert_non_null(out);
    char said[128] = "";
    size_t n = fread(said, 1, sizeof(said) - 1, out);
    assert_int_equal(pclose(out), 0);
    said[n] = '\0';
    assert_string_equal(said, "a b|it's||\"$x\"|\\|\001\n7'|*|");
}

static void suggestions(void **state) {
    (void)state;
    static const char *const keys[] = {"grace", "signal", "timeout", "hal9-server", "a", "sh"};
    static const struct {
        const char *word;
        const char *want;
    } cases[] = {
        {"grce", "grace"},
        {"garce", "grace"},
        {"grace", "grace"},
        {"hal9-serve", "hal9-server"},
        {"tmieout", "timeout"},
        {"timeotu", "timeout"},
        {"xyz", NULL},
        {"q", NULL},
        {"", NULL},
        {"signature", NULL},
        {"s", "sh"},
        {"haal9-srver", "hal9-server"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        const char *got = hal9_suggest(cases[i].word, keys, HAL9_ARRAY_LEN(keys));
        if (!cases[i].want)
            assert_null(got);
        else
            assert_string_equal(got, cases[i].want);
    }
    assert_null(hal9_suggest("x", NULL, 0));
}

static void suggestion_takes_the_nearest(void **state) {
    (void)state;
    static const char *const near[] = {"hal9-servers2", "hal9-serverx", "hal9-server"};
    assert_ptr_equal(hal9_suggest("hal9-serve", near, 3), near[2]);
    static const char *const equal[] = {"bat", "cat"};
    assert_ptr_equal(hal9_suggest("rat", equal, 2), equal[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_take_null),
        cmocka_unit_test(strv_stays_terminated),
        cmocka_unit_test(sort_unique_is_by_bytes),
        cmocka_unit_test(copy_replaces),
        cmocka_unit_test(quoting_is_what_people_type),
        cmocka_unit_test(quoting_survives_a_shell),
        cmocka_unit_test(suggestions),
        cmocka_unit_test(suggestion_takes_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
