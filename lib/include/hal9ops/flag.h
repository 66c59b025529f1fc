/*
 * hal9ops/flag.h - feature flag stores: the configuration of each kind.
 *
 * Floor 4.
 */
#ifndef HAL9OPS_FLAG_H
#define HAL9OPS_FLAG_H

#include <hal9ops/doc.h>

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

#endif
