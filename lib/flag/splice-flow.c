/* Splicing in braces and brackets: JSON, and YAML's flow style. */
#include <string.h>

#include "flag/flag-internal.h"

/* Members that stay, by their index: what is wanted has them, or they are merges, which are left alone. */
static bool stays(const struct fl_node *n, size_t i, const cJSON *wanted) {
    return hal9_streq(n->v[i].key, "<<") ||
           cJSON_GetObjectItemCaseSensitive(wanted, n->v[i].key) != NULL;
}

/* Takes away a member or item, and one comma. */
static void take_away(struct fl_edits *e, const struct fl_node *n, size_t i, bool kept_before) {
    if (kept_before)
        fl_edit_add(e, n->v[i - 1].value->end, n->v[i].value->end, hal9_strdup(""));
    else if (i + 1 < n->n)
        fl_edit_add(e, n->v[i].at, n->v[i + 1].at, hal9_strdup(""));
    else
        fl_edit_add(e, n->v[i].at, n->v[i].value->end, hal9_strdup(""));
}

static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The white space before a place, fresh. */
static char *gap_before(const struct fl_edits *e, size_t at) {
    size_t from = at;
    while (from > 0 && blank(e->text[from - 1]))
        from--;
    return hal9_strndup(e->text + from, at - from);
}

/* One step of indentation: what the members have more than the closing brace. Fresh. */
static char *unit_of(const struct fl_edits *e, const struct fl_node *n, const char *gap) {
    _cleanup_free_ char *outer = gap_before(e, n->end - 1);
    const char *inner_line = strrchr(gap, '\n');
    const char *outer_line = strrchr(outer, '\n');
    if (!inner_line || !outer_line || !hal9_startswith(inner_line, outer_line) ||
        strlen(inner_line) == strlen(outer_line))
        return hal9_strdup("  ");
    return hal9_strdup(inner_line + strlen(outer_line));
}

static bool spaced_colon(const struct fl_edits *e, const struct fl_member *m) {
    return m->value->at > m->key_end && blank(e->text[m->value->at - 1]);
}

/* Puts a member behind the last one that stays, or where the first one was. */
static void insert(struct fl_edits *e, const struct fl_node *n, size_t last, bool any,
                   const cJSON *value, bool first_new) {
    const struct fl_member *model = &n->v[n->n - 1];
    _cleanup_free_ char *gap = gap_before(e, model->at);
    _cleanup_free_ char *unit = unit_of(e, n, gap);
    _cleanup_json_ cJSON *key = cJSON_CreateString(value->string);
    _cleanup_free_ char *name = hal9_json_text(key);
    const char *line = strrchr(gap, '\n');
    const bool comma = any || !first_new;
    struct hal9_buf b = {0};
    hal9_buf_printf(&b, "%s%s%s:%s", comma ? "," : "", comma ? (*gap ? gap : "") : "", name,
                    spaced_colon(e, model) || e->yaml ? " " : "");
    fl_pretty(&b, value, line, unit);
    const size_t at = any ? n->v[last].value->end : n->v[0].at;
    fl_edit_add(e, at, at, hal9_buf_take(&b));
}

void fl_flow_members(struct fl_edits *e, const struct fl_node *n, const cJSON *now,
                     const cJSON *wanted) {
    bool any = false, first_new = true;
    size_t last = 0;
    for (size_t i = 0; i < n->n; i++) {
        const struct fl_member *m = &n->v[i];
        if (!stays(n, i, wanted)) {
            take_away(e, n, i, any);
            continue;
        }
        if (!hal9_streq(m->key, "<<"))
            fl_edit_value(e, m->value, cJSON_GetObjectItemCaseSensitive(now, m->key),
                          cJSON_GetObjectItemCaseSensitive(wanted, m->key));
        any = true;
        last = i;
    }
    const cJSON *w;
    cJSON_ArrayForEach(w, wanted) {
        const cJSON *is = cJSON_GetObjectItemCaseSensitive(now, w->string);
        if (fl_node_member(n, w->string) || (is && hal9_json_equal(is, w)))
            continue;
        insert(e, n, last, any, w, first_new);
        first_new = false;
    }
}

static void item(struct fl_edits *e, const struct fl_node *n, size_t last, bool any,
                 const cJSON *value, bool first_new) {
    const bool comma = any || !first_new;
    _cleanup_free_ char *gap = n->n > 0 ? gap_before(e, n->v[n->n - 1].at) : hal9_strdup("");
    _cleanup_free_ char *unit = unit_of(e, n, gap);
    struct hal9_buf b = {0};
    hal9_buf_printf(&b, "%s%s", comma ? "," : "", comma ? gap : "");
    fl_pretty(&b, value, strrchr(gap, '\n'), unit);
    const size_t at = any ? n->v[last].value->end : n->n > 0 ? n->v[0].at : n->at + 1;
    fl_edit_add(e, at, at, hal9_buf_take(&b));
}

void fl_flow_items(struct fl_edits *e, const struct fl_node *n, const bool *gone,
                   const cJSON *added) {
    bool any = false, first_new = true;
    size_t last = 0;
    for (size_t i = 0; i < n->n; i++) {
        if (gone[i]) {
            take_away(e, n, i, any);
            continue;
        }
        any = true;
        last = i;
    }
    const cJSON *a;
    cJSON_ArrayForEach(a, added) {
        item(e, n, last, any, a, first_new);
        first_new = false;
    }
}
