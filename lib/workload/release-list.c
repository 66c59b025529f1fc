/* The releases that are kept beside the one in use. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "hal9ops/sys.h"
#include "workload/workload-internal.h"

struct release {
    char *path;
    struct timespec changed;
};
struct releases {
    struct release *v;
    size_t n, cap;
};

static void releases_clear(struct releases *r) {
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].path);
    free(r->v);
}

/* Newest first; of the same time, the higher version. */
static int newer(const void *a, const void *b) {
    const struct release *x = a, *y = b;
    if (x->changed.tv_sec != y->changed.tv_sec)
        return x->changed.tv_sec > y->changed.tv_sec ? -1 : 1;
    if (x->changed.tv_nsec != y->changed.tv_nsec)
        return x->changed.tv_nsec > y->changed.tv_nsec ? -1 : 1;
    return strverscmp(y->path, x->path);
}

/* The part of the path up to its last slash, with it; "" where there is none. */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? hal9_strndup(path, (size_t)(slash + 1 - path)) : hal9_strdup("");
}

static void add_releases(DIR *d, const char *prefix, struct releases *all) {
    const struct dirent *e;
    while ((e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): a stream of its own */
        struct stat st;
        if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISDIR(st.st_mode))
            continue;
        struct release *r = HAL9_APPEND(all->v, all->n, all->cap);
        *r = (struct release){hal9_strf("%s%s", prefix, e->d_name), st.st_mtim};
    }
}

hal9_status hal9_release_list(const char *link, struct hal9_strv *ret, struct hal9_error *err) {
    _cleanup_free_ char *target = NULL;
    hal9_status st = hal9_release_target(link, &target, err);
    if (st != HAL9_OK)
        return st;
    if (!target)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "there is no link %s", link);
    size_t len = strlen(target);
    while (len > 1 && target[len - 1] == '/')
        target[--len] = '\0';
    _cleanup_free_ char *prefix = folder_of(target);
    _cleanup_free_ char *base = folder_of(link);
    _cleanup_free_ char *folder =
        *prefix == '/' ? hal9_strdup(prefix) : hal9_strf("%s%s", *base ? base : "./", prefix);
    DIR *d = opendir(folder);
    if (!d)
        return hal9_error_errno(err, errno, "cannot list the releases in %s", folder);
    _cleanup_(releases_clear) struct releases all = {0};
    add_releases(d, prefix, &all);
    closedir(d);
    if (all.n > 1)
        qsort(all.v, all.n, sizeof(*all.v), newer);
    for (size_t i = 0; i < all.n; i++)
        hal9_strv_add(ret, all.v[i].path);
    return HAL9_OK;
}
