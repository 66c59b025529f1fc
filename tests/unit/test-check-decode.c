/* Checks as configured: what is taken, and what is told about the rest. */
#include "checks.h"

#include "check/drivers.h"

static void what_all_share_has_defaults(void **state) {
    (void)state;
    struct hal9_check *c = check_make("http: http://127.0.0.1:8080/health?x=1");
    assert_ptr_equal(c->driver, &hal9_check_http_driver);
    assert_string_equal(c->name, "http /health");
    assert_int_equal(c->timeout_ms, 5000);
    assert_int_equal(c->every_ms, 0);
    assert_true(c->weight == 1);
    assert_int_equal(c->rise, 2);
    assert_int_equal(c->fall, 3);
    assert_int_equal(c->critical, -1);
    assert_int_equal(c->line, 1);
    assert_string_equal(hal9_json_str(c->spec, "http"), "http://127.0.0.1:8080/health?x=1");
    hal9_check_free(c);
}

static void what_is_told_is_taken(void **state) {
    (void)state;
    struct hal9_check *c = check_make("{disk: /srv, name: data, timeout: 1s, every: 1m, weight: 2, "
                                      "rise: 1, fall: 5, critical: true}");
    assert_ptr_equal(c->driver, &hal9_check_disk_driver);
    assert_string_equal(c->name, "data");
    assert_int_equal(c->timeout_ms, 1000);
    assert_int_equal(c->every_ms, 60000);
    assert_true(c->weight == 2);
    assert_int_equal(c->rise, 1);
    assert_int_equal(c->fall, 5);
    assert_int_equal(c->critical, 1);
    hal9_check_free(c);
    c = check_make("{tcp: 'db:1', critical: false}");
    assert_int_equal(c->critical, 0);
    hal9_check_free(c);
}

static void every_kind_is_taken(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *name;
    } cases[] = {
        {"{http: 'https://h/', method: POST, headers: {A: b}, data: {a: 1}, follow: 2, "
         "expect: {status: [200, 204, '< 500'], header: {X: '~ y'}, body: '~ ok', "
         "json: {/a: '< 10', /b/0: null, '': {a: 1}}, within: 2s}, listener: any}",
         "http /"},
        {"{http: 'http://h/x', expect: {status: 200-299, within: 10s}}", "http /x"},
        {"{http: 'http://h/x', headers: {Authorization: env:TOKEN}}", "http /x"},
        {"{tcp: '127.0.0.1:5432', send: 'PING\\r\\n', expect: '~ ^.PONG'}", "tcp 127.0.0.1:5432"},
        {"{tcp: '[::1]:25', expect: '220 '}", "tcp [::1]:25"},
        {"{udp: 'ntp:123', send: \"\\\\x1b\"}", "udp ntp:123"},
        {"{owner: 8080}", "owner 8080"},
        {"{process: nginx, count: '>= 2'}", "process nginx"},
        {"{process: {exe: /usr/sbin/nginx, unit: nginx.service}}", "process /usr/sbin/nginx"},
        {"{process: {pidfile: /run/x.pid}}", "process /run/x.pid"},
        {"{disk: /}", "disk /"},
        {"{disk: /srv, free: 5Gi, inodes: 5%, read_only: true}", "disk /srv"},
        {"{memory: {available: 10%}}", "memory"},
        {"{memory: {available: 500Mi}}", "memory"},
        {"{memory: {below: 90%}}", "memory"},
        {"{load: {below: 1.5}}", "load"},
        {"{load: {below: 1, over: 15m}}", "load"},
        {"{pressure: {some: 20%, over: 60s}}", "pressure"},
        {"{pressure: {of: [cpu, io]}}", "pressure"},
        {"{open-files: {below: 80%}}", "open-files"},
        {"{command: [/usr/lib/nagios/plugins/check_x, -a]}", "command check_x"},
        {"{command: 'true'}", "command true"},
        {"{prometheus: 'http://p:9090', query: up, below: 5%, token: 'env:T'}", "prometheus up"},
        {"{file: /tmp/x, newer: 1h, older: 1m, larger: 4Ki, contains: '~ a|b'}", "file /tmp/x"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_check *c = check_make(cases[i].yaml), *again = NULL;
        assert_string_equal(c->name, cases[i].name);
        /* What step args carry is the same check. */
        assert_ok(hal9_check_parse_json(c->spec, &again, NULL));
        assert_ptr_equal(again->driver, c->driver);
        assert_int_equal(again->timeout_ms, c->timeout_ms);
        assert_true(hal9_json_equal(again->spec, c->spec));
        hal9_check_free(again);
        hal9_check_free(c);
    }
}

static void an_answer_may_take_as_long_as_it_is_told(void **state) {
    (void)state;
    struct hal9_check *c = check_make("{http: 'http://h/', expect: {within: 30s}}");
    assert_true(c->timeout_ms > 30000);
    hal9_check_free(c);
}

static void mistakes_are_told_with_their_place(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *words, *hint;
        unsigned line, col;
    } cases[] = {
        {"hptp: x", "'hptp' is not a key of a check", "'http'", 1, 1},
        {"http: http://h/\nexpct: {}", "'expct' is not a key of http", "'expect'", 2, 1},
        {"http: http://h/\nsend: x", "'send' is not a key of http", NULL, 2, 1},
        {"http: http://h/\ntcp: h:1", "not both http and tcp", NULL, 2, 1},
        {"name: x", "a check needs one of: http, tcp", NULL, 1, 1},
        {"just words", "a check is a map", NULL, 1, 1},
        {"[1]", "a check is a map", NULL, 1, 1},
        {"http: ftp://h/", "neither http:// nor https://", NULL, 1, 7},
        {"http: http://u:p@h/", "password in a URL", "headers", 1, 7},
        {"http: http://h/\nheaders: {Authorization: abc}", "in the clear", "env:NAME", 2, 26},
        {"http: http://h/\nexpect: {json: {status: ok}}", "not a JSON pointer", NULL, 2, 17},
        {"http: http://h/\nexpect: {json: {/a: '< x'}}", "wants a number", NULL, 2, 21},
        {"http: http://h/\nexpect: {body: '~ ('}", "regular expression", NULL, 2, 16},
        {"http: http://h/\nexpect: {status: 2xx}", "'2xx' is not a status", NULL, 2, 18},
        {"http: http://h/\nexpect: {status: 99}", "'99' is not a status", NULL, 2, 18},
        {"http: http://h/\ntimeout: 0", "longer than 0", NULL, 2, 10},
        {"http: http://h/\ntimeout: 1s\nexpect: {within: 2s}", "within must be shorter", NULL, 2,
         10},
        {"http: http://h/\nlistener: sombody", "sombody", NULL, 2, 11},
        {"tcp: h", "not host:port", NULL, 1, 6},
        {"tcp: h:99999", "not a port", NULL, 1, 6},
        {"tcp: 'h:1'\nsend: '\\q'", "not one of", NULL, 2, 7},
        {"process: {}", "needs a name, exe, unit or pidfile", NULL, 1, 10},
        {"process: x\ncount: '< many'", "wants a number", NULL, 2, 8},
        {"disk: srv", "not an absolute path", NULL, 1, 7},
        {"disk: /\nfree: lots", "a part such as 10%", NULL, 2, 7},
        {"memory: {available: 200%%}", "part such as", NULL, 1, 21},
        {"load: {over: 2m}", "1m, 5m and 15m", NULL, 1, 14},
        {"pressure: {over: 5s}", "10s, 60s and 300s", NULL, 1, 18},
        {"pressure: {of: disk}", "none of cpu, memory, io", NULL, 1, 16},
        {"prometheus: 'http://h:1'\nquery: up\nbelow: soon", "a time such as 100ms", NULL, 3, 8},
        {"prometheus: 'http://h:1/?x'\nquery: up\nbelow: 1", "the server alone", NULL, 1, 13},
        {"prometheus: 'http://u:p@h'\nquery: up\nbelow: 1", "a password in a URL", NULL, 1, 13},
        {"command: []", "needs a program", NULL, 1, 10},
        {"file: /x\ncontains: '~ ['", "regular expression", NULL, 2, 11},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_(hal9_errors_clear) struct hal9_errors errors = {0};
        struct hal9_check *c = check_decode(cases[i].yaml, &errors);
        if (c)
            fail_msg("%s was taken", cases[i].yaml);
        const struct hal9_error *e = &errors.v[0];
        _cleanup_free_ char *text = hal9_error_text(e);
        if (errors.n != 1 || !strstr(e->message, cases[i].words) || e->line != cases[i].line ||
            e->col != cases[i].col || (cases[i].hint && !strstr(text, cases[i].hint)))
            fail_msg("%s: %zu errors, %s", cases[i].yaml, errors.n, text);
    }
}

static void words_are_checks(void **state) {
    (void)state;
    static const struct {
        const char *word;
        const struct hal9_check_driver *driver;
    } cases[] = {
        {"http://127.0.0.1:8080/health", &hal9_check_http_driver},
        {"https://example.org", &hal9_check_http_driver},
        {"tcp://db:5432", &hal9_check_tcp_driver},
        {"tcp:db:5432", &hal9_check_tcp_driver},
        {"udp://ntp:123", &hal9_check_udp_driver},
        {"port:8080", &hal9_check_owner_driver},
        {"process:nginx", &hal9_check_process_driver},
        {"disk:/", &hal9_check_disk_driver},
        {"file:/etc/passwd", &hal9_check_file_driver},
        {"memory:", &hal9_check_memory_driver},
        {"memory:5%", &hal9_check_memory_driver},
        {"load:", &hal9_check_load_driver},
        {"load:1.5", &hal9_check_load_driver},
        {"pressure:50%", &hal9_check_pressure_driver},
        {"open-files:", &hal9_check_open_files_driver},
        {"command:check_x -a 'b c'", &hal9_check_command_driver},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_check *c = NULL;
        if (hal9_check_parse_word(cases[i].word, &c, &err) != HAL9_OK)
            fail_msg("%s: %s", cases[i].word, err.message);
        assert_ptr_equal(c->driver, cases[i].driver);
        assert_string_equal(c->name, cases[i].word);
        hal9_check_free(c);
    }
}

static void words_that_are_none_are_told(void **state) {
    (void)state;
    static const struct {
        const char *word, *says;
    } cases[] = {
        {"htp://x/", "did you mean 'http://x/'?"},
        {"dsk:/", "did you mean 'disk:/'?"},
        {"x", "http://HOST/PATH"},
        {"tcp://db", "not host:port"},
        {"port:0", "not a port from 1 to 65535"},
        {"disk:", "needs a value after disk:"},
        {"command: ", "needs a value"},
        {"command:a 'b", "needs a value"},
        {"memory:lots", "a part such as 10%"},
        {"http://", "has no host"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        _cleanup_error_ struct hal9_error err = {0};
        struct hal9_check *c = NULL;
        assert_int_equal(hal9_check_parse_word(cases[i].word, &c, &err), HAL9_E_USAGE);
        _cleanup_free_ char *text = hal9_error_text(&err);
        if (!strstr(text, cases[i].says) || !strstr(text, cases[i].word))
            fail_msg("%s: %s", cases[i].word, text);
    }
}

static void a_word_is_shown_without_secrets(void **state) {
    (void)state;
    struct hal9_check *c = NULL;
    assert_ok(hal9_check_parse_word("http://h/?token=geheim", &c, NULL));
    assert_string_equal(c->name, "http://h/?token=***");
    hal9_check_free(c);
}

static void a_port_implies_its_owner(void **state) {
    (void)state;
    struct hal9_check *c = hal9_check_owner(8080), *again = NULL;
    assert_ptr_equal(c->driver, &hal9_check_owner_driver);
    assert_string_equal(c->name, "owner 8080");
    assert_ok(hal9_check_parse_json(c->spec, &again, NULL));
    assert_ptr_equal(again->driver, &hal9_check_owner_driver);
    assert_int_equal(again->timeout_ms, c->timeout_ms);
    hal9_check_free(c);
    hal9_check_free(again);
}

static void the_table_is_whole(void **state) {
    (void)state;
    static const char *const contract[] = {
        "http", "tcp",      "udp",        "owner",   "process", "disk",      "memory",
        "load", "pressure", "open-files", "command", "file",    "prometheus"};
    size_t n;
    const struct hal9_check_driver *const *all = hal9_check_drivers(&n);
    assert_int_equal(n, HAL9_ARRAY_LEN(contract));
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(all[i]->key, contract[i]);
        assert_string_equal(all[i]->schema->fields[0].key, all[i]->key);
        assert_non_null(all[i]->doc);
        /* No driver's companion may be another's key: then a check would be of two kinds. */
        for (size_t k = 0; k < n; k++)
            for (const struct hal9_field *f = all[i]->schema->fields; f->key; f++) {
                assert_non_null(f->doc);
                assert_true(k == i || !hal9_streq(f->key, contract[k]));
            }
    }
}

static void editors_get_a_form_of_each_kind(void **state) {
    (void)state;
    _cleanup_json_ cJSON *form = hal9_schema_json(&hal9_check_schema);
    const cJSON *kinds = cJSON_GetObjectItem(form, "oneOf");
    size_t n;
    const struct hal9_check_driver *const *all = hal9_check_drivers(&n);
    assert_int_equal(cJSON_GetArraySize(kinds), (int)n);
    for (int i = 0; i < (int)n; i++) {
        const cJSON *kind = cJSON_GetArrayItem(kinds, i);
        const cJSON *properties = cJSON_GetObjectItem(kind, "properties");
        const cJSON *required = cJSON_GetObjectItem(kind, "required");
        assert_true(cJSON_HasObjectItem(properties, all[i]->key));
        assert_true(cJSON_HasObjectItem(properties, "timeout"));
        assert_true(cJSON_HasObjectItem(properties, "critical"));
        assert_string_equal(cJSON_GetArrayItem(required, 0)->valuestring, all[i]->key);
        assert_false(hal9_json_bool(kind, "additionalProperties", true));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_all_share_has_defaults),
        cmocka_unit_test(what_is_told_is_taken),
        cmocka_unit_test(every_kind_is_taken),
        cmocka_unit_test(an_answer_may_take_as_long_as_it_is_told),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(words_are_checks),
        cmocka_unit_test(words_that_are_none_are_told),
        cmocka_unit_test(a_word_is_shown_without_secrets),
        cmocka_unit_test(a_port_implies_its_owner),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(editors_get_a_form_of_each_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
