/* Locks on things of the host, by flock on files that are never unlinked: the kernel lets go of
 * them when a process ends, however it ends. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

/* One thing and its file. */
struct one {
    char *resource;
    char *path;
    int fd;
    bool noted;
    struct hal9_lock_note note; /* found when it was taken */
};

struct hal9_locks {
    char *dir;
    bool own_dir;
    struct one *v;
    size_t n;
};

/* A fresh lock file appears at once with its final mode: were it made in its place, somebody with a
 * umask of 077 who is killed before the fchmod would shut everybody out for good. */
static bool make_lock_file(const char *dir, const char *path) {
    char id[HAL9_ID_LEN + 1];
    hal9_id_new(id);
    _cleanup_free_ char *temp = hal9_strf("%s/.%s", dir, id);
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    _cleanup_close_ int fd = HAL9_AGAIN(hal9_sys_open(temp, flags, 0666));
    if (fd < 0)
        return false;
    bool made = hal9_sys_fchmod(fd, 0666) == 0 && hal9_sys_link(temp, path) == 0;
    int failed = errno;
    hal9_sys_discard(temp);
    errno = failed;
    return made;
}

/* -1 and errno. Opened without O_CREAT first: fs.protected_regular forbids O_CREAT on others' files
 * in a sticky directory. Reading alone is enough to flock. */
static int open_lock_file(const char *dir, const char *path) {
    const int flags = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    for (int attempt = 0;; attempt++) {
        int fd = HAL9_AGAIN(hal9_sys_open(path, O_RDWR | flags, 0));
        if (fd < 0 && (errno == EACCES || errno == EROFS))
            fd = HAL9_AGAIN(hal9_sys_open(path, O_RDONLY | flags, 0));
        if (fd >= 0 || errno != ENOENT || attempt == 16)
            return fd;
        if (!make_lock_file(dir, path) && errno != EEXIST)
            return -1;
    }
}

static hal9_status open_one(const struct hal9_locks *l, struct one *o, struct hal9_error *err) {
    o->fd = open_lock_file(l->dir, o->path);
    if (o->fd < 0) {
        hal9_status status = hal9_error_errno(err, errno, "cannot open lock file %s", o->path);
        if (status == HAL9_E_PERM)
            hal9_error_hint(err, "lock files are for everybody: chmod 0666 %s", o->path);
        return status;
    }
    struct stat st;
    if (fstat(o->fd, &st) == 0 && S_ISREG(st.st_mode))
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED, "lock file %s is not a regular file", o->path);
    hal9_error_hint(err, "somebody has put it there; remove it");
    return HAL9_E_REFUSED;
}

/* Whether the path still names the file that is locked: who cleans up /tmp may have removed it. */
static bool still_there(const struct one *o) {
    struct stat by_fd;
    struct stat by_path;
    return fstat(o->fd, &by_fd) == 0 && lstat(o->path, &by_path) == 0 &&
           by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev;
}

/* HAL9_OK: locked; HAL9_E_BUSY (without an error set): not now. */
static hal9_status try_one(const struct hal9_locks *l, struct one *o, struct hal9_error *err) {
    for (;;) {
        hal9_status status = o->fd < 0 ? open_one(l, o, err) : HAL9_OK;
        if (status != HAL9_OK)
            return status;
        if (HAL9_AGAIN(hal9_sys_flock(o->fd, LOCK_EX | LOCK_NB)) < 0)
            return errno == EWOULDBLOCK ? HAL9_E_BUSY
                                        : hal9_error_errno(err, errno, "cannot lock %s", o->path);
        if (still_there(o))
            return HAL9_OK;
        close(o->fd);
        o->fd = -1;
    }
}

static void tell(const struct one *o, const struct hal9_lock_opts *opts) {
    if (!opts->waiting)
        return;
    struct hal9_lock_note note = {0};
    bool noted = hal9_note_current(o->fd, &note);
    opts->waiting(opts->data, o->resource, noted ? &note : NULL);
    hal9_lock_note_clear(&note);
}

static hal9_status busy(const struct one *o, struct hal9_error *err) {
    struct hal9_lock_note note = {0};
    bool noted = hal9_note_current(o->fd, &note);
    _cleanup_free_ char *words = hal9_note_words(o->resource, noted ? &note : NULL);
    hal9_lock_note_clear(&note);
    hal9_error_set(err, HAL9_E_BUSY, "%s", words);
    hal9_error_hint(err, "--lock-timeout 1m waits for it; hal9-rollback status tells what runs");
    return HAL9_E_BUSY;
}

/* Nothing gets readable when a flock is let go, and a blocking flock could only be called off by a
 * signal to a thread of its own, with a race between the two. So it is tried again: at once, then at
 * growing distances up to 50 ms, in a poll() that the cancel descriptor ends at once. That costs a
 * waiting process 20 system calls a second, and a person at most 50 ms. */
#define FIRST_MS 1
#define LAST_MS 50

static hal9_status wait_one(const struct hal9_locks *l, struct one *o,
                            const struct hal9_lock_opts *opts, int64_t deadline,
                            struct hal9_error *err) {
    hal9_status status = try_one(l, o, err);
    if (status != HAL9_E_BUSY)
        return status;
    if (opts->timeout_ms == 0)
        return busy(o, err);
    tell(o, opts);
    for (int64_t pause = FIRST_MS; status == HAL9_E_BUSY;) {
        int64_t now = hal9_mono_ms();
        if (deadline >= 0 && now >= deadline)
            return busy(o, err);
        int64_t until = deadline >= 0 && deadline < now + pause ? deadline : now + pause;
        hal9_status waited = hal9_wait_fd(-1, until, opts->cancel_fd, err);
        if (waited != HAL9_OK && waited != HAL9_E_TIMEOUT) {
            hal9_error_prefix(err, "waiting for %s", o->resource);
            return waited;
        }
        pause = pause * 2 < LAST_MS ? pause * 2 : LAST_MS;
        status = try_one(l, o, err);
    }
    return status;
}

static struct hal9_locks *locks_new(const struct hal9_strv *names, char *dir, bool own_dir) {
    _cleanup_strv_ struct hal9_strv sorted = {0};
    hal9_strv_copy(&sorted, names);
    hal9_strv_sort_unique(&sorted);
    struct hal9_locks *l = hal9_alloc(sizeof(*l));
    *l = (struct hal9_locks){.dir = dir, .own_dir = own_dir};
    l->v = hal9_realloc_array(NULL, sorted.n + 1, sizeof(*l->v));
    l->n = sorted.n;
    for (size_t i = 0; i < l->n; i++) {
        _cleanup_free_ char *file = hal9_store_escape(sorted.v[i]);
        l->v[i] = (struct one){
            .resource = hal9_strdup(sorted.v[i]), .path = hal9_path_join(dir, file), .fd = -1};
    }
    return l;
}

hal9_status hal9_locks_take(const struct hal9_strv *names, const struct hal9_lock_opts *o,
                            struct hal9_locks **ret, struct hal9_error *err) {
    char *dir;
    bool own_dir;
    hal9_status status = hal9_lock_dir(o->dir, NULL, &dir, &own_dir, err);
    if (status != HAL9_OK)
        return status;
    int64_t deadline = o->timeout_ms < 0 ? -1 : hal9_mono_ms() + o->timeout_ms;
    struct hal9_locks *l = locks_new(names, dir, own_dir);
    for (size_t i = 0; status == HAL9_OK && i < l->n; i++) {
        status = wait_one(l, &l->v[i], o, deadline, err);
        if (status == HAL9_OK)
            l->v[i].noted = hal9_note_read(l->v[i].fd, &l->v[i].note);
    }
    if (status != HAL9_OK) {
        hal9_locks_release(l);
        return status;
    }
    *ret = l;
    return HAL9_OK;
}

hal9_status hal9_locks_note(struct hal9_locks *l, const struct hal9_lock_note *note,
                            struct hal9_error *err) {
    hal9_status first = HAL9_OK;
    for (size_t i = 0; i < l->n; i++) {
        _cleanup_error_ struct hal9_error e = {0};
        hal9_status status = hal9_note_write(l->v[i].fd, note, l->v[i].path, &e);
        if (status != HAL9_OK && first == HAL9_OK)
            first = hal9_error_move(err, &e);
    }
    return first;
}

const struct hal9_lock_note *hal9_locks_found(const struct hal9_locks *l, size_t i,
                                              const char **ret_resource) {
    if (ret_resource)
        *ret_resource = l->v[i].resource;
    return l->v[i].noted ? &l->v[i].note : NULL;
}

size_t hal9_locks_count(const struct hal9_locks *l) {
    return l->n;
}

bool hal9_locks_private(const struct hal9_locks *l) {
    return l->own_dir;
}

void hal9_locks_release(struct hal9_locks *l) {
    if (!l)
        return;
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].fd >= 0) {
            flock(l->v[i].fd, LOCK_UN); /* a child that has not reached execve yet may share it */
            close(l->v[i].fd);
        }
        hal9_lock_note_clear(&l->v[i].note);
        free(l->v[i].resource);
        free(l->v[i].path);
    }
    free(l->v);
    free(l->dir);
    free(l);
}
