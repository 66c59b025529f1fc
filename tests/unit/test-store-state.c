/* The state directory: where it is, its modes, its format. */
#include <pwd.h>

#include "store-temp.h"

#include "sys/fault.h"

static mode_t mode_of(const char *dir, const char *name) {
    struct stat st;
    _cleanup_free_ char *path = name ? hal9_strf("%s/%s", dir, name) : hal9_strdup(dir);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void expect_place(const char *option, const char *config, const char *want) {
    _cleanup_free_ char *path = NULL;
    assert_ok(hal9_state_find(option, config, &path, NULL));
    assert_string_equal(path, want);
}

/* As another user sees it: in a child that has dropped root where it was root. */
static int as_user(void (*fn)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(99);
        fn();
        _exit(0);
    }
    return ended(pid);
}

static void places_of_a_user(void) {
    char *path = NULL;
    setenv("HOME", "/nonexistent/u", 1);
    unsetenv("XDG_STATE_HOME");
    if (hal9_state_find(NULL, NULL, &path, NULL) != HAL9_OK ||
        strcmp(path, "/nonexistent/u/.local/state/hal9ops") != 0)
        _exit(1);
    setenv("XDG_STATE_HOME", "/nonexistent/x", 1);
    if (hal9_state_find(NULL, NULL, &path, NULL) != HAL9_OK ||
        strcmp(path, "/nonexistent/x/hal9ops") != 0)
        _exit(2);
    setenv("XDG_STATE_HOME", "relative", 1);
    if (hal9_state_find(NULL, NULL, &path, NULL) != HAL9_OK ||
        strcmp(path, "/nonexistent/u/.local/state/hal9ops") != 0)
        _exit(3);
    unsetenv("HOME"); /* as in cron, and in containers: the user's entry tells */
    _cleanup_free_ char *uid = hal9_strf("%u", (unsigned)geteuid());
    struct hal9_user user = {0};
    if (hal9_user_lookup(uid, &user, NULL) != HAL9_OK)
        _exit(5);
    _cleanup_free_ char *want = hal9_strf("%s/.local/state/hal9ops", user.home);
    _cleanup_free_ char *canonical = hal9_path_canonical(want);
    if (hal9_state_find(NULL, NULL, &path, NULL) != HAL9_OK || strcmp(path, canonical) != 0)
        _exit(4);
    hal9_user_clear(&user);
}

/* Nobody's home: no entry, no HOME. */
static void no_place(void) {
    char *path = NULL;
    struct hal9_error err = {0};
    unsetenv("HOME");
    unsetenv("XDG_STATE_HOME");
    if (hal9_state_find(NULL, NULL, &path, &err) != HAL9_E_USAGE || !strstr(err.message, "HOME") ||
        !strstr(err.hint, "--state-dir"))
        _exit(1);
    hal9_error_clear(&err);
}

static int as_nobody_known(void (*fn)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        if (setuid(3999999) != 0)
            _exit(99);
        fn();
        _exit(0);
    }
    return ended(pid);
}

static void the_place_is_found(void **state) {
    (void)state;
    setenv("HAL9OPS_STATE_DIR", "/nonexistent/env", 1);
    expect_place("/nonexistent/option", "/nonexistent/config", "/nonexistent/option");
    expect_place(NULL, "/nonexistent/config", "/nonexistent/env");
    setenv("HAL9OPS_STATE_DIR", "", 1);
    expect_place(NULL, "/nonexistent/config", "/nonexistent/config");
    unsetenv("HAL9OPS_STATE_DIR");
    _cleanup_free_ char *cwd = getcwd(NULL, 0);
    _cleanup_free_ char *want = hal9_path_join(cwd, "here/it/is");
    expect_place("here/it/is", NULL, want);
    char *path = NULL;
    assert_int_equal(hal9_state_find("", NULL, &path, NULL), HAL9_E_USAGE);
    assert_null(path);
    if (geteuid() == 0)
        expect_place(NULL, NULL, "/var/lib/hal9ops");
    assert_int_equal(as_user(places_of_a_user), 0);
    if (geteuid() == 0)
        assert_int_equal(as_nobody_known(no_place), 0);
}

static void reading_makes_nothing(void **state) {
    struct temp *t = *state;
    _cleanup_free_ char *path = hal9_strf("%s/absent/too", t->dir);
    struct hal9_state *s;
    assert_ok(hal9_state_open(path, HAL9_STATE_READ, false, &s, NULL));
    struct hal9_strv ids = {0};
    assert_ok(hal9_journal_list(s, &ids, NULL));
    assert_ok(hal9_journal_list_open(s, &ids, NULL));
    assert_int_equal(ids.n, 0);
    cJSON *lines = NULL;
    assert_int_equal(hal9_journal_read(s, "01jd8z4k2m7f3a", &lines, NULL, NULL), HAL9_E_NOT_FOUND);
    struct hal9_journal *j = NULL;
    assert_int_equal(hal9_journal_create(s, "01jd8z4k2m7f3a", 0, &j, NULL), HAL9_E_USAGE);
    char sha[65] = "";
    assert_int_equal(hal9_blob_put(s, "x", 1, sha, NULL), HAL9_E_USAGE);
    _cleanup_free_ char *dir = NULL;
    assert_ok(hal9_state_service_dir(s, "web", &dir, NULL));
    hal9_state_close(s);
    _cleanup_free_ char *parent = hal9_strf("%s/absent", t->dir);
    assert_false(there(parent));
}

/* Whatever the umask, and with every folder on the way. */
static void modes_are_exact(void **state) {
    struct temp *t = *state;
    const mode_t umasks[] = {0, 022, 0777};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(umasks); i++) {
        _cleanup_free_ char *own = hal9_strf("%s/own%zu/a/b", t->dir, i);
        _cleanup_free_ char *shared = hal9_strf("%s/shared%zu", t->dir, i);
        mode_t old = umask(umasks[i]);
        struct hal9_state *s;
        struct hal9_state *both;
        struct hal9_journal *j;
        assert_ok(hal9_state_open(own, HAL9_STATE_WRITE, false, &s, NULL));
        assert_ok(hal9_journal_create(s, "01jd8z4k2m7f3a", 0, &j, NULL));
        hal9_journal_close(j);
        assert_ok(hal9_state_open(shared, HAL9_STATE_WRITE, true, &both, NULL));
        assert_ok(hal9_journal_create(both, "01jd8z4k2m7f3a", 0, &j, NULL));
        hal9_journal_close(j);
        char sha[65];
        assert_ok(hal9_blob_put(both, "x", 1, sha, NULL));
        umask(old);
        assert_int_equal(mode_of(own, NULL), 0700);
        assert_int_equal(mode_of(own, "journal"), 0700);
        assert_int_equal(mode_of(own, "journal/01jd8z4k2m7f3a.ndjson"), 0600);
        assert_int_equal(mode_of(own, "open/01jd8z4k2m7f3a"), 0600);
        assert_int_equal(mode_of(own, "format"), 0600);
        assert_int_equal(mode_of(shared, NULL), 02770);
        assert_int_equal(mode_of(shared, "open"), 02770);
        assert_int_equal(mode_of(shared, "journal/01jd8z4k2m7f3a.ndjson"), 0660);
        assert_int_equal(mode_of(shared, "open/01jd8z4k2m7f3a"), 0660);
        assert_int_equal(mode_of(shared, "format"), 0660);
        _cleanup_free_ char *blob = hal9_strf("blobs/%.2s/%s", sha, sha);
        assert_int_equal(mode_of(shared, blob), 0600);
        hal9_state_close(s);
        hal9_state_close(both);
    }
}

static void put_format(const struct temp *t, const char *text) {
    _cleanup_free_ char *path = hal9_state_sub(t->s, "format", NULL);
    assert_ok(hal9_file_write(path, text, strlen(text), 0600, NULL));
}

static void newer_formats_are_refused(void **state) {
    struct temp *t = *state;
    _cleanup_buf_ struct hal9_buf format = {0};
    _cleanup_free_ char *path = hal9_state_sub(t->s, "format", NULL);
    assert_ok(hal9_file_read(path, 64, &format, NULL));
    assert_string_equal(format.data, "1\n");
    put_format(t, "7\n");
    const enum hal9_state_mode modes[] = {HAL9_STATE_READ, HAL9_STATE_WRITE};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(modes); i++) {
        struct hal9_state *s = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        assert_int_equal(hal9_state_open(hal9_state_path(t->s), modes[i], false, &s, &err),
                         HAL9_E_USAGE);
        assert_says(err, "has format 7, this build knows 1");
        assert_non_null(strstr(err.hint, "newer"));
        assert_null(s);
    }
    static const char *const garbage[] = {
        "", "\n", "one", "1 2", "-1", "0", "99999999999999999999"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(garbage); i++) {
        put_format(t, garbage[i]);
        struct hal9_state *s = NULL;
        assert_int_equal(hal9_state_open(hal9_state_path(t->s), HAL9_STATE_READ, false, &s, NULL),
                         HAL9_E_CORRUPT);
    }
}

static void unfit_directories_are_refused(void **state) {
    struct temp *t = *state;
    struct hal9_state *s = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(chmod(hal9_state_path(t->s), 0777), 0);
    assert_int_equal(hal9_state_open(hal9_state_path(t->s), HAL9_STATE_WRITE, false, &s, &err),
                     HAL9_E_REFUSED);
    assert_says(err, "may be written by anybody");
    assert_int_equal(chmod(hal9_state_path(t->s), 0700), 0);
    _cleanup_free_ char *file = hal9_state_sub(t->s, "format", NULL);
    assert_int_not_equal(hal9_state_open(file, HAL9_STATE_WRITE, false, &s, &err), HAL9_OK);
    _cleanup_free_ char *below = hal9_strf("%s/below", file);
    assert_int_not_equal(hal9_state_open(below, HAL9_STATE_WRITE, false, &s, &err), HAL9_OK);
    assert_null(s);
}

/* Where it can't be written, the error says where the state can go. */
static void the_way_out_is_told(void **state) {
    struct temp *t = *state;
    static const char *const faults[] = {"mkdir:1:EROFS", "mkdir:3:ENOSPC", "write:1:ENOSPC",
                                         "rename:1:EACCES"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(faults); i++) {
        _cleanup_free_ char *path = hal9_strf("%s/new%zu", t->dir, i);
        struct hal9_state *s = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        hal9_fault_setup(faults[i]);
        hal9_status status = hal9_state_open(path, HAL9_STATE_WRITE, false, &s, &err);
        hal9_fault_setup(NULL);
        assert_int_not_equal(status, HAL9_OK);
        assert_null(s);
        assert_non_null(strstr(err.hint, "--state-dir "));
        assert_ok(
            hal9_state_open(path, HAL9_STATE_WRITE, false, &s, NULL)); /* and half is no harm */
        hal9_state_close(s);
    }
}

static void service_folders_stay_inside(void **state) {
    struct temp *t = *state;
    static const char *const names[][2] = {{"web", "web"}, {"..", "%2E."},     {"a/b", "a%2Fb"},
                                           {"", "%"},      {"%2E.", "%252E."}, {"ü", "%C3%BC"}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++) {
        _cleanup_free_ char *dir = NULL;
        assert_ok(hal9_state_service_dir(t->s, names[i][0], &dir, NULL));
        _cleanup_free_ char *want = hal9_strf("%s/services/%s", hal9_state_path(t->s), names[i][1]);
        assert_string_equal(dir, want);
        assert_int_equal(mode_of(dir, NULL), 0700);
    }
}

static void long_names_stay_apart(void **state) {
    (void)state;
    char a[301] = {0};
    char b[301] = {0};
    memset(a, '/', 300);
    memcpy(b, a, 299);
    _cleanup_free_ char *x = hal9_store_escape(a);
    _cleanup_free_ char *y = hal9_store_escape(b);
    assert_true(strlen(x) <= 200 && strlen(y) <= 200);
    assert_string_not_equal(x, y);
    _cleanup_free_ char *z = hal9_store_escape(x); /* a name that looks like a shortened one */
    assert_string_not_equal(x, z);
}

/* Somebody who owns a directory that a lock's note names puts links in the place of its parts while it is worked on. */
static void another_ones_is_held_as_it_was(void **state) {
    struct temp *t = *state;
    static const char id[] = "01jd8z4k2m7f3a";
    struct hal9_state *other = NULL;
    struct hal9_state *victim = NULL;
    struct hal9_journal *j = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_buf_ struct hal9_buf before = {0};
    _cleanup_buf_ struct hal9_buf after = {0};
    _cleanup_free_ char *there_ = hal9_strf("%s/victim", t->dir);
    assert_ok(hal9_state_open(there_, HAL9_STATE_WRITE, false, &victim, NULL));
    journal_of(victim, id, 2);
    journal_of(t->s, id, 1);
    journal_bytes(victim, id, &before);
    const char *path = hal9_state_path(t->s);
    assert_ok(hal9_state_open_foreign(path, &other, NULL));
    assert_string_equal(hal9_state_path(other), path);
    static const char *const parts[] = {"journal", "open", "blobs"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(parts); i++) {
        _cleanup_free_ char *part = hal9_strf("%s/%s", path, parts[i]);
        _cleanup_free_ char *away = hal9_strf("%s/%s.away", path, parts[i]);
        _cleanup_free_ char *to = hal9_strf("%s/%s", there_, parts[i]);
        assert_int_equal(rename(part, away), 0);
        assert_int_equal(symlink(to, part), 0);
    }
    assert_ok(hal9_journal_reopen(other, id, &j, &err));
    assert_ok(append(j, "end", 9, NULL));
    hal9_journal_finish(j);
    journal_bytes(victim, id, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    _cleanup_free_ char *mark = hal9_mark_path(victim, id);
    assert_true(there(mark));
    _cleanup_free_ char *moved = hal9_strf("%s/journal.away/%s.ndjson", path, id);
    _cleanup_buf_ struct hal9_buf written = {0};
    assert_ok(hal9_file_read(moved, 1 << 20, &written, NULL));
    assert_non_null(strstr(written.data, "\"end\""));
    hal9_state_close(other);
    hal9_state_close(victim);
    /* and now that links stand there, it is none to be opened */
    assert_int_equal(hal9_state_open_foreign(path, &other, &err), HAL9_E_REFUSED);
    assert_says(err, "not a plain one");
}

static void no_link_leads_to_another_ones(void **state) {
    struct temp *t = *state;
    struct hal9_state *other = NULL;
    struct hal9_journal *j = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *link_ = hal9_strf("%s/link", t->dir);
    assert_int_equal(symlink(hal9_state_path(t->s), link_), 0);
    assert_int_equal(hal9_state_open_foreign(link_, &other, &err), HAL9_E_REFUSED);
    _cleanup_free_ char *below = hal9_strf("%s/link/state", t->dir);
    assert_int_equal(hal9_state_open_foreign(below, &other, NULL), HAL9_E_REFUSED);
    _cleanup_free_ char *up = hal9_strf("%s/x/../state", t->dir);
    assert_true(hal9_state_open_foreign(up, &other, NULL) != HAL9_OK);
    _cleanup_free_ char *none = hal9_strf("%s/none", t->dir);
    assert_int_equal(hal9_state_open_foreign(none, &other, NULL), HAL9_E_NOT_FOUND);
    /* a journal that is another file's second name is not written to */
    journal_of(t->s, "01jd8z4k2m7f3a", 1);
    _cleanup_free_ char *journal = hal9_journal_path(t->s, "01jd8z4k2m7f3a");
    _cleanup_free_ char *second = hal9_strf("%s/second", t->dir);
    assert_int_equal(link(journal, second), 0);
    assert_ok(hal9_state_open_foreign(hal9_state_path(t->s), &other, NULL));
    assert_int_equal(hal9_journal_reopen(other, "01jd8z4k2m7f3a", &j, &err), HAL9_E_REFUSED);
    hal9_state_close(other);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_place_is_found),
        TEST(reading_makes_nothing),
        TEST(modes_are_exact),
        TEST(newer_formats_are_refused),
        TEST(another_ones_is_held_as_it_was),
        TEST(no_link_leads_to_another_ones),
        TEST(unfit_directories_are_refused),
        TEST(the_way_out_is_told),
        TEST(service_folders_stay_inside),
        cmocka_unit_test(long_names_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
