/* Two users with a shared state directory and one lock directory. Needs root to become them. */
#include <grp.h>

#include "store-temp.h"

#define ALICE 61001
#define BOB 61002
#define GROUP 61000
#define ID "01jd8z4k2m7f3a"

struct site {
    char dir[64];
    char *state;
    char *locks;
};

static int setup(void **state) {
    struct site *t = hal9_alloc(sizeof(*t));
    *state = t;
    if (geteuid() != 0)
        return 0;
    snprintf(t->dir, sizeof(t->dir), "/tmp/hal9-users.XXXXXX");
    if (!mkdtemp(t->dir) || chmod(t->dir, 0755) < 0)
        return -1;
    t->state = hal9_path_join(t->dir, "state");
    t->locks = hal9_path_join(t->dir, "locks");
    return mkdir(t->state, 0700) == 0 && chown(t->state, ALICE, GROUP) == 0 &&
                   chmod(t->state, 02770) == 0 && mkdir(t->locks, 0700) == 0 &&
                   chmod(t->locks, 01777) == 0
               ? 0
               : -1;
}

static int teardown(void **state) {
    struct site *t = *state;
    if (*t->dir)
        temp_remove(t->dir);
    free(t->state);
    free(t->locks);
    free(t);
    return 0;
}

/* Runs fn as a user whose umask shuts everybody out; its result is the child's exit code. */
static int as(uid_t uid, int (*fn)(struct site *t), struct site *t) {
    pid_t pid = fork();
    if (pid == 0) {
        const gid_t groups[] = {GROUP};
        umask(077);
        if (setgroups(1, groups) < 0 || setgid((gid_t)uid) < 0 || setuid(uid) < 0)
            _exit(99);
        _exit(fn(t));
    }
    return ended(pid);
}

#define MUST(code, condition) \
    do {                      \
        if (!(condition))     \
            return (code);    \
    } while (0)

static struct hal9_state *state_of(const struct site *t) {
    struct hal9_state *s = NULL;
    struct hal9_error err = {0};
    /* shared isn't told: the directory says so itself */
    if (hal9_state_open(t->state, HAL9_STATE_WRITE, false, &s, &err) != HAL9_OK)
        printf("# %s\n", err.message);
    return s;
}

static int begins(struct site *t) {
    struct hal9_journal *j;
    struct hal9_state *s = state_of(t);
    MUST(1, s);
    MUST(2, hal9_journal_create(s, ID, 4096, &j, NULL) == HAL9_OK);
    MUST(3, append(j, "plan", 1, NULL) == HAL9_OK);
    hal9_journal_close(j);
    hal9_state_close(s);
    return 0;
}

static int goes_on(struct site *t) {
    struct hal9_journal *j;
    struct hal9_strv ids = {0};
    struct hal9_state *s = state_of(t);
    MUST(1, s);
    MUST(2, hal9_journal_list_open(s, &ids, NULL) == HAL9_OK && ids.n == 1);
    MUST(3, hal9_journal_reopen(s, ID, &j, NULL) == HAL9_OK);
    MUST(4, append(j, "end", 2, NULL) == HAL9_OK);
    hal9_journal_finish(j);
    hal9_strv_free(&ids);
    MUST(5, hal9_journal_list_open(s, &ids, NULL) == HAL9_OK && ids.n == 0);
    hal9_state_close(s);
    return 0;
}

static void one_begins_the_other_ends(void **state) {
    if (geteuid() != 0)
        skip_needs("root");
    assert_int_equal(as(ALICE, begins, *state), 0);
    assert_int_equal(as(BOB, goes_on, *state), 0);
}

static void the_first_need_not_own_it(void **state) {
    if (geteuid() != 0)
        skip_needs("root");
    assert_int_equal(as(BOB, begins, *state), 0); /* makes the folders in alice's directory */
    assert_int_equal(as(ALICE, goes_on, *state), 0);
}

static const char secret[] = "TOKEN=1";

static int puts_blob(struct site *t) {
    char sha[65];
    struct hal9_buf content = {0};
    struct hal9_state *s = state_of(t);
    MUST(1, s && hal9_blob_put(s, secret, strlen(secret), sha, NULL) == HAL9_OK);
    MUST(2, hal9_blob_get(s, sha, &content, NULL) == HAL9_OK && hal9_streq(content.data, secret));
    hal9_buf_free(&content);
    hal9_state_close(s);
    return 0;
}

static int cannot_get_blob(struct site *t) {
    char sha[65];
    struct hal9_buf content = {0};
    struct hal9_state *s = state_of(t);
    hal9_sha256_hex(secret, strlen(secret), sha);
    MUST(1, s && hal9_blob_get(s, sha, &content, NULL) == HAL9_E_PERM);
    hal9_state_close(s);
    return 0;
}

/* Secrets stay with their user; who has the same content has a copy of his own. */
static void blobs_are_each_ones_own(void **state) {
    if (geteuid() != 0)
        skip_needs("root");
    assert_int_equal(as(ALICE, puts_blob, *state), 0);
    assert_int_equal(as(BOB, cannot_get_blob, *state), 0);
    assert_int_equal(as(BOB, puts_blob, *state), 0);
    assert_int_equal(as(ALICE, puts_blob, *state), 0);
}

static int take(struct site *t, struct hal9_locks **ret, struct hal9_error *err) {
    struct hal9_strv names = {0};
    hal9_strv_add(&names, "service:web");
    struct hal9_lock_opts o = {.dir = t->locks, .cancel_fd = -1};
    hal9_status status = hal9_locks_take(&names, &o, ret, err);
    hal9_strv_free(&names);
    return (int)status;
}

static int finds_it_busy(struct site *t) {
    struct hal9_locks *l;
    struct hal9_error err = {0};
    MUST(1, take(t, &l, &err) == HAL9_E_BUSY);
    MUST(2, strstr(err.message, "user alice"));
    hal9_error_clear(&err);
    return 0;
}

static int takes_and_notes(struct site *t) {
    struct hal9_locks *l;
    MUST(1, take(t, &l, NULL) == HAL9_OK);
    struct hal9_lock_note n = {.operation = (char[]){ID},
                               .state_dir = t->state,
                               .user = (char[]){"alice"},
                               .pid = getpid()};
    MUST(2, hal9_locks_note(l, &n, NULL) == HAL9_OK);
    hal9_locks_release(l);
    return 0;
}

/* Each may lock, and write into, the file that the other has made. */
static void locks_are_for_both(void **state) {
    struct site *t = *state;
    if (geteuid() != 0)
        skip_needs("root");
    assert_int_equal(as(BOB, takes_and_notes, t), 0);
    assert_int_equal(as(ALICE, takes_and_notes, t), 0);
    assert_int_equal(as(BOB, takes_and_notes, t), 0);
    struct hal9_locks *l;
    assert_int_equal(take(t, &l, NULL), HAL9_OK);
    struct hal9_lock_note n = {.operation = (char[]){ID},
                               .state_dir = t->state,
                               .user = (char[]){"alice"},
                               .pid = getpid()};
    assert_ok(hal9_locks_note(l, &n, NULL));
    assert_int_equal(as(BOB, finds_it_busy, t), 0);
    hal9_locks_release(l);
}

static int sees_another(struct site *t) {
    char *dir;
    bool own = false;
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("HAL9OPS_LOCK_DIR");
    _cleanup_free_ char *host = hal9_path_join(t->locks, "hal9ops");
    MUST(1, hal9_lock_dir(NULL, host, &dir, &own, NULL) == HAL9_OK);
    free(dir);
    return own ? 10 : 20;
}

/* A directory that a user has made where the host's belongs doesn't count until root took it. */
static void only_roots_directory_is_the_hosts(void **state) {
    struct site *t = *state;
    if (geteuid() != 0)
        skip_needs("root");
    _cleanup_free_ char *host = hal9_path_join(t->locks, "hal9ops");
    assert_int_equal(as(BOB, sees_another, t), 10); /* it isn't there: own one in /tmp */
    assert_int_equal(mkdir(host, 0700), 0);
    assert_int_equal(chmod(host, 01777), 0);
    assert_int_equal(chown(host, ALICE, ALICE), 0);
    assert_int_equal(as(BOB, sees_another, t), 10);
    assert_int_equal(sees_another(t), 20); /* root takes it over */
    assert_int_equal(as(BOB, sees_another, t), 20);
    _cleanup_free_ char *own = hal9_strf("/tmp/hal9ops-%d", BOB);
    temp_remove(own);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_begins_the_other_ends),         TEST(the_first_need_not_own_it),
        TEST(blobs_are_each_ones_own),           TEST(locks_are_for_both),
        TEST(only_roots_directory_is_the_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
