/* Which processes are a service's: by place, by the record of its start, by identity. */

#include "store-temp.h"

static void id_of(pid_t pid, struct hal9_proc_id *ret) {
    struct hal9_proc p = {0};
    assert_ok(hal9_proc_read(pid, HAL9_PROC_STAT, &p, NULL));
    *ret = p.id;
    hal9_proc_clear(&p);
}

/* A process with a child and a grandchild, all waiting to be killed. */
struct family {
    pid_t pids[3];
    int alive; /* they end when this is closed */
};

static pid_t begin_one(int depth, const int report[2], const int alive[2]) {
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    pid_t self = getpid();
    close(alive[1]);
    if (depth > 1)
        begin_one(depth - 1, report, alive);
    else
        close(report[0]);
    char byte;
    if (write(report[1], &self, sizeof(self)) != sizeof(self) || read(alive[0], &byte, 1) < 0)
        _exit(1);
    _exit(0);
}

static void begin(struct family *f) {
    int report[2];
    int alive[2];
    assert_int_equal(pipe(report), 0);
    assert_int_equal(pipe(alive), 0);
    f->pids[0] = begin_one(3, report, alive);
    pid_t told[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(read(report[0], &told[i], sizeof(told[i])), sizeof(told[i]));
    /* they tell in any order; who is whose parent is in their stat */
    for (int level = 1; level < 3; level++)
        for (int i = 0; i < 3; i++) {
            struct hal9_proc p = {0};
            assert_ok(hal9_proc_read(told[i], HAL9_PROC_STAT, &p, NULL));
            if (p.ppid == f->pids[level - 1])
                f->pids[level] = told[i];
            hal9_proc_clear(&p);
        }
    close(report[0]);
    close(report[1]);
    close(alive[0]);
    f->alive = alive[1];
}

static void end(struct family *f) {
    close(f->alive);
    ended(f->pids[0]);
}

static void records_come_back(void **state) {
    struct temp *t = *state;
    struct hal9_service_ref r = {.name = (char[]){"web/1"},
                                 .identity = {.exe = (char[]){"/opt/web"}, .user = (char[]){"u"}},
                                 .unit = (char[]){"web.service"},
                                 .place = (char[]){"web"},
                                 .log_path = (char[]){"/var/log/web"},
                                 .log_offset = 18446744073709551615u};
    id_of(getpid(), &r.recorded);
    assert_ok(hal9_service_record(t->s, &r, NULL));

    struct hal9_identity now = {.exe = (char[]){"/opt/web2"}};
    struct hal9_service_ref back;
    assert_ok(hal9_service_ref_load(t->s, "web/1", &now, NULL, &back, NULL));
    assert_string_equal(back.name, "web/1");
    assert_string_equal(back.identity.exe, "/opt/web2"); /* as the configuration has it now */
    assert_null(back.identity.user);
    assert_null(back.unit);
    assert_string_equal(back.place, "web");
    assert_string_equal(back.log_path, "/var/log/web");
    assert_true(back.log_offset == 18446744073709551615u);
    assert_true(hal9_proc_id_equal(&back.recorded, &r.recorded));
    hal9_service_ref_clear(&back);

    _cleanup_json_ cJSON *j = hal9_service_ref_json(&r);
    struct hal9_service_ref parsed;
    assert_ok(hal9_service_ref_parse(j, &parsed, NULL));
    _cleanup_json_ cJSON *again = hal9_service_ref_json(&parsed);
    assert_true(hal9_json_equal(j, again));
    assert_string_equal(parsed.identity.user, "u");
    hal9_service_ref_clear(&parsed);
}

static void without_a_record(void **state) {
    struct temp *t = *state;
    struct hal9_identity identity = {.exe = (char[]){"/opt/web"}};
    for (int i = 0; i < 2; i++) {
        struct hal9_service_ref r;
        assert_ok(
            hal9_service_ref_load(i ? t->s : NULL, "web", &identity, "web.service", &r, NULL));
        assert_string_equal(r.unit, "web.service");
        assert_string_equal(r.identity.exe, "/opt/web");
        assert_int_equal(r.recorded.pid, 0);
        assert_null(r.place);
        hal9_service_ref_clear(&r);
    }
    struct hal9_service_ref none;
    assert_ok(hal9_service_ref_load(NULL, "web", NULL, NULL, &none, NULL));
    struct hal9_proc self = {0};
    assert_ok(hal9_proc_read(getpid(), HAL9_PROC_ALL, &self, NULL));
    assert_int_equal(hal9_service_is(&none, &self), HAL9_NOT_SERVICE);
    hal9_proc_clear(&self);
    hal9_service_ref_clear(&none);
}

static void damaged_records_are_told(void **state) {
    struct temp *t = *state;
    _cleanup_free_ char *dir = NULL;
    assert_ok(hal9_state_service_dir(t->s, "web", &dir, NULL));
    _cleanup_free_ char *path = hal9_path_join(dir, "process.json");
    static const char long_boot[] = "{\"name\":\"web\",\"recorded\":{\"pid\":1,\"boot\":"
                                    "\"0123456789012345678901234567890123456789\"}}";
    static const char *const damaged[] = {"",
                                          "{",
                                          "[]",
                                          "{}",
                                          "{\"name\":\"web\",\"recorded\":{}}",
                                          "{\"name\":\"web\",\"recorded\":{\"pid\":-1}}",
                                          "{\"name\":\"web\",\"recorded\":{\"pid\":1}}",
                                          long_boot};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(damaged); i++) {
        assert_ok(hal9_file_write(path, damaged[i], strlen(damaged[i]), 0600, NULL));
        struct hal9_service_ref r = {0};
        _cleanup_error_ struct hal9_error err = {0};
        assert_int_equal(hal9_service_ref_load(t->s, "web", NULL, NULL, &r, &err), HAL9_E_CORRUPT);
        assert_says(err, path);
        assert_non_null(err.hint);
        assert_null(r.name);
    }
}

static void expect_match(const struct hal9_service_ref *r, pid_t pid, int want) {
    struct hal9_proc p = {0};
    assert_ok(hal9_proc_read(pid, HAL9_PROC_ALL, &p, NULL));
    assert_int_equal(hal9_service_is(r, &p), want);
    hal9_proc_clear(&p);
}

static void the_recorded_and_its_descendants(void **state) {
    (void)state;
    struct family f;
    begin(&f);
    struct hal9_service_ref r = {.name = (char[]){"web"}};
    id_of(f.pids[0], &r.recorded);
    for (int i = 0; i < 3; i++)
        expect_match(&r, f.pids[i], HAL9_SERVICE_BY_RECORD);
    expect_match(&r, getpid(), HAL9_NOT_SERVICE);
    struct hal9_proc *procs = NULL;
    size_t n = 0;
    bool hidden = true;
    assert_ok(hal9_service_procs(&r, &procs, &n, &hidden, NULL));
    assert_false(hidden);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(procs[i].id.pid, f.pids[i]); /* parents first */
        assert_non_null(procs[i].exe);                /* with all that there is to know */
        hal9_proc_clear(&procs[i]);
    }
    free(procs);

    r.recorded.start++; /* another process had that pid: a stranger now, and its children, too */
    for (int i = 0; i < 3; i++)
        expect_match(&r, f.pids[i], HAL9_NOT_SERVICE);
    procs = NULL;
    assert_ok(hal9_service_procs(&r, &procs, &n, &hidden, NULL));
    assert_int_equal(n, 0);
    free(procs);
    end(&f);
}

static void by_identity(void **state) {
    (void)state;
    struct hal9_proc self = {0};
    assert_ok(hal9_proc_read(getpid(), HAL9_PROC_ALL, &self, NULL));
    struct hal9_service_ref r = {.name = (char[]){"web"}, .identity = {.exe = self.exe}};
    expect_match(&r, getpid(), HAL9_SERVICE_BY_IDENTITY);
    expect_match(&r, getppid(), HAL9_NOT_SERVICE);
    struct hal9_proc *procs = NULL;
    size_t n = 0;
    assert_ok(hal9_service_procs(&r, &procs, &n, NULL, NULL));
    bool found = false;
    for (size_t i = 0; i < n; i++) {
        found = found || procs[i].id.pid == getpid();
        hal9_proc_clear(&procs[i]);
    }
    assert_true(found);
    free(procs);
    hal9_proc_clear(&self);
}

/* The parts of a cgroup's path count as a whole. */
static void by_place(void **state) {
    (void)state;
    static const struct {
        const char *cgroup;
        enum hal9_service_match want;
    } cases[] = {
        {"/system.slice/hal9-web.scope", HAL9_SERVICE_BY_PLACE},
        {"/system.slice/hal9-web.scope/workers", HAL9_SERVICE_BY_PLACE},
        {"/user.slice/user-7.slice/user@7.service/app.slice/hal9-web.scope", HAL9_SERVICE_BY_PLACE},
        {"/hal9ops/web", HAL9_SERVICE_BY_PLACE},
        {"/hal9ops/web2", HAL9_NOT_SERVICE},
        {"/hal9ops/web2/hal9ops/web", HAL9_SERVICE_BY_PLACE},
        {"/system.slice/hal9-web2.scope", HAL9_NOT_SERVICE},
        {"/system.slice/xhal9-web.scope", HAL9_NOT_SERVICE},
        {"/system.slice/hal9-web.scopes", HAL9_NOT_SERVICE},
        {"/", HAL9_NOT_SERVICE},
        {NULL, HAL9_NOT_SERVICE},
    };
    struct hal9_service_ref r = {.name = (char[]){"web"}, .place = (char[]){"web"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_proc p = {.id = {.pid = getpid()}, .cgroup = hal9_strdup(cases[i].cgroup)};
        assert_int_equal(hal9_service_is(&r, &p), cases[i].want);
        free(p.cgroup);
    }
    struct hal9_service_ref unit = {.name = (char[]){"web"}, .unit = (char[]){"web.service"}};
    struct hal9_proc p = {.id = {.pid = getpid()}, .unit = (char[]){"web.service"}};
    assert_int_equal(hal9_service_is(&unit, &p), HAL9_SERVICE_BY_PLACE);
    p.unit = NULL;
    assert_int_equal(hal9_service_is(&unit, &p), HAL9_NOT_SERVICE);
}

/* Who may not look at a process does not say that it is a stranger. */
static void what_is_hidden_is_told(void **state) {
    (void)state;
    struct hal9_service_ref r = {.name = (char[]){"web"},
                                 .identity = {.exe = (char[]){"/opt/web"}}};
    struct hal9_proc p = {.id = {.pid = getpid()}, .uid = (uid_t)-1, .comm = (char[]){"web"}};
    assert_int_equal(hal9_service_is(&r, &p), HAL9_SERVICE_CANT_TELL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(records_come_back),
        TEST(without_a_record),
        TEST(damaged_records_are_told),
        cmocka_unit_test(the_recorded_and_its_descendants),
        cmocka_unit_test(by_identity),
        cmocka_unit_test(by_place),
        cmocka_unit_test(what_is_hidden_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
