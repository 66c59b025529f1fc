/*
 * health.hold: services and metrics are watched for a while, and must be well at its end. No data is neither pass nor fail: the gate holds, for a
 * while by itself, then until a person has decided.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "check/jobs.h"
#include "check/look.h"

#define DEFAULT_PAUSE_MS 1000
#define DEFAULT_UNKNOWN_MS (5 * 60 * 1000)
#define DEFAULT_FALL 2
#define FORCE "no-data"

enum verdict { WELL, BAD, NO_DATA };

struct hold {
    struct hal9_step_ctx *ctx;
    struct hal9_service_ref *refs; /* of the services; n_refs of them */
    size_t n_refs;
    struct hal9_jobs jobs;
    int64_t hold_ms, within_ms, unknown_ms, pause_ms, fall;
    int64_t begin_ms;
    int64_t
        unknown_since_ms; /* of the present row of rounds without data, once the time is over; 0: none */
    bool well;            /* the last round was */
    int64_t bad;          /* rounds in a row */
    const char *blind; /* a service that no check can prove healthy; NULL: none */
};

static void hold_clear(struct hold *h) {
    hal9_jobs_clear(&h->jobs);
    for (size_t i = 0; i < h->n_refs; i++)
        hal9_service_ref_clear(&h->refs[i]);
    free(h->refs);
}

static hal9_status read_services(struct hold *h, const cJSON *services, struct hal9_error *err) {
    const cJSON *s;
    h->refs = hal9_alloc(((size_t)cJSON_GetArraySize(services) + 1) * sizeof(*h->refs));
    cJSON_ArrayForEach(s, services) {
        struct hal9_service_ref *ref = &h->refs[h->n_refs];
        const size_t deciding = h->jobs.deciding;
        hal9_status status =
            hal9_service_ref_parse(cJSON_GetObjectItemCaseSensitive(s, "service"), ref, err);
        if (status != HAL9_OK)
            return status;
        h->n_refs++;
        status = hal9_jobs_add(&h->jobs, cJSON_GetObjectItemCaseSensitive(s, "checks"), ref, err);
        if (status != HAL9_OK)
            return status;
        if (h->jobs.deciding == deciding)
            h->blind = hal9_service_word(ref);
    }
    return HAL9_OK;
}

static hal9_status read_args(struct hold *h, struct hal9_error *err) {
    const cJSON *args = hal9_step_args(h->ctx);
    h->hold_ms = hal9_json_int(args, "hold_ms", 0);
    h->within_ms = hal9_json_int(args, "within_ms", 0);
    h->unknown_ms = hal9_json_int(args, "on_unknown_ms", DEFAULT_UNKNOWN_MS);
    h->pause_ms = hal9_json_int(args, "interval_ms", DEFAULT_PAUSE_MS);
    h->fall = hal9_json_int(args, "fall", DEFAULT_FALL);
    h->begin_ms = hal9_mono_ms();
    hal9_status status = read_services(h, cJSON_GetObjectItemCaseSensitive(args, "services"), err);
    if (status != HAL9_OK)
        return status;
    return hal9_jobs_add(&h->jobs, cJSON_GetObjectItemCaseSensitive(args, "metrics"), NULL, err);
}

/* ---- a round */

/* The first check of that state which counts, or NULL. */
static const struct hal9_check_job *first(const struct hold *h, enum hal9_check_state state) {
    for (size_t i = 0; i < h->jobs.n; i++)
        if (hal9_job_decides(h->jobs.v[i].check) && h->jobs.v[i].result.state == state)
            return &h->jobs.v[i];
    return NULL;
}

/* "hal9-server: http /health: answers 503", fresh. */
static char *words_of(const struct hal9_check_job *j) {
    const char *service = j->service ? hal9_service_word(j->service) : NULL;
    return hal9_strf("%s%s%s: %s", service ? service : "", service ? ": " : "", j->check->name,
                     j->result.reason ? j->result.reason : "no answer");
}

/* What was found, with why in words (fresh) unless all is well. */
static enum verdict judge(const struct hold *h, char **ret_why) {
    const struct hal9_check_job *j = first(h, HAL9_CHECK_FAIL);
    if (j) {
        *ret_why = words_of(j);
        return BAD;
    }
    j = first(h, HAL9_CHECK_UNKNOWN);
    if (j)
        *ret_why = words_of(j);
    else if (h->blind)
        *ret_why = hal9_strf("%s has no check that could tell", h->blind);
    return j || h->blind ? NO_DATA : WELL;
}

static void tell_detail(const struct hold *h, const char *forced) {
    cJSON *detail = cJSON_CreateObject();
    cJSON *results = cJSON_AddArrayToObject(detail, "results");
    for (size_t i = 0; i < h->jobs.n; i++)
        if (h->jobs.v[i].result.reason)
            cJSON_AddItemToArray(results, hal9_job_json(&h->jobs.v[i]));
    hal9_json_add_str(detail, "forced", forced);
    hal9_step_detail(h->ctx, detail);
}

/* ---- what follows from it; HAL9_E_TIMEOUT: go on watching */

static hal9_status on_bad(struct hold *h, const char *why, struct hal9_error *err) {
    const int64_t past = hal9_mono_ms() - h->begin_ms;
    h->unknown_since_ms = 0;
    h->bad++;
    if (h->bad < h->fall || past < h->within_ms)
        return HAL9_E_TIMEOUT;
    tell_detail(h, NULL);
    return hal9_error_set(err, HAL9_E_FAILED, "not healthy: %s", why);
}

static hal9_status on_unknown(struct hold *h, const char *why, bool over, struct hal9_error *err) {
    const int64_t now = hal9_mono_ms();
    h->bad = 0;
    if (over && h->unknown_since_ms == 0)
        h->unknown_since_ms = now;
    if (over && hal9_step_forced(h->ctx, FORCE)) {
        tell_detail(h, FORCE);
        return HAL9_OK;
    }
    if (!over || now - h->unknown_since_ms < h->unknown_ms)
        return HAL9_E_TIMEOUT;
    tell_detail(h, NULL);
    cJSON *note = cJSON_CreateObject();
    hal9_json_add_str(note, "held", why);
    hal9_status status = hal9_step_note(h->ctx, note, err);
    if (status != HAL9_OK)
        return status;
    return hal9_error_set(err, HAL9_E_UNKNOWN, "it can't be told whether all is well: %s", why);
}

static hal9_status one_round(struct hold *h, struct hal9_error *err) {
    _cleanup_free_ char *why = NULL;
    hal9_jobs_forget(&h->jobs);
    hal9_status status =
        hal9_checks_run(h->jobs.v, h->jobs.n, -1, hal9_step_cancel_fd(h->ctx), err);
    if (status != HAL9_OK)
        return status;
    const bool over = hal9_mono_ms() - h->begin_ms >= h->hold_ms;
    const enum verdict v = judge(h, &why);
    h->well = v == WELL;
    if (h->well) {
        h->bad = h->unknown_since_ms = 0;
        if (over)
            tell_detail(h, NULL);
        return over ? HAL9_OK : HAL9_E_TIMEOUT;
    }
    hal9_step_progress(h->ctx, "%s: %s", v == BAD ? "not healthy" : "no data", why);
    return v == BAD ? on_bad(h, why, err) : on_unknown(h, why, over, err);
}

/* Until the next round, and not beyond the end of the time. */
static int64_t next_ms(const struct hold *h) {
    const int64_t now = hal9_mono_ms(), end = h->begin_ms + h->hold_ms;
    return now < end && end < now + h->pause_ms ? end : now + h->pause_ms;
}

static void tell_time(const struct hold *h) {
    const int64_t left = h->begin_ms + h->hold_ms - hal9_mono_ms();
    if (left <= 0 || !h->well)
        return;
    _cleanup_free_ char *span = hal9_span_text(left);
    hal9_step_progress(h->ctx, "all well, %s to go", span);
}

static hal9_status apply(struct hal9_step_ctx *c, const cJSON *before, const cJSON *intent,
                         struct hal9_error *err) {
    _cleanup_(hold_clear) struct hold h = {.ctx = c};
    (void)before;
    (void)intent;
    hal9_status status = read_args(&h, err);
    while (status == HAL9_OK) {
        status = one_round(&h, err);
        if (status != HAL9_E_TIMEOUT)
            return status;
        tell_time(&h);
        status = hal9_step_wait(c, -1, next_ms(&h), err);
    }
    return status;
}

static void list_services(const cJSON *args, struct hal9_strv *ret) {
    const cJSON *s;
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(args, "services")) {
        hal9_strv_add(ret, hal9_json_str(cJSON_GetObjectItemCaseSensitive(s, "service"), "name"));
    }
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(args, "metrics")) {
        hal9_strv_add(ret, hal9_json_str(s, "name"));
    }
}

static char *describe(const cJSON *args) {
    _cleanup_strv_ struct hal9_strv names = {0};
    const int64_t hold = hal9_json_int(args, "hold_ms", 0);
    _cleanup_free_ char *span = hal9_span_text(hold);
    list_services(args, &names);
    _cleanup_free_ char *all = hal9_strv_join(&names, ", ");
    if (names.n == 0)
        return hal9_strf("wait %s", span);
    return hold > 0 ? hal9_strf("watch %s for %s", all, span)
                    : hal9_strf("see that all is well: %s", all);
}

const struct hal9_step_kind hal9_kind_health_hold = {
    .name = "health.hold",
    .version = 1,
    .flags = HAL9_KIND_PASSIVE | HAL9_KIND_HOLDS,
    .apply = apply,
    .describe = describe,
};
