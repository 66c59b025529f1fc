/* Makes a flag of Unleash as wanted, in the requests that this takes: there is no transaction, and nothing to make a request conditional
 * on. So the state is read and compared before, read again after, and whatever is lost on the way is found by comparing once more: each
 * round asks only for what still differs. New strategies come before old ones go, so that a flag that stays on never has none (the server
 * turns it off then); a flag that goes off goes off first, and one that goes on goes on last. */
#include <string.h>

#include "flag/flag-internal.h"
#include "hal9ops/sys.h"

#define ROUNDS 4

/* What one round works on. */
struct round {
    struct fl_unleash *u;
    const char *name;
    const cJSON *now;    /* as the server has it, with ids */
    const cJSON *wanted; /* plain */
    hal9_status st;
    bool later;       /* a request failed that may go through later, */
    int64_t after_ms; /* and not before; -1: not told */
    struct hal9_error *err;
};

static void ask(struct round *r, const char *method, const char *below, const cJSON *body) {
    _cleanup_answer_ struct fl_answer a = {0};
    _cleanup_free_ char *url = fl_unleash_url(r->u->spec, r->name, below);
    const struct fl_request q = {.method = method,
                                 .url = url,
                                 .body = body,
                                 .once = true,
                                 .missing_ok = strcmp(method, "DELETE") == 0};
    if (r->st != HAL9_OK)
        return;
    r->st = fl_ask(&r->u->ask, &q, &a, r->err);
    r->later = r->st != HAL9_OK && a.later;
    r->after_ms = a.after_ms;
}

static void turn(struct round *r, bool on) {
    _cleanup_json_ cJSON *nothing = cJSON_CreateObject();
    ask(r, "POST", on ? "/on" : "/off", nothing);
}

/* ---- which strategy is to become which */

#define PAIRS_MAX 256

struct pairs {
    const cJSON *now[PAIRS_MAX];    /* with ids */
    const cJSON *wanted[PAIRS_MAX]; /* plain */
    int of[PAIRS_MAX];              /* of each wanted: its index in now, or -1 */
    bool taken[PAIRS_MAX];
    int n_now, n_wanted;
};

static bool equal_plain(const cJSON *now, const cJSON *wanted) {
    _cleanup_json_ cJSON *plain = fl_unleash_strategy(now);
    return hal9_json_equal(plain, wanted);
}

static bool same_type(const cJSON *now, const cJSON *wanted) {
    return hal9_streq(hal9_json_str(now, "name"), hal9_json_str(wanted, "name"));
}

static void match(struct pairs *p, bool (*fits)(const cJSON *now, const cJSON *wanted)) {
    for (int w = 0; w < p->n_wanted; w++)
        for (int i = 0; i < p->n_now && p->of[w] < 0; i++)
            if (!p->taken[i] && fits(p->now[i], p->wanted[w])) {
                p->of[w] = i;
                p->taken[i] = true;
            }
}

static hal9_status pair(const struct round *r, struct pairs *p) {
    const cJSON *s;
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(r->now, "strategies")) {
        if (p->n_now == PAIRS_MAX)
            return hal9_error_set(r->err, HAL9_E_LIMIT, "%s has more than %d strategies", r->name,
                                  PAIRS_MAX);
        p->now[p->n_now++] = s;
    }
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(r->wanted, "strategies")) {
        if (p->n_wanted == PAIRS_MAX)
            return hal9_error_set(r->err, HAL9_E_LIMIT, "%s is to have more than %d strategies",
                                  r->name, PAIRS_MAX);
        p->of[p->n_wanted] = -1;
        p->wanted[p->n_wanted++] = s;
    }
    match(p, equal_plain);
    match(p, same_type);
    return HAL9_OK;
}

/* ---- the requests of a round */

static const char *id_of(const cJSON *strategy) {
    const char *id = hal9_json_str(strategy, "id");
    return id ? id : "";
}

static void update(struct round *r, const cJSON *now, const cJSON *wanted) {
    _cleanup_free_ char *id = fl_url_piece(id_of(now));
    _cleanup_free_ char *below = hal9_strf("/strategies/%s", id);
    ask(r, "PUT", below, wanted);
}

/* An update leaves the order as it was. */
static void reorder(struct round *r, const struct pairs *p) {
    _cleanup_json_ cJSON *orders = cJSON_CreateArray();
    for (int w = 0; w < p->n_wanted; w++) {
        const int64_t order = hal9_json_int(p->wanted[w], "sortOrder", 0);
        if (p->of[w] < 0 || hal9_json_int(p->now[p->of[w]], "sortOrder", 0) == order)
            continue;
        cJSON *one = cJSON_CreateObject();
        hal9_json_add_str(one, "id", id_of(p->now[p->of[w]]));
        hal9_json_add_int(one, "sortOrder", order);
        cJSON_AddItemToArray(orders, one);
    }
    if (orders->child)
        ask(r, "POST", "/strategies/set-sort-order", orders);
}

static bool differs(const cJSON *now, const cJSON *wanted) {
    _cleanup_json_ cJSON *plain = fl_unleash_strategy(now);
    cJSON_ReplaceItemInObjectCaseSensitive(
        plain, "sortOrder",
        cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(wanted, "sortOrder"), true));
    return !hal9_json_equal(plain, wanted);
}

static void strategies(struct round *r, const struct pairs *p) {
    for (int w = 0; w < p->n_wanted; w++)
        if (p->of[w] < 0)
            ask(r, "POST", "/strategies", p->wanted[w]);
    /* What gets enabled before what gets disabled. */
    for (int disabled = 0; disabled < 2; disabled++)
        for (int w = 0; w < p->n_wanted; w++)
            if (p->of[w] >= 0 && differs(p->now[p->of[w]], p->wanted[w]) &&
                hal9_json_bool(p->wanted[w], "disabled", false) == (disabled == 1))
                update(r, p->now[p->of[w]], p->wanted[w]);
    reorder(r, p);
    for (int i = 0; i < p->n_now; i++) {
        if (p->taken[i])
            continue;
        _cleanup_free_ char *id = fl_url_piece(id_of(p->now[i]));
        _cleanup_free_ char *below = hal9_strf("/strategies/%s", id);
        ask(r, "DELETE", below, NULL);
    }
}

static hal9_status requests(struct round *r) {
    struct pairs p = {0};
    const bool on = hal9_json_bool(r->now, "enabled", false);
    const bool shall = hal9_json_bool(r->wanted, "enabled", false);
    const cJSON *variants = cJSON_GetObjectItemCaseSensitive(r->wanted, "variants");
    r->st = pair(r, &p);
    if (on && !shall)
        turn(r, false);
    strategies(r, &p);
    if (!hal9_json_equal(variants, cJSON_GetObjectItemCaseSensitive(r->now, "variants")))
        ask(r, "PUT", "/variants", variants);
    if (shall && !on)
        turn(r, true);
    return r->st;
}

/* ---- rounds */

static hal9_status drift(const struct fl_unleash *u, const char *name, struct hal9_error *err) {
    hal9_error_set(err, HAL9_E_DRIFT, "somebody else changed %s in %s at the same moment", name,
                   fl_name(u->ask.c->f));
    hal9_error_hint(err, "look at it and run this again");
    return HAL9_E_DRIFT;
}

static hal9_status possible(const char *name, const cJSON *now, const cJSON *wanted,
                            struct hal9_error *err) {
    const cJSON *s;
    if (cJSON_IsNull(now) && cJSON_IsNull(wanted))
        return HAL9_OK;
    if (cJSON_IsNull(now) || cJSON_IsNull(wanted)) {
        hal9_error_set(err, HAL9_E_REFUSED, "%s %s in Unleash", name,
                       cJSON_IsNull(now) ? "is not there" : "would have to be deleted");
        hal9_error_hint(err,
                        "features are made and archived there: this tool changes how they are");
        return HAL9_E_REFUSED;
    }
    if (!hal9_json_bool(wanted, "enabled", false))
        return HAL9_OK;
    cJSON_ArrayForEach(s, cJSON_GetObjectItemCaseSensitive(wanted, "strategies")) {
        if (!hal9_json_bool(s, "disabled", false))
            return HAL9_OK;
    }
    return hal9_error_set(err, HAL9_E_USAGE,
                          "%s can't be on without an enabled strategy: Unleash would make one",
                          name);
}

/* At least as long as the server wishes, where that is within the time. */
static hal9_status pause_between(const struct fl_unleash *u, int n, int64_t after_ms,
                                 struct hal9_error *err) {
    const int64_t jitter = hal9_retry_pause(400, 3000, n);
    const int64_t until = hal9_mono_ms() + (after_ms > jitter ? after_ms : jitter);
    if (until >= u->ask.deadline_ms)
        return HAL9_E_TIMEOUT;
    return hal9_wait_fd(-1, until, u->ask.c->cancel_fd, err);
}

/* One look, and what it takes. *ret_done: it is as wanted. r.later: a failure may be over later. */
static hal9_status one_round(struct round *r, const cJSON *expected, bool first, bool *ret_done) {
    _cleanup_json_ cJSON *now = NULL;
    _cleanup_json_ cJSON *plain = NULL;
    hal9_status st = fl_unleash_get(r->u, r->name, &now, r->err);
    if (st != HAL9_OK)
        return st;
    plain = fl_plain(&fl_unleash, now);
    *ret_done = hal9_json_equal(plain, r->wanted);
    if (*ret_done)
        return HAL9_OK;
    if (first ? !hal9_json_equal(plain, expected) : !fl_unleash_between(expected, r->wanted, plain))
        return drift(r->u, r->name, r->err);
    if (first)
        st = possible(r->name, plain, r->wanted, r->err);
    r->now = now;
    return st == HAL9_OK ? requests(r) : st;
}

hal9_status fl_unleash_set(struct fl_unleash *u, const char *name, const cJSON *now,
                           const cJSON *wanted, struct hal9_error *err) {
    _cleanup_json_ cJSON *expected = fl_plain(&fl_unleash, now);
    _cleanup_json_ cJSON *shall = fl_plain(&fl_unleash, wanted);
    for (int i = 1; i <= ROUNDS; i++) {
        _cleanup_error_ struct hal9_error e = {0};
        struct round r = {.u = u, .name = name, .wanted = shall, .after_ms = -1, .err = &e};
        bool done = false;
        hal9_status st = one_round(&r, expected, i == 1, &done);
        if (st == HAL9_OK && done)
            return HAL9_OK;
        if (st != HAL9_OK &&
            (!r.later || i == ROUNDS || pause_between(u, i, r.after_ms, NULL) != HAL9_OK))
            return hal9_error_move(err, &e);
    }
    return drift(u, name, err);
}
