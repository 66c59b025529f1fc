/* Secrets: references read at use, names that look like secrets. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"

static char *file_with(const void *data, size_t len) {
    char *path = hal9_strdup("/tmp/hal9-secret-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    close(fd);
    return path;
}

static void from_files(void **state) {
    (void)state;
    static const struct {
        const char *data;
        size_t len;
        const char *want, *says;
    } cases[] = {
        {"abc", 3, "abc", NULL},
        {"abc\n", 4, "abc", NULL},
        {"abc\r\n", 5, "abc", NULL},
        {" abc \n\n", 7, " abc \n", NULL},
        {"", 0, NULL, "is empty"},
        {"\n", 1, NULL, "is empty"},
        {"abc\0def", 7, NULL, "has a NUL byte"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_free_ char *path = file_with(cases[i].data, cases[i].len);
        _cleanup_free_ char *reference = hal9_strf("file:%s", path);
        _cleanup_error_ struct hal9_error err = {0};
        char *secret = NULL;
        hal9_status code = hal9_secret_read(reference, &secret, &err);
        if (cases[i].want) {
            assert_ok(code);
            assert_string_equal(secret, cases[i].want);
        } else {
            assert_int_equal(code, HAL9_E_CONFIG);
            assert_null(secret);
            assert_says(err, cases[i].says);
            assert_null(strstr(err.message, "abc"));
        }
        hal9_secret_free(secret);
        unlink(path);
    }
}

static void large_files(void **state) {
    (void)state;
    _cleanup_free_ char *big = hal9_alloc(65538);
    memset(big, 'x', 65537);
    for (size_t len = 65536; len <= 65537; len++) {
        _cleanup_free_ char *path = file_with(big, len);
        _cleanup_free_ char *reference = hal9_strf("file:%s", path);
        _cleanup_error_ struct hal9_error err = {0};
        char *secret = NULL;
        hal9_status code = hal9_secret_read(reference, &secret, &err);
        assert_int_equal(code, len == 65536 ? HAL9_OK : HAL9_E_CONFIG);
        if (code)
            assert_says(err, "is larger than 64 KiB");
        else
            assert_int_equal(strlen(secret), len);
        hal9_secret_free(secret);
        unlink(path);
    }
}

static void what_is_not_there(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error err = {0};
    char *secret = NULL;
    assert_int_equal(hal9_secret_read("file:/nonexistent/key", &secret, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "the secret in /nonexistent/key cannot be read");
    assert_int_equal(hal9_secret_read("file:/", &secret, &err), HAL9_E_IO);
    unsetenv("HAL9_TEST_TOKEN");
    assert_int_equal(hal9_secret_read("env:HAL9_TEST_TOKEN", &secret, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "HAL9_TEST_TOKEN is not there");
    setenv("HAL9_TEST_TOKEN", "", 1);
    assert_int_equal(hal9_secret_read("env:HAL9_TEST_TOKEN", &secret, &err), HAL9_E_NOT_FOUND);
    assert_says(err, "HAL9_TEST_TOKEN is empty");
    assert_int_equal(hal9_secret_read("hunter2", &secret, &err), HAL9_E_CONFIG);
    assert_null(strstr(err.message, "hunter2"));
    assert_null(secret);
    setenv("HAL9_TEST_TOKEN", "tops3cret", 1);
    assert_ok(hal9_secret_read("env:HAL9_TEST_TOKEN", &secret, &err));
    assert_string_equal(secret, "tops3cret");
    hal9_secret_free(secret);
    hal9_secret_free(NULL);
}

static void names(void **state) {
    (void)state;
    static const char *const secret[] = {"token",
                                         "TOKEN",
                                         "GITHUB_TOKEN",
                                         "password",
                                         "PGPASSWORD",
                                         "db_password",
                                         "routing_key",
                                         "API_KEY",
                                         "apikey",
                                         "X-Api-Key",
                                         "AWS_SECRET_ACCESS_KEY",
                                         "Authorization",
                                         "Proxy-Authorization",
                                         "CREDENTIALS",
                                         "Cookie",
                                         "Set-Cookie",
                                         "MYSQL_PWD",
                                         "DB_PASS",
                                         "client_secret",
                                         "passphrase",
                                         "SENTRY_DSN",
                                         "private.key"};
    static const char *const plain[] = {
        "PATH",     "HOME",          "PWD",  "OLDPWD",  "LANG",   "KEYBOARD", "key", "monkey",
        "HOSTKEYS", "SSH_AUTH_SOCK", "port", "compass", "BYPASS", "user",     ""};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(secret); i++)
        if (!hal9_secret_name(secret[i]))
            fail_msg("%s is the name of a secret", secret[i]);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(plain); i++)
        if (hal9_secret_name(plain[i]))
            fail_msg("%s is no name of a secret", plain[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_files),
        cmocka_unit_test(large_files),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
