/* Decodes nodes into structs by tables. All errors of a document are collected, each with its place. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/schema-internal.h"
#include "doc/yaml-internal.h"

/* ---- errors */

static void add_error(struct hal9_decoder *d, const struct hal9_node *at, const char *text) {
    d->wrong++;
    d->dropped = d->errors->n - d->first >= HAL9_ERRORS_MAX;
    if (d->dropped)
        return;
    struct hal9_error *e = HAL9_APPEND(d->errors->v, d->errors->n, d->errors->cap);
    *e = (struct hal9_error){0};
    hal9_error_set(e, HAL9_E_CONFIG, "%s", text);
    if (at && at->file)
        hal9_error_place(e, at->file, at->line, at->col);
}

void hal9_decoder_error(struct hal9_decoder *d, const struct hal9_node *at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    add_error(d, at, text);
}

void hal9_decoder_hint(struct hal9_decoder *d, const char *fmt, ...) {
    if (d->dropped || d->errors->n == d->first)
        return;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_hint(&d->errors->v[d->errors->n - 1], "%s", text);
}

void hal9_decoder_unknown(struct hal9_decoder *d, const struct hal9_node *key, const char *of,
                          const char *const *known, size_t n) {
    const char *near = hal9_suggest(key->text, known, n);
    if (near) {
        hal9_decoder_error(d, key, "'%.64s' is not a key of %s; did you mean '%s'?", key->text, of,
                           near);
        return;
    }
    _cleanup_buf_ struct hal9_buf all = {0};
    for (size_t i = 0; i < n; i++)
        hal9_buf_printf(&all, "%s%s", i > 0 ? ", " : "", known[i]);
    hal9_decoder_error(d, key, "'%.64s' is not a key of %s", key->text, of);
    if (n > 0)
        hal9_decoder_hint(d, "its keys are %s", all.data);
}

void hal9_errors_clear(struct hal9_errors *e) {
    for (size_t i = 0; i < e->n; i++)
        hal9_error_clear(&e->v[i]);
    free(e->v);
    *e = (struct hal9_errors){0};
}

/* ---- maps, lists, dicts */

static void decode_any(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, void *field);

/* What is decoded below has errors of its own. */
static void decode_sub(struct hal9_decoder *d, const struct hal9_schema *s,
                       const struct hal9_node *n, void *object, const char *key) {
    unsigned wrong = d->wrong;
    hal9_decode_object(d, s, n, object, key);
    d->wrong = wrong;
}

static void add_item(struct hal9_decoder *d, const struct hal9_field *f, const struct hal9_node *n,
                     const char *key, struct hal9_list *list) {
    void *item = hal9_alloc(f->sub->size);
    *HAL9_APPEND(list->v, list->n, list->cap) = item;
    decode_sub(d, f->sub, n, item, key);
}

static void decode_list(struct hal9_decoder *d, const struct hal9_node *n,
                        const struct hal9_field *f, struct hal9_list *list) {
    if (n->kind == HAL9_NODE_NULL)
        return;
    if (n->kind != HAL9_NODE_LIST) {
        add_item(d, f, n, NULL, list);
        return;
    }
    for (size_t i = 0; i < n->n; i++)
        add_item(d, f, n->items[i], NULL, list);
}

static void decode_dict(struct hal9_decoder *d, const struct hal9_node *n,
                        const struct hal9_field *f, struct hal9_list *list) {
    if (n->kind != HAL9_NODE_MAP && n->kind != HAL9_NODE_NULL) {
        _cleanup_free_ char *found = hal9_node_words(n);
        hal9_decoder_error(d, n, "%s wants a map of names, not %s", f->key, found);
        return;
    }
    for (size_t i = 0; i < n->n; i++) {
        if (n->keys[i]->text[0])
            add_item(d, f, n->items[i], n->keys[i]->text, list);
        else
            hal9_decoder_error(d, n->keys[i], "%s has an entry without a name", f->key);
    }
}

static void decode_ptr(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, void **field) {
    if (n->kind == HAL9_NODE_NULL)
        return;
    *field = hal9_alloc(f->sub->size);
    decode_sub(d, f->sub, n, *field, NULL);
}

static void decode_any(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, void *field) {
    switch (f->type) {
    case HAL9_T_MAP:
        decode_sub(d, f->sub, n, field, NULL);
        break;
    case HAL9_T_PTR:
        decode_ptr(d, n, f, field);
        break;
    case HAL9_T_LIST:
        decode_list(d, n, f, field);
        break;
    case HAL9_T_DICT:
        decode_dict(d, n, f, field);
        break;
    case HAL9_T_CUSTOM:
        f->decode(d, n, f, field);
        break;
    default:
        hal9_decode_value(d, n, f, field);
    }
}

/* ---- the fields of a map */

/* A default is read as if it had been written. */
static void decode_default(struct hal9_decoder *d, const struct hal9_field *f, void *object) {
    struct hal9_node n = {.text = (char *)f->dflt, .plain = true};
    n.kind = hal9_scalar_kind(n.text);
    decode_any(d, &n, f, hal9_field_at(object, f));
}

static void decode_defaults(struct hal9_decoder *d, const struct hal9_schema *s, void *object) {
    for (const struct hal9_field *f = s->fields; f && f->key; f++) {
        if (f->flags & HAL9_F_KEY)
            continue;
        if (f->dflt)
            decode_default(d, f, object);
        else if (f->type == HAL9_T_MAP)
            decode_defaults(d, f->sub, hal9_field_at(object, f));
    }
}

/* A field that is not written: its default, or an error where there must be one. */
static void decode_absent(struct hal9_decoder *d, const struct hal9_schema *s,
                          const struct hal9_node *n, const struct hal9_field *f, void *object) {
    if (f->flags & HAL9_F_REQUIRED) {
        hal9_decoder_error(d, n, "%s wants the key '%s'", s->name, f->key);
        if (f->doc)
            hal9_decoder_hint(d, "%s: %s", f->key, f->doc);
    } else if (f->dflt) {
        decode_default(d, f, object);
    } else if (f->type == HAL9_T_MAP) {
        decode_defaults(d, f->sub, hal9_field_at(object, f));
    }
}

static void find_unknown(struct hal9_decoder *d, const struct hal9_schema *s,
                         const struct hal9_node *n) {
    const char *known[256];
    size_t n_known = 0, n_told = 0;
    const struct hal9_field *f;
    for (size_t i = 0; n->kind == HAL9_NODE_MAP && i < n->n; i++) {
        for (f = s->fields; f->key; f++)
            if (!(f->flags & HAL9_F_KEY) && strcmp(f->key, n->keys[i]->text) == 0)
                break;
        if (f->key)
            continue;
        for (f = s->fields; n_told == 0 && f->key && n_known < HAL9_ARRAY_LEN(known); f++)
            if (!(f->flags & (HAL9_F_KEY | HAL9_F_HIDDEN)))
                known[n_known++] = f->key;
        if (n_told++ < HAL9_ERRORS_MAX)
            hal9_decoder_unknown(d, n->keys[i], s->name, known, n_known);
    }
}

/* The field that a value stands for which is no map; NULL: none can. */
static const struct hal9_field *short_field(const struct hal9_schema *s,
                                            const struct hal9_node *n) {
    for (const struct hal9_field *f = s->fields; f->key; f++) {
        if (!(f->flags & HAL9_F_SCALAR))
            continue;
        if (n->kind != HAL9_NODE_LIST || f->type == HAL9_T_STRV || f->type == HAL9_T_LIST ||
            f->type == HAL9_T_CUSTOM)
            return f;
    }
    return NULL;
}

/* "stop wants a map of signal, grace and kill, not 'soon'" */
static void no_map(struct hal9_decoder *d, const struct hal9_schema *s, const struct hal9_node *n) {
    _cleanup_buf_ struct hal9_buf keys = {0};
    _cleanup_free_ char *found = hal9_node_words(n);
    for (const struct hal9_field *f = s->fields; f->key; f++)
        if (!(f->flags & (HAL9_F_KEY | HAL9_F_HIDDEN)))
            hal9_buf_printf(&keys, "%s%s", keys.len > 0 ? ", " : "", f->key);
    hal9_decoder_error(d, n, "%s wants a map of its keys, not %s", s->name, found);
    if (keys.len > 0)
        hal9_decoder_hint(d, "its keys are %s", keys.data);
}

static void decode_table(struct hal9_decoder *d, const struct hal9_schema *s,
                         const struct hal9_node *n, void *object) {
    bool map = n->kind == HAL9_NODE_MAP || n->kind == HAL9_NODE_NULL;
    const struct hal9_field *stands_for = map ? NULL : short_field(s, n);
    if (!map && !stands_for) {
        no_map(d, s, n);
        return;
    }
    find_unknown(d, s, n);
    for (const struct hal9_field *f = s->fields; f->key; f++) {
        if (f->flags & HAL9_F_KEY)
            continue;
        const struct hal9_node *value = f == stands_for ? n : hal9_node_get(n, f->key);
        if (value && !(value->kind == HAL9_NODE_NULL && (f->flags & HAL9_F_REQUIRED)))
            decode_any(d, value, f, hal9_field_at(object, f));
        else
            decode_absent(d, s, value ? value : n, f, object);
    }
}

/* Where the map's own keys are wrong, what the whole says would only be a consequence. */
void hal9_decoder_map(struct hal9_decoder *d, const struct hal9_schema *s,
                      const struct hal9_node *n, void *object) {
    unsigned outer = d->wrong;
    d->wrong = 0;
    if (s->fields)
        decode_table(d, s, n, object);
    if (s->finish && d->wrong == 0)
        s->finish(d, n, object);
    d->wrong += outer;
}

void hal9_decode_object(struct hal9_decoder *d, const struct hal9_schema *s,
                        const struct hal9_node *n, void *object, const char *key) {
    for (const struct hal9_field *f = s->fields; key && f && f->key; f++)
        if (f->flags & HAL9_F_KEY)
            *(char **)hal9_field_at(object, f) = hal9_strdup(key);
    if (s->decode)
        s->decode(d, n, object);
    else
        hal9_decoder_map(d, s, n, object);
}

static bool before(const struct hal9_error *one, const struct hal9_error *two) {
    return one->line != two->line ? one->line < two->line : one->col < two->col;
}

/* At most 100, and those of one place stay in their order. */
static void sort_by_place(struct hal9_error *v, size_t n) {
    for (size_t i = 1; i < n; i++) {
        struct hal9_error e = v[i];
        size_t k = i;
        for (; k > 0 && before(&e, &v[k - 1]); k--)
            v[k] = v[k - 1];
        v[k] = e;
    }
}

hal9_status hal9_schema_decode(const struct hal9_schema *s, const struct hal9_node *n, void *object,
                               struct hal9_errors *errors) {
    struct hal9_decoder d = {.errors = errors, .first = errors->n};
    hal9_decode_object(&d, s, n, object, NULL);
    if (errors->n == d.first)
        return HAL9_OK;
    sort_by_place(errors->v + d.first, errors->n - d.first);
    return HAL9_E_CONFIG;
}
