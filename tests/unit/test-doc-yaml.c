/* YAML: the core schema, places, anchors and merge keys, every error's words and place, hostile input. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#include "base/cleanup.h"
#include "hal9ops/doc.h"

HAL9_DEFINE_CLEANUP(struct hal9_doc *, hal9_doc_free);
#define _cleanup_doc_ _cleanup_(hal9_doc_freep)

static struct hal9_doc *parse(const char *text) {
    struct hal9_doc *d = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    if (hal9_yaml_parse("hal9.yaml", text, strlen(text), &d, &err) != HAL9_OK) {
        _cleanup_free_ char *words = hal9_error_text(&err);
        fail_msg("%s: %s", text, words);
    }
    return d;
}

static void says(const char *yaml, const char *json) {
    _cleanup_doc_ struct hal9_doc *d = parse(yaml);
    _cleanup_json_ cJSON *j = hal9_node_json(hal9_doc_root(d));
    _cleanup_free_ char *text = hal9_json_text(j);
    assert_string_equal(text, json);
}

static void core_schema(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum hal9_node_kind kind;
        const char *json;
    } cases[] = {
        {"null", HAL9_NODE_NULL, "null"},
        {"Null", HAL9_NODE_NULL, "null"},
        {"NULL", HAL9_NODE_NULL, "null"},
        {"~", HAL9_NODE_NULL, "null"},
        {"", HAL9_NODE_NULL, "null"},
        {"nULL", HAL9_NODE_STRING, "\"nULL\""},
        {"true", HAL9_NODE_BOOL, "true"},
        {"True", HAL9_NODE_BOOL, "true"},
        {"TRUE", HAL9_NODE_BOOL, "true"},
        {"false", HAL9_NODE_BOOL, "false"},
        {"tRUE", HAL9_NODE_STRING, "\"tRUE\""},
        {"yes", HAL9_NODE_STRING, "\"yes\""},
        {"on", HAL9_NODE_STRING, "\"on\""},
        {"off", HAL9_NODE_STRING, "\"off\""},
        {"n", HAL9_NODE_STRING, "\"n\""},
        {"0", HAL9_NODE_INT, "0"},
        {"-0", HAL9_NODE_INT, "-0"},
        {"12", HAL9_NODE_INT, "12"},
        {"012", HAL9_NODE_INT, "12"},
        {"+7", HAL9_NODE_INT, "7"},
        {"-7", HAL9_NODE_INT, "-7"},
        {"0o14", HAL9_NODE_INT, "12"},
        {"0o8", HAL9_NODE_STRING, "\"0o8\""},
        {"0xFf", HAL9_NODE_INT, "255"},
        {"0x", HAL9_NODE_STRING, "\"0x\""},
        {"-0x1", HAL9_NODE_STRING, "\"-0x1\""},
        {"0xffffffffffffffff", HAL9_NODE_INT, "18446744073709551615"},
        {"0x10000000000000000", HAL9_NODE_INT, "\"0x10000000000000000\""},
        {"9007199254740993", HAL9_NODE_INT, "9007199254740993"},
        {"1_000", HAL9_NODE_STRING, "\"1_000\""},
        {"1:30", HAL9_NODE_STRING, "\"1:30\""},
        {"0b1", HAL9_NODE_STRING, "\"0b1\""},
        {"1.5", HAL9_NODE_FLOAT, "1.5"},
        {".5", HAL9_NODE_FLOAT, "0.5"},
        {"5.", HAL9_NODE_FLOAT, "5"},
        {"-.5e3", HAL9_NODE_FLOAT, "-500"},
        {"+1.e1", HAL9_NODE_FLOAT, "10"},
        {"1e400", HAL9_NODE_FLOAT, "1e400"},
        {"1e", HAL9_NODE_STRING, "\"1e\""},
        {".", HAL9_NODE_STRING, "\".\""},
        {"-", HAL9_NODE_STRING, NULL},
        {"+", HAL9_NODE_STRING, "\"+\""},
        {".inf", HAL9_NODE_FLOAT, "\".inf\""},
        {"-.INF", HAL9_NODE_FLOAT, "\"-.INF\""},
        {".NaN", HAL9_NODE_FLOAT, "\".NaN\""},
        {"-.nan", HAL9_NODE_STRING, "\"-.nan\""},
        {"inf", HAL9_NODE_STRING, "\"inf\""},
        {"2026-11-23", HAL9_NODE_STRING, "\"2026-11-23\""},
        {"1.2.3", HAL9_NODE_STRING, "\"1.2.3\""},
        {"=", HAL9_NODE_STRING, "\"=\""},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        if (!cases[i].json)
            continue;
        _cleanup_free_ char *yaml = hal9_strf("k: %s\n", cases[i].text);
        _cleanup_doc_ struct hal9_doc *d = parse(yaml);
        const struct hal9_node *n = hal9_node_get(hal9_doc_root(d), "k");
        print_message("# %s\n", cases[i].text);
        assert_int_equal(n->kind, cases[i].kind);
        assert_string_equal(n->text, cases[i].text);
        assert_true(n->plain);
        _cleanup_json_ cJSON *j = hal9_node_json(n);
        _cleanup_free_ char *json = hal9_json_text(j);
        assert_string_equal(json, cases[i].json);
        _cleanup_free_ char *quoted = hal9_strf("k: '%s'\n", cases[i].text);
        _cleanup_doc_ struct hal9_doc *q = parse(quoted);
        n = hal9_node_get(hal9_doc_root(q), "k");
        assert_int_equal(n->kind, HAL9_NODE_STRING);
        assert_false(n->plain);
    }
}

static void documents(void **state) {
    (void)state;
    says("", "null");
    says("# nothing\n", "null");
    says("---\n...\n", "null");
    says("\xef\xbb\xbf"
         "a: 1\n",
         "{\"a\":1}");
    says("\xef\xbb\xbf"
         "a: 1\r\nb:\r\n  c: 2\r\n",
         "{\"a\":1,\"b\":{\"c\":2}}");
    says("a: 1\r\nb:\r\n  - x\r\n", "{\"a\":1,\"b\":[\"x\"]}");
    says("{\"a\": [1, true, null, \"x\\u00e4\", {}], \"b\": {\"c\": 1.5}}",
         "{\"a\":[1,true,null,\"x\xc3\xa4\",{}],\"b\":{\"c\":1.5}}");
    says("a: |\n  two\n  lines\nb: >-\n  fold\n  ed\n",
         "{\"a\":\"two\\nlines\\n\",\"b\":\"fold ed\"}");
    says("- - 1\n  - 2\n-\n", "[[1,2],null]");
    says("? a\n? b\n", "{\"a\":null,\"b\":null}");
    says("1: one\n~: none\n", "{\"1\":\"one\",\"~\":\"none\"}");
    says("a: !!str 12\nb: !!int \"12\"\nc: !!float 3\nd: ! 7\ne: !!map {}\nf: !!seq []\n",
         "{\"a\":\"12\",\"b\":12,\"c\":3,\"d\":\"7\",\"e\":{},\"f\":[]}");
    says("%YAML 1.2\n---\na: 1\n", "{\"a\":1}");
}

static void places(void **state) {
    (void)state;
    _cleanup_doc_ struct hal9_doc *d = parse("a: 1\n\xc3\xa4: {b: [x,\n    y]}\n");
    const struct hal9_node *root = hal9_doc_root(d), *map = root->items[1];
    const struct hal9_node *list = hal9_node_get(map, "b");
    assert_string_equal(root->file, "hal9.yaml");
    assert_int_equal(root->line, 1);
    assert_int_equal(root->keys[1]->line, 2);
    assert_int_equal(root->keys[1]->col, 1);
    assert_int_equal(map->line, 2);
    assert_int_equal(map->col, 4);
    assert_int_equal(list->items[1]->line, 3);
    assert_int_equal(list->items[1]->col, 5);
    assert_null(hal9_node_get(root, "A"));
    assert_null(hal9_node_get(list, "b"));
    assert_null(hal9_node_get(NULL, "b"));
}

static void anchors(void **state) {
    (void)state;
    says("a: &x [1, 2]\nb: *x\nc: [*x, *x]\n", "{\"a\":[1,2],\"b\":[1,2],\"c\":[[1,2],[1,2]]}");
    says("a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}");
    says("a: &k key\n*k : v\n", "{\"a\":\"key\",\"key\":\"v\"}");
    /* A place is where the value was written. */
    _cleanup_doc_ struct hal9_doc *d = parse("a: &x\n  k: v\nb: *x\n");
    assert_int_equal(hal9_node_get(hal9_node_get(hal9_doc_root(d), "b"), "k")->line, 2);
}

static void merge_keys(void **state) {
    (void)state;
    says("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n",
         "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"y\":3,\"x\":1}}");
    says("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b], z: 3}\n",
         "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"y\":2},\"c\":{\"z\":3,\"x\":1,\"y\":2}}");
    says("a: {<<: {x: 1}}\n", "{\"a\":{\"x\":1}}");
    says("a: {\"<<\": 1}\n", "{\"a\":{\"<<\":1}}");
    says("a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b}\n",
         "{\"a\":{\"x\":1},\"b\":{\"y\":2,\"x\":1},\"c\":{\"y\":2,\"x\":1}}");
}

static void errors(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *says, *hint;
        unsigned line, col;
    } cases[] = {
        {"a: b: c\n", "a colon where no key can stand", "quote the value", 1, 5},
        {"a: 1\n b: 2\n", "a colon where no key can stand", "begin in one column", 2, 3},
        {"a:\n\tb: 1\n", "a tab where blanks must stand", "YAML wants blanks, not tabs", 2, 1},
        {"\ta: 1\n", "a tab where blanks must stand", "YAML wants blanks, not tabs", 1, 1},
        {"a: b\n\tc\n", "a tab where blanks must stand", "YAML wants blanks, not tabs", 2, 1},
        {"a: |\n  x\n\ty\n", "a tab where blanks must stand", "YAML wants blanks, not tabs", 3, 1},
        {"a:\n  b: 1\n  \tc: 2\n", "a tab where blanks must stand", "YAML wants blanks, not tabs",
         3, 3},
        {"a: 1\nb\nc: 2\n", "a key without a colon", NULL, 2, 1},
        {"a: 1\nc: \"x\nb: 1\n", "a quote that is never closed", NULL, 2, 4},
        {"a: [1, 2\nb: 1\n", "a list in brackets wants a comma", "the list began in line 1", 2, 2},
        {"a: {b: 1\n", "a map in braces wants a comma", "the map began in line 1", 2, 1},
        {"a: @x\n", "'@' cannot begin a value", "in quotes", 1, 4},
        {"a:\n  - 1\n b\n", "no key where one must stand", "this map began in line 1", 3, 2},
        {"- a\nb: 1\n", "no '- ' where", "this list began in line 1", 2, 1},
        {"k: - a\n", "a list cannot begin here", "a line of its own", 1, 4},
        {"a: *\n", "* or & without a name", "in quotes", 1, 5},
        {"a: \"\\q\"\n", "an unknown escape", "single quotes", 1, 5},
        {"a: ]\n", "a value is missing here", NULL, 1, 4},
        {"%YAML 3.0\n---\na\n", "neither 1.1 nor 1.2", NULL, 1, 1},
        {"%FOO\n--- a\n", "a directive that is not known", NULL, 1, 5},
        {"a: !x!y z\n", "a tag that is not known here", NULL, 1, 4},
        {"a: !foo z\n", "the tag !foo is not known here", NULL, 1, 4},
        {"a: !!binary aGk=\n", "binary is not known here", NULL, 1, 4},
        {"a: !!int x\n", "'x' is no int", NULL, 1, 4},
        {"a: !!set {x}\n", "set is not known here", NULL, 1, 4},
        {"a: x\xff\n", "bytes that are not UTF-8", NULL, 1, 5},
        {"b: 1\na: \xc3\xa4\xed\xa0\x80\n", "bytes that are not UTF-8", NULL, 2, 5},
        {"a: \xc0\x80\n", "bytes that are not UTF-8", NULL, 1, 4},
        {"a: \x01\n", "a control character (0x01)", NULL, 1, 4},
        {"a: \"x\\0y\"\n", "a string with a NUL", NULL, 1, 4},
        {"a: 1\nb: 2\na: 3\n", "the key 'a' is there already, in line 1, column 1", "keep one", 3,
         1},
        {"z: 1\ny: 1\nz: 2\ny: 2\n", "the key 'z' is there already, in line 1", "keep one", 3, 1},
        {"a: {1: x, '1': y}\n", "the key '1' is there already, in line 1, column 5", NULL, 1, 11},
        {"a: 1\n---\nb: 1\n", "a second document begins here", "one document", 2, 1},
        {"a: 1\n...\n---\n", "a second document begins here", NULL, 3, 1},
        {"a: *b\n", "the alias *b has no anchor before it", NULL, 1, 4},
        {"a: &base 1\nb: *bsae\n", "the alias *bsae has no anchor", "did you mean *base?", 2, 4},
        {"a: &x [1, *x]\n", "the alias *x stands within what it stands for", NULL, 1, 11},
        {"a: &x {<<: *x}\n", "the alias *x stands within what it stands for", NULL, 1, 12},
        {"a: {<<: 1}\n", "'<<' wants a map, or a list of maps", NULL, 1, 9},
        {"a: {<<: [1]}\n", "'<<' wants a map", NULL, 1, 9},
        {"a: {<<: {x: 1}, <<: {y: 1}}\n", "'<<' is there already, in line 1", NULL, 1, 17},
        {"? [a, b]\n: c\n", "a key must be a word", NULL, 1, 3},
        {"{a: 1}: b\n", "a key must be a word", NULL, 1, 1},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        struct hal9_doc *d = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        const char *yaml = cases[i].yaml;
        print_message("# %s\n", cases[i].says);
        assert_int_equal(hal9_yaml_parse("hal9.yaml", yaml, strlen(yaml), &d, &err), HAL9_E_CONFIG);
        assert_null(d);
        assert_says(err, cases[i].says);
        assert_string_equal(err.file, "hal9.yaml");
        assert_int_equal(err.line, cases[i].line);
        assert_int_equal(err.col, cases[i].col);
        if (cases[i].hint)
            assert_non_null(strstr(err.hint, cases[i].hint));
    }
}

/* ---- hostile input: an error with a place, at once, in little memory */

struct hostile {
    const char *name;
    const char *head, *unit, *tail; /* head, unit over and over up to size, tail */
    size_t size;
    const char *says; /* NULL: it is read */
    unsigned line;    /* 0: any */
};

#define MIB (1u << 20)
static const struct hostile hostiles[] = {
    {"10,000 levels of brackets", "", "[", "", 10000, "more than 100 levels", 1},
    {"16 MiB of brackets", "", "[", "", 16 * MIB, "more than 100 levels", 1},
    {"16 MiB of braces", "", "{", "", 16 * MIB, "more than 100 levels", 1},
    {"braces with keys", "", "{a: ", "", 4 * MIB, "more than 100 levels", 1},
    {"dashes", "", "- ", "", 16 * MIB, "more than 100 levels", 1},
    {"question marks", "", "? ", "", 4 * MIB, "more than 100 levels", 1},
    {"flat list", "", "- a\n", "", 4 * MIB, "more than 100000 values", 100000},
    {"flow list", "[", "1,", "]", 4 * MIB, "more than 100000 values", 1},
    {"empty values", "[", "[],", "]", 4 * MIB, "more than 100000 values", 1},
    {"a comment of 16 MiB", "a: 1 # ", "x", "\n", 15 * MIB, NULL, 0},
    {"16 MiB of newlines", "a: 1", "\n", "", 15 * MIB, NULL, 0},
    {"16 MiB of blanks", "a: 1", " ", "\n", 15 * MIB, NULL, 0},
    {"one word of 16 MiB", "a: ", "x", "\n", 15 * MIB, "a value of more than 1 MiB", 1},
    {"one string of 16 MiB", "a: \"", "x", "\"\n", 15 * MIB, "a value of more than 1 MiB", 1},
    {"a word of 1 MiB", "a: ", "x", "\n", MIB, NULL, 0},
    {"an open string", "a: \"", "x", "", 15 * MIB, "never closed", 1},
    {"folded lines", "a: \"", "\n", "\"\n", 15 * MIB, "a value of more than 1 MiB", 1},
    {"a long key", "", "x", ": 1\n", 4 * MIB, "a value of more than 1 MiB", 1},
    {"a long anchor", "a: &", "x", " 1\n", 15 * MIB, NULL, 0},
    {"a long tag", "a: !", "x", " 1\n", 4 * MIB, "not known here", 1},
    {"documents", "", "---\n", "", 4 * MIB, "a second document", 2},
    {"directives", "", "%TAG !a! b\n", "--- a\n", 4 * MIB, "more than 1000 lines", 1001},
    {"unknown directives", "", "%FOO bar\n", "--- a\n", 4 * MIB, "more than 1000 lines", 1001},
    {"tags of one line", "", "!a ", "", 4 * MIB, "", 1},
    {"anchors", "", "- &a 1\n", "", 4 * MIB, "more than 100000 values", 0},
    {"aliases", "- &a 1\n", "- *a\n", "", 4 * MIB, "with the alias *a the document grows", 0},
    {"colons", "a", ":", "", 4 * MIB, "a value of more than 1 MiB", 1},
    {"commas", "[", ",", "]", 4 * MIB, "a value is missing", 1},
    {"undefined aliases", "", "- *a\n", "", 4 * MIB, "has no anchor", 1},
    {"larger than 16 MiB", "a: ", "x", "\n", 16 * MIB, "larger than 16 MiB", 1},
    {"merges of nothing", "a: &a {}\nb:\n", "- <<: *a\n", "", 4 * MIB, "grows beyond", 0},
    {"bytes that are no text", "", "\x80", "", 4 * MIB, "not UTF-8", 1},
    {"carriage returns", "a: 1", "\r", "", 15 * MIB, NULL, 0},
    {"line separators", "a: 1", "\xe2\x80\xa8", "", 15 * MIB, NULL, 0},
};

static char *build_hostile(const struct hostile *h, size_t *ret_len) {
    size_t head = strlen(h->head), unit = strlen(h->unit), tail = strlen(h->tail);
    size_t n = h->size / unit;
    char *text = malloc(head + n * unit + tail + 1);
    memcpy(text, h->head, head);
    for (size_t i = 0; i < n; i++)
        memcpy(text + head + i * unit, h->unit, unit);
    memcpy(text + head + n * unit, h->tail, tail + 1);
    *ret_len = head + n * unit + tail;
    return text;
}

static void hostile_input(void **state) {
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(hostiles); i++) {
        const struct hostile *h = &hostiles[i];
        struct hal9_doc *d = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        size_t len;
        _cleanup_free_ char *text = build_hostile(h, &len);
        int64_t before = hal9_mono_ms();
        hal9_status code = hal9_yaml_parse("h.yaml", text, len, &d, &err);
        int64_t ms = hal9_mono_ms() - before;
        print_message("# %s: %lld ms, %s\n", h->name, (long long)ms,
                      err.message ? err.message : "read");
        hal9_doc_free(d);
        assert_int_equal(code, h->says ? HAL9_E_CONFIG : HAL9_OK);
        if (h->says)
            assert_says(err, h->says);
        if (h->line)
            assert_int_equal(err.line, h->line);
        if (code)
            assert_true(err.line > 0 && err.col > 0);
    }
}

/* libyaml compares each one with all the others. */
static void many_directives(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_doc *d = NULL;
    for (int i = 0; i < 300000; i++)
        hal9_buf_printf(&text, "%%TAG !a%d! b\n", i);
    hal9_buf_puts(&text, "--- a\n");
    int64_t before = hal9_mono_ms();
    assert_int_equal(hal9_yaml_parse("t.yaml", text.data, text.len, &d, &err), HAL9_E_CONFIG);
    assert_true(hal9_mono_ms() - before < 1000);
    assert_says(err, "more than 1000 lines that begin with %");
    assert_int_equal(err.line, 1001);
}

static void many_anchors(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_doc *d = NULL;
    for (int i = 0; i < 2000; i++)
        hal9_buf_printf(&text, "- &a%d 1\n", i);
    assert_int_equal(hal9_yaml_parse("t.yaml", text.data, text.len, &d, &err), HAL9_E_CONFIG);
    assert_says(err, "more than 1000 anchors");
    assert_int_equal(err.line, 1001);
}

/* Each level is ten times the one before it: 10^9 values out of 300 bytes. */
static void alias_bomb(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf text = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_doc *d = NULL;
    hal9_buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++) {
        hal9_buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            hal9_buf_printf(&text, "%s*a%d", k ? "," : "", i - 1);
        hal9_buf_puts(&text, "]\n");
    }
    int64_t before = hal9_mono_ms();
    assert_int_equal(hal9_yaml_parse("bomb.yaml", text.data, text.len, &d, &err), HAL9_E_CONFIG);
    assert_true(hal9_mono_ms() - before < 1000);
    assert_says(err, "with the alias *a3 the document grows beyond 100000 values");
    assert_int_equal(err.line, 5);
    assert_true(err.col >= 10);
}

/* The same by merge keys, and by depth. */
static void other_bombs(void **state) {
    (void)state;
    _cleanup_buf_ struct hal9_buf merges = {0}, deep = {0};
    _cleanup_error_ struct hal9_error err = {0};
    struct hal9_doc *d = NULL;
    hal9_buf_puts(&merges, "a: &a {");
    for (int i = 0; i < 1000; i++)
        hal9_buf_printf(&merges, "k%d: 1,", i);
    hal9_buf_puts(&merges, "}\nb: {<<: [{}");
    for (int i = 0; i < 100; i++)
        hal9_buf_puts(&merges, ",*a");
    hal9_buf_puts(&merges, "]}\n");
    assert_int_equal(hal9_yaml_parse("m.yaml", merges.data, merges.len, &d, &err), HAL9_E_CONFIG);
    assert_says(err, "grows beyond 100000 values");
    hal9_buf_puts(&deep, "a0: &a0 [x]\n");
    for (int i = 1; i < 120; i++)
        hal9_buf_printf(&deep, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_int_equal(hal9_yaml_parse("d.yaml", deep.data, deep.len, &d, &err), HAL9_E_CONFIG);
    assert_says(err, "deeper than 100 levels");
    assert_int_equal(err.line, 99);
    /* A depth that is just allowed. */
    _cleanup_buf_ struct hal9_buf fits = {0};
    for (int i = 0; i < 100; i++)
        hal9_buf_putc(&fits, '[');
    for (int i = 0; i < 100; i++)
        hal9_buf_putc(&fits, ']');
    assert_ok(hal9_yaml_parse("f.yaml", fits.data, fits.len, &d, NULL));
    hal9_doc_free(d);
}

static void nul_bytes(void **state) {
    (void)state;
    struct hal9_doc *d = NULL;
    _cleanup_error_ struct hal9_error err = {0};
    assert_int_equal(hal9_yaml_parse("n.yaml", "a: 1\nb: x\0y\n", 12, &d, &err), HAL9_E_CONFIG);
    assert_says(err, "a NUL byte");
    assert_int_equal(err.line, 2);
    assert_int_equal(err.col, 5);
}

/* Every prefix of a document ends in a tree or in an error with a place. */
static void cut_documents(void **state) {
    (void)state;
    static const char text[] =
        "a: &x {b: [1, \"x\\n\", 'y'], <<: {c: 1}}\nd: *x\ne: |\n  t\n? f\n: !!str g\n";
    for (size_t len = 0; len < sizeof(text); len++) {
        _cleanup_free_ char *copy = malloc(len > 0 ? len : 1);
        memcpy(copy, text, len);
        struct hal9_doc *d = NULL;
        _cleanup_error_ struct hal9_error err = {0};
        hal9_status code = hal9_yaml_parse("c.yaml", copy, len, &d, &err);
        assert_true(code == HAL9_OK ? d && !err.message : !d && err.line > 0);
        hal9_doc_free(d);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(core_schema),   cmocka_unit_test(documents),
        cmocka_unit_test(places),        cmocka_unit_test(anchors),
        cmocka_unit_test(merge_keys),    cmocka_unit_test(errors),
        cmocka_unit_test(hostile_input), cmocka_unit_test(many_directives),
        cmocka_unit_test(many_anchors),  cmocka_unit_test(alias_bomb),
        cmocka_unit_test(other_bombs),   cmocka_unit_test(nul_bytes),
        cmocka_unit_test(cut_documents),
    };
    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
