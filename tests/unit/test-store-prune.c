/* Old operations go, and what they alone needed; what an undo needs stays. */
#include "store-temp.h"

#include "sys/fault.h"

#define DAY INT64_C(86400000)

/* An operation that has ended (or not), of a run, on one thing; sha: a blob that it names, NULL none. */
static void operation(struct hal9_state *s, const char *id, const char *run, const char *thing,
                      const char *sha, bool ends) {
    struct hal9_journal *j;
    struct hal9_strv touched = {0};
    _cleanup_json_ cJSON *plan = cJSON_CreateObject();
    _cleanup_json_ cJSON *end = cJSON_CreateObject();
    hal9_strv_add(&touched, thing);
    hal9_json_add_str(plan, "type", "plan");
    hal9_json_add_str(plan, "id", id);
    hal9_json_add_str(plan, "run", run);
    hal9_json_add_str(plan, "blob", sha);
    cJSON_AddItemToObject(plan, "resources", hal9_json_strv(&touched));
    hal9_json_add_str(end, "type", "end");
    assert_ok(hal9_journal_create(s, id, 4096, &j, NULL));
    assert_ok(hal9_journal_append(j, plan, true, NULL));
    if (ends)
        assert_ok(hal9_journal_append(j, end, true, NULL));
    if (ends)
        hal9_journal_finish(j);
    else
        hal9_journal_close(j);
    hal9_strv_free(&touched);
}

static void prune(struct temp *t, struct hal9_prune_opts o, size_t removed, const char *left) {
    _cleanup_(hal9_pruned_clear) struct hal9_pruned done = {0};
    _cleanup_strv_ struct hal9_strv ids = {0};
    struct hal9_error err = {0};
    if (hal9_journal_prune(t->s, &o, &done, &err) != HAL9_OK)
        fail_msg("%s", err.message);
    assert_int_equal(done.removed, removed);
    assert_ok(hal9_journal_list(t->s, &ids, NULL));
    _cleanup_free_ char *got = hal9_strv_join(&ids, " ");
    assert_string_equal(got, left);
    assert_int_equal(done.kept, o.dry_run ? ids.n - removed : ids.n);
}
#define KEEP(n) ((struct hal9_prune_opts){.keep_told = true, .keep = (n), .before_ms = -1})

#define A "01jd8z4k2m000a"
#define B "01jd8z4k2m000b"
#define C "01jd8z4k2m000c"
#define D "01jd8z4k2m000d"

static void the_newest_stay(void **state) {
    struct temp *t = *state;
    operation(t->s, A, "r1", "x", NULL, true);
    operation(t->s, B, "r2", "x", NULL, true);
    operation(t->s, C, "r3", "x", NULL, true);
    struct hal9_prune_opts dry = KEEP(2);
    dry.dry_run = true;
    prune(t, dry, 1, A " " B " " C);
    prune(t, KEEP(2), 1, B " " C);
    prune(t, KEEP(2), 0, B " " C);
    prune(t, KEEP(9), 0, B " " C);
    prune(t, KEEP(0), 2, "");
}

static void the_young_stay(void **state) {
    struct temp *t = *state;
    char young[HAL9_ID_LEN + 1];
    hal9_id_new(young);
    operation(t->s, A, "r1", "x", NULL, true);
    operation(t->s, young, "r2", "x", NULL, true);
    prune(t, (struct hal9_prune_opts){.before_ms = hal9_now_ms() - 30 * DAY}, 1, young);
}

static void what_an_undo_needs_stays(void **state) {
    struct temp *t = *state;
    operation(t->s, A, "r1", "x", NULL, false); /* without an end */
    operation(t->s, B, "r2", "x", NULL, true);  /* came after it, on the same thing */
    operation(t->s, C, "r3", "y", NULL, true);
    prune(t, KEEP(0), 1, A " " B);
    operation(t->s, D, "r2", "z", NULL, true); /* of a run of which one stays */
    prune(t, KEEP(0), 0, A " " B " " D);
}

static void a_run_goes_or_stays_whole(void **state) {
    struct temp *t = *state;
    operation(t->s, A, "r1", "x", NULL, true);
    operation(t->s, B, "r2", "y", NULL, true);
    operation(t->s, C, "r1", "z", NULL, true);
    prune(t, KEEP(1), 1, A " " C);
}

static bool blob_there(struct temp *t, const char *sha) {
    _cleanup_free_ char *path = hal9_strf("%s/blobs/%.2s/%s", hal9_state_path(t->s), sha, sha);
    return there(path);
}

static void make_old(struct temp *t, const char *sha) {
    _cleanup_free_ char *path = hal9_strf("%s/blobs/%.2s/%s", hal9_state_path(t->s), sha, sha);
    const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

static void blob(struct temp *t, const char *text, char sha[65]) {
    assert_ok(hal9_blob_put(t->s, text, strlen(text), sha, NULL));
    make_old(t, sha);
}

static void blobs_go_with_the_last_who_names_them(void **state) {
    struct temp *t = *state;
    char inner[65];
    char alone[65];
    char both[65];
    char snapshots[65];
    char young[65];
    blob(t, "inner", inner);
    _cleanup_free_ char *text = hal9_strf("{\"environment\":\"%s\"}", inner);
    blob(t, text, alone);
    blob(t, "both", both);
    blob(t, "a snapshot's", snapshots);
    assert_ok(hal9_blob_put(t->s, "young", 5, young, NULL));
    operation(t->s, A, "r1", "x", alone, true);
    operation(t->s, B, "r2", "x", both, true);
    operation(t->s, C, "r3", "x", snapshots, true);
    operation(t->s, D, "r4", "x", young, true);
    operation(t->s, "01jd8z4k2m000e", "r5", "x", both, true);
    _cleanup_free_ char *dir = hal9_state_sub(t->s, "snapshots", NULL);
    _cleanup_free_ char *file = hal9_path_join(dir, "s.json");
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_ok(hal9_file_write(file, snapshots, 64, 0600, NULL));
    prune(t, KEEP(1), 4, "01jd8z4k2m000e");
    assert_false(blob_there(t, alone) || blob_there(t, inner));
    assert_true(blob_there(t, both) && blob_there(t, snapshots) && blob_there(t, young));
    /* the young one is remembered until it is old enough */
    prune(t, KEEP(1), 0, "01jd8z4k2m000e");
    assert_true(blob_there(t, young));
    make_old(t, young);
    prune(t, KEEP(1), 0, "01jd8z4k2m000e");
    assert_false(blob_there(t, young));
    assert_true(blob_there(t, both));
}

static void damaged_ones_stay_and_are_told(void **state) {
    struct temp *t = *state;
    _cleanup_(hal9_pruned_clear) struct hal9_pruned done = {0};
    operation(t->s, A, "r1", "x", NULL, true);
    journal_put(t->s, A, "garbage\n", 8);
    operation(t->s, B, "r1", "x", NULL, true);
    journal_put(t->s, B, "", 0); /* it never began */
    const struct hal9_prune_opts o = KEEP(0);
    assert_ok(hal9_journal_prune(t->s, &o, &done, NULL));
    assert_int_equal(done.removed, 1);
    assert_int_equal(done.damaged.n, 1);
    assert_string_equal(done.damaged.v[0], A);
}

#ifdef HAL9_TEST_HOOKS
/* Killed at each point, and failing at each: the next prune leaves what one that wasn't disturbed does. */
static void killed_anywhere(void **state) {
    struct temp *t = *state;
    for (int kill = 0; kill <= 1; kill++) {
        bool through = false;
        for (int n = 1; !through; n++) {
            char sha[65];
            char kept[65];
            blob(t, "to go", sha);
            blob(t, "to stay", kept);
            operation(t->s, A, "r1", "x", sha, true);
            operation(t->s, B, "r2", "y", sha, true);
            operation(t->s, C, "r3", "z", kept, true);
            pid_t pid = fork();
            if (pid == 0) {
                _cleanup_free_ char *fault = hal9_strf("%d:%s", n, kill ? "KILL" : "EIO");
                const struct hal9_prune_opts o = KEEP(1);
                struct hal9_pruned done = {0};
                hal9_fault_setup(fault);
                hal9_journal_prune(t->s, &o, &done, NULL);
                _exit(hal9_fault_count() < (unsigned)n ? 42 : 0);
            }
            through = ended(pid) == 42;
            _cleanup_(hal9_pruned_clear) struct hal9_pruned done = {0};
            _cleanup_strv_ struct hal9_strv ids = {0};
            const struct hal9_prune_opts o = KEEP(1);
            assert_ok(hal9_journal_prune(t->s, &o, &done, NULL));
            assert_ok(hal9_journal_list(t->s, &ids, NULL));
            assert_int_equal(ids.n, 1);
            assert_false(blob_there(t, sha));
            assert_true(blob_there(t, kept));
            const struct hal9_prune_opts all = KEEP(0);
            assert_ok(hal9_journal_prune(t->s, &all, &done, NULL));
        }
    }
}
#endif

static void one_at_a_time(void **state) {
    struct temp *t = *state;
    _cleanup_free_ char *dir = hal9_state_sub(t->s, "journal", NULL);
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    struct hal9_pruned done = {0};
    const struct hal9_prune_opts o = KEEP(0);
    assert_int_equal(hal9_journal_prune(t->s, &o, &done, NULL), HAL9_E_BUSY);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_newest_stay),
        TEST(the_young_stay),
        TEST(what_an_undo_needs_stays),
        TEST(a_run_goes_or_stays_whole),
        TEST(blobs_go_with_the_last_who_names_them),
        TEST(damaged_ones_stay_and_are_told),
#ifdef HAL9_TEST_HOOKS
        TEST(killed_anywhere),
#endif
        TEST(one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
