/* Where a rollback stands: each of its parts, in words, against the snapshot that it goes to. */
#include <math.h>

#include "rollback-to.h"

static char *traffic_words(const struct rb_item *i) {
    _cleanup_buf_ struct hal9_buf b = {0};

    for (size_t k = 0; k < i->n; k++) {
        const struct hal9_balancer_server *s = hal9_balancer_server(&i->view, i->servers[k].name);

        hal9_buf_printf(&b, "%s%s", k > 0 ? ", " : "", s->name);
        if (s->weight >= 0)
            hal9_buf_printf(&b, " %lld", (long long)s->weight);
        if (s->admin != HAL9_ADMIN_READY || s->weight < 0)
            hal9_buf_printf(&b, " %s", hal9_admin_name(s->admin));
    }
    if (i->has_new)
        hal9_buf_printf(&b, "; new path %.3g %%", round(i->from * 1000) / 10);
    return hal9_buf_take(&b);
}

static char *words_of(const struct rb_item *i) {
    const char *how = i->differs ? "not as in the snapshot" : "as in the snapshot";

    if (i->unread.code != HAL9_OK)
        return hal9_strf("%s: can't be read: %s", i->part.name, i->unread.message);
    if (!rb_is_balancer(i))
        return hal9_strf("%s: %s", i->part.name, how);
    _cleanup_free_ char *traffic = traffic_words(i);

    return hal9_strf("%s: %s (%s)", i->part.name, how, traffic);
}

/* The same question as the operation's, out of its plan line. */
static void ask_again(struct hal9_rollback_to *job, const cJSON *subject) {
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(subject, "parts"), &job->parts);
    job->snapshot = hal9_json_str(subject, "snapshot");
    job->plan = hal9_json_str(subject, "plan");
    job->best_effort = true;
    job->told = NULL;
}

const cJSON *hal9_rollback_subject(const struct hal9_op *o) {
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(o->plan, "subject"),
                                            "rollback");
}

hal9_status hal9_rollback_stands(const struct hal9_config *config, struct hal9_state *state,
                                 const char *id, struct hal9_strv *ret, struct hal9_error *err) {
    _cleanup_(hal9_op_clear) struct hal9_op o = {0};
    struct hal9_rollback_to job = {.config = config, .state = state, .cancel_fd = -1};
    struct rb_to to = {.job = &job};
    hal9_status st = hal9_op_load(state, id, &o, err);
    const cJSON *subject = st == HAL9_OK ? hal9_rollback_subject(&o) : NULL;

    if (st != HAL9_OK || !subject)
        return st;
    ask_again(&job, subject);
    st = rb_to_open(&to, err);
    if (st == HAL9_OK)
        st = rb_choose(&to, err);
    if (st == HAL9_OK)
        rb_read_each(&to);
    for (size_t k = 0; st == HAL9_OK && k < to.n; k++)
        if (to.items[k].chosen)
            hal9_strv_take(ret, words_of(&to.items[k]));
    rb_to_clear(&to);
    hal9_strv_free(&job.parts);
    return st;
}
