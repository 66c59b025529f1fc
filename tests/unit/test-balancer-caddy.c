/* The servers of a reverse_proxy handler: read, changed, written back. */
#include <string.h>

#include "harness.h"

#include "balancer/caddy-handler.h"
#include "base/cleanup.h"

static struct caddy_handler handler(const char *text) {
    struct caddy_handler h = {0};
    cJSON *json = NULL;

    assert_ok(hal9_json_parse(text, strlen(text), &json, NULL));
    assert_ok(caddy_handler_read(json, &h, NULL));
    return h;
}

static char *written(struct caddy_handler *h) {
    assert_ok(caddy_handler_write(h, NULL));
    return hal9_json_text(h->json);
}

#define PLAIN                                                                            \
    "{\"@id\":\"hal9\",\"handler\":\"reverse_proxy\",\"upstreams\":[{\"dial\":\"a:1\"}," \
    "{\"dial\":\"b:2\",\"max_requests\":7}]}"

static void test_one_that_is_off_is_remembered_whole(void **state) {
    _cleanup_(caddy_handler_clear) struct caddy_handler h = handler(PLAIN);

    (void)state;
    caddy_handler_find(&h, "b:2")->weight = 3;
    caddy_handler_find(&h, "b:2")->admin = HAL9_ADMIN_DRAIN;
    _cleanup_free_ char *off = written(&h);

    assert_non_null(strstr(off, "\"upstreams\":[{\"dial\":\"a:1\"}]"));
    _cleanup_(caddy_handler_clear) struct caddy_handler again = handler(off);
    struct caddy_server *b = caddy_handler_find(&again, "b:2");

    assert_non_null(b);
    assert_int_equal(b->weight, 3);
    assert_int_equal(b->admin, HAL9_ADMIN_DRAIN);
    b->weight = 1;
    b->admin = HAL9_ADMIN_READY;
    _cleanup_free_ char *on = written(&again);
    _cleanup_json_ cJSON *want = NULL, *got = NULL;

    assert_ok(hal9_json_parse(PLAIN, strlen(PLAIN), &want, NULL));
    assert_ok(hal9_json_parse(on, strlen(on), &got, NULL));
    assert_true(hal9_json_equal(want, got));
}

static void test_weights_are_counts_well_mixed(void **state) {
    _cleanup_(caddy_handler_clear) struct caddy_handler h = handler(PLAIN);
    int run = 0, longest = 0, n = 0;
    const char *last = "";
    const cJSON *one;

    (void)state;
    caddy_handler_find(&h, "a:1")->weight = 30;
    caddy_handler_find(&h, "b:2")->weight = 10;
    _cleanup_free_ char *text = written(&h);

    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(h.json, "upstreams")) {
        const char *dial = hal9_json_str(one, "dial");

        run = strcmp(dial, last) == 0 ? run + 1 : 1;
        longest = run > longest ? run : longest;
        last = dial;
        n++;
    }
    assert_int_equal(n, 40);
    assert_true(longest <= 3);
    _cleanup_(caddy_handler_clear) struct caddy_handler again = handler(text);

    assert_int_equal(caddy_handler_find(&again, "a:1")->weight, 30);
    assert_int_equal(caddy_handler_find(&again, "b:2")->weight, 10);
}

static void test_weighted_round_robin_keeps_its_weights(void **state) {
    _cleanup_(caddy_handler_clear) struct caddy_handler h = handler(
        "{\"handler\":\"reverse_proxy\",\"load_balancing\":{\"selection_policy\":{\"policy\":"
        "\"weighted_round_robin\",\"weights\":[3,1]}},\"upstreams\":[{\"dial\":\"a:1\"},{\"dial\":"
        "\"b:2\"}],"
        "\"handle_response\":[{\"routes\":[]}]}");

    (void)state;
    assert_int_equal(caddy_handler_find(&h, "a:1")->weight, 3);
    caddy_handler_find(&h, "a:1")->weight = 0;
    caddy_handler_find(&h, "b:2")->weight = 5000;
    _cleanup_free_ char *text = written(&h);

    assert_non_null(strstr(text, "\"weights\":[5000]"));
    assert_non_null(strstr(text, "\"handle_response\":[{\"routes\":[]},{"));
    _cleanup_(caddy_handler_clear) struct caddy_handler again = handler(text);

    assert_int_equal(caddy_handler_find(&again, "a:1")->weight, 0);
    caddy_handler_find(&again, "a:1")->weight = 3;
    _cleanup_free_ char *back = written(&again);

    assert_non_null(strstr(back, "\"handle_response\":[{\"routes\":[]}]"));
}

static void test_what_it_cannot_handle_is_refused(void **state) {
    static const char *const bad[][2] = {
        {"{\"handler\":\"file_server\"}", "no reverse_proxy"},
        {"{\"handler\":\"reverse_proxy\",\"upstreams\":[{}]}", "without an address"},
        {"{\"handler\":\"reverse_proxy\",\"handle_response\":[{\"match\":{\"headers\":{"
         "\"X-Hal9ops-Parked\":[\"{]\"]}}}]}",
         "can't be read"},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(bad); i++) {
        struct caddy_handler h = {0};
        _cleanup_error_ struct hal9_error err = {0};
        cJSON *json = NULL;

        assert_ok(hal9_json_parse(bad[i][0], strlen(bad[i][0]), &json, NULL));
        assert_int_not_equal(caddy_handler_read(json, &h, &err), HAL9_OK);
        assert_says(err, bad[i][1]);
    }
    _cleanup_(caddy_handler_clear) struct caddy_handler h = handler(PLAIN);
    _cleanup_error_ struct hal9_error err = {0};

    h.v[0].weight = 5000;
    assert_int_equal(caddy_handler_write(&h, &err), HAL9_E_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_that_is_off_is_remembered_whole),
        cmocka_unit_test(test_weights_are_counts_well_mixed),
        cmocka_unit_test(test_weighted_round_robin_keeps_its_weights),
        cmocka_unit_test(test_what_it_cannot_handle_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
