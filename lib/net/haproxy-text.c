/* What HAProxy's Runtime API answers, taken apart. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/haproxy.h"

void hal9_haproxy_split(const char *text, size_t max, struct hal9_strv *ret) {
    const char *begin = text, *at = text;

    while (ret->n < max && *at) {
        const char *end = strchr(at, '\n');

        if (!end)
            return;
        if (end == at) {
            size_t len = (size_t)(at - begin);

            hal9_strv_take(ret, hal9_strndup(begin, len > 0 ? len - 1 : 0));
            begin = end + 1;
        }
        at = end + 1;
    }
}

const char *hal9_haproxy_error(const char *answer) {
    if (answer[0] == '[' && answer[1] >= '0' && answer[1] <= '7' &&
        hal9_startswith(answer + 2, "]: "))
        return answer + strlen("[3]: ");
    return NULL;
}

/* ---- tables ---- */

/* The names of the columns, up to the last that is wanted. */
static void cut_names(char *line, char sep, const char *last, struct hal9_strv *ret) {
    char *rest = NULL;

    for (char *name = strtok_r(line, (char[]){sep, '\0'}, &rest); name;
         name = strtok_r(NULL, (char[]){sep, '\0'}, &rest)) {
        hal9_strv_add(ret, name);
        if (hal9_streq(name, last))
            return;
    }
}

/* Cuts a line into n words at most; empty ones count only between commas. A table has some ten thousand of them. */
static void cut(char *line, char sep, char **cells, size_t n) {
    size_t i = 0;

    while (*line && i < n) {
        while (sep == ' ' && *line == ' ')
            line++;
        char *end = strchrnul(line, sep);
        bool more = *end != '\0';

        *end = '\0';
        if (*line || sep != ' ')
            cells[i++] = line;
        line = end + more;
    }
}

static void add_row(struct hal9_haproxy_table *t, char *line, char sep) {
    if (t->rows == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        t->cells = hal9_realloc_array(t->cells, t->cap * t->names.n, sizeof(*t->cells));
    }
    memset(t->cells + t->rows * t->names.n, 0, t->names.n * sizeof(*t->cells));
    cut(line, sep, t->cells + t->rows * t->names.n, t->names.n);
    t->rows++;
}

bool hal9_haproxy_table(const char *answer, char sep, const char *last,
                        struct hal9_haproxy_table *ret) {
    struct hal9_haproxy_table t = {.text = hal9_strdup(answer)};
    char *rest = NULL;

    for (char *line = strtok_r(t.text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (t.names.n > 0)
            add_row(&t, line, sep);
        else if (hal9_startswith(line, "# "))
            cut_names(line + 2, sep, last, &t.names);
    }
    if (t.names.n == 0) {
        free(t.text);
        return false;
    }
    *ret = t;
    return true;
}

void hal9_haproxy_table_clear(struct hal9_haproxy_table *t) {
    free(t->text);
    free(t->cells);
    hal9_strv_free(&t->names);
    *t = (struct hal9_haproxy_table){0};
}

size_t hal9_haproxy_column(const struct hal9_haproxy_table *t, const char *name) {
    for (size_t i = 0; i < t->names.n; i++)
        if (hal9_streq(t->names.v[i], name))
            return i;
    return SIZE_MAX;
}

const char *hal9_haproxy_cell(const struct hal9_haproxy_table *t, size_t row, size_t column) {
    return row < t->rows && column < t->names.n ? t->cells[row * t->names.n + column] : NULL;
}

int64_t hal9_haproxy_number(const struct hal9_haproxy_table *t, size_t row, size_t column,
                            int64_t dflt) {
    const char *cell = hal9_haproxy_cell(t, row, column);
    int64_t value;

    return cell && hal9_parse_int(cell, INT64_MIN, INT64_MAX, &value, NULL) == HAL9_OK ? value
                                                                                       : dflt;
}

char *hal9_haproxy_field(const char *answer, const char *name) {
    size_t len = strlen(name);

    for (const char *line = answer; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0 && hal9_startswith(line + len, ": ")) {
            const char *value = line + len + 2;

            return hal9_strndup(value, strcspn(value, "\n"));
        }
    }
    return NULL;
}
