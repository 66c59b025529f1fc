/* Where lock files stand: one directory for the whole host, whatever the state directory; where it
 * can't be had, one of this user's own. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define HOST_DIR "/run/lock/hal9ops"
#define ANYBODY 01777

static int open_dir(const char *path) {
    return HAL9_AGAIN(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/* Whether it is one where everybody can lock and nobody but its owner can take files away. With
 * fix, owner and mode are set right where this user may. */
static bool host_dir_good(int fd, uid_t owner, bool fix) {
    struct stat st;
    if (fstat(fd, &st) < 0)
        return false;
    if (st.st_uid != owner && (!fix || hal9_sys_fchown(fd, owner, (gid_t)-1) < 0))
        return false;
    if ((st.st_mode & 07777) != ANYBODY && fix && hal9_sys_fchmod(fd, ANYBODY) < 0)
        return false;
    return fstat(fd, &st) == 0 && (st.st_mode & 01003) == 01003;
}

/* /run/lock can be written by anybody on some systems: only what root has made counts, and root
 * takes over what it finds. */
static bool host_dir(const char *path) {
    bool root = geteuid() == 0;
    if (root) {
        _cleanup_free_ char *parent = hal9_strndup(path, (size_t)(strrchr(path, '/') - path));
        if (hal9_dir_make(parent, 0755, NULL) != HAL9_OK)
            return false;
        if (hal9_sys_mkdir(path, 0700) < 0 && errno != EEXIST)
            return false;
    }
    _cleanup_close_ int fd = open_dir(path);
    return fd >= 0 && host_dir_good(fd, 0, root) && access(path, W_OK | X_OK) == 0;
}

/* One that was named: anybody's, as the host's is, when it is made here. */
static hal9_status told_dir(const char *path, struct hal9_error *err) {
    _cleanup_free_ char *whole = hal9_path_canonical(path);
    const char *slash = strrchr(whole, '/');
    _cleanup_free_ char *parent = hal9_strndup(whole, (size_t)(slash - whole));
    hal9_status status = *parent ? hal9_dir_make(parent, 0755, err) : HAL9_OK;
    if (status != HAL9_OK)
        return status;
    if (hal9_sys_mkdir(whole, 0700) == 0 && hal9_sys_chmod(whole, ANYBODY) < 0)
        return hal9_error_errno(err, errno, "cannot set the mode of lock directory %s", path);
    if (access(whole, W_OK | X_OK) < 0)
        return hal9_error_errno(err, errno, "cannot use lock directory %s", path);
    return HAL9_OK;
}

/* This user's own: nobody else may stand in it or have made it. */
static hal9_status own_dir(const char *path, struct hal9_error *err) {
    if (hal9_sys_mkdir(path, 0700) < 0 && errno != EEXIST)
        return hal9_error_errno(err, errno, "cannot make lock directory %s", path);
    _cleanup_close_ int fd = open_dir(path);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return hal9_error_errno(err, errno, "cannot use lock directory %s", path);
    if (st.st_uid != geteuid()) {
        _cleanup_free_ char *owner = hal9_user_name(st.st_uid);
        hal9_error_set(err, HAL9_E_PERM, "lock directory %s belongs to %s", path, owner);
        hal9_error_hint(err, "have root run any of the tools once, which makes " HOST_DIR
                             ", or set HAL9OPS_LOCK_DIR");
        return HAL9_E_PERM;
    }
    if ((st.st_mode & 07777) != 0700 && hal9_sys_fchmod(fd, 0700) < 0)
        return hal9_error_errno(err, errno, "cannot set the mode of lock directory %s", path);
    return HAL9_OK;
}

static char *own_place(void) {
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    if (runtime && *runtime == '/' && stat(runtime, &st) == 0 && S_ISDIR(st.st_mode) &&
        st.st_uid == geteuid())
        return hal9_path_join(runtime, "hal9ops");
    return hal9_strf("/tmp/hal9ops-%u", (unsigned)geteuid());
}

hal9_status hal9_lock_dir(const char *option, const char *host, char **ret, bool *ret_private,
                          struct hal9_error *err) {
    const char *told = option ? option : getenv("HAL9OPS_LOCK_DIR");
    if (told && *told) {
        hal9_status status = told_dir(told, err);
        if (status == HAL9_OK) {
            *ret = hal9_path_canonical(told);
            *ret_private = false;
        }
        return status;
    }
    host = host ? host : HOST_DIR;
    if (host_dir(host)) {
        *ret = hal9_strdup(host);
        *ret_private = false;
        return HAL9_OK;
    }
    _cleanup_free_ char *own = own_place();
    hal9_status status = own_dir(own, err);
    if (status != HAL9_OK)
        return status;
    *ret = HAL9_TAKE_PTR(own);
    *ret_private = true;
    return HAL9_OK;
}
