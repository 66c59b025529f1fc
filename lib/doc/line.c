/* One line of the pipe: whether it is a record, and of what kind. Most lines are only scanned; a tree is
 * made of those that are hard to read (escapes in names, keys twice). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/stream-internal.h"

void hal9_line_spoil(struct hal9_line *l, char *why) {
    free(l->bad);
    l->bad = why;
}

void hal9_line_clear(struct hal9_line *l) {
    free(l->bad);
    free(l->told);
    hal9_buf_free(&l->canon);
}

const struct hal9_json_member *hal9_line_get(const struct hal9_line *l, const char *name) {
    return hal9_json_scan_get(&l->scan, name);
}

static bool is_text(const struct hal9_json_member *m, const char *text) {
    size_t len = strlen(text);
    return m && m->value_len == len && memcmp(m->value, text, len) == 0;
}

bool hal9_line_kind(const struct hal9_line *l, const char *kind) {
    const struct hal9_json_member *m = hal9_line_get(l, "kind");
    size_t len = strlen(kind);
    return m && m->value_len == len + 2 && memcmp(m->value + 1, kind, len) == 0;
}

cJSON *hal9_line_tree(const struct hal9_line *l) {
    cJSON *tree = NULL;
    const char *text = l->canon.data ? l->canon.data : l->text;
    hal9_json_parse(text, l->canon.data ? l->canon.len : l->len, &tree, NULL);
    return tree;
}

/* Whether what this library reads of a record is written so that bytes can be compared. */
static bool plainly_written(const struct hal9_json_scan *s) {
    static const char *const read[] = {"kind", "service", "machine", "run"};
    if (s->maybe_double || !s->top_whole)
        return false;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(read); i++) {
        const struct hal9_json_member *m = hal9_json_scan_get(s, read[i]);
        if (m && memchr(m->value, '\\', m->value_len))
            return false;
    }
    return true;
}

/* Writes the line again from its tree, and scans that. */
static bool rewrite(struct hal9_line *l, struct hal9_error *err) {
    _cleanup_json_ cJSON *tree = NULL;
    if (hal9_json_parse(l->text, l->len, &tree, err) != HAL9_OK)
        return false;
    _cleanup_free_ char *text = hal9_json_text(tree);
    hal9_buf_puts(&l->canon, text);
    return hal9_json_scan(l->canon.data, l->canon.len, &l->scan);
}

/* A record that no tree can hold may pass as long as nobody has to understand it. */
static void unreadable(struct hal9_line *l, struct hal9_error *err) {
    bool meant = hal9_line_kind(l, "begin") || hal9_line_kind(l, "end") ||
                 hal9_line_kind(l, "verdict") || !hal9_line_get(l, "kind") || !l->scan.top_whole;
    l->col = err->col;
    if (meant)
        l->bad = hal9_strf("no record: %s", err->message);
    else
        l->told = hal9_strdup(err->message);
}

static void check_marks(struct hal9_line *l) {
    const struct hal9_json_member *version = hal9_line_get(l, "hal9");
    const struct hal9_json_member *kind = hal9_line_get(l, "kind");
    if (!version)
        l->bad = hal9_strdup("no record: it has no member 'hal9'");
    else if (!is_text(version, "1"))
        l->bad = hal9_strf("no record that can be read: its format is %.*s; this build knows 1",
                           version->value_len > 32 ? 32 : (int)version->value_len, version->value);
    else if (!kind || kind->value[0] != '"')
        l->bad = hal9_strdup("no record: it has no 'kind'");
}

void hal9_line_read(struct hal9_line *l, const char *text, size_t len) {
    _cleanup_error_ struct hal9_error err = {0};
    l->text = text;
    l->len = len;
    l->bad = l->told = NULL;
    l->canon = (struct hal9_buf){0};
    l->col = 0;
    if (!hal9_json_scan(text, len, &l->scan)) {
        unsigned line;
        hal9_place_of(text, len, l->scan.at, &line, &l->col);
        l->bad = hal9_strf("no record: not JSON: %s", l->scan.why);
        return;
    }
    if (!l->scan.top_object) {
        l->bad = hal9_strdup("no record: it is no JSON object");
        return;
    }
    if ((l->scan.odd || !plainly_written(&l->scan)) && !rewrite(l, &err))
        unreadable(l, &err);
    if (!l->bad)
        check_marks(l);
}
