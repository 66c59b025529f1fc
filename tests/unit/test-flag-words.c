/* What flags are in a word or two, and what a word makes of them; what may be found half-way. */
#include "flag-world.h"

static const struct hal9_flag_spec flagd = {.flagd = (char *)"x"};
static struct hal9_unleash_spec server = {.url = (char *)"http://127.0.0.1:1",
                                          .project = (char *)"default",
                                          .environment = (char *)"production"};
static const struct hal9_flag_spec unleash = {.unleash = &server};
static const struct hal9_flag_spec http = {.http = (char *)"http://127.0.0.1:1"};

struct word_case {
    const struct hal9_flag_spec *f;
    const char *now, *says; /* the state, and its words */
    const char *word;
    const char *then; /* words of what it asks for; NULL: HAL9_E_USAGE */
};

#define BOOL(rest) "{\"state\":\"ENABLED\",\"variants\":{\"on\":true,\"off\":false}" rest "}"
#define QUARTER ",\"targeting\":{\"fractional\":[[\"on\",25],[\"off\",75]]}"
#define RULES ",\"targeting\":{\"if\":[true,\"on\",\"off\"]}"
#define ROLL(percent)                                                                   \
    "{\"id\":\"1\",\"name\":\"flexibleRollout\",\"parameters\":{\"rollout\":\"" percent \
    "\",\"groupId\":\"f\"}}"
#define ENV(on, strategies) "{\"enabled\":" on ",\"strategies\":[" strategies "],\"variants\":[]}"
#define TWO                                                                                       \
    "{\"name\":\"flexibleRollout\",\"parameters\":{\"rollout\":\"100\"},\"variants\":["           \
    "{\"name\":\"a\",\"weight\":500,\"weightType\":\"variable\"},{\"name\":\"b\",\"weight\":500," \
    "\"weightType\":\"variable\"}]}"

static const struct word_case cases[] = {
    {&flagd, BOOL(",\"defaultVariant\":\"on\""), "on", "off", "off"},
    {&flagd,
     "{\"state\":\"DISABLED\",\"variants\":{\"on\":true,\"off\":false},\"defaultVariant\":\"off\"}",
     "off", "on", "on"},
    {&flagd, BOOL(",\"defaultVariant\":\"off\""), "variant off", "25%", "25%"},
    {&flagd, BOOL(",\"defaultVariant\":\"off\"" QUARTER), "25%", "on", "on"},
    {&flagd, BOOL(",\"defaultVariant\":\"off\"" QUARTER), "25%", "33.3%", "33.3%"},
    {&flagd, BOOL(",\"defaultVariant\":\"off\"" QUARTER), "25%", "variant off", "variant off"},
    {&flagd, BOOL(",\"defaultVariant\":\"off\"" QUARTER), "25%", "101%", NULL},
    {&flagd, BOOL(",\"defaultVariant\":\"off\"" RULES), "variant off, with rules", "25%", NULL},
    {&flagd, BOOL(",\"defaultVariant\":\"off\"" RULES), "variant off, with rules", "off", "off"},
    {&flagd,
     "{\"state\":\"ENABLED\",\"variants\":{\"red\":1,\"blue\":2},\"defaultVariant\":\"red\"}",
     "variant red", "blue", "variant blue"},
    {&flagd,
     "{\"state\":\"ENABLED\",\"variants\":{\"red\":1,\"blue\":2},\"defaultVariant\":\"red\"}",
     "variant red", "blu", NULL},
    {&flagd,
     "{\"state\":\"ENABLED\",\"variants\":{\"red\":1,\"blue\":2},\"defaultVariant\":\"red\"}",
     "variant red", "25%", NULL},
    {&unleash, ENV("false", ""), "off", "on", "on"},
    {&unleash, ENV("false", ""), "off", "25%", "25%"},
    {&unleash, ENV("true", ROLL("100")), "on", "25%", "25%"},
    {&unleash, ENV("true", ROLL("30")), "30%", "on", "on"},
    {&unleash, ENV("true", ROLL("30")), "30%", "off", "off"},
    {&unleash, ENV("true", ROLL("30")), "30%", "12.5%", NULL},
    {&unleash, ENV("true", ROLL("30") "," ROLL("100")), "on, 2 strategies", "25%", NULL},
    {&unleash, ENV("true", ROLL("30") "," ROLL("100")), "on, 2 strategies", "off", "off"},
    {&unleash, ENV("true", TWO), "on", "b", "variant b"},
    {&unleash, ENV("true", TWO), "on", "c", NULL},
    {&http, "true", "on", "off", "off"},
    {&http, "\"red\"", "red", "on", "on"},
    {&http, "3", "3", "4.5", "4.5"},
    {&http, "{\"a\":1}", "{\"a\":1}", "{\"a\":2}", "{\"a\":2}"},
    {&http, "3", "3", "null", NULL},
};

static void words_and_back(void **state) {
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        const struct word_case *c = &cases[i];
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_json_ cJSON *now = json(c->now);
        _cleanup_json_ cJSON *wanted = NULL;
        _cleanup_free_ char *says = hal9_flag_words(c->f, "f", now);
        assert_string_equal(says, c->says);
        hal9_status st = hal9_flag_wanted(c->f, "f", now, c->word, &wanted, &err);
        if (!c->then) {
            assert_int_equal(st, HAL9_E_USAGE);
            assert_non_null(err.message);
            continue;
        }
        if (st != HAL9_OK)
            fail_msg("case %zu: %s", i, err.message);
        _cleanup_free_ char *then = hal9_flag_words(c->f, "f", wanted);
        assert_string_equal(then, c->then);
        /* Asked for once more it is the same. */
        _cleanup_json_ cJSON *again = NULL;
        assert_ok(hal9_flag_wanted(c->f, "f", wanted, c->word, &again, &err));
        assert_true(hal9_flag_equal(c->f, wanted, again));
    }
}

static void the_nearest_word_is_told(void **state) {
    (void)state;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *now = json(cases[10].now);
    cJSON *wanted = NULL;
    assert_int_equal(hal9_flag_wanted(&flagd, "f", now, "blu", &wanted, &err), HAL9_E_USAGE);
    assert_says(err, "did you mean 'blue'?");
    assert_non_null(strstr(err.hint, "red"));
}

/* flagd's schema, before anything is written. */
static void bad_flags_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "[]",
        "{}",
        "{\"state\":\"on\",\"variants\":{\"a\":1}}",
        "{\"state\":\"ENABLED\"}",
        "{\"state\":\"ENABLED\",\"variants\":{}}",
        "{\"state\":\"ENABLED\",\"variants\":{\"a\":1,\"b\":\"x\"}}",
        "{\"state\":\"ENABLED\",\"variants\":{\"a\":null}}",
        "{\"state\":\"ENABLED\",\"variants\":{\"a\":1},\"defaultVariant\":\"b\"}",
        "{\"state\":\"ENABLED\",\"variants\":{\"a\":1},\"targeting\":[]}",
        "{\"state\":\"ENABLED\",\"variants\":{\"a\":1},\"metadata\":1}"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_json_ cJSON *flag = json(bad[i]);
        assert_int_equal(fl_flagd_check("f", flag, &err), HAL9_E_USAGE);
    }
    _cleanup_json_ cJSON *good = json("{\"state\":\"ENABLED\",\"variants\":{\"a\":1,\"b\":2.5}}");
    assert_ok(fl_flagd_check("f", good, NULL));
}

/* Ids, order of members and of strategies, and what the server fills in, are no difference. */
static void unleash_states_compare_by_value(void **state) {
    (void)state;
    _cleanup_json_ cJSON *one = json(
        "{\"enabled\":true,\"strategies\":[{\"id\":\"1\",\"name\":\"a\",\"sortOrder\":0,"
        "\"segments\":[2,1]},"
        "{\"id\":\"2\",\"name\":\"b\",\"sortOrder\":1,\"title\":null,\"featureName\":\"f\"}]}");
    _cleanup_json_ cJSON *two = json("{\"strategies\":[{\"id\":\"9\",\"sortOrder\":1,\"name\":"
                                     "\"b\",\"title\":\"\",\"disabled\":false},"
                                     "{\"id\":\"8\",\"name\":\"a\",\"sortOrder\":0,\"segments\":[1,"
                                     "2],\"constraints\":[]}],\"enabled\":true,\"variants\":[]}");
    _cleanup_json_ cJSON *other = json("{\"enabled\":true,\"strategies\":[{\"id\":\"1\",\"name\":"
                                       "\"a\",\"sortOrder\":0,\"segments\":[1]}]}");
    assert_true(hal9_flag_equal(&unleash, one, two));
    assert_false(hal9_flag_equal(&unleash, one, other));
}

static bool between(const char *before, const char *intent, const char *now) {
    _cleanup_json_ cJSON *b = json(before), *i = json(intent), *n = json(now);
    _cleanup_json_ cJSON *pb = fl_unleash_plain(b);
    _cleanup_json_ cJSON *pi = fl_unleash_plain(i);
    _cleanup_json_ cJSON *pn = fl_unleash_plain(n);
    return fl_unleash_between(pb, pi, pn);
}

/* What a kill between two requests may leave, and what only a person's hand does. */
static void half_way_is_told_from_drift(void **state) {
    (void)state;
    assert_true(between(ENV("false", ""), ENV("true", ROLL("25")), ENV("false", ROLL("25"))));
    assert_true(between(ENV("true", ROLL("25")), ENV("true", ROLL("50")),
                        ENV("true", ROLL("25") "," ROLL("50"))));
    assert_true(between(ENV("true", ROLL("25")), ENV("true", ROLL("50")), ENV("false", "")));
    assert_false(
        between(ENV("true", ROLL("25")), ENV("true", ROLL("50")), ENV("true", ROLL("33"))));
    assert_false(between(ENV("false", ""), ENV("false", ROLL("50")), ENV("true", ROLL("50"))));
}

static void specs_as_json_and_back(void **state) {
    (void)state;
    static const char *const told[] = {"flagd:/etc/f.json",       "env:/etc/a.env",
                                       "http:https://h/flags",    "http://h/flags",
                                       "unleash:https://h/u#p/e", "unleash:https://h"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(told); i++) {
        struct hal9_flag_spec *f = NULL, *g = NULL;
        assert_ok(hal9_flag_told(told[i], "file:/t", &f, NULL));
        _cleanup_json_ cJSON *j = hal9_flag_json(f);
        assert_ok(hal9_flag_parse(j, &g, NULL));
        _cleanup_json_ cJSON *k = hal9_flag_json(g);
        assert_true(hal9_json_equal(j, k));
        assert_string_equal(hal9_flag_kind(f), hal9_flag_kind(g));
        if (i == 4)
            assert_string_equal(g->unleash->environment, "e");
        if (i == 5)
            assert_string_equal(g->unleash->environment, "production");
        hal9_flag_free(f);
        hal9_flag_free(g);
    }
}

static void bad_stores_are_told(void **state) {
    (void)state;
    static const char *const bad[] = {
        "flagd", "flagd:", "flgad:/x", "http:ftp://h", "unleash:http://u:p@h", "x:y"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        struct hal9_flag_spec *f = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        assert_int_equal(hal9_flag_told(bad[i], NULL, &f, &err), HAL9_E_USAGE);
    }
    struct hal9_flag_spec *f = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_flag_told("http:http://h", "s3cret", &f, &err), HAL9_E_USAGE);
    assert_null(strstr(err.message, "s3cret"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_back),
        cmocka_unit_test(the_nearest_word_is_told),
        cmocka_unit_test(bad_flags_are_refused),
        cmocka_unit_test(unleash_states_compare_by_value),
        cmocka_unit_test(half_way_is_told_from_drift),
        cmocka_unit_test(specs_as_json_and_back),
        cmocka_unit_test(bad_stores_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
