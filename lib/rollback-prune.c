/* Old snapshots go, and with them the contents that nothing names any more: no snapshot, and no operation that could be undone. */
#include <string.h>

#include "rollback-internal.h"

struct trees {
    struct hal9_sha *v;
    size_t n, cap;
};

/* Every "tree" in a document, however deep. */
static void find_trees(const cJSON *j, struct trees *ret) {
    const cJSON *m;

    cJSON_ArrayForEach(m, j) {
        struct hal9_sha sha = {0};

        if (hal9_streq(m->string, "tree") && cJSON_IsString(m) && strlen(m->valuestring) == 64 &&
            hal9_unhex(m->valuestring, sha.b, sizeof(sha.b)))
            *HAL9_APPEND(ret->v, ret->n, ret->cap) = sha;
        else if (cJSON_IsObject(m) || cJSON_IsArray(m))
            find_trees(m, ret);
    }
}

static hal9_status of_snapshots(struct hal9_state *s, struct trees *ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_snapshot_list(s, &ids, err);

    for (size_t i = 0; st == HAL9_OK && i < ids.n; i++) {
        _cleanup_json_ cJSON *one = NULL;

        st = hal9_snapshot_get(s, ids.v[i], &one, err);
        find_trees(one, ret);
    }
    return st;
}

static hal9_status of_operations(struct hal9_state *s, struct trees *ret, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_journal_list(s, &ids, err);

    for (size_t i = 0; st == HAL9_OK && i < ids.n; i++) {
        _cleanup_json_ cJSON *lines = NULL;
        bool torn;

        st = hal9_journal_read(s, ids.v[i], &lines, &torn, err);
        find_trees(lines, ret);
        if (st == HAL9_E_NOT_FOUND)
            st = HAL9_OK; /* it never began */
    }
    return st;
}

static int by_bytes(const void *a, const void *b) {
    return memcmp(a, b, sizeof(struct hal9_sha));
}

static void once(struct trees *t) {
    size_t n = 0;

    if (t->n > 1)
        qsort(t->v, t->n, sizeof(*t->v), by_bytes);
    for (size_t i = 0; i < t->n; i++)
        if (i == 0 || by_bytes(&t->v[i], &t->v[n - 1]) != 0)
            t->v[n++] = t->v[i];
    t->n = n;
}

/* Trees whose listing is in no pack that this user can read keep nothing of his. */
static void only_known(struct hal9_state *s, struct trees *t) {
    struct hal9_packs *packs = NULL;
    size_t n = 0;

    if (hal9_packs_open(s, &packs, NULL) != HAL9_OK)
        return;
    for (size_t i = 0; i < t->n; i++)
        if (hal9_packs_has(packs, &t->v[i]))
            t->v[n++] = t->v[i];
    t->n = n;
    hal9_packs_close(packs);
}

static hal9_status prune_contents(struct hal9_state *s, struct hal9_prune_result *ret,
                                  struct hal9_error *err) {
    struct trees t = {0};
    struct hal9_sha *wanted = NULL;
    size_t n = 0;
    hal9_status st = of_snapshots(s, &t, err);

    if (st == HAL9_OK)
        st = of_operations(s, &t, err);
    if (st == HAL9_OK) {
        once(&t);
        only_known(s, &t);
        st = hal9_tree_reach(s, t.v, t.n, &wanted, &n, err);
    }
    if (st == HAL9_OK)
        st = hal9_packs_prune(s, wanted, n, ret, err);
    free(wanted);
    free(t.v);
    return st;
}

/* ---- which snapshots ---- */

static bool is_healthy(struct hal9_state *s, const char *id) {
    _cleanup_json_ cJSON *one = NULL;

    return hal9_snapshot_get(s, id, &one, NULL) == HAL9_OK &&
           hal9_streq(hal9_json_str(one, "reason"), "healthy");
}

/* All but the newest; the newest of those taken in health stays, however old. */
static hal9_status choose(struct hal9_state *s, struct hal9_rollback_prune *p,
                          struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = p->ids ? HAL9_OK : hal9_snapshot_list(s, &ids, err);
    bool healthy_kept = false;

    if (p->ids)
        hal9_strv_copy(&p->gone, p->ids);
    for (size_t i = ids.n, kept = 0; st == HAL9_OK && i-- > 0; kept++) {
        const bool healthy = !healthy_kept && is_healthy(s, ids.v[i]);

        healthy_kept = healthy_kept || healthy;
        if (kept >= p->keep && !healthy)
            hal9_strv_add(&p->gone, ids.v[i]);
    }
    return st;
}

hal9_status hal9_rollback_prune(struct hal9_state *s, struct hal9_rollback_prune *p,
                                struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    hal9_status st = choose(s, p, err);

    for (size_t i = 0; st == HAL9_OK && !p->dry && i < p->gone.n; i++)
        st = hal9_snapshot_delete(s, p->gone.v[i], err);
    if (st != HAL9_OK || p->dry)
        return st;
    /* What can't be told, or is in use, stays: that is no failure of what was asked for. */
    st = prune_contents(s, &p->contents, &e);
    if (st == HAL9_E_BUSY || st == HAL9_E_CORRUPT || st == HAL9_E_NOT_FOUND || st == HAL9_E_PERM) {
        p->left = hal9_error_text(&e);
        return HAL9_OK;
    }
    return st == HAL9_OK ? HAL9_OK : hal9_error_move(err, &e);
}
