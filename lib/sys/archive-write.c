/* Writing an archive: to a file that is there whole or not at all, or to a descriptor. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "sys/archive-internal.h"
#include "sys/fault.h"
#include "sys/sys-internal.h"

#define TEMP ".archive."

struct hal9_archive_writer {
    const struct hal9_archive_table *lib;
    struct archive *archive;
    int fd;
    char *path; /* where it is to stand at the end, or NULL: the descriptor is the caller's */
    char *temp; /* where it stands until then */
    uint64_t bytes, max_bytes, entries, max_entries;
    bool dropped;
    struct hal9_error error; /* why our own write failed */
};

/* libarchive calls this with what is to be written. It is not told that it failed while it may go on with the archive: what it
 * gives up it doesn't free. */
static la_ssize_t write_out(struct archive *a, void *own, const void *data, size_t len) {
    struct hal9_archive_writer *w = own;
    (void)a;

    if (w->dropped)
        return -1;
    if (w->error.code == HAL9_OK)
        hal9_fd_write_all(w->fd, data, len, &w->error);
    return (la_ssize_t)len;
}

/* What became of a call: our own write may have failed, whatever libarchive says. */
static hal9_status outcome(struct hal9_archive_writer *w, bool well, struct hal9_error *err) {
    const char *why = w->lib->f_archive_error_string(w->archive);
    hal9_status st = w->error.code;

    if (well && st == HAL9_OK)
        return HAL9_OK;
    if (st != HAL9_OK)
        hal9_error_move(err, &w->error);
    else
        st = hal9_error_set(err, HAL9_E_IO, "cannot write: %s",
                            why ? why : "libarchive tells no reason");
    hal9_error_prefix(err, "%s", w->path ? w->path : "archive");
    return st;
}

void hal9_archive_drop(struct hal9_archive_writer **at) {
    struct hal9_archive_writer *w = *at;

    *at = NULL;
    if (!w)
        return;
    w->dropped = true; /* freeing would write the end of an archive */
    if (w->archive)
        w->lib->f_archive_write_free(w->archive);
    if (w->path && w->fd >= 0)
        close(w->fd);
    if (w->temp)
        hal9_sys_discard(w->temp);
    free(w->temp);
    free(w->path);
    hal9_error_clear(&w->error);
    free(w);
}

/* A tar that has what this one is given, byte for byte the same each time. */
static hal9_status begin(struct hal9_archive_writer *w, bool gzip, struct hal9_error *err) {
    const struct hal9_archive_table *lib = w->lib;

    w->archive = lib->f_archive_write_new();
    if (!w->archive)
        return hal9_error_set(err, HAL9_E_IO, "libarchive cannot begin an archive");
    int rc = lib->f_archive_write_set_format_pax_restricted(w->archive);

    if (rc == ARCHIVE_OK && gzip)
        rc = lib->f_archive_write_add_filter_gzip(w->archive);
    if (rc == ARCHIVE_OK && gzip) /* no time in its header */
        rc = lib->f_archive_write_set_filter_option(w->archive, "gzip", "timestamp", NULL);
    if (rc == ARCHIVE_OK)
        rc = lib->f_archive_write_set_bytes_in_last_block(w->archive, 1);
    if (rc == ARCHIVE_OK)
        rc = lib->f_archive_write_open(w->archive, w, NULL, write_out, NULL);
    return outcome(w, rc == ARCHIVE_OK, err);
}

static hal9_status make(const struct hal9_archive_opts *o, struct hal9_archive_writer **ret,
                        struct hal9_error *err) {
    const struct hal9_archive_table *lib;
    hal9_status st = hal9_archive_library(&lib, err);

    if (st != HAL9_OK)
        return st;
    struct hal9_archive_writer *w = hal9_alloc(sizeof(*w));

    w->lib = lib;
    w->fd = -1;
    w->max_bytes = o->max_bytes ? o->max_bytes : HAL9_ARCHIVE_MAX_BYTES;
    w->max_entries = o->max_entries ? o->max_entries : HAL9_ARCHIVE_MAX_ENTRIES;
    *ret = w;
    return HAL9_OK;
}

hal9_status hal9_archive_create_fd(int fd, const struct hal9_archive_opts *o,
                                   struct hal9_archive_writer **ret, struct hal9_error *err) {
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    hal9_status st = make(o, &w, err);

    if (st != HAL9_OK)
        return st;
    w->fd = fd;
    st = begin(w, o->gzip, err);
    if (st == HAL9_OK)
        *ret = HAL9_TAKE_PTR(w);
    return st;
}

static char *folder_of(const char *path) {
    const char *base = hal9_path_base(path);

    return base == path       ? hal9_strdup(".")
           : base == path + 1 ? hal9_strdup("/")
                              : hal9_strndup(path, (size_t)(base - path) - 1);
}

static hal9_status open_temp(struct hal9_archive_writer *w, mode_t mode, struct hal9_error *err) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    _cleanup_free_ char *dir = folder_of(w->path);
    char id[HAL9_ID_LEN + 1];

    hal9_id_new(id);
    _cleanup_free_ char *name = hal9_strf(TEMP "%s", id);
    _cleanup_free_ char *temp = hal9_path_join(dir, name);

    w->fd = HAL9_RETRY(hal9_sys_open(temp, flags, 0600));
    if (w->fd < 0)
        return hal9_error_errno(err, errno, "cannot make a file in %s", dir);
    w->temp = HAL9_TAKE_PTR(temp);
    (void)HAL9_RETRY(flock(w->fd, LOCK_EX | LOCK_NB)); /* tells sweepers that its writer lives */
    if (hal9_sys_fchmod(w->fd, mode) < 0)
        return hal9_error_errno(err, errno, "%s: cannot set its mode", w->path);
    return HAL9_OK;
}

hal9_status hal9_archive_create(const char *path, mode_t mode, const struct hal9_archive_opts *o,
                                struct hal9_archive_writer **ret, struct hal9_error *err) {
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    hal9_status st = make(o, &w, err);

    if (st != HAL9_OK)
        return st;
    w->path = hal9_strdup(path);
    st = open_temp(w, mode, err);
    if (st == HAL9_OK)
        st = begin(w, o->gzip, err);
    if (st == HAL9_OK)
        *ret = HAL9_TAKE_PTR(w);
    return st;
}

/* ---- entries ---- */

static hal9_status refuse(const struct hal9_archive_writer *w, const struct hal9_archive_entry *e,
                          uint64_t len, struct hal9_error *err) {
    bool known = S_ISREG(e->mode) || S_ISDIR(e->mode) || (S_ISLNK(e->mode) && e->link);

    if (!hal9_archive_path_good(e->path) || !known || (len > 0 && !S_ISREG(e->mode)))
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' cannot be put into an archive",
                              e->path ? e->path : "");
    if (len > w->max_bytes - w->bytes)
        return hal9_error_set(err, HAL9_E_LIMIT,
                              "%s: no room for its %llu bytes in an archive of %llu", e->path,
                              (unsigned long long)len, (unsigned long long)w->max_bytes);
    if (w->entries >= w->max_entries)
        return hal9_error_set(err, HAL9_E_LIMIT, "%s: an archive has %llu entries at most", e->path,
                              (unsigned long long)w->max_entries);
    return HAL9_OK;
}

static hal9_status put_header(struct hal9_archive_writer *w, const struct hal9_archive_entry *e,
                              uint64_t len, struct hal9_error *err) {
    const struct hal9_archive_table *lib = w->lib;
    hal9_status st = refuse(w, e, len, err);

    if (st != HAL9_OK)
        return st;
    struct archive_entry *entry = lib->f_archive_entry_new();

    lib->f_archive_entry_set_pathname(entry, e->path);
    lib->f_archive_entry_set_mode(entry, e->mode);
    lib->f_archive_entry_set_uid(entry, e->uid);
    lib->f_archive_entry_set_gid(entry, e->gid);
    lib->f_archive_entry_set_uname(entry, e->user);
    lib->f_archive_entry_set_gname(entry, e->group);
    lib->f_archive_entry_set_mtime(entry, e->mtime.tv_sec, e->mtime.tv_nsec);
    lib->f_archive_entry_set_size(entry, (la_int64_t)len);
    if (S_ISLNK(e->mode))
        lib->f_archive_entry_set_symlink(entry, e->link);
    int rc = lib->f_archive_write_header(w->archive, entry);

    lib->f_archive_entry_free(entry);
    w->bytes += len;
    w->entries++;
    return outcome(w, rc == ARCHIVE_OK || rc == ARCHIVE_WARN, err);
}

static hal9_status put_data(struct hal9_archive_writer *w, const void *data, size_t len,
                            struct hal9_error *err) {
    const char *at = data;

    while (len > 0) {
        la_ssize_t n = w->lib->f_archive_write_data(w->archive, at, len);

        if (n <= 0)
            return outcome(w, false, err);
        at += n;
        len -= (size_t)n;
    }
    return outcome(w, true, err);
}

hal9_status hal9_archive_add(struct hal9_archive_writer *w, const struct hal9_archive_entry *e,
                             const void *data, size_t len, struct hal9_error *err) {
    hal9_status st = put_header(w, e, len, err);

    return st == HAL9_OK ? put_data(w, data, len, err) : st;
}

hal9_status hal9_archive_add_fd(struct hal9_archive_writer *w, const struct hal9_archive_entry *e,
                                int fd, uint64_t len, uint64_t *ret_read, struct hal9_error *err) {
    char chunk[32768];
    uint64_t left = len, came = 0;
    bool more = true;
    hal9_status st = put_header(w, e, len, err);

    while (st == HAL9_OK && left > 0) {
        size_t want = left < sizeof(chunk) ? (size_t)left : sizeof(chunk);
        ssize_t n = more ? HAL9_RETRY(read(fd, chunk, want)) : 0;

        if (n < 0)
            return hal9_error_errno(err, errno, "%s: cannot read", e->path);
        more = n > 0;
        if (!more) {
            memset(chunk, 0, want);
            n = (ssize_t)want;
        } else {
            came += (uint64_t)n;
        }
        left -= (uint64_t)n;
        st = put_data(w, chunk, (size_t)n, err);
    }
    if (st == HAL9_OK && ret_read)
        *ret_read = came;
    return st;
}

/* ---- the end ---- */

static hal9_status settle(struct hal9_archive_writer *w, struct hal9_error *err) {
    _cleanup_free_ char *dir = folder_of(w->path);

    if (HAL9_RETRY(hal9_sys_fsync(w->fd)) < 0)
        return hal9_error_errno(err, errno, "%s: cannot sync", w->path);
    if (hal9_sys_rename(w->temp, w->path) < 0)
        return hal9_error_errno(err, errno, "cannot make %s", w->path);
    free(HAL9_TAKE_PTR(w->temp));
    return hal9_dir_sync(dir, err);
}

static void sweep_one(int dir, const char *name) {
    _cleanup_close_ int fd =
        HAL9_RETRY(openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));

    if (fd >= 0 && HAL9_RETRY(flock(fd, LOCK_EX | LOCK_NB)) == 0)
        hal9_sys_discardat(dir, name); /* a killed run's */
}

void hal9_archive_sweep(const char *dir) {
    DIR *d = opendir(dir);
    const struct dirent *entry;

    while (d && (entry = readdir(d)))
        if (hal9_startswith(entry->d_name, TEMP))
            sweep_one(dirfd(d), entry->d_name);
    if (d)
        closedir(d);
}

hal9_status hal9_archive_finish(struct hal9_archive_writer **at, struct hal9_error *err) {
    struct hal9_archive_writer *w = *at;
    hal9_status st = outcome(w, w->lib->f_archive_write_close(w->archive) == ARCHIVE_OK, err);

    if (st == HAL9_OK && w->path)
        st = settle(w, err);
    hal9_archive_drop(at);
    return st;
}
