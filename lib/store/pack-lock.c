/* Who may take contents away and who counts on them: a lock on the folder of packs, shared by those who take captures. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/pack-internal.h"
#include "sys/fault.h"

enum { POLL_MS = 50 };

hal9_status pack_lock(struct hal9_state *s, bool exclusive, int64_t timeout_ms, int *ret_fd,
                      struct hal9_error *err) {
    _cleanup_free_ char *folder = pack_folder(s);
    const int64_t deadline = hal9_mono_ms() + timeout_ms;
    struct stat st;
    bool fresh = stat(folder, &st) < 0;
    hal9_status status = hal9_dir_make(folder, hal9_state_dir_mode(s), err);
    if (status == HAL9_OK && fresh)
        status = hal9_dir_sync(s->path, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_close_ int fd = HAL9_AGAIN(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open %s", folder);
    while (flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return hal9_error_errno(err, errno, "cannot lock %s", folder);
        if (hal9_mono_ms() >= deadline)
            return hal9_error_set(err, HAL9_E_BUSY,
                                  exclusive ? "contents in %s are in use by another run"
                                            : "contents in %s are being pruned by another run",
                                  folder);
        hal9_wait_fd(-1, hal9_mono_ms() + POLL_MS, -1, NULL);
    }
    if (!exclusive)
        pack_sweep(s);
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}

void pack_sweep(const struct hal9_state *s) {
    _cleanup_free_ char *folder = pack_folder(s);
    DIR *d = opendir(folder);
    const struct dirent *e;
    while (d && (e = readdir(d))) { /* NOLINT(concurrency-mt-unsafe): a stream of its own */
        if (e->d_name[0] != '.' || !hal9_endswith(e->d_name, ".tmp"))
            continue;
        _cleanup_free_ char *path = hal9_path_join(folder, e->d_name);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            hal9_sys_unlink(path);
    }
    if (d)
        closedir(d);
}
