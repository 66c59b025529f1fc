/* A tree brought to another: what goes, what comes, the folders' modes last. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "hal9ops/sys.h"
#include "sys/fault.h"
#include "workload/restore.h"

enum { TELL_EVERY = 200 }; /* files */
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* One step down the way; the folder above is closed. */
static int down(int above, const char *name) {
    int fd = openat(above, name, DIR_FLAGS);
    int e = errno;
    close(above);
    errno = e;
    return fd;
}

static hal9_status not_a_folder(const char *path, int e, struct hal9_error *err) {
    if (e != ELOOP && e != ENOTDIR)
        return hal9_error_errno(err, e, "cannot open the folder %s", path);
    hal9_error_set(err, HAL9_E_DRIFT, "%s was a folder, and is a symlink or a file now", path);
    hal9_error_hint(err, "nothing is written through it; put the folder back, then resume");
    return HAL9_E_DRIFT;
}

/* Down from fd along the names of path. Takes fd. */
static hal9_status walk(int fd, const char *path, const char *before, int *ret,
                        struct hal9_error *err) {
    const char *at = path;
    while (fd >= 0 && *at) {
        char name[256];
        size_t len = strcspn(at, "/");
        if (len >= sizeof(name)) {
            close(fd);
            return hal9_error_errno(err, ENAMETOOLONG, "%s", path);
        }
        memcpy(name, at, len);
        name[len] = '\0';
        at += len;
        if (len > 0)
            fd = down(fd, name);
        if (fd < 0) {
            int e = errno;
            _cleanup_free_ char *here = hal9_strf("%s%.*s", before, (int)(at - path), path);
            return not_a_folder(here, e, err);
        }
        at += *at == '/';
    }
    *ret = fd;
    return HAL9_OK;
}

hal9_status wl_placer_open(struct wl_placer *p, const char *path, struct hal9_error *err) {
    const char *slash = strrchr(path, '/');
    p->path = path;
    p->root_dir = p->open_dir = -1;
    if (*path != '/' || !slash[1])
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' is not the whole path of a file", path);
    p->base = slash + 1;
    _cleanup_free_ char *folder = hal9_strndup(path, (size_t)(slash - path));
    int top = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return hal9_error_errno(err, errno, "cannot open /");
    hal9_status st = walk(top, folder, "", &p->root_dir, err);
    if (st == HAL9_E_NOT_FOUND)
        hal9_error_hint(err, "mkdir -p %s, with the owner and mode that it should have", folder);
    return st;
}

void wl_placer_close(struct wl_placer *p) {
    if (p->root_dir >= 0)
        close(p->root_dir);
    if (p->open_dir >= 0)
        close(p->open_dir);
    free(p->open_path);
    hal9_strv_free(&p->touched);
}

/* A folder of the tree, open as long as no other is asked for. */
static hal9_status open_folder(struct wl_placer *p, const char *path, int *ret,
                               struct hal9_error *err) {
    if (p->open_path && strcmp(p->open_path, path) == 0) {
        *ret = p->open_dir;
        return HAL9_OK;
    }
    if (p->open_dir >= 0)
        close(p->open_dir);
    free(p->open_path);
    p->open_path = NULL;
    p->open_dir = -1;
    _cleanup_free_ char *before = hal9_strf("%s/", p->path);
    int root = openat(p->root_dir, p->base, DIR_FLAGS);
    hal9_status st =
        root < 0 ? not_a_folder(p->path, errno, err) : walk(root, path, before, &p->open_dir, err);
    if (st != HAL9_OK)
        return st;
    p->open_path = hal9_strdup(path);
    *ret = p->open_dir;
    return HAL9_OK;
}

hal9_status wl_placer_parent(struct wl_placer *p, const char *path, int *ret_dir,
                             const char **ret_name, struct hal9_error *err) {
    const char *slash = strrchr(path, '/');
    if (!*path) {
        *ret_dir = p->root_dir;
        *ret_name = p->base;
        return HAL9_OK;
    }
    _cleanup_free_ char *folder =
        slash ? hal9_strndup(path, (size_t)(slash - path)) : hal9_strdup("");
    *ret_name = slash ? slash + 1 : path;
    return open_folder(p, folder, ret_dir, err);
}

/* Its folder has to be synced in the end. They come one after the other, so the last one noted will mostly do. */
static void touch(struct wl_placer *p, const char *path) {
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *folder = !*path  ? hal9_strdup(".")
                                  : slash ? hal9_strndup(path, (size_t)(slash - path))
                                          : hal9_strdup("");
    if (p->touched.n == 0 || strcmp(p->touched.v[p->touched.n - 1], folder) != 0)
        hal9_strv_add(&p->touched, folder);
}

/* ---- the three rounds ---- */

static hal9_status take_away(struct wl_placer *p, const struct wl_task *t, struct hal9_error *err) {
    int dir;
    const char *name;
    const bool folder = t->now.type == 'd';
    hal9_status st = wl_placer_parent(p, t->path, &dir, &name, err);
    if (st == HAL9_OK)
        st = wl_place_check(p, dir, name, t, err);
    if (st != HAL9_OK)
        return st;
    touch(p, t->path);
    if (hal9_sys_unlinkat(dir, name, folder ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
        return HAL9_OK;
    int e = errno;
    _cleanup_free_ char *path = wl_placer_name(p, t->path);
    if (e == ENOTEMPTY || e == EEXIST) {
        hal9_error_set(err, HAL9_E_DRIFT, "%s is not empty: something was added just now", path);
        return HAL9_E_DRIFT;
    }
    return hal9_error_errno(err, e, "cannot remove %s", path);
}

static hal9_status make_folder(struct wl_placer *p, const struct wl_task *t,
                               struct hal9_error *err) {
    int dir;
    const char *name;
    hal9_status st = wl_placer_parent(p, t->path, &dir, &name, err);
    if (st != HAL9_OK)
        return st;
    touch(p, t->path);
    if (hal9_sys_mkdirat(dir, name, 0700) == 0)
        return HAL9_OK;
    int e = errno;
    _cleanup_free_ char *path = wl_placer_name(p, t->path);
    return hal9_error_errno(err, e, "cannot make the folder %s", path);
}

static hal9_status set_folder(struct wl_placer *p, const struct wl_task *t,
                              struct hal9_error *err) {
    _cleanup_free_ char *path = wl_placer_name(p, t->path);
    int dir;
    hal9_status st = open_folder(p, t->path, &dir, err);
    if (st == HAL9_OK)
        st = wl_place_meta(p, dir, &t->wanted, path, err);
    if (st == HAL9_OK && HAL9_RETRY(hal9_sys_fsync(dir)) < 0 && errno != EINVAL)
        st = hal9_error_errno(err, errno, "cannot sync %s", path);
    return st;
}

static hal9_status may_go_on(struct wl_placer *p, size_t done, size_t all, struct hal9_error *err) {
    struct pollfd f = {.fd = hal9_step_cancel_fd(p->c), .events = POLLIN};
    if (f.fd >= 0 && poll(&f, 1, 0) > 0)
        return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted: %zu of %zu files are back",
                              done, all);
    if (done % TELL_EVERY == 0 && all > TELL_EVERY)
        hal9_step_progress(p->c, "%zu of %zu files", done, all);
    return HAL9_OK;
}

static bool goes(const struct wl_task *t) {
    return t->is_there && (!t->is_wanted || (t->now.type == 'd') != (t->wanted.type == 'd'));
}

static hal9_status sync_touched(struct wl_placer *p, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    hal9_strv_sort_unique(&p->touched);
    for (size_t i = 0; st == HAL9_OK && i < p->touched.n; i++) {
        const char *path = p->touched.v[i];
        int dir = p->root_dir;
        _cleanup_error_ struct hal9_error e = {0};
        if (strcmp(path, ".") != 0 && open_folder(p, path, &dir, &e) != HAL9_OK) {
            if (e.code != HAL9_E_NOT_FOUND && e.code != HAL9_E_DRIFT)
                st = hal9_error_move(err, &e);
            continue; /* removed itself */
        }
        if (HAL9_RETRY(hal9_sys_fsync(dir)) < 0 && errno != EINVAL)
            st = hal9_error_errno(err, errno, "cannot sync a folder of %s", p->path);
    }
    return st;
}

hal9_status wl_place_all(struct wl_placer *p, const struct wl_tasks *tasks,
                         struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    for (size_t i = tasks->n; st == HAL9_OK && i-- > 0;)
        if (goes(&tasks->v[i]))
            st = take_away(p, &tasks->v[i], err);
    for (size_t i = 0; st == HAL9_OK && i < tasks->n; i++) {
        const struct wl_task *t = &tasks->v[i];
        st = may_go_on(p, i, tasks->n, err);
        if (st != HAL9_OK || !t->is_wanted)
            continue;
        touch(p, t->path);
        if (t->wanted.type != 'd')
            st = wl_place_file(p, t, err);
        else if (!t->is_there || t->now.type != 'd')
            st = make_folder(p, t, err);
    }
    for (size_t i = tasks->n; st == HAL9_OK && i-- > 0;)
        if (tasks->v[i].is_wanted && tasks->v[i].wanted.type == 'd')
            st = set_folder(p, &tasks->v[i], err);
    return st == HAL9_OK ? sync_touched(p, err) : st;
}
