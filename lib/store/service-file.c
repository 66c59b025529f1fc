/* Small JSON documents about one service, in its folder of the state directory. */
#include <string.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

#define DOCUMENT_MAX ((size_t)1 << 20)

hal9_status hal9_store_read_json(const char *path, cJSON **ret, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error e = {0};
    cJSON *j = NULL;
    if (hal9_store_read(path, DOCUMENT_MAX, &text, &e) != HAL9_OK)
        return e.code == HAL9_E_NOT_FOUND ? HAL9_OK : hal9_error_move(err, &e);
    if (hal9_json_parse(text.data ? text.data : "", text.len, &j, NULL) == HAL9_OK &&
        cJSON_IsObject(j)) {
        *ret = j;
        return HAL9_OK;
    }
    cJSON_Delete(j);
    return hal9_error_set(err, HAL9_E_CORRUPT, "%s is damaged", path);
}

hal9_status hal9_store_write_json(const struct hal9_state *s, const char *path, const cJSON *j,
                                  struct hal9_error *err) {
    _cleanup_free_ char *text = hal9_json_text(j);
    _cleanup_free_ char *line = hal9_strf("%s\n", text);
    hal9_status st = hal9_store_write(s, path, line, strlen(line), hal9_state_file_mode(s), err);
    return hal9_state_explain(err, st);
}

hal9_status hal9_service_file_read(const struct hal9_state *s, const char *service,
                                   const char *file, cJSON **ret, struct hal9_error *err) {
    _cleanup_free_ char *folder = hal9_store_escape(service);
    _cleanup_free_ char *path = hal9_strf("%s/services/%s/%s", s->path, folder, file);
    return hal9_store_read_json(path, ret, err);
}

hal9_status hal9_service_file_write(struct hal9_state *s, const char *service, const char *file,
                                    const cJSON *j, struct hal9_error *err) {
    _cleanup_free_ char *dir = NULL;
    hal9_status st = hal9_state_writable(s, err);
    if (st == HAL9_OK)
        st = hal9_state_service_dir(s, service, &dir, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_free_ char *path = hal9_path_join(dir, file), *text = hal9_json_text(j);
    _cleanup_free_ char *line = hal9_strf("%s\n", text);
    return hal9_file_write(path, line, strlen(line), hal9_state_file_mode(s), err);
}
