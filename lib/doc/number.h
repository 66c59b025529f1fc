/* Decimal numbers as text: exact where a double is not. */
#ifndef HAL9_DOC_NUMBER_H
#define HAL9_DOC_NUMBER_H

#include "hal9ops/base.h"

/* Whether a double can stand for this JSON number: written again by hal9_number_text(), it has the
 * same value. Sets *ret_value (the nearest double) in any case. */
bool hal9_number_kept(const char *text, size_t len, double *ret_value);
/* The shortest decimal that reads back as this double; "null" for what JSON cannot write. */
void hal9_number_text(double value, char ret[32]);
/* Whether two JSON numbers have the same value, whatever their size. */
bool hal9_number_same(const char *a, const char *b);
/* strtod in the C locale. */
double hal9_strtod(const char *text);

#endif
