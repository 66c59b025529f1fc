/* What differs between two states, in words for a message. */
#include "op/op-internal.h"

#define TOLD 3 /* differences that a message names */

static bool is_observed(const cJSON *member) {
    return hal9_streq(member->string, "observed");
}

struct difference {
    const char *than; /* what stands between the two values: "was", "not" */
    struct hal9_buf words;
    size_t n;
};

static char *leaf_text(const cJSON *value) {
    return value ? op_value_text(value) : hal9_strdup("not there");
}

static void differ(struct difference *d, const char *path, const cJSON *then, const cJSON *now);

static void differ_member(struct difference *d, const char *path, const cJSON *m, const cJSON *then,
                          const cJSON *now) {
    _cleanup_free_ char *below =
        path ? hal9_strf("%s/%s", path, m->string) : hal9_strdup(m->string);
    differ(d, below, cJSON_GetObjectItemCaseSensitive(then, m->string),
           cJSON_GetObjectItemCaseSensitive(now, m->string));
}

/* path NULL: the whole, whose observations don't count. */
static void differ(struct difference *d, const char *path, const cJSON *then, const cJSON *now) {
    const cJSON *m;
    if (then && now && hal9_json_equal(then, now))
        return;
    if (!cJSON_IsObject(then) || !cJSON_IsObject(now)) {
        _cleanup_free_ char *was = leaf_text(then), *is = leaf_text(now);
        if (d->n++ < TOLD)
            hal9_buf_printf(&d->words, "%s%s is %s, %s %s", d->words.len > 0 ? "; " : "",
                            path ? path : "it", is, d->than, was);
        return;
    }
    cJSON_ArrayForEach(m, then) {
        if (path || !is_observed(m))
            differ_member(d, path, m, then, now);
    }
    cJSON_ArrayForEach(m, now) {
        if ((path || !is_observed(m)) && !cJSON_GetObjectItemCaseSensitive(then, m->string))
            differ_member(d, path, m, then, now);
    }
}

static char *difference(const char *than, const cJSON *then, const cJSON *now) {
    struct difference d = {.than = than};
    differ(&d, NULL, then, now);
    if (d.n > TOLD)
        hal9_buf_printf(&d.words, "; and %zu more", d.n - TOLD);
    if (d.n == 0)
        hal9_buf_puts(&d.words, "nothing");
    return hal9_buf_take(&d.words);
}

char *op_difference(const cJSON *then, const cJSON *now) {
    return difference("was", then, now);
}

char *op_wanted(const cJSON *wanted, const cJSON *now) {
    return difference("not", wanted, now);
}
