/* Comparisons as users write them: literal, "< 10", "!= x", "~ regex". */
#ifndef HAL9_CHECK_COMPARE_H
#define HAL9_CHECK_COMPARE_H

#include <cjson/cJSON.h>

#include "hal9ops/base.h"

/* An operator counts only with a blank after it, so that "<html>" and "~user" are literal: <, <=, >,
 * >=, !=, ~ and !~ (POSIX extended regular expression; ^ and $ match at lines, as in grep). */

/* Whether the comparison can be used at all; *ret_why (fresh) when not: a bad expression, "< x". */
bool hal9_compare_valid(const char *want, char **ret_why);
/* Text. For < and > both sides must be numbers as a whole. *ret_why (fresh) when it does not hold:
 * "is 12, not < 10". */
bool hal9_compare_text(const char *want, const char *actual, char **ret_why);
/* Bytes that may be no text: a literal is compared as a whole, line ends at its end set aside. */
bool hal9_compare_body(const char *want, const char *body, size_t length, char **ret_why);
bool hal9_compare_number(const char *want, double actual, char **ret_why);
/* A JSON value. A string is a comparison, anything else must be equal. actual NULL: it is not there,
 * which never holds. */
bool hal9_compare_json(const cJSON *want, const cJSON *actual, char **ret_why);

#endif
