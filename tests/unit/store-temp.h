/* A state directory of a test's own, removed with all that is in it; and what tests of journals do again and again. */
#ifndef HAL9_TESTS_STORE_TEMP_H
#define HAL9_TESTS_STORE_TEMP_H

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"
#include "hal9ops/store.h"
#include "store/store-internal.h"

struct temp {
    char dir[64];
    struct hal9_state *s;
};

static inline int temp_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void temp_remove(const char *dir) {
    nftw(dir, temp_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* For cmocka: *state is a struct temp with a state directory opened for writing. */
static inline int temp_setup(void **state) {
    struct temp *t = hal9_alloc(sizeof(*t));
    snprintf(t->dir, sizeof(t->dir), "/tmp/hal9-store.XXXXXX");
    if (!mkdtemp(t->dir))
        return -1;
    _cleanup_free_ char *path = hal9_strf("%s/state", t->dir);
    *state = t;
    return hal9_state_open(path, HAL9_STATE_WRITE, false, &t->s, NULL) == HAL9_OK ? 0 : -1;
}

static inline int temp_teardown(void **state) {
    struct temp *t = *state;
    hal9_state_close(t->s);
    temp_remove(t->dir);
    free(t);
    return 0;
}

/* {"type": TYPE, "n": N, "text": ...} */
static inline hal9_status append(struct hal9_journal *j, const char *type, int n,
                                 struct hal9_error *err) {
    _cleanup_json_ cJSON *line = cJSON_CreateObject();
    hal9_json_add_str(line, "type", type);
    hal9_json_add_int(line, "n", n);
    hal9_json_add_str(line, "text", "\"}\\n ü \x01");
    return hal9_journal_append(j, line, true, err);
}

/* A closed journal of n lines without an end. */
static inline void journal_of(struct hal9_state *s, const char *id, int n) {
    struct hal9_journal *j;
    assert_ok(hal9_journal_create(s, id, 4096, &j, NULL));
    for (int i = 1; i <= n; i++)
        assert_ok(append(j, "begin", i, NULL));
    hal9_journal_close(j);
}

/* The file of a journal, read, written, cut. */
static inline void journal_bytes(struct hal9_state *s, const char *id, struct hal9_buf *ret) {
    _cleanup_free_ char *path = hal9_journal_path(s, id);
    assert_ok(hal9_file_read(path, 1 << 20, ret, NULL));
}

static inline void journal_put(struct hal9_state *s, const char *id, const void *data, size_t len) {
    _cleanup_free_ char *path = hal9_journal_path(s, id);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
}

/* How a forked child ended: its exit code, or 128 + signal. */
static inline int ended(pid_t pid) {
    int status;
    if (waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline bool there(const char *path) {
    return access(path, F_OK) == 0;
}

#endif
