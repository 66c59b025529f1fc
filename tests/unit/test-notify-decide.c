/* Who hears what, and when: levels, recovery, flapping, for one receiver. */
#include <string.h>

#include "harness.h"

#include "base/cleanup.h"
#include "notify/notify-internal.h"

#define CALM 600000

/* A receiver and what it has heard; minutes are told. */
struct ear {
    struct hal9_notify_spec spec;
    struct hal9_told told;
    bool changed;
};

static const char *hear(struct ear *e, double minute, const char *state) {
    const char *event = hal9_told_step(&e->told, &e->spec, state,
                                       1000000000 + (int64_t)(minute * 60000), CALM, &e->changed);
    return event ? event : "-";
}

static struct ear with(const char *a, const char *b, const char *c) {
    struct ear e = {.changed = false};
    hal9_strv_add(&e.spec.on, a);
    hal9_strv_add(&e.spec.on, b);
    hal9_strv_add(&e.spec.on, c);
    return e;
}

static void one_incident_is_told_once_and_resolved_once(void **state) {
    (void)state;
    struct ear e = {.changed = false};
    assert_string_equal(hear(&e, 0, "healthy"), "-");
    assert_false(e.changed);
    assert_string_equal(hear(&e, 1, "failing"), "failing");
    assert_true(e.changed);
    for (int minute = 2; minute < 60; minute++) {
        assert_string_equal(hear(&e, minute, "failing"), "-");
        assert_false(e.changed); /* nothing to write each minute */
    }
    assert_string_equal(hear(&e, 60, "healthy"), "recovered");
    assert_string_equal(hear(&e, 61, "healthy"), "-");
    assert_false(e.changed);
}

static void no_data_neither_opens_nor_ends(void **state) {
    (void)state;
    struct ear e = {.changed = false};
    assert_string_equal(hear(&e, 0, "unknown"), "-");
    assert_string_equal(hear(&e, 1, "failing"), "failing");
    assert_string_equal(hear(&e, 2, "unknown"), "-");
    assert_string_equal(hear(&e, 3, "failing"), "-");
    assert_string_equal(hear(&e, 4, "nonsense"), "-");
    assert_int_equal(e.told.level, HAL9_LEVEL_FAILING);
}

/* Who does not want to hear of degraded is told that failing is over, and of the next failure. */
static void degraded_ends_failing_for_those_who_do_not_ask_for_it(void **state) {
    (void)state;
    struct ear e = {.changed = false};
    assert_string_equal(hear(&e, 0, "degraded"), "-");
    assert_string_equal(hear(&e, 1, "failing"), "failing");
    assert_string_equal(hear(&e, 9, "degraded"), "recovered");
    assert_string_equal(hear(&e, 60, "failing"), "failing");
}

static void what_gets_worse_is_told_again(void **state) {
    (void)state;
    struct ear e = with("degraded", "failing", "recovered");
    hal9_strv_add(&e.spec.on, "unknown");
    assert_string_equal(hear(&e, 0, "degraded"), "degraded");
    assert_string_equal(hear(&e, 1, "unknown"), "unknown");
    assert_string_equal(hear(&e, 2, "failing"), "failing");
    assert_string_equal(hear(&e, 3, "degraded"), "-");
    assert_string_equal(hear(&e, 4, "failing"), "-"); /* to and fro is no news */
    assert_string_equal(hear(&e, 5, "degraded"), "-");
    assert_string_equal(hear(&e, 16, "degraded"), "-");
    assert_string_equal(hear(&e, 17, "failing"), "failing"); /* after a calm time it is */
    assert_string_equal(hear(&e, 18, "healthy"), "recovered");
    hal9_strv_free(&e.spec.on);
}

static void only_what_is_asked_for(void **state) {
    (void)state;
    struct ear e = with("recovered", NULL, NULL);
    assert_string_equal(hear(&e, 0, "failing"), "-");
    assert_string_equal(hear(&e, 1, "healthy"), "-");
    hal9_strv_free(&e.spec.on);
    e = with("failing", NULL, NULL);
    assert_string_equal(hear(&e, 0, "failing"), "failing");
    assert_string_equal(hear(&e, 1, "healthy"), "-");
    assert_string_equal(hear(&e, 60, "failing"), "failing");
    hal9_strv_free(&e.spec.on);
}

/* Twice at most: once, and once more when it was thought to be over. Then it has to be calm. */
static void a_flapping_service_pages_twice_and_recovers_when_calm(void **state) {
    (void)state;
    struct ear e = {.changed = false};
    assert_string_equal(hear(&e, 0, "failing"), "failing");
    assert_string_equal(hear(&e, 1, "healthy"), "recovered");
    assert_string_equal(hear(&e, 2, "failing"), "failing");
    assert_int_equal(e.told.flaps, 1);
    for (int minute = 3; minute < 100; minute++)
        assert_string_equal(hear(&e, minute, minute % 2 ? "healthy" : "failing"), "-");
    assert_string_equal(hear(&e, 101, "healthy"), "-");
    assert_string_equal(hear(&e, 108.9, "healthy"), "-");
    assert_string_equal(hear(&e, 109, "healthy"), "recovered");
    assert_string_equal(hear(&e, 300, "failing"), "failing");
    assert_int_equal(e.told.flaps, 0);
    assert_string_equal(hear(&e, 301, "healthy"), "recovered");
}

static void a_clock_set_back_wedges_nothing(void **state) {
    (void)state;
    struct ear e = {.changed = false};
    hear(&e, 100, "failing");
    hear(&e, 101, "healthy");
    assert_string_equal(hear(&e, 102, "failing"), "failing");
    hear(&e, 103, "healthy");
    assert_string_equal(hear(&e, 1, "healthy"), "-"); /* counts from here */
    assert_string_equal(hear(&e, 11, "healthy"), "recovered");
}

/* ---- what is told holds no secret and is small */

static void secrets_are_blanked_and_long_texts_cut(void **state) {
    (void)state;
    _cleanup_json_ cJSON *r = NULL;
    const char *text =
        "{\"service\":\"a\",\"evidence\":{\"api_key\":\"s3cret\",\"token\":{\"deep\":1},"
        "\"list\":[{\"password\":12}],\"key\":\"kept\"}}";
    assert_ok(hal9_json_parse(text, strlen(text), &r, NULL));
    _cleanup_free_ char *wide = hal9_alloc(9001);
    for (int i = 0; i < 9000; i += 2) {
        wide[i] = (char)0xc3;
        wide[i + 1] = (char)0xa4;
    }
    cJSON_AddStringToObject(r, "reason", wide);
    _cleanup_json_ cJSON *clean = hal9_notify_clean(r);
    _cleanup_free_ char *out = hal9_json_text(clean);
    assert_null(strstr(out, "s3cret"));
    assert_null(strstr(out, "12"));
    assert_non_null(strstr(out, "\"key\":\"kept\""));
    assert_non_null(strstr(out, "\"deep\":1"));
    assert_int_equal(strlen(hal9_json_str(clean, "reason")), 2000);
}

static void a_huge_record_loses_what_can_be_spared(void **state) {
    (void)state;
    _cleanup_json_ cJSON *r = cJSON_CreateObject();
    cJSON_AddStringToObject(r, "service", "a");
    cJSON_AddStringToObject(r, "reason", "why");
    cJSON *evidence = cJSON_AddArrayToObject(r, "evidence");
    for (int i = 0; i < 10000; i++)
        cJSON_AddItemToArray(evidence, cJSON_CreateString("some evidence"));
    _cleanup_json_ cJSON *clean = hal9_notify_clean(r);
    assert_null(cJSON_GetObjectItem(clean, "evidence"));
    assert_string_equal(hal9_json_str(clean, "reason"), "why");
    cJSON_AddItemToObject(r, "unheard_of", cJSON_DetachItemFromObject(r, "evidence"));
    _cleanup_json_ cJSON *small = hal9_notify_clean(r);
    assert_int_equal(cJSON_GetArraySize(small), 1);
    assert_string_equal(hal9_json_str(small, "service"), "a");
}

static void characters_are_not_broken(void **state) {
    (void)state;
    assert_int_equal(hal9_utf8_cut("abc", 5), 3);
    assert_int_equal(hal9_utf8_cut("a\xc3\xa4", 2), 1);
    assert_int_equal(hal9_utf8_cut("a\xc3\xa4", 3), 3);
    assert_int_equal(hal9_utf8_cut("\xf0\x9f\x98\x80x", 3), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_incident_is_told_once_and_resolved_once),
        cmocka_unit_test(no_data_neither_opens_nor_ends),
        cmocka_unit_test(degraded_ends_failing_for_those_who_do_not_ask_for_it),
        cmocka_unit_test(what_gets_worse_is_told_again),
        cmocka_unit_test(only_what_is_asked_for),
        cmocka_unit_test(a_flapping_service_pages_twice_and_recovers_when_calm),
        cmocka_unit_test(a_clock_set_back_wedges_nothing),
        cmocka_unit_test(secrets_are_blanked_and_long_texts_cut),
        cmocka_unit_test(a_huge_record_loses_what_can_be_spared),
        cmocka_unit_test(characters_are_not_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
