/* Journals are written here: what is about to be done stands on the disk before it is done. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define MARK_TIMEOUT_MS 2000

struct hal9_journal {
    const struct hal9_state *state; /* until the first line is written */
    char *id;
    char *path;
    char *mark;
    char *journal_dir;
    char *open_dir;
    int fd;
    pthread_mutex_t lock;
    uint32_t crc;
    size_t end;      /* bytes of whole lines */
    size_t reserve;  /* to be kept ahead of the end */
    size_t reserved; /* space is had up to here */
    bool can_reserve;
    bool synced; /* the directories know of it durably */
    bool broken; /* a line's fate is not known: nothing may follow it */
};

static struct hal9_journal *journal_new(const struct hal9_state *s, const char *id,
                                        size_t reserve) {
    struct hal9_journal *j = hal9_alloc(sizeof(*j));
    *j = (struct hal9_journal){
        .state = s,
        .id = hal9_strdup(id),
        .path = hal9_journal_path(s, id),
        .mark = hal9_mark_path(s, id),
        .journal_dir = hal9_state_sub(s, "journal", NULL),
        .open_dir = hal9_state_sub(s, "open", NULL),
        .fd = -1,
        .reserve = reserve,
        .can_reserve = reserve > 0,
    };
    pthread_mutex_init(&j->lock, NULL);
    return j;
}

void hal9_journal_close(struct hal9_journal *j) {
    if (!j)
        return;
    if (j->fd >= 0) {
        flock(j->fd, LOCK_UN); /* a child that has not reached execve yet may share it */
        close(j->fd);
    }
    pthread_mutex_destroy(&j->lock);
    free(j->id);
    free(j->path);
    free(j->mark);
    free(j->journal_dir);
    free(j->open_dir);
    free(j);
}
HAL9_DEFINE_CLEANUP(struct hal9_journal *, hal9_journal_close);

/* Keeps space ahead of the end, without a change of the file's length. Half of it used up is when
 * more is asked for, so that most lines cost nothing. */
static hal9_status keep_ahead(struct hal9_journal *j, size_t len, struct hal9_error *err) {
    if (!j->can_reserve || j->reserved >= j->end + len + j->reserve / 2)
        return HAL9_OK;
    size_t want = j->end + len + j->reserve;
    off_t from = (off_t)j->reserved;
    if (HAL9_AGAIN(hal9_sys_fallocate(j->fd, from, (off_t)want - from)) == 0) {
        j->reserved = want;
        return HAL9_OK;
    }
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) {
        j->can_reserve = false; /* a file system without it: go on */
        return HAL9_OK;
    }
    return hal9_error_errno(err, errno, "cannot reserve %zu bytes for %s", j->reserve, j->path);
}

/* Takes the mark's flock. Others have it for an instant alone, so it is tried again for a while, but
 * not for ever: the directory may be another user's, and that user up to something. */
static int flock_mark(int fd) {
    int64_t deadline = hal9_mono_ms() + MARK_TIMEOUT_MS;
    for (;;) {
        if (HAL9_AGAIN(hal9_sys_flock(fd, LOCK_EX | LOCK_NB)) == 0)
            return 0;
        if (errno != EWOULDBLOCK || hal9_mono_ms() >= deadline)
            return -1;
        hal9_wait_fd(-1, hal9_mono_ms() + 1, -1, NULL);
    }
}

/* Opens the mark, made when it isn't there, on a full disk out of the reserve. -1 and errno. */
static int open_mark(const struct hal9_journal *j, mode_t mode) {
    const int flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    int fd = HAL9_AGAIN(hal9_sys_open(j->mark, flags | O_CREAT, 0600));
    if (fd >= 0 || !hal9_store_full(errno))
        return fd;
    fd = hal9_reserve_take(j->state, j->mark, mode);
    if (fd >= 0 && hal9_sys_ftruncate(fd, 0) < 0)
        hal9_log(1, "cannot empty %s: %s", j->mark, strerror(errno)); /* its name is what counts */
    return fd;
}

/* The mark stands, flocked, until the journal does: who finds a mark without a journal and can
 * lock it may drop it. Returns its descriptor, or -1. */
static int make_mark(const struct hal9_journal *j, mode_t mode) {
    for (;;) {
        _cleanup_close_ int fd = open_mark(j, mode);
        struct stat st;
        if (fd < 0 || flock_mark(fd) < 0 || fstat(fd, &st) < 0)
            return -1;
        if (st.st_nlink == 0)
            continue; /* dropped between open and flock */
        if (j->state->foreign && st.st_nlink > 1) {
            errno = EPERM; /* under another name it is something else */
            return -1;
        }
        if ((st.st_mode & 07777) != mode && st.st_uid == geteuid() && hal9_sys_fchmod(fd, mode) < 0)
            return -1;
        return HAL9_TAKE_FD(fd);
    }
}

/* Makes the file and has it locked, with its space. What fails here leaves neither file nor mark. */
static hal9_status make_file(struct hal9_journal *j, mode_t mode, struct hal9_error *err) {
    int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    j->fd = HAL9_AGAIN(hal9_sys_open(j->path, flags, 0600));
    if (j->fd < 0)
        return hal9_error_errno(err, errno, "cannot make %s", j->path);
    hal9_status status = HAL9_OK;
    if (hal9_sys_fchmod(j->fd, mode) < 0)
        status = hal9_error_errno(err, errno, "cannot set the mode of %s", j->path);
    else if (!hal9_journal_flock(j->fd))
        status = hal9_error_set(err, HAL9_E_BUSY, "%s is locked by another process", j->path);
    else
        status = keep_ahead(j, 0, err);
    if (status != HAL9_OK)
        hal9_sys_discard(j->path);
    return status;
}

/* On a full disk a file of the reserve becomes the journal: it has its space, and comes locked. */
static bool use_reserve(struct hal9_journal *j) {
    int fd = hal9_reserve_take(j->state, j->path, hal9_state_file_mode(j->state));
    if (fd < 0)
        return false;
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->reserved = HAL9_RESERVE_SIZE;
    return true;
}

hal9_status hal9_journal_create(struct hal9_state *s, const char *id, size_t reserve,
                                struct hal9_journal **ret, struct hal9_error *err) {
    hal9_status status = hal9_journal_id_check(id, err);
    if (status == HAL9_OK)
        status = hal9_state_writable(s, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_(hal9_journal_closep) struct hal9_journal *j = journal_new(s, id, reserve);
    if (access(j->path, F_OK) == 0)
        return hal9_error_set(err, HAL9_E_EXISTS, "%s is there already", j->path);
    _cleanup_close_ int mark = make_mark(j, hal9_state_file_mode(s));
    if (mark < 0)
        return hal9_state_explain(err, hal9_error_errno(err, errno, "cannot make %s", j->mark));
    _cleanup_error_ struct hal9_error e = {0};
    status = make_file(j, hal9_state_file_mode(s), &e);
    if (status != HAL9_OK && !(hal9_store_full(e.errnum) && use_reserve(j))) {
        if (status != HAL9_E_EXISTS)
            hal9_sys_discard(j->mark);
        hal9_state_explain(&e, status);
        return hal9_error_move(err, &e);
    }
    *ret = HAL9_TAKE_PTR(j);
    return HAL9_OK;
}

/* Where the next line goes: not at the end of the file, where zero bytes may stand, its space. */
static bool go_to_end(const struct hal9_journal *j) {
    return lseek(j->fd, (off_t)j->end, SEEK_SET) >= 0;
}

/* Whether the space that a cut gives up can be had again. */
static bool has_room(const struct hal9_journal *j, size_t len) {
    return HAL9_AGAIN(hal9_sys_fallocate(j->fd, (off_t)len, (off_t)j->reserve)) == 0;
}

/* On a full disk what is torn keeps its space: it is written over with zero bytes, which readers leave out. */
static bool write_zeros(const struct hal9_journal *j, const struct hal9_buf *text) {
    size_t len = text->len;
    while (len > j->end && text->data[len - 1] == '\0')
        len--;
    _cleanup_free_ char *zeros = hal9_alloc(len - j->end + 1);
    return go_to_end(j) && hal9_fd_write_all(j->fd, zeros, len - j->end, NULL) == HAL9_OK;
}

static bool cut_torn(const struct hal9_journal *j, const struct hal9_buf *text) {
    bool cut = has_room(j, text->len) ? hal9_sys_ftruncate(j->fd, (off_t)j->end) == 0
                                      : write_zeros(j, text);
    return cut && HAL9_AGAIN(hal9_sys_fsync(j->fd)) == 0;
}

/* Reads what is there under the lock, cuts what is torn. */
static hal9_status take_up(struct hal9_journal *j, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    hal9_status status = hal9_store_read_fd(j->fd, j->path, HAL9_JOURNAL_MAX, &text, err);
    if (status != HAL9_OK)
        return status;
    struct hal9_scan scan;
    const char *data = text.len > 0 ? text.data : "";
    status = hal9_scan_lines(data, text.len, j->path, j->id, &scan, err);
    if (status != HAL9_OK)
        return status;
    cJSON_Delete(scan.array);
    if (scan.ended) {
        hal9_error_set(err, HAL9_E_REFUSED, "operation %s has ended", j->id);
        hal9_error_hint(err, "hal9-rollback show %s tells how; undo takes it back", j->id);
        return HAL9_E_REFUSED;
    }
    struct stat st;
    j->end = scan.whole;
    j->crc = scan.crc;
    if (scan.torn && !cut_torn(j, &text))
        return hal9_error_errno(err, errno, "cannot cut the torn last line off %s", j->path);
    size_t had = fstat(j->fd, &st) == 0 ? (size_t)st.st_blocks * 512 : 0;
    j->reserved = had > j->end ? had : j->end;
    return HAL9_OK;
}

/* A link to a file elsewhere must not be written to. */
static bool is_owners(const struct hal9_state *s, int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
           (s->shared || st.st_uid == s->owner);
}

#define RESERVE_AGAIN ((size_t)64 << 10)

hal9_status hal9_journal_reopen(struct hal9_state *s, const char *id, struct hal9_journal **ret,
                                struct hal9_error *err) {
    hal9_status status = hal9_journal_id_check(id, err);
    if (status == HAL9_OK)
        status = hal9_state_writable(s, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_(hal9_journal_closep) struct hal9_journal *j = journal_new(s, id, RESERVE_AGAIN);
    int flags = O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    j->fd = HAL9_AGAIN(hal9_sys_open(j->path, flags, 0));
    if (j->fd < 0 && errno == ENOENT)
        return hal9_journal_missing(s, id, err);
    if (j->fd < 0)
        return hal9_state_explain(err, hal9_error_errno(err, errno, "cannot open %s", j->path));
    if (s->foreign && !is_owners(s, j->fd))
        return hal9_error_set(err, HAL9_E_REFUSED, "%s is not its directory's owner's alone",
                              j->path);
    /* before the journal's lock, as its maker does: so nobody gets between making and locking */
    _cleanup_close_ int mark = make_mark(j, hal9_state_file_mode(s));
    if (mark < 0)
        return hal9_state_explain(err, hal9_error_errno(err, errno, "cannot make %s", j->mark));
    if (!hal9_journal_flock(j->fd)) {
        hal9_error_set(err, HAL9_E_BUSY, "operation %s is running in another process", id);
        hal9_error_hint(err, "hal9-rollback status says which");
        return HAL9_E_BUSY;
    }
    status = take_up(j, err);
    if (status == HAL9_E_REFUSED)
        hal9_sys_discard(j->mark);
    if (status != HAL9_OK)
        return hal9_state_explain(err, status);
    /* A full disk is found out by the next line, before anything is done: no reason to stop here. */
    keep_ahead(j, 0, NULL);
    *ret = HAL9_TAKE_PTR(j);
    return HAL9_OK;
}

/* All of it with one write; what a failed or short one has left is cut off again. */
static hal9_status write_line(struct hal9_journal *j, const struct hal9_buf *line,
                              struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    if (!go_to_end(j))
        return hal9_error_errno(err, errno, "cannot write %s", j->path);
    if (hal9_fd_write_all(j->fd, line->data, line->len, &e) == HAL9_OK)
        return HAL9_OK;
    if (j->end == 0 && hal9_store_full(e.errnum) && use_reserve(j) &&
        hal9_fd_write_all(j->fd, line->data, line->len, NULL) == HAL9_OK)
        return HAL9_OK; /* space could not be asked for, and was not there */
    if (!hal9_sys_cut_back(j->fd, (off_t)j->end))
        j->broken = true;
    j->reserved = j->end; /* the cut may have taken the reserve along */
    hal9_error_prefix(&e, "%s", j->path);
    return hal9_error_move(err, &e);
}

/* After a failed sync nobody knows what is on the disk, and a second one would say that all is
 * well: pages that could not be written count as clean. */
static hal9_status make_durable(struct hal9_journal *j, struct hal9_error *err) {
    bool first = !j->synced;
    int failed = HAL9_AGAIN(first ? hal9_sys_fsync(j->fd) : hal9_sys_fdatasync(j->fd));
    hal9_status status = HAL9_OK;
    if (failed)
        status = hal9_error_errno(err, errno, "cannot sync %s", j->path);
    if (status == HAL9_OK && first)
        status = hal9_dir_sync(j->open_dir, err);
    if (status == HAL9_OK && first)
        status = hal9_dir_sync(j->journal_dir, err);
    j->broken = status != HAL9_OK;
    j->synced = j->synced || status == HAL9_OK;
    return status;
}

/* Without a durable plan nothing is done: an operation that never began is not left to be gone on with. */
static hal9_status take_back(struct hal9_journal *j, hal9_status status) {
    j->broken = true;
    hal9_sys_discard(j->path);
    hal9_sys_discard(j->mark);
    return status;
}

static hal9_status append_locked(struct hal9_journal *j, const cJSON *line, bool durable,
                                 struct hal9_error *err) {
    if (j->broken)
        return hal9_error_set(err, HAL9_E_IO, "%s: an earlier line could not be made durable",
                              j->path);
    _cleanup_buf_ struct hal9_buf text = {0};
    uint32_t crc = j->crc;
    hal9_status status = hal9_line_seal(line, &crc, &text, err);
    if (status != HAL9_OK)
        return status;
    keep_ahead(j, text.len, NULL); /* not had: the space that was reserved before may still do */
    unsigned n = hal9_hook_before_line();
    bool first = j->end == 0;
    status = write_line(j, &text, err);
    if (status != HAL9_OK)
        return first ? take_back(j, status) : status;
    j->end += text.len;
    j->crc = crc;
    if (durable)
        status = make_durable(j, err);
    if (first && status == HAL9_OK)
        hal9_index_add(j->state, j->id, line);
    else if (first)
        take_back(j, status);
    hal9_hook_after_line(n);
    return status;
}

hal9_status hal9_journal_append(struct hal9_journal *j, const cJSON *line, bool durable,
                                struct hal9_error *err) {
    pthread_mutex_lock(&j->lock);
    hal9_status status = append_locked(j, line, durable, err);
    pthread_mutex_unlock(&j->lock);
    return hal9_state_explain(err, status);
}

void hal9_journal_finish(struct hal9_journal *j) {
    if (!j)
        return;
    /* gives back the space that was kept ahead: journals stay, by the million */
    if (hal9_sys_ftruncate(j->fd, (off_t)j->end) < 0)
        hal9_log(1, "cannot trim %s", j->path);
    if (hal9_sys_unlink(j->mark) < 0 && errno != ENOENT)
        hal9_log(1, "cannot remove %s", j->mark); /* dropped later: its journal has an end */
    hal9_journal_close(j);
}
