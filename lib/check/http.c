/* The http check: one request, its answer compared, its listener looked at. */
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "check/expect.h"
#include "check/outcome.h"
#include "check/runner.h"
#include "hal9ops/net.h"

struct params {
    char *url, *method, *listener, *ca_file;
    cJSON *headers, *data;
    int64_t follow;
    struct hal9_expect expect;
};
#define STALE_SECONDS 10 /* older than that, a page says nothing about now */
#define AT(member) offsetof(struct params, member)

static void check_headers(struct hal9_decoder *d, const struct hal9_node *n) {
    if (n && n->kind != HAL9_NODE_MAP)
        hal9_decoder_error(d, n, "headers are a map: {Name: value}");
    for (size_t i = 0; n && n->kind == HAL9_NODE_MAP && i < n->n; i++) {
        const char *name = n->keys[i]->text, *value = n->items[i]->text;
        if (!value || strpbrk(value, "\r\n") || strpbrk(name, ":\r\n "))
            hal9_decoder_error(d, n->items[i], "header '%s' must be one line of text", name);
        else if (hal9_secret_name(name) && !hal9_startswith(value, "file:") &&
                 !hal9_startswith(value, "env:")) {
            hal9_decoder_error(d, n->items[i], "header '%s' is a secret written in the clear",
                               name);
            hal9_decoder_hint(d, "write {%s: file:PATH} or {%s: env:NAME}", name, name);
        }
    }
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct params *p = object;
    const struct hal9_node *url = hal9_node_get(n, "http");
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_(hal9_url_clear) struct hal9_url u = {0};
    check_headers(d, hal9_node_get(n, "headers"));
    if (!p->url || !url)
        return;
    if (hal9_url_parse(p->url, &u, &err) != HAL9_OK)
        hal9_decoder_error(d, url, "%s", err.message);
    else if (u.password) {
        hal9_decoder_error(d, url, "a password in a URL would be seen in records");
        hal9_decoder_hint(d, "write headers: {Authorization: file:PATH}");
    }
}

static const char *const listeners[] = {"service", "any", NULL};
static const struct hal9_field fields[] = {
    {.key = "http",
     .type = HAL9_T_STRING,
     .offset = AT(url),
     .flags = HAL9_F_REQUIRED,
     .doc = "URL of the page"},
    {.key = "method",
     .type = HAL9_T_STRING,
     .offset = AT(method),
     .doc = "default GET; POST where there is data"},
    {.key = "headers",
     .type = HAL9_T_JSON,
     .offset = AT(headers),
     .doc = "headers to send; secrets as file:PATH or env:NAME"},
    {.key = "data",
     .type = HAL9_T_JSON,
     .offset = AT(data),
     .doc = "body to send: text, or anything else as JSON"},
    {.key = "follow",
     .type = HAL9_T_INT,
     .offset = AT(follow),
     .max = 20,
     .doc = "redirects to follow; default 0: a redirect is not the page"},
    {.key = "expect",
     .type = HAL9_T_MAP,
     .offset = AT(expect),
     .sub = &hal9_expect_schema,
     .doc = "what the answer must be"},
    {.key = "listener",
     .type = HAL9_T_CHOICE,
     .offset = AT(listener),
     .choices = listeners,
     .dflt = "service",
     .doc = "who must listen on a local port: the service itself, or any (a proxy before it)"},
    {.key = "ca",
     .type = HAL9_T_STRING,
     .offset = AT(ca_file),
     .doc = "file of the authorities to trust; default: the system's"},
    {0},
};
static const struct hal9_schema schema = {
    .name = "http", .size = sizeof(struct params), .fields = fields, .finish = finish};

/* An answer may take as long as the check where that is told to be fine. */
static void fit_timeout(struct hal9_decoder *d, const struct hal9_node *n, struct hal9_check *c) {
    const struct params *p = c->params;
    const int64_t within = p->expect.within_ms;
    if (within < c->timeout_ms)
        return;
    if (hal9_node_get(n, "timeout"))
        hal9_decoder_error(d, hal9_node_get(n, "timeout"),
                           "within must be shorter than timeout, or the answer is never late");
    c->timeout_ms = within + 1000;
}

static char *default_name(const void *params) {
    const struct params *p = params;
    _cleanup_(hal9_url_clear) struct hal9_url u = {0};
    if (!p->url || hal9_url_parse(p->url, &u, NULL) != HAL9_OK)
        return hal9_strdup("http");
    return hal9_strf("http %s", u.path);
}

/* "Name: value" with secrets read. */
static hal9_status fill_headers(const struct params *p, struct hal9_strv *ret,
                                struct hal9_error *err) {
    if (p->data && !cJSON_IsString(p->data))
        hal9_strv_add(ret, "Content-Type: application/json");
    if (!p->headers || !cJSON_GetObjectItem(p->headers, "Cache-Control"))
        hal9_strv_add(ret, "Cache-Control: no-cache");
    for (const cJSON *h = p->headers ? p->headers->child : NULL; h; h = h->next) {
        _cleanup_free_ char *plain = cJSON_IsString(h) ? NULL : hal9_json_text(h);
        const char *value = plain ? plain : h->valuestring;
        if (!hal9_startswith(value, "file:") && !hal9_startswith(value, "env:")) {
            hal9_strv_take(ret, hal9_strf("%s: %s", h->string, value));
            continue;
        }
        char *secret = NULL;
        hal9_status status = hal9_secret_read(value, &secret, err);
        if (status != HAL9_OK)
            return status;
        hal9_strv_take(ret, hal9_strf("%s: %s", h->string, secret));
        hal9_secret_free(secret);
    }
    return HAL9_OK;
}

/* Where a request goes whose peer is not known, as it came to no connection. */
static void aim(struct hal9_port_outcome *o, const char *url) {
    _cleanup_(hal9_url_clear) struct hal9_url u = {0};
    if (hal9_url_parse(url, &u, NULL) != HAL9_OK)
        return;
    _cleanup_free_ char *peer =
        hal9_strf(strchr(u.host, ':') ? "[%s]:%u" : "%s:%u", u.host, u.port);
    hal9_port_outcome_peer(o, peer);
    o->port = u.port;
    if (strcasecmp(u.host, "localhost") == 0)
        o->local = true;
}

static struct hal9_port_outcome *new_outcome(const struct params *p) {
    struct hal9_port_outcome *o = hal9_alloc(sizeof(*o));
    o->proto = HAL9_TCP;
    o->any = hal9_streq(p->listener, "any");
    o->state = HAL9_CHECK_FAIL;
    o->cause = HAL9_CAUSE_FAILED;
    return o;
}

/* A peer that is not where the URL points to is a proxy: its listener says nothing. */
static bool is_direct(const struct hal9_http_response *r, uint16_t peer_port) {
    _cleanup_(hal9_url_clear) struct hal9_url u = {0};
    return r->final_url && hal9_url_parse(r->final_url, &u, NULL) == HAL9_OK && u.port == peer_port;
}

static void add_evidence(struct hal9_check_run *r, const struct hal9_http_response *a) {
    cJSON *e = hal9_check_evidence(r);
    hal9_json_add_str(e, "url", a->final_url);
    hal9_json_add_str(e, "peer", a->peer);
    hal9_json_add_str(e, "certificate", a->certificate);
    if (a->status > 0)
        hal9_json_add_int(e, "status", a->status);
}

/* Seconds for which a cache has kept the answer (RFC 9111, 5.1); 0: it comes from the service. */
static int64_t cached_for(const struct hal9_http_response *a) {
    const char *age = hal9_http_header(a, "age");
    int64_t seconds = 0;
    return age && hal9_parse_int(age, 0, INT64_MAX, &seconds, NULL) == HAL9_OK ? seconds : 0;
}

static void judge_answer(struct hal9_check_run *r, const struct params *p,
                         const struct hal9_http_response *a, struct hal9_port_outcome *o) {
    _cleanup_free_ char *span = hal9_span_us_text(a->us), *why = NULL;
    hal9_check_value(r, "ms", "%.3f", (double)a->us / 1000);
    const int64_t age = cached_for(a);
    o->said = hal9_strf("answers %d", a->status);
    if (age > 0)
        hal9_json_add_int(hal9_check_evidence(r), "age_ms", 1000 * age);
    if (hal9_expect_holds(&p->expect, a, &why) && age >= STALE_SECONDS) {
        o->state = HAL9_CHECK_UNKNOWN;
        o->reason = hal9_strf("%d, but a cache answered with a page that is %lld s old", a->status,
                              (long long)age);
    } else if (!why) {
        o->state = HAL9_CHECK_PASS;
        o->reason = hal9_strf("%d in %s", a->status, span);
    } else
        o->reason = HAL9_TAKE_PTR(why);
}

static void on_done(void *data, const struct hal9_http_response *a, const struct hal9_error *e) {
    struct hal9_check_run *r = data;
    const struct params *p = r->check->params;
    struct hal9_port_outcome *o = new_outcome(p);
    r->own = NULL;
    add_evidence(r, a);
    if (e->code == HAL9_OK) {
        judge_answer(r, p, a, o);
        hal9_port_outcome_peer(o, a->peer);
        o->local = o->local && is_direct(a, o->port);
    } else {
        aim(o, p->url);
        o->reason = hal9_strdup(e->message);
        o->refused = a->failure == HAL9_HTTP_REFUSED;
        o->said = hal9_strdup(a->failure == HAL9_HTTP_TIMEOUT ? "gives no whole answer"
                              : a->failure == HAL9_HTTP_TLS   ? "fails at TLS"
                                                              : "does not answer in HTTP");
    }
    hal9_port_end(r, o);
}

static void start(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_strv_ struct hal9_strv headers = {0};
    _cleanup_free_ char *json =
        p->data && !cJSON_IsString(p->data) ? hal9_json_text(p->data) : NULL;
    const char *data = json ? json : p->data ? p->data->valuestring : NULL;
    struct hal9_http_pool *pool = NULL;
    struct hal9_http_call *call = NULL;
    hal9_status status = fill_headers(p, &headers, &err);
    const struct hal9_http_request q = {.method = p->method,
                                        .url = p->url,
                                        .headers = (const char *const *)headers.v,
                                        .data = data,
                                        .data_len = data ? strlen(data) : 0,
                                        .follow = (int)p->follow,
                                        .share = true,
                                        /* The check's own timer ends it before. */
                                        .timeout_ms = r->check->timeout_ms + 1000,
                                        .ca_file = p->ca_file};
    if (status == HAL9_OK)
        status = hal9_check_http(r, &pool, &err);
    if (status == HAL9_OK)
        status = hal9_http_start(pool, &q, on_done, r, &call, &err);
    if (status == HAL9_OK)
        r->own = call;
    else
        hal9_check_done(r, HAL9_CHECK_UNKNOWN, NULL, "%s", err.message);
    for (size_t i = 0; i < headers.n; i++)
        explicit_bzero(headers.v[i], strlen(headers.v[i]));
}

static void cancel(struct hal9_check_run *r) {
    hal9_http_cancel(HAL9_TAKE_PTR(r->own));
}

static void on_timeout(struct hal9_check_run *r) {
    const struct params *p = r->check->params;
    struct hal9_port_outcome *o = new_outcome(p);
    _cleanup_free_ char *span = hal9_span_text(r->check->timeout_ms);
    _cleanup_free_ char *shown = hal9_url_redact(p->url);
    cancel(r);
    aim(o, p->url);
    hal9_json_add_str(hal9_check_evidence(r), "url", shown);
    o->reason = hal9_strf("%s: no whole answer within %s", shown, span);
    o->said = hal9_strf("gives no whole answer within %s", span);
    hal9_port_end(r, o);
}

const struct hal9_check_driver hal9_check_http_driver = {
    .key = "http",
    .doc = "a page that must answer as expected",
    .schema = &schema,
    .name = default_name,
    .finish = fit_timeout,
    .start = start,
    .cancel = cancel,
    .timeout = on_timeout,
    .look = hal9_port_look,
};
