/* The file of an nginx upstream: read, changed where it has to be, all else kept byte for byte. */
#include <string.h>

#include "harness.h"

#include "balancer/nginx-file.h"
#include "base/cleanup.h"

static const char text[] =
    "# upstream old { server 1.1.1.1; }\n"
    "upstream other { server 10.0.0.1; }\n"
    "http {\n"
    "  upstream \"hal9\" { # the pool\n"
    "    least_conn;\n"
    "    server 127.0.0.1:9001   weight=5 max_fails=2; # first\n"
    "    server unix:/run/s2.sock backup;\n"
    "    zone hal9 64k; server 127.0.0.1:9003 down;\n"
    "    server 127.0.0.1:9004 down; # hal9ops: weight=0 admin=ready\n"
    "    server 127.0.0.1:9005 weight=7 down; # hal9ops: weight=7 admin=maint\n"
    "  }\n"
    "}\n";

static void parse(const char *from, struct ng_upstream *ret) {
    const struct hal9_buf b = {.data = (char *)from, .len = strlen(from)};

    assert_ok(ng_upstream_parse("x.conf", &b, "hal9", ret, NULL));
}

static void server_is(const struct ng_server *s, const char *name, int64_t weight,
                      enum hal9_admin admin) {
    assert_string_equal(s->name, name);
    assert_int_equal(s->weight, weight);
    assert_int_equal(s->admin, admin);
}

static void test_servers_are_read(void **state) {
    _cleanup_(ng_upstream_clear) struct ng_upstream u = {0};

    (void)state;
    parse(text, &u);
    assert_true(u.found);
    assert_int_equal(u.n, 5);
    server_is(&u.v[0], "127.0.0.1:9001", 5, HAL9_ADMIN_READY);
    server_is(&u.v[1], "unix:/run/s2.sock", 1, HAL9_ADMIN_READY);
    server_is(&u.v[2], "127.0.0.1:9003", 1, HAL9_ADMIN_DRAIN);
    server_is(&u.v[3], "127.0.0.1:9004", 0, HAL9_ADMIN_READY);
    server_is(&u.v[4], "127.0.0.1:9005", 7, HAL9_ADMIN_MAINT);
    assert_int_equal(u.known.n, 2); /* the one in the comment is none */
}

static char *printed(const struct ng_upstream *u, const char *from) {
    const struct hal9_buf b = {.data = (char *)from, .len = strlen(from)};

    return ng_upstream_print(u, &b);
}

static void test_unchanged_is_the_same_text(void **state) {
    _cleanup_(ng_upstream_clear) struct ng_upstream u = {0};

    (void)state;
    parse(text, &u);
    _cleanup_free_ char *out = printed(&u, text);

    assert_string_equal(out, text);
}

static void set(struct ng_server *s, int64_t weight, enum hal9_admin admin) {
    s->weight = weight;
    s->admin = admin;
    s->changed = true;
}

static void test_only_the_changed_lines_change(void **state) {
    _cleanup_(ng_upstream_clear) struct ng_upstream u = {0}, again = {0};

    (void)state;
    parse(text, &u);
    set(&u.v[0], 0, HAL9_ADMIN_READY);
    set(&u.v[2], 3, HAL9_ADMIN_READY);
    set(&u.v[3], 2, HAL9_ADMIN_READY);
    set(&u.v[4], 7, HAL9_ADMIN_DRAIN);
    _cleanup_free_ char *out = printed(&u, text);

    assert_non_null(strstr(out, "    server 127.0.0.1:9001 max_fails=2 down; # hal9ops: "
                                "weight=0 admin=ready # first\n"));
    assert_non_null(strstr(out, "zone hal9 64k; server 127.0.0.1:9003 weight=3;\n"));
    assert_non_null(strstr(out, "    server 127.0.0.1:9004 weight=2;\n"));
    assert_non_null(strstr(out, "    server 127.0.0.1:9005 weight=7 down;\n"));
    assert_non_null(strstr(out, "    server unix:/run/s2.sock backup;\n"));
    parse(out, &again);
    for (size_t i = 0; i < u.n; i++)
        server_is(&again.v[i], u.v[i].name, u.v[i].weight, u.v[i].admin);
    /* and back: what was there before stands there again */
    for (size_t i = 0; i < again.n; i++)
        again.v[i].changed = u.v[i].changed;
    again.v[0].weight = 5;
    _cleanup_free_ char *back = printed(&again, out);

    assert_non_null(strstr(back, "server 127.0.0.1:9001 max_fails=2 weight=5; # first\n"));
}

static void test_what_cannot_be_read_is_told_with_its_line(void **state) {
    static const struct {
        const char *text, *says;
        unsigned line;
    } cases[] = {
        {"upstream hal9 {\n server a;\n", "doesn't end", 1},
        {"upstream hal9 {\n server a\n}", "without its semicolon", 2},
        {"upstream hal9 {\n server a:1;\n server a:1 backup;\n}", "twice", 3},
        {"\nupstream { server a; }", "without name or block", 2},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        const struct hal9_buf b = {.data = (char *)cases[i].text, .len = strlen(cases[i].text)};
        struct ng_upstream u = {0};
        _cleanup_error_ struct hal9_error err = {0};

        assert_int_equal(ng_upstream_parse("x.conf", &b, "hal9", &u, &err), HAL9_E_CONFIG);
        assert_says(err, cases[i].says);
        assert_int_equal(err.line, cases[i].line);
    }
}

/* Whatever it is cut down to, it is read or refused, and never read past its end. */
static void test_every_cut_is_survived(void **state) {
    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        _cleanup_free_ char *cut = hal9_strndup(text, len);
        const struct hal9_buf b = {.data = cut, .len = strlen(cut)};
        _cleanup_(ng_upstream_clear) struct ng_upstream u = {0};

        if (ng_upstream_parse("x.conf", &b, "hal9", &u, NULL) == HAL9_OK) {
            _cleanup_free_ char *out = ng_upstream_print(&u, &b);

            assert_string_equal(out, cut);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_servers_are_read),
        cmocka_unit_test(test_unchanged_is_the_same_text),
        cmocka_unit_test(test_only_the_changed_lines_change),
        cmocka_unit_test(test_what_cannot_be_read_is_told_with_its_line),
        cmocka_unit_test(test_every_cut_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
