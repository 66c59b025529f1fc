/*
 * state.verify: whether all is as steps of other kinds would have it, whether or not such steps ran. Each is looked at by its own kind, several
 * times where it takes a while to come true.
 */
#include "op/op-internal.h"

#define DEFAULT_TRIES 10
#define DEFAULT_EVERY_MS 3000

struct item {
    const char *part;      /* as people know it; borrowed */
    struct hal9_step plan; /* borrowed from the args */
    struct op_step step;
    bool so;
    struct hal9_error unseen; /* why it can't be looked at; code 0: it can */
};

struct verify {
    struct hal9_step_ctx *ctx;
    struct item *v;
    size_t n;
};

static void verify_clear(struct verify *v) {
    for (size_t i = 0; i < v->n; i++) {
        cJSON_Delete(v->v[i].step.before);
        cJSON_Delete(v->v[i].step.intent);
        hal9_error_clear(&v->v[i].unseen);
    }
    free(v->v);
}

static hal9_status read_items(struct verify *v, struct hal9_error *err) {
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(hal9_step_args(v->ctx), "items");
    const cJSON *j;
    v->v = hal9_alloc(((size_t)cJSON_GetArraySize(items) + 1) * sizeof(*v->v));
    cJSON_ArrayForEach(j, items) {
        struct item *i = &v->v[v->n++];
        const char *kind = hal9_json_str(j, "kind");
        i->part = hal9_json_str(j, "part");
        i->plan.name = i->plan.title = (char *)(uintptr_t)i->part;
        i->plan.kind = (char *)(uintptr_t)kind;
        i->plan.args = cJSON_GetObjectItemCaseSensitive(j, "args");
        i->step.plan = &i->plan;
        i->step.kind = hal9_kind_find(v->ctx->op->env->kinds, kind);
        if (!i->part || !i->step.kind || !i->step.kind->inspect)
            return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                                  "'%s' can't be verified: its kind %s is not known to this build",
                                  i->part ? i->part : "?", kind ? kind : "?");
    }
    return HAL9_OK;
}

static void look(const struct verify *v, struct item *i) {
    struct hal9_step_ctx c = {
        .op = v->ctx->op, .step = &i->step, .dry = true, .cancel_fd = v->ctx->cancel_fd};
    hal9_error_clear(&i->unseen);
    i->so =
        op_look(&c, &i->unseen) == HAL9_OK && op_is_so(&i->step, i->step.before, i->step.intent);
}

static size_t count(const struct verify *v, bool unseen) {
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += !v->v[i].so && (v->v[i].unseen.code != HAL9_OK) == unseen;
    return n;
}

/* Of one item: what it is and should be. */
static char *words_of(const struct item *i) {
    if (i->unseen.code != HAL9_OK)
        return hal9_strf("%s can't be read: %s", i->part, i->unseen.message);
    _cleanup_free_ char *what = op_wanted(i->step.intent, i->step.before);
    return hal9_strf("%s: %s", i->part, what);
}

static cJSON *detail_of(const struct verify *v, struct hal9_strv *words) {
    cJSON *detail = cJSON_CreateObject();
    cJSON *list = cJSON_AddArrayToObject(detail, "differences");
    for (size_t k = 0; k < v->n; k++) {
        const struct item *i = &v->v[k];
        if (i->so)
            continue;
        cJSON *d = cJSON_CreateObject();
        hal9_strv_take(words, words_of(i));
        hal9_json_add_str(d, "part", i->part);
        hal9_json_add_str(d, "reason", words->v[words->n - 1]);
        if (i->unseen.code == HAL9_OK) {
            cJSON_AddItemToObject(d, "wanted", cJSON_Duplicate(i->step.intent, true));
            cJSON_AddItemToObject(d, "now", cJSON_Duplicate(i->step.before, true));
        }
        cJSON_AddItemToArray(list, d);
    }
    return detail;
}

/* What differs for certain is a failure; where nothing does, but something could not be read, nobody knows. */
static hal9_status tell(const struct verify *v, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv words = {0};
    hal9_step_detail(v->ctx, detail_of(v, &words));
    _cleanup_free_ char *all = hal9_strv_join(&words, "; ");
    bool differs = count(v, false) > 0;
    return hal9_error_set(err, differs ? HAL9_E_FAILED : HAL9_E_UNKNOWN,
                          differs ? "%zu of %zu parts are not as wanted: %s"
                                  : "%zu of %zu parts can't be verified: %s",
                          words.n, v->n, all);
}

static hal9_status rounds(struct verify *v, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(v->ctx);
    int64_t tries = hal9_json_int(args, "tries", DEFAULT_TRIES);
    int64_t every = hal9_json_int(args, "every_ms", DEFAULT_EVERY_MS);
    for (int64_t t = 1;; t++) {
        for (size_t i = 0; i < v->n; i++)
            if (!v->v[i].so)
                look(v, &v->v[i]);
        size_t left = count(v, false) + count(v, true);
        if (left == 0)
            return HAL9_OK;
        if (t >= tries)
            return tell(v, err);
        hal9_step_progress(v->ctx, "%zu of %zu parts are not yet as wanted, try %lld of %lld", left,
                           v->n, (long long)t, (long long)tries);
        hal9_status st = hal9_step_wait(v->ctx, -1, hal9_mono_ms() + every, err);
        if (st != HAL9_OK)
            return st;
    }
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err) {
    _cleanup_(verify_clear) struct verify v = {.ctx = c};
    (void)before, (void)intent;
    hal9_status st = read_items(&v, err);
    return st == HAL9_OK ? rounds(&v, err) : st;
}

static hal9_status resources(const cJSON *args, struct hal9_strv *ret, struct hal9_error *err) {
    (void)err;
    hal9_json_get_strv(cJSON_GetObjectItemCaseSensitive(args, "resources"), ret);
    return HAL9_OK;
}

static char *describe(const cJSON *args) {
    int n = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(args, "items"));
    return hal9_strf("read back and compare %d %s", n, n == 1 ? "part" : "parts");
}

const struct hal9_step_kind hal9_kind_state_verify = {
    .name = "state.verify",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE | HAL9_KIND_HOLDS,
    .resources = resources,
    .apply = apply,
    .describe = describe,
};
