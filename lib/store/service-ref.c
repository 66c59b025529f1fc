/* Which processes are a service's, as far as it is written down: the record of its last start. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

#define RECORD_MAX ((size_t)64 << 10)

void hal9_service_ref_clear(struct hal9_service_ref *r) {
    free(r->name);
    hal9_identity_clear(&r->identity);
    free(r->unit);
    free(r->place);
    free(r->log_path);
    *r = (struct hal9_service_ref){0};
}

/* Members of identity by name, for both directions. */
static const struct {
    const char *name;
    size_t offset;
} identity_members[] = {
    {"exe", offsetof(struct hal9_identity, exe)},
    {"exe_any", offsetof(struct hal9_identity, exe_any)},
    {"unit", offsetof(struct hal9_identity, unit)},
    {"user", offsetof(struct hal9_identity, user)},
    {"cmdline", offsetof(struct hal9_identity, cmdline)},
    {"container", offsetof(struct hal9_identity, container)},
};

static char **identity_member(struct hal9_identity *i, size_t n) {
    return (char **)(void *)((char *)i + identity_members[n].offset);
}

static cJSON *identity_json(const struct hal9_identity *i) {
    struct hal9_identity borrowed = *i;
    cJSON *j = cJSON_CreateObject();
    for (size_t n = 0; n < HAL9_ARRAY_LEN(identity_members); n++)
        hal9_json_add_str(j, identity_members[n].name, *identity_member(&borrowed, n));
    return j;
}

static void identity_parse(const cJSON *j, struct hal9_identity *ret) {
    for (size_t n = 0; n < HAL9_ARRAY_LEN(identity_members); n++)
        *identity_member(ret, n) = hal9_strdup(hal9_json_str(j, identity_members[n].name));
}

static cJSON *proc_id_json(const struct hal9_proc_id *id) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_int(j, "pid", id->pid);
    hal9_json_add_u64(j, "start", id->start);
    hal9_json_add_u64(j, "pidns", id->pidns);
    hal9_json_add_str(j, "boot", id->boot_id);
    return j;
}

static bool proc_id_parse(const cJSON *j, struct hal9_proc_id *ret) {
    int64_t pid = hal9_json_int(j, "pid", 0);
    const char *boot = hal9_json_str(j, "boot");
    if (pid <= 0 || pid > INT32_MAX || !boot || strlen(boot) >= sizeof(ret->boot_id))
        return false;
    *ret = (struct hal9_proc_id){
        .pid = (pid_t)pid, .start = hal9_json_u64(j, "start"), .pidns = hal9_json_u64(j, "pidns")};
    memcpy(ret->boot_id, boot, strlen(boot) + 1);
    return true;
}

cJSON *hal9_service_ref_json(const struct hal9_service_ref *r) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "name", r->name);
    cJSON_AddItemToObject(j, "identity", identity_json(&r->identity));
    hal9_json_add_str(j, "unit", r->unit);
    hal9_json_add_str(j, "place", r->place);
    if (r->recorded.pid > 0)
        cJSON_AddItemToObject(j, "recorded", proc_id_json(&r->recorded));
    hal9_json_add_str(j, "log_path", r->log_path);
    if (r->log_path)
        hal9_json_add_u64(j, "log_offset", r->log_offset);
    return j;
}

hal9_status hal9_service_ref_parse(const cJSON *j, struct hal9_service_ref *ret,
                                   struct hal9_error *err) {
    const cJSON *recorded = cJSON_GetObjectItemCaseSensitive(j, "recorded");
    struct hal9_service_ref r = {0};
    if (!hal9_json_str(j, "name") || (recorded && !proc_id_parse(recorded, &r.recorded)))
        return hal9_error_set(err, HAL9_E_CORRUPT, "this does not tell the processes of a service");
    r.name = hal9_strdup(hal9_json_str(j, "name"));
    identity_parse(cJSON_GetObjectItemCaseSensitive(j, "identity"), &r.identity);
    r.unit = hal9_strdup(hal9_json_str(j, "unit"));
    r.place = hal9_strdup(hal9_json_str(j, "place"));
    r.log_path = hal9_strdup(hal9_json_str(j, "log_path"));
    r.log_offset = hal9_json_u64(j, "log_offset");
    *ret = r;
    return HAL9_OK;
}

/* services/NAME/process.json; fresh. */
static hal9_status record_path(struct hal9_state *s, const char *name, char **ret,
                               struct hal9_error *err) {
    _cleanup_free_ char *dir = NULL;
    hal9_status status = hal9_state_service_dir(s, name, &dir, err);
    if (status == HAL9_OK)
        *ret = hal9_path_join(dir, "process.json");
    return status;
}

/* Reads the record; *ret stays empty where there is none. */
static hal9_status record_read(const struct hal9_state *s, const char *name,
                               struct hal9_service_ref *ret, struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_store_escape(name);
    _cleanup_free_ char *path = hal9_strf("%s/services/%s/process.json", s->path, folder);
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status status = hal9_store_read(path, RECORD_MAX, &text, &e);
    if (status != HAL9_OK)
        return status == HAL9_E_NOT_FOUND ? HAL9_OK : hal9_error_move(err, &e);
    _cleanup_json_ cJSON *j = NULL;
    if (hal9_json_parse(text.data ? text.data : "", text.len, &j, NULL) == HAL9_OK &&
        hal9_service_ref_parse(j, ret, NULL) == HAL9_OK)
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_CORRUPT, "%s is damaged", path);
    hal9_error_hint(err, "remove it: the service's processes are then told by their identity");
    return HAL9_E_CORRUPT;
}

hal9_status hal9_service_ref_load(struct hal9_state *s, const char *name,
                                  const struct hal9_identity *identity, const char *unit,
                                  struct hal9_service_ref *ret, struct hal9_error *err) {
    struct hal9_service_ref r = {0};
    hal9_status status = s ? record_read(s, name, &r, err) : HAL9_OK;
    if (status != HAL9_OK)
        return status;
    /* what the configuration says now counts, not what it said at the start */
    free(r.name);
    free(r.unit);
    hal9_identity_clear(&r.identity);
    r.name = hal9_strdup(name);
    r.unit = hal9_strdup(unit);
    r.identity = (struct hal9_identity){0};
    if (identity)
        hal9_identity_copy(&r.identity, identity);
    *ret = r;
    return HAL9_OK;
}

hal9_status hal9_service_record(struct hal9_state *s, const struct hal9_service_ref *r,
                                struct hal9_error *err) {
    hal9_status status = hal9_state_writable(s, err);
    _cleanup_free_ char *path = NULL;
    if (status == HAL9_OK)
        status = record_path(s, r->name, &path, err);
    if (status != HAL9_OK)
        return status;
    _cleanup_json_ cJSON *j = hal9_service_ref_json(r);
    _cleanup_free_ char *text = hal9_json_text(j);
    _cleanup_free_ char *line = hal9_strf("%s\n", text);
    status = hal9_store_write(s, path, line, strlen(line), hal9_state_file_mode(s), err);
    return hal9_state_explain(err, status);
}
