/* Which parts of a snapshot are meant, and whether they may go without the others. */
#include "rollback-to.h"

static hal9_status nobody_meant(const struct rb_to *to, const char *word, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};

    for (size_t k = 0; k < to->n; k++) {
        const struct rb_part *p = &to->items[k].part;

        hal9_strv_add(&names, p->kind->kind);
        hal9_strv_add(&names, p->kind->word);
        hal9_strv_add(&names, p->name);
    }
    hal9_strv_sort_unique(&names);
    const char *near = hal9_suggest(word, (const char *const *)names.v, names.n);
    _cleanup_free_ char *all = hal9_strv_join(&names, ", ");

    if (near)
        hal9_error_set(err, HAL9_E_USAGE, "no part '%s' in the snapshot; did you mean '%s'?", word,
                       near);
    else
        hal9_error_set(err, HAL9_E_USAGE, "no part '%s' in the snapshot; it has %s", word, all);
    return HAL9_E_USAGE;
}

hal9_status rb_choose(struct rb_to *to, struct hal9_error *err) {
    const struct hal9_strv *words = &to->job->parts;

    if (to->job->strategy == HAL9_PARTIAL && words->n == 0) {
        hal9_error_set(err, HAL9_E_USAGE, "a partial rollback of which parts?");
        hal9_error_hint(err, "name them: --parts balancer,flags,files,release,command,service");
        return HAL9_E_USAGE;
    }
    for (size_t k = 0; words->n == 0 && k < to->n; k++)
        to->items[k].chosen = true;
    for (size_t w = 0; w < words->n; w++) {
        bool any = false;

        for (size_t k = 0; k < to->n; k++)
            if (rb_part_meant(&to->items[k].part, words->v[w]))
                to->items[k].chosen = any = true;
        if (!any)
            return nobody_meant(to, words->v[w], err);
    }
    return HAL9_OK;
}

/* Whether i says that it works only together with p. */
static bool needs(const struct rb_item *i, const struct rb_item *p) {
    if (!i->spec || i == p)
        return false;
    for (size_t n = 0; n < i->spec->needs.n; n++)
        if (rb_part_meant(&p->part, i->spec->needs.v[n]))
            return true;
    return false;
}

/* One that stays as it is now, and not as in the snapshot, or of which that isn't known. */
static bool stays_behind(const struct rb_item *i) {
    return !i->chosen && (i->differs || i->unread.code != HAL9_OK);
}

static bool comes_back(const struct rb_item *i) {
    return i->chosen && i->differs;
}

static hal9_status refuse(const struct rb_to *to, const struct rb_item *i, const struct rb_item *p,
                          struct hal9_error *err) {
    const struct rb_item *left = stays_behind(i) ? i : p;

    if (rb_forced(to, "depends"))
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED,
                   "%s needs %s, and %s would stay as it is now, not as in the snapshot",
                   i->part.name, p->part.name, left->part.name);
    hal9_error_hint(err, "add it to --parts, or go on with --force=depends");
    return HAL9_E_REFUSED;
}

hal9_status rb_check_needs(struct rb_to *to, struct hal9_error *err) {
    for (size_t k = 0; k < to->n; k++)
        for (size_t m = 0; m < to->n; m++) {
            const struct rb_item *i = &to->items[k], *p = &to->items[m];

            if (!needs(i, p) ||
                !((comes_back(i) && stays_behind(p)) || (comes_back(p) && stays_behind(i))))
                continue;
            hal9_status st = refuse(to, i, p, err);

            if (st != HAL9_OK)
                return st;
        }
    return HAL9_OK;
}

bool rb_may_be_placed(const struct rb_to *to, const struct rb_item *i) {
    for (size_t k = 0; k < to->n; k++) {
        const struct rb_item *p = &to->items[k];

        if (i->part.kind->last && !p->part.kind->last && comes_back(p) && !p->placed &&
            !rb_is_balancer(p) && !needs(p, i))
            return false;
        if (needs(i, p) && comes_back(p) && !p->placed && !rb_is_balancer(p))
            return false;
    }
    return true;
}
