/* What the files of the YAML reader share. */
#ifndef HAL9_DOC_YAML_INTERNAL_H
#define HAL9_DOC_YAML_INTERNAL_H

#include <yaml.h>

#include "hal9ops/doc.h"

#define HAL9_YAML_BYTES (16u << 20)
#define HAL9_YAML_SCALAR (1u << 20)
#define HAL9_YAML_DEPTH 100
#define HAL9_YAML_NODES 100000
#define HAL9_YAML_ANCHORS 1000
#define HAL9_YAML_DIRECTIVES 1000

/* A node and what only the reader knows. Aliases share nodes; size says how many there would be. */
struct hal9_ynode {
    struct hal9_node n;
    size_t size;     /* nodes at and below it, aliases and merges expanded */
    unsigned height; /* levels at and below it */
    bool open;       /* its end has not come yet */
};

struct hal9_anchor {
    uint32_t hash;
    char *name;
    struct hal9_ynode *node;
};

struct hal9_doc {
    char *name;
    struct hal9_ynode **nodes;
    size_t n, cap;
    size_t count; /* as if aliases were written out */
    struct hal9_anchor *anchors;
    size_t n_anchors, cap_anchors;
    struct hal9_node *root;
};

/* Kind of a scalar by the core schema (YAML 1.2.2, section 10.3.2). */
enum hal9_node_kind hal9_scalar_kind(const char *text);
/* Sets an error at a mark of libyaml; HAL9_E_CONFIG. */
hal9_status hal9_yaml_error(struct hal9_error *err, const struct hal9_doc *d, yaml_mark_t at,
                            const char *fmt, ...) HAL9_PRINTF(4, 5);
/* What libyaml stumbled over, in words of ours. */
hal9_status hal9_yaml_syntax_error(struct hal9_error *err, const struct hal9_doc *d,
                                   const yaml_parser_t *p, const char *data, size_t len);
/* At the end of a map: keys that are there twice are errors, `<<` is replaced by what it stands for. */
hal9_status hal9_yaml_finish_map(struct hal9_doc *d, struct hal9_ynode *map,
                                 struct hal9_error *err);

#endif
