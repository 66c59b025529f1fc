/* Paths and directories. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fault.h"
#include "sys/sys-internal.h"

const char *hal9_path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *hal9_path_join(const char *dir, const char *name) {
    if (!*dir || *name == '/')
        return hal9_strdup(name);
    return hal9_strf("%s%s%s", dir, hal9_endswith(dir, "/") ? "" : "/", name);
}

/* An absolute path without "//", "/." and "/.."; what stands before ".." goes by name. */
static char *lexical(const char *path) {
    _cleanup_strv_ struct hal9_strv parts = {0};
    _cleanup_free_ char *copy = hal9_strdup(path);
    char *save;
    for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
        if (strcmp(part, "..") == 0 && parts.n > 0) {
            free(parts.v[--parts.n]);
            parts.v[parts.n] = NULL;
        } else if (strcmp(part, "..") != 0 && strcmp(part, ".") != 0) {
            hal9_strv_add(&parts, part);
        }
    }
    _cleanup_free_ char *joined = hal9_strv_join(&parts, "/");
    return hal9_strf("/%s", joined);
}

/* path with the working directory before it when it is relative. */
static char *absolute(const char *path) {
    if (*path == '/')
        return hal9_strdup(path);
    _cleanup_free_ char *cwd = getcwd(NULL, 0);
    return hal9_strf("%s/%s", cwd ? cwd : "", path);
}

char *hal9_path_canonical(const char *path) {
    _cleanup_free_ char *head = absolute(path);
    _cleanup_buf_ struct hal9_buf tail = {0};
    for (;;) {
        char real[PATH_MAX];
        if (realpath(head, real)) {
            _cleanup_free_ char *whole = hal9_strf("%s/%s", real, tail.len > 0 ? tail.data : "");
            return lexical(whole);
        }
        char *slash = strrchr(head, '/');
        if (!slash || slash == head) {
            _cleanup_free_ char *whole = hal9_strf("%s/%s", head, tail.len > 0 ? tail.data : "");
            return lexical(whole);
        }
        _cleanup_free_ char *rest = hal9_buf_take(&tail);
        hal9_buf_printf(&tail, "%s/%s", slash + 1, rest);
        *slash = '\0';
    }
}

static hal9_status make_one(const char *path, mode_t mode, struct hal9_error *err) {
    if (hal9_sys_mkdir(path, 0700) == 0) {
        /* mkdir obeys the umask and drops the set-group-id bit */
        if (hal9_sys_chmod(path, mode) < 0)
            return hal9_error_errno(err, errno, "cannot set the mode of directory %s", path);
        return HAL9_OK;
    }
    int failed = errno;
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return HAL9_OK;
        failed = ENOTDIR;
    }
    return hal9_error_errno(err, failed, "cannot make directory %s", path);
}

hal9_status hal9_dir_make(const char *path, mode_t mode, struct hal9_error *err) {
    _cleanup_free_ char *copy = hal9_strdup(path);
    for (char *slash = copy; *slash; slash++) {
        if (*slash != '/' || slash == copy)
            continue;
        *slash = '\0';
        struct stat st;
        hal9_status status = HAL9_OK;
        if (stat(copy, &st) < 0 || !S_ISDIR(st.st_mode))
            status = make_one(copy, mode, err);
        if (status != HAL9_OK)
            return status;
        *slash = '/';
    }
    struct stat st;
    if (stat(copy, &st) == 0 && S_ISDIR(st.st_mode))
        return HAL9_OK;
    return make_one(copy, mode, err);
}
