/* The spool: one file an item, written whole or not at all, claimed by an flock that ends with its
 * process. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define LEFTOVER_S 3600

static char *spool_dir(const struct hal9_state *s, bool failed) {
    return hal9_state_sub(s, failed ? "spool/failed" : "spool", NULL);
}

char *hal9_spool_path(const struct hal9_state *s, bool failed, const char *id) {
    _cleanup_free_ char *name = hal9_strf("%s.json", id);
    return hal9_state_sub(s, failed ? "spool/failed" : "spool", name);
}

static hal9_status make_dirs(struct hal9_state *s, struct hal9_error *err) {
    hal9_status status = hal9_state_writable(s, err);
    for (int failed = 0; failed < 2 && status == HAL9_OK; failed++) {
        _cleanup_free_ char *dir = spool_dir(s, failed);
        if (access(dir, W_OK | X_OK) == 0)
            continue;
        status = hal9_dir_make(dir, hal9_state_dir_mode(s), err);
        if (status == HAL9_OK)
            status = hal9_dir_sync(hal9_state_path(s), err);
    }
    return status;
}

static hal9_status write_item(struct hal9_state *s, bool failed, const struct hal9_item *i,
                              struct hal9_error *err) {
    _cleanup_json_ cJSON *j = hal9_item_json(i);
    _cleanup_free_ char *text = hal9_json_text(j);
    _cleanup_free_ char *path = hal9_spool_path(s, failed, i->told.id);
    return hal9_file_write(path, text, strlen(text), hal9_state_file_mode(s), err);
}

hal9_status hal9_spool_add(struct hal9_state *s, const struct hal9_item *i,
                           struct hal9_error *err) {
    hal9_status status = make_dirs(s, err);
    return status == HAL9_OK ? write_item(s, false, i, err) : status;
}

static void close_dir(DIR **d) {
    if (*d)
        closedir(*d);
}

/* A file that was being written when its process was killed; by the real clock, as files are. */
static void sweep(DIR *d, const char *name) {
    struct stat st;
    if (fstatat(dirfd(d), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        st.st_mtime + LEFTOVER_S < time(NULL))
        hal9_sys_discardat(dirfd(d), name);
}

hal9_status hal9_spool_list(struct hal9_state *s, bool failed, struct hal9_strv *ret_ids,
                            struct hal9_error *err) {
    _cleanup_free_ char *path = spool_dir(s, failed);
    _cleanup_(close_dir) DIR *d = opendir(path);
    _cleanup_strv_ struct hal9_strv ids = {0};
    if (!d && errno == ENOENT)
        return HAL9_OK;
    if (!d)
        return hal9_error_errno(err, errno, "cannot open directory %s", path);
    struct dirent *entry;
    while ((void)(errno = 0), (entry = readdir(d))) {
        if (entry->d_name[0] == '.' && s->mode == HAL9_STATE_WRITE)
            sweep(d, entry->d_name);
        if (strlen(entry->d_name) != HAL9_ID_LEN + strlen(".json") ||
            !hal9_endswith(entry->d_name, ".json"))
            continue;
        entry->d_name[HAL9_ID_LEN] = '\0';
        if (hal9_id_valid(entry->d_name))
            hal9_strv_add(&ids, entry->d_name);
    }
    if (errno != 0)
        return hal9_error_errno(err, errno, "cannot read directory %s", path);
    hal9_strv_sort_unique(&ids);
    hal9_strv_copy(ret_ids, &ids);
    return HAL9_OK;
}

static hal9_status parse(const struct hal9_buf *text, const char *path, const char *id,
                         struct hal9_item *ret, struct hal9_error *err) {
    _cleanup_json_ cJSON *j = NULL;
    struct hal9_item item = {.dest = NULL};
    hal9_status status = hal9_json_parse(text->len > 0 ? text->data : "", text->len, &j, err);
    if (status == HAL9_OK)
        status = hal9_item_parse(j, &item, err);
    else
        status = HAL9_E_CORRUPT;
    if (status == HAL9_OK && !hal9_streq(item.told.id, id)) {
        hal9_item_clear(&item);
        status = hal9_error_set(err, HAL9_E_CORRUPT, "it has another id");
    }
    if (status != HAL9_OK) {
        hal9_error_prefix(err, "%s", path);
        return status;
    }
    *ret = item;
    return HAL9_OK;
}

hal9_status hal9_spool_read(struct hal9_state *s, bool failed, const char *id,
                            struct hal9_item *ret, struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_spool_path(s, failed, id);
    _cleanup_buf_ struct hal9_buf text = {0};
    hal9_status status = hal9_store_read(path, HAL9_SPOOL_FILE_MAX, &text, err);
    return status == HAL9_OK ? parse(&text, path, id, ret, err) : status;
}

/* Whether the path still names the file that is locked: who had it before may have sent it. */
static bool still_there(int fd, const char *path) {
    struct stat by_fd;
    struct stat by_path;
    return fstat(fd, &by_fd) == 0 && lstat(path, &by_path) == 0 && by_fd.st_ino == by_path.st_ino &&
           by_fd.st_dev == by_path.st_dev;
}

hal9_status hal9_spool_claim(struct hal9_state *s, const char *id, struct hal9_item *ret,
                             int *ret_fd, struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_spool_path(s, false, id);
    _cleanup_free_ char *dir = spool_dir(s, false);
    _cleanup_buf_ struct hal9_buf text = {0};
    int fd;
    /* What could not be taken out afterwards would be sent again and again. */
    if (access(dir, W_OK) != 0)
        return hal9_error_errno(err, errno, "cannot write to %s", dir);
    hal9_status status = hal9_store_open(path, &fd, err);
    if (status != HAL9_OK)
        return status;
    if (HAL9_AGAIN(hal9_sys_flock(fd, LOCK_EX | LOCK_NB)) < 0)
        status = hal9_error_set(err, HAL9_E_BUSY, "%s: another process is at it", path);
    else if (!still_there(fd, path))
        status = hal9_error_set(err, HAL9_E_NOT_FOUND, "%s: it was sent", path);
    if (status == HAL9_OK)
        status = hal9_store_read_fd(fd, path, HAL9_SPOOL_FILE_MAX, &text, err);
    if (status == HAL9_OK)
        status = parse(&text, path, id, ret, err);
    if (status != HAL9_OK) {
        hal9_spool_release(fd);
        return status;
    }
    *ret_fd = fd;
    return HAL9_OK;
}

void hal9_spool_release(int fd) {
    if (fd < 0)
        return;
    flock(fd, LOCK_UN); /* a child that has not reached execve yet may share it */
    close(fd);
}

hal9_status hal9_spool_remove(struct hal9_state *s, bool failed, const char *id,
                              struct hal9_error *err) {
    _cleanup_free_ char *path = hal9_spool_path(s, failed, id);
    _cleanup_free_ char *dir = spool_dir(s, failed);
    if (hal9_sys_unlink(path) < 0 && errno != ENOENT)
        return hal9_error_errno(err, errno, "cannot remove %s", path);
    return hal9_dir_sync(dir, err);
}

hal9_status hal9_spool_fail(struct hal9_state *s, const struct hal9_item *i,
                            struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status status = make_dirs(s, err);
    if (status == HAL9_OK)
        status = write_item(s, true, i, err);
    if (status == HAL9_OK)
        status = hal9_spool_remove(s, false, i->told.id, err);
    if (status != HAL9_OK || hal9_spool_list(s, true, &ids, NULL) != HAL9_OK)
        return status;
    for (size_t k = 0; k + HAL9_SPOOL_FAILED_MAX < ids.n; k++)
        hal9_spool_remove(s, true, ids.v[k], NULL);
    return HAL9_OK;
}

void hal9_spool_set_aside(struct hal9_state *s, const char *id) {
    _cleanup_free_ char *from = hal9_spool_path(s, false, id);
    _cleanup_free_ char *to = hal9_spool_path(s, true, id);
    if (make_dirs(s, NULL) == HAL9_OK && hal9_sys_rename(from, to) == 0)
        hal9_log(0, "%s is no notification that can be read; it was set aside as %s", from, to);
}

/* ---- breakers */

static char *breaker_path(const struct hal9_spool_breaker *b) {
    _cleanup_free_ char *name = hal9_strf("%s.breaker", b->dest);
    return hal9_state_sub(b->s, "spool", name);
}

static bool load_breaker(void *data, struct hal9_breaker_state *ret) {
    _cleanup_free_ char *path = breaker_path(data);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_json_ cJSON *j = NULL;
    if (hal9_store_read(path, 4096, &text, NULL) != HAL9_OK || text.len == 0 ||
        hal9_json_parse(text.data, text.len, &j, NULL) != HAL9_OK)
        return false;
    ret->failures = hal9_json_int(j, "failures", 0);
    ret->since_ms = hal9_json_int(j, "since_ms", 0);
    return true;
}

/* A well receiver leaves no file. One that can't be written only costs a try more. */
static void save_breaker(void *data, const struct hal9_breaker_state *state) {
    const struct hal9_spool_breaker *b = data;
    _cleanup_free_ char *path = breaker_path(b);
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    if (state->failures == 0) {
        hal9_sys_unlink(path);
        return;
    }
    hal9_json_add_int(j, "failures", state->failures);
    hal9_json_add_int(j, "since_ms", state->since_ms);
    _cleanup_free_ char *text = hal9_json_text(j);
    hal9_file_write(path, text, strlen(text), hal9_state_file_mode(b->s), NULL);
}

struct hal9_breaker *hal9_spool_breaker_new(struct hal9_spool_breaker *where) {
    return hal9_breaker_new(
        &(struct hal9_breaker_opts){.load = load_breaker, .save = save_breaker, .data = where});
}
