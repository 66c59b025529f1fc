/* Whole files: read, tail, and written so that the old or the new content stands there, never half. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sys/fault.h"
#include "sys/sys-internal.h"

/* Reads to the end of the file or until more than max bytes are there. */
static int read_some(int fd, size_t max, struct hal9_buf *ret) {
    char chunk[16384];
    while (ret->len <= max) {
        ssize_t n = HAL9_RETRY(read(fd, chunk, sizeof(chunk)));
        if (n <= 0)
            return (int)n;
        hal9_buf_add(ret, chunk, (size_t)n);
    }
    return 0;
}

#define PIPE_MS \
    10000 /* so long a pipe may be silent: what writes there may have to decrypt or fetch it first */

/* Terminals and devices may never answer, or never end: they are refused before they are read. */
static hal9_status readable(int fd, const char *path, struct stat *ret, struct hal9_error *err) {
    if (fstat(fd, ret) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", path);
    if (S_ISREG(ret->st_mode) || S_ISFIFO(ret->st_mode))
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_IO, "%s is %s, not a file", path,
                   S_ISDIR(ret->st_mode) ? "a directory" : "a device");
    return HAL9_E_IO;
}

static hal9_status wait_for_pipe(int fd, const char *path, struct hal9_error *err) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    const int ready = poll(&p, 1, PIPE_MS);
    if (ready > 0)
        return HAL9_OK;
    if (ready < 0 && errno == EINTR)
        return hal9_error_set(err, HAL9_E_INTERRUPTED, "interrupted while reading %s", path);
    if (ready < 0)
        return hal9_error_errno(err, errno, "cannot read %s", path);
    return hal9_error_set(err, HAL9_E_TIMEOUT, "%s is a pipe, and nothing came for %d s", path,
                          PIPE_MS / 1000);
}

/* Reads a pipe, as a shell makes for <(command), to its end or until more than max bytes are there. A signal ends it, too. */
static hal9_status read_pipe(int fd, const char *path, size_t max, struct hal9_buf *ret,
                             struct hal9_error *err) {
    const size_t before = ret->len;
    hal9_status code = HAL9_OK;
    char chunk[16384];
    while (code == HAL9_OK && ret->len <= max) {
        const ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n > 0)
            hal9_buf_add(ret, chunk, (size_t)n);
        else if (n == 0 && ret->len == before)
            return hal9_error_set(err, HAL9_E_IO, "%s is a pipe, and nobody writes to it", path);
        else if (n == 0)
            break;
        else if (errno == EAGAIN)
            code = wait_for_pipe(fd, path, err);
        else if (errno != EINTR)
            code = hal9_error_errno(err, errno, "cannot read %s", path);
    }
    return code;
}

static hal9_status read_file(int fd, const char *path, size_t max, struct hal9_buf *ret,
                             struct hal9_error *err) {
    if (read_some(fd, max, ret) < 0)
        return hal9_error_errno(err, errno, "cannot read %s", path);
    return HAL9_OK;
}

hal9_status hal9_file_read(const char *path, size_t max, struct hal9_buf *ret,
                           struct hal9_error *err) {
    /* O_NONBLOCK: a pipe that nobody writes to would hold the open for ever. */
    _cleanup_close_ int fd = HAL9_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat st;
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open %s", path);
    hal9_status code = readable(fd, path, &st, err);
    if (code != HAL9_OK)
        return code;
    const size_t before = ret->len;
    const bool large = st.st_size > 0 && (uint64_t)st.st_size > max;
    if (!large)
        code = (S_ISFIFO(st.st_mode) ? read_pipe : read_file)(fd, path, before + max, ret, err);
    if (code == HAL9_OK && (large || ret->len - before > max)) {
        _cleanup_free_ char *size = hal9_size_text(max);
        code = hal9_error_set(err, HAL9_E_LIMIT, "%s is larger than %s", path, size);
    }
    if (code != HAL9_OK && ret->data) {
        ret->len = before;
        ret->data[before] = '\0';
    }
    return code;
}

/* Where the last n lines of the text begin; a part of a line at the front is left out where that
 * doesn't leave nothing. */
static const char *last_lines(const char *text, size_t len, size_t lines, bool cut) {
    const char *end = text + len;
    const char *from = end;
    for (size_t n = 0; n < lines && from > text; n++) {
        const char *start = from - 1;
        while (start > text && start[-1] != '\n')
            start--;
        if (start == text && cut && n > 0)
            break;
        from = start;
    }
    return from;
}

hal9_status hal9_file_tail(const char *path, uint64_t offset, size_t lines, size_t max,
                           struct hal9_buf *ret, struct hal9_error *err) {
    _cleanup_close_ int fd = HAL9_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return hal9_error_errno(err, errno, "cannot look at %s", path);
    uint64_t size = (uint64_t)st.st_size;
    uint64_t start = offset > size ? 0 : offset; /* smaller than it was: a fresh file */
    bool cut = size - start > max;
    if (cut)
        start = size - max;
    if (lseek(fd, (off_t)start, SEEK_SET) < 0)
        return hal9_error_errno(err, errno, "cannot seek in %s", path);
    _cleanup_buf_ struct hal9_buf text = {0};
    if (size > start && read_some(fd, (size_t)(size - start) - 1, &text) < 0)
        return hal9_error_errno(err, errno, "cannot read %s", path);
    size_t len = text.len < size - start ? text.len : (size_t)(size - start);
    if (len > 0) {
        const char *from = last_lines(text.data, len, lines, cut);
        hal9_buf_add(ret, from, (size_t)(text.data + len - from));
    }
    return HAL9_OK;
}

hal9_status hal9_fd_write_all(int fd, const void *data, size_t len, struct hal9_error *err) {
    const char *at = data;
    while (len > 0) {
        ssize_t n = hal9_sys_write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return hal9_error_errno(err, errno, "cannot write");
        at += n;
        len -= (size_t)n;
    }
    return HAL9_OK;
}

hal9_status hal9_dir_sync(const char *path, struct hal9_error *err) {
    _cleanup_close_ int fd = HAL9_RETRY(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open directory %s", path);
    /* EINVAL: a file system that has no such thing for directories */
    if (HAL9_RETRY(hal9_sys_fsync(fd)) < 0 && errno != EINVAL)
        return hal9_error_errno(err, errno, "cannot sync directory %s", path);
    return HAL9_OK;
}

/* Directory of path: fresh. */
static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return hal9_strdup(".");
    return slash == path ? hal9_strdup("/") : hal9_strndup(path, (size_t)(slash - path));
}

/* Fills the temporary file and makes it durable. */
static hal9_status fill(int fd, const void *data, size_t len, mode_t mode, struct hal9_error *err) {
    hal9_status status = hal9_fd_write_all(fd, data, len, err);
    if (status != HAL9_OK)
        return status;
    if (hal9_sys_fchmod(fd, mode) < 0)
        return hal9_error_errno(err, errno, "cannot set its mode");
    if (HAL9_RETRY(hal9_sys_fsync(fd)) < 0)
        return hal9_error_errno(err, errno, "cannot sync");
    return HAL9_OK;
}

hal9_status hal9_file_write(const char *path, const void *data, size_t len, mode_t mode,
                            struct hal9_error *err) {
    char id[HAL9_ID_LEN + 1];
    hal9_id_new(id);
    _cleanup_free_ char *dir = parent_of(path);
    _cleanup_free_ char *name = hal9_strf(".%.200s.%s", hal9_path_base(path), id);
    _cleanup_free_ char *temp = hal9_path_join(dir, name);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    _cleanup_close_ int fd = HAL9_RETRY(hal9_sys_open(temp, flags, 0600));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot make a file in %s", dir);
    hal9_status status = fill(fd, data, len, mode, err);
    if (status != HAL9_OK) {
        hal9_error_prefix(err, "%s", path);
    } else if (hal9_sys_rename(temp, path) < 0) {
        status = hal9_error_errno(err, errno, "cannot replace %s", path);
    } else {
        return hal9_dir_sync(dir, err);
    }
    hal9_sys_discard(temp);
    return status;
}
