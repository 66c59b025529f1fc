/* The snapshot that a rollback goes to, its plan and its parts; and all of them as they are now. */
#include <string.h>

#include "rollback-to.h"

#define LAST_HEALTHY "last-healthy"

/* ---- which one ---- */

static bool is_healthy(struct rb_to *to, const char *id) {
    _cleanup_json_ cJSON *s = NULL;
    const char *plan = to->job->plan;

    return hal9_snapshot_get(to->job->state, id, &s, NULL) == HAL9_OK &&
           hal9_streq(hal9_json_str(s, "reason"), "healthy") &&
           (!plan || hal9_streq(hal9_json_str(s, "plan"), plan));
}

static hal9_status find_healthy(struct rb_to *to, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv ids = {0};
    hal9_status st = hal9_snapshot_list(to->job->state, &ids, err);

    for (size_t i = ids.n; st == HAL9_OK && !to->id && i-- > 0;)
        if (is_healthy(to, ids.v[i]))
            to->id = hal9_strdup(ids.v[i]);
    if (st != HAL9_OK || to->id)
        return st;
    hal9_error_set(err, HAL9_E_NOT_FOUND, "no snapshot was taken while all was healthy");
    hal9_error_hint(err, ids.n > 0 ? "hal9-rollback list shows those that there are; name one"
                                   : "take one while all is well: hal9-rollback snapshot NAME");
    return HAL9_E_NOT_FOUND;
}

static hal9_status find(struct rb_to *to, struct hal9_error *err) {
    if (!to->job->state) {
        hal9_error_set(err, HAL9_E_NOT_FOUND, "no snapshot '%s': none was taken yet",
                       to->job->snapshot);
        hal9_error_hint(err, "take one while all is well: hal9-rollback snapshot NAME");
        return HAL9_E_NOT_FOUND;
    }
    if (hal9_streq(to->job->snapshot, LAST_HEALTHY))
        return find_healthy(to, err);
    return hal9_snapshot_find(to->job->state, to->job->snapshot, &to->id, err);
}

/* The plan that was told, the snapshot's, or the only one; none at all is fine: the snapshot knows its parts. */
static hal9_status find_plan(struct rb_to *to, struct hal9_error *err) {
    const char *of = hal9_json_str(to->snapshot, "plan");

    if (to->job->plan)
        return rb_plan_find(to->job->config, to->job->plan, &to->plan, err);
    if (of && rb_plan_find(to->job->config, of, &to->plan, NULL) != HAL9_OK)
        rb_tell(to,
                "plan %s, of which the snapshot is, is not in the configuration any more: "
                "nothing says what must be healthy",
                of);
    return HAL9_OK;
}

/* ---- the parts ---- */

static const struct hal9_part_spec *spec_of(const struct rb_parts *planned, const char *name) {
    for (size_t i = 0; i < planned->n; i++)
        if (hal9_streq(planned->v[i].name, name))
            return planned->v[i].spec;
    return NULL;
}

static bool has_part(const cJSON *snapshot, const char *name) {
    const cJSON *one;

    cJSON_ArrayForEach(one, cJSON_GetObjectItemCaseSensitive(snapshot, "parts")) {
        if (hal9_streq(hal9_json_str(one, "part"), name))
            return true;
    }
    return false;
}

static void tell_unsaved(struct rb_to *to, const struct rb_parts *planned) {
    for (size_t i = 0; i < planned->n; i++)
        if (!has_part(to->snapshot, planned->v[i].name))
            rb_tell(to, "%s is not in the snapshot: it is left alone", planned->v[i].name);
}

static hal9_status add_item(struct rb_to *to, const cJSON *part, const struct rb_parts *planned,
                            struct hal9_error *err) {
    struct rb_item *i = &to->items[to->n];

    if (hal9_json_str(part, "gap")) {
        rb_tell(to, "%s is not in the snapshot (%s): it is left alone", hal9_json_str(part, "part"),
                hal9_json_str(part, "gap"));
        return HAL9_OK;
    }
    hal9_status st = rb_part_of_snapshot(to->job->config, part, &i->part, err);

    if (st != HAL9_OK && !to->job->best_effort)
        return st;
    if (st != HAL9_OK) {
        rb_tell(to, "%s is left out: %s", hal9_json_str(part, "part"), err->message);
        hal9_error_clear(err);
        return HAL9_OK;
    }
    i->then = cJSON_GetObjectItemCaseSensitive(part, "state");
    i->spec = spec_of(planned, i->part.name);
    i->part.state = to->job->state;
    to->n++;
    return HAL9_OK;
}

static hal9_status read_parts(struct rb_to *to, struct hal9_error *err) {
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(to->snapshot, "parts"), *one;
    struct rb_parts planned = {0};
    hal9_status st = HAL9_OK;

    if (to->plan)
        st = rb_parts_of_plan(to->job->config, to->plan, &planned, err);
    to->items = hal9_alloc(((size_t)cJSON_GetArraySize(parts) + 1) * sizeof(*to->items));
    cJSON_ArrayForEach(one, parts) {
        if (st == HAL9_OK)
            st = add_item(to, one, &planned, err);
    }
    if (st == HAL9_OK)
        tell_unsaved(to, &planned);
    rb_parts_clear(&planned);
    return st;
}

hal9_status rb_to_take(struct rb_to *to, struct hal9_error *err) {
    to->name = hal9_strdup(hal9_json_str(to->snapshot, "name"));
    hal9_status st = find_plan(to, err);

    return st == HAL9_OK ? read_parts(to, err) : st;
}

hal9_status rb_to_open(struct rb_to *to, struct hal9_error *err) {
    hal9_status st = find(to, err);

    if (st == HAL9_OK)
        st = hal9_snapshot_get(to->job->state, to->id, &to->snapshot, err);
    return st == HAL9_OK ? rb_to_take(to, err) : st;
}

/* ---- as it is now ---- */

static void forget(struct rb_item *i) {
    cJSON_Delete(i->now);
    i->now = NULL;
    hal9_error_clear(&i->unread);
    hal9_balancer_view_clear(&i->view);
    free(i->servers);
    i->servers = NULL;
    i->n = 0;
    rb_shares_free(&i->shares);
    i->placed = i->differs = i->away = i->has_new = false;
}

/* Flags that the snapshot doesn't know: somebody else's, in a store that many share. */
static void tell_added_flags(struct rb_to *to, const struct rb_item *i) {
    enum { NAMED = 5 };
    _cleanup_strv_ struct hal9_strv names = {0};
    size_t n = 0;
    const cJSON *f;

    cJSON_ArrayForEach(f, i->now) {
        if (cJSON_GetObjectItemCaseSensitive(i->then, f->string))
            continue;
        _cleanup_free_ char *is = hal9_flag_words(i->part.flags, f->string, f);

        if (n++ < NAMED)
            hal9_strv_take(&names, hal9_strf("%s (%s)", f->string, is));
    }
    if (n == 0)
        return;
    if (n > NAMED)
        hal9_strv_take(&names, hal9_strf("%zu more", n - NAMED));
    _cleanup_free_ char *all = hal9_strv_join(&names, ", ");

    rb_tell(to, "%s: flag%s %s came after the snapshot: %s left alone", i->part.name,
            n == 1 ? "" : "s", all, n == 1 ? "it is" : "they are");
}

/* It differs where its kind would do something about it. */
static hal9_status differs(struct rb_item *i, struct hal9_error *err) {
    _cleanup_(hal9_plan_clear) struct hal9_plan plan = {0};
    _cleanup_strv_ struct hal9_strv names = {0};
    hal9_status st = i->part.kind->plan(&i->part, i->then, i->now, &plan, &names, err);

    i->differs = plan.n > 0;
    return st;
}

static hal9_status read_item(struct rb_to *to, struct rb_item *i, struct hal9_error *err) {
    hal9_status st;

    if (rb_is_balancer(i))
        return rb_read_balancer(to, i, err);
    st = i->part.kind->capture(&i->part, to->job->state, to->job->cancel_fd, &i->now, err);
    if (st == HAL9_OK && i->chosen && i->part.flags)
        tell_added_flags(to, i);
    if (st == HAL9_OK)
        st = differs(i, err);
    if (st == HAL9_OK && i->differs && i->part.kind->whole)
        st = i->part.kind->whole(&i->part, to->job->state, i->then, err);
    return st;
}

/* What is no matter of reading ends it: a guard, a person, a configuration that can't be right. */
static bool decides(const struct rb_to *to, hal9_status st) {
    return st == HAL9_E_REFUSED || st == HAL9_E_INTERRUPTED ||
           (st == HAL9_E_CONFIG && !to->job->best_effort);
}

/* All that can't be read is told at once. */
static hal9_status tell_unread(const struct rb_to *to, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv words = {0};

    for (size_t k = 0; k < to->n; k++)
        if (to->items[k].unread.code != HAL9_OK)
            hal9_strv_take(
                &words, hal9_strf("%s: %s", to->items[k].part.name, to->items[k].unread.message));
    _cleanup_free_ char *all = hal9_strv_join(&words, "; ");

    hal9_error_set(err, HAL9_E_UNKNOWN, "nothing was begun: %zu of %zu parts can't be read: %s",
                   words.n, to->n, all);
    hal9_error_hint(err, "--best-effort restores the others");
    return HAL9_E_UNKNOWN;
}

hal9_status rb_to_read(struct rb_to *to, struct hal9_error *err) {
    size_t unread = 0, chosen = 0;

    for (size_t k = 0; k < to->n; k++) {
        struct rb_item *i = &to->items[k];

        forget(i);
        hal9_status st = read_item(to, i, &i->unread);

        if (decides(to, st) && i->chosen)
            return hal9_error_move(err, &i->unread);
        unread += st != HAL9_OK && i->chosen;
        chosen += i->chosen;
        if (st != HAL9_OK && i->chosen && to->job->best_effort)
            rb_tell(to, "%s can't be read, and is left out: %s", i->part.name, i->unread.message);
    }
    if (unread > 0 && (!to->job->best_effort || unread == chosen))
        return tell_unread(to, err);
    return HAL9_OK;
}

void rb_read_each(struct rb_to *to) {
    for (size_t k = 0; k < to->n; k++) {
        forget(&to->items[k]);
        read_item(to, &to->items[k], &to->items[k].unread);
    }
}

void rb_to_clear(struct rb_to *to) {
    for (size_t k = 0; k < to->n; k++) {
        forget(&to->items[k]);
        rb_part_clear(&to->items[k].part);
    }
    free(to->items);
    cJSON_Delete(to->snapshot);
    free(to->id);
    free(to->name);
    hal9_strv_free(&to->told);
    *to = (struct rb_to){.job = to->job};
}
