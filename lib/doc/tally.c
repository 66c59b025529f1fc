/* What the lines of the pipe mean: begins that wait for their ends, and the newest verdicts. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/stream-internal.h"

#define BEGUN_MAX 10000
#define KEPT_MAX (64u << 20)

/* ---- begin and end */

/* "TOOL STAGE RUN ROUND"; NULL when one of them is missing or of no use. */
static char *stage_key(const cJSON *r, char **ret_name) {
    const char *tool = hal9_json_str(r, "tool");
    const char *run = hal9_json_str(r, "run");
    int64_t stage = hal9_json_int(r, "stage", 0);
    int64_t round = hal9_json_int(r, "round", 0);
    if (!tool || !run || stage < 1 || strlen(tool) > 256 || strlen(run) > 256)
        return NULL;
    *ret_name = hal9_strf("%.64s (stage %lld)", tool, (long long)stage);
    return hal9_strf("%s %lld %s %lld", tool, (long long)stage, run, (long long)round);
}

static size_t find_begun(const struct hal9_tally *t, const char *key) {
    size_t i = 0;
    while (i < t->n_begun && strcmp(t->begun[i].key, key) != 0)
        i++;
    return i;
}

/* A round that begins while the one before of the same tool has no end: that one was cut off, and nobody waits for it any more. */
static void end_earlier_round(struct hal9_tally *t, struct hal9_upstream *up, const char *key) {
    const size_t len = (size_t)(strrchr(key, ' ') + 1 - key);
    for (size_t i = 0; i < t->n_begun; i++) {
        struct hal9_begun *b = &t->begun[i];
        if (strncmp(b->key, key, len) != 0 || strcmp(b->key, key) == 0)
            continue;
        if (!up->broken.code)
            hal9_error_set(&up->broken, HAL9_E_UNKNOWN, "a round of %s began and did not end",
                           b->name);
        free(b->key);
        free(b->name);
        *b = t->begun[--t->n_begun];
        return;
    }
}

static void take_begin(struct hal9_tally *t, struct hal9_upstream *up, struct hal9_line *l,
                       const cJSON *r) {
    char *name = NULL;
    char *key = r ? stage_key(r, &name) : NULL;
    if (key && hal9_json_int(r, "round", 0) > 0) {
        up->rounds = true;
        end_earlier_round(t, up, key);
    }
    if (key && t->n_begun < BEGUN_MAX) {
        *HAL9_APPEND(t->begun, t->n_begun, t->cap_begun) =
            (struct hal9_begun){.key = key, .name = name};
        return;
    }
    hal9_line_spoil(l, key ? hal9_strdup("too many stages have begun and not ended")
                           : hal9_strdup("a begin wants tool, stage and run"));
    free(key);
    free(name);
}

static bool is_fatal(int code) {
    return code == 2 || code == 3 || code >= 128;
}

/* The last stage of the pipe answers for all before it. */
static void take_exit(struct hal9_tally *t, struct hal9_upstream *up, int stage, int code) {
    if (stage >= t->exit_stage) {
        t->exit_stage = stage;
        up->exit = code;
    }
    if (is_fatal(code) && stage >= t->fatal_stage) {
        t->fatal_stage = stage;
        up->fatal = true;
        up->fatal_exit = code;
    }
}

static void take_end(struct hal9_tally *t, struct hal9_upstream *up, struct hal9_line *l,
                     const cJSON *r) {
    _cleanup_free_ char *name = NULL;
    _cleanup_free_ char *key = r ? stage_key(r, &name) : NULL;
    int64_t code = hal9_json_int(r, "exit", -1);
    if (!key || code < 0 || code > 255) {
        hal9_line_spoil(l, hal9_strdup("an end wants tool, stage, run and exit"));
        return;
    }
    size_t i = find_begun(t, key);
    if (i == t->n_begun) {
        hal9_line_spoil(l, hal9_strf("%s ends here, but its begin is missing", name));
        return;
    }
    free(t->begun[i].key);
    free(t->begun[i].name);
    t->begun[i] = t->begun[--t->n_begun];
    int64_t stage = hal9_json_int(r, "stage", 0);
    take_exit(t, up, stage > INT32_MAX ? INT32_MAX : (int)stage, (int)code);
}

/* ---- verdicts */

static uint32_t hash_of(const struct hal9_kept *k) {
    const struct hal9_json_member *const parts[] = {&k->service, &k->machine};
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t p = 0; p < 2; p++)
        for (uint32_t i = 0; i < parts[p]->value_len; i++)
            hash = (hash ^ (unsigned char)parts[p]->value[i]) * 16777619u;
    return hash;
}

static bool same_value(const struct hal9_json_member *a, const struct hal9_json_member *b) {
    return a->value_len == b->value_len && memcmp(a->value, b->value, a->value_len) == 0;
}

/* The slot where k is, or belongs. */
static uint32_t *slot_of(struct hal9_tally *t, const struct hal9_kept *k) {
    size_t i = hash_of(k) & (t->index_size - 1);
    for (;; i = (i + 1) & (t->index_size - 1)) {
        const struct hal9_kept *there = t->index[i] ? &t->kept[t->index[i] - 1] : NULL;
        if (!there ||
            (same_value(&there->service, &k->service) && same_value(&there->machine, &k->machine)))
            return &t->index[i];
    }
}

static void grow_index(struct hal9_tally *t) {
    if (t->index_size > 2 * t->n_kept)
        return;
    free(t->index);
    t->index_size = t->index_size > 0 ? 2 * t->index_size : 64;
    t->index = hal9_alloc(t->index_size * sizeof(*t->index));
    for (size_t i = 0; i < t->n_kept; i++)
        *slot_of(t, &t->kept[i]) = (uint32_t)i + 1;
}

/* Copies the line, with the spans pointing into the copy. */
static struct hal9_kept keep(const struct hal9_line *l, const struct hal9_kept *spans) {
    const char *text = l->canon.data ? l->canon.data : l->text;
    struct hal9_kept k = *spans;
    k.len = l->canon.data ? l->canon.len : l->len;
    k.line = hal9_realloc_array(NULL, k.len, 1);
    memcpy(k.line, text, k.len);
    k.service.value = k.line + (spans->service.value - text);
    k.machine.value = k.line + (spans->machine.value - text);
    return k;
}

static bool read_time(const struct hal9_line *l, int64_t *ret_ms) {
    const struct hal9_json_member *m = hal9_line_get(l, "time");
    char text[40];
    if (!m || m->value[0] != '"' || m->value_len >= sizeof(text))
        return false;
    memcpy(text, m->value + 1, m->value_len - 2);
    text[m->value_len - 2] = '\0';
    return hal9_time_parse(text, ret_ms, NULL) == HAL9_OK;
}

static void take_verdict(struct hal9_tally *t, struct hal9_line *l) {
    const struct hal9_json_member *service = hal9_line_get(l, "service");
    const struct hal9_json_member *machine = hal9_line_get(l, "machine");
    const struct hal9_json_member *state = hal9_line_get(l, "state");
    struct hal9_kept k = {0};
    if (!service || *service->value != '"' || !machine || *machine->value != '"' || !state ||
        *state->value != '"' || !read_time(l, &k.time_ms)) {
        hal9_line_spoil(l, hal9_strdup("a verdict wants service, state, machine and time"));
        return;
    }
    k.service = *service;
    k.machine = *machine;
    grow_index(t);
    uint32_t *slot = slot_of(t, &k);
    struct hal9_kept *old = *slot ? &t->kept[*slot - 1] : NULL;
    if (old && old->time_ms > k.time_ms)
        return;
    if (t->kept_bytes + l->len > KEPT_MAX) {
        hal9_line_spoil(l, hal9_strdup("more verdicts than 64 MiB hold"));
        return;
    }
    k = keep(l, &k);
    t->kept_bytes += k.len;
    if (old) {
        t->kept_bytes -= old->len;
        free(old->line);
        *old = k;
    } else {
        *HAL9_APPEND(t->kept, t->n_kept, t->cap_kept) = k;
        *slot = (uint32_t)t->n_kept;
    }
}

/* ---- all of them */

void hal9_tally_line(struct hal9_tally *t, struct hal9_upstream *up, struct hal9_line *l) {
    if (hal9_line_kind(l, "verdict")) {
        take_verdict(t, l);
    } else if (hal9_line_kind(l, "begin")) {
        _cleanup_json_ cJSON *r = hal9_line_tree(l);
        take_begin(t, up, l, r);
    } else if (hal9_line_kind(l, "end")) {
        _cleanup_json_ cJSON *r = hal9_line_tree(l);
        take_end(t, up, l, r);
    }
}

void hal9_tally_end(struct hal9_tally *t, struct hal9_upstream *up) {
    for (size_t i = 0; i < t->n_kept; i++) {
        cJSON *r = NULL;
        if (hal9_json_parse(t->kept[i].line, t->kept[i].len, &r, &up->broken) != HAL9_OK)
            continue;
        *HAL9_APPEND(up->verdicts, up->n_verdicts, up->cap_verdicts) = (struct hal9_verdict_in){
            .service = hal9_strdup(hal9_json_str(r, "service")),
            .machine = hal9_strdup(hal9_json_str(r, "machine")),
            .state = hal9_strdup(hal9_json_str(r, "state")),
            .cause = hal9_strdup(hal9_json_str(r, "cause")),
            .time_ms = t->kept[i].time_ms,
            .record = r,
        };
    }
    if (t->n_begun > 0 && !up->broken.code) {
        hal9_error_set(&up->broken, HAL9_E_UNKNOWN, "the input broke off: %s began and did not end",
                       t->begun[0].name);
        hal9_error_hint(&up->broken, "run the whole pipe again");
    }
}

void hal9_tally_clear(struct hal9_tally *t) {
    for (size_t i = 0; i < t->n_begun; i++) {
        free(t->begun[i].key);
        free(t->begun[i].name);
    }
    for (size_t i = 0; i < t->n_kept; i++)
        free(t->kept[i].line);
    free(t->begun);
    free(t->kept);
    free(t->index);
}
