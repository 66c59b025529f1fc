/* Packs: contents there and back, once each; torn tails, damage, pruning; snapshots whole or not at all. */
#include "store-temp.h"

#include "store/pack-internal.h"

#ifdef HAL9_TEST_HOOKS
#include "sys/fault.h"
#endif

static struct hal9_sha sha_of(const void *data, size_t len) {
    struct hal9_sha s;
    hal9_sha256(data, len, s.b);
    return s;
}

/* "content N", of many lengths. */
static size_t content(int n, char *ret, size_t size) {
    size_t len = (size_t)snprintf(ret, size, "content %d ", n);
    for (int i = 0; i < n % 50 && len + 1 < size; i++)
        ret[len++] = (char)('a' + i % 26);
    return n == 3 ? 0 : len;
}

static void put_range(struct hal9_state *s, int from, int to) {
    struct hal9_pack_writer *w;
    char text[256];
    assert_ok(hal9_pack_begin(s, &w, NULL));
    for (int i = from; i < to; i++) {
        size_t len = content(i, text, sizeof(text));
        struct hal9_sha sha = sha_of(text, len);
        assert_ok(hal9_pack_put(w, &sha, text, len, NULL));
        assert_ok(hal9_pack_put(w, &sha, text, len, NULL));
    }
    assert_ok(hal9_pack_finish(w, NULL));
}

/* How many of them are there and whole; none is ever another. */
static int count_whole(struct hal9_state *s, int from, int to) {
    struct hal9_packs *p;
    char text[256];
    int n = 0;
    assert_ok(hal9_packs_open(s, &p, NULL));
    for (int i = from; i < to; i++) {
        const void *data;
        size_t got, len = content(i, text, sizeof(text));
        struct hal9_sha sha = sha_of(text, len);
        if (hal9_packs_view(p, &sha, &data, &got, NULL) != HAL9_OK)
            continue;
        assert_int_equal(got, len);
        assert_memory_equal(data, text, len);
        n++;
    }
    hal9_packs_close(p);
    return n;
}

static size_t packs(struct hal9_state *s, char **ret_first) {
    _cleanup_strv_ struct hal9_strv names = {0};
    struct hal9_packs *p;
    assert_ok(hal9_packs_open(s, &p, NULL));
    hal9_packs_names(p, &names);
    hal9_packs_close(p);
    if (ret_first)
        *ret_first = hal9_strf("%s/packs/%s", s->path, names.v[0]);
    return names.n;
}

static void test_there_and_back(void **state) {
    struct temp *t = *state;
    put_range(t->s, 0, 500);
    put_range(t->s, 0, 500); /* nothing new: no second file */
    assert_int_equal(packs(t->s, NULL), 1);
    put_range(t->s, 400, 600);
    assert_int_equal(packs(t->s, NULL), 2);
    assert_int_equal(count_whole(t->s, 0, 600), 600);
}

static void test_large(void **state) {
    struct temp *t = *state;
    struct hal9_pack_writer *w;
    struct hal9_packs *p;
    struct hal9_sha one, two;
    uint64_t len;
    const void *data;
    size_t got;
    _cleanup_free_ char *path = hal9_strf("%s/large", t->dir);
    _cleanup_free_ char *bytes = hal9_alloc(3000001);
    for (size_t i = 0; i < 3000001; i++)
        bytes[i] = (char)(i * i >> 7);
    assert_ok(hal9_file_write(path, bytes, 3000001, 0600, NULL));
    assert_ok(hal9_pack_begin(t->s, &w, NULL));
    for (int i = 0; i < 2; i++) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_ok(hal9_pack_put_fd(w, fd, i ? &two : &one, &len, NULL));
        assert_int_equal(len, 3000001);
    }
    struct hal9_sha small = sha_of("small", 5);
    assert_ok(hal9_pack_put(w, &small, "small", 5, NULL));
    assert_ok(hal9_pack_finish(w, NULL));
    assert_memory_equal(&one, &two, sizeof(one));
    assert_ok(hal9_packs_open(t->s, &p, NULL));
    assert_true(p->v[0].size < 3100000); /* once */
    assert_ok(hal9_packs_view(p, &one, &data, &got, NULL));
    assert_memory_equal(data, bytes, 3000001);
    assert_ok(hal9_packs_view(p, &small, &data, &got, NULL));
    hal9_packs_close(p);
}

/* Cut anywhere: what is before the cut is there, and no content is ever another. */
static void test_torn(void **state) {
    struct temp *t = *state;
    _cleanup_free_ char *path = NULL;
    _cleanup_buf_ struct hal9_buf whole = {0};
    put_range(t->s, 0, 40);
    packs(t->s, &path);
    assert_ok(hal9_file_read(path, 1 << 20, &whole, NULL));
    int before = 40;
    for (size_t len = whole.len - 1; len > 8; len -= len > 600 ? 61 : 7) {
        assert_ok(hal9_file_write(path, whole.data, len, 0600, NULL));
        int now = count_whole(t->s, 0, 40);
        assert_true(now <= before);
        before = now;
        if (len > whole.len - 200)
            assert_int_equal(now, 40); /* only the index is cut */
    }
    assert_int_equal(before, 0);
}

static void test_flipped(void **state) {
    struct temp *t = *state;
    _cleanup_free_ char *path = NULL;
    _cleanup_buf_ struct hal9_buf whole = {0};
    put_range(t->s, 0, 20);
    packs(t->s, &path);
    assert_ok(hal9_file_read(path, 1 << 20, &whole, NULL));
    for (size_t at = 0; at < whole.len; at += 3) {
        whole.data[at] ^= 0x10;
        assert_ok(hal9_file_write(path, whole.data, whole.len, 0600, NULL));
        whole.data[at] ^= 0x10;
        count_whole(t->s, 0, 20); /* which looks at each */
    }
}

static void test_prune(void **state) {
    struct temp *t = *state;
    struct hal9_prune_result r = {0};
    struct hal9_sha wanted[60];
    char text[256];
    for (int i = 0; i < 12; i++)
        put_range(t->s, i * 10, i * 10 + 10);
    for (int i = 0; i < 60; i++) {
        size_t len = content(i * 2, text, sizeof(text));
        wanted[i] = sha_of(text, len);
    }
    /* this process counts on its contents until it lets go of the state */
    assert_int_equal(hal9_packs_prune(t->s, wanted, 60, &r, NULL), HAL9_E_BUSY);
    _cleanup_free_ char *path = hal9_strdup(t->s->path);
    hal9_state_close(t->s);
    assert_ok(hal9_state_open(path, HAL9_STATE_WRITE, false, &t->s, NULL));
    assert_ok(hal9_packs_prune(t->s, wanted, 60, &r, NULL));
    assert_int_equal(r.packs_before, 12);
    assert_int_equal(r.packs_after, 1);
    assert_true(r.bytes_after < r.bytes_before);
    assert_int_equal(count_whole(t->s, 0, 120), 60);
    assert_ok(hal9_packs_prune(t->s, wanted, 0, &r, NULL));
    assert_int_equal(packs(t->s, NULL), 0);
}

#ifdef HAL9_TEST_HOOKS
/* Killed at each point of writing and of pruning: what was there is there. */
static void test_kills(void **state) {
    struct temp *t = *state;
    struct hal9_sha wanted[100];
    char text[256];
    unsigned points = 0;
    put_range(t->s, 0, 100);
    for (int i = 0; i < 100; i++) {
        size_t len = content(i, text, sizeof(text));
        wanted[i] = sha_of(text, len);
    }
    for (int what = 0; what < 2; what++)
        for (unsigned n = 1; n < 100; n++) {
            _cleanup_free_ char *spec = hal9_strf("%u:KILL", n);
            _cleanup_free_ char *path = hal9_strdup(t->s->path);
            hal9_state_close(t->s);
            pid_t pid = fork();
            if (pid == 0) {
                struct hal9_prune_result r = {0};
                hal9_state_open(path, HAL9_STATE_WRITE, false, &t->s, NULL);
                hal9_fault_setup(spec);
                if (what == 0)
                    put_range(t->s, 100, 130 + (int)n);
                else
                    hal9_packs_prune(t->s, wanted, 50, &r, NULL);
                _exit(9);
            }
            int end = ended(pid);
            assert_ok(hal9_state_open(path, HAL9_STATE_WRITE, false, &t->s, NULL));
            assert_int_equal(count_whole(t->s, 0, 50), 50);
            if (end == 9)
                break;
            assert_int_equal(end, 128 + SIGKILL);
            points++;
        }
    printf("# killed at %u points\n", points);
    assert_true(points > 8);
}
#endif

/* ---- snapshots ---- */

static cJSON *snapshot(const char *name) {
    char id[HAL9_ID_LEN + 1];
    cJSON *d = cJSON_CreateObject();
    hal9_id_new(id);
    hal9_json_add_int(d, "hal9_snapshot", 1);
    hal9_json_add_str(d, "id", id);
    hal9_json_add_str(d, "name", name);
    cJSON_AddItemToObject(d, "parts", cJSON_CreateArray());
    return d;
}

static void test_snapshot(void **state) {
    struct temp *t = *state;
    _cleanup_json_ cJSON *one = snapshot("before the move"), *two = snapshot(NULL),
                         *same = snapshot("before the move"), *got = NULL;
    _cleanup_strv_ struct hal9_strv ids = {0};
    _cleanup_free_ char *id = NULL, *by_tail = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_ok(hal9_snapshot_put(t->s, one, NULL));
    assert_ok(hal9_snapshot_put(t->s, two, NULL));
    assert_int_equal(hal9_snapshot_put(t->s, same, &err), HAL9_E_EXISTS);
    assert_ok(hal9_snapshot_list(t->s, &ids, NULL));
    assert_int_equal(ids.n, 2);
    assert_ok(hal9_snapshot_find(t->s, "before the move", &id, NULL));
    assert_string_equal(id, hal9_json_str(one, "id"));
    assert_ok(hal9_snapshot_find(t->s, hal9_json_str(two, "id") + HAL9_ID_LEN - 4, &by_tail, NULL));
    assert_string_equal(by_tail, hal9_json_str(two, "id"));
    assert_ok(hal9_snapshot_get(t->s, id, &got, NULL));
    assert_true(hal9_json_equal(got, one));
    assert_int_equal(hal9_snapshot_find(t->s, "before the mvoe", &id, &err), HAL9_E_NOT_FOUND);
    assert_non_null(strstr(err.hint, "before the move"));
    assert_ok(hal9_snapshot_delete(t->s, hal9_json_str(one, "id"), NULL));
    cJSON_Delete(got);
    got = NULL;
    assert_int_equal(hal9_snapshot_get(t->s, hal9_json_str(one, "id"), &got, NULL),
                     HAL9_E_NOT_FOUND);
}

/* Cut or flipped anywhere it is corrupt, in words, and never half of it is given out. */
static void test_snapshot_damaged(void **state) {
    struct temp *t = *state;
    _cleanup_json_ cJSON *one = snapshot("x");
    const char *id = hal9_json_str(one, "id");
    _cleanup_free_ char *path = hal9_strf("%s/snapshots/%s.json", t->s->path, id);
    _cleanup_buf_ struct hal9_buf whole = {0};
    assert_ok(hal9_snapshot_put(t->s, one, NULL));
    assert_ok(hal9_file_read(path, 1 << 20, &whole, NULL));
    for (size_t i = 0; i < 2 * whole.len; i++) {
        _cleanup_error_ struct hal9_error err = {0};
        _cleanup_json_ cJSON *got = NULL;
        const bool cut = i < whole.len;
        size_t at = i % whole.len;
        whole.data[at] ^= cut ? 0 : 0x04;
        assert_ok(hal9_file_write(path, whole.data, cut ? at : whole.len, 0600, NULL));
        whole.data[at] ^= cut ? 0 : 0x04;
        assert_int_equal(hal9_snapshot_get(t->s, id, &got, &err), HAL9_E_CORRUPT);
        assert_null(got);
        assert_says(err, "is damaged");
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, temp_setup, temp_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_there_and_back),
        TEST(test_large),
        TEST(test_torn),
        TEST(test_flipped),
        TEST(test_prune),
        TEST(test_snapshot),
        TEST(test_snapshot_damaged),
#ifdef HAL9_TEST_HOOKS
        TEST(test_kills),
#endif
    };
    hal9_log_setup("test", -1); /* damage is told each time it is met */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
