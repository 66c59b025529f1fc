/* JSON: what is accepted and refused and where, numbers beyond doubles, texts, pointers, equality.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "doc/json-scan.h"
#include "hal9ops/doc.h"

static cJSON *parse(const char *text) {
    cJSON *j = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    if (hal9_json_parse(text, strlen(text), &j, &err) != HAL9_OK)
        fail_msg("%s: %s", text, err.message);
    return j;
}

static void accepted(void **state) {
    (void)state;
    static const char *const good[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "1.5e+10",
        "\"\"",
        "true",
        "false",
        "null",
        " [ 1 , 2 ] ",
        "\t\r\n{}\n",
        "{\"a\":{\"b\":[{}]}}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u20ac\"",
        "\"\xf0\x9f\x98\x80\"",
        "\"\\ud83d\\ude00\"",
        "1E-2",
        "[[],[],{}]",
        "\"\x7f\"",
        "\"\xed\x9f\xbf\"",
        "\"\xf4\x8f\xbf\xbf\"",
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(good); i++) {
        struct hal9_json_scan scan;
        assert_true(hal9_json_scan(good[i], strlen(good[i]), &scan));
        cJSON_Delete(parse(good[i]));
    }
}

static void refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *says;
        unsigned line, col;
    } bad[] = {
        {"", "ends where a value", 1, 1},
        {"  \n ", "ends where a value", 2, 2},
        {"01", "does not write so", 1, 1},
        {"-", "does not write so", 1, 1},
        {"+1", "no value begins so", 1, 1},
        {".5", "no value begins so", 1, 1},
        {"1.", "behind its point", 1, 1},
        {"[1e]", "exponent", 1, 2},
        {"[1e+]", "exponent", 1, 2},
        {"NaN", "no value begins so", 1, 1},
        {"nul", "word", 1, 1},
        {"True", "no value begins so", 1, 1},
        {"{} x", "behind the end", 1, 4},
        {"{}{}", "behind the end", 1, 3},
        {"[1,]", "no value begins so", 1, 4},
        {"[1 2]", "comma", 1, 4},
        {"[1", "comma", 1, 3},
        {"{\"a\":1,}", "key in quotes", 1, 8},
        {"{\"a\" 1}", "colon", 1, 6},
        {"{a:1}", "key in quotes", 1, 2},
        {"{\"a\":1\n \"b\":2}", "comma", 2, 2},
        {"\"ab", "closing quote", 1, 4},
        {"\"\\", "closing quote", 1, 3},
        {"\"\\x\"", "unknown escape", 1, 2},
        {"\"\\u12g4\"", "hexadecimal", 1, 2},
        {"\"\\u123", "hexadecimal", 1, 2},
        {"\"a\tb\"", "control character", 1, 3},
        {"\"a\nb\"", "control character", 1, 3},
        {"\"\xc3\xa4\xff\"", "not UTF-8", 1, 3},
        {"\"\xc0\x80\"", "not UTF-8", 1, 2},         /* overlong */
        {"\"\xe0\x9f\xbf\"", "not UTF-8", 1, 2},     /* overlong */
        {"\"\xf0\x8f\xbf\xbf\"", "not UTF-8", 1, 2}, /* overlong */
        {"\"\xed\xa0\x80\"", "not UTF-8", 1, 2},     /* surrogate */
        {"\"\xf4\x90\x80\x80\"", "not UTF-8", 1, 2}, /* beyond U+10FFFF */
        {"\"\xe2\x82\"", "not UTF-8", 1, 2},
        {"\xef\xbb\xbf{}", "no value begins so", 1, 1},
        {"\"\\u0000\"", "\\u0000", 1, 2},
        {"{\"a\":\"\\ud800x\"}", "surrogate", 1, 7},
        {"\"\\udc00\"", "surrogate", 1, 2},
        {"{\"a\":1,\"b\":2,\"a\":3}", "'a' stands in one object twice", 1, 14},
        {"[{\"k\":{\"x\":1,\"\\u0078\":2}}]", "'x' stands in one object twice", 1, 14},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        cJSON *j = NULL;
        print_message("# %s\n", bad[i].says);
        assert_int_equal(hal9_json_parse(bad[i].text, strlen(bad[i].text), &j, &err),
                         HAL9_E_PROTOCOL);
        assert_null(j);
        assert_says(err, bad[i].says);
        assert_int_equal(err.line, bad[i].line);
        assert_int_equal(err.col, bad[i].col);
    }
    cJSON *j = NULL;
    assert_int_equal(hal9_json_parse("\"a\0b\"", 5, &j, NULL), HAL9_E_PROTOCOL);
    assert_int_equal(hal9_json_parse("1\0", 2, &j, NULL), HAL9_E_PROTOCOL);
}

static void every_prefix_is_refused(void **state) {
    (void)state;
    static const char text[] =
        "{\"a\\u00e4\":[1.5e3,true,null,\"\xe2\x82\xac\"],\"b\":{\"c\":false}}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        /* A copy of exactly that size: a read beyond it is seen by ASan. */
        _cleanup_free_ char *copy = malloc(len > 0 ? len : 1);
        memcpy(copy, text, len);
        struct hal9_json_scan scan;
        assert_false(hal9_json_scan(copy, len, &scan));
        assert_true(scan.at <= len);
    }
}

/* Compares with a second, slow decoder: every sequence of up to three bytes behind one lead byte.
 */
static bool slow_utf8(const unsigned char *p, size_t len) {
    uint32_t code =
        len == 1   ? p[0]
        : len == 2 ? (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f)
                   : (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    static const uint32_t least[] = {0, 0, 0x80, 0x800};
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return false;
    return code >= least[len] && (code < 0xd800 || code > 0xdfff);
}

static void utf8_table(void **state) {
    (void)state;
    for (unsigned lead = 0x80; lead < 0xf0; lead++)
        for (unsigned a = 0; a < 256; a++)
            for (unsigned b = 0; b < 256; b += 3) {
                unsigned char seq[] = {(unsigned char)lead, (unsigned char)a, (unsigned char)b};
                size_t len = lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : 3;
                size_t want = len > 0 && slow_utf8(seq, len) ? len : 0;
                assert_int_equal(hal9_utf8_length(seq, seq + 3), want);
            }
}

static void depth(void **state) {
    (void)state;
    char text[512];
    _cleanup_error_ struct hal9_error err = {0};
    cJSON *j = NULL;
    memset(text, '[', 100);
    memset(text + 100, ']', 100);
    assert_ok(hal9_json_parse(text, 200, &j, NULL));
    cJSON_Delete(j);
    memset(text, '[', 101);
    memset(text + 101, ']', 101);
    assert_int_equal(hal9_json_parse(text, 202, &j, &err), HAL9_E_LIMIT);
    assert_says(err, "100 levels");
    assert_int_equal(err.col, 101);
}

static void numbers_keep_their_value(void **state) {
    (void)state;
    static const struct {
        const char *text, *again;
        bool raw;
    } cases[] = {
        {"0", "0", false},
        {"-0", "-0", false},
        {"1.0", "1", false},
        {"100000000000000000000", "100000000000000000000", false},
        {"0.1", "0.1", false},
        {"0.30000000000000004", "0.30000000000000004", false},
        {"999999999999999", "999999999999999", false},
        {"9007199254740991", "9007199254740991", false},
        {"9007199254740992", "9007199254740992", false},
        {"9007199254740993", "9007199254740993", true},
        {"-9007199254740993", "-9007199254740993", true},
        {"18446744073709551615", "18446744073709551615", true},
        {"1e400", "1e400", true},
        {"1e-400", "1e-400", true},
        {"3.141592653589793238", "3.141592653589793238", true},
        {"1e99999999999999999999", "1e99999999999999999999", true},
        {"0e99999999999999999999", "0", false},
        {"12.50", "12.5", false},
        {"1E2", "100", false},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_json_ cJSON *j = parse(cases[i].text);
        _cleanup_free_ char *text = hal9_json_text(j);
        assert_int_equal(cJSON_IsRaw(j), cases[i].raw);
        _cleanup_json_ cJSON *again = parse(text);
        assert_true(hal9_json_equal(j, again));
        if (strcmp(cases[i].again, "100000000000000000000") != 0)
            assert_string_equal(text, cases[i].again);
    }
}

static void doubles_read_back(void **state) {
    (void)state;
    static const double values[] = {0.1,
                                    1.0 / 3,
                                    DBL_MAX,
                                    DBL_MIN,
                                    5e-324,
                                    1e15,
                                    1e16,
                                    -1e-7,
                                    1e21,
                                    123456789012345678.0,
                                    4503599627370497.5};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(values); i++) {
        _cleanup_json_ cJSON *j = cJSON_CreateNumber(values[i]);
        _cleanup_free_ char *text = hal9_json_text(j);
        assert_true(strtod(text, NULL) == values[i]);
        struct hal9_json_scan scan;
        assert_true(hal9_json_scan(text, strlen(text), &scan));
    }
    _cleanup_json_ cJSON *nan_item = cJSON_CreateNumber(NAN);
    _cleanup_free_ char *text = hal9_json_text(nan_item);
    assert_string_equal(text, "null");
}

static void strings(void **state) {
    (void)state;
    static const char *const same[] = {
        "\"\\\"\\\\\\n\\r\\t\\u0001\\u001f/\"",
        "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(same); i++) {
        _cleanup_json_ cJSON *j = parse(same[i]);
        _cleanup_free_ char *text = hal9_json_text(j);
        assert_string_equal(text, same[i]);
    }
    _cleanup_json_ cJSON *pair = parse("\"\\ud83d\\ude00\\u00e4\\u20AC\\/\\b\\f\"");
    assert_string_equal(pair->valuestring, "\xf0\x9f\x98\x80\xc3\xa4\xe2\x82\xac/\b\f");
    _cleanup_json_ cJSON *unsafe =
        parse("\"\x7f\xc2\x85\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbf\xc2\xa0\"");
    _cleanup_free_ char *escaped = hal9_json_text(unsafe);
    assert_string_equal(escaped, "\"\\u007f\\u0085\\u2028\\ufeff\\uffff\xc2\xa0\"");
    /* A process may be named so; what we write is UTF-8 all the same. */
    _cleanup_json_ cJSON *bytes = cJSON_CreateString("a\xff\xc3z\xe2\x82");
    _cleanup_free_ char *text = hal9_json_text(bytes);
    assert_string_equal(text, "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void pointers(void **state) {
    (void)state;
    /* The examples of RFC 6901, section 5. */
    _cleanup_json_ cJSON *j =
        parse("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,\"g|h\":4,"
              "\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"Foo\":9}");
    static const struct {
        const char *pointer;
        int want;
    } cases[] = {{"/", 0},     {"/a~1b", 1}, {"/c%d", 2}, {"/e^f", 3},  {"/g|h", 4},
                 {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},   {"/m~0n", 8}, {"/Foo", 9}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        const cJSON *found = hal9_json_pointer(j, cases[i].pointer);
        assert_non_null(found);
        assert_true(found->valuedouble == cases[i].want);
    }
    assert_ptr_equal(hal9_json_pointer(j, ""), j);
    assert_string_equal(hal9_json_pointer(j, "/foo/1")->valuestring, "baz");
    static const char *const nothing[] = {"/foo/2",  "/foo/-",   "/foo/01", "/foo/+1",
                                          "/foo/ 1", "/foo/0/x", "/FOO",    "foo",
                                          "/m~2n",   "/m~",      "/foo/"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(nothing); i++)
        assert_null(hal9_json_pointer(j, nothing[i]));
}

static void equality(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool want;
    } cases[] = {
        {"{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1.0}", true},
        {"{\"a\":1}", "{\"A\":1}", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":1}", false},
        {"[1,2]", "[2,1]", false},
        {"[1,2]", "[1,2,3]", false},
        {"9007199254740993", "9007199254740992", false},
        {"9007199254740993", "9007199254740993.0", true},
        {"1e400", "10e399", true},
        {"1e400", "-1e400", false},
        {"1e99999999999999999999", "1e99999999999999999998", false},
        {"\"1\"", "1", false},
        {"null", "false", false},
        {"[]", "{}", false},
        {"\"a\"", "\"\\u0061\"", true},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_json_ cJSON *a = parse(cases[i].a);
        _cleanup_json_ cJSON *b = parse(cases[i].b);
        assert_int_equal(hal9_json_equal(a, b), cases[i].want);
        assert_int_equal(hal9_json_equal(b, a), cases[i].want);
    }
    assert_true(hal9_json_equal(NULL, NULL));
}

static void members(void **state) {
    (void)state;
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "s", "text");
    hal9_json_add_str(j, "none", NULL);
    hal9_json_add_int(j, "max", (int64_t)1 << 53);
    hal9_json_add_int(j, "beyond", ((int64_t)1 << 53) + 1);
    hal9_json_add_int(j, "least", INT64_MIN);
    hal9_json_add_u64(j, "cookie", UINT64_MAX);
    cJSON_AddTrueToObject(j, "yes");
    cJSON_AddNumberToObject(j, "half", 0.5);
    _cleanup_free_ char *text = hal9_json_text(j);
    assert_string_equal(text, "{\"s\":\"text\",\"max\":9007199254740992,\"beyond\":"
                              "\"9007199254740993\",\"least\":\"-9223372036854775808\",\"cookie\":"
                              "\"18446744073709551615\",\"yes\":true,\"half\":0.5}");
    assert_string_equal(hal9_json_str(j, "s"), "text");
    assert_null(hal9_json_str(j, "S"));
    assert_null(hal9_json_str(j, "max"));
    assert_true(hal9_json_int(j, "max", -1) == (int64_t)1 << 53);
    assert_true(hal9_json_int(j, "beyond", -1) == ((int64_t)1 << 53) + 1);
    assert_true(hal9_json_int(j, "least", -1) == INT64_MIN);
    assert_int_equal(hal9_json_int(j, "half", -1), -1);
    assert_int_equal(hal9_json_int(j, "s", -1), -1);
    assert_int_equal(hal9_json_int(NULL, "s", -1), -1);
    assert_true(hal9_json_u64(j, "cookie") == UINT64_MAX);
    assert_true(hal9_json_u64(j, "max") == (uint64_t)1 << 53);
    assert_true(hal9_json_u64(j, "least") == 0);
    assert_true(hal9_json_bool(j, "yes", false));
    assert_true(hal9_json_bool(j, "s", true));
    _cleanup_json_ cJSON *big = parse("{\"n\":18446744073709551615}");
    assert_true(hal9_json_u64(big, "n") == UINT64_MAX);
}

static void vectors(void **state) {
    (void)state;
    _cleanup_strv_ struct hal9_strv argv = {0}, again = {0};
    hal9_strv_add(&argv, "/bin/x");
    hal9_strv_add(&argv, "");
    _cleanup_json_ cJSON *j = hal9_json_strv(&argv);
    cJSON_AddItemToArray(j, cJSON_CreateNumber(1));
    hal9_json_get_strv(j, &again);
    assert_int_equal(again.n, 2);
    assert_string_equal(again.v[0], "/bin/x");
    assert_string_equal(again.v[1], "");
    hal9_json_get_strv(NULL, &again);
    assert_int_equal(again.n, 2);
}

static void a_million_keys(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf text = {0};
    hal9_buf_putc(&text, '{');
    for (int i = 0; i < 200000; i++)
        hal9_buf_printf(&text, "%s\"key%d\":%d", i ? "," : "", i, i);
    hal9_buf_puts(&text, ",\"key77\":1}");
    _cleanup_error_ struct hal9_error err = {0};
    cJSON *j = NULL;
    assert_int_equal(hal9_json_parse(text.data, text.len, &j, &err), HAL9_E_PROTOCOL);
    assert_says(err, "'key77'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(utf8_table),
        cmocka_unit_test(depth),
        cmocka_unit_test(numbers_keep_their_value),
        cmocka_unit_test(doubles_read_back),
        cmocka_unit_test(strings),
        cmocka_unit_test(pointers),
        cmocka_unit_test(equality),
        cmocka_unit_test(members),
        cmocka_unit_test(vectors),
        cmocka_unit_test(a_million_keys),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
