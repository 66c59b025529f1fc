/* Checks out of other things than the configuration: step args, words of the command line. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "check/drivers.h"
#include "hal9ops/net.h"

/* The first error, without the place in a text that the user never wrote. */
static hal9_status first_error(struct hal9_errors *errors, struct hal9_error *err) {
    if (errors->n == 0)
        return hal9_error_set(err, HAL9_E_CONFIG, "not a check");
    struct hal9_error *e = &errors->v[0];
    free(e->file);
    e->file = NULL;
    e->line = e->col = 0;
    return hal9_error_move(err, e);
}

static hal9_status decode(const struct hal9_node *root, struct hal9_check **ret,
                          struct hal9_error *err) {
    _cleanup_(hal9_errors_clear) struct hal9_errors errors = {0};
    struct hal9_check *c = hal9_alloc(sizeof(*c));
    if (hal9_schema_decode(&hal9_check_schema, root, c, &errors) != HAL9_OK) {
        hal9_check_free(c);
        return first_error(&errors, err);
    }
    c->line = 0;
    *ret = c;
    return HAL9_OK;
}

hal9_status hal9_check_parse_json(const cJSON *spec, struct hal9_check **ret,
                                  struct hal9_error *err) {
    struct hal9_doc *doc = NULL;
    _cleanup_free_ char *text = hal9_json_text(spec); /* JSON is YAML */
    hal9_status status = hal9_yaml_parse("check", text, strlen(text), &doc, err);
    if (status != HAL9_OK)
        return status;
    status = decode(hal9_doc_root(doc), ret, err);
    hal9_doc_free(doc);
    return status;
}

/* "scheme:rest" of the command line: which key it stands for, and what its value is put under. */
struct form {
    const char *scheme, *key;
    enum { TEXT, BELOW, ABOVE, WORDS } value;
    const char *member;
};
static const struct form forms[] = {
    {"http", "http", TEXT, NULL},
    {"https", "http", TEXT, NULL},
    {"tcp", "tcp", TEXT, NULL},
    {"udp", "udp", TEXT, NULL},
    {"port", "owner", TEXT, NULL},
    {"owner", "owner", TEXT, NULL},
    {"process", "process", TEXT, NULL},
    {"disk", "disk", TEXT, NULL},
    {"file", "file", TEXT, NULL},
    {"memory", "memory", ABOVE, "available"},
    {"load", "load", BELOW, "below"},
    {"pressure", "pressure", BELOW, "some"},
    {"open-files", "open-files", BELOW, "below"},
    {"command", "command", WORDS, NULL},
};

static const struct form *find_form(const char *word, size_t length) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(forms); i++)
        if (strlen(forms[i].scheme) == length && memcmp(forms[i].scheme, word, length) == 0)
            return &forms[i];
    return NULL;
}

static hal9_status tell_unknown(const char *word, struct hal9_error *err) {
    const char *schemes[HAL9_ARRAY_LEN(forms)];
    _cleanup_free_ char *scheme = hal9_strndup(word, strcspn(word, ":"));
    for (size_t i = 0; i < HAL9_ARRAY_LEN(forms); i++)
        schemes[i] = forms[i].scheme;
    const char *near = hal9_suggest(scheme, schemes, HAL9_ARRAY_LEN(schemes));
    hal9_error_set(err, HAL9_E_USAGE, "'%s' is not a check", word);
    if (near && strchr(word, ':'))
        hal9_error_hint(err, "did you mean '%s%s'?", near, word + strlen(scheme));
    else
        hal9_error_hint(err,
                        "write http://HOST/PATH, tcp://HOST:PORT, udp://HOST:PORT, disk:/PATH, "
                        "process:NAME, port:8080, file:/PATH, memory:10%%, load:1.5 or "
                        "\"command:PROGRAM ARGUMENT\"");
    return HAL9_E_USAGE;
}

/* Splits at blanks; '…' and "…" keep theirs. */
static bool split_words(const char *text, cJSON *argv) {
    while (*(text += strspn(text, " ")) != '\0') {
        _cleanup_buf_ struct hal9_buf word = {0};
        char quote = '\0';
        for (; *text && (quote || *text != ' '); text++) {
            if (quote ? *text == quote : *text == '\'' || *text == '"')
                quote = quote ? '\0' : *text;
            else
                hal9_buf_putc(&word, *text);
        }
        if (quote)
            return false;
        cJSON_AddItemToArray(argv, cJSON_CreateString(word.data ? word.data : ""));
    }
    return cJSON_GetArraySize(argv) > 0;
}

static cJSON *spec_of(const struct form *f, const char *word, const char *value) {
    _cleanup_json_ cJSON *spec = cJSON_CreateObject();
    if (f->value == WORDS) {
        if (!split_words(value, cJSON_AddArrayToObject(spec, f->key)))
            return NULL;
    } else if (f->member) {
        cJSON *map = cJSON_AddObjectToObject(spec, f->key);
        char *end;
        const double number = strtod(value, &end);
        if (*value && *end == '\0')
            cJSON_AddNumberToObject(map, f->member, number);
        else if (*value)
            cJSON_AddStringToObject(map, f->member, value);
    } else if (strcmp(f->key, "http") == 0)
        cJSON_AddStringToObject(spec, "http", word);
    else if (!*value)
        return NULL;
    else if (strcmp(f->key, "owner") == 0)
        cJSON_AddNumberToObject(spec, "owner", strtod(value, NULL));
    else
        cJSON_AddStringToObject(spec, f->key, value);
    return HAL9_TAKE_PTR(spec);
}

hal9_status hal9_check_parse_word(const char *word, struct hal9_check **ret,
                                  struct hal9_error *err) {
    const size_t length = strcspn(word, ":");
    const struct form *f = word[length] == ':' ? find_form(word, length) : NULL;
    int64_t port;
    if (!f)
        return tell_unknown(word, err);
    const char *value = word + length + 1;
    if (hal9_startswith(value, "//") && strcmp(f->key, "http") != 0)
        value += 2;
    if (strcmp(f->key, "owner") == 0 && hal9_parse_int(value, 1, 65535, &port, NULL) != HAL9_OK)
        return hal9_error_set(err, HAL9_E_USAGE, "'%s': '%s' is not a port from 1 to 65535", word,
                              value);
    _cleanup_json_ cJSON *spec = spec_of(f, word, value);
    if (!spec)
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' needs a value after %s:", word, f->scheme);
    hal9_status status = hal9_check_parse_json(spec, ret, err);
    if (status == HAL9_OK) {
        free((*ret)->name);
        (*ret)->name = hal9_url_redact(word);
    } else {
        if (err)
            err->code = HAL9_E_USAGE;
        hal9_error_prefix(err, "'%s'", word);
        status = HAL9_E_USAGE;
    }
    return status;
}
