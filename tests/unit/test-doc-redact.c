/* What is taken out of texts, and what is left in them. */
#include <stdlib.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"

static void expect(const struct hal9_redactor *r, const char *text, const char *wanted) {
    _cleanup_buf_ struct hal9_buf b = {0};
    size_t count = hal9_redact_text(r, text, strlen(text), &b);

    if (strcmp(b.data, wanted) != 0)
        fail_msg("'%s' became '%s', not '%s'", text, b.data, wanted);
    assert_int_equal(count > 0, strcmp(text, wanted) != 0);
    /* what is clean stays as it is */
    _cleanup_buf_ struct hal9_buf again = {0};

    assert_int_equal(hal9_redact_text(r, b.data, b.len, &again), 0);
    assert_string_equal(again.data, b.data);
}

static void names(void **state) {
    static const char *const pairs[][2] = {
        {"password=hunter2", "password=***"},
        {"DB_PASSWORD=hunter2 and more", "DB_PASSWORD=*** and more"},
        {"db.password: hunter2", "db.password: ***"},
        {"{\"api_key\":\"abc def\",\"port\":80}", "{\"api_key\":\"***\",\"port\":80}"},
        {"{\\\"token\\\":\\\"a b\\\",\\\"x\\\":1}", "{\\\"token\\\":\\\"***\\\",\\\"x\\\":1}"},
        {"secret = \"a \\\" b\" rest", "secret = \"***\" rest"},
        {"password: 'it''s' rest", "password: '***' rest"},
        {"password=\"never closed", "password=\"***"},
        {"uid=me;pwd=x,y;z;server=db", "uid=me;pwd=***;server=db"},
        {"?user=me&access_token=abc&n=1", "?user=me&access_token=***&n=1"},
        {"(password=a)b)", "(password=***)"},
        {"clientSecret => abc", "clientSecret => ***"},
        {"signingKey: abc", "signingKey: ***"},
        {"hal9 --token abc --port 80", "hal9 --token *** --port 80"},
        {"hal9 --password='a b' --port 80", "hal9 --password='***' --port 80"},
        {"hal9 --password \"a b\" -v", "hal9 --password \"***\" -v"},
        {"passphrase: correct horse battery", "passphrase: ***"},
        {"password=\npassword=x\n", "password=\npassword=***\n"},
        {"token: file:/etc/token", "token: file:/etc/token"},
        {"token=env:TOKEN", "token=env:TOKEN"},
        {"PWD=/opt/hal9", "PWD=/opt/hal9"},
        {"key=value", "key=value"},
        {"the token was refused", "the token was refused"},
        {"password", "password"},
        {"password:", "password:"},
    };
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(pairs); i++)
        expect(NULL, pairs[i][0], pairs[i][1]);
}

static void headers_and_urls(void **state) {
    static const char *const pairs[][2] = {
        {"Authorization: Bearer abc.def", "Authorization: ***"},
        {"> authorization: Basic dXNlcjpwYXNz\r\n> host: x", "> authorization: ***\r\n> host: x"},
        {"curl -H 'Authorization: Token abc def' http://x",
         "curl -H 'Authorization: ***' http://x"},
        {"Cookie: a=\"b\"; c=d", "Cookie: ***"},
        {"X-Api-Key: abc", "X-Api-Key: ***"},
        {"sent Bearer abcdefgh12+/= to it", "sent Bearer *** to it"},
        {"a bearer of news", "a bearer of news"},
        {"Basic dXNlcjpwYXNzd29yZA==", "Basic ***"},
        {"postgres://hal9:s3cr3t@db:5432/x", "postgres://hal9:***@db:5432/x"},
        {"redis://:p@ss:w@cache/0", "redis://:***@cache/0"},
        {"https://ghx0123456789abcdefghij@host/x", "https://***@host/x"},
        {"ssh://git@host/x", "ssh://git@host/x"},
        {"to https://hooks.slack.com/services/T0/B0/xyz now", "to https://hooks.slack.com/*** now"},
        {"\"https://example.org/api/webhooks/1/xyz\"", "\"https://example.org/***\""},
        {"https://hooks.example.org/", "https://hooks.example.org/"},
        {"http://host:80/a@b", "http://host:80/a@b"},
        {"http://host/?api_key=abc&x=1", "http://host/?api_key=***&x=1"},
    };
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(pairs); i++)
        expect(NULL, pairs[i][0], pairs[i][1]);
}

static void by_their_form(void **state) {
    static const char *const pairs[][2] = {
        {"got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc_-x back", "got *** back"},
        {"id AKIAIOSFODNN7EXAMPLE used", "id *** used"},
        {"(ghp_0123456789abcdefghijABCD)", "(***)"},
        {"AKIA alone", "AKIA alone"},
        {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nafter",
         "-----BEGIN RSA PRIVATE KEY-----***-----END RSA PRIVATE KEY-----\nafter"},
        {"MIIE\nabc=\n-----END PRIVATE KEY-----\nafter", "***-----END PRIVATE KEY-----\nafter"},
        {"before\n-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n",
         "before\n-----BEGIN OPENSSH PRIVATE KEY-----***"},
        {"a PRIVATE KEY is none", "a PRIVATE KEY is none"},
        {"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
         "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----"},
    };
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(pairs); i++) {
        _cleanup_buf_ struct hal9_buf b = {0};
        size_t count = hal9_redact_text(NULL, pairs[i][0], strlen(pairs[i][0]), &b);

        assert_string_equal(b.data, pairs[i][1]);
        assert_int_equal(count, strcmp(pairs[i][0], pairs[i][1]) != 0);
    }
}

static void what_was_learned(void **state) {
    struct hal9_redactor *r = hal9_redactor_new();
    (void)state;

    hal9_redactor_learn(r, "correct-horse");
    hal9_redactor_learn(r, "correct-horse-battery");
    hal9_redactor_learn(r, "short");
    hal9_redactor_learn(r, "line of a certain length\nanother line that is long\n");
    hal9_redactor_learn_env(r, "DB_PASSWORD=from-env");
    hal9_redactor_learn_env(r, "COLOUR=not-secret");
    hal9_redactor_learn_env(r, "API_TOKEN=file:/etc/token");
    expect(r, "saw correct-horse-battery and xcorrect-horsex", "saw *** and x***x");
    expect(r, "short stays, not-secret and file:/etc/token, too",
           "short stays, not-secret and file:/etc/token, too");
    expect(r, "from-env, another line that is long", "***, ***");
    hal9_redactor_free(r);
}

static void json_and_arguments(void **state) {
    static const char text[] =
        "{\"run\":{\"exec\":[\"a\",\"--token\",\"abc\",\"--port\",\"80\",\"--password=x\"],"
        "\"env\":{\"API_KEY\":\"file:/"
        "k\",\"DB_PASS\":\"x\"}},\"secrets\":{\"a\":[\"b\"],\"n\":12},\"pw\":12,"
        "\"url\":\"http://a:b@c/\",\"n\":3}";
    _cleanup_json_ cJSON *j = NULL;
    _cleanup_strv_ struct hal9_strv argv = {0};
    (void)state;

    assert_ok(hal9_json_parse(text, strlen(text), &j, NULL));
    assert_int_equal(hal9_redact_json(NULL, j), 6);
    _cleanup_free_ char *clean = hal9_json_text(j);
    assert_string_equal(
        clean,
        "{\"run\":{\"exec\":[\"a\",\"--token\",\"***\",\"--port\",\"80\",\"--password=***\"],"
        "\"env\":{\"API_KEY\":\"file:/k\",\"DB_PASS\":\"***\"}},\"secrets\":{\"a\":[\"***\"],"
        "\"n\":12},\"pw\":0,\"url\":\"http://a:***@c/\",\"n\":3}");
    assert_int_equal(hal9_redact_json(NULL, NULL), 0);
    hal9_strv_add(&argv, "hal9");
    hal9_strv_add(&argv, "--secret");
    hal9_strv_add(&argv, "abc");
    assert_int_equal(hal9_redact_argv(NULL, &argv), 1);
    assert_int_equal(argv.n, 3);
    assert_string_equal(argv.v[2], "***");
}

static void words_and_records(void **state) {
    static const char *const pairs[][2] = {
        {"run.env DB_PASSWORD: the secret in /x cannot be read", NULL},
        {"private_key: No such file or directory", NULL},
        {"answers {\"token\":\"abc\"}, not 200", "answers {\"token\":\"***\"}, not 200"},
        {"GET /?api_key=abc", "GET /?api_key=***"},
        {"http://a:b@c/: refused", "http://a:***@c/: refused"},
        {"Authorization: Bearer x", "Authorization: ***"},
    };
    static const char text[] =
        "{\"reason\":\"api_token: is empty\",\"log\":{\"lines\":[\"api_token: abc\"]}}";
    _cleanup_json_ cJSON *j = NULL;
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(pairs); i++) {
        _cleanup_buf_ struct hal9_buf b = {0};

        hal9_redact_words(pairs[i][0], strlen(pairs[i][0]), &b);
        assert_string_equal(b.data, pairs[i][1] ? pairs[i][1] : pairs[i][0]);
    }
    assert_ok(hal9_json_parse(text, strlen(text), &j, NULL));
    assert_int_equal(hal9_redact_record(j), 1);
    assert_string_equal(hal9_json_str(j, "reason"), "api_token: is empty");
}

/* What was read once is known: it leaves in no text any more. */
static void what_was_read(void **state) {
    char *secret = NULL;
    (void)state;
    setenv("HAL9_TEST_SECRET", "a-very-private-word", 1);
    expect(NULL, "says a-very-private-word", "says a-very-private-word");
    assert_ok(hal9_secret_read("env:HAL9_TEST_SECRET", &secret, NULL));
    hal9_secret_free(secret);
    expect(NULL, "says a-very-private-word", "says ***");
}

/* Any bytes: nothing of a text is lost but its secrets, nothing is read behind its end. */
static void any_bytes(void **state) {
    static const char alphabet[] = "a=:\"'\\ \n-@/p.&;\0\xff"
                                   "Basic bearer eyJ password://";
    unsigned seed = 7;
    (void)state;
    for (int round = 0; round < 3000; round++) {
        size_t len = (size_t)(seed >> 8) % 80;
        char *text =
            malloc(len + 1); /* of just that size: a sanitizer sees what is read behind it */
        _cleanup_buf_ struct hal9_buf b = {0}, again = {0};

        for (size_t i = 0; i < len; i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        seed = seed * 1103515245 + 12345;
        size_t count = hal9_redact_text(NULL, text, len, &b);

        if (count == 0) {
            assert_int_equal(b.len, len);
            assert_memory_equal(b.data, text, len);
        }
        hal9_redact_text(NULL, b.data, b.len, &again);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(headers_and_urls),
        cmocka_unit_test(by_their_form),
        cmocka_unit_test(what_was_learned),
        cmocka_unit_test(json_and_arguments),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(words_and_records),
        cmocka_unit_test(what_was_read),
    };
    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
