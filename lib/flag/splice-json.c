/* Where each value of a JSON text stands. The text was checked before: what is read here is well-formed. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

struct walk {
    const char *text;
    size_t len, at;
};

static void skip_blanks(struct walk *w) {
    while (w->at < w->len && strchr(" \t\r\n", w->text[w->at]))
        w->at++;
}

/* Behind the closing quote. */
static void skip_string(struct walk *w) {
    for (w->at++; w->at < w->len && w->text[w->at] != '"'; w->at++)
        if (w->text[w->at] == '\\')
            w->at++;
    w->at++;
}

/* The key as its bytes mean it. */
static char *key_text(const struct walk *w, size_t from, size_t to) {
    cJSON *j = NULL;
    char *key = NULL;
    if (hal9_json_parse(w->text + from, to - from, &j, NULL) == HAL9_OK)
        key = hal9_strdup(j->valuestring);
    cJSON_Delete(j);
    return key ? key : hal9_strdup("");
}

static struct fl_node *value(struct walk *w);

static void members(struct walk *w, struct fl_node *n, char close) {
    w->at++;
    for (skip_blanks(w); w->at < w->len && w->text[w->at] != close; skip_blanks(w)) {
        const size_t at = w->at;
        size_t key_end = 0;
        char *key = NULL;
        if (n->kind == FL_MAP) {
            skip_string(w);
            key_end = w->at;
            key = key_text(w, at, key_end);
            skip_blanks(w);
            w->at++; /* the colon */
            skip_blanks(w);
        }
        struct fl_member *m = fl_node_add(n, value(w));
        m->at = at;
        m->key = key;
        m->key_end = key_end;
        skip_blanks(w);
        if (w->at < w->len && w->text[w->at] == ',')
            w->at++;
    }
    w->at++;
}

static struct fl_node *value(struct walk *w) {
    struct fl_node *n = hal9_alloc(sizeof(*n));
    n->at = w->at;
    switch (w->at < w->len ? w->text[w->at] : '\0') {
    case '{':
        n->kind = FL_MAP;
        members(w, n, '}');
        break;
    case '[':
        n->kind = FL_LIST;
        members(w, n, ']');
        break;
    case '"':
        n->quote = '"';
        skip_string(w);
        break;
    default:
        while (w->at < w->len && !strchr(" \t\r\n,]}", w->text[w->at]))
            w->at++;
    }
    n->end = w->at;
    return n;
}

struct fl_node *fl_json_nodes(const char *text, size_t len) {
    struct walk w = {.text = text, .len = len};
    skip_blanks(&w);
    return value(&w);
}
