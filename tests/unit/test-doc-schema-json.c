/* Schemas that decode themselves, and tables as JSON Schema. */
#include "doc-schema.h"

/* ---- a schema that decodes itself, by the key that is there */

struct kind {
    char *name;
    struct stop *stop;
    int cleared;
};
static int kinds_cleared;
static void decode_kind(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    struct kind *k = object;
    const struct hal9_node *stop = hal9_node_get(n, "stop");
    if (!stop) {
        static const char *const known[] = {"stop"};
        hal9_decoder_unknown(d, n->keys[0], "a kind", known, 1);
        return;
    }
    k->stop = hal9_alloc(sizeof(*k->stop));
    hal9_decoder_map(d, &stop_schema, stop, k->stop);
}
static void clear_kind(void *object) {
    struct kind *k = object;
    if (k->stop)
        hal9_schema_clear(&stop_schema, k->stop);
    free(k->stop);
    kinds_cleared++;
}
static cJSON *json_kind(void) {
    cJSON *j = cJSON_CreateObject();
    cJSON_AddStringToObject(j, "x", "y");
    return j;
}
static const struct hal9_field kind_fields[] = {{.key = "name",
                                                 .type = HAL9_T_STRING,
                                                 .offset = offsetof(struct kind, name),
                                                 .flags = HAL9_F_KEY},
                                                {0}};
static const struct hal9_schema kind_schema = {.name = "a kind",
                                               .size = sizeof(struct kind),
                                               .fields = kind_fields,
                                               .decode = decode_kind,
                                               .clear = clear_kind,
                                               .json = json_kind};
static const struct hal9_field kinds_fields[] = {
    {.key = "kinds", .type = HAL9_T_DICT, .offset = 0, .sub = &kind_schema}, {0}};
static const struct hal9_schema kinds_schema = {
    .name = "kinds", .size = sizeof(struct hal9_list), .fields = kinds_fields};

static void own_decoders(void **state) {
    (void)state;
    struct hal9_list kinds = {0};
    struct hal9_doc *d = NULL;
    _cleanup_errors_ struct hal9_errors errors = {0};
    static const char yaml[] = "kinds:\n  a: {stop: INT}\n  b: {stp: INT}\n";
    assert_ok(hal9_yaml_parse("k.yaml", yaml, strlen(yaml), &d, NULL));
    assert_int_equal(hal9_schema_decode(&kinds_schema, hal9_doc_root(d), &kinds, &errors),
                     HAL9_E_CONFIG);
    assert_int_equal(errors.n, 1);
    assert_string_equal(errors.v[0].message, "'stp' is not a key of a kind; did you mean 'stop'?");
    const struct kind *a = kinds.v[0];
    assert_string_equal(a->name, "a");
    assert_string_equal(a->stop->signal, "INT");
    assert_int_equal(a->stop->grace_ms, 30000);
    hal9_schema_clear(&kinds_schema, &kinds);
    assert_int_equal(kinds_cleared, 2);
    assert_int_equal(kinds.n, 0);
    hal9_doc_free(d);
}

/* ---- JSON Schema */

static const char *at(const cJSON *j, const char *pointer) {
    static char *last;
    const cJSON *found = hal9_json_pointer(j, pointer);
    free(last);
    last = found ? hal9_json_text(found) : NULL;
    return last ? last : "missing";
}

static void json_schema(void **state) {
    (void)state;
    _cleanup_json_ cJSON *j = hal9_schema_json(&root_schema);
    assert_string_equal(at(j, "/$schema"), "\"https://json-schema.org/draft/2020-12/schema\"");
    assert_string_equal(at(j, "/type"), "\"object\"");
    assert_string_equal(at(j, "/required"), "[\"hal9\"]");
    assert_string_equal(at(j, "/additionalProperties"), "false");
    assert_string_equal(at(j, "/properties/hal9"),
                        "{\"type\":\"integer\",\"description\":\"version of this format: 1\"}");
    const cJSON *s = hal9_json_pointer(j, "/properties/services/additionalProperties");
    assert_string_equal(at(s, "/properties/name"), "missing");
    assert_string_equal(at(s, "/properties/old"), "missing");
    assert_string_equal(at(s, "/required"), "missing");
    assert_string_equal(at(s, "/properties/flag"), "{\"type\":\"boolean\"}");
    assert_string_equal(at(s, "/properties/keep"),
                        "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":5}");
    assert_string_equal(at(s, "/properties/revert"),
                        "{\"enum\":[\"changed\",\"always\",\"never\"],\"default\":\"changed\"}");
    assert_string_equal(at(s, "/properties/port"),
                        "{\"type\":\"integer\",\"minimum\":1,\"maximum\":65535}");
    assert_string_equal(at(s, "/properties/token/pattern"), "\"^(file|env):.\"");
    assert_string_equal(at(s, "/properties/depends/anyOf/1/type"), "\"array\"");
    assert_string_equal(at(s, "/properties/stop/anyOf/0/type"),
                        "[\"string\",\"number\",\"boolean\"]");
    assert_string_equal(at(s, "/properties/stop/anyOf/1/properties/grace/default"), "\"30s\"");
    assert_string_equal(at(s, "/properties/stop/anyOf/1/properties/grace/description"),
                        "\"time to end\"");
    assert_string_equal(at(s, "/properties/drain/required"), "[\"balancer\"]");
    assert_string_equal(at(s, "/properties/runs/anyOf/1/items/anyOf/1/type"), "\"object\"");
    assert_string_equal(at(s, "/properties/labels"), "{}");
    assert_string_equal(at(s, "/properties/custom"), "{\"type\":\"integer\"}");
    _cleanup_json_ cJSON *k = hal9_schema_json(&kinds_schema);
    assert_string_equal(at(k, "/properties/kinds/additionalProperties"), "{\"x\":\"y\"}");
    at(j, "/nothing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_decoders),
        cmocka_unit_test(json_schema),
    };
    return cmocka_run_group_tests_name("schema-json", tests, NULL, NULL);
}
