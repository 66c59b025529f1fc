/* Which operations there are, which are open, which one a person means. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

static void close_dir(DIR **d) {
    if (*d)
        closedir(*d);
}

/* Adds the ids that stand in a directory as ID + suffix: one pass, no look at the files. */
static hal9_status list_dir(const char *path, const char *suffix, struct hal9_strv *ret,
                            struct hal9_error *err) {
    _cleanup_(close_dir) DIR *d = opendir(path);
    if (!d && errno == ENOENT)
        return HAL9_OK;
    if (!d)
        return hal9_error_errno(err, errno, "cannot open directory %s", path);
    struct dirent *entry;
    while ((void)(errno = 0), (entry = readdir(d))) {
        if (strlen(entry->d_name) != HAL9_ID_LEN + strlen(suffix) ||
            strcmp(entry->d_name + HAL9_ID_LEN, suffix) != 0)
            continue;
        entry->d_name[HAL9_ID_LEN] = '\0';
        if (hal9_id_valid(entry->d_name))
            hal9_strv_add(ret, entry->d_name);
    }
    if (errno != 0)
        return hal9_error_errno(err, errno, "cannot read directory %s", path);
    hal9_strv_sort_unique(ret);
    return HAL9_OK;
}

hal9_status hal9_journal_list(struct hal9_state *s, struct hal9_strv *ret_ids,
                              struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_sub(s, "journal", NULL);
    struct hal9_strv ids = {0};
    hal9_status status = list_dir(dir, ".ndjson", &ids, err);
    if (status != HAL9_OK) {
        hal9_strv_free(&ids);
        return status;
    }
    *ret_ids = ids;
    return HAL9_OK;
}

enum stage { NO_FILE, NO_LINE, BEGUN, ENDED };

#define LOOK_MAX ((size_t)1 << 20)

/* How far an operation is, by its last whole line. Only a look: what can't be read counts as
 * begun. */
static enum stage stage_of(const char *path) {
    _cleanup_buf_ struct hal9_buf tail = {0};
    int fd;
    hal9_status status = hal9_store_open(path, &fd, NULL);
    if (status == HAL9_E_NOT_FOUND)
        return NO_FILE;
    if (status != HAL9_OK)
        return BEGUN;
    close(fd); /* a regular file, so that it can be looked at without waiting */
    if (hal9_file_tail(path, 0, 2, LOOK_MAX, &tail, NULL) != HAL9_OK)
        return BEGUN;
    char *newline = tail.len > 0 ? memrchr(tail.data, '\n', tail.len) : NULL;
    if (!newline)
        return tail.len < LOOK_MAX ? NO_LINE : BEGUN;
    char *before = memrchr(tail.data, '\n', (size_t)(newline - tail.data));
    const char *line = before ? before + 1 : tail.data;
    _cleanup_json_ cJSON *object = NULL;
    bool ended = hal9_json_parse(line, (size_t)(newline - line), &object, NULL) == HAL9_OK &&
                 hal9_streq(hal9_json_str(object, "type"), "end");
    return ended ? ENDED : BEGUN;
}

/* A mark whose operation has ended (its process was killed between the end line and the mark's
 * removal) or never began (killed before anything was done). Its maker has it locked until it has
 * locked the journal. An end line must be on the disk before the mark goes. */
static void drop_mark(const struct hal9_state *s, const char *journal, const char *mark,
                      enum stage was) {
    if (s->mode != HAL9_STATE_WRITE)
        return;
    const int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    _cleanup_close_ int fd = open(mark, flags);
    if (fd < 0 || HAL9_AGAIN(flock(fd, LOCK_EX | LOCK_NB)) < 0)
        return;
    _cleanup_close_ int file = open(journal, flags);
    if (file < 0 ? was != NO_FILE || errno != ENOENT
                 : hal9_journal_flocked(file) || HAL9_AGAIN(hal9_sys_fdatasync(file)) < 0)
        return;
    if (stage_of(journal) == was)
        hal9_sys_unlink(mark);
}

static bool is_open(struct hal9_state *s, const char *id) {
    _cleanup_free_ char *journal = hal9_journal_path(s, id);
    _cleanup_free_ char *mark = hal9_mark_path(s, id);
    enum stage stage = stage_of(journal);
    if (stage == BEGUN)
        return true;
    drop_mark(s, journal, mark, stage);
    return stage == NO_LINE && hal9_journal_running(s, id);
}

hal9_status hal9_journal_list_open(struct hal9_state *s, struct hal9_strv *ret_ids,
                                   struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_sub(s, "open", NULL);
    _cleanup_strv_ struct hal9_strv marks = {0};
    hal9_status status = list_dir(dir, "", &marks, err);
    if (status != HAL9_OK)
        return status;
    struct hal9_strv ids = {0};
    for (size_t i = 0; i < marks.n; i++)
        if (is_open(s, marks.v[i]))
            hal9_strv_add(&ids, marks.v[i]);
    *ret_ids = ids;
    return HAL9_OK;
}

/* As Crockford's base32 is read: case doesn't matter, i and l are 1, o is 0. Fresh. */
static char *as_id(const char *word) {
    char *id = hal9_strdup(word);
    for (char *c = id; *c; c++) {
        *c = (char)tolower((unsigned char)*c);
        *c = *c == 'i' || *c == 'l' ? '1' : *c == 'o' ? '0' : *c;
    }
    return id;
}

static hal9_status not_found(const struct hal9_state *s, const char *word, const char *id,
                             const struct hal9_strv *ids, struct hal9_error *err) {
    size_t newest = ids->n < 1000 ? ids->n : 1000; /* a person means a recent one */
    const char *near =
        newest == 0 ? NULL
                    : hal9_suggest(id, (const char *const *)ids->v + ids->n - newest, newest);
    hal9_error_set(err, HAL9_E_NOT_FOUND, "no operation '%s' in %s", word, s->path);
    if (near)
        hal9_error_hint(err, "did you mean %s? hal9-rollback history lists all", near);
    else
        hal9_error_hint(err, "hal9-rollback history lists them");
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

hal9_status hal9_journal_find(struct hal9_state *s, const char *word, char **ret_id,
                              struct hal9_error *err) {
    if (strlen(word) < 2) {
        hal9_error_set(err, HAL9_E_USAGE,
                       "'%s' is too short for an operation, 2 characters at least", word);
        hal9_error_hint(err, "hal9-rollback history lists them");
        return HAL9_E_USAGE;
    }
    _cleanup_free_ char *id = as_id(word);
    if (hal9_id_valid(id)) {
        _cleanup_free_ char *path = hal9_journal_path(s, id);
        if (access(path, F_OK) == 0) {
            *ret_id = HAL9_TAKE_PTR(id);
            return HAL9_OK;
        }
    }
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status status = hal9_journal_list(s, &ids, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_strv_ struct hal9_strv fit = {0};
    for (size_t i = 0; i < ids.n; i++)
        if (hal9_startswith(ids.v[i], id) || hal9_endswith(ids.v[i], id))
            hal9_strv_add(&fit, ids.v[i]);
    if (fit.n == 0)
        return not_found(s, word, id, &ids, err);
    if (fit.n > 1)
        return several(word, &fit, err);
    *ret_id = hal9_strdup(fit.v[0]);
    return HAL9_OK;
}
