/* Blobs: content by its name, damage told, nothing written twice. */
#include "store-temp.h"

#include "sys/fault.h"

#define SHA_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char *blob_path(struct hal9_state *s, const char *sha) {
    return hal9_strf("%s/blobs/%.2s/%s", hal9_state_path(s), sha, sha);
}

static void expect_blob(struct hal9_state *s, const char *sha, const void *data, size_t len) {
    _cleanup_buf_ struct hal9_buf content = {0};
    assert_ok(hal9_blob_get(s, sha, &content, NULL));
    assert_int_equal(content.len, len);
    if (len > 0)
        assert_memory_equal(content.data, data, len);
}

static void content_comes_back(void **state) {
    struct temp *t = *state;
    char sha[65];
    assert_ok(hal9_blob_put(t->s, "abc", 3, sha, NULL));
    assert_string_equal(sha, SHA_ABC);
    expect_blob(t->s, sha, "abc", 3);
    _cleanup_free_ char *path = blob_path(t->s, sha);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);

    assert_ok(hal9_blob_put(t->s, "", 0, sha, NULL));
    expect_blob(t->s, sha, "", 0);

    _cleanup_free_ char *large = hal9_alloc(3 << 20);
    memset(large + 100, 0xa5, 2 << 20);
    assert_ok(hal9_blob_put(t->s, large, 3 << 20, sha, NULL));
    expect_blob(t->s, sha, large, 3 << 20);
}

static void the_same_twice_is_one_file(void **state) {
    struct temp *t = *state;
    char sha[65];
    struct stat before;
    struct stat after;
    assert_ok(hal9_blob_put(t->s, "abc", 3, sha, NULL));
    _cleanup_free_ char *path = blob_path(t->s, sha);
    assert_int_equal(stat(path, &before), 0);
    hal9_fault_setup("write:1:EIO"); /* it isn't written */
    hal9_status status = hal9_blob_put(t->s, "abc", 3, sha, NULL);
    hal9_fault_setup(NULL);
    assert_int_equal(status, HAL9_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void damage_is_told_and_mended(void **state) {
    struct temp *t = *state;
    char sha[65];
    assert_ok(hal9_blob_put(t->s, "abc", 3, sha, NULL));
    _cleanup_free_ char *path = blob_path(t->s, sha);
    static const char *const damaged[] = {"abd", "ab", "", "abcd"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(damaged); i++) {
        assert_ok(hal9_file_write(path, damaged[i], strlen(damaged[i]), 0600, NULL));
        struct hal9_buf content = {0};
        _cleanup_error_ struct hal9_error err = {0};
        assert_int_equal(hal9_blob_get(t->s, sha, &content, &err), HAL9_E_CORRUPT);
        assert_says(err, path);
        assert_null(content.data);
        assert_ok(hal9_blob_put(t->s, "abc", 3, sha, NULL));
        expect_blob(t->s, sha, "abc", 3);
    }
}

static void what_is_not_there(void **state) {
    struct temp *t = *state;
    struct hal9_buf content = {0};
    assert_int_equal(hal9_blob_get(t->s, SHA_ABC, &content, NULL), HAL9_E_NOT_FOUND);
    static const char longer[] = SHA_ABC "0";
    static const char *const bad[] = {
        "", "abc", "../../../../etc/passwd", longer,
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++)
        assert_int_equal(hal9_blob_get(t->s, bad[i], &content, NULL), HAL9_E_CORRUPT);
    assert_null(content.data);
}

/* Each change that a put makes fails once: an error, never a wrong or half blob, and the next
 * attempt succeeds. */
static void every_failure_leaves_nothing_half(void **state) {
    struct temp *t = *state;
    for (unsigned n = 1;; n++) {
        char text[16];
        snprintf(text, sizeof(text), "blob %u", n);
        char spec[32];
        snprintf(spec, sizeof(spec), "%u:EIO", n);
        char sha[65] = "";
        hal9_fault_setup(spec);
        hal9_status status = hal9_blob_put(t->s, text, strlen(text), sha, NULL);
        unsigned passed = hal9_fault_count();
        hal9_fault_setup(NULL);
        if (passed < n) {
            assert_ok(status);
            assert_true(n > 5);
            break;
        }
        assert_int_equal(status, HAL9_E_IO);
        assert_string_equal(sha, "");
        assert_ok(hal9_blob_put(t->s, text, strlen(text), sha, NULL));
        expect_blob(t->s, sha, text, strlen(text));
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(content_comes_back),
        TEST(the_same_twice_is_one_file),
        TEST(damage_is_told_and_mended),
        TEST(what_is_not_there),
        TEST(every_failure_leaves_nothing_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
