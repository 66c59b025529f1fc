/* Incidents: what is wrong with a service from the first bad verdict until it has recovered, and who
 * was told of it. One file a service, replaced whole. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "notify/notify-internal.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define FILE_MAX (1024 * 1024)
#define LOCK_WAIT_MS 2000
#define FIRST_PAUSE_MS 1
#define LAST_PAUSE_MS 50

static char *path_of(const struct hal9_state *s, const char *service) {
    _cleanup_free_ char *escaped = hal9_store_escape(service);
    _cleanup_free_ char *name = hal9_strf("%s.json", escaped);
    return hal9_state_sub(s, "incidents", name);
}

void hal9_incident_clear(struct hal9_incident *i) {
    for (size_t k = 0; k < i->n_told; k++) {
        free(i->told[k].dest);
        free(i->told[k].incident);
    }
    free(i->told);
    free(i->service);
    free(i->id);
    cJSON_Delete(i->outbox);
    *i = (struct hal9_incident){0};
}

struct hal9_told *hal9_incident_told(struct hal9_incident *i, const char *dest) {
    for (size_t k = 0; k < i->n_told; k++)
        if (strcmp(i->told[k].dest, dest) == 0)
            return &i->told[k];
    struct hal9_told *t = HAL9_APPEND(i->told, i->n_told, i->cap_told);
    *t = (struct hal9_told){.dest = hal9_strdup(dest)};
    return t;
}

static cJSON *to_json(const struct hal9_incident *i) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_int(j, "hal9", 1);
    hal9_json_add_str(j, "service", i->service);
    hal9_json_add_str(j, "incident", i->id);
    hal9_json_add_int(j, "version", i->version);
    hal9_json_add_int(j, "seq", i->seq);
    hal9_json_add_int(j, "closed_ms", i->closed_ms);
    cJSON *told = cJSON_AddArrayToObject(j, "told");
    for (size_t k = 0; k < i->n_told; k++) {
        const struct hal9_told *t = &i->told[k];
        cJSON *o = cJSON_CreateObject();
        hal9_json_add_str(o, "dest", t->dest);
        hal9_json_add_str(o, "incident", t->incident);
        hal9_json_add_int(o, "level", (int64_t)t->level);
        hal9_json_add_int(o, "better_ms", t->better_ms);
        hal9_json_add_int(o, "resolved_ms", t->resolved_ms);
        hal9_json_add_int(o, "flaps", t->flaps);
        cJSON_AddItemToArray(told, o);
    }
    if (cJSON_GetArraySize(i->outbox) > 0)
        cJSON_AddItemToObject(j, "outbox", cJSON_Duplicate(i->outbox, true));
    return j;
}

static void parse_told(const cJSON *j, struct hal9_incident *i) {
    const cJSON *o;
    cJSON_ArrayForEach(o, cJSON_GetObjectItemCaseSensitive(j, "told")) {
        const int64_t level = hal9_json_int(o, "level", 0);
        if (!hal9_json_str(o, "dest") || level < 0 || level > HAL9_LEVEL_FAILING)
            continue;
        struct hal9_told *t = hal9_incident_told(i, hal9_json_str(o, "dest"));
        free(t->incident);
        t->incident = hal9_strdup(hal9_json_str(o, "incident"));
        t->level = (enum hal9_level)level;
        t->better_ms = hal9_json_int(o, "better_ms", 0);
        t->resolved_ms = hal9_json_int(o, "resolved_ms", 0);
        t->flaps = hal9_json_int(o, "flaps", 0);
    }
}

/* False: none, or a damaged one, which counts as none: better to page once too often. */
static bool read_one(const struct hal9_state *s, const char *service, struct hal9_incident *ret) {
    _cleanup_free_ char *path = path_of(s, service);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_json_ cJSON *j = NULL;
    _cleanup_error_ struct hal9_error e = {0};
    if (hal9_store_read(path, FILE_MAX, &text, &e) == HAL9_E_NOT_FOUND)
        return false;
    if (e.code == HAL9_OK)
        hal9_json_parse(text.len > 0 ? text.data : "", text.len, &j, &e);
    if (e.code != HAL9_OK || !cJSON_IsObject(j)) {
        hal9_log(0, "%s: %s; the incident begins anew", path, e.message ? e.message : "no object");
        return false;
    }
    const char *id = hal9_json_str(j, "incident");
    *ret = (struct hal9_incident){
        .service = hal9_strdup(service),
        .id = hal9_strdup(hal9_id_valid(id) ? id : NULL),
        .version = hal9_json_int(j, "version", 0),
        .seq = hal9_json_int(j, "seq", 0),
        .closed_ms = hal9_json_int(j, "closed_ms", 0),
    };
    parse_told(j, ret);
    const cJSON *outbox = cJSON_GetObjectItemCaseSensitive(j, "outbox");
    ret->outbox = cJSON_IsArray(outbox) ? cJSON_Duplicate(outbox, true) : cJSON_CreateArray();
    return true;
}

bool hal9_incident_known(const struct hal9_places *p, const char *service) {
    for (size_t i = 0; i < p->n; i++) {
        _cleanup_free_ char *path = path_of(p->v[i], service);
        if (access(path, F_OK) == 0)
            return true;
    }
    return false;
}

void hal9_incident_load(struct hal9_places *p, const char *service, struct hal9_incident *ret) {
    struct hal9_incident best = {.version = -1};
    for (size_t i = 0; i < p->n; i++) {
        struct hal9_incident found;
        if (!read_one(p->v[i], service, &found))
            continue;
        if (found.version > best.version) {
            hal9_incident_clear(&best);
            best = found;
        } else
            hal9_incident_clear(&found);
    }
    if (best.version < 0)
        best =
            (struct hal9_incident){.service = hal9_strdup(service), .outbox = cJSON_CreateArray()};
    *ret = best;
}

static hal9_status make_dir(struct hal9_state *s, struct hal9_error *err) {
    _cleanup_free_ char *dir = hal9_state_sub(s, "incidents", NULL);
    hal9_status status = hal9_state_writable(s, err);
    if (status != HAL9_OK || access(dir, W_OK | X_OK) == 0)
        return status;
    status = hal9_dir_make(dir, hal9_state_dir_mode(s), err);
    return status == HAL9_OK ? hal9_dir_sync(hal9_state_path(s), err) : status;
}

static hal9_status save_in(struct hal9_state *s, void *data, struct hal9_error *err) {
    const struct hal9_incident *i = data;
    _cleanup_free_ char *path = path_of(s, i->service);
    _cleanup_json_ cJSON *j = to_json(i);
    _cleanup_free_ char *text = hal9_json_text(j);
    hal9_status status = make_dir(s, err);
    if (status != HAL9_OK)
        return status;
    return hal9_file_write(path, text, strlen(text), hal9_state_file_mode(s), err);
}

hal9_status hal9_incident_save(struct hal9_places *p, struct hal9_incident *i,
                               struct hal9_error *err) {
    i->version++;
    return hal9_places_write(p, save_in, i, err);
}

/* The directory of incidents itself is what is locked: no file is left for that. */
static hal9_status open_dir(struct hal9_state *s, void *data, struct hal9_error *err) {
    int *ret_fd = data;
    _cleanup_free_ char *dir = hal9_state_sub(s, "incidents", NULL);
    int fd = HAL9_AGAIN(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (fd < 0) {
        hal9_status status = make_dir(s, err);
        if (status != HAL9_OK)
            return status;
        fd = HAL9_AGAIN(open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    }
    if (fd < 0)
        return hal9_error_errno(err, errno, "cannot open directory %s", dir);
    *ret_fd = fd;
    return HAL9_OK;
}

/* A lock that is let go makes nothing readable: it is tried again at growing distances (see
 * store/locks.c). */
hal9_status hal9_incidents_lock(struct hal9_places *p, int cancel_fd, int *ret_fd,
                                struct hal9_error *err) {
    const int64_t deadline = hal9_mono_ms() + LOCK_WAIT_MS;
    int fd = -1;
    hal9_status status = hal9_places_write(p, open_dir, &fd, err);
    if (status != HAL9_OK)
        return status;
    for (int64_t pause = FIRST_PAUSE_MS;;) {
        if (HAL9_AGAIN(hal9_sys_flock(fd, LOCK_EX | LOCK_NB)) == 0) {
            *ret_fd = fd;
            return HAL9_OK;
        }
        const int64_t now = hal9_mono_ms();
        if (errno != EWOULDBLOCK)
            status = hal9_error_errno(err, errno, "cannot lock the incidents");
        else if (now >= deadline)
            status =
                hal9_error_set(err, HAL9_E_BUSY, "another process keeps the incidents of %s locked",
                               hal9_state_path(p->v[0]));
        else
            status = hal9_wait_fd(-1, now + pause, cancel_fd, err);
        if (status != HAL9_OK) {
            close(fd);
            return status;
        }
        pause = pause * 2 < LAST_PAUSE_MS ? pause * 2 : LAST_PAUSE_MS;
    }
}
