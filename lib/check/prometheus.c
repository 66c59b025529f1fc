/*
 * The prometheus check: a query's value must be below a limit, or at least another. No data is neither pass nor fail: an empty answer, NaN, a server that is not there or
 * doesn't know the query are unknown.
 */
#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/runner.h"
#include "doc/number.h"
#include "hal9ops/net.h"

enum unit { PLAIN, PERCENT, SECONDS };
struct limit {
    double value; /* in Prometheus' base units: a part of 1, seconds */
    enum unit unit;
};
struct params {
    char *url, *query, *token;
    struct limit below, at_least; /* one of them */
    bool least;                   /* at_least */
};
#define AT(member) offsetof(struct params, member)

static const char limit_form[] = "{\"type\":[\"string\",\"number\"]}";

static bool parse_number(const char *text, double *ret) {
    char *end;
    *ret = strtod(text, &end);
    return *text && !*end && isfinite(*ret) && !isspace((unsigned char)*text);
}

static void decode_limit(struct hal9_decoder *d, const struct hal9_node *n,
                         const struct hal9_field *f, void *field) {
    struct limit *l = field;
    int64_t ms;
    if (n->text && hal9_endswith(n->text, "%") &&
        hal9_parse_percent(n->text, &l->value, NULL) == HAL9_OK) {
        l->unit = PERCENT;
    } else if (n->text && parse_number(n->text, &l->value)) {
        l->unit = PLAIN;
    } else if (n->text && hal9_parse_duration(n->text, &ms, NULL) == HAL9_OK) {
        l->unit = SECONDS;
        l->value = (double)ms / 1000;
    } else {
        hal9_decoder_error(d, n, "%s must be a number, a part such as 5%% or a time such as 100ms",
                           f->key);
    }
}

static void clear_limit(void *field) {
    *(struct limit *)field = (struct limit){0};
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct params *p = object;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_(hal9_url_clear) struct hal9_url u = {0};
    const struct hal9_node *url = hal9_node_get(n, "prometheus");
    p->least = hal9_node_get(n, "at_least") != NULL;
    if (p->least == (hal9_node_get(n, "below") != NULL))
        hal9_decoder_error(d, n, "prometheus wants exactly one of below and at_least");
    if (!p->url || !url)
        return;
    if (hal9_url_parse(p->url, &u, &err) != HAL9_OK)
        hal9_decoder_error(d, url, "%s", err.message);
    else if (u.password)
        hal9_decoder_error(d, url, "a password in a URL would be seen in records; write token:");
    else if (strpbrk(p->url, "?#"))
        hal9_decoder_error(d, url, "the URL of the server alone; /api/v1/query is added");
}

static const struct hal9_field fields[] = {
    {.key = "prometheus",
     .type = HAL9_T_STRING,
     .offset = AT(url),
     .flags = HAL9_F_REQUIRED,
     .doc = "URL of a Prometheus server, or of another with its query API"},
    {.key = "query",
     .type = HAL9_T_STRING,
     .offset = AT(query),
     .flags = HAL9_F_REQUIRED,
     .doc = "PromQL; of several series the worst counts"},
    {.key = "below",
     .type = HAL9_T_CUSTOM,
     .offset = AT(below),
     .decode = decode_limit,
     .clear = clear_limit,
     .form = limit_form,
     .doc = "what its value must be below: a number, 5% of one, 100ms of a second"},
    {.key = "at_least",
     .type = HAL9_T_CUSTOM,
     .offset = AT(at_least),
     .decode = decode_limit,
     .clear = clear_limit,
     .form = limit_form,
     .doc = "in place of below: what it must not be less than"},
    {.key = "token",
     .type = HAL9_T_SECRET,
     .offset = AT(token),
     .doc = "reference to a bearer token"},
    {0},
};
static const struct hal9_schema schema = {
    .name = "prometheus", .size = sizeof(struct params), .fields = fields, .finish = finish};

static char *default_name(const void *params) {
    const struct params *p = params;
    return hal9_strf("prometheus %.40s", p->query ? p->query : "");
}

/* ---- the answer */

/* In the limit's own unit, as people wrote it. */
static char *value_text(const struct limit *l, double value) {
    if (isnan(value) || isinf(value))
        return hal9_strdup(isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
    if (l->unit == PERCENT)
        return hal9_strf("%.3g%%", value * 100);
    if (l->unit == SECONDS)
        return value < 10 ? hal9_strf("%.4g ms", value * 1000) : hal9_strf("%.4g s", value);
    return hal9_strf("%.6g", value);
}

/* [time, "0.01"]. What is no number, or lies below all numbers, is no data. */
static double sample_value(const cJSON *sample) {
    const cJSON *text = cJSON_GetArrayItem(sample, 1);
    const char *s = cJSON_IsString(text) ? text->valuestring : "";
    double value = NAN;
    if (hal9_streq(s, "+Inf") || hal9_streq(s, "Inf"))
        return INFINITY;
    return parse_number(s, &value) ? value : NAN;
}

struct worst {
    double value;
    size_t n, none; /* series, and those without a number */
    bool least;     /* the least is the worst */
};

static void take_sample(struct worst *w, const cJSON *sample) {
    const double value = sample_value(sample);
    w->none += isnan(value) ? 1 : 0;
    if (w->n++ == 0 || isnan(w->value) || (w->least ? value < w->value : value > w->value))
        w->value = value;
}

/* False: it is no answer to a query. */
static bool read_answer(const cJSON *answer, struct worst *ret) {
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(answer, "data");
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(data, "result"), *series;
    const char *type = hal9_json_str(data, "resultType");
    if (!hal9_streq(hal9_json_str(answer, "status"), "success") || !cJSON_IsArray(result))
        return false;
    if (hal9_streq(type, "scalar")) {
        take_sample(ret, result);
        return true;
    }
    if (!hal9_streq(type, "vector"))
        return false;
    cJSON_ArrayForEach(series, result) {
        take_sample(ret, cJSON_GetObjectItemCaseSensitive(series, "value"));
    }
    return true;
}

static void judge(struct hal9_check_run *r, const struct worst *w) {
    const struct params *p = r->check->params;
    const struct limit *l = p->least ? &p->at_least : &p->below;
    const char *word = p->least ? "at least" : "below";
    _cleanup_free_ char *limit = value_text(l, l->value);
    if (w->n == 0) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "no data: the query has no result");
        return;
    }
    _cleanup_free_ char *is = value_text(l, w->value);
    if (!isnan(w->value))
        hal9_check_value(r, l->unit == SECONDS ? "s" : "", "%.9g", w->value);
    if (p->least ? w->value < l->value : w->value >= l->value)
        hal9_check_done(r, HAL9_CHECK_FAIL, HAL9_CAUSE_FAILED, "%s, not %s %s", is, word, limit);
    else if (w->none > 0)
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "no data: %zu of %zu values are NaN", w->none,
                        w->n);
    else
        hal9_check_done(r, HAL9_CHECK_PASS, NULL, "%s, %s %s", is, word, limit);
}

static void on_done(void *data, const struct hal9_http_response *a, const struct hal9_error *e) {
    struct hal9_check_run *r = data;
    _cleanup_json_ cJSON *answer = NULL;
    struct worst w = {.least = ((const struct params *)r->check->params)->least};
    r->own = NULL;
    hal9_json_add_str(hal9_check_evidence(r), "peer", a->peer);
    if (e->code != HAL9_OK) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "no data: %s", e->message);
        return;
    }
    if (a->truncated || !a->body.data ||
        hal9_json_parse(a->body.data, a->body.len, &answer, NULL) != HAL9_OK || !answer) {
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "no data: it answers %d, and no JSON",
                        a->status);
        return;
    }
    if (read_answer(answer, &w)) {
        judge(r, &w);
        return;
    }
    const char *why = hal9_json_str(answer, "error");
    hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "no data: it answers %d%s%.200s", a->status,
                    why ? ": " : ", which is no answer to a query", why ? why : "");
}

/* ---- the question */

static void add_encoded(struct hal9_buf *b, const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (isalnum(*c) || strchr("-._~", *c))
            hal9_buf_putc(b, (char)*c);
        else
            hal9_buf_printf(b, "%%%02X", *c);
    }
}

static char *query_url(const struct params *p) {
    struct hal9_buf b = {0};
    size_t len = strlen(p->url);
    while (len > 0 && p->url[len - 1] == '/')
        len--;
    hal9_buf_add(&b, p->url, len);
    hal9_buf_puts(&b, "/api/v1/query?query=");
    add_encoded(&b, p->query);
    return hal9_buf_take(&b);
}

static hal9_status authorize(const struct params *p, char **ret, struct hal9_error *err) {
    char *secret = NULL;
    if (!p->token)
        return HAL9_OK;
    hal9_status status = hal9_secret_read(p->token, &secret, err);
    if (status == HAL9_OK)
        *ret = hal9_strf("Authorization: Bearer %s", secret);
    hal9_secret_free(secret);
    return status;
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_free_ char *url = query_url(p);
    char *authorization = NULL;
    struct hal9_http_pool *pool = NULL;
    struct hal9_http_call *call = NULL;
    hal9_json_add_str(hal9_check_evidence(r), "query", p->query);
    hal9_status status = authorize(p, &authorization, &err);
    const char *const headers[] = {authorization, NULL};
    const struct hal9_http_request q = {.url = url,
                                        .headers = headers,
                                        /* The check's own timer ends it before. */
                                        .timeout_ms = r->check->timeout_ms + 1000};
    if (status == HAL9_OK)
        status = hal9_check_http(r, &pool, &err);
    if (status == HAL9_OK)
        status = hal9_http_start(pool, &q, on_done, r, &call, &err);
    if (status == HAL9_OK)
        r->own = call;
    else
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "no data: %s", err.message);
    hal9_secret_free(authorization);
}

static void cancel(struct hal9_check_run *r) {
    hal9_http_cancel(HAL9_TAKE_PTR(r->own));
}

static void on_timeout(struct hal9_check_run *r) {
    _cleanup_free_ char *span = hal9_span_text(r->check->timeout_ms);
    cancel(r);
    hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "no data: no whole answer within %s", span);
}

const struct hal9_check_driver hal9_check_prometheus_driver = {
    .key = "prometheus",
    .doc = "a metric that must be below a limit, or at least another; no data is unknown",
    .schema = &schema,
    .name = default_name,
    .start = start,
    .cancel = cancel,
    .timeout = on_timeout,
};
