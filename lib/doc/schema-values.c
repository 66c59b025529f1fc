/* Decodes single values. Every message says what was wanted, with an example, and what was found. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/number.h"
#include "doc/schema-internal.h"
#include "doc/yaml-internal.h"

bool hal9_node_scalar(const struct hal9_node *n) {
    return n->kind != HAL9_NODE_LIST && n->kind != HAL9_NODE_MAP;
}

char *hal9_node_words(const struct hal9_node *n) {
    if (n->kind == HAL9_NODE_LIST)
        return hal9_strdup("a list");
    if (n->kind == HAL9_NODE_MAP)
        return hal9_strdup("a map");
    if (n->kind == HAL9_NODE_NULL)
        return hal9_strdup("nothing");
    return hal9_strf("'%.64s'", n->text);
}

/* "grace wants a duration such as 30s, not 'soon'" */
static void wrong(struct hal9_decoder *d, const struct hal9_node *n, const struct hal9_field *f,
                  const char *wanted) {
    _cleanup_free_ char *found = hal9_node_words(n);
    hal9_decoder_error(d, n, "%s wants %s, not %s", f->key, wanted, found);
}

static bool has_text(const struct hal9_node *n) {
    return hal9_node_scalar(n) && n->kind != HAL9_NODE_NULL;
}

static void decode_string(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_field *f, char **field) {
    if (!has_text(n)) {
        wrong(d, n, f, "a text");
        return;
    }
    free(*field);
    *field = hal9_strdup(n->text);
}

static void decode_strv(struct hal9_decoder *d, const struct hal9_node *n,
                        const struct hal9_field *f, struct hal9_strv *field) {
    if (has_text(n)) {
        hal9_strv_add(field, n->text);
        return;
    }
    if (n->kind == HAL9_NODE_MAP)
        wrong(d, n, f, "a list of texts, or one text");
    for (size_t i = 0; n->kind == HAL9_NODE_LIST && i < n->n; i++) {
        if (has_text(n->items[i]))
            hal9_strv_add(field, n->items[i]->text);
        else
            wrong(d, n->items[i], f, "texts in its list");
    }
}

static void decode_bool(struct hal9_decoder *d, const struct hal9_node *n,
                        const struct hal9_field *f, bool *field) {
    static const char *const words[] = {"yes", "no", "on", "off", "y", "n"};
    if (n->kind == HAL9_NODE_BOOL) {
        *field = (n->text[0] | 0x20) == 't';
        return;
    }
    wrong(d, n, f, "true or false");
    for (size_t i = 0; n->kind == HAL9_NODE_STRING && i < HAL9_ARRAY_LEN(words); i++)
        if (strcasecmp(n->text, words[i]) == 0)
            hal9_decoder_hint(d, "'%s' is a mere word since YAML 1.2", n->text);
    if (n->kind == HAL9_NODE_STRING && hal9_scalar_kind(n->text) == HAL9_NODE_BOOL)
        hal9_decoder_hint(d, "write it without quotes");
}

/* A whole number in any of YAML's ways to write one. */
static bool read_int(const struct hal9_node *n, int64_t min, int64_t max, int64_t *ret) {
    if (n->kind != HAL9_NODE_INT)
        return has_text(n) && hal9_parse_int(n->text, min, max, ret, NULL) == HAL9_OK;
    _cleanup_json_ cJSON *j = hal9_node_json(n);
    _cleanup_free_ char *text = hal9_json_text(j);
    return hal9_parse_int(text, min, max, ret, NULL) == HAL9_OK;
}

static void decode_int(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, int64_t *field) {
    bool bounded = f->max > f->min;
    int64_t min = bounded ? (int64_t)f->min : INT64_MIN,
            max = bounded ? (int64_t)f->max : INT64_MAX;
    if (read_int(n, min, max, field))
        return;
    _cleanup_free_ char *wanted =
        bounded ? hal9_strf("a whole number from %lld to %lld", (long long)min, (long long)max)
                : hal9_strdup("a whole number");
    wrong(d, n, f, wanted);
}

static void decode_port(struct hal9_decoder *d, const struct hal9_node *n,
                        const struct hal9_field *f, uint16_t *field) {
    int64_t port;
    if (read_int(n, 1, 65535, &port))
        *field = (uint16_t)port;
    else
        wrong(d, n, f, "a port from 1 to 65535");
}

static bool read_number(const struct hal9_node *n, double *ret) {
    enum hal9_node_kind kind = has_text(n) ? hal9_scalar_kind(n->text) : HAL9_NODE_NULL;
    if (kind != HAL9_NODE_INT && kind != HAL9_NODE_FLOAT)
        return false;
    struct hal9_node plain = *n;
    plain.kind = kind;
    _cleanup_json_ cJSON *j = hal9_node_json(&plain);
    _cleanup_free_ char *text = hal9_json_text(j);
    *ret = cJSON_IsString(j) ? NAN : hal9_strtod(text);
    return isfinite(*ret);
}

static void decode_number(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_field *f, double *field) {
    bool bounded = f->max > f->min;
    double value;
    if (read_number(n, &value) && (!bounded || (value >= f->min && value <= f->max))) {
        *field = value;
        return;
    }
    _cleanup_free_ char *wanted = bounded ? hal9_strf("a number from %g to %g", f->min, f->max)
                                          : hal9_strdup("a number such as 1.5");
    wrong(d, n, f, wanted);
}

/* What base can parse, with its hint. */
static void decode_unit(struct hal9_decoder *d, const struct hal9_node *n,
                        const struct hal9_field *f, void *field) {
    _cleanup_error_ struct hal9_error err = {0};
    const char *text = has_text(n) ? n->text : "";
    const char *wanted;
    hal9_status code;
    switch (f->type) {
    case HAL9_T_DURATION:
        wanted = "a duration such as 30s";
        code = hal9_parse_duration(text, field, &err);
        break;
    case HAL9_T_SIZE:
        wanted = "a size such as 5Gi";
        code = hal9_parse_size(text, field, &err);
        break;
    case HAL9_T_PERCENT:
        wanted = "a percentage such as 10%";
        code = hal9_parse_percent(text, field, &err);
        break;
    default:
        wanted = "an amount of CPU such as 2 or 500m";
        code = hal9_parse_cpu(text, field, &err);
    }
    if (code == HAL9_OK)
        return;
    wrong(d, n, f, wanted);
    if (err.hint)
        hal9_decoder_hint(d, "%s", err.hint);
}

/* "changed or never" */
static char *alternatives(const char *const *words) {
    struct hal9_buf text = {0};
    for (size_t i = 0; words[i]; i++)
        hal9_buf_printf(&text, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    return hal9_buf_take(&text);
}

static void decode_choice(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_field *f, char **field) {
    size_t count = 0;
    for (; f->choices[count]; count++) {
        if (!has_text(n) || strcmp(n->text, f->choices[count]) != 0)
            continue;
        free(*field);
        *field = hal9_strdup(n->text);
        return;
    }
    _cleanup_free_ char *wanted = alternatives(f->choices);
    wrong(d, n, f, wanted);
    const char *near = has_text(n) ? hal9_suggest(n->text, f->choices, count) : NULL;
    if (near)
        hal9_decoder_hint(d, "did you mean '%s'?", near);
}

/* What is written there may be the secret itself, so it is not said again. */
static void decode_secret(struct hal9_decoder *d, const struct hal9_node *n,
                          const struct hal9_field *f, char **field) {
    if (has_text(n) && ((hal9_startswith(n->text, "file:") && n->text[5]) ||
                        (hal9_startswith(n->text, "env:") && n->text[4]))) {
        free(*field);
        *field = hal9_strdup(n->text);
        return;
    }
    hal9_decoder_error(d, n,
                       "%s wants a reference, file:PATH or env:NAME; a secret in the file would be "
                       "read by others",
                       f->key);
}

void hal9_decode_value(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, void *field) {
    switch (f->type) {
    case HAL9_T_STRING:
        decode_string(d, n, f, field);
        break;
    case HAL9_T_BOOL:
        decode_bool(d, n, f, field);
        break;
    case HAL9_T_INT:
        decode_int(d, n, f, field);
        break;
    case HAL9_T_NUMBER:
        decode_number(d, n, f, field);
        break;
    case HAL9_T_PORT:
        decode_port(d, n, f, field);
        break;
    case HAL9_T_CHOICE:
        decode_choice(d, n, f, field);
        break;
    case HAL9_T_STRV:
        decode_strv(d, n, f, field);
        break;
    case HAL9_T_SECRET:
        decode_secret(d, n, f, field);
        break;
    case HAL9_T_JSON:
        cJSON_Delete(*(cJSON **)field);
        *(cJSON **)field = hal9_node_json(n);
        break;
    default:
        decode_unit(d, n, f, field);
    }
}
