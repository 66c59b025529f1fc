/* Takes secrets out of texts, JSON and argument vectors. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "doc/redact-internal.h"

enum { VALUE_LEAST = 6, LINE_LEAST = 16, VALUES_MAX = 512 };

struct hal9_redactor {
    char **values; /* the longest first: one may be a part of another */
    size_t n, cap;
};

/* What was read in this process. */
static struct {
    pthread_mutex_t lock;
    struct hal9_redactor values;
} read_here = {.lock = PTHREAD_MUTEX_INITIALIZER};

struct hal9_redactor *hal9_redactor_new(void) {
    return hal9_alloc(sizeof(struct hal9_redactor));
}

void hal9_redactor_free(struct hal9_redactor *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->n; i++)
        hal9_secret_free(r->values[i]);
    free(r->values);
    free(r);
}

static void learn(struct hal9_redactor *r, const char *value, size_t len) {
    size_t at = 0;

    if (len < VALUE_LEAST || r->n == VALUES_MAX)
        return;
    while (at < r->n && strlen(r->values[at]) > len)
        at++;
    for (size_t i = at; i < r->n && strlen(r->values[i]) == len; i++)
        if (memcmp(r->values[i], value, len) == 0)
            return;
    r->values = hal9_grow(r->values, &r->cap, r->n, sizeof(*r->values));
    memmove(r->values + at + 1, r->values + at, (r->n - at) * sizeof(*r->values));
    r->values[at] = hal9_strndup(value, len);
    r->n++;
}

/* Of a value with several lines (a key), each long one: a log may quote it line by line. */
void hal9_redactor_learn(struct hal9_redactor *r, const char *value) {
    size_t len = strlen(value);

    learn(r, value, len);
    for (const char *line = value; strchr(value, '\n') && *line;) {
        size_t n = strcspn(line, "\r\n");

        if (n >= LINE_LEAST && !hal9_startswith(line, "-----"))
            learn(r, line, n);
        line += n + strspn(line + n, "\r\n");
    }
}

void redact_remember(const char *value) {
    pthread_mutex_lock(&read_here.lock);
    hal9_redactor_learn(&read_here.values, value);
    pthread_mutex_unlock(&read_here.lock);
}

void hal9_redactor_learn_env(struct hal9_redactor *r, const char *pair) {
    const char *value = strchr(pair, '=');

    if (value && redact_is_name(pair, (size_t)(value - pair)) && !redact_is_reference(value + 1))
        hal9_redactor_learn(r, value + 1);
}

void hal9_redactor_learn_reference(struct hal9_redactor *r, const char *reference) {
    struct stat st;
    char *secret = NULL;

    if (hal9_startswith(reference, "file:") &&
        (stat(reference + 5, &st) < 0 || !S_ISREG(st.st_mode)))
        return;
    if (hal9_secret_read(reference, &secret, NULL) == HAL9_OK)
        hal9_redactor_learn(r, secret);
    hal9_secret_free(secret);
}

void redact_flush(struct redact *r) {
    hal9_buf_add(r->out, r->copied, (size_t)(r->at - r->copied));
    r->copied = r->at;
}

void redact_copy(struct redact *r, size_t n) {
    r->at += n;
}

void redact_drop(struct redact *r, size_t n) {
    redact_flush(r);
    hal9_buf_puts(r->out, REDACT_WITH);
    r->at += n;
    r->copied = r->at;
    r->count++;
}

/* ---- values that are known ---- */

/* All of text with each `value` in it replaced; appended. */
static size_t replace(const struct hal9_buf *text, const char *value, struct hal9_buf *ret) {
    struct redact r = {
        .at = text->data, .copied = text->data, .end = text->data + text->len, .out = ret};
    size_t len = strlen(value);
    const char *found;

    while ((found = memmem(r.at, (size_t)(r.end - r.at), value, len))) {
        redact_copy(&r, (size_t)(found - r.at));
        redact_drop(&r, len);
    }
    redact_copy(&r, (size_t)(r.end - r.at));
    redact_flush(&r);
    return r.count;
}

static size_t without_values(const struct hal9_redactor *known, struct hal9_buf *text) {
    size_t count = 0;

    for (size_t i = 0; known && i < known->n; i++) {
        const char *value = known->values[i];
        struct hal9_buf clean = {0};

        if (text->len == 0 || !memmem(text->data, text->len, value, strlen(value)))
            continue;
        count += replace(text, value, &clean);
        hal9_buf_free(text);
        *text = clean;
    }
    return count;
}

/* ---- blocks of private keys ---- */

static const char *find(const char *from, const char *end, const char *what) {
    return from < end ? memmem(from, (size_t)(end - from), what, strlen(what)) : NULL;
}

#define KEY_MARK "PRIVATE KEY"
#define BEGIN "-----BEGIN "
#define END "-----END "
enum { MARK_MAX = 64, KEY_MAX = 16384 };

/* The next BEGIN or END of a private key; NULL: none. *ret_after: behind it. */
static const char *next_mark(const char *from, const char *end, const char *what,
                             const char **ret_after) {
    for (const char *at = find(from, end, what); at; at = find(at + 1, end, what)) {
        const char *most = end - at > MARK_MAX ? at + MARK_MAX : end;
        const char *key = find(at + strlen(what), most, KEY_MARK);
        const char *dashes = key ? find(key, end, "-----") : NULL;

        if (!key || memchr(at, '\n', (size_t)(key - at)))
            continue;
        *ret_after = dashes && dashes - key < MARK_MAX ? dashes + 5 : key + strlen(KEY_MARK);
        return at;
    }
    return NULL;
}

/* Leaves out what stands between the marks. A text that was cut may have only one of them. */
static size_t without_keys(const char *text, size_t len, struct hal9_buf *ret) {
    struct redact r = {.at = text, .copied = text, .end = text + len, .out = ret};
    const char *after_begin = NULL, *after_end = NULL;

    while (r.at < r.end) {
        const char *begin = next_mark(r.at, r.end, BEGIN, &after_begin);
        const char *from = begin ? after_begin : r.at;
        const char *end = next_mark(r.at, r.end, END, &after_end);

        if (!begin && !end)
            break;
        if (end && begin && end < begin)
            from = r.at;
        if (end && (size_t)(end - from) > KEY_MAX)
            end = NULL;
        if (!end && !begin)
            break;
        const char *to = end ? end : (size_t)(r.end - from) > KEY_MAX ? from + KEY_MAX : r.end;

        redact_copy(&r, (size_t)(from - r.at));
        redact_drop(&r, (size_t)(to - from));
        redact_copy(&r, end ? (size_t)(after_end - r.at) : 0);
    }
    redact_copy(&r, (size_t)(r.end - r.at));
    redact_flush(&r);
    return r.count;
}

/* ---- words ---- */

static size_t word_length(const char *p, const char *end) {
    const char *at = p;

    while (at < end && ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                        (*at >= '0' && *at <= '9') || *at == '_' || *at == '-' || *at == '.'))
        at++;
    return (size_t)(at - p);
}

static size_t without_words(const char *text, size_t len, bool words, struct hal9_buf *ret) {
    struct redact r = {
        .at = text, .copied = text, .end = text + len, .line = text, .out = ret, .words = words};

    while (r.at < r.end) {
        size_t n = word_length(r.at, r.end);

        if (*r.at == '\n')
            r.line = r.at + 1;
        if (n == 0 || !redact_word(&r, r.at, n))
            redact_copy(&r, n > 0 ? n : 1);
    }
    redact_flush(&r);
    return r.count;
}

static size_t clean_text(const struct hal9_redactor *r, const char *text, size_t len, bool words,
                         struct hal9_buf *ret) {
    _cleanup_buf_ struct hal9_buf plain = {0};
    size_t count;

    hal9_buf_add(ret, "", 0); /* a string whatever comes */
    if (len == 0)
        return 0;
    hal9_buf_add(&plain, text, len);
    count = without_values(r, &plain);
    pthread_mutex_lock(&read_here.lock);
    count += without_values(&read_here.values, &plain);
    pthread_mutex_unlock(&read_here.lock);
    if (find(plain.data, plain.data + plain.len, KEY_MARK)) {
        struct hal9_buf keyless = {0};

        count += without_keys(plain.data, plain.len, &keyless);
        hal9_buf_free(&plain);
        plain = keyless;
    }
    return count + without_words(plain.data, plain.len, words, ret);
}

size_t hal9_redact_text(const struct hal9_redactor *r, const char *text, size_t len,
                        struct hal9_buf *ret) {
    return clean_text(r, text, len, false, ret);
}

size_t hal9_redact_words(const char *text, size_t len, struct hal9_buf *ret) {
    return clean_text(NULL, text, len, true, ret);
}

size_t hal9_redact_buf(struct hal9_buf *text) {
    struct hal9_buf clean = {0};
    size_t count = hal9_redact_text(NULL, text->data, text->len, &clean);

    hal9_buf_free(text);
    *text = clean;
    return count;
}

/* ---- JSON, arguments ---- */

static size_t set_string(cJSON *j, const char *value) {
    cJSON *fresh = cJSON_CreateString(value);
    char *old = j->valuestring;

    j->valuestring = fresh->valuestring;
    fresh->valuestring = old;
    cJSON_Delete(fresh);
    return 1;
}

static size_t clean_string(const struct hal9_redactor *r, cJSON *j, bool words) {
    _cleanup_buf_ struct hal9_buf clean = {0};
    size_t count = clean_text(r, j->valuestring, strlen(j->valuestring), words, &clean);

    if (count > 0)
        set_string(j, clean.data);
    return count;
}

/* Whether the element before is --name of a secret, so that this is its value. */
static bool is_option(const cJSON *before) {
    const char *text = cJSON_GetStringValue(before);

    return text && text[0] == '-' && !strchr(text, '=') && redact_is_name(text, strlen(text));
}

static size_t clean_secret(cJSON *j) {
    if (cJSON_IsNumber(j)) {
        cJSON_SetNumberValue(j, 0);
        return 1;
    }
    return redact_is_reference(j->valuestring) || strcmp(j->valuestring, REDACT_WITH) == 0
               ? 0
               : set_string(j, REDACT_WITH);
}

/* A member whose text is somebody else's. */
static bool is_quoted(const cJSON *j) {
    return hal9_streq(j->string, "lines") || hal9_streq(j->string, "output") ||
           hal9_streq(j->string, "answer");
}

struct cleaning {
    const struct hal9_redactor *values;
    bool words;  /* of ours */
    bool named;  /* the value of a secret's name */
    bool secret; /* that, or below it: there numbers only count things */
};

static size_t clean_json(struct cleaning how, cJSON *j) {
    size_t count = 0;
    const cJSON *before = NULL;

    if ((how.secret && cJSON_IsString(j)) || (how.named && cJSON_IsNumber(j)))
        return clean_secret(j);
    if (cJSON_IsString(j))
        return clean_string(how.values, j, how.words);
    for (cJSON *child = j->child; child; before = child, child = child->next) {
        struct cleaning within = how;

        within.words = how.words && !is_quoted(child);
        within.named = (child->string && redact_is_name(child->string, strlen(child->string))) ||
                       (cJSON_IsArray(j) && is_option(before) && cJSON_IsString(child) &&
                        child->valuestring[0] != '-');
        within.secret = how.secret || within.named;
        count += clean_json(within, child);
    }
    return count;
}

size_t hal9_redact_record(cJSON *record) {
    return record ? clean_json((struct cleaning){.words = true}, record) : 0;
}

size_t hal9_redact_json(const struct hal9_redactor *r, cJSON *j) {
    return j ? clean_json((struct cleaning){.values = r}, j) : 0;
}

size_t hal9_redact_argv(const struct hal9_redactor *r, struct hal9_strv *argv) {
    _cleanup_json_ cJSON *j = hal9_json_strv(argv);
    size_t count = hal9_redact_json(r, j);

    if (count == 0)
        return 0;
    hal9_strv_free(argv);
    hal9_json_get_strv(j, argv);
    return count;
}
