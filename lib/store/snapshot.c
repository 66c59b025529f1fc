/* Snapshots: one sealed line each in snapshots/ID.json. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/store-internal.h"
#include "sys/fault.h"

static char *folder_of(const struct hal9_state *s) {
    return hal9_state_sub(s, "snapshots", NULL);
}

static char *path_of(const struct hal9_state *s, const char *id) {
    return hal9_strf("%s/snapshots/%s.json", s->path, id);
}

static hal9_status id_check(const char *id, struct hal9_error *err) {
    if (id && hal9_id_valid(id))
        return HAL9_OK;
    return hal9_error_set(err, HAL9_E_USAGE, "'%.80s' is not the id of a snapshot", id ? id : "");
}

hal9_status hal9_snapshot_list(struct hal9_state *s, struct hal9_strv *ret_ids,
                               struct hal9_error *err) {
    _cleanup_free_ char *folder = folder_of(s);
    struct hal9_strv ids = {0};
    hal9_status st = hal9_store_ids(folder, ".json", &ids, err);
    if (st == HAL9_OK)
        *ret_ids = ids;
    else
        hal9_strv_free(&ids);
    return st;
}

static hal9_status damaged(const char *path, const char *id, const char *why,
                           struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_CORRUPT, "snapshot %s is damaged: %s", id, why);
    hal9_error_place(err, path, 0, 0);
    hal9_error_hint(err, "nothing of it is used; take another with hal9-rollback list");
    return HAL9_E_CORRUPT;
}

/* What the text holds, sealed; *ret is fresh. */
static hal9_status unseal(const struct hal9_buf *text, const char *path, const char *id,
                          cJSON **ret, struct hal9_error *err) {
    uint32_t crc = 0;
    _cleanup_json_ cJSON *object = NULL;
    if (text->len == 0)
        return damaged(path, id, "it is empty", err);
    if (text->data[text->len - 1] != '\n' || memchr(text->data, '\n', text->len - 1))
        return damaged(path, id, "its end is missing", err);
    const char *why = hal9_line_check(text->data, text->len - 1, &crc, &object);
    if (!why && !hal9_streq(hal9_json_str(object, "id"), id))
        why = "it names another snapshot";
    if (why)
        return damaged(path, id, why, err);
    int64_t format = hal9_json_int(object, "hal9_snapshot", 0);
    if (format > 1) {
        hal9_error_set(err, HAL9_E_USAGE, "snapshot %s has format %lld, this build knows 1", id,
                       (long long)format);
        hal9_error_hint(err, "use the newer hal9ops that wrote it");
        return HAL9_E_USAGE;
    }
    *ret = HAL9_TAKE_PTR(object);
    return HAL9_OK;
}

hal9_status hal9_snapshot_get(struct hal9_state *s, const char *id, cJSON **ret,
                              struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status st = id_check(id, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *path = path_of(s, id);
    st = hal9_store_read(path, HAL9_SNAPSHOT_MAX, &text, &e);
    if (st == HAL9_E_NOT_FOUND) {
        hal9_error_set(err, st, "no snapshot %s in %s", id, s->path);
        hal9_error_hint(err, "hal9-rollback list shows them");
        return st;
    }
    return st == HAL9_OK ? unseal(&text, path, id, ret, err) : hal9_error_move(err, &e);
}

/* A name is one snapshot's. */
static hal9_status name_is_free(struct hal9_state *s, const char *name, const char *id,
                                struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = name ? hal9_snapshot_list(s, &ids, err) : HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && name && i < ids.n; i++) {
        _cleanup_json_ cJSON *other = NULL;
        if (strcmp(ids.v[i], id) == 0 || hal9_snapshot_get(s, ids.v[i], &other, NULL) != HAL9_OK ||
            !hal9_streq(hal9_json_str(other, "name"), name))
            continue;
        st = hal9_error_set(err, HAL9_E_EXISTS, "there is a snapshot '%s' already: %s", name,
                            ids.v[i]);
        hal9_error_hint(err, "take another name, or none");
    }
    return st;
}

/* ---- writing ---- */

/* What a killed writer has left: its unfinished file, ".ID.json.ID". */
static void sweep(int folder, const char *path) {
    DIR *d = opendir(path);
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        const size_t len = strlen(e->d_name);
        if (e->d_name[0] == '.' && len == 1 + HAL9_ID_LEN + strlen(".json.") + HAL9_ID_LEN &&
            hal9_id_valid(e->d_name + len - HAL9_ID_LEN))
            hal9_sys_discardat(folder, e->d_name);
    }
    if (d)
        closedir(d);
}

/* Those who write share a lock on the folder, which ends with them; who has it alone knows that what is unfinished is nobody's. -1: the folder can't be locked,
 * and nothing is swept. */
static int lock_folder(const char *path) {
    _cleanup_close_ int fd = HAL9_AGAIN(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return -1;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        sweep(fd, path);
    if (HAL9_AGAIN(flock(fd, LOCK_SH)) < 0)
        return -1;
    return HAL9_TAKE_FD(fd);
}

hal9_status hal9_snapshot_put(struct hal9_state *s, const cJSON *snapshot, struct hal9_error *err) {
    const char *id = hal9_json_str(snapshot, "id");
    _cleanup_buf_ struct hal9_buf text = {0};
    uint32_t crc = 0;
    hal9_status st = hal9_state_writable(s, err);
    if (st == HAL9_OK)
        st = id_check(id, err);
    if (st == HAL9_OK)
        st = name_is_free(s, hal9_json_str(snapshot, "name"), id, err);
    if (st == HAL9_OK)
        st = hal9_line_seal(snapshot, &crc, &text, err);
    if (st != HAL9_OK)
        return st;
    if (text.len > HAL9_SNAPSHOT_MAX)
        return hal9_error_set(err, HAL9_E_LIMIT,
                              "a snapshot of %zu bytes is too large, %zu at most", text.len,
                              HAL9_SNAPSHOT_MAX);
    _cleanup_free_ char *folder = folder_of(s);
    _cleanup_free_ char *path = path_of(s, id);
    struct stat there;
    bool fresh = stat(folder, &there) < 0;
    st = hal9_dir_make(folder, hal9_state_dir_mode(s), err);
    if (st == HAL9_OK && fresh)
        st = hal9_dir_sync(s->path, err);
    _cleanup_close_ int lock = st == HAL9_OK ? lock_folder(folder) : -1;
    (void)lock; /* held until here is left */
    if (st == HAL9_OK)
        st = hal9_file_write(path, text.data, text.len, hal9_state_file_mode(s), err);
    return hal9_state_explain(err, st);
}

hal9_status hal9_snapshot_delete(struct hal9_state *s, const char *id, struct hal9_error *err) {
    hal9_status st = hal9_state_writable(s, err);
    if (st == HAL9_OK)
        st = id_check(id, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *path = path_of(s, id);
    if (hal9_sys_unlink(path) < 0)
        return hal9_error_errno(err, errno, "cannot delete snapshot %s", id);
    _cleanup_free_ char *folder = folder_of(s);
    return hal9_dir_sync(folder, err);
}
