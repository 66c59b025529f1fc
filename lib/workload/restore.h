/* What the files of files.restore share: the list of what differs, and how each of it is put in its place. */
#ifndef HAL9_WORKLOAD_RESTORE_H
#define HAL9_WORKLOAD_RESTORE_H

#include "workload/tree.h"

struct wl_task {
    char *path; /* in the tree; "" is the root */
    bool is_there, is_wanted;
    struct wl_meta now, wanted; /* links point into the stores */
};
struct wl_tasks {
    struct wl_task *v;
    size_t n, cap;
};
void wl_tasks_clear(struct wl_tasks *t);
/* What differs from one tree to the other. Appends. */
hal9_status wl_tasks_find(const struct wl_store *sa, const struct hal9_sha *a,
                          const struct wl_store *sb, const struct hal9_sha *b, struct wl_tasks *ret,
                          struct hal9_error *err);
/* Paths at which `now` is neither as before nor as wanted: somebody else changed them. What our own temporary files are named is no change. Appends. */
hal9_status wl_restore_drift(const struct wl_store *store, const struct hal9_sha *before,
                             const struct wl_store *store_now, const struct hal9_sha *now,
                             const struct wl_tasks *tasks, struct hal9_strv *ret,
                             struct hal9_error *err);

/* Puts files in their places, from the folder of the root on, through no symlink. */
struct wl_placer {
    struct hal9_step_ctx *c; /* for progress and interruption */
    const struct wl_store *store;
    const char *path; /* of the root: absolute, links on the way resolved */
    const char *base;
    bool forced;     /* what was changed since is overwritten */
    int root_dir;    /* the folder of the root */
    char *open_path; /* of open_dir, in the tree; NULL: none */
    int open_dir;
    struct hal9_strv touched; /* folders to be synced; "." is the one of the root */
};
hal9_status wl_placer_open(struct wl_placer *p, const char *path, struct hal9_error *err);
void wl_placer_close(struct wl_placer *p);
/* Carries out all of it: what goes, what comes, the folders' own modes; synced when it returns. */
hal9_status wl_place_all(struct wl_placer *p, const struct wl_tasks *tasks, struct hal9_error *err);
/* Its folder, open as long as no other is asked for, and its name in it. */
hal9_status wl_placer_parent(struct wl_placer *p, const char *path, int *ret_dir,
                             const char **ret_name, struct hal9_error *err);
/* place-file.c: anything but a folder, whole or not at all. */
hal9_status wl_place_file(struct wl_placer *p, const struct wl_task *t, struct hal9_error *err);
/* Mode, owner and attributes of an open file or folder. */
hal9_status wl_place_meta(const struct wl_placer *p, int fd, const struct wl_meta *m,
                          const char *path, struct hal9_error *err);
/* Whether what stands there is what was looked at; HAL9_E_DRIFT. */
hal9_status wl_place_check(const struct wl_placer *p, int dir, const char *name,
                           const struct wl_task *t, struct hal9_error *err);
/* The name of the temporary file for a path; fresh. And whether a path in the tree is such a one. */
char *wl_temp_name(const char *path);
bool wl_is_temp(const char *path);
/* The whole path, for messages; fresh. */
char *wl_placer_name(const struct wl_placer *p, const char *path);

#endif
