/* Reads one YAML document from libyaml's events into a tree with places. Caps are counted on events,
 * before anything is built of them. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/json-scan.h"
#include "doc/yaml-internal.h"

#define TAG "tag:yaml.org,2002:"

struct builder {
    struct hal9_doc *d;
    struct hal9_ynode *stack[HAL9_YAML_DEPTH];
    struct hal9_node *key[HAL9_YAML_DEPTH]; /* of a map: the key whose value is to come */
    unsigned depth;
    struct hal9_error *err;
};

hal9_status hal9_yaml_error(struct hal9_error *err, const struct hal9_doc *d, yaml_mark_t at,
                            const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    _cleanup_free_ char *text = hal9_vstrf(fmt, ap);
    va_end(ap);
    hal9_error_set(err, HAL9_E_CONFIG, "%s", text);
    hal9_error_place(err, d->name, (unsigned)at.line + 1, (unsigned)at.column + 1);
    return HAL9_E_CONFIG;
}

/* ---- nodes */

static struct hal9_ynode *new_node(struct builder *b, enum hal9_node_kind kind, yaml_mark_t at) {
    struct hal9_ynode *node = hal9_alloc(sizeof(*node));
    *HAL9_APPEND(b->d->nodes, b->d->n, b->d->cap) = node;
    node->n.kind = kind;
    node->n.file = b->d->name;
    node->n.line = (unsigned)at.line + 1;
    node->n.col = (unsigned)at.column + 1;
    node->size = node->height = 1;
    return node;
}

static hal9_status count(struct builder *b, size_t more, yaml_mark_t at, const char *alias) {
    b->d->count += more;
    if (b->d->count <= HAL9_YAML_NODES)
        return HAL9_OK;
    if (alias)
        return hal9_yaml_error(b->err, b->d, at,
                               "with the alias *%.64s the document grows beyond %d values", alias,
                               HAL9_YAML_NODES);
    return hal9_yaml_error(b->err, b->d, at, "more than %d values in one document",
                           HAL9_YAML_NODES);
}

static bool scalar(const struct hal9_node *n) {
    return n->kind != HAL9_NODE_LIST && n->kind != HAL9_NODE_MAP;
}

/* Puts a value where it belongs: into the list or map at hand, or as the root. */
static hal9_status place(struct builder *b, struct hal9_ynode *node, yaml_mark_t at) {
    if (b->depth == 0) {
        b->d->root = &node->n;
        return HAL9_OK;
    }
    struct hal9_ynode *parent = b->stack[b->depth - 1];
    struct hal9_node **key = &b->key[b->depth - 1];
    struct hal9_node *p = &parent->n;
    if (p->kind == HAL9_NODE_MAP && !*key) {
        if (!scalar(&node->n))
            return hal9_yaml_error(b->err, b->d, at, "a key must be a word, not a list or a map");
        *key = &node->n;
        parent->size += node->size;
        return HAL9_OK;
    }
    size_t cap = p->cap;
    p->items = hal9_grow(p->items, &p->cap, p->n, sizeof(struct hal9_node *));
    if (p->kind == HAL9_NODE_MAP) {
        p->keys = hal9_grow(p->keys, &cap, p->n, sizeof(struct hal9_node *));
        p->keys[p->n] = *key;
        *key = NULL;
    }
    p->items[p->n++] = &node->n;
    parent->size += node->size;
    if (node->height >= parent->height)
        parent->height = node->height + 1;
    return HAL9_OK;
}

/* ---- anchors */

static uint32_t hash_of(const char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static struct hal9_anchor *find_anchor(const struct hal9_doc *d, const char *name) {
    uint32_t hash = hash_of(name);
    for (size_t i = 0; i < d->n_anchors; i++)
        if (d->anchors[i].hash == hash && strcmp(d->anchors[i].name, name) == 0)
            return &d->anchors[i];
    return NULL;
}

static hal9_status set_anchor(struct builder *b, const yaml_char_t *anchor, yaml_mark_t at,
                              struct hal9_ynode *node) {
    const char *name = (const char *)anchor;
    struct hal9_doc *d = b->d;
    if (!name)
        return HAL9_OK;
    struct hal9_anchor *known = find_anchor(d, name);
    if (known) {
        known->node = node;
        return HAL9_OK;
    }
    if (d->n_anchors == HAL9_YAML_ANCHORS)
        return hal9_yaml_error(b->err, d, at, "more than %d anchors in one document",
                               HAL9_YAML_ANCHORS);
    *HAL9_APPEND(d->anchors, d->n_anchors, d->cap_anchors) =
        (struct hal9_anchor){.hash = hash_of(name), .name = hal9_strdup(name), .node = node};
    return HAL9_OK;
}

static hal9_status undefined(struct builder *b, const char *name, yaml_mark_t at) {
    const char *names[HAL9_YAML_ANCHORS];
    for (size_t i = 0; i < b->d->n_anchors; i++)
        names[i] = b->d->anchors[i].name;
    const char *near = hal9_suggest(name, names, b->d->n_anchors);
    hal9_yaml_error(b->err, b->d, at, "the alias *%.64s has no anchor before it", name);
    if (near)
        hal9_error_hint(b->err, "did you mean *%.64s?", near);
    return HAL9_E_CONFIG;
}

static hal9_status on_alias(struct builder *b, const yaml_event_t *e) {
    const char *name = (const char *)e->data.alias.anchor;
    const struct hal9_anchor *anchor = find_anchor(b->d, name);
    if (!anchor)
        return undefined(b, name, e->start_mark);
    if (anchor->node->open)
        return hal9_yaml_error(b->err, b->d, e->start_mark,
                               "the alias *%.64s stands within what it stands for", name);
    if (b->depth + anchor->node->height > HAL9_YAML_DEPTH)
        return hal9_yaml_error(b->err, b->d, e->start_mark,
                               "with the alias *%.64s the document is deeper than %d levels", name,
                               HAL9_YAML_DEPTH);
    if (count(b, anchor->node->size, e->start_mark, name) != HAL9_OK)
        return HAL9_E_CONFIG;
    return place(b, anchor->node, e->start_mark);
}

/* ---- scalars */

/* The kind by tag, or by text where there is none. */
static hal9_status scalar_kind(struct builder *b, const yaml_event_t *e, const char *text,
                               enum hal9_node_kind *ret) {
    static const struct {
        const char *tag;
        enum hal9_node_kind kind;
    } tags[] = {{"!", HAL9_NODE_STRING},      {TAG "str", HAL9_NODE_STRING},
                {TAG "null", HAL9_NODE_NULL}, {TAG "bool", HAL9_NODE_BOOL},
                {TAG "int", HAL9_NODE_INT},   {TAG "float", HAL9_NODE_FLOAT}};
    const char *tag = (const char *)e->data.scalar.tag;
    enum hal9_node_kind natural = hal9_scalar_kind(text);
    if (!tag) {
        *ret = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? natural : HAL9_NODE_STRING;
        return HAL9_OK;
    }
    for (size_t i = 0; i < HAL9_ARRAY_LEN(tags); i++) {
        if (strcmp(tag, tags[i].tag) != 0)
            continue;
        *ret = tags[i].kind;
        if (*ret == HAL9_NODE_STRING || *ret == natural ||
            (*ret == HAL9_NODE_FLOAT && natural == HAL9_NODE_INT))
            return HAL9_OK;
        return hal9_yaml_error(b->err, b->d, e->start_mark, "'%.64s' is no %s", text,
                               tag + strlen(TAG));
    }
    return hal9_yaml_error(b->err, b->d, e->start_mark, "the tag %.64s is not known here", tag);
}

static hal9_status on_scalar(struct builder *b, yaml_event_t *e) {
    char *text = (char *)e->data.scalar.value;
    enum hal9_node_kind kind = HAL9_NODE_STRING;
    if (count(b, 1, e->start_mark, NULL) != HAL9_OK)
        return HAL9_E_CONFIG;
    if (e->data.scalar.length > HAL9_YAML_SCALAR)
        return hal9_yaml_error(b->err, b->d, e->start_mark, "a value of more than 1 MiB");
    if (strlen(text) != e->data.scalar.length)
        return hal9_yaml_error(b->err, b->d, e->start_mark, "a string with a NUL in it");
    if (scalar_kind(b, e, text, &kind) != HAL9_OK)
        return HAL9_E_CONFIG;
    struct hal9_ynode *node = new_node(b, kind, e->start_mark);
    node->n.plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->n.text = text; /* libyaml's own */
    e->data.scalar.value = NULL;
    if (set_anchor(b, e->data.scalar.anchor, e->start_mark, node) != HAL9_OK)
        return HAL9_E_CONFIG;
    return place(b, node, e->start_mark);
}

/* ---- lists and maps */

static hal9_status on_start(struct builder *b, const yaml_event_t *e, enum hal9_node_kind kind) {
    bool map = kind == HAL9_NODE_MAP;
    const yaml_char_t *anchor = map ? e->data.mapping_start.anchor : e->data.sequence_start.anchor;
    const char *tag = (const char *)(map ? e->data.mapping_start.tag : e->data.sequence_start.tag);
    if (b->depth == HAL9_YAML_DEPTH)
        return hal9_yaml_error(b->err, b->d, e->start_mark, "more than %d levels", HAL9_YAML_DEPTH);
    if (tag && strcmp(tag, map ? TAG "map" : TAG "seq") != 0 && strcmp(tag, "!") != 0)
        return hal9_yaml_error(b->err, b->d, e->start_mark, "the tag %.64s is not known here", tag);
    if (count(b, 1, e->start_mark, NULL) != HAL9_OK)
        return HAL9_E_CONFIG;
    struct hal9_ynode *node = new_node(b, kind, e->start_mark);
    node->open = true;
    b->key[b->depth] = NULL;
    b->stack[b->depth++] = node;
    return set_anchor(b, anchor, e->start_mark, node);
}

static hal9_status on_end(struct builder *b) {
    struct hal9_ynode *node = b->depth > 0 ? b->stack[--b->depth] : NULL;
    if (!node)
        return HAL9_OK; /* which libyaml, that balances them, never lets happen */
    node->open = false;
    if (node->n.kind == HAL9_NODE_MAP && hal9_yaml_finish_map(b->d, node, b->err) != HAL9_OK)
        return HAL9_E_CONFIG;
    yaml_mark_t at = {.line = node->n.line - 1, .column = node->n.col - 1};
    /* What was merged in may be deeper than what was written. */
    if (b->depth + node->height > HAL9_YAML_DEPTH)
        return hal9_yaml_error(b->err, b->d, at, "more than %d levels", HAL9_YAML_DEPTH);
    return place(b, node, at);
}

static hal9_status on_event(struct builder *b, yaml_event_t *e) {
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return on_alias(b, e);
    case YAML_SCALAR_EVENT:
        return on_scalar(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, e, HAL9_NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, e, HAL9_NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b);
    case YAML_DOCUMENT_START_EVENT:
        if (!b->d->root)
            return HAL9_OK;
        hal9_yaml_error(b->err, b->d, e->start_mark, "a second document begins here");
        hal9_error_hint(b->err, "one file holds one document; others go into files of their own");
        return HAL9_E_CONFIG;
    default:
        return HAL9_OK;
    }
}

static hal9_status read_events(struct builder *b, yaml_parser_t *p, const char *data, size_t len) {
    for (;;) {
        yaml_event_t e;
        if (!yaml_parser_parse(p, &e))
            return hal9_yaml_syntax_error(b->err, b->d, p, data, len);
        bool last = e.type == YAML_STREAM_END_EVENT;
        hal9_status code = on_event(b, &e);
        yaml_event_delete(&e);
        if (code != HAL9_OK || last)
            return code;
    }
}

/* ---- the document */

/* libyaml compares each %TAG with all before it: 300,000 of them would take minutes. */
static hal9_status check_directives(const struct hal9_doc *d, const char *data, size_t len,
                                    struct hal9_error *err) {
    size_t n = 0, line = 0;
    for (const char *p = data, *end = data + len; p < end; line++) {
        if (*p == '%' && ++n > HAL9_YAML_DIRECTIVES) {
            yaml_mark_t at = {.line = line};
            return hal9_yaml_error(err, d, at, "more than %d lines that begin with %%",
                                   HAL9_YAML_DIRECTIVES);
        }
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline ? newline + 1 : end;
    }
    return HAL9_OK;
}

/* UTF-16 and UTF-32 by their mark, or by the NUL beside the first letter. */
static bool wide(const char *data, size_t len) {
    static const char marks[][2] = {{'\xff', '\xfe'}, {'\xfe', '\xff'}};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(marks); i++)
        if (len >= 2 && memcmp(data, marks[i], 2) == 0)
            return true;
    return len >= 2 && (!data[0] != !data[1]);
}

static hal9_status precheck(const struct hal9_doc *d, const char *data, size_t len,
                            struct hal9_error *err) {
    yaml_mark_t at = {0};
    if (wide(data, len)) {
        hal9_yaml_error(err, d, at, "this is UTF-16 or UTF-32; the file must be UTF-8");
        hal9_error_hint(err, "iconv -f UTF-16 -t UTF-8 makes it so");
        return HAL9_E_CONFIG;
    }
    if (len > HAL9_YAML_BYTES)
        return hal9_yaml_error(err, d, at, "the file is larger than 16 MiB");
    const char *nul = len > 0 ? memchr(data, '\0', len) : NULL;
    unsigned line, col;
    if (!nul)
        return check_directives(d, data, len, err);
    hal9_place_of(data, len, (size_t)(nul - data), &line, &col);
    at.line = line - 1;
    at.column = col - 1;
    return hal9_yaml_error(err, d, at, "a NUL byte; this is no text file");
}

hal9_status hal9_yaml_parse(const char *name, const void *data, size_t len, struct hal9_doc **ret,
                            struct hal9_error *err) {
    struct hal9_doc *d = hal9_alloc(sizeof(*d));
    struct builder b = {.d = d, .err = err};
    yaml_parser_t parser;
    d->name = hal9_strdup(name);
    /* libyaml would count the mark as a column of the first line. */
    if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data = (const char *)data + 3;
        len -= 3;
    }
    hal9_status code = precheck(d, data, len, err);
    if (code == HAL9_OK) {
        yaml_parser_initialize(
            &parser); /* fails only without memory, which nothing here outlives */
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&parser, data, len);
        code = read_events(&b, &parser, data, len);
        yaml_parser_delete(&parser);
    }
    if (code != HAL9_OK) {
        hal9_doc_free(d);
        return code;
    }
    if (!d->root) {
        struct hal9_ynode *empty = new_node(&b, HAL9_NODE_NULL, (yaml_mark_t){0});
        empty->n.text = hal9_strdup("");
        empty->n.plain = true;
        d->root = &empty->n;
    }
    *ret = d;
    return HAL9_OK;
}

const struct hal9_node *hal9_doc_root(const struct hal9_doc *d) {
    return d->root;
}

void hal9_doc_free(struct hal9_doc *d) {
    if (!d)
        return;
    for (size_t i = 0; i < d->n; i++) {
        free(d->nodes[i]->n.text);
        free(d->nodes[i]->n.keys);
        free(d->nodes[i]->n.items);
        free(d->nodes[i]);
    }
    for (size_t i = 0; i < d->n_anchors; i++)
        free(d->anchors[i].name);
    free(d->anchors);
    free(d->nodes);
    free(d->name);
    free(d);
}
