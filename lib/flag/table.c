/* The kinds of flag stores, and what is the same for all of them. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flag/flag-internal.h"

static const struct fl_driver *const drivers[] = {&fl_flagd, &fl_unleash, &fl_env, &fl_http};

const struct fl_driver *fl_driver_of(const struct hal9_flag_spec *f) {
    const char *kind = hal9_flag_kind(f);
    for (size_t i = 0; kind && i < HAL9_ARRAY_LEN(drivers); i++)
        if (strcmp(drivers[i]->kind, kind) == 0)
            return drivers[i];
    return NULL;
}

const char *fl_name(const struct hal9_flag_spec *f) {
    const char *kind = hal9_flag_kind(f);
    return f->name ? f->name : kind ? kind : "?";
}

bool hal9_flag_shared(const struct hal9_flag_spec *f) {
    const struct fl_driver *d = fl_driver_of(f);
    return d && d->shared;
}

hal9_status hal9_flags_read(const struct hal9_flag_spec *f, const struct hal9_strv *names,
                            int cancel_fd, cJSON **ret, struct hal9_error *err) {
    const struct fl_driver *d = fl_driver_of(f);
    const struct fl_call call = {.f = f, .cancel_fd = cancel_fd};
    if (!d)
        return hal9_error_set(err, HAL9_E_CONFIG, "the flag store %s has no kind", fl_name(f));
    return d->read(&call, names, NULL, ret, err);
}

cJSON *fl_plain(const struct fl_driver *d, const cJSON *state) {
    if (!state || cJSON_IsNull(state))
        return cJSON_CreateNull();
    return d->plain ? d->plain(state) : cJSON_Duplicate(state, true);
}

bool hal9_flag_equal(const struct hal9_flag_spec *f, const cJSON *a, const cJSON *b) {
    const struct fl_driver *d = fl_driver_of(f);
    if (!d)
        return false;
    _cleanup_json_ cJSON *one = fl_plain(d, a);
    _cleanup_json_ cJSON *two = fl_plain(d, b);
    return hal9_json_equal(one, two);
}

char *hal9_flag_words(const struct hal9_flag_spec *f, const char *name, const cJSON *state) {
    const struct fl_driver *d = fl_driver_of(f);
    if (!d || !state || cJSON_IsNull(state))
        return hal9_strdup("not there");
    return d->words(name, state);
}

hal9_status hal9_flag_wanted(const struct hal9_flag_spec *f, const char *name, const cJSON *now,
                             const char *word, cJSON **ret, struct hal9_error *err) {
    const struct fl_driver *d = fl_driver_of(f);
    if (!d)
        return hal9_error_set(err, HAL9_E_CONFIG, "the flag store %s has no kind", fl_name(f));
    return d->wanted(name, now, word, ret, err);
}

/* ---- the spec as JSON */

/* A file is found again from any directory; where its symlinks lead is looked up at use. */
static void add_path(cJSON *j, const char *name, const char *path) {
    char here[PATH_MAX];
    if (!path || path[0] == '/' || !getcwd(here, sizeof(here))) {
        hal9_json_add_str(j, name, path);
        return;
    }
    _cleanup_free_ char *whole = hal9_path_join(here, path);
    hal9_json_add_str(j, name, whole);
}

cJSON *hal9_flag_json(const struct hal9_flag_spec *f) {
    cJSON *j = cJSON_CreateObject();
    hal9_json_add_str(j, "name", f->name);
    add_path(j, "flagd", f->flagd);
    add_path(j, "env", f->env);
    hal9_json_add_str(j, "http", f->http);
    hal9_json_add_str(j, "token", f->token);
    if (f->unleash) {
        cJSON *u = cJSON_AddObjectToObject(j, "unleash");
        hal9_json_add_str(u, "url", f->unleash->url);
        hal9_json_add_str(u, "project", f->unleash->project);
        hal9_json_add_str(u, "environment", f->unleash->environment);
        hal9_json_add_str(u, "token", f->unleash->token);
    }
    return j;
}

static char *member(const cJSON *j, const char *name, const char *dflt) {
    const char *value = hal9_json_str(j, name);
    return hal9_strdup(value ? value : dflt);
}

static struct hal9_unleash_spec *parse_unleash(const cJSON *u) {
    struct hal9_unleash_spec *s = hal9_alloc(sizeof(*s));
    s->url = member(u, "url", "");
    s->project = member(u, "project", "default");
    s->environment = member(u, "environment", "production");
    s->token = member(u, "token", NULL);
    return s;
}

hal9_status hal9_flag_parse(const cJSON *j, struct hal9_flag_spec **ret, struct hal9_error *err) {
    const cJSON *u = cJSON_GetObjectItemCaseSensitive(j, "unleash");
    struct hal9_flag_spec *f = hal9_alloc(sizeof(*f));
    f->name = member(j, "name", NULL);
    f->flagd = member(j, "flagd", NULL);
    f->env = member(j, "env", NULL);
    f->http = member(j, "http", NULL);
    f->token = member(j, "token", NULL);
    if (cJSON_IsObject(u))
        f->unleash = parse_unleash(u);
    if (!hal9_flag_kind(f)) {
        hal9_flag_free(f);
        return hal9_error_set(err, HAL9_E_UNSUPPORTED,
                              "a flag store of a kind that this build doesn't know");
    }
    *ret = f;
    return HAL9_OK;
}

void hal9_flag_free(struct hal9_flag_spec *f) {
    if (!f)
        return;
    hal9_schema_clear(&hal9_flag_schema, f);
    free(f);
}

/* ---- a store that is told by a word */

static const char *const prefixes[] = {"flagd", "unleash", "env", "http"};

static void told_unleash(cJSON *j, const char *place, const char *token) {
    cJSON *u = cJSON_AddObjectToObject(j, "unleash");
    const char *hash = strchr(place, '#');
    _cleanup_free_ char *url = hal9_strndup(place, hash ? (size_t)(hash - place) : strlen(place));
    hal9_json_add_str(u, "url", url);
    hal9_json_add_str(u, "token", token);
    if (!hash)
        return;
    const char *slash = strchr(hash, '/');
    _cleanup_free_ char *project =
        hal9_strndup(hash + 1, slash ? (size_t)(slash - hash - 1) : strlen(hash + 1));
    hal9_json_add_str(u, "project", *project ? project : NULL);
    hal9_json_add_str(u, "environment", slash && slash[1] ? slash + 1 : NULL);
}

static hal9_status bad_store(const char *text, struct hal9_error *err) {
    _cleanup_free_ char *kind = hal9_strndup(text, strcspn(text, ":"));
    const char *near = hal9_suggest(kind, prefixes, HAL9_ARRAY_LEN(prefixes));
    hal9_error_set(err, HAL9_E_USAGE, "'%s' is no flag store", text);
    if (near && strchr(text, ':') && strcmp(near, kind) != 0)
        hal9_error_hint(err, "did you mean '%s%s'?", near, text + strlen(kind));
    else
        hal9_error_hint(
            err, "such as flagd:/etc/hal9/flags.json, env:/etc/hal9/app.env, "
                 "http:http://127.0.0.1:8000/flags or unleash:https://HOST#default/production");
    return HAL9_E_USAGE;
}

static hal9_status check_url(const char *url, struct hal9_error *err) {
    struct hal9_url u = {0};
    hal9_status st = hal9_url_parse(url, &u, err);
    if (st == HAL9_OK && u.password) {
        hal9_error_set(err, HAL9_E_USAGE, "a password in a URL is seen by all");
        hal9_error_hint(err, "put it into a file and tell token: file:PATH");
        st = HAL9_E_USAGE;
    }
    hal9_url_clear(&u);
    return st;
}

hal9_status hal9_flag_told(const char *text, const char *token, struct hal9_flag_spec **ret,
                           struct hal9_error *err) {
    _cleanup_json_ cJSON *j = cJSON_CreateObject();
    const char *colon = strchr(text, ':');
    if (!colon || !colon[1])
        return bad_store(text, err);
    if (token && !hal9_startswith(token, "file:") && !hal9_startswith(token, "env:"))
        return hal9_error_set(err, HAL9_E_USAGE,
                              "a token wants a reference, file:PATH or env:NAME");
    _cleanup_free_ char *kind = hal9_strndup(text, (size_t)(colon - text));
    bool server = strcmp(kind, "unleash") == 0 || strcmp(kind, "http") == 0;
    if (strcmp(kind, "unleash") == 0)
        told_unleash(j, colon + 1, token);
    else if (strcmp(kind, "http") == 0 && !hal9_startswith(text, "http://"))
        hal9_json_add_str(j, "http", colon + 1);
    else if (strcmp(kind, "http") == 0 || strcmp(kind, "https") == 0) {
        server = true;
        hal9_json_add_str(j, "http", text);
    } else if (strcmp(kind, "flagd") == 0 || strcmp(kind, "env") == 0)
        hal9_json_add_str(j, kind, colon + 1);
    else
        return bad_store(text, err);
    if (strcmp(kind, "unleash") != 0)
        hal9_json_add_str(j, "token", token);
    hal9_json_add_str(j, "name", text);
    const cJSON *u = cJSON_GetObjectItemCaseSensitive(j, "unleash");
    hal9_status st =
        server ? check_url(u ? hal9_json_str(u, "url") : hal9_json_str(j, "http"), err) : HAL9_OK;
    return st == HAL9_OK ? hal9_flag_parse(j, ret, err) : st;
}

/* ---- words that ask for something */

hal9_status fl_percent(const char *word, double *ret, struct hal9_error *err) {
    double fraction;
    if (!hal9_endswith(word, "%")) {
        *ret = -1;
        return HAL9_OK;
    }
    if (hal9_parse_percent(word, &fraction, err) != HAL9_OK || fraction < 0 || fraction > 1)
        return hal9_error_set(err, HAL9_E_USAGE, "'%s' is no share from 0%% to 100%%", word);
    *ret = round(fraction * 100000) / 1000;
    return HAL9_OK;
}

char *fl_percent_text(double percent) {
    char *text = hal9_strf("%.3f", percent);
    size_t len = strlen(text);
    while (text[len - 1] == '0')
        text[--len] = '\0';
    if (text[len - 1] == '.')
        text[--len] = '\0';
    char *with = hal9_strf("%s%%", text);
    free(text);
    return with;
}

hal9_status fl_bad_word(struct hal9_error *err, const char *name, const char *word,
                        const struct hal9_strv *would_do, const char *why) {
    const char *near = hal9_suggest(word, (const char *const *)would_do->v, would_do->n);
    _cleanup_free_ char *all = hal9_strv_join(would_do, ", ");
    if (near)
        hal9_error_set(err, HAL9_E_USAGE, "%s can't be set to '%s'%s; did you mean '%s'?", name,
                       word, why, near);
    else
        hal9_error_set(err, HAL9_E_USAGE, "%s can't be set to '%s'%s", name, word, why);
    hal9_error_hint(err, "what would do: %s", all);
    return HAL9_E_USAGE;
}
