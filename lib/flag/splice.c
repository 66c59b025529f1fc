/* Text that is edited in place: a tree of places, and a list of replacements that leaves every other byte as it is. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

void fl_node_free(struct fl_node *n) {
    if (!n)
        return;
    for (size_t i = 0; i < n->n; i++) {
        free(n->v[i].key);
        fl_node_free(n->v[i].value);
    }
    free(n->v);
    free(n);
}

const struct fl_member *fl_node_member(const struct fl_node *map, const char *key) {
    for (size_t i = 0; map && map->kind == FL_MAP && i < map->n; i++)
        if (hal9_streq(map->v[i].key, key))
            return &map->v[i];
    return NULL;
}

struct fl_member *fl_node_add(struct fl_node *to, struct fl_node *value) {
    struct fl_member *m = HAL9_APPEND(to->v, to->n, to->cap);
    *m = (struct fl_member){.at = value->at, .value = value};
    return m;
}

void fl_edit_add(struct fl_edits *e, size_t at, size_t end, char *text) {
    *HAL9_APPEND(e->v, e->n, e->cap) = (struct fl_edit){.at = at, .end = end, .text = text};
}

void fl_edit_refuse(struct fl_edits *e, const char *why, size_t at) {
    if (e->why)
        return;
    e->why = why;
    e->why_at = at;
}

void fl_edits_clear(struct fl_edits *e) {
    for (size_t i = 0; i < e->n; i++)
        free(e->v[i].text);
    free(e->v);
    *e = (struct fl_edits){0};
}

/* By place; what is inserted goes before what is taken away there; else in the order in which they were noted. A merge
 * of neighbours would do, and there are few: an insertion sort keeps the order of equals. */
static void sort(struct fl_edits *e) {
    for (size_t i = 1; i < e->n; i++) {
        struct fl_edit one = e->v[i];
        size_t k = i;
        for (; k > 0 &&
               (e->v[k - 1].at > one.at || (e->v[k - 1].at == one.at && e->v[k - 1].end > one.end));
             k--)
            e->v[k] = e->v[k - 1];
        e->v[k] = one;
    }
}

void fl_edits_apply(struct fl_edits *e, struct hal9_buf *ret) {
    size_t at = 0;
    sort(e);
    for (size_t i = 0; i < e->n; i++) {
        const struct fl_edit *one = &e->v[i];
        if (one->at < at || one->end < one->at || one->end > e->len) {
            fl_edit_refuse(e, "two changes meet in one place", one->at);
            return;
        }
        hal9_buf_add(ret, e->text + at, one->at - at);
        hal9_buf_puts(ret, one->text);
        at = one->end;
    }
    hal9_buf_add(ret, e->text + at, e->len - at);
}

/* ---- what differs */

static bool same_members(const struct fl_node *n, const cJSON *now, const cJSON *wanted) {
    return n->kind == FL_LIST && cJSON_IsArray(now) && cJSON_IsArray(wanted) &&
           (size_t)cJSON_GetArraySize(now) == n->n && (size_t)cJSON_GetArraySize(wanted) == n->n;
}

void fl_list_items(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                   const cJSON *wanted) {
    const cJSON *is = now->child;
    const cJSON *shall = wanted->child;
    for (size_t i = 0; i < n->n && is && shall; i++, is = is->next, shall = shall->next)
        fl_edit_value(e, n->v[i].value, is, shall);
}

static void edit(struct fl_edits *e, const struct fl_node *n, size_t key_end, const cJSON *now,
                 const cJSON *wanted) {
    if (hal9_json_equal(now, wanted))
        return;
    if (n->anchored) {
        fl_edit_refuse(e, "the value has an anchor, so that other places may share it", n->at);
        return;
    }
    if (n->kind == FL_ALIAS && (cJSON_IsObject(now) || cJSON_IsArray(now))) {
        fl_edit_refuse(e, "an alias stands for it, so that other places share it", n->at);
        return;
    }
    if (n->kind == FL_MAP && cJSON_IsObject(now) && cJSON_IsObject(wanted) && n->n > 0) {
        if (n->block)
            fl_block_members(e, n, now, wanted);
        else
            fl_flow_members(e, n, now, wanted);
    } else if (same_members(n, now, wanted)) {
        fl_list_items(e, n, now, wanted);
    } else {
        fl_edit_replace(e, n, key_end, wanted);
    }
}

void fl_edit_value(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                   const cJSON *wanted) {
    edit(e, n, 0, now, wanted);
}

/* ---- values as text */

void fl_pretty(struct hal9_buf *out, const cJSON *j, const char *gap, const char *unit) {
    if (!gap || !cJSON_IsObject(j) || !j->child) {
        _cleanup_free_ char *text = hal9_json_text(j);
        hal9_buf_puts(out, text);
        return;
    }
    _cleanup_free_ char *inner = hal9_strf("%s%s", gap, unit);
    const cJSON *m;
    hal9_buf_putc(out, '{');
    cJSON_ArrayForEach(m, j) {
        _cleanup_json_ cJSON *key = cJSON_CreateString(m->string);
        _cleanup_free_ char *name = hal9_json_text(key);
        if (m != j->child)
            hal9_buf_putc(out, ',');
        hal9_buf_puts(out, inner);
        hal9_buf_puts(out, name);
        hal9_buf_puts(out, ": ");
        fl_pretty(out, m, inner, unit);
    }
    hal9_buf_printf(out, "%s}", gap);
}

/* Words that one YAML reader or another takes for something else than a string. */
static bool ambiguous(const char *word) {
    static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};
    for (size_t i = 0; i < HAL9_ARRAY_LEN(words); i++)
        if (strcasecmp(word, words[i]) == 0)
            return true;
    return false;
}

static bool plain_word(const char *s) {
    if (!((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z')))
        return false;
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")] ==
           '\0';
}

void fl_yaml_scalar(struct hal9_buf *out, const cJSON *j, bool plain_words) {
    const char *s = cJSON_IsString(j) ? j->valuestring : NULL;
    bool plain = s && plain_word(s) && strcasecmp(s, "true") != 0 && strcasecmp(s, "false") != 0 &&
                 strcasecmp(s, "null") != 0 && (plain_words || !ambiguous(s));
    if (plain) {
        hal9_buf_puts(out, s);
        return;
    }
    _cleanup_free_ char *text = hal9_json_text(j);
    hal9_buf_puts(out, text);
}

/* ---- a value instead of another */

static bool ambiguous_plain(const struct fl_edits *e, const struct fl_node *n) {
    if (n->kind != FL_SCALAR || n->quote)
        return false;
    _cleanup_free_ char *old = hal9_strndup(e->text + n->at, n->end - n->at);
    return ambiguous(old) && strcasecmp(old, "true") != 0 && strcasecmp(old, "false") != 0 &&
           strcasecmp(old, "null") != 0;
}

/* The new text, quoted as the old one was where that can be. */
static char *value_text(const struct fl_edits *e, const struct fl_node *n, const cJSON *wanted) {
    struct hal9_buf b = {0};
    const char *s = cJSON_IsString(wanted) ? wanted->valuestring : NULL;
    const char quote = s && n->kind == FL_SCALAR ? n->quote : 0;
    if (!e->yaml || quote == '"')
        fl_pretty(&b, wanted, NULL, NULL);
    else if (quote == '\'' && plain_word(s))
        hal9_buf_printf(&b, "'%s'", s);
    else
        fl_yaml_scalar(&b, wanted, ambiguous_plain(e, n));
    return hal9_buf_take(&b);
}

void fl_edit_replace(struct fl_edits *e, const struct fl_node *n, size_t key_end,
                     const cJSON *wanted) {
    size_t at = n->at, end = n->end;
    _cleanup_free_ char *text = value_text(e, n, wanted);
    const char *before = "", *after = "";
    if (e->yaml && key_end > 0 && (n->block || at == end)) {
        /* What stands on lines of its own moves behind its key. */
        const char *colon = memchr(e->text + key_end, ':', e->len - key_end);
        at = colon ? (size_t)(colon - e->text) + 1 : at;
        end = end > at ? end : at;
        before = " ";
    }
    if (end > at && e->text[end - 1] == '\n')
        after = "\n";
    fl_edit_add(e, at, end, hal9_strf("%s%s%s", before, text, after));
}
