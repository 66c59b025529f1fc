/* http: any server that speaks the small protocol of hal9ops/flag.h. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

#define WORDS_MAX 60

static void open_ask(struct fl_ask *a, const struct fl_call *c) {
    *a = (struct fl_ask){.what = "the flag server", .reference = c->f->token, .scheme = "Bearer "};
    fl_ask_open(a, c, c->f->http);
}

/* URL, or URL/NAME; a query stays behind it. Fresh. */
static char *url_of(const struct hal9_flag_spec *f, const char *name) {
    const char *query = strchr(f->http, '?');
    size_t len = query ? (size_t)(query - f->http) : strlen(f->http);
    if (!name)
        return hal9_strdup(f->http);
    while (len > 0 && f->http[len - 1] == '/')
        len--;
    _cleanup_free_ char *piece = fl_url_piece(name);
    return hal9_strf("%.*s/%s%s", (int)len, f->http, piece, query ? query : "");
}

static hal9_status get(struct fl_ask *a, const char *name, const char *etag, struct fl_answer *ret,
                       struct hal9_error *err) {
    _cleanup_free_ char *url = url_of(a->c->f, name);
    _cleanup_free_ char *header = etag ? hal9_strf("If-None-Match: %s", etag) : NULL;
    const struct fl_request q = {.url = url, .missing_ok = name != NULL, .header = header};
    hal9_status st = fl_ask(a, &q, ret, err);
    if (st == HAL9_OK && ret->status == 404) {
        cJSON_Delete(ret->body);
        ret->body = cJSON_CreateNull();
    }
    const bool answered = ret->body || ret->status == 304;
    if (st == HAL9_OK &&
        (!answered || (!name && ret->status != 304 && !cJSON_IsObject(ret->body)))) {
        _cleanup_free_ char *shown = hal9_url_redact(url);
        hal9_error_set(err, HAL9_E_PROTOCOL, "%s answers no JSON%s", shown, name ? "" : " object");
        hal9_error_hint(err, "the protocol is told in hal9.yaml(5), at flags");
        return HAL9_E_PROTOCOL;
    }
    return st;
}

static hal9_status read_all(struct fl_ask *a, struct fl_seen *seen, cJSON **ret,
                            struct hal9_error *err) {
    _cleanup_answer_ struct fl_answer r = {0};
    hal9_status st = get(a, NULL, seen ? seen->etag : NULL, &r, err);
    if (st != HAL9_OK)
        return st;
    if (seen) {
        seen->same = r.status == 304;
        if (r.etag) {
            free(seen->etag);
            seen->etag = HAL9_TAKE_PTR(r.etag);
        }
    }
    *ret = r.status == 304 ? NULL : HAL9_TAKE_PTR(r.body);
    return HAL9_OK;
}

static hal9_status read_flags(const struct fl_call *c, const struct hal9_strv *names,
                              struct fl_seen *seen, cJSON **ret, struct hal9_error *err) {
    _cleanup_ask_ struct fl_ask a;
    _cleanup_json_ cJSON *all = NULL;
    open_ask(&a, c);
    if (!names)
        return read_all(&a, seen, ret, err);
    all = cJSON_CreateObject();
    for (size_t i = 0; i < names->n; i++) {
        _cleanup_answer_ struct fl_answer r = {0};
        hal9_status st = get(&a, names->v[i], NULL, &r, err);
        if (st != HAL9_OK)
            return st;
        cJSON_AddItemToObject(all, names->v[i], HAL9_TAKE_PTR(r.body));
    }
    *ret = HAL9_TAKE_PTR(all);
    return HAL9_OK;
}

/* ---- writing */

static hal9_status drift(const struct fl_call *c, const char *name, struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_DRIFT, "somebody else changed %s in %s at the same moment", name,
                   fl_name(c->f));
    hal9_error_hint(err, "look at it and run this again");
    return HAL9_E_DRIFT;
}

static bool same(const cJSON *a, const cJSON *b) {
    if (!a || cJSON_IsNull(a))
        return !b || cJSON_IsNull(b);
    return b && hal9_json_equal(a, b);
}

static hal9_status send_one(struct fl_ask *a, const char *name, const char *etag, bool fresh,
                            const cJSON *wanted, int *ret_status, struct hal9_error *err) {
    _cleanup_answer_ struct fl_answer r = {0};
    _cleanup_free_ char *url = url_of(a->c->f, name);
    _cleanup_free_ char *header = etag    ? hal9_strf("If-Match: %s", etag)
                                  : fresh ? hal9_strdup("If-None-Match: *")
                                          : NULL;
    const bool gone = cJSON_IsNull(wanted);
    const struct fl_request q = {.method = gone ? "DELETE" : "PUT",
                                 .url = url,
                                 .body = gone ? NULL : wanted,
                                 .header = header,
                                 .missing_ok = gone};
    hal9_status st = fl_ask(a, &q, &r, err);
    *ret_status = r.status;
    return st;
}

static hal9_status write_one(struct fl_ask *a, const char *name, const cJSON *now,
                             const cJSON *wanted, struct hal9_error *err) {
    _cleanup_answer_ struct fl_answer before = {0}, after = {0};
    int status = 0;
    hal9_status st = get(a, name, NULL, &before, err);
    if (st != HAL9_OK)
        return st;
    if (same(before.body, wanted))
        return HAL9_OK;
    if (!same(before.body, now))
        return drift(a->c, name, err);
    st = send_one(a, name, before.etag, before.status == 404, wanted, &status, err);
    if (st == HAL9_OK)
        st = get(a, name, NULL, &after, err);
    /* 412: somebody was faster, or it is our own first try that came through without an answer. */
    if (st == HAL9_OK && !same(after.body, wanted)) {
        if (status == 412)
            return drift(a->c, name, err);
        return hal9_error_set(err, HAL9_E_FAILED, "%s took %s and answers something else now",
                              fl_name(a->c->f), name);
    }
    return st;
}

static hal9_status write_flags(const struct fl_call *c, const cJSON *now, const cJSON *wanted,
                               struct hal9_error *err) {
    const cJSON *w;
    hal9_status st = HAL9_OK;
    cJSON_ArrayForEach(w, wanted) {
        _cleanup_ask_ struct fl_ask a;
        if (st != HAL9_OK)
            break;
        open_ask(&a, c);
        st = write_one(&a, w->string, cJSON_GetObjectItemCaseSensitive(now, w->string), w, err);
    }
    return st;
}

/* ---- words */

static char *words(const char *name, const cJSON *state) {
    (void)name;
    if (cJSON_IsBool(state))
        return hal9_strdup(cJSON_IsTrue(state) ? "on" : "off");
    char *text = cJSON_IsString(state) ? hal9_strdup(state->valuestring) : hal9_json_text(state);
    size_t len = strlen(text);
    if (len > WORDS_MAX) {
        for (len = WORDS_MAX; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
        text[len] = '\0';
    }
    return text;
}

static hal9_status wanted_state(const char *name, const cJSON *now, const char *word, cJSON **ret,
                                struct hal9_error *err) {
    cJSON *value = NULL;
    if (!now || cJSON_IsNull(now))
        return hal9_error_set(err, HAL9_E_USAGE, "there is no flag %s", name);
    const bool text = cJSON_IsString(now);
    if (!text && (strcmp(word, "on") == 0 || strcmp(word, "off") == 0))
        value = cJSON_CreateBool(strcmp(word, "on") == 0);
    else if (text || hal9_json_parse(word, strlen(word), &value, NULL) != HAL9_OK)
        value = cJSON_CreateString(word);
    if (cJSON_IsNull(value)) {
        cJSON_Delete(value);
        return hal9_error_set(err, HAL9_E_USAGE, "null is no value of a flag");
    }
    *ret = value;
    return HAL9_OK;
}

static char *place(const struct hal9_flag_spec *f) {
    return hal9_url_redact(f->http);
}

const struct fl_driver fl_http = {
    .kind = "http",
    .shared = true,
    .read = read_flags,
    .write = write_flags,
    .words = words,
    .wanted = wanted_state,
    .place = place,
};
