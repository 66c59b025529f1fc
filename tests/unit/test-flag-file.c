/* Files of flags: replaced as a whole or not at all, whoever else works on them. */
#include <errno.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>

#include "flag-world.h"

#define FLAGS(state)                                                                        \
    "{\"flags\":{\"f\":{\"state\":\"" state "\",\"variants\":{\"on\":true,\"off\":false}}," \
    "\"g\":{\"state\":\"ENABLED\",\"variants\":{\"a\":1}}}}\n"

static void mode_owner_and_link_stay(void **state) {
    (void)state;
    struct flag_world w;
    struct stat st;
    char to[64];
    world_open(&w, "real.json", FLAGS("ENABLED"));
    assert_int_equal(chmod(w.path, 0640), 0);
    if (geteuid() == 0)
        assert_int_equal(chown(w.path, 1234, 2345), 0);
    _cleanup_free_ char *link = hal9_path_join(w.dir, "link.json");
    assert_int_equal(symlink("real.json", link), 0);
    const struct hal9_flag_spec f = {.flagd = link};
    assert_ok(set_word(&f, "f", "off", NULL));
    assert_int_equal(readlink(link, to, sizeof(to)), (ssize_t)strlen("real.json"));
    assert_int_equal(lstat(w.path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0640);
    if (geteuid() == 0) {
        assert_int_equal(st.st_uid, 1234);
        assert_int_equal(st.st_gid, 2345);
    }
    _cleanup_free_ char *text = content_of(w.path);
    assert_string_equal(text, FLAGS("DISABLED"));
    world_close(&w);
}

static void hard_links_are_refused(void **state) {
    (void)state;
    struct flag_world w;
    _cleanup_error_ struct hal9_error err = {0};
    world_open(&w, "a.json", FLAGS("ENABLED"));
    _cleanup_free_ char *other = hal9_path_join(w.dir, "b.json");
    assert_int_equal(link(w.path, other), 0);
    const struct hal9_flag_spec f = {.flagd = w.path};
    assert_int_equal(set_word(&f, "f", "off", &err), HAL9_E_REFUSED);
    assert_says(err, "2 names");
    world_close(&w);
}

struct unreadable {
    const char *text; /* NULL: no file */
    hal9_status code;
    const char *says;
};

/* Never "no flags": told, with what to do, and nothing is written. */
static void what_is_no_flag_file_is_told(void **state) {
    (void)state;
    static const struct unreadable cases[] = {
        {NULL, HAL9_E_NOT_FOUND, "cannot open"},
        {"", HAL9_E_UNKNOWN, "is empty"},
        {"{\"flags\":{", HAL9_E_UNKNOWN, "no flag file"},
        {"[]", HAL9_E_UNKNOWN, "not an object"},
        {"{}", HAL9_E_UNKNOWN, "no 'flags'"},
        {"{\"flags\":3}", HAL9_E_UNKNOWN, "no 'flags'"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct flag_world w;
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_json_ cJSON *all = NULL;
        world_open(&w, "a.json", cases[i].text);
        const struct hal9_flag_spec f = {.flagd = w.path};
        assert_int_equal(hal9_flags_read(&f, NULL, -1, &all, &err), cases[i].code);
        assert_says(err, cases[i].says);
        assert_non_null(err.hint);
        world_close(&w);
    }
}

struct writer {
    const char *path;
    int ms;
    const char *text;
};

static void *write_later(void *data) {
    const struct writer *w = data;
    hal9_wait_fd(-1, hal9_mono_ms() + w->ms, -1, NULL);
    put_file(w->path, w->text);
    return NULL;
}

static void half_written_is_looked_at_again(void **state) {
    (void)state;
    struct flag_world w;
    pthread_t thread;
    _cleanup_json_ cJSON *all = NULL;
    world_open(&w, "a.json", "{\"flags\":{\"f\"");
    const struct hal9_flag_spec f = {.flagd = w.path};
    struct writer later = {w.path, 150, FLAGS("ENABLED")};
    assert_int_equal(pthread_create(&thread, NULL, write_later, &later), 0);
    assert_ok(hal9_flags_read(&f, NULL, -1, &all, NULL));
    assert_int_equal(cJSON_GetArraySize(all), 2);
    pthread_join(thread, NULL);
    world_close(&w);
}

/* ---- other editors */

static hal9_status write_expecting(const struct hal9_flag_spec *f, const char *now_f,
                                   struct hal9_error *err) {
    const struct fl_call call = {.f = f, .cancel_fd = -1};
    _cleanup_json_ cJSON *flags = json(FLAGS("DISABLED"));
    _cleanup_json_ cJSON *before = json(now_f);
    _cleanup_json_ cJSON *wanted = cJSON_CreateObject();
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(flags, "flags");
    cJSON_AddItemToObject(wanted, "f",
                          cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(all, "f"), true));
    return fl_flagd.write(&call, cJSON_GetObjectItemCaseSensitive(before, "flags"), wanted, err);
}

/* The flag isn't as it was when the change was planned. */
static void a_changed_flag_is_drift(void **state) {
    (void)state;
    struct flag_world w;
    _cleanup_error_ struct hal9_error err = {0};
    world_open(&w, "a.json", "{\"flags\":{\"f\":{\"state\":\"ENABLED\",\"variants\":{\"x\":1}}}}");
    const struct hal9_flag_spec f = {.flagd = w.path};
    assert_int_equal(write_expecting(&f, FLAGS("ENABLED"), &err), HAL9_E_DRIFT);
    assert_says(err, "somebody else changed f");
    world_close(&w);
}

/* Another flag of the file was changed since: both changes are there afterwards. */
static void another_flag_changed_is_kept(void **state) {
    (void)state;
    struct flag_world w;
    static const char other[] =
        "{\"flags\":{\"f\":{\"state\":\"ENABLED\",\"variants\":{\"on\":true,\"off\":false}},"
        "\"g\":{\"state\":\"DISABLED\",\"variants\":{\"a\":2}}}}";
    world_open(&w, "a.json", other);
    const struct hal9_flag_spec f = {.flagd = w.path};
    assert_ok(write_expecting(&f, FLAGS("ENABLED"), NULL));
    _cleanup_json_ cJSON *g = state_now(&f, "g");
    _cleanup_json_ cJSON *one = state_now(&f, "f");
    assert_string_equal(hal9_json_str(g, "state"), "DISABLED");
    assert_string_equal(hal9_json_str(one, "state"), "DISABLED");
    world_close(&w);
}

/* Between reading and renaming: the content differs, or the file is another one. */
static void a_change_before_the_rename_is_drift(void **state) {
    (void)state;
    for (int replaced = 0; replaced < 2; replaced++) {
        struct flag_world w;
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_file_ struct fl_file file = FL_FILE_INIT;
        world_open(&w, "a.json", "old");
        assert_ok(fl_file_read(w.path, true, NULL, -1, &file, NULL));
        if (replaced) {
            _cleanup_free_ char *other = hal9_path_join(w.dir, "b.json");
            put_file(other, "old");
            assert_int_equal(rename(other, w.path), 0);
        } else {
            put_file(w.path, "theirs");
        }
        assert_int_equal(fl_file_replace(&file, "mine", 4, &err), HAL9_E_DRIFT);
        _cleanup_free_ char *text = content_of(w.path);
        assert_string_equal(text, replaced ? "old" : "theirs");
        world_close(&w);
    }
}

struct adder {
    const struct hal9_flag_spec *f;
    char name[8];
    int failed;
};

static void *add_flag(void *data) {
    struct adder *a = data;
    _cleanup_json_ cJSON *wanted = json("{\"state\":\"ENABLED\",\"variants\":{\"a\":1}}");
    for (int i = 0; i < 10; i++) {
        char name[24];
        snprintf(name, sizeof(name), "%s%d", a->name, i);
        if (set_flag(a->f, name, wanted, NULL) != HAL9_OK)
            a->failed++;
    }
    return NULL;
}

/* Two of us at once: each waits for the other, and no change is lost. */
static void two_writers_lose_nothing(void **state) {
    (void)state;
    struct flag_world w;
    pthread_t threads[2];
    _cleanup_json_ cJSON *all = NULL;
    world_open(&w, "a.json", "{\"flags\":{}}");
    const struct hal9_flag_spec f = {.flagd = w.path};
    struct adder adders[2] = {{&f, "x", 0}, {&f, "y", 0}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, add_flag, &adders[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(adders[0].failed + adders[1].failed, 0);
    assert_ok(hal9_flags_read(&f, NULL, -1, &all, NULL));
    assert_int_equal(cJSON_GetArraySize(all), 20);
    world_close(&w);
}

/* ---- system calls that fail: old or new, never half, and nothing left beside it */

static int entries_of(const char *dir) {
    struct hal9_run_result r = {0};
    const char *const argv[] = {"ls", "-A", dir, NULL};
    const struct hal9_spawn s = {.argv = argv, .stdio = {-1, -1, -1}};
    assert_ok(hal9_run(&s, 10000, -1, 65536, &r, NULL));
    int n = 0;
    for (size_t i = 0; i < r.out.len; i++)
        n += r.out.data[i] == '\n';
    hal9_run_result_clear(&r);
    return n;
}

static void each_call_fails_in_turn(void **state) {
    (void)state;
#ifndef HAL9_TEST_HOOKS
    skip_needs("HAL9_DEV");
#endif
    static const char *const how[] = {"ENOSPC", "EIO", "EDQUOT", "EROFS"};
    struct flag_world w;
    world_open(&w, "a.json", FLAGS("ENABLED"));
    const struct hal9_flag_spec f = {.flagd = w.path};
    _cleanup_json_ cJSON *off =
        json("{\"state\":\"DISABLED\",\"variants\":{\"on\":true,\"off\":false}}");
    int seen_old = 0, seen_new = 0;
    for (unsigned n = 1; n < 20; n++)
        for (size_t k = 0; k < HAL9_ARRAY_LEN(how); k++) {
            char spec[32];
            _cleanup_error_ struct hal9_error err = {0};
            put_file(w.path, FLAGS("ENABLED"));
            snprintf(spec, sizeof(spec), "%u:%s", n, how[k]);
            hal9_fault_setup(spec);
            hal9_status st = set_flag(&f, "f", off, &err);
            hal9_fault_setup(NULL);
            _cleanup_free_ char *text = content_of(w.path);
            const bool is_new = strcmp(text, FLAGS("DISABLED")) == 0;
            if (!is_new && strcmp(text, FLAGS("ENABLED")) != 0)
                fail_msg("%s left:\n%s", spec, text);
            if (st == HAL9_OK)
                assert_true(is_new);
            else
                assert_true(strstr(err.message, w.path) || strstr(err.message, w.dir));
            assert_int_equal(entries_of(w.dir), 1);
            seen_old += !is_new;
            seen_new += is_new && st != HAL9_OK;
        }
    assert_true(seen_old >= 4 * 5); /* flock, open, write, chmod, fsync, rename */
    assert_true(seen_new >= 4);     /* fsync of the directory */
    world_close(&w);
}

/* Killed before each call in a child: the file is whole, and the next run sweeps up. */
static void killed_at_each_call(void **state) {
    (void)state;
#ifndef HAL9_TEST_HOOKS
    skip_needs("HAL9_DEV");
#endif
    struct flag_world w;
    world_open(&w, "a.json", FLAGS("ENABLED"));
    const struct hal9_flag_spec f = {.flagd = w.path};
    _cleanup_json_ cJSON *off =
        json("{\"state\":\"DISABLED\",\"variants\":{\"on\":true,\"off\":false}}");
    for (int n = 1; n < 12; n++) {
        char spec[32];
        put_file(w.path, FLAGS("ENABLED"));
        snprintf(spec, sizeof(spec), n % 3 == 0 ? "write:1:TORN" : "%d:KILL", n);
        pid_t pid = fork();
        if (pid == 0) {
            hal9_fault_setup(spec);
            set_flag(&f, "f", off, NULL);
            _exit(0);
        }
        int how = 0;
        assert_int_equal(waitpid(pid, &how, 0), pid);
        _cleanup_free_ char *text = content_of(w.path);
        assert_true(strcmp(text, FLAGS("DISABLED")) == 0 || strcmp(text, FLAGS("ENABLED")) == 0);
        put_file(w.path, FLAGS("ENABLED"));
        assert_ok(set_word(&f, "f", "off", NULL));
        assert_int_equal(entries_of(w.dir), 1);
    }
    world_close(&w);
}

/* ---- env files */

static void env_files_in_place(void **state) {
    (void)state;
    static const struct {
        const char *before, *name, *word, *after;
    } cases[] = {
        {"# c\nA=1\nexport B=false # why\nC='x y'\n", "B", "on",
         "# c\nA=1\nexport B=true # why\nC='x y'\n"},
        {"A=\"a b\" # c\n", "A", "it's $5", "A=\"it's \\$5\" # c\n"},
        {"C='x y'\r\nD=1\r\n", "C", "z", "C='z'\r\nD=1\r\n"},
        {"A=1\n; no\n\n  A=2", "A", "off", "A=1\n; no\n\n  A=off"},
        {"A=0", "A", "on", "A=1"},
        {"M=\"one\ntwo\"\nN=YES # n\n", "N", "off", "M=\"one\ntwo\"\nN=NO # n\n"},
        {"E=\nF=a#b\n", "E", "v w", "E=\"v w\"\nF=a#b\n"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct flag_world w;
        _cleanup_error_ struct hal9_error err = {0};
        world_open(&w, "app.env", cases[i].before);
        const struct hal9_flag_spec f = {.env = w.path};
        if (set_word(&f, cases[i].name, cases[i].word, &err) != HAL9_OK)
            fail_msg("case %zu: %s", i, err.message);
        _cleanup_free_ char *text = content_of(w.path);
        if (strcmp(text, cases[i].after) != 0)
            fail_msg("case %zu: %s", i, text);
        world_close(&w);
    }
}

static void env_lines_come_and_go(void **state) {
    (void)state;
    struct flag_world w;
    world_open(&w, "app.env", "# c\nexport A=1\nexport B=2");
    const struct hal9_flag_spec f = {.env = w.path};
    _cleanup_json_ cJSON *value = json("{\"value\":\"x\"}");
    _cleanup_json_ cJSON *gone = json("null");
    assert_ok(set_flag(&f, "C", value, NULL));
    _cleanup_free_ char *with = content_of(w.path);
    assert_string_equal(with, "# c\nexport A=1\nexport B=2\nexport C=x\n");
    assert_ok(set_flag(&f, "A", gone, NULL));
    _cleanup_free_ char *without = content_of(w.path);
    assert_string_equal(without, "# c\nexport B=2\nexport C=x\n");
    world_close(&w);
}

/* What looks like a secret never gets into states, which journals keep. */
static void env_secrets_are_no_flags(void **state) {
    (void)state;
    struct flag_world w;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *all = NULL, *none = NULL;
    struct hal9_strv names = {0};
    world_open(&w, "app.env", "A=1\nAPI_TOKEN=s3cret\n");
    const struct hal9_flag_spec f = {.env = w.path};
    assert_ok(hal9_flags_read(&f, NULL, -1, &all, NULL));
    _cleanup_free_ char *text = hal9_json_text(all);
    assert_string_equal(text, "{\"A\":{\"value\":\"1\"}}");
    hal9_strv_add(&names, "API_TOKEN");
    assert_int_equal(hal9_flags_read(&f, &names, -1, &none, &err), HAL9_E_REFUSED);
    hal9_strv_free(&names);
    world_close(&w);
}

static void bad_env_lines_have_a_place(void **state) {
    (void)state;
    struct flag_world w;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *all = NULL;
    world_open(&w, "app.env", "A=1\nnonsense here\n");
    const struct hal9_flag_spec f = {.env = w.path};
    assert_int_equal(hal9_flags_read(&f, NULL, -1, &all, &err), HAL9_E_UNKNOWN);
    assert_int_equal(err.line, 2);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mode_owner_and_link_stay),
        cmocka_unit_test(hard_links_are_refused),
        cmocka_unit_test(what_is_no_flag_file_is_told),
        cmocka_unit_test(half_written_is_looked_at_again),
        cmocka_unit_test(a_changed_flag_is_drift),
        cmocka_unit_test(another_flag_changed_is_kept),
        cmocka_unit_test(a_change_before_the_rename_is_drift),
        cmocka_unit_test(two_writers_lose_nothing),
        cmocka_unit_test(each_call_fails_in_turn),
        cmocka_unit_test(killed_at_each_call),
        cmocka_unit_test(env_files_in_place),
        cmocka_unit_test(env_lines_come_and_go),
        cmocka_unit_test(env_secrets_are_no_flags),
        cmocka_unit_test(bad_env_lines_have_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
