/* What libyaml stumbles over, in words of ours: it names the grammar's rule, people want to know what
 * to do to their line. */
#include <string.h>

#include "base/cleanup.h"
#include "doc/json-scan.h"
#include "doc/yaml-internal.h"

struct saying {
    const char *problem; /* a piece of what libyaml says */
    const char *text;
    const char *hint;  /* NULL-able; %L: the line where it all began */
    bool at_beginning; /* the fault is where the construct begins, not where it was seen */
};
static const struct saying sayings[] = {
    {"mapping values are not allowed", "a colon where no key can stand",
     "keys of one map begin in one column; quote the value if the colon belongs to it", false},
    {"did not find expected key", "no key where one must stand",
     "keys of one map begin in one column; this map began in line %L", false},
    {"could not find expected ':'", "a key without a colon and a blank behind it", NULL, true},
    {"found unexpected end of stream", "a quote that is never closed", NULL, true},
    {"found unexpected document indicator", "a quote that is never closed", NULL, true},
    {"expected ',' or ']'", "a list in brackets wants a comma or its ] here",
     "the list began in line %L", false},
    {"expected ',' or '}'", "a map in braces wants a comma or its } here",
     "the map began in line %L", false},
    {"expected '-' indicator", "no '- ' where the next item of a list must stand",
     "items of one list begin in one column; this list began in line %L", false},
    {"found a tab character", "a tab where blanks must stand", "YAML wants blanks, not tabs",
     false},
    {"block sequence entries are not allowed", "a list cannot begin here",
     "begin it on a line of its own", false},
    {"block mapping keys are not allowed", "a key cannot stand here", NULL, false},
    {"found unknown escape character", "an unknown escape in a string",
     "in single quotes a backslash is a backslash", false},
    {"expected alphabetic or numeric character", "* or & without a name behind it",
     "put a value that begins so in quotes", false},
    {"expected node content", "a value is missing here", NULL, false},
    {"incompatible YAML document", "a version of YAML that is neither 1.1 nor 1.2", NULL, false},
    {"expected <document start>", "something behind the end of the document", NULL, false},
    {"expected comment or line break", "something behind | or > that does not belong there", NULL,
     false},
    {"unknown directive name", "a directive that is not known here", NULL, false},
    {"undefined tag handle", "a tag that is not known here", NULL, false},
    {"expected tag URI", "a tag that is not known here", NULL, false},
    {"exceeded maximum depth", "more than 100 levels", NULL, false},
    {"exceeds maximum simple key length", "a key that is too long", NULL, false},
};

/* The byte at a mark, and whether a tab is among the blanks that its line begins with. */
static char byte_at(const char *data, size_t len, yaml_mark_t at, bool *ret_tab) {
    const char *p = data, *end = data + len;
    for (size_t line = 0; line < at.line && p < end; line++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline ? newline + 1 : end;
    }
    const char *start = p;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    *ret_tab = memchr(start, '\t', (size_t)(p - start)) != NULL;
    for (size_t col = 0; start < end && col < at.column; start++)
        col += start + 1 == end || ((unsigned char)start[1] & 0xc0) != 0x80;
    return start < end ? *start : '\0';
}

static hal9_status reader_error(struct hal9_error *err, const struct hal9_doc *d,
                                const yaml_parser_t *p, const char *problem, const char *data,
                                size_t len) {
    unsigned line, col;
    bool control = strstr(problem, "control") != NULL;
    hal9_place_of(data, len, p->problem_offset, &line, &col);
    yaml_mark_t at = {.line = line - 1, .column = col - 1};
    if (!control)
        return hal9_yaml_error(err, d, at, "bytes that are not UTF-8");
    return hal9_yaml_error(err, d, at, "a control character (0x%02x)", (unsigned)p->problem_value);
}

static hal9_status no_token(struct hal9_error *err, const struct hal9_doc *d, yaml_mark_t at,
                            char c) {
    if (c == '\t') {
        hal9_yaml_error(err, d, at, "a tab where blanks must stand");
        hal9_error_hint(err, "YAML wants blanks, not tabs");
    } else {
        hal9_yaml_error(err, d, at, "'%c' cannot begin a value", c);
        hal9_error_hint(err, "put the value in quotes");
    }
    return HAL9_E_CONFIG;
}

static const struct saying *find_saying(const char *problem) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(sayings); i++)
        if (strstr(problem, sayings[i].problem))
            return &sayings[i];
    return NULL;
}

/* The hint, with the line where the construct began. */
static void add_hint(struct hal9_error *err, const char *hint, size_t line) {
    const char *at = strstr(hint, "%L");
    if (at)
        hal9_error_hint(err, "%.*s%zu%s", (int)(at - hint), hint, line, at + 2);
    else
        hal9_error_hint(err, "%s", hint);
}

hal9_status hal9_yaml_syntax_error(struct hal9_error *err, const struct hal9_doc *d,
                                   const yaml_parser_t *p, const char *data, size_t len) {
    const char *problem = p->problem ? p->problem : "this is no YAML";
    bool tab;
    if (p->error == YAML_READER_ERROR)
        return reader_error(err, d, p, problem, data, len);
    char c = byte_at(data, len, p->problem_mark, &tab);
    if (strstr(problem, "cannot start any token"))
        return no_token(err, d, p->problem_mark, c);
    const struct saying *s = find_saying(problem);
    yaml_mark_t at = s && s->at_beginning ? p->context_mark : p->problem_mark;
    hal9_yaml_error(err, d, at, "%s", s ? s->text : problem);
    if (tab)
        hal9_error_hint(err, "YAML wants blanks, not tabs");
    else if (s && s->hint)
        add_hint(err, s->hint, p->context_mark.line + 1);
    return HAL9_E_CONFIG;
}
