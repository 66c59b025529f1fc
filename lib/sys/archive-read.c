/* Reading an archive that somebody else may have made. */
#include <limits.h>
#include <string.h>

#include "sys/archive-internal.h"
#include "sys/sys-internal.h"

struct hal9_archive_reader {
    const struct hal9_archive_table *lib;
    struct archive *archive;
    struct archive_entry *entry;
    int fd;
    int read_errno; /* of our own read, 0: none failed */
    uint64_t entries, max_entries, max_bytes;
    uint64_t given; /* of contents, the holes of sparse files with them */
    char chunk[65536];
};

/* libarchive calls this for more. */
static la_ssize_t read_in(struct archive *a, void *own, const void **ret) {
    struct hal9_archive_reader *r = own;
    (void)a;
    ssize_t n = HAL9_RETRY(read(r->fd, r->chunk, sizeof(r->chunk)));

    if (n < 0)
        r->read_errno = errno;
    *ret = r->chunk;
    return n;
}

static hal9_status failed(struct hal9_archive_reader *r, struct hal9_error *err) {
    const char *why = r->lib->f_archive_error_string(r->archive);

    if (r->read_errno)
        return hal9_error_errno(err, r->read_errno, "the archive cannot be read");
    return hal9_error_set(err, HAL9_E_CORRUPT, "the archive is damaged, or none: %s",
                          why ? why : "libarchive tells no reason");
}

void hal9_archive_close(struct hal9_archive_reader **at) {
    struct hal9_archive_reader *r = *at;

    *at = NULL;
    if (r && r->archive)
        r->lib->f_archive_read_free(r->archive);
    free(r);
}

/* Only tar and gzip: some of what libarchive knows besides runs programs. */
hal9_status hal9_archive_open(int fd, const struct hal9_archive_opts *o,
                              struct hal9_archive_reader **ret, struct hal9_error *err) {
    const struct hal9_archive_table *lib;
    hal9_status st = hal9_archive_library(&lib, err);

    if (st != HAL9_OK)
        return st;
    _cleanup_archive_reader_ struct hal9_archive_reader *r = hal9_alloc(sizeof(*r));

    r->lib = lib;
    r->fd = fd;
    r->max_bytes = o->max_bytes ? o->max_bytes : HAL9_ARCHIVE_MAX_BYTES;
    r->max_entries = o->max_entries ? o->max_entries : HAL9_ARCHIVE_MAX_ENTRIES;
    r->archive = lib->f_archive_read_new();
    if (!r->archive)
        return hal9_error_set(err, HAL9_E_IO, "libarchive cannot read an archive");
    int rc = lib->f_archive_read_support_filter_gzip(r->archive);

    if (rc == ARCHIVE_OK)
        rc = lib->f_archive_read_support_format_tar(r->archive);
    if (rc == ARCHIVE_OK)
        rc = lib->f_archive_read_open(r->archive, r, NULL, read_in, NULL);
    if (rc != ARCHIVE_OK)
        return failed(r, err);
    *ret = HAL9_TAKE_PTR(r);
    return HAL9_OK;
}

static hal9_status too_large(const struct hal9_archive_reader *r, struct hal9_error *err) {
    return hal9_error_set(err, HAL9_E_LIMIT, "the archive holds more than %llu bytes",
                          (unsigned long long)r->max_bytes);
}

/* What came out of the decompressor so far, headers and padding with it. */
static bool over(const struct hal9_archive_reader *r, uint64_t more) {
    la_int64_t out = r->lib->f_archive_filter_bytes(r->archive, 0);
    uint64_t so_far = out > 0 ? (uint64_t)out : 0;

    return so_far > r->max_bytes || more > r->max_bytes - so_far;
}

/* A name of the archive: bytes, or UTF-8 where the locale has no such letters. */
static const char *name_of(struct hal9_archive_reader *r) {
    const char *name = r->lib->f_archive_entry_pathname(r->entry);

    return name ? name : r->lib->f_archive_entry_pathname_utf8(r->entry);
}

static void fill(struct hal9_archive_reader *r, struct hal9_archive_entry *ret) {
    const struct hal9_archive_table *lib = r->lib;
    const char *link = lib->f_archive_entry_symlink(r->entry);

    *ret = (struct hal9_archive_entry){
        .path = name_of(r),
        .mode = lib->f_archive_entry_mode(r->entry),
        .uid = (uid_t)lib->f_archive_entry_uid(r->entry),
        .gid = (gid_t)lib->f_archive_entry_gid(r->entry),
        .user = lib->f_archive_entry_uname(r->entry),
        .group = lib->f_archive_entry_gname(r->entry),
        .mtime = {.tv_sec = lib->f_archive_entry_mtime(r->entry),
                  .tv_nsec = lib->f_archive_entry_mtime_nsec(r->entry)},
        .link = link ? link : lib->f_archive_entry_symlink_utf8(r->entry)};
    if (S_ISREG(ret->mode))
        ret->size = (uint64_t)lib->f_archive_entry_size(r->entry);
}

static hal9_status check(struct hal9_archive_reader *r, const struct hal9_archive_entry *e,
                         struct hal9_error *err) {
    if (!e->path)
        return hal9_error_set(err, HAL9_E_CORRUPT, "the archive has an entry without a name");
    if (!hal9_archive_path_good(e->path))
        return hal9_error_set(err, HAL9_E_REFUSED,
                              "the archive has a path that leads out of it: %s", e->path);
    if (r->lib->f_archive_entry_hardlink(r->entry) ||
        !(S_ISREG(e->mode) || S_ISDIR(e->mode) || (S_ISLNK(e->mode) && e->link)))
        return hal9_error_set(err, HAL9_E_REFUSED,
                              "%s in the archive is no file, folder or symlink", e->path);
    if (++r->entries > r->max_entries)
        return hal9_error_set(err, HAL9_E_LIMIT, "the archive has more than %llu entries",
                              (unsigned long long)r->max_entries);
    return over(r, e->size) ? too_large(r, err) : HAL9_OK;
}

hal9_status hal9_archive_next(struct hal9_archive_reader *r, struct hal9_archive_entry *ret,
                              bool *ret_end, struct hal9_error *err) {
    struct hal9_archive_entry e;
    int rc = r->lib->f_archive_read_next_header(r->archive, &r->entry);

    if (rc == ARCHIVE_EOF) {
        *ret_end = true;
        return HAL9_OK;
    }
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
        return failed(r, err);
    fill(r, &e);
    hal9_status st = check(r, &e, err);

    if (st != HAL9_OK)
        return st;
    *ret = e;
    *ret_end = false;
    return HAL9_OK;
}

hal9_status hal9_archive_read_some(struct hal9_archive_reader *r, void *data, size_t len,
                                   size_t *ret_n, struct hal9_error *err) {
    la_ssize_t n = r->lib->f_archive_read_data(r->archive, data, len);

    if (n < 0)
        return failed(r, err);
    r->given += (uint64_t)n;
    if (over(r, 0) || r->given > r->max_bytes)
        return too_large(r, err);
    *ret_n = (size_t)n;
    return HAL9_OK;
}

hal9_status hal9_archive_read(struct hal9_archive_reader *r, size_t max, struct hal9_buf *ret,
                              struct hal9_error *err) {
    char chunk[16384];
    _cleanup_buf_ struct hal9_buf content = {0};
    size_t n = 1;

    while (n > 0) {
        hal9_status st = hal9_archive_read_some(r, chunk, sizeof(chunk), &n, err);

        if (st != HAL9_OK)
            return st;
        if (n > max - content.len)
            return hal9_error_set(err, HAL9_E_LIMIT, "%s in the archive is larger than %zu bytes",
                                  name_of(r), max);
        hal9_buf_add(&content, chunk, n);
    }
    if (content.len > 0)
        hal9_buf_add(ret, content.data, content.len);
    return HAL9_OK;
}
