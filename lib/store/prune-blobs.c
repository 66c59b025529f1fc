/*
 * Blobs that pruned journals named, and nobody else does. What may still be named somewhere stays: a name in any journal that is left, in any
 * snapshot, or in a blob that one of these names.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/prune.h"
#include "sys/fault.h"

/* One put since then may not be in its journal yet. */
#define YOUNG_S (24 * 60 * 60)

/* ---- a set of numbers */

bool hal9_set_has(const struct hal9_set *s, uint64_t key) {
    key = key ? key : 1;
    if (s->cap == 0)
        return false;
    for (size_t i = key & (s->cap - 1); s->v[i]; i = (i + 1) & (s->cap - 1))
        if (s->v[i] == key)
            return true;
    return false;
}

static void put(struct hal9_set *s, uint64_t key) {
    size_t i = key & (s->cap - 1);
    while (s->v[i] && s->v[i] != key)
        i = (i + 1) & (s->cap - 1);
    s->n += s->v[i] == 0;
    s->v[i] = key;
}

bool hal9_set_add(struct hal9_set *s, uint64_t key) {
    size_t before = s->n;
    if (s->n * 2 >= s->cap) {
        struct hal9_set larger = {.cap = s->cap ? s->cap * 2 : 64};
        larger.v = hal9_alloc(larger.cap * sizeof(*larger.v));
        for (size_t i = 0; i < s->cap; i++)
            if (s->v[i])
                put(&larger, s->v[i]);
        before = larger.n;
        hal9_set_free(s);
        *s = larger;
    }
    put(s, key ? key : 1);
    return s->n > before;
}

void hal9_set_free(struct hal9_set *s) {
    free(s->v);
    *s = (struct hal9_set){0};
}

/* ---- names of blobs in a text */

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Calls fn for each run of exactly 64 hexadecimal digits. */
static void each_name(const struct hal9_buf *text, void (*fn)(void *data, const char *sha),
                      void *data) {
    size_t from = 0;
    for (size_t i = 0; i <= text->len; i++) {
        if (i < text->len && is_hex(text->data[i]))
            continue;
        if (i - from == 64) {
            char sha[65] = {0};
            memcpy(sha, text->data + from, 64);
            fn(data, sha);
        }
        from = i + 1;
    }
}

static char *blob_path(const struct hal9_state *s, const char *sha) {
    return hal9_strf("%s/blobs/%.2s/%s", s->path, sha, sha);
}

struct walk {
    const struct hal9_state *s;
    struct hal9_set seen;
    struct hal9_strv *names;  /* of those that are there; NULL: only the set is wanted */
    struct hal9_strv waiting; /* their contents are still to be looked at */
};

static void walk_name(void *data, const char *sha) {
    struct walk *w = data;
    _cleanup_free_ char *path = blob_path(w->s, sha);
    if (access(path, F_OK) < 0 || !hal9_set_add(&w->seen, strtoull(sha + 48, NULL, 16)))
        return;
    hal9_strv_add(&w->waiting, sha);
    hal9_strv_add(w->names, sha);
}

static void walk_file(struct walk *w, const char *path, size_t max) {
    _cleanup_buf_ struct hal9_buf text = {0};
    if (hal9_store_read(path, max, &text, NULL) == HAL9_OK)
        each_name(&text, walk_name, w);
}

/* Blobs that blobs name, too. */
static void walk_on(struct walk *w) {
    while (w->waiting.n > 0) {
        _cleanup_free_ char *sha = w->waiting.v[--w->waiting.n];
        w->waiting.v[w->waiting.n] = NULL;
        _cleanup_free_ char *path = blob_path(w->s, sha);
        walk_file(w, path, HAL9_BLOB_MAX);
    }
}

void hal9_prune_names(const struct hal9_state *s, const char *path, struct hal9_strv *names) {
    struct hal9_strv none = {0};
    struct walk w = {.s = s, .names = names ? names : &none};
    walk_file(&w, path, HAL9_JOURNAL_MAX);
    walk_on(&w);
    hal9_set_free(&w.seen);
    hal9_strv_free(&w.waiting);
    hal9_strv_free(&none);
}

/* ---- what is named elsewhere */

static void walk_journal(void *data, const char *id) {
    struct walk *w = data;
    _cleanup_free_ char *path = hal9_journal_path(w->s, id);
    walk_file(w, path, HAL9_JOURNAL_MAX);
}

static void walk_snapshots(struct walk *w) {
    _cleanup_free_ char *dir = hal9_state_sub(w->s, "snapshots", NULL);
    DIR *d = opendir(dir);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        _cleanup_free_ char *path = hal9_path_join(dir, entry->d_name);
        walk_file(w, path, HAL9_JOURNAL_MAX);
    }
    if (d)
        closedir(d);
}

/* ---- taking them away */

/* A person's copy has the person's number behind the name. */
static hal9_status remove_copies(const struct hal9_state *s, const char *sha,
                                 struct hal9_pruned *ret, bool *ret_young, struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_strf("%s/blobs/%.2s", s->path, sha);
    DIR *d = opendir(folder);
    struct dirent *entry;
    hal9_status status = HAL9_OK;
    int64_t now = (int64_t)time(NULL);
    while (d && status == HAL9_OK && (entry = readdir(d))) {
        struct stat st;
        if (strncmp(entry->d_name, sha, 64) != 0)
            continue;
        _cleanup_free_ char *path = hal9_path_join(folder, entry->d_name);
        if (lstat(path, &st) < 0)
            continue;
        if (st.st_mtime > now - YOUNG_S)
            *ret_young = true;
        else if (hal9_sys_unlink(path) < 0 && errno != ENOENT)
            status = hal9_error_errno(err, errno, "cannot remove %s", path);
        else {
            ret->blobs++;
            ret->bytes += (uint64_t)st.st_blocks * 512;
        }
    }
    if (d)
        closedir(d);
    return status;
}

hal9_status hal9_prune_blobs(struct hal9_state *s, const struct hal9_strv *names,
                             struct hal9_strv *ret_later, struct hal9_pruned *ret,
                             struct hal9_error *err) {
    struct hal9_strv none = {0};
    struct walk named = {.s = s, .names = &none};
    _cleanup_free_ char *dir = hal9_state_sub(s, "blobs", NULL);
    _cleanup_close_ int lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hal9_status status =
        names->n > 0 && lock < 0 ? hal9_error_errno(err, errno, "cannot open %s", dir) : HAL9_OK;
    if (status == HAL9_OK && names->n > 0)
        status = hal9_journal_names_each(s, walk_journal, &named, err);
    if (status == HAL9_OK && names->n > 0)
        walk_snapshots(&named);
    walk_on(&named);
    for (size_t i = 0; status == HAL9_OK && i < names->n; i++) {
        bool young = false;
        if (hal9_set_has(&named.seen, strtoull(names->v[i] + 48, NULL, 16)))
            continue;
        /* whoever puts one has this lock shared, while it is looked for and dated anew */
        if (HAL9_AGAIN(hal9_sys_flock(lock, LOCK_EX)) < 0)
            status = hal9_error_errno(err, errno, "cannot lock %s", dir);
        if (status == HAL9_OK)
            status = remove_copies(s, names->v[i], ret, &young, err);
        flock(lock, LOCK_UN);
        if (young)
            hal9_strv_add(ret_later, names->v[i]);
    }
    hal9_set_free(&named.seen);
    hal9_strv_free(&named.waiting);
    hal9_strv_free(&none);
    return status;
}
