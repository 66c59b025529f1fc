/* env: a file of NAME=value lines as shells and systemd read it: comments, quotes, export. Edited in place. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

#define TRIES 5

/* One assignment. Places are of the text. */
struct entry {
    char *name, *value;
    size_t at, name_at;         /* its line; its name (behind export) */
    size_t value_at, value_end; /* as written, quotes included */
    size_t end;                 /* behind its line */
    char quote;                 /* '"', '\'' or 0 */
};
struct entries {
    struct entry *v;
    size_t n, cap;
};

static void entries_clear(struct entries *e) {
    for (size_t i = 0; i < e->n; i++) {
        free(e->v[i].name);
        free(e->v[i].value);
    }
    free(e->v);
    *e = (struct entries){0};
}
#define _cleanup_entries_ _cleanup_(entries_clear)

static bool name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t skip_spaces(const char *t, size_t at, size_t len) {
    while (at < len && (t[at] == ' ' || t[at] == '\t'))
        at++;
    return at;
}

static size_t end_of_line(const char *t, size_t at, size_t len) {
    const char *newline = memchr(t + at, '\n', len - at);
    return newline ? (size_t)(newline - t) : len;
}

/* The value behind an opening quote; it may go over lines. SIZE_MAX: no closing one. */
static size_t quoted(const char *t, size_t at, size_t len, char quote, struct hal9_buf *ret) {
    for (; at < len && t[at] != quote; at++) {
        if (quote == '"' && t[at] == '\\' && at + 1 < len && strchr("\"\\$`", t[at + 1]))
            at++;
        hal9_buf_putc(ret, t[at]);
    }
    return at < len ? at + 1 : SIZE_MAX;
}

/* Up to a comment or the end of the line, without the blanks before that. */
static size_t unquoted(const char *t, size_t at, size_t len, struct hal9_buf *ret) {
    const size_t end = end_of_line(t, at, len);
    size_t stop = at;
    while (stop < end &&
           !(t[stop] == '#' && stop > at && (t[stop - 1] == ' ' || t[stop - 1] == '\t')))
        stop++;
    while (stop > at && strchr(" \t\r", t[stop - 1]))
        stop--;
    hal9_buf_add(ret, t + at, stop - at);
    return stop;
}

static hal9_status bad_line(const char *path, const char *t, size_t at, const char *what,
                            struct hal9_error *err) {
    unsigned line = 1;
    for (size_t i = 0; i < at; i++)
        line += t[i] == '\n';
    hal9_error_set(err, HAL9_E_UNKNOWN, "%s can't be read: %s", path, what);
    hal9_error_place(err, path, line, 0);
    return HAL9_E_UNKNOWN;
}

/* The line at `at`; *ret_next: behind it. */
static hal9_status parse_line(const char *path, const char *t, size_t len, size_t at,
                              struct entries *ret, size_t *ret_next, struct hal9_error *err) {
    struct entry e = {.at = at};
    size_t p = skip_spaces(t, at, len);
    *ret_next = end_of_line(t, at, len) + 1;
    if (p >= len || t[p] == '\n' || t[p] == '\r' || t[p] == '#' || t[p] == ';')
        return HAL9_OK;
    if (len - p > 7 && strncmp(t + p, "export", 6) == 0 && (t[p + 6] == ' ' || t[p + 6] == '\t'))
        p = skip_spaces(t, p + 6, len);
    e.name_at = p;
    while (p < len && name_char(t[p]))
        p++;
    if (p == e.name_at || p >= len || t[p] != '=')
        return bad_line(path, t, at, "a line that is no NAME=value", err);
    struct hal9_buf value = {0};
    e.value_at = p + 1;
    e.quote =
        e.value_at < len && (t[e.value_at] == '"' || t[e.value_at] == '\'') ? t[e.value_at] : 0;
    e.value_end = e.quote ? quoted(t, e.value_at + 1, len, e.quote, &value)
                          : unquoted(t, e.value_at, len, &value);
    if (e.value_end == SIZE_MAX) {
        hal9_buf_free(&value);
        return bad_line(path, t, at, "a quote that is not closed", err);
    }
    e.name = hal9_strndup(t + e.name_at, p - e.name_at);
    e.value = hal9_buf_take(&value);
    *ret_next = e.end = end_of_line(t, e.value_end, len) + 1;
    if (e.end > len)
        e.end = len;
    *HAL9_APPEND(ret->v, ret->n, ret->cap) = e;
    return HAL9_OK;
}

static hal9_status parse(const char *path, const struct hal9_buf *text, struct entries *ret,
                         struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    if (memchr(text->data, '\0', text->len))
        return hal9_error_set(err, HAL9_E_UNKNOWN, "%s is no text file", path);
    for (size_t at = 0; st == HAL9_OK && at < text->len;)
        st = parse_line(path, text->data, text->len, at, ret, &at, err);
    return st;
}

static hal9_status whole(const char *path, const struct hal9_buf *text, struct hal9_error *err) {
    _cleanup_entries_ struct entries e = {0};
    return parse(path, text, &e, err);
}

/* The last of that name counts, as for a shell. */
static const struct entry *find(const struct entries *e, const char *name) {
    for (size_t i = e->n; i-- > 0;)
        if (strcmp(e->v[i].name, name) == 0)
            return &e->v[i];
    return NULL;
}

static cJSON *state_of(const struct entries *e, const char *name) {
    const struct entry *found = find(e, name);
    if (!found)
        return cJSON_CreateNull();
    cJSON *state = cJSON_CreateObject();
    hal9_json_add_str(state, "value", found->value);
    return state;
}

static hal9_status no_secret(const char *name, struct hal9_error *err) {
    if (!hal9_secret_name(name))
        return HAL9_OK;
    hal9_error_set(err, HAL9_E_REFUSED, "%s looks like a secret, not like a flag", name);
    hal9_error_hint(err, "what is read here goes into journals; set it by other means");
    return HAL9_E_REFUSED;
}

static hal9_status read_flags(const struct fl_call *c, const struct hal9_strv *names,
                              struct fl_seen *seen, cJSON **ret, struct hal9_error *err) {
    _cleanup_file_ struct fl_file f = FL_FILE_INIT;
    _cleanup_entries_ struct entries e = {0};
    (void)seen;
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && names && i < names->n; i++)
        st = no_secret(names->v[i], err);
    if (st == HAL9_OK)
        st = fl_file_read(c->f->env, false, whole, c->cancel_fd, &f, err);
    if (st == HAL9_OK)
        st = parse(c->f->env, &f.text, &e, err);
    if (st != HAL9_OK)
        return st;
    cJSON *all = cJSON_CreateObject();
    const size_t n = names ? names->n : e.n;
    for (size_t i = 0; i < n; i++) {
        const char *name = names ? names->v[i] : e.v[i].name;
        if (!hal9_secret_name(name) && !cJSON_GetObjectItemCaseSensitive(all, name))
            cJSON_AddItemToObject(all, name, state_of(&e, name));
    }
    *ret = all;
    return HAL9_OK;
}

/* ---- writing */

static bool safe(const char *value) {
    return value[strspn(
               value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+,-")] ==
           '\0';
}

/* As the old one was quoted, where that can be. */
static char *value_text(const char *value, char quote) {
    struct hal9_buf b = {0};
    if (quote == '\'' && !strchr(value, '\''))
        return hal9_strf("'%s'", value);
    if (quote == 0 && safe(value))
        return hal9_strdup(value);
    hal9_buf_putc(&b, '"');
    for (; *value; value++) {
        if (strchr("\"\\$`", *value))
            hal9_buf_putc(&b, '\\');
        hal9_buf_putc(&b, *value);
    }
    hal9_buf_putc(&b, '"');
    return hal9_buf_take(&b);
}

static void take_away(struct fl_edits *ed, const struct entries *e, const char *name) {
    for (size_t i = 0; i < e->n; i++)
        if (strcmp(e->v[i].name, name) == 0)
            fl_edit_add(ed, e->v[i].at, e->v[i].end, hal9_strdup(""));
}

static void append(struct fl_edits *ed, const struct entries *e, const char *name,
                   const char *value) {
    const struct entry *last = e->n > 0 ? &e->v[e->n - 1] : NULL;
    const bool exported = last && last->name_at > last->at &&
                          memmem(ed->text + last->at, last->name_at - last->at, "export", 6);
    const bool cut = ed->len > 0 && ed->text[ed->len - 1] != '\n';
    _cleanup_free_ char *text = value_text(value, last ? last->quote : 0);
    fl_edit_add(ed, ed->len, ed->len,
                hal9_strf("%s%s%s=%s\n", cut ? "\n" : "", exported ? "export " : "", name, text));
}

static void edit(struct fl_edits *ed, const struct entries *e, const cJSON *wanted) {
    const cJSON *w;
    cJSON_ArrayForEach(w, wanted) {
        const struct entry *is = find(e, w->string);
        const char *value = hal9_json_str(w, "value");
        if (!value)
            take_away(ed, e, w->string);
        else if (!is)
            append(ed, e, w->string, value);
        else if (strcmp(is->value, value) != 0)
            fl_edit_add(ed, is->value_at, is->value_end, value_text(value, is->quote));
    }
}

static hal9_status as_told(const char *path, const struct entries *e, const cJSON *told,
                           const cJSON *of, hal9_status code, struct hal9_error *err) {
    const cJSON *w;
    cJSON_ArrayForEach(w, of) {
        _cleanup_json_ cJSON *is = state_of(e, w->string);
        if (hal9_json_equal(is, cJSON_GetObjectItemCaseSensitive(told, w->string)))
            continue;
        if (code == HAL9_E_DRIFT) {
            hal9_error_set(err, code, "somebody else changed %s in %s at the same moment",
                           w->string, path);
            hal9_error_hint(err, "nothing was written; look at it and run this again");
        } else
            hal9_error_set(err, code,
                           "%s can't be written into %s so that it is read back the same",
                           w->string, path);
        return code;
    }
    return HAL9_OK;
}

static hal9_status write_once(const struct fl_call *c, const cJSON *now, const cJSON *wanted,
                              bool *ret_again, struct hal9_error *err) {
    _cleanup_file_ struct fl_file f = FL_FILE_INIT;
    _cleanup_entries_ struct entries e = {0}, after = {0};
    _cleanup_buf_ struct hal9_buf text = {0};
    const char *path = c->f->env;
    *ret_again = false;
    hal9_status st = fl_file_read(path, true, whole, c->cancel_fd, &f, err);
    if (st == HAL9_OK)
        st = parse(path, &f.text, &e, err);
    if (st == HAL9_OK)
        st = as_told(path, &e, now, wanted, HAL9_E_DRIFT, err);
    if (st != HAL9_OK)
        return st;
    _cleanup_edits_ struct fl_edits ed = {.text = f.text.data, .len = f.text.len};
    edit(&ed, &e, wanted);
    if (ed.n == 0)
        return HAL9_OK;
    fl_edits_apply(&ed, &text);
    if (text.len == 0) {
        hal9_error_set(err, HAL9_E_REFUSED, "%s would be empty without it", path);
        return HAL9_E_REFUSED;
    }
    st = parse(path, &text, &after, err);
    if (st == HAL9_OK)
        st = as_told(path, &after, wanted, wanted, HAL9_E_USAGE, err);
    if (st == HAL9_OK) {
        st = fl_file_replace(&f, text.data, text.len, err);
        *ret_again = st == HAL9_E_DRIFT;
    }
    return st;
}

static hal9_status may_be_written(const cJSON *w, struct hal9_error *err) {
    const char *value = hal9_json_str(w, "value");
    hal9_status st = no_secret(w->string, err);
    if (st == HAL9_OK && !cJSON_IsNull(w) && !value)
        return hal9_error_set(err, HAL9_E_USAGE, "%s wants a value", w->string);
    if (st == HAL9_OK &&
        (!*w->string ||
         w->string[strspn(w->string,
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")]))
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' is no name for an env file", w->string);
    return st;
}

static hal9_status write_flags(const struct fl_call *c, const cJSON *now, const cJSON *wanted,
                               struct hal9_error *err) {
    const cJSON *w;
    cJSON_ArrayForEach(w, wanted) {
        hal9_status st = may_be_written(w, err);
        if (st != HAL9_OK)
            return st;
    }
    for (int i = 1;; i++) {
        _cleanup_error_ struct hal9_error e = {0};
        bool again = false;
        hal9_status st = write_once(c, now, wanted, &again, &e);
        if (st == HAL9_OK || !again || i == TRIES)
            return st == HAL9_OK ? HAL9_OK : hal9_error_move(err, &e);
    }
}

/* ---- words */

static char *words(const char *name, const cJSON *state) {
    const char *value = hal9_json_str(state, "value");
    return hal9_strf("%s=%s", name, value ? value : "");
}

static const char *const pairs[][2] = {
    {"true", "false"}, {"1", "0"},    {"yes", "no"}, {"on", "off"},          {"True", "False"},
    {"TRUE", "FALSE"}, {"YES", "NO"}, {"ON", "OFF"}, {"enabled", "disabled"}};

/* on and off are written as the value is written now. */
static const char *translated(const char *now, const char *word) {
    const bool on = strcmp(word, "on") == 0;
    if (!on && strcmp(word, "off") != 0)
        return word;
    for (size_t i = 0; now && i < HAL9_ARRAY_LEN(pairs); i++)
        if (strcmp(now, pairs[i][0]) == 0 || strcmp(now, pairs[i][1]) == 0)
            return pairs[i][on ? 0 : 1];
    return word;
}

static hal9_status wanted_state(const char *name, const cJSON *now, const char *word, cJSON **ret,
                                struct hal9_error *err) {
    const char *value = hal9_json_str(now, "value");
    hal9_status st = no_secret(name, err);
    if (st == HAL9_OK && !value)
        st = hal9_error_set(err, HAL9_E_USAGE, "there is no flag %s", name);
    if (st != HAL9_OK)
        return st;
    *ret = cJSON_CreateObject();
    hal9_json_add_str(*ret, "value", translated(value, word));
    return HAL9_OK;
}

static char *place(const struct hal9_flag_spec *f) {
    return hal9_path_canonical(f->env);
}

const struct fl_driver fl_env = {
    .kind = "env",
    .read = read_flags,
    .write = write_flags,
    .words = words,
    .wanted = wanted_state,
    .place = place,
};
