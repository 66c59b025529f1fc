/* A directory with a flag file in it, for tests of the flag room. */
#ifndef HAL9_TESTS_FLAG_WORLD_H
#define HAL9_TESTS_FLAG_WORLD_H

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"

#include "flag/flag-internal.h"
#include "hal9ops/sys.h"
#include "sys/fault.h"

struct flag_world {
    char dir[64];
    char *path;
};

static inline int drop_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void put_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static inline void world_open(struct flag_world *w, const char *name, const char *text) {
    /* In memory where that can be had: what is synced a thousand times needn't wait for a disk. */
    const bool memory = access("/dev/shm", W_OK | X_OK) == 0;
    snprintf(w->dir, sizeof(w->dir), "%s/hal9ops-flag.XXXXXX", memory ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    w->path = hal9_path_join(w->dir, name);
    if (text)
        put_file(w->path, text);
}

static inline void world_close(struct flag_world *w) {
    nftw(w->dir, drop_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(w->path);
}

/* What stands in a file, fresh. */
static inline char *content_of(const char *path) {
    struct hal9_buf b = {0};
    assert_ok(hal9_file_read(path, 1 << 24, &b, NULL));
    return hal9_buf_take(&b);
}

static inline cJSON *json(const char *text) {
    cJSON *j = NULL;
    assert_ok(hal9_json_parse(text, strlen(text), &j, NULL));
    return j;
}

/* The flag's state now, read by its driver. Fresh. */
static inline cJSON *state_now(const struct hal9_flag_spec *f, const char *name) {
    struct hal9_strv names = {0};
    cJSON *all = NULL;
    hal9_strv_add(&names, name);
    assert_ok(hal9_flags_read(f, &names, -1, &all, NULL));
    cJSON *state = cJSON_DetachItemFromObjectCaseSensitive(all, name);
    cJSON_Delete(all);
    hal9_strv_free(&names);
    return state;
}

/* Makes the flag `wanted`, as the step does it. */
static inline hal9_status set_flag(const struct hal9_flag_spec *f, const char *name,
                                   const cJSON *wanted, struct hal9_error *err) {
    const struct fl_call call = {.f = f, .cancel_fd = -1};
    cJSON *before = cJSON_CreateObject();
    cJSON *after = cJSON_CreateObject();
    cJSON_AddItemToObject(before, name, state_now(f, name));
    cJSON_AddItemToObject(after, name, cJSON_Duplicate(wanted, true));
    hal9_status st = fl_driver_of(f)->write(&call, before, after, err);
    cJSON_Delete(before);
    cJSON_Delete(after);
    return st;
}

/* The same by a word; returns what became of it. */
static inline hal9_status set_word(const struct hal9_flag_spec *f, const char *name,
                                   const char *word, struct hal9_error *err) {
    cJSON *now = state_now(f, name);
    cJSON *wanted = NULL;
    hal9_status st = hal9_flag_wanted(f, name, now, word, &wanted, err);
    if (st == HAL9_OK)
        st = set_flag(f, name, wanted, err);
    cJSON_Delete(now);
    cJSON_Delete(wanted);
    return st;
}

#endif
