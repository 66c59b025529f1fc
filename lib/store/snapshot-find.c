/* Which snapshot a person's word means: by its name, else by a part of its id. */
#include <string.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

/* The names of all, with the ids in the same order; those without one have "". Damaged ones are found by their ids alone. */
static void names_of(struct hal9_state *s, const struct hal9_strv *ids, struct hal9_strv *ret) {
    for (size_t i = 0; i < ids->n; i++) {
        _cleanup_json_ cJSON *one = NULL;
        const char *name = hal9_snapshot_get(s, ids->v[i], &one, NULL) == HAL9_OK
                               ? hal9_json_str(one, "name")
                               : NULL;
        hal9_strv_add(ret, name ? name : "");
    }
}

static hal9_status not_found(const struct hal9_state *s, const char *word,
                             const struct hal9_strv *ids, const struct hal9_strv *names,
                             struct hal9_error *err) {
    const char *near = hal9_suggest(word, (const char *const *)names->v, names->n);
    if (!near || !*near)
        near = hal9_suggest(word, (const char *const *)ids->v, ids->n);
    hal9_error_set(err, HAL9_E_NOT_FOUND, "no snapshot '%s' in %s", word, s->path);
    if (near)
        hal9_error_hint(err, "did you mean '%s'? hal9-rollback list shows all", near);
    else
        hal9_error_hint(err, ids->n > 0 ? "hal9-rollback list shows them"
                                        : "hal9-rollback snapshot takes one");
    return HAL9_E_NOT_FOUND;
}

/* The newest that was taken when a service had passed its gate. */
static hal9_status last_healthy(struct hal9_state *s, const struct hal9_strv *ids, char **ret_id,
                                struct hal9_error *err) {
    for (size_t i = ids->n; i-- > 0;) {
        _cleanup_json_ cJSON *one = NULL;
        if (hal9_snapshot_get(s, ids->v[i], &one, NULL) != HAL9_OK ||
            !hal9_streq(hal9_json_str(one, "reason"), "healthy"))
            continue;
        *ret_id = hal9_strdup(ids->v[i]);
        return HAL9_OK;
    }
    return hal9_error_set(err, HAL9_E_NOT_FOUND, "no snapshot was taken while all was healthy");
}

hal9_status hal9_snapshot_find(struct hal9_state *s, const char *word, char **ret_id,
                               struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0}, names = {0}, fit = {0};
    hal9_status st = hal9_snapshot_list(s, &ids, err);
    if (st != HAL9_OK)
        return st;
    if (strcmp(word, "last-healthy") == 0)
        return last_healthy(s, &ids, ret_id, err);
    _cleanup_free_ char *id = hal9_store_as_id(word);
    names_of(s, &ids, &names);
    for (size_t i = ids.n; i-- > 0 && *word;)
        if (strcmp(names.v[i], word) == 0 || strcmp(ids.v[i], id) == 0) {
            *ret_id = hal9_strdup(ids.v[i]);
            return HAL9_OK;
        }
    for (size_t i = 0; i < ids.n && strlen(word) >= 2; i++)
        if (hal9_startswith(ids.v[i], id) || hal9_endswith(ids.v[i], id))
            hal9_strv_add(&fit, ids.v[i]);
    if (fit.n == 0)
        return not_found(s, word, &ids, &names, err);
    if (fit.n > 1) {
        _cleanup_free_ char *all = hal9_strv_join(&fit, ", ");
        hal9_error_set(err, HAL9_E_USAGE, "'%s' fits %zu snapshots: %s", word, fit.n, all);
        hal9_error_hint(err, "type more of the one you mean");
        return HAL9_E_USAGE;
    }
    *ret_id = hal9_strdup(fit.v[0]);
    return HAL9_OK;
}
