/* The schema of flags:, one kind an entry. */
#include "hal9ops/flag.h"

#include "base/cleanup.h"
#include "hal9ops/net.h"

#define AT(member) offsetof(struct hal9_flag_spec, member)
#define UNLEASH(member) offsetof(struct hal9_unleash_spec, member)

static const struct hal9_field unleash_fields[] = {
    {.key = "url",
     .type = HAL9_T_STRING,
     .offset = UNLEASH(url),
     .flags = HAL9_F_REQUIRED | HAL9_F_SCALAR,
     .doc = "URL of the Unleash server"},
    {.key = "project",
     .type = HAL9_T_STRING,
     .offset = UNLEASH(project),
     .dflt = "default",
     .doc = "Unleash project"},
    {.key = "environment",
     .type = HAL9_T_STRING,
     .offset = UNLEASH(environment),
     .dflt = "production",
     .doc = "Unleash environment"},
    {.key = "token",
     .type = HAL9_T_SECRET,
     .offset = UNLEASH(token),
     .doc = "reference to an admin token"},
    {0},
};
static const struct hal9_schema unleash_schema = {
    .name = "unleash",
    .size = sizeof(struct hal9_unleash_spec),
    .fields = unleash_fields,
    .doc = "an Unleash server's admin API",
};

static const struct hal9_field fields[] = {
    {.key = "name",
     .type = HAL9_T_STRING,
     .offset = AT(name),
     .flags = HAL9_F_KEY,
     .doc = "what parts call it"},
    {.key = "flagd",
     .type = HAL9_T_STRING,
     .offset = AT(flagd),
     .doc = "flag file of flagd, JSON or YAML"},
    {.key = "unleash",
     .type = HAL9_T_PTR,
     .offset = AT(unleash),
     .sub = &unleash_schema,
     .doc = "an Unleash server"},
    {.key = "env", .type = HAL9_T_STRING, .offset = AT(env), .doc = "file of NAME=value lines"},
    {.key = "http", .type = HAL9_T_STRING, .offset = AT(http), .doc = "URL of an HTTP flag API"},
    {.key = "token",
     .type = HAL9_T_SECRET,
     .offset = AT(token),
     .doc = "reference to the http API's token"},
    {0},
};

const char *hal9_flag_kind(const struct hal9_flag_spec *f) {
    if (f->flagd)
        return "flagd";
    if (f->unleash)
        return "unleash";
    if (f->env)
        return "env";
    return f->http ? "http" : NULL;
}

/* A URL's password would be seen by all: in journals, in messages. */
static void check_url(struct hal9_decoder *d, const struct hal9_node *n, const char *key,
                      const char *url) {
    struct hal9_url u = {0};
    _cleanup_error_ struct hal9_error err = {0};
    const struct hal9_node *at = hal9_node_get(n, key);
    if (!url)
        return;
    if (hal9_url_parse(url, &u, &err) != HAL9_OK)
        hal9_decoder_error(d, at ? at : n, "%s", err.message);
    else if (u.password) {
        hal9_decoder_error(d, at ? at : n, "a password in a URL is seen by all");
        hal9_decoder_hint(d, "put it into a file and write token: file:PATH");
    }
    hal9_url_clear(&u);
}

static void finish(struct hal9_decoder *d, const struct hal9_node *n, void *object) {
    const struct hal9_flag_spec *f = object;
    int kinds = (f->flagd != NULL) + (f->unleash != NULL) + (f->env != NULL) + (f->http != NULL);

    if (kinds != 1)
        hal9_decoder_error(
            d, n, "a flag store wants exactly one of flagd, unleash, env and http, not %d", kinds);
    check_url(d, n, "http", f->http);
    if (f->unleash)
        check_url(d, n, "unleash", f->unleash->url);
}

const struct hal9_schema hal9_flag_schema = {
    .name = "a flag store",
    .size = sizeof(struct hal9_flag_spec),
    .fields = fields,
    .finish = finish,
    .doc = "a feature flag store, by its kind",
};
