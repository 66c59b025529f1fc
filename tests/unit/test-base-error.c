/* Errors: words, places, hints; untouched on success, replaced on failure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/base.h"

static void set_replaces_all(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_error_set(&err, HAL9_E_CONFIG, "first %d", 1);
    hal9_error_place(&err, "hal9.yaml", 7, 12);
    hal9_error_hint(&err, "look");
    assert_int_equal(hal9_error_set(&err, HAL9_E_BUSY, "then: %s", err.message), HAL9_E_BUSY);
    assert_int_equal(err.code, HAL9_E_BUSY);
    assert_string_equal(err.message, "then: first 1");
    assert_null(err.file);
    assert_null(err.hint);
    assert_int_equal(err.line, 0);
}

static void null_error_is_allowed(void **state) {
    (void)state;
    assert_int_equal(hal9_error_set(NULL, HAL9_E_IO, "x"), HAL9_E_IO);
    assert_int_equal(hal9_error_errno(NULL, EACCES, "x"), HAL9_E_PERM);
    hal9_error_place(NULL, "f", 1, 1);
    hal9_error_hint(NULL, "h");
    hal9_error_prefix(NULL, "p");
    hal9_error_clear(NULL);
    _cleanup_free_ char *text = hal9_error_text(NULL);
    assert_string_equal(text, "");
}

static void errno_maps_to_codes(void **state) {
    (void)state;
    static const struct {
        int errnum;
        hal9_status code;
    } cases[] = {
        {EACCES, HAL9_E_PERM},   {EPERM, HAL9_E_PERM},        {ENOENT, HAL9_E_NOT_FOUND},
        {EEXIST, HAL9_E_EXISTS}, {ETIMEDOUT, HAL9_E_TIMEOUT}, {ENOSPC, HAL9_E_IO},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        assert_int_equal(hal9_error_errno(&err, cases[i].errnum, "open %s", "/x"), cases[i].code);
        assert_int_equal(err.errnum, cases[i].errnum);
        _cleanup_free_ char *want = hal9_strf("open /x: %s", strerror(cases[i].errnum));
        assert_string_equal(err.message, want);
    }
}

static void errno_message_may_quote_the_old_one(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_error_set(&err, HAL9_E_IO, "old");
    hal9_error_errno(&err, ENOSPC, "after %s", err.message);
    assert_true(hal9_startswith(err.message, "after old: "));
}

static void text_has_place_and_hint(void **state) {
    (void)state;
    static const struct {
        const char *file;
        unsigned line;
        unsigned col;
        const char *hint;
        const char *want;
    } cases[] = {
        {NULL, 0, 0, NULL, "bad"},
        {"a.yaml", 0, 0, NULL, "a.yaml: bad"},
        {"a.yaml", 3, 0, NULL, "a.yaml:3: bad"},
        {"a.yaml", 3, 9, "fix it", "a.yaml:3:9: bad; fix it"},
        {NULL, 0, 0, "fix it", "bad; fix it"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        hal9_error_set(&err, HAL9_E_CONFIG, "bad");
        hal9_error_place(&err, cases[i].file, cases[i].line, cases[i].col);
        if (cases[i].hint)
            hal9_error_hint(&err, "%s", cases[i].hint);
        _cleanup_free_ char *text = hal9_error_text(&err);
        assert_string_equal(text, cases[i].want);
    }
}

static void text_without_message_names_the_status(void **state) {
    (void)state;
    struct hal9_error err = {.code = HAL9_E_DRIFT};
    _cleanup_free_ char *text = hal9_error_text(&err);
    assert_string_equal(text, "drift");
}

static void prefix_and_hint_may_quote_what_they_replace(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error err = {0};
    hal9_error_set(&err, HAL9_E_IO, "inner");
    hal9_error_hint(&err, "first");
    hal9_error_hint(&err, "%s, second", err.hint);
    hal9_error_prefix(&err, "outer %d", 2);
    assert_string_equal(err.message, "outer 2: inner");
    assert_string_equal(err.hint, "first, second");
}

static void move_takes_and_clears(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error from = {0};
    _cleanup_error_ struct hal9_error to = {0};
    hal9_error_set(&to, HAL9_E_IO, "old");
    hal9_error_set(&from, HAL9_E_LIMIT, "new");
    assert_int_equal(hal9_error_move(&to, &from), HAL9_E_LIMIT);
    assert_string_equal(to.message, "new");
    assert_null(from.message);
    assert_int_equal(from.code, HAL9_OK);
    assert_int_equal(hal9_error_move(&to, &to), HAL9_E_LIMIT);
    assert_string_equal(to.message, "new");
    assert_int_equal(hal9_error_move(NULL, &to), HAL9_E_LIMIT);
    assert_null(to.message);
}

static void every_status_has_its_own_name(void **state) {
    (void)state;
    for (int a = HAL9_OK; a <= HAL9_E_PROTOCOL; a++)
        for (int b = HAL9_OK; b < a; b++)
            assert_string_not_equal(hal9_status_name((hal9_status)a),
                                    hal9_status_name((hal9_status)b));
    assert_string_equal(hal9_status_name(HAL9_E_NOT_FOUND), "not_found");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_replaces_all),
        cmocka_unit_test(null_error_is_allowed),
        cmocka_unit_test(errno_maps_to_codes),
        cmocka_unit_test(errno_message_may_quote_the_old_one),
        cmocka_unit_test(text_has_place_and_hint),
        cmocka_unit_test(text_without_message_names_the_status),
        cmocka_unit_test(prefix_and_hint_may_quote_what_they_replace),
        cmocka_unit_test(move_takes_and_clears),
        cmocka_unit_test(every_status_has_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
