/* Which operations there are, which are open, which one a person means. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

static void add_id(void *data, const char *id) {
    hal9_strv_add(data, id);
}

hal9_status hal9_store_ids(const char *path, const char *suffix, struct hal9_strv *ret,
                           struct hal9_error *err) {
    hal9_status status = hal9_names_each(path, suffix, add_id, ret, err);
    if (status == HAL9_OK)
        hal9_strv_sort_unique(ret);
    return status;
}

hal9_status hal9_journal_list(struct hal9_state *s, struct hal9_strv *ret_ids,
                              struct hal9_error *err) {
    struct hal9_strv ids = {0};
    hal9_status status = hal9_journal_names_each(s, add_id, &ids, err);
    if (status != HAL9_OK) {
        hal9_strv_free(&ids);
        return status;
    }
    hal9_strv_sort_unique(&ids);
    *ret_ids = ids;
    return HAL9_OK;
}

static void count(void *data, const char *id) {
    (void)id;
    ++*(size_t *)data;
}

hal9_status hal9_journal_count(struct hal9_state *s, size_t *ret, struct hal9_error *err) {
    size_t n = 0;
    hal9_status status = hal9_journal_names_each(s, count, &n, err);
    if (status == HAL9_OK)
        *ret = n;
    return status;
}

#define LOOK_MAX ((size_t)1 << 20)

/* How far an operation is, by its last whole line. Only a look: what can't be read counts as
 * begun. */
enum hal9_stage hal9_journal_stage(const char *path) {
    _cleanup_buf_ struct hal9_buf tail = {0};
    int fd;
    hal9_status status = hal9_store_open(path, &fd, NULL);
    if (status == HAL9_E_NOT_FOUND)
        return HAL9_STAGE_NO_FILE;
    if (status != HAL9_OK)
        return HAL9_STAGE_BEGUN;
    close(fd); /* a regular file, so that it can be looked at without waiting */
    if (hal9_file_tail(path, 0, 2, LOOK_MAX, &tail, NULL) != HAL9_OK)
        return HAL9_STAGE_BEGUN;
    char *newline = tail.len > 0 ? memrchr(tail.data, '\n', tail.len) : NULL;
    if (!newline)
        return tail.len < LOOK_MAX ? HAL9_STAGE_NO_LINE : HAL9_STAGE_BEGUN;
    char *before = memrchr(tail.data, '\n', (size_t)(newline - tail.data));
    const char *line = before ? before + 1 : tail.data;
    _cleanup_json_ cJSON *object = NULL;
    bool ended = hal9_json_parse(line, (size_t)(newline - line), &object, NULL) == HAL9_OK &&
                 hal9_streq(hal9_json_str(object, "type"), "end");
    return ended ? HAL9_STAGE_ENDED : HAL9_STAGE_BEGUN;
}

/* A mark whose operation has ended (its process was killed between the end line and the mark's
 * removal) or never began (killed before anything was done). Its maker has it locked until it has
 * locked the journal. An end line must be on the disk before the mark goes. */
static void drop_mark(const struct hal9_state *s, const char *journal, const char *mark,
                      enum hal9_stage was) {
    if (s->mode != HAL9_STATE_WRITE)
        return;
    const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    _cleanup_close_ int fd = open(mark, flags);
    if (fd < 0 || HAL9_AGAIN(flock(fd, LOCK_EX | LOCK_NB)) < 0)
        return;
    _cleanup_close_ int file = open(journal, flags);
    if (file < 0 ? was != HAL9_STAGE_NO_FILE || errno != ENOENT
                 : hal9_journal_flocked(file) || HAL9_AGAIN(hal9_sys_fdatasync(file)) < 0)
        return;
    if (hal9_journal_stage(journal) == was)
        hal9_sys_unlink(mark);
}

static bool is_open(struct hal9_state *s, const char *id) {
    _cleanup_free_ char *journal = hal9_journal_path(s, id);
    _cleanup_free_ char *mark = hal9_mark_path(s, id);
    enum hal9_stage stage = hal9_journal_stage(journal);
    if (stage == HAL9_STAGE_BEGUN)
        return true;
    drop_mark(s, journal, mark, stage);
    return stage == HAL9_STAGE_NO_LINE && hal9_journal_running(s, id);
}

hal9_status hal9_journal_list_open(struct hal9_state *s, struct hal9_strv *ret_ids,
                                   struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_sub(s, "open", NULL);
    _cleanup_strv_ struct hal9_strv marks = {0};
    hal9_status status = hal9_names_each(dir, "", add_id, &marks, err);
    if (status != HAL9_OK)
        return status;
    hal9_strv_sort_unique(&marks);
    struct hal9_strv ids = {0};
    for (size_t i = 0; i < marks.n; i++)
        if (is_open(s, marks.v[i]))
            hal9_strv_add(&ids, marks.v[i]);
    *ret_ids = ids;
    return HAL9_OK;
}

/* As Crockford's base32 is read: case doesn't matter, i and l are 1, o is 0. Fresh. */
char *hal9_store_as_id(const char *word) {
    char *id = hal9_strdup(word);
    for (char *c = id; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
        *c = *c == 'i' || *c == 'l' ? '1' : *c == 'o' ? '0' : *c;
    }
    return id;
}

#define RECENT 1000 /* a person means one of these */

static hal9_status not_found(const struct hal9_state *s, const char *word, const char *id,
                             struct hal9_error *err) {
    struct hal9_names recent = {0};
    const char *candidates[RECENT];
    if (hal9_names_read(s, NULL, RECENT, &recent, NULL) != HAL9_OK)
        recent = (struct hal9_names){0};
    for (size_t i = 0; i < recent.n; i++)
        candidates[i] = recent.v[i];
    const char *near = hal9_suggest(id, candidates, recent.n);
    hal9_error_set(err, HAL9_E_NOT_FOUND, "no operation '%s' in %s", word, s->shown);
    if (near)
        hal9_error_hint(err, "did you mean %s? hal9-rollback history lists all", near);
    else
        hal9_error_hint(err, "hal9-rollback history lists them");
    hal9_names_free(&recent);
    return HAL9_E_NOT_FOUND;
}

#define NAMED 5

static hal9_status several(const char *word, const struct hal9_strv *fit, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv named = {0};
    for (size_t i = 0; i < fit->n && i < NAMED; i++)
        hal9_strv_add(&named, fit->v[fit->n - 1 - i]);
    _cleanup_free_ char *list = hal9_strv_join(&named, ", ");
    _cleanup_free_ char *more =
        fit->n > NAMED ? hal9_strf(" and %zu more", fit->n - NAMED) : hal9_strdup("");
    hal9_error_set(err, HAL9_E_USAGE, "'%s' fits %zu operations: %s%s", word, fit->n, list, more);
    hal9_error_hint(err, "type more of the one you mean");
    return HAL9_E_USAGE;
}

struct find {
    const char *id;
    struct hal9_strv fit;
};

static void find_one(void *data, const char *id) {
    struct find *f = data;
    if (hal9_startswith(id, f->id) || hal9_endswith(id, f->id))
        hal9_strv_add(&f->fit, id);
}

hal9_status hal9_journal_find(struct hal9_state *s, const char *word, char **ret_id,
                              struct hal9_error *err) {
    if (strlen(word) < 2) {
        hal9_error_set(err, HAL9_E_USAGE,
                       "'%s' is too short for an operation, 2 characters at least", word);
        hal9_error_hint(err, "hal9-rollback history lists them");
        return HAL9_E_USAGE;
    }
    _cleanup_free_ char *id = hal9_store_as_id(word);
    if (hal9_id_valid(id)) {
        _cleanup_free_ char *path = hal9_journal_path(s, id);
        if (access(path, F_OK) == 0) {
            *ret_id = HAL9_TAKE_PTR(id);
            return HAL9_OK;
        }
    }
    struct find f = {.id = id};
    hal9_status status = hal9_journal_names_each(s, find_one, &f, err);
    hal9_strv_sort_unique(&f.fit);
    if (status == HAL9_OK && f.fit.n == 0)
        status = not_found(s, word, id, err);
    else if (status == HAL9_OK && f.fit.n > 1)
        status = several(word, &f.fit, err);
    if (status == HAL9_OK)
        *ret_id = hal9_strdup(f.fit.v[0]);
    hal9_strv_free(&f.fit);
    return status;
}
