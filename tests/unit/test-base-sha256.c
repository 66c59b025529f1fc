/* SHA-256: known values, and the processor's rounds agree with libmd's at all lengths and cuts. */
#include <string.h>

#include "harness.h"

#include "base/sha256-rounds.h"

static void test_known(void **state) {
    char hex[65];
    uint8_t sum[32];
    (void)state;
    hal9_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hal9_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hal9_sha256_plain("abc", 3, sum);
    hal9_hex(sum, 32, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_all_lengths(void **state) {
    uint8_t data[700], one[32], other[32], third[32];
    (void)state;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 167 + i / 256);
    for (size_t len = 0; len <= sizeof(data); len++) {
        struct hal9_sha256 h;
        hal9_sha256(data, len, one);
        hal9_sha256_plain(data, len, other);
        hal9_sha256_start(&h);
        hal9_sha256_add(&h, data, len / 3);
        hal9_sha256_add(&h, data + len / 3, len - len / 3);
        hal9_sha256_end(&h, third);
        assert_memory_equal(one, other, 32);
        assert_memory_equal(one, third, 32);
    }
    printf("# by the processor: %s\n", hal9_sha256_by_processor() ? "yes" : "no");
}

static void test_hex(void **state) {
    uint8_t bytes[2];
    (void)state;
    assert_true(hal9_unhex("0aff", bytes, 2));
    assert_int_equal(bytes[0], 0x0a);
    assert_int_equal(bytes[1], 0xff);
    assert_false(hal9_unhex("0af", bytes, 2));
    assert_false(hal9_unhex("0afff", bytes, 2));
    assert_false(hal9_unhex("0aFF", bytes, 2));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_all_lengths),
        cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
