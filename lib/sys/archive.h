/* Archives: tar (pax), with gzip or without, on libarchive, which is opened at the first use.
 *
 *     struct hal9_archive_writer *w;
 *     hal9_archive_create(path, 0600, &(struct hal9_archive_opts){.gzip = true}, &w, &err);
 *     hal9_archive_add(w, &(struct hal9_archive_entry){.path = "manifest.json", .mode = S_IFREG | 0600}, text, len, &err);
 *     hal9_archive_finish(&w, &err);         // or hal9_archive_drop(&w): as if it had never been begun
 */
#ifndef HAL9_SYS_ARCHIVE_H
#define HAL9_SYS_ARCHIVE_H

#include <sys/stat.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

/* What an entry is. */
struct hal9_archive_entry {
    const char *path; /* relative, without . and .. */
    mode_t mode;      /* with its type: S_IFREG, S_IFDIR or S_IFLNK */
    uid_t uid;        /* of the owner */
    gid_t gid;
    const char *user; /* names of the two, or NULL */
    const char *group;
    struct timespec mtime;
    const char *link; /* S_IFLNK: where it points to */
    uint64_t size;    /* reading: of a regular file; writing: not looked at */
};

struct hal9_archive_opts {
    bool gzip; /* writing; a reader finds out */
    uint64_t
        max_bytes; /* of all contents together (reading: of all that comes out, headers, too); 0: 1 GiB */
    uint64_t max_entries; /* 0: 100,000 */
};

struct hal9_archive_writer;
/* To a temporary file beside path, which hal9_archive_finish() makes durable and puts in its place: all of it or nothing. A killed writer leaves
 * its temporary file; hal9_archive_sweep() removes those of a folder that no living writer has locked. */
hal9_status hal9_archive_create(const char *path, mode_t mode, const struct hal9_archive_opts *o,
                                struct hal9_archive_writer **ret, struct hal9_error *err);
/* To a descriptor, which stays the caller's; a pipe will do. */
hal9_status hal9_archive_create_fd(int fd, const struct hal9_archive_opts *o,
                                   struct hal9_archive_writer **ret, struct hal9_error *err);
/* One entry; data only for regular files. HAL9_E_USAGE: a path that no reader would take. HAL9_E_LIMIT: nothing of it was written. After any other error only
 * hal9_archive_drop() is of use. */
hal9_status hal9_archive_add(struct hal9_archive_writer *w, const struct hal9_archive_entry *e,
                             const void *data, size_t len, struct hal9_error *err);
/* The next len bytes of fd. Where fewer come (cut meanwhile), the rest is NUL bytes; *ret_read (NULL-able) tells how many came. */
hal9_status hal9_archive_add_fd(struct hal9_archive_writer *w, const struct hal9_archive_entry *e,
                                int fd, uint64_t len, uint64_t *ret_read, struct hal9_error *err);
/* Writes the end and frees; *w is NULL after, whatever it returns. On failure no file is left. */
hal9_status hal9_archive_finish(struct hal9_archive_writer **w, struct hal9_error *err);
void hal9_archive_sweep(const char *dir);
/* Frees, and removes the temporary file. */
void hal9_archive_drop(struct hal9_archive_writer **w);

struct hal9_archive_reader;
/* From a descriptor, which stays the caller's. */
hal9_status hal9_archive_open(int fd, const struct hal9_archive_opts *o,
                              struct hal9_archive_reader **ret, struct hal9_error *err);
/* The next entry, its strings valid until the next call; *ret_end at the end of the archive. HAL9_E_REFUSED: an absolute path, one with .. in it, or a kind of file
 * that isn't a regular one, a folder or a symlink. HAL9_E_LIMIT, HAL9_E_CORRUPT. What an entry's data has left is passed over. */
hal9_status hal9_archive_next(struct hal9_archive_reader *r, struct hal9_archive_entry *ret,
                              bool *ret_end, struct hal9_error *err);
/* The content of the entry, appended; HAL9_E_LIMIT when it is larger than max. */
hal9_status hal9_archive_read(struct hal9_archive_reader *r, size_t max, struct hal9_buf *ret,
                              struct hal9_error *err);
/* The same in pieces: *ret_n bytes, 0 at its end. */
hal9_status hal9_archive_read_some(struct hal9_archive_reader *r, void *data, size_t len,
                                   size_t *ret_n, struct hal9_error *err);
void hal9_archive_close(struct hal9_archive_reader **r);

#define _cleanup_archive_writer_ _cleanup_(hal9_archive_drop)
#define _cleanup_archive_reader_ _cleanup_(hal9_archive_close)

#endif
