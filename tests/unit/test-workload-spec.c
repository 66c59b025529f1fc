/* The sections run, stop and identity; signals; who may be asked to stop a holder. */
#include <signal.h>
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/workload.h"

/* Decodes a text; the object is the caller's. */
static struct hal9_errors decode(const struct hal9_schema *schema, const char *text, void *object) {
    struct hal9_errors errors = {0};
    struct hal9_doc *doc = NULL;
    assert_ok(hal9_yaml_parse("test.yaml", text, strlen(text), &doc, NULL));
    hal9_schema_decode(schema, hal9_doc_root(doc), object, &errors);
    hal9_doc_free(doc);
    return errors;
}

static void assert_good(const struct hal9_schema *schema, const char *text, void *object) {
    struct hal9_errors errors = decode(schema, text, object);
    if (errors.n > 0)
        fail_msg("%s: %s", text, errors.v[0].message);
    hal9_errors_clear(&errors);
}

/* One error with these words at that place. */
static void assert_bad(const struct hal9_schema *schema, const char *text, unsigned col,
                       const char *words) {
    void *object = hal9_alloc(schema->size);
    struct hal9_errors errors = decode(schema, text, object);
    assert_int_equal(errors.n, 1);
    assert_says(errors.v[0], words);
    assert_int_equal(errors.v[0].col, col);
    hal9_errors_clear(&errors);
    hal9_schema_clear(schema, object);
    free(object);
}

#define assert_string_or_null(a, b)                                \
    do {                                                           \
        if (!hal9_streq((a), (b)))                                 \
            fail_msg("'%s', not '%s'", (a) ? (a) : "(null)", (b)); \
    } while (0)

static void a_stop_has_defaults(void **state) {
    (void)state;
    struct hal9_stop_spec s = {0};
    assert_good(&hal9_stop_schema, "{}", &s);
    assert_string_equal(s.signal, "TERM");
    assert_int_equal(s.grace_ms, 30000);
    assert_true(s.kill);
    hal9_schema_clear(&hal9_stop_schema, &s);
}

static void a_signal_is_a_name_or_a_number(void **state) {
    static const char *const texts[] = {"signal: QUIT", "signal: SIGQUIT", "signal: 3"};
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(texts); i++) {
        struct hal9_stop_spec s = {0};
        assert_good(&hal9_stop_schema, texts[i], &s);
        assert_string_equal(s.signal, "QUIT");
        hal9_schema_clear(&hal9_stop_schema, &s);
    }
    assert_bad(&hal9_stop_schema, "signal: TREM", 9, "did you mean 'TERM'?");
    assert_bad(&hal9_stop_schema, "signal: 9999", 9, "'9999' is no signal");
    assert_bad(&hal9_stop_schema, "signal: [TERM]", 9, "signal wants a name");
    assert_bad(&hal9_stop_schema, "grce: 3s", 1, "did you mean 'grace'?");
    int number = 0;
    assert_ok(hal9_signal_parse("SIGUSR1", &number, NULL));
    assert_int_equal(number, SIGUSR1);
    assert_int_equal(hal9_signal_parse("", &number, NULL), HAL9_E_USAGE);
}

static void a_run_is_exactly_one_kind(void **state) {
    (void)state;
    struct hal9_run_spec r = {0};
    assert_good(&hal9_run_schema,
                "{exec: [/bin/x, --port, \"80\"], user: u, cwd: /, umask: \"027\"}", &r);
    assert_int_equal(hal9_run_kind(&r), HAL9_RUN_EXEC);
    assert_int_equal(r.exec.n, 3);
    hal9_schema_clear(&hal9_run_schema, &r);
    assert_bad(&hal9_run_schema, "{user: u}", 1, "exactly one of exec, systemd");
    assert_bad(&hal9_run_schema, "{exec: [x], systemd: y}", 1, "exactly one of exec, systemd");
    assert_bad(&hal9_run_schema, "{systemd: y, user: u}", 20, "user goes with exec only");
}

static void a_unit_may_be_short(void **state) {
    (void)state;
    struct hal9_run_spec r = {0};
    assert_good(&hal9_run_schema, "systemd: layer9", &r);
    assert_int_equal(hal9_run_kind(&r), HAL9_RUN_SYSTEMD);
    assert_string_equal(r.systemd, "layer9.service");
    hal9_schema_clear(&hal9_run_schema, &r);
}

static void values_of_run_are_checked(void **state) {
    (void)state;
    assert_bad(&hal9_run_schema, "{exec: [x], cwd: here}", 18, "cwd wants an absolute path");
    assert_bad(&hal9_run_schema, "{exec: [x], umask: \"99\"}", 20, "umask wants an octal number");
    assert_bad(&hal9_run_schema, "{exec: [x], env: [A]}", 18, "env wants names with their values");
    assert_bad(&hal9_run_schema, "{exec: [x], env: {A: [1]}}", 22, "A wants a text");
    assert_bad(&hal9_run_schema, "{exec: [x], env: {API_TOKEN: abc}}", 30, "looks like a secret");
    struct hal9_run_spec r = {0};
    assert_good(&hal9_run_schema, "{exec: [x], env: {API_TOKEN: file:/t, N: 1, B: true}}", &r);
    hal9_schema_clear(&hal9_run_schema, &r);
}

static void an_identity_is_its_path(void **state) {
    (void)state;
    struct hal9_identity i = {0};
    assert_good(&hal9_identity_schema, "{exe: /usr/bin/java, cmdline: app.jar, user: u}", &i);
    assert_string_equal(i.exe, "/usr/bin/java");
    hal9_schema_clear(&hal9_identity_schema, &i);
    assert_bad(&hal9_identity_schema, "exe: java", 6, "exe wants an absolute path, not 'java'");
}

/* ---- the identity that run implies */

static struct hal9_identity implied(const char *const *argv, const char *cwd) {
    struct hal9_run_spec r = {.cwd = hal9_strdup(cwd)};
    struct hal9_identity i = {0};
    for (; *argv; argv++)
        hal9_strv_add(&r.exec, *argv);
    hal9_identity_default(&r, &i);
    hal9_schema_clear(&hal9_run_schema, &r);
    return i;
}
#define IMPLIED(cwd, ...) implied((const char *const[]){__VA_ARGS__, NULL}, (cwd))

static void a_program_is_known_by_its_path(void **state) {
    (void)state;
    struct hal9_identity i = IMPLIED(NULL, "/opt/hal9/hal9-server", "--port", "80");
    assert_string_or_null(i.exe, "/opt/hal9/hal9-server");
    assert_null(i.cmdline);
    hal9_identity_clear(&i);
    i = IMPLIED("/opt/hal9", "bin/server");
    assert_string_or_null(i.exe, "/opt/hal9/bin/server");
    hal9_identity_clear(&i);
    i = IMPLIED(NULL, "env");
    assert_true(hal9_endswith(i.exe, "/env") && i.exe[0] == '/');
    hal9_identity_clear(&i);
}

static void an_interpreter_is_known_by_what_it_runs(void **state) {
    (void)state;
    struct hal9_identity i = IMPLIED(NULL, "/usr/bin/python3", "/opt/app.py", "--x");
    assert_string_or_null(i.exe, "/usr/bin/python3");
    assert_string_or_null(i.cmdline, "/opt/app.py --x");
    hal9_identity_clear(&i);
    i = IMPLIED(NULL, "/bin/sh", "-c", "exec serve");
    assert_string_or_null(i.cmdline, "-c exec serve");
    hal9_identity_clear(&i);
    i = IMPLIED(NULL, "/usr/bin/java", "-jar", "/opt/a.jar");
    assert_string_or_null(i.cmdline, "-jar /opt/a.jar");
    hal9_identity_clear(&i);
}

static void a_unit_is_known_by_its_name(void **state) {
    (void)state;
    struct hal9_run_spec r = {.systemd = hal9_strdup("layer9.service")};
    struct hal9_identity i = {0};
    hal9_identity_default(&r, &i);
    assert_string_or_null(i.unit, "layer9.service");
    assert_null(i.exe);
    hal9_identity_clear(&i);
    hal9_schema_clear(&hal9_run_schema, &r);
}

/* ---- who supervises a holder */

static void assert_signals(const char *cgroup, const char *unit, const char *container,
                           const char *words) {
    struct hal9_proc p = {.cgroup = hal9_strdup(cgroup),
                          .unit = hal9_strdup(unit),
                          .container = hal9_strdup(container)};
    char *why = NULL;
    assert_null(hal9_holder_unit(&p, &why));
    assert_non_null(why);
    if (!strstr(why, words))
        fail_msg("%s: '%s', not '%s'", cgroup, why, words);
    free(why);
    assert_null(hal9_holder_unit(&p, NULL));
    hal9_proc_clear(&p);
}

static void never_a_scope_a_session_or_the_way_in(void **state) {
    (void)state;
    assert_signals("/user.slice/user-1000.slice/session-3.scope", NULL, NULL, "no systemd service");
    assert_signals("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service", "x.service",
                   NULL, "a user's own systemd");
    assert_signals("/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service",
                   NULL, "a user's own systemd");
    assert_signals("/system.slice/ssh.service", "ssh.service", NULL, "is never stopped");
    assert_signals("/system.slice/system-sshd.slice/sshd@3.service", "sshd@3.service", NULL,
                   "is never stopped");
    assert_signals("/system.slice/cron.service", "cron.service", NULL, "is never stopped");
    assert_signals("/system.slice/systemd-resolved.service", "systemd-resolved.service", NULL,
                   "is never stopped");
    assert_signals("/system.slice/x.service/y.scope", "x.service", NULL, "in a scope below");
    assert_signals("/system.slice/docker-0123456789abcdef.scope", NULL, "0123456789abcdef",
                   "in container 0123456789ab");
    assert_signals(NULL, NULL, NULL, "no systemd service");
}

static void a_service_of_the_system_is_asked(void **state) {
    (void)state;
    struct hal9_proc p = {.cgroup = hal9_strdup("/system.slice/layer9.service"),
                          .unit = hal9_strdup("layer9.service")};
    char *why = NULL;
    char *unit = hal9_holder_unit(&p, &why);
    if (access("/run/systemd/system", F_OK) == 0)
        assert_string_equal(unit, "layer9.service");
    else
        assert_string_equal(why, "systemd does not run here");
    free(unit);
    free(why);
    hal9_proc_clear(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stop_has_defaults),
        cmocka_unit_test(a_signal_is_a_name_or_a_number),
        cmocka_unit_test(a_run_is_exactly_one_kind),
        cmocka_unit_test(a_unit_may_be_short),
        cmocka_unit_test(values_of_run_are_checked),
        cmocka_unit_test(an_identity_is_its_path),
        cmocka_unit_test(a_program_is_known_by_its_path),
        cmocka_unit_test(an_interpreter_is_known_by_what_it_runs),
        cmocka_unit_test(a_unit_is_known_by_its_name),
        cmocka_unit_test(never_a_scope_a_session_or_the_way_in),
        cmocka_unit_test(a_service_of_the_system_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
