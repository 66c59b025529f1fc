/* How services are judged: the rules, one by one, on results made by hand; dependencies, on checks of files. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/health.h"

static const struct hal9_check_driver owner = {.key = "owner"};
static const struct hal9_check_driver http = {.key = "http"};
static const struct hal9_check_driver disk = {.key = "disk", .of_host = true};

#define PASS HAL9_CHECK_PASS
#define FAIL HAL9_CHECK_FAIL
#define UNKNOWN HAL9_CHECK_UNKNOWN
#define SKIPPED HAL9_CHECK_SKIPPED
#define IS(d, s) \
    { .driver = &(d), .state = (s) }
#define FAILS(d, c) \
    { .driver = &(d), .state = FAIL, .cause = (c) }
#define MOVED(d, c, to) \
    { .driver = &(d), .state = FAIL, .cause = (c), .critical = (to) }
#define WEIGHS(d, s, c, w) \
    { .driver = &(d), .state = (s), .cause = (c), .weight = (w) }

struct given {
    const struct hal9_check_driver *driver; /* NULL: the end */
    enum hal9_check_state state;
    const char *cause;
    int critical;  /* 0: as its kind, 1: true, -1: false */
    double weight; /* 0: 1; -1: 0 */
};
struct rule {
    const char *name;
    struct given given[4];
    enum hal9_health_state state;
    const char *cause;
    const char *reason; /* some words of it */
    double score;
};

static const struct rule rules[] = {
    {"all pass", {IS(http, PASS), IS(disk, PASS)}, HAL9_HEALTHY, NULL, "2 of 2 checks, 2 ms", 1},
    {"its own fails",
     {IS(disk, PASS), FAILS(http, "check_failed")},
     HAL9_FAILING,
     "check_failed",
     "check 1",
     0.5},
    {"the host's fails",
     {IS(http, PASS), FAILS(disk, "resource")},
     HAL9_DEGRADED,
     "resource",
     "check 1",
     0.5},
    {"both fail",
     {FAILS(disk, "resource"), FAILS(http, "check_failed")},
     HAL9_FAILING,
     "check_failed",
     "check 1",
     0},
    {"one is unknown",
     {IS(http, PASS), IS(http, UNKNOWN)},
     HAL9_HEALTH_UNKNOWN,
     NULL,
     "check 1",
     0.5},
    {"unknown is less than degraded",
     {IS(http, UNKNOWN), FAILS(disk, "resource")},
     HAL9_DEGRADED,
     "resource",
     "check 1",
     0},
    {"unknown is less than failing",
     {IS(http, UNKNOWN), FAILS(http, "not_running")},
     HAL9_FAILING,
     "not_running",
     "check 1",
     0},
    {"the first unknown is told",
     {IS(http, UNKNOWN), IS(http, UNKNOWN)},
     HAL9_HEALTH_UNKNOWN,
     NULL,
     "check 0",
     0},
    {"nothing is asked",
     {{.driver = NULL}},
     HAL9_HEALTH_UNKNOWN,
     "no_checks",
     "it has no checks",
     0},
    {"nothing ran",
     {IS(http, SKIPPED), IS(disk, SKIPPED)},
     HAL9_HEALTH_UNKNOWN,
     "no_checks",
     "none of its checks ran",
     0},
    {"what is skipped counts for nothing",
     {IS(http, PASS), IS(http, SKIPPED)},
     HAL9_HEALTHY,
     NULL,
     "1 of 2 checks",
     1},
    {"critical: true on the host's",
     {IS(http, PASS), MOVED(disk, "resource", 1)},
     HAL9_FAILING,
     "resource",
     "check 1",
     0.5},
    {"critical: false on its own",
     {MOVED(http, "check_failed", -1), IS(disk, PASS)},
     HAL9_DEGRADED,
     "check_failed",
     "check 0",
     0.5},
    {"critical goes before the rank of causes",
     {MOVED(http, "port_conflict", -1), MOVED(disk, "resource", 1)},
     HAL9_FAILING,
     "resource",
     "check 1",
     0},
    {"port_conflict before wrong_owner",
     {FAILS(http, "wrong_owner"), FAILS(owner, "port_conflict")},
     HAL9_FAILING,
     "port_conflict",
     "check 1",
     0},
    {"wrong_owner before not_running",
     {FAILS(http, "not_running"), FAILS(owner, "wrong_owner")},
     HAL9_FAILING,
     "wrong_owner",
     "check 1",
     0},
    {"not_running before check_failed",
     {FAILS(http, "check_failed"), FAILS(owner, "not_running")},
     HAL9_FAILING,
     "not_running",
     "check 1",
     0},
    {"check_failed before resource",
     {FAILS(http, "resource"), FAILS(owner, "check_failed")},
     HAL9_FAILING,
     "check_failed",
     "check 1",
     0},
    {"of the same cause the first",
     {FAILS(http, "check_failed"), FAILS(http, "check_failed")},
     HAL9_FAILING,
     "check_failed",
     "check 0",
     0},
    {"of the same cause what was asked over the wire",
     {FAILS(owner, "port_conflict"), FAILS(http, "port_conflict")},
     HAL9_FAILING,
     "port_conflict",
     "check 1",
     0},
    {"a failure without a cause", {FAILS(http, NULL)}, HAL9_FAILING, "check_failed", "check 0", 0},
    {"a host's without a cause", {FAILS(disk, NULL)}, HAL9_DEGRADED, "resource", "check 0", 0},
    {"weights",
     {WEIGHS(http, PASS, NULL, 3), WEIGHS(http, FAIL, "check_failed", 1)},
     HAL9_FAILING,
     "check_failed",
     "check 1",
     0.75},
    {"what has run is the whole",
     {WEIGHS(http, PASS, NULL, 3), WEIGHS(http, SKIPPED, NULL, 5), WEIGHS(disk, UNKNOWN, NULL, 1)},
     HAL9_HEALTH_UNKNOWN,
     NULL,
     "check 2",
     0.75},
    {"no weight at all, all pass", {WEIGHS(http, PASS, NULL, -1)}, HAL9_HEALTHY, NULL, "1 of 1", 1},
    {"no weight at all, one fails",
     {WEIGHS(http, PASS, NULL, -1), WEIGHS(http, FAIL, "check_failed", -1)},
     HAL9_FAILING,
     "check_failed",
     "check 1",
     0},
};

static size_t fill(struct hal9_verdict *v, struct hal9_check *checks, const struct given *g) {
    size_t n = 0;

    v->jobs = hal9_alloc(4 * sizeof(*v->jobs));
    for (; n < 4 && g[n].driver; n++) {
        checks[n] = (struct hal9_check){
            .driver = g[n].driver,
            .critical = g[n].critical > 0   ? 1
                        : g[n].critical < 0 ? 0
                                            : -1,
            .weight = g[n].weight > 0   ? g[n].weight
                      : g[n].weight < 0 ? 0
                                        : 1,
        };
        v->jobs[n].check = &checks[n];
        v->jobs[n].result = (struct hal9_check_result){.state = g[n].state,
                                                       .cause = g[n].cause,
                                                       .reason = hal9_strf("check %zu", n),
                                                       .evidence = cJSON_CreateObject(),
                                                       .us = 1000 * (int64_t)(n + 1)};
    }
    v->planned = n;
    return n;
}

static void each_rule(void **state) {
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        struct hal9_check checks[4];
        struct hal9_verdicts all = {0};
        struct hal9_verdict *v = HAL9_APPEND(all.v, all.n, all.cap);

        fill(v, checks, r->given);
        hal9_verdict_judge(v);
        if (v->state != r->state || !hal9_streq(v->cause, r->cause) ||
            !strstr(v->reason, r->reason) || v->score < r->score - 1e-9 ||
            v->score > r->score + 1e-9)
            fail_msg("%s: %s, %s, '%s', %g", r->name, hal9_health_state_name(v->state),
                     v->cause ? v->cause : "-", v->reason, v->score);
        hal9_verdicts_clear(&all);
    }
}

static void evidence_is_of_what_decides(void **state) {
    static const struct given given[] = {
        IS(http, PASS), FAILS(owner, "not_running"), IS(http, UNKNOWN), {.driver = NULL}};
    struct hal9_check checks[4];
    struct hal9_verdicts all = {0};
    struct hal9_verdict *v = HAL9_APPEND(all.v, all.n, all.cap);

    (void)state;
    fill(v, checks, given);
    hal9_verdict_judge(v);
    assert_ptr_equal(v->evidence, v->jobs[1].result.evidence);
    assert_int_equal(v->passed, 1);
    assert_int_equal(v->failed, 1);
    assert_int_equal(v->unknown, 1);
    assert_int_equal(v->us, 3000);
    /* Judged again, after the failure has gone. */
    v->jobs[1].result.state = PASS;
    hal9_verdict_judge(v);
    assert_ptr_equal(v->evidence, v->jobs[2].result.evidence);
    v->jobs[2].result.state = PASS;
    hal9_verdict_judge(v);
    assert_null(v->evidence);
    assert_int_equal(v->passed, 3);
    hal9_verdicts_clear(&all);
}

static void exit_codes(void **state) {
    static const struct {
        enum hal9_health_state states[3];
        size_t n;
        int exit;
    } cases[] = {
        {{0}, 0, 4},
        {{HAL9_HEALTHY, HAL9_HEALTHY}, 2, 0},
        {{HAL9_HEALTHY, HAL9_FAILING}, 2, 1},
        {{HAL9_HEALTHY, HAL9_DEGRADED}, 2, 1},
        {{HAL9_HEALTHY, HAL9_HEALTH_UNKNOWN}, 2, 4},
        {{HAL9_HEALTH_UNKNOWN, HAL9_FAILING}, 2, 1},
        {{HAL9_HELD, HAL9_HEALTHY}, 2, 0},
        {{HAL9_HELD, HAL9_HEALTH_UNKNOWN, HAL9_HEALTHY}, 3, 4},
    };

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_verdict v[3] = {{0}};

        for (size_t k = 0; k < cases[i].n; k++)
            v[k].state = cases[i].states[k];
        assert_int_equal(hal9_health_exit(&(struct hal9_verdicts){.v = v, .n = cases[i].n}),
                         cases[i].exit);
    }
}

/* ---- with a configuration: web depends on app, app on db; each is healthy while its file is there */

static char dir[64];

static int make_dir(void **state) {
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/hal9-judge.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static void path_of(const char *name, char *ret, size_t size) {
    snprintf(ret, size, "%s/%s", dir, name);
}

static void touch(const char *name, bool there) {
    char path[128];

    path_of(name, path, sizeof(path));
    unlink(path);
    if (there)
        assert_ok(hal9_file_write(path, "x", 1, 0644, NULL));
}

static int remove_dir(void **state) {
    static const char *const names[] = {"hal9.yaml", "web", "app", "db"};

    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++)
        touch(names[i], false);
    return rmdir(dir);
}

static struct hal9_config *site(void) {
    struct hal9_config *c = NULL;
    struct hal9_errors errors = {0};
    char path[128];
    _cleanup_free_ char *text =
        hal9_strf("hal9: 1\nservices:\n"
                  "  web:\n    depends: [app]\n    checks: [{command: [test, -e, %s/web]}]\n"
                  "  app:\n    depends: [db]\n    checks: [{file: %s/app, critical: true}]\n"
                  "  db:\n    checks: [{file: %s/db, critical: true}]\n"
                  "  lonely: {}\n",
                  dir, dir, dir);

    path_of("hal9.yaml", path, sizeof(path));
    assert_ok(hal9_file_write(path, text, strlen(text), 0644, NULL));
    if (hal9_config_load(path, &c, &errors) != HAL9_OK)
        fail_msg("%s", errors.v[0].message);
    return c;
}

/* The verdicts about the services in `names` (blanks between), or about all. */
static struct hal9_verdicts ask(const struct hal9_config *c, const char *names, bool dependants) {
    struct hal9_strv services = {0};
    struct hal9_verdicts v = {0};
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *copy = hal9_strdup(names);
    struct hal9_health h = {.config = c,
                            .services = &services,
                            .dependants = dependants,
                            .deadline_ms = -1,
                            .cancel_fd = -1};

    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        hal9_strv_add(&services, word);
    if (hal9_health_run(&h, &v, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    hal9_strv_free(&services);
    return v;
}

static const struct hal9_verdict *about(const struct hal9_verdicts *v, const char *name) {
    for (size_t i = 0; i < v->n; i++)
        if (hal9_streq(v->v[i].service, name))
            return &v->v[i];
    fail_msg("no verdict about %s", name);
    return NULL;
}

static void a_failing_dependency_is_named(void **state) {
    struct hal9_config *c = site();

    (void)state;
    touch("web", true);
    touch("app", true);
    touch("db", false);
    struct hal9_verdicts v = ask(c, "", false);
    const struct hal9_verdict *app = about(&v, "app"), *web = about(&v, "web");

    /* Alerting is for who asks: the child's own state stays what its checks say. */
    assert_int_equal(app->state, HAL9_HEALTHY);
    assert_null(app->cause);
    assert_int_equal(app->blocked_by.n, 1);
    assert_string_equal(app->blocked_by.v[0], "db");
    assert_int_equal(web->blocked_by.n, 0);
    assert_string_equal(about(&v, "lonely")->cause, "no_checks");
    assert_int_equal(hal9_health_exit(&v), 1);
    hal9_verdicts_clear(&v);
    hal9_config_free(c);
}

static void the_dependency_is_the_likely_cause(void **state) {
    struct hal9_config *c = site();

    (void)state;
    touch("web", false);
    touch("app", false);
    touch("db", false);
    struct hal9_verdicts v = ask(c, "web app", false);

    assert_int_equal(v.n, 2); /* db was probed, and is not told */
    /* A program that does not answer well may suffer from what it depends on; what is not there does not. */
    assert_string_equal(about(&v, "web")->cause, "dependency");
    assert_string_equal(about(&v, "app")->cause, "resource");
    assert_string_equal(about(&v, "web")->blocked_by.v[0], "app");
    assert_string_equal(about(&v, "app")->blocked_by.v[0], "db");
    hal9_verdicts_clear(&v);
    hal9_config_free(c);
}

static void dependants_come_along_when_asked(void **state) {
    struct hal9_config *c = site();

    (void)state;
    touch("web", true);
    touch("app", true);
    touch("db", true);
    struct hal9_verdicts v = ask(c, "db", true);

    assert_int_equal(v.n, 3);
    assert_int_equal(hal9_health_exit(&v), 0);
    hal9_verdicts_clear(&v);
    v = ask(c, "db", false);
    assert_int_equal(v.n, 1);
    assert_string_equal(v.v[0].service, "db");
    hal9_verdicts_clear(&v);
    hal9_config_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(evidence_is_of_what_decides),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(a_failing_dependency_is_named),
        cmocka_unit_test(the_dependency_is_the_likely_cause),
        cmocka_unit_test(dependants_come_along_when_asked),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
