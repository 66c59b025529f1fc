/* A backend as it was seen: what is kept of it, which server is this host's, what may be taken out, what a reload forgot. */
#include "harness.h"

#include <string.h>

#include "balancer/driver.h"
#include "balancer/haproxy.h"
#include "base/cleanup.h"
#include "hal9ops/sys.h"

static struct hal9_balancer_server *add(struct hal9_balancer_view *v, const char *name,
                                        const char *address, int64_t weight, enum hal9_admin admin,
                                        int up) {
    struct hal9_balancer_server *s = bal_view_add(v, name);
    s->address = hal9_strdup(address);
    s->weight = weight;
    s->initial_weight = 100;
    s->admin = admin;
    s->up = up;
    return s;
}

static void own(const struct hal9_balancer_view *v, const char *told, uint16_t port,
                hal9_status wanted, const char *words) {
    _cleanup_error_ struct hal9_error err = {0};
    const char *server = NULL;
    assert_int_equal(hal9_balancer_own(v, told, port, &server, &err), wanted);
    if (wanted == HAL9_OK)
        assert_string_equal(server, words);
    else
        assert_non_null(strstr(err.message, words));
}

static void the_server_of_this_host(void **state) {
    (void)state;
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {.backend = hal9_strdup("b")};
    _cleanup_free_ char *named = hal9_strf("%s:9005", hal9_host_name());
    add(&v, "s1", "127.0.0.1:9001", 1, HAL9_ADMIN_READY, 1);
    add(&v, "s2", "[::1]:9002", 1, HAL9_ADMIN_READY, 1);
    add(&v, "s3", "192.0.2.1:9003", 1, HAL9_ADMIN_READY, 1);
    add(&v, "s4", "127.0.0.1:9002", 1, HAL9_ADMIN_READY, 1);
    add(&v, "s5", named, 1, HAL9_ADMIN_READY, 1);
    add(&v, "s6", NULL, 1, HAL9_ADMIN_READY, 1);
    own(&v, NULL, 9001, HAL9_OK, "s1");
    own(&v, NULL, 9005, HAL9_OK, "s5");
    own(&v, NULL, 9002, HAL9_E_USAGE, "2 servers have this host's address and port 9002");
    own(&v, "s2", 9002, HAL9_OK, "s2");
    own(&v, NULL, 9003, HAL9_E_NOT_FOUND, "it has s1 (127.0.0.1:9001)");
    own(&v, "s3", 1, HAL9_OK, "s3");
    own(&v, "s7", 9001, HAL9_E_NOT_FOUND, "no server 's7'");
    v.remote = true; /* its loopback is another one */
    own(&v, NULL, 9001, HAL9_E_NOT_FOUND, "no server");
}

static void spares(const struct hal9_balancer_view *v, const char *a, const char *b, int64_t min_up,
                   hal9_status wanted) {
    _cleanup_strv_ struct hal9_strv names = {0};
    hal9_strv_add(&names, a);
    hal9_strv_add(&names, b);
    assert_int_equal(hal9_balancer_spares(v, &names, min_up, NULL), wanted);
}

static void how_many_must_stay_up(void **state) {
    (void)state;
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {.backend = hal9_strdup("b")};
    add(&v, "up", NULL, 1, HAL9_ADMIN_READY, 1);
    add(&v, "unchecked", NULL, -1, HAL9_ADMIN_READY, -1);
    add(&v, "down", NULL, 1, HAL9_ADMIN_READY, 0);
    add(&v, "drained", NULL, 1, HAL9_ADMIN_DRAIN, 1);
    add(&v, "weightless", NULL, 0, HAL9_ADMIN_READY, 1);
    spares(&v, "up", NULL, 1, HAL9_OK);
    spares(&v, "up", NULL, 2, HAL9_E_REFUSED);
    spares(&v, "up", "unchecked", 1, HAL9_E_REFUSED);
    spares(&v, "up", "unchecked", 0, HAL9_OK);
    /* what takes no traffic anyway may go, however few there are */
    spares(&v, "down", "drained", 5, HAL9_OK);
    spares(&v, "weightless", NULL, 5, HAL9_OK);
}

static void what_a_reload_forgot(void **state) {
    (void)state;
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {
        .backend = hal9_strdup("b"), .instance = hal9_strdup("1@10")};
    struct hal9_balancer_server *s = add(&v, "s1", NULL, 5, HAL9_ADMIN_DRAIN, 1);
    _cleanup_json_ cJSON *then = hal9_balancer_state(&v);
    s->weight = 100;
    s->admin = HAL9_ADMIN_READY;
    assert_false(hal9_balancer_forgot(then, &v, "s1")); /* the same process: somebody did it */
    free(v.instance);
    v.instance = hal9_strdup("2@20");
    assert_true(hal9_balancer_forgot(then, &v, "s1"));
    s->weight = 99; /* nor is that what the configuration says */
    assert_false(hal9_balancer_forgot(then, &v, "s1"));
    s->weight = 100;
    s->configured_off = true;
    assert_false(hal9_balancer_forgot(then, &v, "s1"));
    s->admin = HAL9_ADMIN_MAINT;
    assert_true(hal9_balancer_forgot(then, &v, "s1"));
    assert_false(hal9_balancer_forgot(then, &v, "s2"));
}

static void a_spec_goes_to_args_and_back(void **state) {
    (void)state;
    struct hal9_balancer_spec b = {.name = "edge", .state_file = "/var/lib/haproxy/state"};
    struct hal9_balancer_spec *back = NULL;
    hal9_strv_add(&b.haproxy, "unix:/run/a.sock");
    hal9_strv_add(&b.haproxy, "tcp:[::1]:99");
    _cleanup_json_ cJSON *j = hal9_balancer_json(&b);
    assert_int_equal(hal9_balancer_parse(j, &back, NULL), HAL9_OK);
    assert_string_equal(back->name, "edge");
    assert_string_equal(back->state_file, b.state_file);
    assert_int_equal(back->haproxy.n, 2);
    assert_string_equal(back->haproxy.v[1], "tcp:[::1]:99");
    hal9_balancer_free(back);
    hal9_strv_free(&b.haproxy);
    struct hal9_balancer_spec http = {.name = "api", .http = "http://lb/", .token = "env:TOKEN"};
    _cleanup_json_ cJSON *two = hal9_balancer_json(&http);
    assert_string_equal(hal9_json_str(two, "token"),
                        "env:TOKEN"); /* the reference, never the secret */
    assert_int_equal(hal9_balancer_parse(two, &back, NULL), HAL9_OK);
    assert_string_equal(back->token, "env:TOKEN");
    hal9_balancer_free(back);
    cJSON_AddStringToObject(two, "caddy", "http://x/");
    assert_int_equal(hal9_balancer_parse(two, &back, NULL), HAL9_E_CORRUPT);
}

static void one_without_a_driver_is_told_by_name(void **state) {
    (void)state;
    struct hal9_balancer_spec b = {.name = "edge"};
    _cleanup_(hal9_balancer_view_clear) struct hal9_balancer_view v = {0};
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_balancer_look(&b, "hal9", -1, &v, &err), HAL9_E_UNSUPPORTED);
    assert_non_null(strstr(err.message, "balancer edge"));
}

static void a_masters_list_of_its_workers(void **state) {
    (void)state;
    struct ha_process p = {0};
    ha_read_proc("#<PID>  <type>\n1  master\n# workers\n22  worker\n# old workers\n33  worker  "
                 "1\n44 worker 2\n# "
                 "programs",
                 &p);
    assert_true(p.master);
    assert_int_equal(p.old.n, 2);
    assert_string_equal(p.old.v[0], "33");
    ha_read_proc("[6]: Unknown command: 'show proc'", &p);
    assert_false(p.master);
    assert_int_equal(p.old.n, 0);
    ha_process_clear(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_of_this_host),
        cmocka_unit_test(how_many_must_stay_up),
        cmocka_unit_test(what_a_reload_forgot),
        cmocka_unit_test(a_spec_goes_to_args_and_back),
        cmocka_unit_test(one_without_a_driver_is_told_by_name),
        cmocka_unit_test(a_masters_list_of_its_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
