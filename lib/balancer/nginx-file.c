/* Reads and edits the upstream block of an nginx file (ngx_http_upstream_module: upstream, server). */
#include "balancer/nginx-file.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"

#define MARK "# hal9ops:"

/* ---- words of the text ---- */

struct lexer {
    const char *text;
    size_t len, at;
};
enum word_kind { WORD_END, WORD_TEXT, WORD_SEMICOLON, WORD_OPEN, WORD_CLOSE };
struct word {
    enum word_kind kind;
    size_t start, end;
};

static void skip_blanks(struct lexer *l) {
    while (l->at < l->len) {
        if (isspace((unsigned char)l->text[l->at])) {
            l->at++;
        } else if (l->text[l->at] == '#') {
            while (l->at < l->len && l->text[l->at] != '\n')
                l->at++;
        } else {
            return;
        }
    }
}

/* To behind the closing quote; a backslash hides what follows it. */
static void skip_quoted(struct lexer *l) {
    const char quote = l->text[l->at++];

    while (l->at < l->len && l->text[l->at] != quote)
        l->at += l->text[l->at] == '\\' && l->at + 1 < l->len ? 2 : 1;
    if (l->at < l->len)
        l->at++;
}

static void skip_text(struct lexer *l) {
    if (l->text[l->at] == '"' || l->text[l->at] == '\'') {
        skip_quoted(l);
        return;
    }
    while (l->at < l->len && !isspace((unsigned char)l->text[l->at]) &&
           !strchr(";{}", l->text[l->at]))
        l->at += l->text[l->at] == '\\' && l->at + 1 < l->len ? 2 : 1;
}

static struct word next_word(struct lexer *l) {
    struct word w = {.kind = WORD_END};

    skip_blanks(l);
    w.start = l->at;
    if (l->at >= l->len)
        return w;
    switch (l->text[l->at]) {
    case ';':
        w.kind = WORD_SEMICOLON;
        l->at++;
        break;
    case '{':
        w.kind = WORD_OPEN;
        l->at++;
        break;
    case '}':
        w.kind = WORD_CLOSE;
        l->at++;
        break;
    default:
        w.kind = WORD_TEXT;
        skip_text(l);
    }
    w.end = l->at;
    return w;
}

/* The word's value: without quotes. Fresh. */
static char *value_of(const struct lexer *l, const struct word *w) {
    const size_t quoted = l->text[w->start] == '"' || l->text[w->start] == '\'';

    if (quoted && w->end - w->start < 2)
        return hal9_strdup("");
    return hal9_strndup(l->text + w->start + quoted, w->end - w->start - 2 * quoted);
}

static unsigned line_of(const struct lexer *l, size_t at) {
    unsigned line = 1;

    for (size_t i = 0; i < at && i < l->len; i++)
        line += l->text[i] == '\n';
    return line;
}

/* ---- one server ---- */

/* The comment of ours behind a directive, on the same line: sets what it tells, and the server's end. */
static void take_mark(const struct lexer *l, struct ng_server *s) {
    const char *end = l->text + l->len;
    const char *at = l->text + s->end;

    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    if ((size_t)(end - at) < strlen(MARK) || strncmp(at, MARK, strlen(MARK)) != 0)
        return;
    const size_t len =
        strlen(MARK) + strcspn(at + strlen(MARK), "#\n"); /* another comment may follow */
    _cleanup_free_ char *mark = hal9_strndup(at, len);
    char *save = NULL;

    for (char *word = strtok_r(mark + strlen(MARK), " \t\r", &save); word;
         word = strtok_r(NULL, " \t\r", &save)) {
        if (hal9_startswith(word, "weight="))
            (void)hal9_parse_int(word + strlen("weight="), 0, INT64_MAX, &s->weight, NULL);
        else if (hal9_startswith(word, "admin="))
            (void)hal9_admin_parse(word + strlen("admin="), &s->admin);
    }
    s->end = (size_t)(at - l->text) + len;
    while (isspace((unsigned char)l->text[s->end - 1]))
        s->end--;
}

/* A word that was read as its number; false: it is none. */
static bool take_weight(const char *param, int64_t *ret) {
    return hal9_startswith(param, "weight=") &&
           hal9_parse_int(param + strlen("weight="), 1, INT64_MAX, ret, NULL) == HAL9_OK;
}

/* The directive whose first word, "server", starts at `start`; the lexer stands behind that word. */
static bool take_server(struct lexer *l, size_t start, struct ng_server *ret) {
    struct word w = next_word(l);
    bool down = false;

    if (w.kind != WORD_TEXT)
        return false;
    *ret =
        (struct ng_server){.name = value_of(l, &w), .weight = 1, .start = start, .params = w.end};
    while ((w = next_word(l)).kind == WORD_TEXT) {
        _cleanup_free_ char *param = value_of(l, &w);

        if (strcmp(param, "down") == 0)
            down = true;
        else if (!take_weight(param, &ret->weight))
            hal9_strv_take(&ret->others, hal9_strndup(l->text + w.start, w.end - w.start));
    }
    ret->end = w.end;
    if (down) {
        ret->admin =
            HAL9_ADMIN_DRAIN; /* no new visitors; those who are there stay until they have their answers */
        take_mark(l, ret);
    }
    return w.kind == WORD_SEMICOLON;
}

static void server_clear(struct ng_server *s) {
    free(s->name);
    hal9_strv_free(&s->others);
}

void ng_upstream_clear(struct ng_upstream *u) {
    for (size_t i = 0; i < u->n; i++)
        server_clear(&u->v[i]);
    free(u->v);
    hal9_strv_free(&u->known);
    *u = (struct ng_upstream){0};
}

/* ---- the block ---- */

static hal9_status bad(const char *path, const struct lexer *l, size_t at, struct hal9_error *err,
                       const char *what) {
    hal9_error_set(err, HAL9_E_CONFIG, "%s", what);
    hal9_error_place(err, path, line_of(l, at), 0);
    return HAL9_E_CONFIG;
}

static hal9_status add_server(const char *path, struct lexer *l, size_t start,
                              struct ng_upstream *u, struct hal9_error *err) {
    struct ng_server s = {0};

    if (!take_server(l, start, &s)) {
        server_clear(&s);
        return bad(path, l, start, err, "a server without its semicolon");
    }
    for (size_t i = 0; i < u->n; i++)
        if (strcmp(u->v[i].name, s.name) == 0) {
            server_clear(&s);
            return bad(path, l, start, err,
                       "the same server twice in one upstream: they can't be told apart");
        }
    *HAL9_APPEND(u->v, u->n, u->cap) = s;
    return HAL9_OK;
}

/* To behind the directive or block that has begun. */
static void skip_directive(struct lexer *l) {
    size_t depth = 0;

    for (struct word w = next_word(l); w.kind != WORD_END; w = next_word(l)) {
        if (w.kind == WORD_OPEN)
            depth++;
        else if (w.kind == WORD_CLOSE && depth > 0)
            depth--;
        else if (w.kind == WORD_TEXT)
            continue;
        if (depth == 0)
            return;
    }
}

/* Behind "upstream NAME {". */
static hal9_status take_block(const char *path, struct lexer *l, struct ng_upstream *u,
                              struct hal9_error *err) {
    const size_t begin = l->at;

    for (;;) {
        struct word w = next_word(l);

        if (w.kind == WORD_CLOSE)
            return HAL9_OK;
        if (w.kind != WORD_TEXT)
            return bad(path, l, begin, err, "an upstream block that doesn't end");
        _cleanup_free_ char *name = value_of(l, &w);

        if (strcmp(name, "server") != 0) {
            skip_directive(l);
            continue;
        }
        hal9_status st = add_server(path, l, w.start, u, err);

        if (st != HAL9_OK)
            return st;
    }
}

hal9_status ng_upstream_parse(const char *path, const struct hal9_buf *text, const char *name,
                              struct ng_upstream *ret, struct hal9_error *err) {
    struct lexer l = {.text = text->data ? text->data : "", .len = text->len};
    struct ng_upstream u = {0};
    hal9_status st = HAL9_OK;

    for (struct word w = next_word(&l); w.kind != WORD_END && st == HAL9_OK; w = next_word(&l)) {
        _cleanup_free_ char *directive = w.kind == WORD_TEXT ? value_of(&l, &w) : NULL;

        if (!directive || strcmp(directive, "upstream") != 0)
            continue; /* other blocks are walked through: an upstream may stand in http {} */
        w = next_word(&l);
        _cleanup_free_ char *which = w.kind == WORD_TEXT ? value_of(&l, &w) : NULL;

        if (!which || next_word(&l).kind != WORD_OPEN) {
            st = bad(path, &l, w.start, err, "an upstream without name or block");
        } else if (strcmp(which, name) == 0) {
            u.found = true;
            st = take_block(path, &l, &u, err);
        }
        hal9_strv_add(&u.known, which);
    }
    if (st == HAL9_OK)
        *ret = u;
    else
        ng_upstream_clear(&u);
    return st;
}

/* ---- and back ---- */

static void print_server(struct hal9_buf *out, const char *text, const struct ng_server *s) {
    const bool off = s->weight == 0 || s->admin != HAL9_ADMIN_READY;

    hal9_buf_add(out, text + s->start, s->params - s->start);
    for (size_t i = 0; i < s->others.n; i++)
        hal9_buf_printf(out, " %s", s->others.v[i]);
    if (s->weight > 1)
        hal9_buf_printf(out, " weight=%lld", (long long)s->weight);
    hal9_buf_puts(out, off ? " down;" : ";");
    /* "down" alone is a drained server. */
    if (off && (s->weight == 0 || s->admin != HAL9_ADMIN_DRAIN))
        hal9_buf_printf(out, " " MARK " weight=%lld admin=%s", (long long)s->weight,
                        hal9_admin_name(s->admin));
}

char *ng_upstream_print(const struct ng_upstream *u, const struct hal9_buf *text) {
    struct hal9_buf out = {0};
    size_t at = 0;

    for (size_t i = 0; i < u->n; i++) {
        if (!u->v[i].changed)
            continue;
        hal9_buf_add(&out, text->data + at, u->v[i].start - at);
        print_server(&out, text->data, &u->v[i]);
        at = u->v[i].end;
    }
    hal9_buf_add(&out, text->data + at, text->len - at);
    return hal9_buf_take(&out);
}
