/* Splicing in YAML's indented style: whole lines come and go. */
#include <string.h>

#include "flag/flag-internal.h"

static size_t line_start(const struct fl_edits *e, size_t at) {
    while (at > 0 && e->text[at - 1] != '\n')
        at--;
    return at;
}

/* Behind the end of the line that a place is on; a place right behind a line's end is that end. */
static size_t line_end(const struct fl_edits *e, size_t at) {
    if (at > 0 && e->text[at - 1] == '\n')
        return at;
    const char *newline = memchr(e->text + at, '\n', e->len - at);
    return newline ? (size_t)(newline - e->text) + 1 : e->len;
}

static bool first_of_line(const struct fl_edits *e, size_t at) {
    const size_t start = line_start(e, at);
    return strspn(e->text + start, " ") >= at - start;
}

static void spaces(struct hal9_buf *out, size_t n) {
    while (n-- > 0)
        hal9_buf_putc(out, ' ');
}

/* "\n" is there before each further line; the first one goes on where the key was written. */
static void put_block(struct hal9_buf *out, const cJSON *j, size_t column) {
    const cJSON *m;
    if (!cJSON_IsObject(j) || !j->child) {
        hal9_buf_putc(out, ' ');
        fl_yaml_scalar(out, j, false);
        return;
    }
    cJSON_ArrayForEach(m, j) {
        _cleanup_json_ cJSON *key = cJSON_CreateString(m->string);
        hal9_buf_putc(out, '\n');
        spaces(out, column);
        fl_yaml_scalar(out, key, false);
        hal9_buf_putc(out, ':');
        put_block(out, m, column + 2);
    }
}

/* Lines behind the member or item that ends at `end`. */
static void insert_lines(struct fl_edits *e, size_t end, const char *lines) {
    const size_t at = line_end(e, end);
    if (at > 0 && e->text[at - 1] == '\n')
        fl_edit_add(e, at, at, hal9_strf("%s\n", lines));
    else
        fl_edit_add(e, at, at, hal9_strf("\n%s", lines));
}

static void insert(struct fl_edits *e, const struct fl_node *n, const cJSON *value) {
    const size_t column = n->v[0].at - line_start(e, n->v[0].at);
    _cleanup_buf_ struct hal9_buf b = {0};
    _cleanup_json_ cJSON *key = cJSON_CreateString(value->string);
    spaces(&b, column);
    fl_yaml_scalar(&b, key, false);
    hal9_buf_putc(&b, ':');
    put_block(&b, value, column + 2);
    insert_lines(e, n->v[n->n - 1].value->end, b.data);
}

static void take_away(struct fl_edits *e, const struct fl_node *n, size_t i) {
    const struct fl_member *m = &n->v[i];
    const size_t end = m->value->end > m->key_end ? m->value->end : m->key_end;
    if (first_of_line(e, m->at))
        fl_edit_add(e, line_start(e, m->at), line_end(e, end), hal9_strdup(""));
    else if (i + 1 < n->n)
        fl_edit_add(e, m->at, n->v[i + 1].at, hal9_strdup(""));
    else
        fl_edit_refuse(e, "its last key can't be taken away there", m->at);
}

static bool stays(const struct fl_member *m, const cJSON *wanted) {
    return hal9_streq(m->key, "<<") || cJSON_GetObjectItemCaseSensitive(wanted, m->key) != NULL;
}

static bool any_stays(const struct fl_node *n, const cJSON *wanted) {
    for (size_t i = 0; i < n->n; i++)
        if (stays(&n->v[i], wanted))
            return true;
    return false;
}

static void edit_member(struct fl_edits *e, const struct fl_member *m, const cJSON *now,
                        const cJSON *wanted) {
    const struct fl_node *v = m->value;
    const bool deeper =
        (v->kind == FL_MAP && cJSON_IsObject(now) && cJSON_IsObject(wanted) && v->n > 0) ||
        (v->kind == FL_LIST && cJSON_IsArray(now) && cJSON_IsArray(wanted) &&
         cJSON_GetArraySize(now) == cJSON_GetArraySize(wanted));
    if (hal9_json_equal(now, wanted))
        return;
    if (deeper || v->anchored || v->kind == FL_ALIAS)
        fl_edit_value(e, v, now, wanted);
    else
        fl_edit_replace(e, v, m->key_end, wanted);
}

void fl_block_members(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                      const cJSON *wanted) {
    const cJSON *w;
    if (!any_stays(n, wanted)) {
        _cleanup_buf_ struct hal9_buf b = {0};
        fl_pretty(&b, wanted, NULL, NULL);
        const size_t end = n->end;
        fl_edit_add(e, n->at, end, hal9_strf("%s%s", b.data, e->text[end - 1] == '\n' ? "\n" : ""));
        return;
    }
    for (size_t i = 0; i < n->n; i++) {
        const struct fl_member *m = &n->v[i];
        if (!stays(m, wanted))
            take_away(e, n, i);
        else if (!hal9_streq(m->key, "<<"))
            edit_member(e, m, cJSON_GetObjectItemCaseSensitive(now, m->key),
                        cJSON_GetObjectItemCaseSensitive(wanted, m->key));
    }
    cJSON_ArrayForEach(w, wanted) {
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(now, w->string);
        if (!fl_node_member(n, w->string) && !(is && hal9_json_equal(is, w)))
            insert(e, n, w);
    }
}

/* "- key: ..." */
static void insert_item(struct fl_edits *e, const struct fl_node *n, const cJSON *value) {
    const size_t column = n->v[0].at - line_start(e, n->v[0].at);
    _cleanup_buf_ struct hal9_buf b = {0};
    put_block(&b, value, column + 2);
    /* The first line carries the dash: "\n  key" becomes "- key". */
    const size_t skip = b.len > 0 && b.data[0] == '\n' ? column + 3 : 1;
    _cleanup_free_ char *lines =
        hal9_strf("%*s- %s", (int)column, "", b.len >= skip ? b.data + skip : "");
    insert_lines(e, n->v[n->n - 1].value->end, lines);
}

void fl_block_items(struct fl_edits *e, const struct fl_node *n, const bool *gone,
                    const cJSON *added) {
    bool any = false;
    const cJSON *a;
    for (size_t i = 0; i < n->n; i++)
        any = any || !gone[i];
    if (!any) {
        fl_edit_refuse(e, "its last item can't be taken away there", n->at);
        return;
    }
    for (size_t i = 0; i < n->n; i++)
        if (gone[i])
            take_away(e, n, i);
    cJSON_ArrayForEach(a, added) {
        insert_item(e, n, a);
    }
}
