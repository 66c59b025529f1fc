/* Requests to a flag server: with its token, again where that helps, within bounds; what it answers, in words that hold no secret. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flag/flag-internal.h"
#include "store/store-internal.h"
#include "sys/fault.h"

#define REQUEST_MS 5000 /* one try */
#define ALL_MS 20000    /* all that one flag wants */
#define BODY_MAX ((size_t)16 << 20)
#define SAID_MAX 300

/* ---- the breaker lasts in the state directory */

static bool load_breaker(void *data, struct hal9_breaker_state *ret) {
    const struct fl_ask *a = data;
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_json_ cJSON *j = NULL;
    if (hal9_store_read(a->breaker_path, 4096, &text, NULL) != HAL9_OK || text.len == 0 ||
        hal9_json_parse(text.data, text.len, &j, NULL) != HAL9_OK)
        return false;
    ret->failures = hal9_json_int(j, "failures", 0);
    ret->since_ms = hal9_json_int(j, "since_ms", 0);
    return true;
}

/* A well server leaves no file. One that can't be written only costs a try more. */
static void save_breaker(void *data, const struct hal9_breaker_state *s) {
    const struct fl_ask *a = data;
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    if (s->failures == 0) {
        hal9_sys_unlink(a->breaker_path);
        return;
    }
    hal9_json_add_int(j, "failures", s->failures);
    hal9_json_add_int(j, "since_ms", s->since_ms);
    _cleanup_free_ char *text = hal9_json_text(j);
    hal9_file_write(a->breaker_path, text, strlen(text), hal9_state_file_mode(a->c->state), NULL);
}

static void open_breaker(struct fl_ask *a, const char *url) {
    char sha[65];
    _cleanup_free_ char *dir = hal9_path_join(hal9_state_path(a->c->state), "breakers");
    hal9_sha256_hex(url, strlen(url), sha);
    if (hal9_state_writable(a->c->state, NULL) != HAL9_OK ||
        hal9_dir_make(dir, hal9_state_dir_mode(a->c->state), NULL) != HAL9_OK)
        return;
    a->breaker_path = hal9_strf("%s/flag-%.16s.json", dir, sha);
    a->breaker = hal9_breaker_new(
        &(struct hal9_breaker_opts){.load = load_breaker, .save = save_breaker, .data = a});
}

void fl_ask_open(struct fl_ask *a, const struct fl_call *c, const char *url) {
    a->c = c;
    a->deadline_ms = hal9_mono_ms() + ALL_MS;
    if (c->state)
        open_breaker(a, url);
}

void fl_ask_close(struct fl_ask *a) {
    hal9_breaker_free(a->breaker);
    free(a->breaker_path);
    a->breaker = NULL;
    a->breaker_path = NULL;
}

void fl_answer_clear(struct fl_answer *r) {
    cJSON_Delete(r->body);
    free(r->etag);
    free(r->said);
    *r = (struct fl_answer){0};
}

char *fl_url_piece(const char *text) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    struct hal9_buf b = {0};
    const bool dots = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
    for (const char *p = text; *p; p++)
        if (strchr(plain, *p) && !dots)
            hal9_buf_putc(&b, *p);
        else
            hal9_buf_printf(&b, "%%%02X", (unsigned char)*p);
    return hal9_buf_take(&b);
}

/* ---- what it said */

static char *without(const char *text, const char *secret) {
    struct hal9_buf b = {0};
    const size_t len = secret ? strlen(secret) : 0;
    while (*text) {
        if (len > 0 && strncmp(text, secret, len) == 0) {
            hal9_buf_puts(&b, "***");
            text += len;
        } else {
            hal9_buf_putc(&b, (unsigned char)*text < ' ' ? ' ' : *text);
            text++;
        }
    }
    return hal9_buf_take(&b);
}

/* Its message and details, or the body as it is. */
static char *said(const struct hal9_http_response *a, const cJSON *body, const char *token) {
    const char *message = hal9_json_str(body, "message");
    const cJSON *details = cJSON_GetObjectItemCaseSensitive(body, "details");
    const char *detail = hal9_json_str(cJSON_GetArrayItem(details, 0), "message");
    struct hal9_buf b = {0};
    if (message)
        hal9_buf_puts(&b, message);
    if (detail && !hal9_streq(detail, message))
        hal9_buf_printf(&b, "%s%s", message ? "; " : "", detail);
    if (b.len == 0 && a->body.data)
        hal9_buf_puts(&b, a->body.data);
    _cleanup_free_ char *all = hal9_buf_take(&b);
    char *clean = without(all, token);
    if (strlen(clean) > SAID_MAX) {
        size_t cut = SAID_MAX;
        while (cut > 0 && ((unsigned char)clean[cut] & 0xc0) == 0x80)
            cut--; /* not within a character */
        clean[cut] = '\0';
    }
    return clean;
}

/* ---- how it failed */

static void hint_token(const struct fl_ask *a, struct hal9_error *err) {
    if (a->reference)
        hal9_error_hint(err,
                        "see what %s holds: it must be a token that may change flags (an admin "
                        "token, or a personal or service account's)",
                        a->reference);
    else
        hal9_error_hint(err, "give the store a token: file:PATH or env:NAME");
}

static hal9_status denied(const struct fl_ask *a, const char *url, const struct fl_answer *r,
                          struct hal9_error *err) {
    const char *change = strstr(r->said, "SKIP_CHANGE_REQUEST");
    hal9_error_set(err, HAL9_E_PERM, "%s answers %d%s%s", url, r->status, *r->said ? ": " : "",
                   r->said);
    if (change || strcasestr(r->said, "change request"))
        hal9_error_hint(err,
                        "changes there go through change requests: make one in %s, or let the "
                        "token's owner skip them (SKIP_CHANGE_REQUEST)",
                        a->what);
    else
        hint_token(a, err);
    return HAL9_E_PERM;
}

static hal9_status no_answer(const struct fl_ask *a, const char *url, hal9_status st,
                             const struct hal9_http_response *h, const struct hal9_error *e,
                             struct hal9_error *err) {
    if (st == HAL9_E_INTERRUPTED)
        return hal9_error_set(err, st, "%s", e->message);
    const bool named = strstr(e->message, url) != NULL;
    hal9_error_set(err, HAL9_E_UNKNOWN, "%s%s%s", named ? "" : url, named ? "" : ": ", e->message);
    if (h->failure == HAL9_HTTP_TLS)
        hal9_error_hint(err, "its certificate is not trusted on this host; add its authority to "
                             "the system's (update-ca-certificates)");
    else if (st == HAL9_E_REFUSED)
        hal9_error_hint(err, "when %s answers again, run this again", a->what);
    else
        hal9_error_hint(err, "is %s up? Try: curl -sS %s", a->what, url);
    return HAL9_E_UNKNOWN;
}

static hal9_status bad_status(const struct fl_ask *a, const char *url, int tries,
                              const struct hal9_http_response *h, const struct fl_answer *r,
                              struct hal9_error *err) {
    const char *colon = *r->said ? ": " : "";
    const char *to = hal9_http_header(h, "location");
    if (r->status == 401 || r->status == 403)
        return denied(a, url, r, err);
    if (r->status == 404)
        return hal9_error_set(err, HAL9_E_NOT_FOUND, "%s is not there%s%s", url, colon, r->said);
    if (r->later) {
        _cleanup_free_ char *often = tries > 1 ? hal9_strf(" (%d tries)", tries) : hal9_strdup("");
        hal9_error_set(err, HAL9_E_UNKNOWN, "%s answers %d%s%s%s", url, r->status, colon, r->said,
                       often);
        hal9_error_hint(err, "when %s is well again, run this again", a->what);
        return HAL9_E_UNKNOWN;
    }
    if (r->status >= 300 && r->status < 400) {
        hal9_error_set(err, HAL9_E_PROTOCOL, "%s redirects to %s", url, to ? to : "somewhere");
        hal9_error_hint(err, "write the URL that it leads to");
        return HAL9_E_PROTOCOL;
    }
    return hal9_error_set(err, HAL9_E_REFUSED, "%s answers %d%s%s", url, r->status, colon, r->said);
}

/* ---- asking */

static bool good(const struct fl_request *q, int status) {
    return (status >= 200 && status < 300) || status == 304 || status == 412 ||
           (status == 404 && q->missing_ok);
}

/* What came of a request. */
struct exchange {
    hal9_status st;
    int tries;
    struct hal9_http_response h;
    struct hal9_error e;
};

static void exchange_clear(struct exchange *x) {
    hal9_http_response_clear(&x->h);
    hal9_error_clear(&x->e);
}

static hal9_status judge(const struct fl_ask *a, const struct fl_request *q,
                         const struct exchange *x, const char *token, struct fl_answer *ret,
                         struct hal9_error *err) {
    _cleanup_free_ char *url = hal9_url_redact(q->url);
    const struct hal9_http_response *h = &x->h;
    ret->later = hal9_http_classify(x->st, h) == HAL9_HTTP_LATER && x->st != HAL9_E_REFUSED;
    ret->after_ms = -1;
    if (x->st != HAL9_OK)
        return no_answer(a, url, x->st, h, &x->e, err);
    ret->status = h->status;
    ret->after_ms = ret->later ? hal9_http_retry_after(h) : -1;
    ret->etag = hal9_strdup(hal9_http_header(h, "etag"));
    if (h->body.len > 0 && !h->truncated)
        hal9_json_parse(h->body.data, h->body.len, &ret->body, NULL);
    ret->said = said(h, ret->body, token);
    if (!good(q, h->status))
        return bad_status(a, url, x->tries, h, ret, err);
    if (h->truncated)
        return hal9_error_set(err, HAL9_E_LIMIT, "%s answers more than 16 MiB", url);
    return HAL9_OK;
}

hal9_status fl_ask(struct fl_ask *a, const struct fl_request *q, struct fl_answer *ret,
                   struct hal9_error *err) {
    _cleanup_(exchange_clear) struct exchange x = {0};
    _cleanup_free_ char *body = q->body ? hal9_json_text(q->body) : NULL;
    char *token = NULL, *header = NULL;
    if (a->reference) {
        hal9_status st = hal9_secret_read(a->reference, &token, err);
        if (st != HAL9_OK)
            return st;
        header = hal9_strf("Authorization: %s%s", a->scheme, token);
    }
    const char *headers[5] = {"Accept: application/json", NULL};
    size_t n = 1;
    if (header)
        headers[n++] = header;
    if (body)
        headers[n++] = "Content-Type: application/json";
    if (q->header)
        headers[n++] = q->header;
    const struct hal9_http_request request = {.method = q->method,
                                              .url = q->url,
                                              .headers = headers,
                                              .data = body,
                                              .data_len = body ? strlen(body) : 0,
                                              .timeout_ms = REQUEST_MS,
                                              .max_body = BODY_MAX,
                                              .keyed = q->twice};
    /* Looking is always allowed, and says nothing about whether changes go through. */
    const struct hal9_retry how = {.attempts = q->once ? 1 : 0,
                                   .deadline_ms = a->deadline_ms,
                                   .breaker = q->method ? a->breaker : NULL};
    x.st = hal9_http_retry(&request, &how, a->c->cancel_fd, &x.h, &x.tries, &x.e);
    fl_answer_clear(ret);
    hal9_status st = judge(a, q, &x, token, ret, err);
    hal9_secret_free(header);
    hal9_secret_free(token);
    return st;
}
