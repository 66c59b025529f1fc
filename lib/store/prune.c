/*
 * Old operations are removed: their journals, then the blobs that only they named. What is needed stays: operations without an end; all of a run of
 * which one stays (undo takes a run back whole); and what came after an older one that stays and touched the same things (undo of that one must
 * see it). Killed in the middle, the file `prune` says which blobs are still to go; the next prune goes on with it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/prune.h"
#include "sys/fault.h"

#define PENDING_MAX ((size_t)1 << 30)

enum fate { STAYS, GOES, NEVER_BEGAN };

struct one {
    enum fate fate;
    bool candidate; /* old enough, and it has ended */
    uint64_t run;   /* 0: none */
    char *touches;
};
struct choice {
    struct hal9_state *s;
    struct hal9_names names;
    struct one *v; /* one for each name */
    size_t at;
};

static void choice_free(struct choice *c) {
    for (size_t i = 0; i < c->names.n; i++)
        free(c->v[i].touches);
    free(c->v);
    hal9_names_free(&c->names);
}

/* Milliseconds of the ten characters that an id begins with. */
static int64_t time_of(const char *id) {
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    int64_t ms = 0;
    for (int i = 0; i < 10; i++)
        ms = ms << 5 | (int64_t)(strchr(digits, id[i]) - digits);
    return ms;
}

static struct one *of_id(struct choice *c, const char *id) {
    while (c->at < c->names.n && strcmp(c->names.v[c->at], id) < 0)
        c->at++;
    return c->at < c->names.n && strcmp(c->names.v[c->at], id) == 0 ? &c->v[c->at] : NULL;
}

static int add_head(void *data, const struct hal9_journal_head *h) {
    struct one *o = of_id(data, h->id);
    char key[HAL9_TOUCH_KEY + 1];
    if (!o)
        return 0;
    if (h->run) {
        hal9_touch_key(h->run, key);
        o->run = strtoull(key, NULL, 16);
    }
    o->touches = hal9_strdup(h->touches);
    o->fate = o->candidate ? GOES : STAYS;
    return 0;
}

static hal9_status look(struct choice *c, const struct hal9_prune_opts *opts,
                        struct hal9_pruned *ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv open = {0};
    hal9_status status = hal9_names_read(c->s, NULL, 0, &c->names, err);
    if (status == HAL9_OK)
        status = hal9_journal_list_open(c->s, &open, err);
    c->v = hal9_realloc_array(NULL, c->names.n + 1, sizeof(*c->v));
    memset(c->v, 0, (c->names.n + 1) * sizeof(*c->v));
    if (status != HAL9_OK)
        return status;
    ret->open = open.n;
    size_t keep = opts->keep_told ? opts->keep : 0;
    for (size_t i = 0, k = 0; i < c->names.n; i++) {
        while (k < open.n && strcmp(open.v[k], c->names.v[i]) < 0)
            k++;
        bool is_open = k < open.n && strcmp(open.v[k], c->names.v[i]) == 0;
        c->v[i].candidate = !is_open && i + keep < c->names.n &&
                            (opts->before_ms < 0 || time_of(c->names.v[i]) < opts->before_ms);
    }
    return hal9_journal_heads(c->s, NULL, add_head, c, err);
}

/* Those without a whole first line have no head: they never began, or are damaged. */
static void look_at_headless(struct choice *c, struct hal9_pruned *ret) {
    for (size_t i = 0; i < c->names.n; i++) {
        _cleanup_json_ cJSON *line = NULL;
        if (!c->v[i].candidate || c->v[i].touches)
            continue;
        if (hal9_journal_first(c->s, c->names.v[i], &line, NULL) == HAL9_E_NOT_FOUND)
            c->v[i].fate = NEVER_BEGAN;
        else
            hal9_strv_add(&ret->damaged, c->names.v[i]);
    }
}

static bool touches_any(const char *touches, const struct hal9_set *keys) {
    for (const char *k = touches; k && *k && *k != '-'; k += *k == ',') {
        char *end;
        if (hal9_set_has(keys, strtoull(k, &end, 16)))
            return true;
        k = end;
    }
    return false;
}

static void add_touches(const char *touches, struct hal9_set *keys) {
    for (const char *k = touches; k && *k && *k != '-'; k += *k == ',') {
        char *end;
        hal9_set_add(keys, strtoull(k, &end, 16));
        k = end;
    }
}

/* What an undo of something that stays needs, stays, too; and so on, until nothing is added. */
static void keep_needed(struct choice *c, struct hal9_pruned *ret) {
    struct hal9_set runs = {0};
    for (size_t i = 0; i < c->names.n; i++)
        if (c->v[i].fate == STAYS && c->v[i].run)
            hal9_set_add(&runs, c->v[i].run);
    for (bool again = true; again;) {
        struct hal9_set keys = {0};
        again = false;
        for (size_t i = 0; i < c->names.n; i++) {
            struct one *o = &c->v[i];
            if (o->fate == GOES &&
                ((o->run && hal9_set_has(&runs, o->run)) || touches_any(o->touches, &keys))) {
                o->fate = STAYS;
                ret->needed++;
                again = (o->run && hal9_set_add(&runs, o->run)) || again;
            }
            if (o->fate == STAYS)
                add_touches(o->touches, &keys);
        }
        hal9_set_free(&keys);
    }
    hal9_set_free(&runs);
}

/* ---- what is still to be done, on the disk */

static char *pending_path(const struct hal9_state *s) {
    return hal9_state_sub(s, "prune", NULL);
}

static hal9_status pending_read(const struct hal9_state *s, struct hal9_strv *ret,
                                struct hal9_error *err) {
    _cleanup_free_ char *path = pending_path(s);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error e = {0};
    char *save = NULL;
    if (hal9_store_read(path, PENDING_MAX, &text, &e) != HAL9_OK)
        return e.code == HAL9_E_NOT_FOUND ? HAL9_OK : hal9_error_move(err, &e);
    for (char *line = text.data ? strtok_r(text.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save))
        if (strlen(line) == 64)
            hal9_strv_add(ret, line);
    return HAL9_OK;
}

static hal9_status pending_write(const struct hal9_state *s, struct hal9_strv *names,
                                 struct hal9_error *err) {
    _cleanup_free_ char *path = pending_path(s);
    hal9_strv_sort_unique(names);
    if (names->n == 0) {
        if (hal9_sys_unlink(path) < 0 && errno != ENOENT)
            return hal9_error_errno(err, errno, "cannot remove %s", path);
        return HAL9_OK;
    }
    _cleanup_free_ char *text = hal9_strv_join(names, "\n");
    _cleanup_free_ char *lines = hal9_strf("%s\n", text);
    return hal9_file_write(path, lines, strlen(lines), hal9_state_file_mode(s), err);
}

/* ---- doing it */

static uint64_t size_of(const char *path) {
    struct stat st;
    return lstat(path, &st) == 0 ? (uint64_t)st.st_blocks * 512 : 0;
}

static void note_removed(struct hal9_pruned *ret, const char *id, uint64_t size) {
    ret->removed++;
    ret->bytes += size;
    if (ret->ids.n < HAL9_PRUNED_IDS)
        hal9_strv_add(&ret->ids, id);
}

/* Under its writer's lock, and only as it was found: an end, or nothing at all. */
static hal9_status remove_one(const struct hal9_state *s, const char *id, enum fate fate,
                              struct hal9_pruned *ret, struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_journal_path(s, id);
    _cleanup_free_ char *mark = hal9_mark_path(s, id);
    const int flags = O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    _cleanup_close_ int fd = HAL9_AGAIN(hal9_sys_open(path, flags, 0));
    enum hal9_stage want = fate == GOES ? HAL9_STAGE_ENDED : HAL9_STAGE_NO_LINE;
    if (fd < 0)
        return errno == ENOENT ? HAL9_OK : hal9_error_errno(err, errno, "cannot open %s", path);
    if (!hal9_journal_flock(fd) || hal9_journal_stage(path) != want) {
        ret->needed++;
        return HAL9_OK;
    }
    uint64_t size = size_of(path);
    if (hal9_sys_unlink(path) < 0)
        return hal9_error_errno(err, errno, "cannot remove %s", path);
    if (hal9_sys_unlink(mark) < 0 && errno != ENOENT)
        hal9_log(1, "cannot remove %s", mark);
    note_removed(ret, id, size);
    return HAL9_OK;
}

static hal9_status remove_journals(struct choice *c, struct hal9_pruned *ret,
                                   struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_sub(c->s, "journal", NULL);
    hal9_status status = HAL9_OK;
    for (size_t i = 0; status == HAL9_OK && i < c->names.n; i++)
        if (c->v[i].fate != STAYS)
            status = remove_one(c->s, c->names.v[i], c->v[i].fate, ret, err);
    if (status == HAL9_OK && ret->removed > 0)
        status = hal9_dir_sync(dir, err);
    if (status == HAL9_OK && ret->removed > 0)
        status = hal9_index_prune(c->s, err);
    return status;
}

static hal9_status carry_out(struct choice *c, struct hal9_pruned *ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};
    _cleanup_strv_ struct hal9_strv later = {0};
    hal9_status status = pending_read(c->s, &names, err);
    for (size_t i = 0; i < c->names.n; i++) {
        _cleanup_free_ char *path = hal9_journal_path(c->s, c->names.v[i]);
        if (c->v[i].fate == GOES)
            hal9_prune_names(c->s, path, &names);
    }
    if (status == HAL9_OK)
        status = pending_write(c->s, &names, err);
    if (status == HAL9_OK)
        status = remove_journals(c, ret, err);
    if (status == HAL9_OK)
        status = hal9_prune_blobs(c->s, &names, &later, ret, err);
    return status == HAL9_OK ? pending_write(c->s, &later, err) : status;
}

/* As if: what would go. */
static void count(struct choice *c, struct hal9_pruned *ret) {
    for (size_t i = 0; i < c->names.n; i++) {
        _cleanup_free_ char *path = hal9_journal_path(c->s, c->names.v[i]);
        if (c->v[i].fate != STAYS)
            note_removed(ret, c->names.v[i], size_of(path));
    }
}

static hal9_status lock_prune(const struct hal9_state *s, int *ret_fd, struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_sub(s, "journal", NULL);
    _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open %s", dir);
    if (HAL9_AGAIN(hal9_sys_flock(fd, LOCK_EX | LOCK_NB)) < 0) {
        if (errno != EWOULDBLOCK)
            return hal9_error_errno(err, errno, "cannot lock %s", dir);
        return hal9_error_set(err, HAL9_E_BUSY, "another prune is at work in %s", s->path);
    }
    *ret_fd = HAL9_TAKE_FD(fd);
    return HAL9_OK;
}

hal9_status hal9_journal_prune(struct hal9_state *s, const struct hal9_prune_opts *opts,
                               struct hal9_pruned *ret, struct hal9_error *err) {
    _cleanup_(choice_free) struct choice c = {.s = s};
    struct hal9_pruned done = {0};
    _cleanup_close_ int lock = -1;
    hal9_status status = opts->dry_run ? HAL9_OK : hal9_state_writable(s, err);
    if (status == HAL9_OK && !opts->dry_run)
        status = lock_prune(s, &lock, err);
    if (status == HAL9_OK)
        status = look(&c, opts, &done, err);
    if (status == HAL9_OK) {
        look_at_headless(&c, &done);
        keep_needed(&c, &done);
    }
    if (status == HAL9_OK && opts->dry_run)
        count(&c, &done);
    else if (status == HAL9_OK)
        status = carry_out(&c, &done, err);
    done.kept = c.names.n - done.removed;
    hal9_pruned_clear(ret);
    *ret = done;
    return status;
}

void hal9_pruned_clear(struct hal9_pruned *p) {
    hal9_strv_free(&p->ids);
    hal9_strv_free(&p->damaged);
    *p = (struct hal9_pruned){0};
}
