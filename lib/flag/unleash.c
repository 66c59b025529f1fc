/* Unleash: its admin API, one environment of one project. What is read: all of a feature in one request; the endpoint of an
 * environment alone leaves out the segments of its strategies. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

#define BASE "/api/admin/projects/"

static char *project_url(const struct hal9_unleash_spec *s) {
    size_t len = strlen(s->url);
    while (len > 0 && s->url[len - 1] == '/')
        len--;
    _cleanup_free_ char *project = fl_url_piece(s->project);
    return hal9_strf("%.*s" BASE "%s/features", (int)len, s->url, project);
}

char *fl_unleash_url(const struct hal9_unleash_spec *s, const char *name, const char *below) {
    _cleanup_free_ char *project = project_url(s);
    _cleanup_free_ char *feature = fl_url_piece(name);
    _cleanup_free_ char *environment = fl_url_piece(s->environment);
    return hal9_strf("%s/%s/environments/%s%s", project, feature, environment, below);
}

static void open_unleash(struct fl_unleash *u, const struct fl_call *c) {
    const struct hal9_unleash_spec *s = c->f->unleash;
    *u = (struct fl_unleash){.spec = s,
                             .ask = {.what = "Unleash", .reference = s->token, .scheme = ""}};
    fl_ask_open(&u->ask, c, s->url);
}

/* ---- reading */

static cJSON *list_of(const cJSON *from, const char *name) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(from, name);
    return cJSON_IsArray(list) ? cJSON_Duplicate(list, true) : cJSON_CreateArray();
}

static cJSON *state_of(const cJSON *environment) {
    cJSON *state = cJSON_CreateObject();
    cJSON_AddBoolToObject(state, "enabled", hal9_json_bool(environment, "enabled", false));
    cJSON_AddItemToObject(state, "strategies", list_of(environment, "strategies"));
    cJSON_AddItemToObject(state, "variants", list_of(environment, "variants"));
    return state;
}

static hal9_status no_environment(const struct fl_unleash *u, const char *name,
                                  const cJSON *environments, struct hal9_error *err) {
    _cleanup_strv_ struct hal9_strv names = {0};
    const cJSON *e;
    cJSON_ArrayForEach(e, environments) {
        hal9_strv_add(&names, hal9_json_str(e, "name"));
    }
    _cleanup_free_ char *all = hal9_strv_join(&names, ", ");
    const char *near = hal9_suggest(u->spec->environment, (const char *const *)names.v, names.n);
    hal9_error_set(err, HAL9_E_NOT_FOUND, "%s has no environment '%s' in Unleash%s%s%s", name,
                   u->spec->environment, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
    hal9_error_hint(err, "it has: %s", all);
    return HAL9_E_NOT_FOUND;
}

hal9_status fl_unleash_get(struct fl_unleash *u, const char *name, cJSON **ret,
                           struct hal9_error *err) {
    _cleanup_answer_ struct fl_answer r = {0};
    _cleanup_free_ char *project = project_url(u->spec);
    _cleanup_free_ char *piece = fl_url_piece(name);
    _cleanup_free_ char *url = hal9_strf("%s/%s?variantEnvironments=true", project, piece);
    const struct fl_request q = {.url = url, .missing_ok = true};
    hal9_status st = fl_ask(&u->ask, &q, &r, err);
    if (st != HAL9_OK)
        return st;
    if (r.status == 404 && (strstr(r.said, "in project") && strstr(r.said, "but there"))) {
        hal9_error_set(err, HAL9_E_NOT_FOUND, "%s", r.said);
        hal9_error_hint(err, "tell the store the right project");
        return HAL9_E_NOT_FOUND;
    }
    if (r.status == 404) {
        *ret = cJSON_CreateNull();
        return HAL9_OK;
    }
    const cJSON *environments = cJSON_GetObjectItemCaseSensitive(r.body, "environments"), *e;
    if (!cJSON_IsArray(environments)) {
        hal9_error_set(err, HAL9_E_PROTOCOL, "%s answers no feature of Unleash", url);
        hal9_error_hint(err, "is that the URL of an Unleash server, without /api?");
        return HAL9_E_PROTOCOL;
    }
    cJSON_ArrayForEach(e, environments) {
        if (!hal9_streq(hal9_json_str(e, "name"), u->spec->environment))
            continue;
        *ret = state_of(e);
        return HAL9_OK;
    }
    return no_environment(u, name, environments, err);
}

/* Names of all features of the project. */
static hal9_status list(struct fl_unleash *u, struct hal9_strv *ret, struct hal9_error *err) {
    _cleanup_answer_ struct fl_answer r = {0};
    _cleanup_free_ char *url = project_url(u->spec);
    const struct fl_request q = {.url = url};
    hal9_status st = fl_ask(&u->ask, &q, &r, err);
    if (st != HAL9_OK)
        return st;
    const cJSON *features = cJSON_GetObjectItemCaseSensitive(r.body, "features"), *f;
    if (!cJSON_IsArray(features)) {
        hal9_error_set(err, HAL9_E_PROTOCOL, "%s answers no list of features", url);
        hal9_error_hint(err, "is that the URL of an Unleash server, without /api?");
        return HAL9_E_PROTOCOL;
    }
    cJSON_ArrayForEach(f, features) {
        hal9_strv_add(ret, hal9_json_str(f, "name"));
    }
    return HAL9_OK;
}

/* The number of the newest event: while it is the same, nothing has changed. NULL where that can't be told. */
static char *newest_event(struct fl_unleash *u) {
    _cleanup_answer_ struct fl_answer r = {0};
    size_t len = strlen(u->spec->url);
    while (len > 0 && u->spec->url[len - 1] == '/')
        len--;
    _cleanup_free_ char *url =
        hal9_strf("%.*s/api/admin/search/events?limit=1", (int)len, u->spec->url);
    const struct fl_request q = {.url = url};
    if (fl_ask(&u->ask, &q, &r, NULL) != HAL9_OK)
        return NULL;
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(r.body, "events");
    const int64_t id = hal9_json_int(cJSON_GetArrayItem(events, 0), "id", -1);
    return id >= 0 ? hal9_strf("%lld", (long long)id) : NULL;
}

static hal9_status read_all(struct fl_unleash *u, const struct hal9_strv *names, bool all,
                            cJSON **ret, struct hal9_error *err) {
    _cleanup_json_ cJSON *flags = cJSON_CreateObject();
    hal9_status st = HAL9_OK;
    for (size_t i = 0; st == HAL9_OK && i < names->n; i++) {
        cJSON *state = NULL;
        /* Each request has its own time: a store may have thousands. */
        u->ask.deadline_ms = hal9_mono_ms() + 20000;
        st = fl_unleash_get(u, names->v[i], &state, err);
        if (st != HAL9_OK)
            break;
        if (all && cJSON_IsNull(state)) /* archived since the list was made */
            cJSON_Delete(state);
        else
            cJSON_AddItemToObject(flags, names->v[i], state);
    }
    if (st == HAL9_OK)
        *ret = HAL9_TAKE_PTR(flags);
    return st;
}

static hal9_status read_flags(const struct fl_call *c, const struct hal9_strv *names,
                              struct fl_seen *seen, cJSON **ret, struct hal9_error *err) {
    struct fl_unleash u;
    _cleanup_strv_ struct hal9_strv listed = {0};
    hal9_status st = HAL9_OK;
    open_unleash(&u, c);
    if (seen) {
        char *event = newest_event(&u);
        seen->same = event && seen->etag && strcmp(event, seen->etag) == 0;
        free(seen->etag);
        seen->etag = event;
    }
    if (seen && seen->same) {
        *ret = NULL;
    } else {
        if (!names)
            st = list(&u, &listed, err);
        if (st == HAL9_OK)
            st = read_all(&u, names ? names : &listed, !names, ret, err);
    }
    fl_ask_close(&u.ask);
    return st;
}

/* ---- writing */

static hal9_status write_flags(const struct fl_call *c, const cJSON *now, const cJSON *wanted,
                               struct hal9_error *err) {
    struct fl_unleash u;
    const cJSON *w;
    hal9_status st = HAL9_OK;
    open_unleash(&u, c);
    cJSON_ArrayForEach(w, wanted) {
        u.ask.deadline_ms = hal9_mono_ms() + 20000;
        st =
            fl_unleash_set(&u, w->string, cJSON_GetObjectItemCaseSensitive(now, w->string), w, err);
        if (st != HAL9_OK)
            break;
    }
    fl_ask_close(&u.ask);
    return st;
}

static char *place(const struct hal9_flag_spec *f) {
    _cleanup_free_ char *url = hal9_url_redact(f->unleash->url);
    return hal9_strf("%s#%s/%s", url, f->unleash->project, f->unleash->environment);
}

const struct fl_driver fl_unleash = {
    .kind = "unleash",
    .shared = true,
    .read = read_flags,
    .write = write_flags,
    .words = fl_unleash_words,
    .wanted = fl_unleash_wanted,
    .plain = fl_unleash_plain,
    .between = fl_unleash_between,
    .place = place,
};
