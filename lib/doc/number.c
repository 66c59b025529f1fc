/* Numbers between text and double: JSON and YAML write more than a double can hold. */
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "doc/number.h"

#define EXPONENT_MAX 1000000000000000

/* 0.DIGITS * 10^exponent; digits neither begin nor end with 0. */
struct decimal {
    char *digits;
    int64_t exponent;
    bool negative;
    bool beyond; /* the exponent does not fit */
};

static void decimal_clear(struct decimal *d) {
    free(d->digits);
}

static int64_t read_exponent(const char *p, bool *beyond) {
    bool negative = *p == '-';
    int64_t value = 0;
    p += *p == '-' || *p == '+';
    for (; *p >= '0' && *p <= '9'; p++) {
        value = value * 10 + (*p - '0');
        if (value > EXPONENT_MAX) {
            *beyond = true;
            value = EXPONENT_MAX;
        }
    }
    return negative ? -value : value;
}

/* Reads a JSON number; false when the text is none. */
static bool read_decimal(const char *text, struct decimal *ret) {
    struct decimal d = {.negative = *text == '-'};
    const char *p = text + d.negative;
    size_t n = 0;
    bool point = false;
    if (*p < '0' || *p > '9')
        return false;
    d.digits = hal9_alloc(strlen(p) + 1);
    for (; (*p >= '0' && *p <= '9') || *p == '.'; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        if (n > 0 || *p != '0')
            d.digits[n++] = *p;
        if (n > 0 && !point)
            d.exponent++;
        else if (n == 0 && point)
            d.exponent--;
    }
    if (*p == 'e' || *p == 'E')
        d.exponent += read_exponent(p + 1, &d.beyond);
    while (n > 0 && d.digits[n - 1] == '0')
        n--;
    d.digits[n] = '\0';
    if (n == 0) {
        d.exponent = 0;
        d.negative = d.beyond = false;
    }
    *ret = d;
    return true;
}

static bool same(const struct decimal *a, const struct decimal *b) {
    return !a->beyond && !b->beyond && a->negative == b->negative && a->exponent == b->exponent &&
           strcmp(a->digits, b->digits) == 0;
}

bool hal9_number_same(const char *a, const char *b) {
    _cleanup_(decimal_clear) struct decimal one = {0}, two = {0};
    if (strcmp(a, b) == 0)
        return true;
    return read_decimal(a, &one) && read_decimal(b, &two) && same(&one, &two);
}

/* The numbers of this library have a point in every locale. */
static locale_t use_c_locale(void) {
    static locale_t c;
    locale_t mine = __atomic_load_n(&c, __ATOMIC_ACQUIRE);
    if (!mine) {
        locale_t expected = (locale_t)0;
        mine = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        if (!__atomic_compare_exchange_n(&c, &expected, mine, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE)) {
            freelocale(mine);
            mine = expected;
        }
    }
    return uselocale(mine);
}

double hal9_strtod(const char *text) {
    locale_t before = use_c_locale();
    double value = strtod(text, NULL);
    uselocale(before);
    return value;
}

/* Whole numbers are most of all: their digits, last first. */
static void whole_text(double value, char ret[32]) {
    char digits[20];
    size_t n = 0, len = 0;
    for (uint64_t rest = (uint64_t)fabs(value); rest > 0 || n == 0; rest /= 10)
        digits[n++] = (char)('0' + rest % 10);
    if (signbit(value))
        ret[len++] = '-';
    while (n > 0)
        ret[len++] = digits[--n];
    ret[len] = '\0';
}

void hal9_number_text(double value, char ret[32]) {
    if (!isfinite(value)) {
        memcpy(ret, "null", 5);
        return;
    }
    if (value == floor(value) && fabs(value) < 1e15) {
        whole_text(value, ret);
        return;
    }
    locale_t before = use_c_locale();
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(ret, 32, "%.*g", precision, value);
        if (strtod(ret, NULL) == value)
            break;
    }
    uselocale(before);
}

/* Up to 15 digits without point and exponent: the most frequent numbers, held exactly. */
static bool small_integer(const char *text, size_t len, double *ret_value) {
    size_t sign = text[0] == '-';
    int64_t value = 0;
    if (len - sign > 15)
        return false;
    for (size_t i = sign; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = sign ? -(double)value : (double)value;
    return true;
}

bool hal9_number_kept(const char *text, size_t len, double *ret_value) {
    _cleanup_(decimal_clear) struct decimal source = {0}, written = {0};
    char again[32];
    if (small_integer(text, len, ret_value))
        return true;
    _cleanup_free_ char *copy = hal9_strndup(text, len);
    *ret_value = hal9_strtod(copy);
    if (!isfinite(*ret_value))
        return false;
    hal9_number_text(*ret_value, again);
    return read_decimal(copy, &source) && read_decimal(again, &written) && same(&source, &written);
}
