/* What an HTTP answer must be. */
#include "check/expect.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/compare.h"

#define AT(member) offsetof(struct hal9_expect, member)

/* "200-299" */
static bool parse_range(const char *want, int64_t *ret_first, int64_t *ret_last) {
    const char *dash = strchr(want, '-');
    _cleanup_free_ char *first = hal9_strndup(want, dash ? (size_t)(dash - want) : strlen(want));
    return hal9_parse_int(first, 100, 599, ret_first, NULL) == HAL9_OK &&
           hal9_parse_int(dash ? dash + 1 : first, 100, 599, ret_last, NULL) == HAL9_OK &&
           *ret_first <= *ret_last;
}

static bool is_comparison(const char *want) {
    return strchr("<>!~", *want) && *want;
}

static void check_status(struct hal9_decoder *d, const struct hal9_node *n,
                         const struct hal9_strv *status) {
    int64_t first, last;
    for (size_t i = 0; n && i < status->n; i++) {
        _cleanup_free_ char *why = NULL;
        const char *want = status->v[i];
        if (is_comparison(want) ? !hal9_compare_valid(want, &why)
                                : !parse_range(want, &first, &last))
            hal9_decoder_error(d, n, "'%s' is not a status such as 200, 200-204 or \"< 500\"",
                               want);
    }
}

/* Values of header and json. */
static void check_values(struct hal9_decoder *d, const struct hal9_node *n, bool pointers) {
    if (n && n->kind != HAL9_NODE_MAP)
        hal9_decoder_error(d, n, "it must be a map: {%s}",
                           pointers ? "/pointer: value" : "name: value");
    for (size_t i = 0; n && n->kind == HAL9_NODE_MAP && i < n->n; i++) {
        _cleanup_free_ char *why = NULL;
        const struct hal9_node *value = n->items[i];
        if (pointers && *n->keys[i]->text != '/' && *n->keys[i]->text)
            hal9_decoder_error(d, n->keys[i], "'%s' is not a JSON pointer: it begins with /",
                               n->keys[i]->text);
        if (!pointers && (value->kind == HAL9_NODE_LIST || value->kind == HAL9_NODE_MAP))
            hal9_decoder_error(d, value, "a header is compared with text");
        else if (value->kind == HAL9_NODE_STRING && !hal9_compare_valid(value->text, &why))
            hal9_decoder_error(d, value, "'%s' %s", value->text, why);
    }
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_expect *e = object;
    const struct hal9_node *body = hal9_node_get(n, "body");
    check_status(d, hal9_node_get(n, "status"), &e->status);
    check_values(d, hal9_node_get(n, "header"), false);
    check_values(d, hal9_node_get(n, "json"), true);
    for (size_t i = 0; body && i < e->body.n; i++) {
        _cleanup_free_ char *why = NULL;
        if (!hal9_compare_valid(e->body.v[i], &why))
            hal9_decoder_error(d, body, "'%s' %s", e->body.v[i], why);
    }
}

static const struct hal9_field fields[] = {
    {.key = "status",
     .type = HAL9_T_STRV,
     .offset = AT(status),
     .doc = "a status, a range or a comparison, or several; default 200-299"},
    {.key = "header",
     .type = HAL9_T_JSON,
     .offset = AT(header),
     .doc = "values of headers; one that is missing fails"},
    {.key = "body",
     .type = HAL9_T_STRV,
     .offset = AT(body),
     .doc = "the whole body without its last line end, or a comparison, or several"},
    {.key = "json",
     .type = HAL9_T_JSON,
     .offset = AT(json),
     .doc = "values at JSON pointers; one that is missing fails"},
    {.key = "within", .type = HAL9_T_DURATION, .offset = AT(within_ms), .doc = "time to answer"},
    {0},
};
const struct hal9_schema hal9_expect_schema = {.name = "expect",
                                               .size = sizeof(struct hal9_expect),
                                               .fields = fields,
                                               .finish = finish,
                                               .doc = "what the answer must be"};

static bool status_holds(const struct hal9_strv *want, int status) {
    int64_t first, last;
    if (want->n == 0)
        return status >= 200 && status <= 299;
    for (size_t i = 0; i < want->n; i++) {
        _cleanup_free_ char *why = NULL;
        if (is_comparison(want->v[i])) {
            if (hal9_compare_number(want->v[i], status, &why))
                return true;
        } else if (parse_range(want->v[i], &first, &last) && status >= first && status <= last)
            return true;
    }
    return false;
}

static char *explain_status(const struct hal9_expect *e, const struct hal9_http_response *r) {
    const char *location = hal9_http_header(r, "location");
    if (location && r->status >= 300 && r->status <= 399) {
        _cleanup_free_ char *shown = hal9_url_redact(location);
        return hal9_strf("%d: redirected to %s, not the page", r->status, shown);
    }
    if (e->status.n == 0)
        return hal9_strf("%d, not 200-299", r->status);
    _cleanup_free_ char *wanted = hal9_strv_join(&e->status, " or ");
    return hal9_strf("%d, not %s", r->status, wanted);
}

static bool header_holds(const cJSON *want, const struct hal9_http_response *r, char **ret_why) {
    const char *value = hal9_http_header(r, want->string);
    _cleanup_free_ char *why = NULL, *number = cJSON_IsString(want) ? NULL : hal9_json_text(want);
    if (!value)
        *ret_why = hal9_strf("header %s is not there", want->string);
    else if (!hal9_compare_text(number ? number : want->valuestring, value, &why))
        *ret_why = hal9_strf("header %s %s", want->string, why);
    return !*ret_why;
}

static bool body_holds(const struct hal9_strv *want, const struct hal9_http_response *r,
                       char **ret_why) {
    for (size_t i = 0; i < want->n && !*ret_why; i++) {
        _cleanup_free_ char *why = NULL;
        if (!hal9_compare_body(want->v[i], r->body.data ? r->body.data : "", r->body.len, &why))
            *ret_why = hal9_strf("the body %s", why);
    }
    return !*ret_why;
}

static bool json_holds(const cJSON *want, const struct hal9_http_response *r, char **ret_why) {
    _cleanup_error_ struct hal9_error err = {0};
    _cleanup_json_ cJSON *body = NULL;
    if (r->truncated) {
        *ret_why =
            hal9_strf("the answer is longer than %zu bytes: its JSON was not read", r->body.len);
        return false;
    }
    if (hal9_json_parse(r->body.data ? r->body.data : "", r->body.len, &body, &err) != HAL9_OK) {
        const char *type = hal9_http_header(r, "content-type");
        *ret_why = hal9_strf("the answer is not JSON (%s)", type ? type : "no content type");
        return false;
    }
    for (const cJSON *w = want->child; w; w = w->next) {
        _cleanup_free_ char *why = NULL;
        if (!hal9_compare_json(w, hal9_json_pointer(body, w->string), &why)) {
            *ret_why = hal9_strf("%s %s", *w->string ? w->string : "the JSON", why);
            return false;
        }
    }
    return true;
}

bool hal9_expect_holds(const struct hal9_expect *e, const struct hal9_http_response *r,
                       char **ret_why) {
    char *why = NULL;
    if (!status_holds(&e->status, r->status))
        why = explain_status(e, r);
    for (const cJSON *h = e->header ? e->header->child : NULL; h && !why; h = h->next)
        header_holds(h, r, &why);
    if (!why)
        body_holds(&e->body, r, &why);
    if (!why && e->json)
        json_holds(e->json, r, &why);
    if (!why && e->within_ms > 0 && r->us > e->within_ms * 1000) {
        _cleanup_free_ char *took = hal9_span_us_text(r->us);
        _cleanup_free_ char *within = hal9_span_text(e->within_ms);
        why = hal9_strf("it took %s, not within %s", took, within);
    }
    if (why)
        *ret_why = why;
    return !why;
}
