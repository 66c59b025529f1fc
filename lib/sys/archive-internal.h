/* libarchive behind one table of functions, and what its two sides share. */
#ifndef HAL9_SYS_ARCHIVE_INTERNAL_H
#define HAL9_SYS_ARCHIVE_INTERNAL_H

#include <archive.h>
#include <archive_entry.h>

#include "sys/archive.h"

/* Every function of libarchive that is used, once. */
#define HAL9_ARCHIVE_FUNCTIONS(X)            \
    X(archive_error_string)                  \
    X(archive_filter_bytes)                  \
    X(archive_entry_new)                     \
    X(archive_entry_free)                    \
    X(archive_entry_filetype)                \
    X(archive_entry_gid)                     \
    X(archive_entry_gname)                   \
    X(archive_entry_hardlink)                \
    X(archive_entry_mode)                    \
    X(archive_entry_mtime)                   \
    X(archive_entry_mtime_nsec)              \
    X(archive_entry_pathname)                \
    X(archive_entry_pathname_utf8)           \
    X(archive_entry_set_gid)                 \
    X(archive_entry_set_gname)               \
    X(archive_entry_set_mode)                \
    X(archive_entry_set_mtime)               \
    X(archive_entry_set_pathname)            \
    X(archive_entry_set_size)                \
    X(archive_entry_set_symlink)             \
    X(archive_entry_set_uid)                 \
    X(archive_entry_set_uname)               \
    X(archive_entry_size)                    \
    X(archive_entry_symlink)                 \
    X(archive_entry_symlink_utf8)            \
    X(archive_entry_uid)                     \
    X(archive_entry_uname)                   \
    X(archive_read_data)                     \
    X(archive_read_free)                     \
    X(archive_read_new)                      \
    X(archive_read_next_header)              \
    X(archive_read_open)                     \
    X(archive_read_support_filter_gzip)      \
    X(archive_read_support_format_tar)       \
    X(archive_write_add_filter_gzip)         \
    X(archive_write_close)                   \
    X(archive_write_data)                    \
    X(archive_write_free)                    \
    X(archive_write_header)                  \
    X(archive_write_new)                     \
    X(archive_write_open)                    \
    X(archive_write_set_bytes_in_last_block) \
    X(archive_write_set_filter_option)       \
    X(archive_write_set_format_pax_restricted)

struct hal9_archive_table {
#define HAL9_ARCHIVE_MEMBER(name) __typeof__(&(name)) f_##name;
    HAL9_ARCHIVE_FUNCTIONS(HAL9_ARCHIVE_MEMBER)
#undef HAL9_ARCHIVE_MEMBER
};

/* Opens libarchive once for the process (any thread). HAL9_E_UNSUPPORTED with what to install. */
hal9_status hal9_archive_library(const struct hal9_archive_table **ret, struct hal9_error *err);

/* Whether a path stays below where it is unpacked: relative, not empty, no component "..". */
bool hal9_archive_path_good(const char *path);

#define HAL9_ARCHIVE_MAX_BYTES ((uint64_t)1 << 30)
#define HAL9_ARCHIVE_MAX_ENTRIES 100000

#endif
