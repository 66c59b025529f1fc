/* JUnit XML, as CI servers read it: what the tools that write it share. */
#ifndef HAL9_CMD_JUNIT_H
#define HAL9_CMD_JUNIT_H

#include "cli.h"

struct junit_counts {
    size_t tests, failures, errors, skipped;
};
/* The beginnings of a document and of a suite; their ends are the caller's to write. */
void junit_document(struct hal9_buf *out, const struct junit_counts *c);
void junit_suite(struct hal9_buf *out, const char *name, const struct junit_counts *c, int64_t us);
/* NAME="value", with a blank before it. */
void junit_attribute(struct hal9_buf *out, const char *name, const char *value);
/* <failure>, <error> or <skipped>, inside a case. type: NULL none. */
void junit_outcome(struct hal9_buf *out, const char *element, const char *type,
                   const char *message);
/* A case that only says why there is none. */
void junit_error(struct hal9_buf *out, const char *class, const char *type, const char *message);
/* A whole document that only says why there are no cases. */
void junit_trouble(struct hal9_buf *out, const char *why);

#endif
