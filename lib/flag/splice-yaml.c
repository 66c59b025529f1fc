/* Where each value of a YAML text stands: libyaml's events, whose marks count characters, with their bytes. */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "flag/flag-internal.h"

#define DEPTH 100

struct builder {
    const char *text;
    size_t len;
    size_t chars, bytes; /* a mark that was translated last */
    struct fl_node *root;
    struct fl_node *stack[DEPTH];
    char *key[DEPTH]; /* of a map: the key whose value is to come */
    size_t key_at[DEPTH], key_end[DEPTH];
    int depth;
};

/* Marks come nearly in order, so that this walks the text about once. */
static size_t byte_of(struct builder *b, size_t mark) {
    if (mark < b->chars)
        b->chars = b->bytes = 0;
    while (b->chars < mark && b->bytes < b->len) {
        do
            b->bytes++;
        while (b->bytes < b->len && ((unsigned char)b->text[b->bytes] & 0xc0) == 0x80);
        b->chars++;
    }
    return b->bytes;
}

/* Where the item begins: its dash, which stands before it on the line or on an earlier one. */
static size_t dash_before(const struct builder *b, size_t at) {
    size_t from = at;
    while (from > 0 && strchr(" \r\n", b->text[from - 1]))
        from--;
    return from > 0 && b->text[from - 1] == '-' ? from - 1 : at;
}

/* Puts a value where it belongs. false: a map was given a key that is no word. */
static bool place(struct builder *b, struct fl_node *n, const char *word) {
    if (b->depth == 0) {
        fl_node_free(b->root);
        b->root = n;
        return true;
    }
    const int at = b->depth - 1;
    struct fl_node *parent = b->stack[at];
    if (!parent)
        return false; /* which libyaml, that balances them, never lets happen */
    if (parent->kind == FL_MAP && !b->key[at]) {
        b->key[at] = hal9_strdup(word);
        b->key_at[at] = n->at;
        b->key_end[at] = n->end;
        fl_node_free(n);
        return word != NULL;
    }
    struct fl_member *m = fl_node_add(parent, n);
    if (parent->kind == FL_LIST && parent->block)
        m->at = dash_before(b, n->at);
    if (parent->kind == FL_MAP) {
        m->key = HAL9_TAKE_PTR(b->key[at]);
        m->at = b->key_at[at];
        m->key_end = b->key_end[at];
    }
    return true;
}

static struct fl_node *new_node(struct builder *b, enum fl_node_kind kind, const yaml_event_t *e,
                                const yaml_char_t *anchor) {
    struct fl_node *n = hal9_alloc(sizeof(*n));
    n->kind = kind;
    n->at = byte_of(b, e->start_mark.index);
    n->end = byte_of(b, e->end_mark.index);
    n->anchored = anchor != NULL;
    return n;
}

static char quote_of(yaml_scalar_style_t style) {
    switch (style) {
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
        return '\'';
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return '"';
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        return '|';
    default:
        return 0;
    }
}

static bool open_node(struct builder *b, struct fl_node *n, bool block) {
    n->block = block;
    if (b->depth == DEPTH) {
        fl_node_free(n);
        return false;
    }
    b->key[b->depth] = NULL;
    b->stack[b->depth++] = n;
    return true;
}

/* A block has no end of its own: it ends with its last value. */
static bool close_node(struct builder *b, const yaml_event_t *e) {
    struct fl_node *n = b->depth > 0 ? b->stack[--b->depth] : NULL;
    if (!n)
        return false;
    free(b->key[b->depth]);
    b->key[b->depth] = NULL;
    if (!n->block)
        n->end = byte_of(b, e->end_mark.index);
    else if (n->n > 0) {
        const struct fl_member *last = &n->v[n->n - 1];
        n->end = last->value->end > last->key_end ? last->value->end : last->key_end;
    }
    return place(b, n, NULL);
}

static bool on_event(struct builder *b, const yaml_event_t *e) {
    struct fl_node *n;
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return place(b, new_node(b, FL_ALIAS, e, NULL), "*");
    case YAML_SCALAR_EVENT:
        n = new_node(b, FL_SCALAR, e, e->data.scalar.anchor);
        n->quote = quote_of(e->data.scalar.style);
        return place(b, n, (const char *)e->data.scalar.value);
    case YAML_SEQUENCE_START_EVENT:
        n = new_node(b, FL_LIST, e, e->data.sequence_start.anchor);
        return open_node(b, n, e->data.sequence_start.style != YAML_FLOW_SEQUENCE_STYLE);
    case YAML_MAPPING_START_EVENT:
        n = new_node(b, FL_MAP, e, e->data.mapping_start.anchor);
        return open_node(b, n, e->data.mapping_start.style != YAML_FLOW_MAPPING_STYLE);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_node(b, e);
    default:
        return true;
    }
}

static bool read_events(struct builder *b, yaml_parser_t *p) {
    for (;;) {
        yaml_event_t e;
        if (!yaml_parser_parse(p, &e))
            return false;
        const bool last = e.type == YAML_STREAM_END_EVENT;
        const bool good = on_event(b, &e);
        yaml_event_delete(&e);
        if (!good || last)
            return good;
    }
}

hal9_status fl_yaml_nodes(const char *path, const char *text, size_t len, struct fl_node **ret,
                          struct hal9_error *err) {
    struct builder b = {.text = text, .len = len};
    yaml_parser_t parser;
    yaml_parser_initialize(&parser); /* fails only without memory, which nothing here outlives */
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    const bool good = read_events(&b, &parser);
    yaml_parser_delete(&parser);
    while (b.depth > 0) {
        free(b.key[--b.depth]);
        fl_node_free(b.stack[b.depth]);
    }
    if (good && b.root) {
        *ret = b.root;
        return HAL9_OK;
    }
    fl_node_free(b.root);
    return hal9_error_set(err, HAL9_E_UNSUPPORTED, "%s can't be edited in place", path);
}
