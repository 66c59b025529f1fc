/* Blobs: large states by their SHA-256. 0600 even where the state directory is shared: secrets
 * stay with the user, and a second user has a copy of his own. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

static hal9_status name_check(const char *sha, struct hal9_error *err) {
    if (sha && strlen(sha) == 64 && strspn(sha, "0123456789abcdef") == 64)
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_CORRUPT, "'%.80s' is not the name of a blob", sha ? sha : "");
}

/* The folder blobs/ab, and in it the file; own: this user's copy. Fresh. */
static char *folder_of(const struct hal9_state *s, const char *sha) {
    _cleanup_free_ char *dir = hal9_state_part(s, "blobs");
    return hal9_strf("%s/%.2s", dir, sha);
}
static char *file_of(const char *folder, const char *sha, bool own) {
    return own ? hal9_strf("%s/%s.%u", folder, sha, (unsigned)geteuid())
               : hal9_strf("%s/%s", folder, sha);
}

enum found { ABSENT, SAME, OTHER, HIDDEN };

static enum found compare(const char *path, const void *data, size_t len) {
    _cleanup_buf_ struct hal9_buf content = {0};
    hal9_status status = hal9_store_read(path, len, &content, NULL);
    if (status != HAL9_OK)
        return status == HAL9_E_NOT_FOUND ? ABSENT : status == HAL9_E_PERM ? HIDDEN : OTHER;
    return content.len == len && (len == 0 || memcmp(content.data, data, len) == 0) ? SAME : OTHER;
}

/* A prune takes none away meanwhile. */
static hal9_status lock_blobs(const struct hal9_state *s, int *ret_fd, struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_part(s, "blobs");
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || HAL9_AGAIN(hal9_sys_flock(fd, LOCK_SH)) < 0)
        return hal9_error_errno(err, errno, "cannot lock %s", dir);
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}

/* One that is named again is as good as new: a prune leaves the young ones alone. */
static bool date_anew(const char *path) {
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    return fd >= 0 && hal9_sys_futimens(fd, NULL) == 0;
}

hal9_status hal9_blob_put(struct hal9_state *s, const void *data, size_t len, char ret_sha[65],
                          struct hal9_error *err) {
    hal9_status status = hal9_state_writable(s, err);
    if (status != HAL9_OK)
        return status;
    if (s->foreign)
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "large states are not put into another's directory %s", s->shown);
    if (len > HAL9_BLOB_MAX)
        return hal9_error_set(err, HAL9_E_LIMIT, "a blob of %zu bytes is too large, %zu at most",
                              len, HAL9_BLOB_MAX);
    char sha[65];
    hal9_sha256_hex(data, len, sha);
    _cleanup_free_ char *folder = folder_of(s, sha);
    status = hal9_store_folder(s, folder, err);
    if (status != HAL9_OK)
        return hal9_state_explain(err, status);
    _cleanup_free_ char *shared = file_of(folder, sha, false);
    _cleanup_free_ char *own = file_of(folder, sha, true);
    _cleanup_close_ int lock = -1;
    status = lock_blobs(s, &lock, err);
    if (status != HAL9_OK)
        return hal9_state_explain(err, status);
    const char *path = shared;
    enum found found = compare(path, data, len);
    if (found == HIDDEN)
        found = compare(path = own, data, len);
    /* One that is there may have been renamed a moment ago by a process that has not synced yet. */
    status = found == SAME && date_anew(path) ? hal9_dir_sync(folder, err)
                                              : hal9_store_write(s, path, data, len, 0600, err);
    _cleanup_free_ char *blobs = hal9_state_sub(s, "blobs", NULL);
    if (status == HAL9_OK)
        status = hal9_dir_sync(blobs, err);
    if (status == HAL9_OK)
        memcpy(ret_sha, sha, sizeof(sha));
    return hal9_state_explain(err, status);
}

hal9_status hal9_blob_get(struct hal9_state *s, const char *sha, struct hal9_buf *ret,
                          struct hal9_error *err) {
    hal9_status status = name_check(sha, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_free_ char *folder = folder_of(s, sha);
    _cleanup_free_ char *shared = file_of(folder, sha, false);
    _cleanup_free_ char *own = file_of(folder, sha, true);
    _cleanup_buf_ struct hal9_buf content = {0};
    _cleanup_error_ struct hal9_error e = {0};
    if (hal9_store_read(shared, HAL9_BLOB_MAX, &content, &e) != HAL9_OK) {
        if (e.code != HAL9_E_PERM || hal9_store_read(own, HAL9_BLOB_MAX, &content, NULL) != HAL9_OK)
            return hal9_error_move(err, &e);
    }
    char real[65];
    hal9_sha256_hex(content.data, content.len, real);
    if (strcmp(real, sha) != 0) {
        hal9_error_set(err, HAL9_E_CORRUPT, "%s is damaged: its content does not match its name",
                       shared);
        return HAL9_E_CORRUPT;
    }
    hal9_buf_add(ret, content.data, content.len);
    return HAL9_OK;
}
