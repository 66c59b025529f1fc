/*
 * hal9ops/flag.h - feature flag stores: one driver a kind; what a flag is, what a word asks for, and the step that sets it.
 *
 * Floor 4.
 *
 *     cJSON *now, *wanted;
 *     hal9_flags_read(spec, &names, -1, &now, &err);                                  // {"dark-mode": {...}}
 *     hal9_flag_wanted(spec, "dark-mode", cJSON_GetObjectItemCaseSensitive(now, "dark-mode"), "25%", &wanted, &err);
 *     hal9_plan_step(plan, "dark-mode", "flag.set", hal9_args_flag_set(spec, wanted_by_name), "...");
 *
 * The protocol of http: GET URL answers all flags as one JSON object {NAME: VALUE}; GET URL/NAME answers the value, 404 where there is no such
 * flag; PUT URL/NAME with the value as JSON sets it, DELETE URL/NAME removes it. Where an answer has an ETag, a change carries it as If-Match (If-None-Match: *
 * for a flag that wasn't there), and 412 tells that somebody else was faster. The token, if any, is sent as Authorization: Bearer.
 */
#ifndef HAL9OPS_FLAG_H
#define HAL9OPS_FLAG_H

#include <hal9ops/doc.h>
#include <hal9ops/op.h>

/* unleash: {url, project, environment, token} */
struct hal9_unleash_spec {
    char *url;
    char *project;
    char *environment;
    char *token; /* reference */
};
/* One entry of flags: exactly one kind is set. */
struct hal9_flag_spec {
    char *name;
    char *flagd; /* JSON or YAML file of flagd */
    struct hal9_unleash_spec *unleash;
    char *env;   /* NAME=value file */
    char *http;  /* URL */
    char *token; /* reference, for http */
};
extern const struct hal9_schema hal9_flag_schema;
/* The kind that is set: "flagd", "unleash", ... or NULL. Static. */
HAL9_API const char *hal9_flag_kind(const struct hal9_flag_spec *f);

/* ---- stores ------------------------------------------------------------------------------------ */

/* All flags of the store (names NULL) or those named, as the store has them, whole: {NAME: STATE}, fresh. A flag that is not there is null when it was
 * named. STATE is the driver's own and complete: flagd: the flag's object; unleash: {"enabled", "strategies": [whole objects with ids], "variants"}; env:
 * {"value": "..."}; http: the value. HAL9_E_NOT_FOUND: no such store; HAL9_E_UNKNOWN: it can't be told what it has (an empty file, no answer); HAL9_E_PERM.
 * What looks like a secret in an env file (TOKEN=) is no flag: left out, and HAL9_E_REFUSED when named. */
HAL9_API hal9_status hal9_flags_read(const struct hal9_flag_spec *f, const struct hal9_strv *names,
                                     int cancel_fd, cJSON **ret, struct hal9_error *err);
/* "on", "off", "25%", "variant blue", "FOO=bar", "not there": a state in a word or two, for people and flag records. Fresh. */
HAL9_API char *hal9_flag_words(const struct hal9_flag_spec *f, const char *name,
                               const cJSON *state);
/* The state that a word asks for ("on", "off", "25%", a variant, a value), made from the state now: HAL9_E_USAGE with what would do. Fresh. */
HAL9_API hal9_status hal9_flag_wanted(const struct hal9_flag_spec *f, const char *name,
                                      const cJSON *now, const char *word, cJSON **ret,
                                      struct hal9_error *err);
/* Whether two states are the same by value: what a store makes up itself (ids of strategies) doesn't count. */
HAL9_API bool hal9_flag_equal(const struct hal9_flag_spec *f, const cJSON *a, const cJSON *b);
/* The spec as JSON for args of steps, the token as the reference it is; fresh. And back: hal9_flag_free() frees it. */
HAL9_API cJSON *hal9_flag_json(const struct hal9_flag_spec *f);
HAL9_API hal9_status hal9_flag_parse(const cJSON *j, struct hal9_flag_spec **ret,
                                     struct hal9_error *err);
HAL9_API void hal9_flag_free(struct hal9_flag_spec *f);
/* "flagd:/etc/hal9/flags.json", "env:PATH", "http:URL", "unleash:URL[#PROJECT/ENVIRONMENT]": a store without a configuration; token: a reference, or NULL. */
HAL9_API hal9_status hal9_flag_told(const char *text, const char *token,
                                    struct hal9_flag_spec **ret, struct hal9_error *err);
/* Whether other hosts may write the store at the same time (unleash, http). */
HAL9_API bool hal9_flag_shared(const struct hal9_flag_spec *f);

/* How a store is watched: see hal9_flags_watch(). */
struct hal9_flag_watch {
    const struct hal9_strv *names; /* NULL: all */
    int64_t every_ms;
    int cancel_fd;
    void (*begun)(void *data, const cJSON *now);
    void (*changed)(void *data, const cJSON *before, const cJSON *now);
    void (*trouble)(void *data, const struct hal9_error *e);
    void *data;
};
/* Calls changed with the states before and now of the flags that differ, {NAME: STATE or null}, until cancel_fd is readable (HAL9_OK) or the store
 * can't be read at the very beginning. Files are watched, servers asked every every_ms (0: 10 s) with the last ETag. trouble (NULL-able) is told once when the store can't be
 * read, and with NULL when it can again. begun (NULL-able) is called when it watches. */
HAL9_API hal9_status hal9_flags_watch(const struct hal9_flag_spec *f,
                                      const struct hal9_flag_watch *w, struct hal9_error *err);

/* ---- the step ---------------------------------------------------------------------------------- */

/* flag.set  args {store, flags: {NAME: STATE or null (not there)}, resources?}; before/intent/after {"flags": {NAME: STATE}, "observed": {"ids"}}: what a store makes up itself
 *           (ids of recreated strategies) is compared by value, not by id. Invert: flag.set of before. */
extern const struct hal9_step_kind hal9_kind_flag_set;
/* Its args, fresh; f and flags are copied. */
HAL9_API cJSON *hal9_args_flag_set(const struct hal9_flag_spec *f, const cJSON *flags);
/* What a flag.set step changed, for records: [{"store", "type", "flag", "from", "to"}] in words. Fresh; args, before and after as the journal has them. */
HAL9_API cJSON *hal9_flag_changes(const cJSON *args, const cJSON *before, const cJSON *after);

#endif
