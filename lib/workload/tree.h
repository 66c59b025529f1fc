/*
 * Captured trees. A tree is a listing, by the SHA-256 of its bytes: one for each folder, in which a folder inside stands with the SHA-256 of its own; the one
 * at the top has a single entry without a name, or none where nothing is. So two captures that have the same SHA-256 are the same, and folders that are
 * the same in both need no look.
 */
#ifndef HAL9_WORKLOAD_TREE_H
#define HAL9_WORKLOAD_TREE_H

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "store/sha-map.h"
#include "workload/workload-internal.h"

/* What is kept of a file; the same for the listing, the stat cache and the memory. A folder's own time is not: it changes with what is made in it. */
struct wl_meta {
    char type;     /* f d l p c b */
    uint32_t mode; /* permissions alone */
    uint32_t uid, gid;
    uint64_t size; /* f: bytes; c, b: device number */
    int64_t mtime; /* f; seconds and nanoseconds */
    uint32_t mtime_ns;
    bool has_xattrs;
    struct hal9_sha sha;    /* f: content; d: listing */
    struct hal9_sha xattrs; /* where it has any */
    const char *
        link; /* l: where it points; f: the path in the tree that it is a hard link of; else NULL */
};
bool wl_meta_equal(const struct wl_meta *a, const struct wl_meta *b);

/* ---- tree-list.c: listings as bytes */
struct wl_item {
    const char *name; /* "" at the top */
    struct wl_meta meta;
};
struct wl_listing { /* zero-initialise; the bytes stay the caller's */
    const uint8_t *at;
    size_t left;
    bool top;
    const char *last;
};
void wl_list_add(struct hal9_buf *to, const char *name, const struct wl_meta *m);
/* *ret_end: there is no other. HAL9_E_CORRUPT: names out of order, or such as no folder has. */
hal9_status wl_list_next(struct wl_listing *l, struct wl_item *ret, bool *ret_end,
                         struct hal9_error *err);

/* ---- tree-store.c: where contents come from and go to */
struct wl_store {
    struct hal9_state *s;       /* NULL-able */
    struct hal9_pack_writer *w; /* NULL: nothing is kept but listings, in memory */
    struct hal9_packs *packs;   /* those that are there; NULL: none */
    pthread_mutex_t lock;
    struct hal9_sha_map index; /* of the listings in memory: at into kept */
    struct hal9_buf *kept;
    size_t n_kept, cap_kept;
};
/* keep: contents are written; s must be open for it. */
hal9_status wl_store_open(struct hal9_state *s, bool keep, struct wl_store *ret,
                          struct hal9_error *err);
/* Makes durable what was put, and reads from then on. */
hal9_status wl_store_finish(struct wl_store *st, struct hal9_error *err);
void wl_store_close(struct wl_store *st);
#define _cleanup_store_ _cleanup_(wl_store_close)
/* listing: it is kept in any case. */
hal9_status wl_store_put(struct wl_store *st, const void *data, size_t len, bool listing,
                         struct hal9_sha *ret, struct hal9_error *err);
hal9_status wl_store_view(const struct wl_store *st, const struct hal9_sha *sha, const void **ret,
                          size_t *ret_len, struct hal9_error *err);
/* The bytes of a listing. top: of a capture, not of a folder. */
hal9_status wl_store_list(const struct wl_store *st, const struct hal9_sha *sha, bool top,
                          struct wl_listing *ret, struct hal9_error *err);

/* ---- tree-cache.c: what was read of which file, so that it need not be read again */
struct wl_cached_file {
    uint64_t dev, ino, size, rdev;
    int64_t mtime, ctime;
    uint32_t mtime_ns, ctime_ns, mode, uid, gid;
    uint32_t name, link; /* offsets of strings; link 0: none */
    uint32_t flags;
    struct hal9_sha sha, xattrs;
};
enum {
    WL_CACHED_TRUSTED =
        1, /* it was old enough when it was read: a change since shows in its times */
    WL_CACHED_XATTRS = 2
};
struct wl_cached_dir {
    uint32_t path, first, n;
    uint32_t linked; /* has files with several names */
    struct hal9_sha sha;
};
struct wl_cache {
    void *map;
    size_t size;
    const struct wl_cached_dir *dirs;
    const struct wl_cached_file *files;
    const char *strings;
    size_t n_dirs, n_files, n_strings;
};
/* An empty one where there is none that can be used: damaged, or made when other packs were there. */
void wl_cache_open(struct hal9_state *s, const char *path, const struct hal9_packs *packs,
                   struct wl_cache *ret);
void wl_cache_close(struct wl_cache *c);
/* NULL: not known. */
const struct wl_cached_dir *wl_cache_dir(const struct wl_cache *c, const char *path);
struct wl_dir;
/* Writes what the walk found. That it can't be written is no error. */
void wl_cache_save(struct hal9_state *s, const char *path, const struct hal9_packs *packs,
                   const struct wl_cache *old, struct wl_dir *const *dirs, size_t n);
/* What a listing has of an entry (a file that is no folder). */
void wl_cache_meta(const struct wl_cache *c, const struct wl_cached_file *f, struct wl_meta *ret);

/* ---- tree-walk.c: what is there, read by one or two threads */
struct wl_file {
    const char *name;
    struct wl_meta meta;
    struct stat st;
    bool gone;                           /* vanished meanwhile, or nothing that is kept: a socket */
    bool trusted;                        /* see WL_CACHED_TRUSTED */
    const struct wl_cached_file *cached; /* unchanged since; or NULL */
    const struct wl_cached_file *twin;   /* what the cache has of this name, changed or not */
    struct wl_dir *dir;                  /* d */
    char *link;                          /* owns meta.link of a symlink */
};
struct wl_dir {
    char *path; /* in the tree; "" for the root */
    struct wl_file *self;
    struct wl_file *files; /* by name */
    size_t n;
    char *names;
    const struct wl_cached_dir *cached;
    bool linked;    /* some file in it has several names */
    bool unchanged; /* each of its files is as the cache has it, and no other is there */
    bool as_cached; /* found so by the names of the cache: files has the folders in it alone */
    uint64_t n_known, known_bytes; /* as_cached: its other files */
    struct hal9_sha sha;
};
struct wl_walk {
    struct wl_store *store;
    int cancel_fd;
    char *path, *base; /* what is captured; its name in its folder */
    int folder;        /* its folder */
    struct wl_cache cache;
    struct wl_file root;
    dev_t state_dev,
        root_dev; /* the state directory is left out; other file systems are not entered */
    ino_t state_ino;
    pthread_mutex_t lock; /* the rest */
    pthread_cond_t wake;
    struct wl_dir **queue; /* folders to be read */
    size_t n_queue, cap_queue, busy;
    struct wl_dir **dirs; /* all of them */
    size_t n_dirs, cap_dirs;
    struct hal9_error error; /* the first */
    bool changed;            /* the cache is not as it should be */
};
hal9_status wl_walk_run(struct wl_walk *w, struct hal9_error *err);
void wl_walk_clear(struct wl_walk *w);

/* A folder to be read later; path is taken. And whether one is left out. */
void wl_walk_queue(struct wl_walk *w, struct wl_file *f, char *path);
bool wl_walk_left_out(const struct wl_walk *w, const struct stat *st);

/* ---- tree-dir.c: one folder read */
/* f->st is set; cached: the entry of this name, or NULL; now: before f was looked at. */
hal9_status wl_entry_read(struct wl_walk *w, int dir, const char *dir_path, struct wl_file *f,
                          const struct wl_cached_file *cached, const struct timespec *now,
                          uint8_t *buffer, struct hal9_error *err);
hal9_status wl_dir_read(struct wl_walk *w, struct wl_dir *d, uint8_t *buffer,
                        struct hal9_error *err);

/* ---- tree-file.c: one file read */
/* Its content and attributes, read again while it changes. *ret_gone: it isn't there any more. */
hal9_status wl_file_read(struct wl_walk *w, int dir, const char *dir_path, struct wl_file *f,
                         uint8_t *buffer, struct hal9_error *err);
/* Extended attributes of an open file into its meta. */
hal9_status wl_file_xattrs(struct wl_walk *w, int fd, struct wl_file *f, struct hal9_error *err);
#define WL_READ_BUFFER ((size_t)256 << 10)
/* "PATH/in/the/tree" for messages; fresh. */
char wl_type_of(mode_t mode); /* f d l p c b; 0: nothing that is kept */
char *wl_walk_name(const struct wl_walk *w, const char *dir, const char *name);

/* ---- tree-capture.c */
/* As hal9_tree_capture(), into an open store, that isn't finished by it. */
hal9_status wl_capture_tree(struct wl_store *store, const char *path, int cancel_fd, cJSON **ret,
                            struct hal9_error *err);
/* "tree" of a capture. HAL9_E_CORRUPT. */
hal9_status wl_tree_of(const cJSON *capture, struct hal9_sha *ret, struct hal9_error *err);

/* ---- tree-diff.c */
/* One difference between two trees, in the stores that have them. */
struct wl_change {
    const char *path;            /* in the tree; "" is the root */
    const struct wl_meta *a, *b; /* NULL: not there */
};
typedef hal9_status (*wl_change_fn)(void *data, const struct wl_change *c, struct hal9_error *err);
/* Each path that differs, folders before what is in them; one that is there on one side alone is told with all that is in it. */
hal9_status wl_tree_compare(const struct wl_store *sa, const struct hal9_sha *a,
                            const struct wl_store *sb, const struct hal9_sha *b, wl_change_fn fn,
                            void *data, struct hal9_error *err);

#endif
