/* The index of a bundle: where in its logs to look first. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "workload/bundle.h"

enum { LINES_MAX = 20, TEXT_MAX = 300 };

/* What lines that matter have in them. In small letters. */
static const char *const words[] = {
    "error",       "fatal",         "panic",        "exception", "oom",
    "refused",     "segfault",      "segmentation", "traceback", "critical",
    "abort",       "out of memory", "core dumped",  "no space",  "too many open files",
    "denied",      "timed out",     "failed",       "killed",    "emerg",
    "unreachable",
};

/* A word begins there: after no letter, or as ErrorCode and OutOfMemoryError are written. */
static bool begins(const char *line, const char *p) {
    return p == line || !isalpha((unsigned char)p[-1]) ||
           (isupper((unsigned char)*p) && islower((unsigned char)p[-1]));
}

/* "0 errors", "no error" */
static bool denied(const char *line, const char *p) {
    return (p - line >= 2 && strncmp(p - 2, "0 ", 2) == 0 &&
            (p - line == 2 || !isdigit((unsigned char)p[-3]))) ||
           (p - line >= 3 && strncasecmp(p - 3, "no ", 3) == 0);
}

/* The first letters of all words. */
static bool is_first(char c) {
    return c != '\0' && strchr("aAcCdDeEfFkKnNoOpPrRsStTuU", c);
}

static const char *word_at(const char *line, const char *p, const char *end) {
    const int first = tolower((unsigned char)*p);

    for (size_t i = 0; i < HAL9_ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);

        if (first != words[i][0] || (size_t)(end - p) < len || strncasecmp(p, words[i], len) != 0)
            continue;
        if (strcmp(words[i], "oom") == 0 && p + len < end && isalpha((unsigned char)p[len]))
            continue;
        return denied(line, p) ? NULL : words[i];
    }
    return NULL;
}

/* The first word of the line that makes it suspicious, or NULL. */
static const char *suspicion(const char *line, const char *end) {
    for (const char *p = line; p < end; p++) {
        const char *word = is_first(*p) && begins(line, p) ? word_at(line, p, end) : NULL;

        if (word)
            return word;
    }
    return NULL;
}

struct index {
    struct hal9_buf text;
    cJSON *lines;
};

static void add_line(struct index *x, const struct wl_entry *e, size_t number, const char *word,
                     const char *line, size_t len) {
    _cleanup_free_ char *shown = hal9_strndup(line, len < TEXT_MAX ? len : TEXT_MAX);
    cJSON *j = cJSON_CreateObject();

    for (char *p = shown; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    hal9_buf_printf(&x->text, "%s:%zu: %s\n", e->path, number, shown);
    hal9_json_add_str(j, "file", e->path);
    hal9_json_add_int(j, "line", (int64_t)number);
    hal9_json_add_str(j, "word", word);
    hal9_json_add_str(j, "text", shown);
    cJSON_AddItemToArray(x->lines, j);
}

static void look_through(struct index *x, struct wl_entry *e) {
    const char *at = e->data.data, *end = e->data.data + e->data.len;

    for (size_t number = 1; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        const char *word = suspicion(at, stop);

        if (word && e->suspicious++ < LINES_MAX)
            add_line(x, e, number, word, at, (size_t)(stop - at));
        at = stop + (newline ? 1 : 0);
    }
    if (e->suspicious > LINES_MAX)
        hal9_buf_printf(&x->text, "%s: %zu more\n", e->path, e->suspicious - LINES_MAX);
}

void wl_bundle_index(struct wl_bundle *b) {
    struct index x = {.lines = cJSON_CreateArray()};

    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].log && b->v[i].data.len > 0) {
            look_through(&x, &b->v[i]);
            b->suspicious += b->v[i].suspicious;
        }
    if (b->suspicious == 0)
        hal9_buf_puts(&x.text, "no suspicious line in the logs\n");
    struct wl_entry *e = wl_bundle_add(b, "index.txt", "the first suspicious lines of each log");

    hal9_buf_add(&e->data, x.text.data, x.text.len);
    _cleanup_free_ char *json = hal9_json_text(x.lines);

    e = wl_bundle_add(b, "index.json", "the same as JSON");
    hal9_buf_puts(&e->data, json);
    hal9_buf_putc(&e->data, '\n');
    cJSON_Delete(x.lines);
    hal9_buf_free(&x.text);
}
