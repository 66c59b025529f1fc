/* A process killed at every line and before every system call that changes something: what it has
 * said to be durable is there, the rest is torn at most, and another process goes on. */
#ifdef HAL9_TEST_HOOKS
#include <signal.h>

#include "store-temp.h"

#include "sys/fault.h"

#define ID "01jd8z4k2m7f3a"
#define LINES 4 /* plan, begin, done, end */

static const char *const types[LINES] = {"plan", "begin", "done", "end"};

/* What an executor does, in short. Each line that is durable is told on told_fd. */
static int whole_life(struct hal9_state *s, int told_fd) {
    struct hal9_journal *j;
    if (hal9_journal_create(s, ID, 4096, &j, NULL) != HAL9_OK)
        return 1;
    for (int i = 0; i < LINES; i++) {
        if (append(j, types[i], i + 1, NULL) != HAL9_OK) {
            hal9_journal_close(j);
            return 2;
        }
        char line = (char)(i + 1);
        if (write(told_fd, &line, 1) != 1)
            return 3;
    }
    hal9_journal_finish(j);
    return 0;
}

static int lines_of(struct hal9_state *s) {
    _cleanup_json_ cJSON *lines = NULL;
    hal9_status status = hal9_journal_read(s, ID, &lines, NULL, NULL);
    if (status == HAL9_E_NOT_FOUND)
        return 0;
    assert_int_equal(status, HAL9_OK);
    for (int i = 0; i < cJSON_GetArraySize(lines); i++)
        assert_int_equal(hal9_json_int(cJSON_GetArrayItem(lines, i), "n", 0), i + 1);
    return cJSON_GetArraySize(lines);
}

/* Goes on with it as resume would, and checks that what is told as open is what has no end. */
static void goes_on(struct hal9_state *s) {
    int lines = lines_of(s);
    _cleanup_strv_ struct hal9_strv open_ids = {0};
    assert_false(hal9_journal_running(s, ID));
    assert_ok(hal9_journal_list_open(s, &open_ids, NULL));
    assert_int_equal(open_ids.n, lines > 0 && lines < LINES);
    if (lines == 0 || lines == LINES)
        return;
    struct hal9_journal *j;
    assert_ok(hal9_journal_reopen(s, ID, &j, NULL));
    for (int i = lines; i < LINES; i++)
        assert_ok(append(j, types[i], i + 1, NULL));
    hal9_journal_finish(j);
    assert_int_equal(lines_of(s), LINES);
    _cleanup_strv_ struct hal9_strv none = {0};
    assert_ok(hal9_journal_list_open(s, &none, NULL));
    assert_int_equal(none.n, 0);
}

/* As a fresh process: the directory as it was, the state opened anew. */
static void fresh_state(struct temp *t) {
    hal9_state_close(t->s);
    _cleanup_free_ char *path = hal9_strf("%s/state", t->dir);
    temp_remove(path);
    assert_ok(hal9_state_open(path, HAL9_STATE_WRITE, false, &t->s, NULL));
}

/* Runs the life in a child under a fault; returns how many lines it has told as durable. */
static int life_under(struct temp *t, const char *fault, int *ret_end, unsigned *ret_points) {
    int told[2];
    int points[2];
    assert_int_equal(pipe(told), 0);
    assert_int_equal(pipe(points), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(told[0]);
        hal9_fault_setup(fault);
        int end = whole_life(t->s, told[1]);
        unsigned n = hal9_fault_count();
        _exit(write(points[1], &n, sizeof(n)) == sizeof(n) ? end : 99);
    }
    close(told[1]);
    close(points[1]);
    int lines = 0;
    unsigned char line;
    while (read(told[0], &line, 1) == 1)
        lines = line;
    *ret_points = 0;
    if (read(points[0], ret_points, sizeof(*ret_points)) < 0)
        fail();
    close(told[0]);
    close(points[0]);
    *ret_end = ended(pid);
    return lines;
}

static void killed_before_every_call(void **state) {
    struct temp *t = *state;
    unsigned n = 1;
    for (;; n++) {
        fresh_state(t);
        char fault[32];
        snprintf(fault, sizeof(fault), "%u:KILL", n);
        int end;
        unsigned points;
        int durable = life_under(t, fault, &end, &points);
        if (end == 0)
            break;
        assert_int_equal(end, 128 + SIGKILL);
        int lines = lines_of(t->s);
        assert_true(lines == durable || lines == durable + 1);
        goes_on(t->s);
    }
    printf("# killed at %u points\n", n - 1);
    assert_true(n > 15);
}

static void killed_in_every_write(void **state) {
    struct temp *t = *state;
    /* the second write is the index's: the first line is whole then, and its writer was not told so */
    for (unsigned n = 1; n <= LINES + 2; n++) {
        fresh_state(t);
        char fault[32];
        unsigned whole = n <= 2 ? n - 1 : n - 2;
        snprintf(fault, sizeof(fault), "write:%u:TORN", n);
        int end;
        unsigned points;
        int durable = life_under(t, fault, &end, &points);
        assert_int_equal(end, n <= LINES + 1 ? 128 + SIGKILL : 0);
        assert_int_equal(lines_of(t->s), whole);
        assert_int_equal(durable, n == 2 ? 0 : whole);
        bool torn = false;
        _cleanup_json_ cJSON *lines = NULL;
        assert_ok(hal9_journal_read(t->s, ID, &lines, &torn, NULL));
        assert_int_equal(torn, n != 2 && n <= LINES + 1);
        goes_on(t->s);
    }
}

/* Each call fails once: the life ends with an error or goes on, but what was told stands. */
static void every_call_fails_once(void **state) {
    struct temp *t = *state;
    static const char *const errors[] = {"EIO", "ENOSPC", "EINTR", "EPERM", "EMFILE"};
    for (size_t e = 0; e < HAL9_ARRAY_LEN(errors); e++) {
        unsigned points = 1;
        for (unsigned n = 1; n <= points; n++) {
            fresh_state(t);
            char fault[32];
            snprintf(fault, sizeof(fault), "%u:%s", n, errors[e]);
            int end;
            int durable = life_under(t, fault, &end, &points);
            assert_true(points > 0); /* it has ended by itself */
            int lines = lines_of(t->s);
            assert_true(lines >= durable && lines <= durable + 1);
            assert_true(end != 0 || durable == LINES);
            goes_on(t->s);
        }
    }
}

/* The hooks: a child that stands at line n is killed there, or let go. */
static pid_t child_at(struct temp *t, const char *variable, int n, int *ret_go) {
    int ready[2];
    int go[2];
    int told = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(ready[0]);
        close(go[1]);
        hal9_hook_reset();
        _cleanup_free_ char *spec = hal9_strf("%d:%d:%d", n, ready[1], go[0]);
        _cleanup_free_ char *lines = hal9_strf("%s/lines", t->dir);
        setenv(variable, spec, 1);
        setenv("HAL9OPS_TEST_LINES", lines, 1);
        _exit(whole_life(t->s, told));
    }
    close(told);
    close(ready[1]);
    close(go[0]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *ret_go = go[1];
    return pid;
}

static void stopped_and_killed_at_every_line(void **state) {
    struct temp *t = *state;
    static const char *const variables[] = {"HAL9OPS_TEST_STOP_BEFORE", "HAL9OPS_TEST_STOP"};
    for (int after = 0; after < 2; after++)
        for (int n = 1; n <= LINES; n++) {
            fresh_state(t);
            int go;
            pid_t pid = child_at(t, variables[after], n, &go);
            assert_int_equal(lines_of(t->s), n - 1 + after);
            assert_true(hal9_journal_running(t->s, ID));
            kill(pid, SIGKILL);
            assert_int_equal(ended(pid), 128 + SIGKILL);
            close(go);
            assert_int_equal(lines_of(t->s), n - 1 + after);
            goes_on(t->s);
        }
}

static void stopped_and_let_go(void **state) {
    struct temp *t = *state;
    int go;
    pid_t pid = child_at(t, "HAL9OPS_TEST_STOP", 2, &go);
    close(go);
    assert_int_equal(ended(pid), 0);
    assert_int_equal(lines_of(t->s), LINES);
    _cleanup_free_ char *path = hal9_strf("%s/lines", t->dir);
    _cleanup_buf_ struct hal9_buf lines = {0};
    assert_ok(hal9_file_read(path, 1000, &lines, NULL));
    assert_string_equal(lines.data, "1\n2\n3\n4\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(killed_before_every_call), TEST(killed_in_every_write),
        TEST(every_call_fails_once),    TEST(stopped_and_killed_at_every_line),
        TEST(stopped_and_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <stdio.h>

int main(void) {
    puts("1..1\nok 1 - kills # SKIP needs a build with HAL9_TEST_HOOKS");
    return 0;
}

#endif
