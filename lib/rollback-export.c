/* Snapshots from one host to another: a tar file with the document and each content under its SHA-256. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "hal9ops/sys.h"
#include "rollback-internal.h"
#include "sys/archive.h"

#define DOCUMENT "snapshot.json"
#define CONTENTS "contents/"
#define DOCUMENT_MAX ((size_t)64 << 20)
#define CONTENT_MAX ((size_t)1 << 30)

static const struct hal9_archive_opts limits = {.max_bytes = (uint64_t)1 << 40,
                                                .max_entries = 10000000};

static hal9_status trees_of(const cJSON *snapshot, struct hal9_sha **ret, size_t *ret_n,
                            struct hal9_error *err) {
    const cJSON *one;
    size_t cap = 0;

    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(snapshot, "parts")) {
        const char *hex = hal9_json_str(cJSON_GetObjectItemCaseSensitive(one, "state"), "tree");
        struct hal9_sha sha;

        if (!hex)
            continue;
        if (strlen(hex) != 64 || !hal9_unhex(hex, sha.b, sizeof(sha.b)))
            return hal9_error_set(err, HAL9_E_CORRUPT, "'%.80s' is not the name of a tree", hex);
        *HAL9_APPEND(*ret, *ret_n, cap) = sha;
    }
    return HAL9_OK;
}

static hal9_status add_contents(struct hal9_state *s, struct hal9_archive_writer *w,
                                const struct hal9_sha *v, size_t n, struct hal9_error *err) {
    struct hal9_packs *packs = NULL;
    hal9_status st = hal9_packs_open(s, &packs, err);

    for (size_t i = 0; st == HAL9_OK && i < n; i++) {
        char hex[65];
        const void *data;
        size_t len;

        hal9_hex(v[i].b, sizeof(v[i].b), hex);
        _cleanup_free_ char *path = hal9_strf(CONTENTS "%s", hex);
        const struct hal9_archive_entry e = {.path = path, .mode = S_IFREG | 0600};

        st = hal9_packs_view(packs, &v[i], &data, &len, err);
        if (st == HAL9_OK)
            st = hal9_archive_add(w, &e, data, len, err);
    }
    hal9_packs_close(packs);
    return st;
}

hal9_status hal9_rollback_export(struct hal9_state *s, const char *id, const char *file,
                                 struct hal9_error *err) {
    _cleanup_json_ cJSON *snapshot = NULL;
    _cleanup_archive_writer_ struct hal9_archive_writer *w = NULL;
    struct hal9_sha *trees = NULL, *all = NULL;
    size_t n_trees = 0, n = 0;
    const struct hal9_archive_entry e = {.path = DOCUMENT, .mode = S_IFREG | 0600};
    hal9_status st = hal9_snapshot_get(s, id, &snapshot, err);

    if (st == HAL9_OK)
        st = trees_of(snapshot, &trees, &n_trees, err);
    if (st == HAL9_OK)
        st = hal9_tree_reach(s, trees, n_trees, &all, &n, err);
    if (st == HAL9_OK)
        st = hal9_archive_create(file, 0600, &limits, &w, err);
    if (st == HAL9_OK) {
        _cleanup_free_ char *text = hal9_json_text(snapshot);

        st = hal9_archive_add(w, &e, text, strlen(text), err);
    }
    if (st == HAL9_OK)
        st = add_contents(s, w, all, n, err);
    if (st == HAL9_OK)
        st = hal9_archive_finish(&w, err);
    free(trees);
    free(all);
    return st;
}

/* ---- and back ---- */

struct import {
    struct hal9_archive_reader *r;
    struct hal9_pack_writer *w;
    cJSON *snapshot;
};

static hal9_status take_content(struct import *m, const char *hex, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf data = {0};
    struct hal9_sha sha = {{0}}, real = {{0}};
    hal9_status st = hal9_archive_read(m->r, CONTENT_MAX, &data, err);

    if (st != HAL9_OK)
        return st;
    hal9_sha256(data.data, data.len, real.b);
    if (strlen(hex) != 64 || !hal9_unhex(hex, sha.b, sizeof(sha.b)) ||
        memcmp(&sha, &real, sizeof(sha)) != 0)
        return hal9_error_set(err, HAL9_E_CORRUPT, "content %.64s does not match its name", hex);
    return hal9_pack_put(m->w, &sha, data.data, data.len, err);
}

static hal9_status take_document(struct import *m, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    hal9_status st = hal9_archive_read(m->r, DOCUMENT_MAX, &text, err);

    if (st == HAL9_OK && m->snapshot)
        st = hal9_error_set(err, HAL9_E_CORRUPT, "it has two documents");
    if (st == HAL9_OK)
        st = hal9_json_parse(text.data ? text.data : "", text.len, &m->snapshot, err);
    if (st == HAL9_OK && hal9_json_int(m->snapshot, "hal9_snapshot", 0) != 1)
        st =
            hal9_error_set(err, HAL9_E_UNSUPPORTED, "its snapshot is of a format that isn't known");
    return st;
}

static hal9_status take_all(struct import *m, struct hal9_error *err) {
    struct hal9_archive_entry e;
    bool end = false;
    hal9_status st = HAL9_OK;

    while (st == HAL9_OK) {
        st = hal9_archive_next(m->r, &e, &end, err);
        if (st != HAL9_OK || end)
            break;
        if (S_ISDIR(e.mode))
            continue;
        if (!S_ISREG(e.mode))
            st = hal9_error_set(err, HAL9_E_CORRUPT, "%s is no file", e.path);
        else if (strcmp(e.path, DOCUMENT) == 0)
            st = take_document(m, err);
        else if (hal9_startswith(e.path, CONTENTS))
            st = take_content(m, e.path + strlen(CONTENTS), err);
        else
            st = hal9_error_set(err, HAL9_E_CORRUPT, "%s does not belong into a snapshot", e.path);
    }
    if (st == HAL9_OK && !m->snapshot)
        st = hal9_error_set(err, HAL9_E_CORRUPT, "there is no " DOCUMENT " in it");
    return st;
}

/* It gets an id of its own: the same file may come twice. A name that is taken goes. */
static hal9_status keep(struct hal9_state *s, cJSON *snapshot, char **ret_id,
                        struct hal9_error *err) {
    _cleanup_free_ char *other = NULL;
    char id[HAL9_ID_LEN + 1];
    const char *name = hal9_json_str(snapshot, "name");

    hal9_id_new(id);
    cJSON_ReplaceItemInObjectCaseSensitive(snapshot, "id", cJSON_CreateString(id));
    cJSON_ReplaceItemInObjectCaseSensitive(snapshot, "reason", cJSON_CreateString("imported"));
    if (name && hal9_snapshot_find(s, name, &other, NULL) == HAL9_OK)
        cJSON_DeleteItemFromObjectCaseSensitive(snapshot, "name");
    hal9_status st = hal9_snapshot_put(s, snapshot, err);

    if (st == HAL9_OK)
        *ret_id = hal9_strdup(id);
    return st;
}

/* All that the trees need has come, or was there. */
static hal9_status complete(struct hal9_state *s, const cJSON *snapshot, struct hal9_error *err) {
    struct hal9_sha *trees = NULL, *all = NULL;
    struct hal9_packs *packs = NULL;
    size_t n_trees = 0, n = 0;
    hal9_status st = trees_of(snapshot, &trees, &n_trees, err);

    if (st == HAL9_OK)
        st = hal9_tree_reach(s, trees, n_trees, &all, &n, err);
    if (st == HAL9_OK)
        st = hal9_packs_open(s, &packs, err);
    for (size_t i = 0; st == HAL9_OK && i < n; i++)
        if (!hal9_packs_has(packs, &all[i]))
            st = hal9_error_set(err, HAL9_E_CORRUPT, "contents are missing in it");
    hal9_packs_close(packs);
    free(trees);
    free(all);
    return st;
}

hal9_status hal9_rollback_import(struct hal9_state *s, const char *file, char **ret_id,
                                 struct hal9_error *err) {
    struct import m = {0};
    _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open %s", file);
    hal9_status st = hal9_archive_open(fd, &limits, &m.r, err);

    if (st == HAL9_OK)
        st = hal9_pack_begin(s, &m.w, err);
    if (st == HAL9_OK)
        st = take_all(&m, err);
    hal9_archive_close(&m.r);
    if (st == HAL9_OK)
        st = hal9_pack_finish(m.w, err);
    else
        hal9_pack_cancel(m.w);
    if (st == HAL9_OK)
        st = complete(s, m.snapshot, err);
    if (st == HAL9_E_CORRUPT || st == HAL9_E_NOT_FOUND || st == HAL9_E_PROTOCOL) {
        hal9_error_prefix(err, "%s is damaged, nothing was taken from it", file);
        st = HAL9_E_CORRUPT;
        if (err)
            err->code = st;
    }
    if (st == HAL9_OK)
        st = keep(s, m.snapshot, ret_id, err);
    cJSON_Delete(m.snapshot);
    return st;
}
