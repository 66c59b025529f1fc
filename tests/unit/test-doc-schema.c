/* Schema tables: every type decoded, every error's words and place, defaults. */
#include "doc-schema.h"

static void every_type(void **state) {
    (void)state;
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    assert_ok(decode("hal9: 1\n"
                     "services:\n"
                     "  web:\n"
                     "    text: 012\n"
                     "    flag: true\n"
                     "    keep: 0x10\n"
                     "    any: -9223372036854775808\n"
                     "    weight: 2.5\n"
                     "    ratio: .5\n"
                     "    within: 1h30m\n"
                     "    free: 5Gi\n"
                     "    share: 10%\n"
                     "    cpu: 500m\n"
                     "    port: \"8080\"\n"
                     "    revert: never\n"
                     "    depends: [db, 8080, true, 1.50]\n"
                     "    token: env:TOKEN\n"
                     "    stop: {signal: INT, kill: false}\n"
                     "    drain: {balancer: edge}\n"
                     "    runs: [{exec: [a, b], user: u}, c, [d, 1]]\n"
                     "    labels: {a: [1, null]}\n"
                     "    custom: 7\n"
                     "  db: {depends: web, runs: {exec: x}, within: 0}\n"
                     "  cache:\n",
                     &r, &errors));
    assert_int_equal(errors.n, 0);
    assert_int_equal(r.version, 1);
    assert_int_equal(r.services.n, 3);
    const struct service *s = r.services.v[0];
    assert_string_equal(s->name, "web");
    assert_string_equal(s->text, "012");
    assert_true(s->flag);
    assert_int_equal(s->keep, 16);
    assert_true(s->any == INT64_MIN);
    assert_true(s->weight == 2.5 && s->ratio == 0.5 && s->share == 0.1 && s->cpu == 0.5);
    assert_int_equal(s->within_ms, 5400000);
    assert_true(s->free == 5368709120);
    assert_int_equal(s->port, 8080);
    assert_string_equal(s->revert, "never");
    _cleanup_free_ char *depends = hal9_strv_join(&s->depends, "|");
    assert_string_equal(depends, "db|8080|true|1.50");
    assert_string_equal(s->token, "env:TOKEN");
    assert_string_equal(s->stop.signal, "INT");
    assert_int_equal(s->stop.grace_ms, 30000);
    assert_false(s->stop.kill);
    assert_string_equal(s->drain->balancer, "edge");
    assert_int_equal(s->drain->min_up, 1);
    assert_int_equal(s->runs.n, 3);
    assert_string_equal(((struct run *)s->runs.v[0])->exec.v[1], "b");
    assert_string_equal(((struct run *)s->runs.v[1])->exec.v[0], "c");
    assert_string_equal(((struct run *)s->runs.v[2])->exec.v[1], "1");
    _cleanup_free_ char *labels = hal9_json_text(s->labels);
    assert_string_equal(labels, "{\"a\":[1,null]}");
    assert_int_equal(s->custom, 7);
    assert_int_equal(s->finished, 1);
    s = r.services.v[1];
    assert_string_equal(s->depends.v[0], "web");
    assert_int_equal(s->runs.n, 1);
    /* Defaults, those of a map that is not there included. */
    s = r.services.v[2];
    assert_string_equal(s->name, "cache");
    assert_int_equal(s->keep, 5);
    assert_true(s->weight == 1);
    assert_string_equal(s->revert, "changed");
    assert_string_equal(s->stop.signal, "TERM");
    assert_int_equal(s->stop.grace_ms, 30000);
    assert_true(s->stop.kill);
    assert_null(s->drain);
    assert_null(s->labels);
}

static void one_error_each(void **state) {
    (void)state;
    static const struct {
        const char *line, *says, *hint;
        unsigned col;
    } cases[] = {
        {"stop: {grce: 1s}", "'grce' is not a key of stop; did you mean 'grace'?", NULL, 8},
        {"prot: 1", "'prot' is not a key of a service; did you mean 'port'?", NULL, 1},
        {"xyzzy: 1", "'xyzzy' is not a key of a service", "its keys are text, flag, keep", 1},
        {"name: x", "'name' is not a key of a service", NULL, 1},
        {"stop: {grace: soon}", "grace wants a duration such as 30s, not 'soon'", NULL, 15},
        {"stop: {grace: 30}", "grace wants a duration such as 30s, not '30'", "such as 30s", 15},
        {"stop: {grace: }", "grace wants a duration such as 30s, not nothing", NULL, 15},
        {"stop: [TERM]", "stop wants a map of its keys, not a list", "signal, grace, kill", 7},
        {"text: [a]", "text wants a text, not a list", NULL, 7},
        {"text:", "text wants a text, not nothing", NULL, 6},
        {"flag: yes", "flag wants true or false, not 'yes'", "a mere word since YAML 1.2", 7},
        {"flag: \"true\"", "flag wants true or false, not 'true'", "without quotes", 7},
        {"flag: 1", "flag wants true or false, not '1'", NULL, 7},
        {"keep: 0", "keep wants a whole number from 1 to 1000, not '0'", NULL, 7},
        {"keep: many", "keep wants a whole number from 1 to 1000, not 'many'", NULL, 7},
        {"keep: 1.5", "keep wants a whole number from 1 to 1000, not '1.5'", NULL, 7},
        {"keep: 13", "13 is never kept", NULL, 7},
        {"any: 9223372036854775808", "any wants a whole number, not '9223372036854775808'", NULL,
         6},
        {"weight: heavy", "weight wants a number such as 1.5, not 'heavy'", NULL, 9},
        {"weight: .inf", "weight wants a number such as 1.5, not '.inf'", NULL, 9},
        {"ratio: 1.1", "ratio wants a number from 0 to 1, not '1.1'", NULL, 8},
        {"free: 5Q", "free wants a size such as 5Gi, not '5Q'", NULL, 7},
        {"share: 10", "share wants a percentage such as 10%, not '10'", NULL, 8},
        {"cpu: 1x", "cpu wants an amount of CPU such as 2 or 500m, not '1x'", NULL, 6},
        {"port: 0", "port wants a port from 1 to 65535, not '0'", NULL, 7},
        {"port: 65536", "port wants a port from 1 to 65535, not '65536'", NULL, 7},
        {"port: http", "port wants a port from 1 to 65535, not 'http'", NULL, 7},
        {"revert: nevr", "revert wants changed, always or never, not 'nevr'",
         "did you mean 'never'?", 9},
        {"revert: {}", "revert wants changed, always or never, not a map", NULL, 9},
        {"depends: {a: b}", "depends wants a list of texts, or one text, not a map", NULL, 10},
        {"depends: [a, [b]]", "depends wants texts in its list, not a list", NULL, 14},
        {"depends: [a, ~]", "depends wants texts in its list, not nothing", NULL, 14},
        {"token: hunter2",
         "token wants a reference, file:PATH or env:NAME; a secret in the file would be read by "
         "others",
         NULL, 8},
        {"token: 'file:'",
         "token wants a reference, file:PATH or env:NAME; a secret in the file would be read by "
         "others",
         NULL, 8},
        {"drain: {}", "drain wants the key 'balancer'", "balancer: which one", 8},
        {"drain: {balancer: }", "drain wants the key 'balancer'", NULL, 19},
        {"drain: {balancer: a, min_up: 101}",
         "min_up wants a whole number from 0 to 100, not '101'", NULL, 30},
        {"drain: edge", "drain wants a map of its keys, not 'edge'", "balancer, min_up", 8},
        {"runs: [{exec: a, usr: b}]", "'usr' is not a key of run; did you mean 'user'?", NULL, 18},
        {"custom: x", "custom wants a number", "such as 7", 9},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_root_ struct root r = {0};
        _cleanup_errors_ struct hal9_errors errors = {0};
        _cleanup_free_ char *yaml =
            hal9_strf("hal9: 1\nservices:\n  web:\n    %s\n", cases[i].line);
        print_message("# %s\n", cases[i].line);
        assert_int_equal(decode(yaml, &r, &errors), HAL9_E_CONFIG);
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.v[0].message, cases[i].says);
        assert_string_equal(errors.v[0].file, "hal9.yaml");
        assert_int_equal(errors.v[0].line, 4);
        assert_int_equal(errors.v[0].col, cases[i].col + 4);
        if (cases[i].hint)
            assert_non_null(strstr(errors.v[0].hint, cases[i].hint));
        _cleanup_free_ char *text = hal9_error_text(&errors.v[0]);
        assert_null(strstr(text, "hunter2"));
    }
}

static void all_in_one_go(void **state) {
    (void)state;
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    assert_int_equal(decode("services:\n"
                            "  a:\n"
                            "    keep: 13\n"
                            "    stop: {grce: 1s, kill: maybe}\n"
                            "  b:\n"
                            "    port: x\n"
                            "    keep: 13\n"
                            "servces: 1\n",
                            &r, &errors),
                     HAL9_E_CONFIG);
    static const char *const want[] = {
        "hal9.yaml:1:1: hal9.yaml wants the key 'hal9'; hal9: version of this format: 1",
        "hal9.yaml:3:11: 13 is never kept",
        "hal9.yaml:4:12: 'grce' is not a key of stop; did you mean 'grace'?",
        "hal9.yaml:4:28: kill wants true or false, not 'maybe'",
        /* b's own keys are wrong: what its whole would say is left out */
        "hal9.yaml:6:11: port wants a port from 1 to 65535, not 'x'",
        "hal9.yaml:8:1: 'servces' is not a key of hal9.yaml; did you mean 'services'?",
    };
    assert_int_equal(errors.n, HAL9_ARRAY_LEN(want));
    for (size_t i = 0; i < HAL9_ARRAY_LEN(want); i++) {
        _cleanup_free_ char *text = hal9_error_text(&errors.v[i]);
        assert_string_equal(text, want[i]);
    }
}

static void other_roots(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *says;
    } cases[] = {{"", "hal9.yaml wants the key 'hal9'"},
                 {"[1]", "hal9.yaml wants a map of its keys, not a list"},
                 {"x", "hal9.yaml wants a map of its keys, not 'x'"},
                 {"hal9: 1\nservices: [a]\n", "services wants a map of names, not a list"},
                 {"hal9: 1\nservices: {'': {}}\n", "services has an entry without a name"},
                 {"hal9: 1\nservices: {a: 7}\n", "a service wants a map of its keys, not '7'"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_root_ struct root r = {0};
        _cleanup_errors_ struct hal9_errors errors = {0};
        assert_int_equal(decode(cases[i].yaml, &r, &errors), HAL9_E_CONFIG);
        assert_int_equal(errors.n, 1);
        assert_string_equal(errors.v[0].message, cases[i].says);
    }
}

static void at_most_a_hundred(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf yaml = {0};
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    hal9_buf_puts(&yaml, "hal9: 1\nservices:\n");
    for (int i = 0; i < 300; i++)
        hal9_buf_printf(&yaml, "  s%d: {prt%d: 1, flag: yes}\n", i, i);
    assert_int_equal(decode(yaml.data, &r, &errors), HAL9_E_CONFIG);
    assert_int_equal(errors.n, 100);
    assert_int_equal(errors.v[0].line, 3);
}

static void hidden_keys_work(void **state) {
    (void)state;
    _cleanup_root_ struct root r = {0};
    _cleanup_errors_ struct hal9_errors errors = {0};
    assert_ok(decode("hal9: 1\nservices: {a: {old: x}}\n", &r, &errors));
    assert_string_equal(((struct service *)r.services.v[0])->text, "x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),        cmocka_unit_test(one_error_each),
        cmocka_unit_test(all_in_one_go),     cmocka_unit_test(other_roots),
        cmocka_unit_test(at_most_a_hundred), cmocka_unit_test(hidden_keys_work),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
