/* Comparisons as users write them. */
#include "check/compare.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/doc.h"

#define SHOWN 60 /* more of a value than this is not shown */

enum operator{ IS, IS_NOT, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, MATCHES, MATCHES_NOT };

/* The operator, and where its operand begins. */
static enum operator parse_operator(const char *want, const char **ret_operand) {
    static const struct {
        const char *text;
        enum operator op;
    } operators[] = {
        {"< ", LESS},    {"<= ", LESS_EQUAL}, {"> ", GREATER},      {">= ", GREATER_EQUAL},
        {"!= ", IS_NOT}, {"~ ", MATCHES},     {"!~ ", MATCHES_NOT},
    };
    for (size_t i = 0; i < HAL9_ARRAY_LEN(operators); i++)
        if (hal9_startswith(want, operators[i].text)) {
            *ret_operand = want + strlen(operators[i].text);
            return operators[i].op;
        }
    *ret_operand = want;
    return IS;
}

static bool is_ordering(enum operator op) {
    return op >= LESS && op <= GREATER_EQUAL;
}

/* A number that is the whole text; hexadecimal, infinity and nan are not meant by anybody. */
static bool parse_number(const char *text, double *ret) {
    char *end;
    if (!*text || strspn(text, "+-.0123456789eE") != strlen(text))
        return false;
    *ret = strtod(text, &end);
    return *end == '\0';
}

static bool holds(enum operator op, double a, double b) {
    switch (op) {
    case LESS:
        return a < b;
    case LESS_EQUAL:
        return a <= b;
    case GREATER:
        return a > b;
    default:
        return a >= b;
    }
}

static char *explain_regex(int code, const regex_t *regex) {
    char text[128];
    regerror(code, regex, text, sizeof(text));
    return hal9_strf("is not a regular expression: %s", text);
}

/* 1 matches, 0 doesn't, -1 can't be told (*ret_why). */
static int regex_matches(const char *pattern, const char *text, char **ret_why) {
    regex_t regex;
    int code = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE);
    if (code != 0) {
        *ret_why = explain_regex(code, &regex);
        return -1;
    }
    code = regexec(&regex, text, 0, NULL, 0);
    if (code != 0 && code != REG_NOMATCH)
        *ret_why = explain_regex(code, &regex);
    regfree(&regex);
    return code == 0 ? 1 : code == REG_NOMATCH ? 0 : -1;
}

bool hal9_compare_valid(const char *want, char **ret_why) {
    const char *operand;
    double number;
    const enum operator op = parse_operator(want, &operand);
    if (op == MATCHES || op == MATCHES_NOT)
        return regex_matches(operand, "", ret_why) >= 0;
    if (!is_ordering(op) || parse_number(operand, &number))
        return true;
    *ret_why = hal9_strf("wants a number after %.*s", (int)strcspn(want, " "), want);
    return false;
}

/* "is 12, not < 10" */
static char *explain(const char *actual, size_t length, const char *want) {
    return hal9_strf("is '%.*s%s', not '%s'", (int)(length < SHOWN ? length : SHOWN), actual,
                     length > SHOWN ? "..." : "", want);
}

static bool compare(const char *want, const char *actual, size_t length, char **ret_why) {
    const char *operand;
    const enum operator op = parse_operator(want, &operand);
    double a, b;
    bool ok;
    int match;
    switch (op) {
    case IS:
    case IS_NOT:
        ok = (strlen(operand) == length && memcmp(operand, actual, length) == 0) == (op == IS);
        break;
    case MATCHES:
    case MATCHES_NOT:
        match = regex_matches(operand, actual, ret_why);
        if (match < 0)
            return false;
        ok = match == (op == MATCHES);
        break;
    default:
        ok = parse_number(actual, &a) && parse_number(operand, &b) && holds(op, a, b);
    }
    if (!ok)
        *ret_why = explain(actual, length, want);
    return ok;
}

bool hal9_compare_text(const char *want, const char *actual, char **ret_why) {
    return compare(want, actual, strlen(actual), ret_why);
}

bool hal9_compare_number(const char *want, double actual, char **ret_why) {
    _cleanup_free_ char *text = hal9_strf("%.15g", actual);
    return compare(want, text, strlen(text), ret_why);
}

static size_t without_line_ends(const char *text, size_t length) {
    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        length--;
    return length;
}

bool hal9_compare_body(const char *want, const char *body, size_t length, char **ret_why) {
    /* A regular expression sees text: a NUL byte must not hide what comes after it. */
    _cleanup_free_ char *text = hal9_alloc(length + 1);
    for (size_t i = 0; i < length; i++)
        text[i] = body[i] ? body[i] : ' ';
    const char *operand;
    const enum operator op = parse_operator(want, &operand);
    if (op == MATCHES || op == MATCHES_NOT)
        return compare(want, text, length, ret_why);
    text[without_line_ends(text, length)] = '\0';
    _cleanup_free_ char *trimmed = hal9_strndup(want, without_line_ends(want, strlen(want)));
    return compare(trimmed, text, strlen(text), ret_why);
}

bool hal9_compare_json(const cJSON *want, const cJSON *actual, char **ret_why) {
    if (!actual) {
        *ret_why = hal9_strdup("is not there");
        return false;
    }
    const char *operand;
    if (cJSON_IsString(want) && cJSON_IsString(actual))
        return hal9_compare_text(want->valuestring, actual->valuestring, ret_why);
    _cleanup_free_ char *shown = hal9_json_text(actual);
    if (cJSON_IsString(want) && parse_operator(want->valuestring, &operand) != IS)
        return hal9_compare_text(want->valuestring, shown, ret_why);
    if (hal9_json_equal(want, actual))
        return true;
    _cleanup_free_ char *wanted = hal9_json_text(want);
    *ret_why =
        hal9_strf("is %.*s%s, not %s", SHOWN, shown, strlen(shown) > SHOWN ? "..." : "", wanted);
    return false;
}
