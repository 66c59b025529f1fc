/* What the files of the schema decoder share. */
#ifndef HAL9_DOC_SCHEMA_INTERNAL_H
#define HAL9_DOC_SCHEMA_INTERNAL_H

#include "hal9ops/doc.h"

#define HAL9_ERRORS_MAX 100

struct hal9_decoder {
    struct hal9_errors *errors;
    size_t first;   /* errors before this decoding */
    bool dropped;   /* the last error was one too many */
    unsigned wrong; /* errors of the map at hand itself, those of maps within it left out */
};

static inline void *hal9_field_at(void *object, const struct hal9_field *f) {
    return (char *)object + f->offset;
}

bool hal9_node_scalar(const struct hal9_node *n);
/* "'soon'", "a list", "a map" or "nothing", fresh. */
char *hal9_node_words(const struct hal9_node *n);
/* Decodes a value that is no map of its own: all types up to SECRET, and JSON. */
void hal9_decode_value(struct hal9_decoder *d, const struct hal9_node *n,
                       const struct hal9_field *f, void *field);
/* By the schema's own decode, or by its table. key: a dict's, or NULL. */
void hal9_decode_object(struct hal9_decoder *d, const struct hal9_schema *s,
                        const struct hal9_node *n, void *object, const char *key);

#endif
