/* Flag files edited in place: every byte but the change stays. */
#include "flag-world.h"

struct edit_case {
    const char *file; /* its name tells the format */
    const char *before, *flag, *word, *after;
};

#define VARIANTS "\"variants\": {\"on\": true, \"off\": false}"
static const struct edit_case cases[] = {
    /* JSON: compact, spread, tabs, CRLF, no newline at the end */
    {"a.json",
     "{\"flags\":{\"f\":{\"state\":\"ENABLED\",\"variants\":{\"on\":true,\"off\":false},"
     "\"defaultVariant\":\"on\"}}}",
     "f", "off",
     "{\"flags\":{\"f\":{\"state\":\"DISABLED\",\"variants\":{\"on\":true,\"off\":false},"
     "\"defaultVariant\":\"on\"}}}"},
    {"a.json",
     "{\r\n\t\"flags\" : {\r\n\t\t\"f\" :\t{ \"state\":\"ENABLED\" , " VARIANTS
     ",\r\n\t\t\"defaultVariant\" : \"on\" }\r\n\t}\r\n}\r\n",
     "f", "off",
     "{\r\n\t\"flags\" : {\r\n\t\t\"f\" :\t{ \"state\":\"DISABLED\" , " VARIANTS
     ",\r\n\t\t\"defaultVariant\" : \"on\" }\r\n\t}\r\n}\r\n"},
    {"a.json",
     "{\n  \"flags\": {\n    \"f\": {\n      \"state\": \"DISABLED\",\n      " VARIANTS
     ",\n      \"defaultVariant\": \"off\"\n    }\n  }\n}\n",
     "f", "25%",
     "{\n  \"flags\": {\n    \"f\": {\n      \"state\": \"ENABLED\",\n      " VARIANTS
     ",\n      \"defaultVariant\": \"off\",\n      \"targeting\": {\n        \"fractional\": "
     "[[\"on\",25],[\"off\",75]]\n      }\n    }\n  }\n}\n"},
    {"a.json",
     "{\"flags\":{\"f\":{\"targeting\":{\"fractional\":[[\"on\",25],[\"off\",  "
     "75.0]]},\"state\":\"ENABLED\"," VARIANTS ",\"defaultVariant\":\"off\"}}}",
     "f", "on",
     "{\"flags\":{\"f\":{\"state\":\"ENABLED\"," VARIANTS ",\"defaultVariant\":\"on\"}}}"},
    {"a.json",
     "{\"flags\":{\"f\":{\"state\":\"ENABLED\"," VARIANTS
     ",\"defaultVariant\":\"off\", \"targeting\" : { \"fractional\" : [ [\"on\", 25], [\"off\", "
     "75] ] } }}}",
     "f", "50%",
     "{\"flags\":{\"f\":{\"state\":\"ENABLED\"," VARIANTS
     ",\"defaultVariant\":\"off\", \"targeting\" : { \"fractional\" : [ [\"on\", 50], [\"off\", "
     "50] ] } }}}"},
    /* names that want escapes; the same name elsewhere; numbers that no double holds */
    {"a.json",
     "{\"x\":{\"f\":{\"state\":\"ENABLED\"}},\"n\":123456789012345678901234567890,\"flags\":{"
     "\"g\\u0066\\\"\":{\"state\":\"ENABLED\"," VARIANTS "}},\"metadata\":{\"v\":1.50}}",
     "gf\"", "off",
     "{\"x\":{\"f\":{\"state\":\"ENABLED\"}},\"n\":123456789012345678901234567890,\"flags\":{"
     "\"g\\u0066\\\"\":{\"state\":\"DISABLED\"," VARIANTS "}},\"metadata\":{\"v\":1.50}}"},
    /* the array form */
    {"a.json",
     "{\"flags\":[ {\"key\":\"e\",\"state\":\"ENABLED\"," VARIANTS
     "} , {\"state\":\"ENABLED\",\"key\":\"f\"," VARIANTS "}]}",
     "f", "off",
     "{\"flags\":[ {\"key\":\"e\",\"state\":\"ENABLED\"," VARIANTS
     "} , {\"state\":\"DISABLED\",\"key\":\"f\"," VARIANTS "}]}"},
    /* YAML: comments, quotes, flow and block, CR LF, no newline at the end, other lines of any look */
    {"a.yaml",
     "# top\nflags: # all\n  f: # mine\n    state: ENABLED   # keep\n    variants:\n      on: "
     "true\n      off: false\n    # before\n    defaultVariant: on # yes\n\n  g: {state: "
     "\"ENABLED\"}\n",
     "f", "off",
     "# top\nflags: # all\n  f: # mine\n    state: DISABLED   # keep\n    variants:\n      on: "
     "true\n      off: false\n    # before\n    defaultVariant: on # yes\n\n  g: {state: "
     "\"ENABLED\"}\n"},
    {"a.yml",
     "flags:\n    f:\n        variants: {on: true, off: false} # w\n        defaultVariant: off\n  "
     "      state: 'DISABLED'",
     "f", "on",
     "flags:\n    f:\n        variants: {on: true, off: false} # w\n        defaultVariant: on\n   "
     "     state: 'ENABLED'"},
    {"a.yaml",
     "flags:\n  f:\n    state: ENABLED\n    variants:\n      on: true\n      off: false\n    "
     "defaultVariant: \"off\" # d\n  # about g\n  g:\n    state: ENABLED\n    variants: {a: 1}\n",
     "f", "25%",
     "flags:\n  f:\n    state: ENABLED\n    variants:\n      on: true\n      off: false\n    "
     "defaultVariant: \"off\" # d\n    targeting:\n      fractional: [[\"on\",25],[\"off\",75]]\n  "
     "# about g\n  g:\n    state: ENABLED\n    variants: {a: 1}\n"},
    {"a.yaml",
     "flags:\n  f:\n    state: ENABLED\n    variants: {on: true, off: false}\n    defaultVariant: "
     "off\n    targeting:\n      # a quarter\n      fractional:\n      - [on, 25]   # in\n      - "
     "- off\n        - 75 # out\n",
     "f", "30%",
     "flags:\n  f:\n    state: ENABLED\n    variants: {on: true, off: false}\n    defaultVariant: "
     "off\n    targeting:\n      # a quarter\n      fractional:\n      - [on, 30]   # in\n      - "
     "- off\n        - 70 # out\n"},
    {"a.yaml",
     "flags:\n  f:\n    state: ENABLED\n    targeting:\n      fractional: [[on, 25], [off, 75]]\n  "
     "  variants: {on: true, off: false}\n    defaultVariant: on\n",
     "f", "on",
     "flags:\n  f:\n    state: ENABLED\n    variants: {on: true, off: false}\n    defaultVariant: "
     "on\n"},
    {"a.yaml",
     "\xef\xbb\xbf# \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n\"flags\": {\"\xc3\xa4\": {state: "
     "ENABLED, variants: {on: true, off: false}}, g: {state: ENABLED}}\n",
     "\xc3\xa4", "off",
     "\xef\xbb\xbf# \xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\n\"flags\": {\"\xc3\xa4\": {state: "
     "DISABLED, variants: {on: true, off: false}}, g: {state: ENABLED}}\n"},
    {"a.yaml",
     "flags:\n- key: e\n  state: ENABLED # e\n  variants: {a: 1, b: 2}\n-   state: ENABLED # f\n   "
     " key: f\n    variants: {a: 1, b: 2}\n    defaultVariant: >-\n      a\n# end\n",
     "f", "b",
     "flags:\n- key: e\n  state: ENABLED # e\n  variants: {a: 1, b: 2}\n-   state: ENABLED # f\n   "
     " key: f\n    variants: {a: 1, b: 2}\n    defaultVariant: b\n# end\n"},
    /* an alias for a value is replaced where it stands; what it stands for is not */
    {"a.yaml", "x: &s ENABLED\nflags:\n  f:\n    state: *s\n    variants: {on: true, off: false}\n",
     "f", "off",
     "x: &s ENABLED\nflags:\n  f:\n    state: DISABLED\n    variants: {on: true, off: false}\n"},
    /* what was merged in is overridden, not changed */
    {"a.yaml",
     "b: &b\n  state: ENABLED\nflags:\n  f:\n    <<: *b # base\n    variants: {on: true, off: "
     "false}\n",
     "f", "off",
     "b: &b\n  state: ENABLED\nflags:\n  f:\n    <<: *b # base\n    variants: {on: true, off: "
     "false}\n    state: DISABLED\n"},
};

static void edits_in_place(void **state) {
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(cases); i++) {
        const struct edit_case *c = &cases[i];
        struct flag_world w;
        _cleanup_error_ struct hal9_error err = {0};
        world_open(&w, c->file, c->before);
        const struct hal9_flag_spec f = {.flagd = w.path};
        if (set_word(&f, c->flag, c->word, &err) != HAL9_OK)
            fail_msg("case %zu: %s", i, err.message);
        _cleanup_free_ char *after = content_of(w.path);
        if (strcmp(after, c->after) != 0)
            fail_msg("case %zu:\n%s\ninstead of\n%s", i, after, c->after);
        world_close(&w);
    }
}

/* What comes and goes: whole flags. */
struct whole_case {
    const char *file, *before, *flag, *wanted, *after;
};
#define NEW "{\"state\":\"ENABLED\",\"variants\":{\"a\":1}}"
static const struct whole_case whole_cases[] = {
    {"a.json", "{\"flags\": {\"e\": {}, \"f\": {\"state\":\"ENABLED\"}, \"g\": {}}}", "f", "null",
     "{\"flags\": {\"e\": {}, \"g\": {}}}"},
    {"a.json", "{\"flags\": {\"f\": {\"state\":\"ENABLED\"}, \"g\": {}}}", "f", "null",
     "{\"flags\": {\"g\": {}}}"},
    {"a.json", "{\"flags\": { \"f\": {\"state\":\"ENABLED\"} }}", "f", "null", "{\"flags\": {  }}"},
    {"a.json", "{\"flags\": {}}", "f", NEW, "{\"flags\": {\"f\":" NEW "}}"},
    {"a.json", "{\n  \"flags\": {\n    \"e\": {}\n  }\n}\n", "f", NEW,
     "{\n  \"flags\": {\n    \"e\": {},\n    \"f\": {\n      \"state\": \"ENABLED\",\n      "
     "\"variants\": {\n        \"a\": 1\n      }\n    }\n  }\n}\n"},
    {"a.json", "{\"flags\": [{\"key\":\"e\"}, {\"key\":\"f\"}]}", "f", "null",
     "{\"flags\": [{\"key\":\"e\"}]}"},
    {"a.json", "{\"flags\": [{\"key\":\"e\"}]}", "f", NEW,
     "{\"flags\": [{\"key\":\"e\"},{\"key\":\"f\",\"state\":\"ENABLED\",\"variants\":{\"a\":1}}]}"},
    {"a.yaml",
     "flags:\n  e: {}   # e\n  f:\n    state: ENABLED\n    # of f\n    variants: {a: 1} # v\n  g: "
     "{}\n",
     "f", "null", "flags:\n  e: {}   # e\n  g: {}\n"},
    {"a.yaml", "flags:\n  f:\n    state: ENABLED\n", "f", "null", "flags:\n  {}\n"},
    {"a.yaml", "flags:\n  e:\n    state: ENABLED\n\n# end\n", "f", NEW,
     "flags:\n  e:\n    state: ENABLED\n  f:\n    state: ENABLED\n    variants:\n      a: 1\n\n# "
     "end\n"},
    {"a.yaml", "flags:\n  - key: e\n    state: ENABLED # e\n", "f", NEW,
     "flags:\n  - key: e\n    state: ENABLED # e\n  - key: f\n    state: ENABLED\n    variants:\n  "
     "    a: 1\n"},
    {"a.yaml", "flags:\n- key: e\n# of f\n- key: f\n  state: ENABLED\n- key: g\n", "f", "null",
     "flags:\n- key: e\n# of f\n- key: g\n"},
};

static void whole_flags_come_and_go(void **state) {
    (void)state;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(whole_cases); i++) {
        const struct whole_case *c = &whole_cases[i];
        struct flag_world w;
        _cleanup_error_ struct hal9_error err = {0};
        world_open(&w, c->file, c->before);
        const struct hal9_flag_spec f = {.flagd = w.path};
        _cleanup_json_ cJSON *wanted = json(c->wanted);
        if (set_flag(&f, c->flag, wanted, &err) != HAL9_OK)
            fail_msg("case %zu: %s", i, err.message);
        _cleanup_free_ char *after = content_of(w.path);
        if (strcmp(after, c->after) != 0)
            fail_msg("case %zu:\n%s\ninstead of\n%s", i, after, c->after);
        world_close(&w);
    }
}

/* What can't be spliced is refused, and the file is as it was. */
static void what_cannot_be_edited_is_refused(void **state) {
    (void)state;
    static const struct edit_case refused[] = {
        {"a.yaml", "flags:\n  f: &f\n    state: ENABLED\n    variants: {on: true}\n  g: *f\n", "f",
         "off", "anchor"},
        {"a.yaml", "x: &all\n  f: {state: ENABLED, variants: {on: true}}\nflags: *all\n", "f",
         "off", "in place"},
        {"a.yaml", "x: &x {flags: {f: {state: ENABLED, variants: {on: true}}}}\n<<: *x\n", "f",
         "off", "anchor"},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(refused); i++) {
        const struct edit_case *c = &refused[i];
        struct flag_world w;
        _cleanup_error_ struct hal9_error err = {0};
        world_open(&w, c->file, c->before);
        const struct hal9_flag_spec f = {.flagd = w.path};
        hal9_status st = set_word(&f, c->flag, c->word, &err);
        _cleanup_free_ char *after = content_of(w.path);
        if (st == HAL9_OK) /* an alias that could be replaced by what it stands for, changed */
            fail_msg("case %zu was written:\n%s", i, after);
        assert_int_equal(st, HAL9_E_REFUSED);
        assert_says(err, c->after);
        assert_non_null(err.hint);
        assert_string_equal(after, c->before);
        world_close(&w);
    }
}

/* ---- by chance: documents of any look, edited there and back */

static unsigned seed;
static unsigned chance(unsigned n) {
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % n;
}

static void blanks(struct hal9_buf *b, bool yaml) {
    static const char *const any[] = {"", "", " ", "\n", "\t", "  ", "\r\n"};
    if (!yaml)
        hal9_buf_puts(b, any[chance(7)]);
    else
        hal9_buf_puts(b, chance(2) ? " " : "  ");
}

/* A flag in JSON with blanks anywhere. */
static void json_flag(struct hal9_buf *b, const char *name, bool in_array) {
    static const char *const extra[] = {"\"metadata\":{\"a\":[1,2,{\"b\":null}]}",
                                        "\"note\":\"\\u00e9\\n{}[],:\"", "\"n\":-1.50e+3"};
    if (!in_array)
        hal9_buf_printf(b, "\"%s\"", name), blanks(b, false), hal9_buf_putc(b, ':');
    blanks(b, false);
    hal9_buf_putc(b, '{');
    if (in_array)
        hal9_buf_printf(b, "\"key\":\"%s\",", name);
    if (chance(2))
        hal9_buf_puts(b, extra[chance(3)]), blanks(b, false), hal9_buf_putc(b, ',');
    blanks(b, false);
    hal9_buf_puts(b, "\"variants\":{\"on\":true,");
    blanks(b, false);
    hal9_buf_puts(b, "\"off\":false},");
    blanks(b, false);
    hal9_buf_puts(b, "\"state\" :\"ENABLED\"");
    blanks(b, false);
    hal9_buf_puts(b, ",\"defaultVariant\":\"on\"");
    if (chance(2))
        hal9_buf_puts(b, ",\"targeting\":{\"if\":[true,\"on\",\"off\"]}");
    hal9_buf_putc(b, '}');
    blanks(b, false);
}

static char *json_document(void) {
    struct hal9_buf b = {0};
    const bool array = chance(3) == 0;
    blanks(&b, false);
    hal9_buf_puts(&b, chance(2) ? "{" : "{\"flag\":{\"f\":{\"state\":\"ENABLED\"}},");
    hal9_buf_printf(&b, "\"flags\":%c", array ? '[' : '{');
    for (int i = 0, n = 1 + (int)chance(4), at = (int)chance((unsigned)n); i < n; i++) {
        char name[8];
        snprintf(name, sizeof(name), i == at ? "f" : "x%d", i);
        hal9_buf_puts(&b, i ? "," : "");
        blanks(&b, false);
        json_flag(&b, name, array);
    }
    hal9_buf_putc(&b, array ? ']' : '}');
    hal9_buf_puts(&b, chance(2) ? "}" : ",\"metadata\":{\"x\":1.0}}\n");
    return hal9_buf_take(&b);
}

static void comment(struct hal9_buf *b) {
    static const char *const any[] = {"", "", "  # f: {state: x}", " # - ]}\"'"};
    hal9_buf_printf(b, "%s\n", any[chance(4)]);
    if (chance(5) == 0)
        hal9_buf_puts(b, chance(2) ? "\n" : "# state: ENABLED\n");
}

static void yaml_flag(struct hal9_buf *b, const char *name, int indent, bool in_array) {
    const int inner = indent + 2 + (in_array ? 0 : (int)chance(3));
    static const char *const states[] = {"ENABLED", "'ENABLED'", "\"ENABLED\""};
    if (in_array)
        hal9_buf_printf(b, "%*s- key: %s", indent, "", name);
    else
        hal9_buf_printf(b, "%*s%s:", indent, "", name);
    comment(b);
    hal9_buf_printf(b, "%*sstate:", inner, "");
    blanks(b, true);
    hal9_buf_puts(b, states[chance(3)]);
    comment(b);
    if (chance(2)) {
        hal9_buf_printf(b, "%*svariants: {on: true,\n%*soff: false}", inner, "", inner + 2, "");
    } else {
        hal9_buf_printf(b, "%*svariants:\n%*son: true\n%*soff: false", inner, "", inner + 1, "",
                        inner + 1, "");
    }
    comment(b);
    if (chance(2))
        hal9_buf_printf(b, "%*snote: |\n%*sa: b\n\n%*s# no comment\n", inner, "", inner + 2, "",
                        inner + 2, "");
    hal9_buf_printf(b, "%*sdefaultVariant: on", inner, "");
    comment(b);
}

static char *yaml_document(void) {
    struct hal9_buf b = {0};
    const bool array = chance(3) == 0;
    const int indent = array ? (int)chance(3) : 1 + (int)chance(4);
    hal9_buf_puts(&b, chance(2) ? "---\n" : "# first\n");
    hal9_buf_puts(&b, "flags:");
    comment(&b);
    for (int i = 0, n = 1 + (int)chance(4), at = (int)chance((unsigned)n); i < n; i++) {
        char name[8];
        snprintf(name, sizeof(name), i == at ? "f" : "x%d", i);
        yaml_flag(&b, name, indent, array);
    }
    if (chance(2))
        hal9_buf_puts(&b, "metadata: {x: 1.0} # last\n");
    return hal9_buf_take(&b);
}

/* Off and on again: byte for byte as before. In between only that one word differs. */
static void there_and_back(const char *name, const char *text, unsigned n) {
    struct flag_world w;
    _cleanup_error_ struct hal9_error err = {0};
    world_open(&w, name, text);
    const struct hal9_flag_spec f = {.flagd = w.path};
    _cleanup_json_ cJSON *was = state_now(&f, "f");
    if (set_word(&f, "f", "off", &err) != HAL9_OK)
        fail_msg("document %u: %s\n%s", n, err.message, text);
    _cleanup_free_ char *between = content_of(w.path);
    if (strlen(between) != strlen(text) + strlen("DISABLED") - strlen("ENABLED"))
        fail_msg("document %u became\n%s\nfrom\n%s", n, between, text);
    if (set_flag(&f, "f", was, &err) != HAL9_OK)
        fail_msg("document %u: %s", n, err.message);
    _cleanup_free_ char *after = content_of(w.path);
    if (strcmp(after, text) != 0)
        fail_msg("document %u came back as\n%s\ninstead of\n%s", n, after, text);
    /* Something new, and away with it: the flag is as it was, and so is every other line's value. */
    if (set_word(&f, "f", "25%", &err) == HAL9_OK && set_flag(&f, "f", was, &err) != HAL9_OK)
        fail_msg("document %u: %s\n%s", n, err.message, text);
    world_close(&w);
}

static void any_document_there_and_back(void **state) {
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        seed = i * 7919 + 1;
        const bool yaml = i % 2;
        _cleanup_free_ char *text = yaml ? yaml_document() : json_document();
        there_and_back(yaml ? "d.yaml" : "d.json", text, i);
    }
}

/* Bytes changed at random: read or told, written right or not at all; never a crash. */
static void damaged_documents(void **state) {
    (void)state;
    struct flag_world w;
    world_open(&w, "d.yaml", "");
    for (unsigned i = 0; i < 3000; i++) {
        seed = i * 104729 + 7;
        const bool yaml = i % 2;
        _cleanup_free_ char *text = yaml ? yaml_document() : json_document();
        struct hal9_buf b = {0};
        hal9_buf_puts(&b, text);
        for (unsigned k = 1 + chance(3); k > 0; k--)
            b.data[chance((unsigned)b.len)] = "{}[],:\"'#&*<-\n x"[chance(16)];
        _cleanup_json_ cJSON *root = NULL;
        struct hal9_doc *doc = NULL;
        _cleanup_node_ struct fl_node *n = NULL;
        if (yaml ? hal9_yaml_parse("x", b.data, b.len, &doc, NULL) == HAL9_OK
                 : hal9_json_parse(b.data, b.len, &root, NULL) == HAL9_OK) {
            if (yaml)
                fl_yaml_nodes("x", b.data, b.len, &n, NULL);
            else
                n = fl_json_nodes(b.data, b.len);
            if (yaml)
                root = hal9_node_json(hal9_doc_root(doc));
            _cleanup_json_ cJSON *wanted = json("{\"flags\":{\"f\":{\"a\":[1]}}}");
            _cleanup_edits_ struct fl_edits e = {.text = b.data, .len = b.len, .yaml = yaml};
            _cleanup_buf_ struct hal9_buf out = {0};
            if (n)
                fl_edit_value(&e, n, root, wanted);
            if (!e.why)
                fl_edits_apply(&e, &out);
        }
        hal9_doc_free(doc);
        hal9_buf_free(&b);
    }
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_in_place),
        cmocka_unit_test(whole_flags_come_and_go),
        cmocka_unit_test(what_cannot_be_edited_is_refused),
        cmocka_unit_test(any_document_there_and_back),
        cmocka_unit_test(damaged_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
