/* A world for tests of captured trees: the executor's, and a tree with all that a tree can have. */
#ifndef HAL9_TESTS_TREE_WORLD_H
#define HAL9_TESTS_TREE_WORLD_H

#include <sys/xattr.h>

#include "op-world.h"

#include "hal9ops/workload.h"

static const struct hal9_step_kind *const tree_kinds[] = {&hal9_kind_files_restore};
static const struct hal9_kinds tree_table = {tree_kinds, HAL9_ARRAY_LEN(tree_kinds)};

static inline int tree_setup(void **state) {
    if (world_setup(state) != 0)
        return -1;
    ((struct world *)*state)->env.kinds = &tree_table;
    return 0;
}

static inline void make_dir(const char *name, mode_t mode) {
    _cleanup_free_ char *path = file_path(name);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, mode), 0);
}
static inline void put_mode(const char *name, const char *text, mode_t mode) {
    _cleanup_free_ char *path = file_path(name);
    file_put(name, text);
    assert_int_equal(chmod(path, mode), 0);
}
/* A file's time in the past, so that what is restored can't have it by chance; its ctime is now all the same. */
static inline void age(const char *name, time_t seconds) {
    _cleanup_free_ char *path = file_path(name);
    const struct timespec times[2] = {{seconds, 0}, {seconds, 123456789}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* tree/: files, a folder in a folder, an empty one, links, a fifo, an attribute where the file system has them. */
static inline void make_tree(void) {
    _cleanup_free_ char *link = file_path("tree/link"), *hard = file_path("tree/b/hard"),
                        *a = file_path("tree/a.txt"), *fifo = file_path("tree/fifo");
    make_dir("tree", 0755);
    make_dir("tree/b", 0750);
    make_dir("tree/b/deep", 0700);
    make_dir("tree/empty", 01777);
    put_mode("tree/a.txt", "one\ntwo\nthree\n", 0640);
    put_mode("tree/b/run", "#!/bin/sh\n", 04755);
    put_mode("tree/b/deep/none", "", 0400);
    put_mode("tree/-odd \n name\\", "odd", 0644);
    assert_int_equal(symlink("b/deep/../run", link), 0);
    assert_int_equal(linkat(AT_FDCWD, a, AT_FDCWD, hard, 0), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    setxattr(a, "user.hal9", "v", 1, 0);
    age("tree/a.txt", 1000000000);
    age("tree/b/run", 1100000000);
}

static inline cJSON *capture(struct world *w, const char *name) {
    _cleanup_free_ char *path = file_path(name);
    _cleanup_error_ struct hal9_error err = {0};
    cJSON *j = NULL;
    if (hal9_tree_capture(w ? w->s : NULL, path, -1, &j, &err) != HAL9_OK)
        fail_msg("%s: %s", name, err.message);
    return j;
}
static inline const char *tree_of(const cJSON *capture_) {
    return hal9_json_str(capture_, "tree");
}
/* Equal to what was captured. */
static inline void assert_tree(const char *name, const char *tree) {
    _cleanup_json_ cJSON *now = capture(NULL, name);
    assert_string_equal(tree_of(now), tree);
}

static const char *restored_name; /* of the plan */
static const char *restored_tree;
static inline hal9_status plan_restore(void *data, struct hal9_plan *ret, struct hal9_error *err) {
    _cleanup_free_ char *path = file_path(restored_name);
    (void)data, (void)err;
    ret->title = hal9_strdup("restore");
    hal9_plan_step(ret, "restore", "files.restore", hal9_args_files(path, restored_tree), NULL);
    return HAL9_OK;
}
static inline hal9_status restore(struct world *w, const char *name, const char *tree,
                                  struct hal9_op_result *res, struct hal9_error *err) {
    restored_name = name;
    restored_tree = tree;
    return hal9_op_run(&w->env, plan_restore, NULL, res, err);
}
static inline void assert_restored(struct world *w, const char *name, const char *tree) {
    _cleanup_result_ struct hal9_op_result res = {0};
    _cleanup_error_ struct hal9_error err = {0};
    if (restore(w, name, tree, &res, &err) != HAL9_OK)
        fail_msg("not run: %s", err.message);
    if (!res.nothing && res.state != HAL9_OP_DONE)
        fail_msg("failed: %s", res.error.message);
    assert_tree(name, tree);
}

#endif
