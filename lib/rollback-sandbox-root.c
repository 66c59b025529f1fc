/* The folder of a sandbox: this user's own, locked while its rehearsal lives; what killed ones have left is removed by the next. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hal9ops/sys.h"
#include "rollback-rehearse.h"
#include "sys/fault.h"

#define PREFIX "hal9-rehearsal."
#define PATH_ROOM 70 /* with a socket's name behind it the path must fit into 107 bytes */

static const char *folder(void) {
    const char *told = getenv("TMPDIR");

    return told && *told == '/' && strlen(told) < PATH_ROOM ? told : "/tmp";
}

/* ---- removing ---- */

static void remove_in(int dir, const char *name) {
    const int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct dirent *e;

    if (fd < 0) {
        hal9_sys_unlinkat(dir, name, 0);
        return;
    }
    hal9_sys_fchmod(fd, 0700);
    DIR *d = fdopendir(fd);

    if (!d) {
        close(fd);
        return;
    }
    while ((e = readdir(d))) /* NOLINT(concurrency-mt-unsafe): a stream of its own */
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            remove_in(dirfd(d), e->d_name);
    closedir(d);
    hal9_sys_unlinkat(dir, name, AT_REMOVEDIR);
}

void rb_sandbox_remove(const char *root) {
    rb_haproxy_end(root);
    remove_in(AT_FDCWD, root);
}

/* ---- what killed ones have left ---- */

/* This user's, and nobody has its lock. */
static bool is_left(const char *root) {
    _cleanup_free_ char *path = hal9_path_join(root, "lock");
    struct stat st;

    if (lstat(root, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        return false;
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && hal9_sys_flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void sweep(void (*told)(void *data, const char *words), void *data) {
    DIR *d = opendir(folder());
    struct dirent *e;

    while (d && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): a stream of its own */
        _cleanup_free_ char *root = hal9_path_join(folder(), e->d_name);

        if (!hal9_startswith(e->d_name, PREFIX) || !is_left(root))
            continue;
        rb_sandbox_remove(root);
        _cleanup_free_ char *words =
            hal9_strf("%s, which a rehearsal that was killed had left, is removed", root);

        if (told)
            told(data, words);
    }
    if (d)
        closedir(d);
}

/* ---- making ---- */

static hal9_status make(char **ret_root, struct hal9_error *err) {
    for (int i = 0; i < 100; i++) {
        char id[HAL9_ID_LEN + 1];

        hal9_id_new(id);
        _cleanup_free_ char *root = hal9_strf("%s/" PREFIX "%s", folder(), id);

        if (hal9_sys_mkdir(root, 0700) == 0) {
            *ret_root = HAL9_TAKE_PTR(root);
            return HAL9_OK;
        }
        if (errno != EEXIST)
            return hal9_error_errno(err, errno, "cannot make %s", root);
    }
    return hal9_error_set(err, HAL9_E_EXISTS, "no name is free in %s", folder());
}

hal9_status rb_sandbox_root(char **ret_root, int *ret_lock,
                            void (*told)(void *data, const char *words), void *data,
                            struct hal9_error *err) {
    sweep(told, data);
    hal9_status st = make(ret_root, err);

    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *path = hal9_path_join(*ret_root, "lock");

    *ret_lock = hal9_sys_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (*ret_lock < 0 || hal9_sys_flock(*ret_lock, LOCK_EX | LOCK_NB) < 0)
        return hal9_error_errno(err, errno, "cannot lock %s", path);
    return HAL9_OK;
}
