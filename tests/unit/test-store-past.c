/* What a service has been through: proofs of health, restarts, holds; and what a frozen clock makes of them. */

#include "store-temp.h"

static void at(const char *time) {
    setenv("HAL9OPS_NOW", time, 1);
}

static void with_link(const struct temp *t, char **ret_link, const char *target) {
    _cleanup_free_ char *dir = hal9_path_join(t->dir, target);
    *ret_link = hal9_path_join(t->dir, "current");
    mkdir(dir, 0700);
    unlink(*ret_link);
    assert_int_equal(symlink(target, *ret_link), 0);
}

static void proofs_are_kept_newest_last(void **state) {
    struct temp *t = *state;
    struct hal9_proofs p = {0};
    at("2026-11-23T03:00:00Z");
    assert_ok(hal9_proofs_load(t->s, "web", &p, NULL));
    assert_int_equal(p.n, 0);
    assert_int_equal(p.time_ms, 0);
    for (int i = 0; i < 60; i++) {
        _cleanup_free_ char *link = NULL;
        _cleanup_free_ char *name = hal9_strf("%d", i % 55);
        with_link(t, &link, name);
        assert_ok(hal9_proofs_add(t->s, "web", link, name, NULL));
    }
    assert_ok(hal9_proofs_load(t->s, "web", &p, NULL));
    assert_int_equal(p.n, 50);
    assert_string_equal(p.releases[49].target, "4");
    assert_string_equal(p.releases[44].target, "54");
    assert_int_equal(p.time_ms, hal9_now_ms());
    hal9_proofs_clear(&p);
}

static void a_link_that_was_switched_meanwhile_proves_no_release(void **state) {
    struct temp *t = *state;
    struct hal9_proofs p = {0};
    _cleanup_free_ char *link = NULL;
    with_link(t, &link, "2");
    assert_ok(hal9_proofs_add(t->s, "web", link, "1", NULL));
    assert_ok(hal9_proofs_load(t->s, "web", &p, NULL));
    assert_int_equal(p.n, 0);
    assert_true(p.time_ms > 0);
    hal9_proofs_clear(&p);
}

static void restarts_are_counted(void **state) {
    struct temp *t = *state;
    struct hal9_restarts r = {0};
    hal9_restarts_load(NULL, "web", &r);
    assert_int_equal(r.n, 0);
    at("2026-11-23T03:00:00Z");
    assert_ok(hal9_restarts_add(t->s, "web", 60000, 3, 1, NULL));
    at("2026-11-23T03:00:30Z");
    assert_ok(hal9_restarts_add(t->s, "web", 60000, 3, 2, NULL));
    hal9_restarts_load(t->s, "web", &r);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.streak, 2);
    assert_int_equal(r.times_ms[1] - r.times_ms[0], 30000);
    hal9_restarts_clear(&r);
    at("2026-11-23T03:01:10Z"); /* the first is too old by now */
    assert_ok(hal9_restarts_add(t->s, "web", 60000, 3, 0, NULL));
    hal9_restarts_load(t->s, "web", &r);
    assert_int_equal(r.n, 2);
    hal9_restarts_clear(&r);
    for (int i = 0; i < 5; i++)
        assert_ok(hal9_restarts_add(t->s, "web", 60000, 3, 0, NULL));
    hal9_restarts_load(t->s, "web", &r);
    assert_int_equal(r.n, 3);
    hal9_restarts_clear(&r);
}

static void a_hold_holds_until_its_time(void **state) {
    struct temp *t = *state;
    struct hal9_hold h = {0};
    bool held = true;
    at("2026-11-23T03:00:00Z");
    assert_ok(hal9_hold_get(NULL, "web", &h, &held, NULL));
    assert_false(held);
    assert_ok(hal9_hold_put(t->s, "web", hal9_now_ms() + 60000, "a \"reason\"", NULL));
    assert_ok(hal9_hold_get(t->s, "web", &h, &held, NULL));
    assert_true(held);
    assert_string_equal(h.service, "web");
    assert_string_equal(h.reason, "a \"reason\"");
    assert_int_equal(h.until_ms - h.since_ms, 60000);
    hal9_hold_clear(&h);
    assert_int_equal(hal9_hold_check(t->s, "web", NULL), HAL9_E_REFUSED);
    assert_ok(hal9_hold_check(t->s, "app", NULL));
    at("2026-11-23T03:01:00Z");
    assert_ok(hal9_hold_check(t->s, "web", NULL));
    at("2026-11-23T03:00:59Z");
    assert_ok(hal9_hold_drop(t->s, "web", &held, NULL));
    assert_true(held);
    assert_ok(hal9_hold_drop(t->s, "web", &held, NULL));
    assert_false(held);
}

static void holds_are_listed_by_name(void **state) {
    struct temp *t = *state;
    struct hal9_hold *all = NULL;
    size_t n = 7;
    at("2026-11-23T03:00:00Z");
    assert_ok(hal9_hold_list(t->s, &all, &n, NULL));
    assert_int_equal(n, 0);
    assert_ok(hal9_hold_put(t->s, "web", hal9_now_ms() + 60000, NULL, NULL));
    assert_ok(hal9_hold_put(t->s, "a.b%c", hal9_now_ms() + 60000, NULL, NULL));
    assert_ok(hal9_hold_put(t->s, "over", hal9_now_ms(), NULL, NULL));
    assert_ok(hal9_hold_list(t->s, &all, &n, NULL));
    assert_int_equal(n, 2);
    assert_string_equal(all[0].service, "a.b%c");
    assert_string_equal(all[1].service, "web");
    for (size_t i = 0; i < n; i++)
        hal9_hold_clear(&all[i]);
    free(all);
}

static void what_is_damaged_holds(void **state) {
    struct temp *t = *state;
    _cleanup_error_ struct hal9_error err = {0};
    bool held = false;
    assert_ok(hal9_hold_put(t->s, "web", hal9_now_ms() + 60000, NULL, NULL));
    _cleanup_free_ char *path = hal9_strf("%s/state/holds/web.json", t->dir);
    assert_ok(hal9_file_write(path, "{}", 2, 0600, NULL));
    assert_int_equal(hal9_hold_check(t->s, "web", &err), HAL9_E_CORRUPT);
    assert_ok(hal9_hold_drop(t->s, "web", &held, NULL));
    assert_true(held);
    assert_ok(hal9_hold_check(t->s, "web", NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(proofs_are_kept_newest_last, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(a_link_that_was_switched_meanwhile_proves_no_release,
                                        temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(restarts_are_counted, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(a_hold_holds_until_its_time, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(holds_are_listed_by_name, temp_setup, temp_teardown),
        cmocka_unit_test_setup_teardown(what_is_damaged_holds, temp_setup, temp_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
