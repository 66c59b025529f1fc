/* Numbers with units, as people and configurations write them. Read by hand: strtod obeys the
 * locale, strtoll takes leading blanks and trailing words. */
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

__extension__ typedef unsigned __int128 wide;

/* A decimal number: value / 10^decimals. */
struct decimal {
    uint64_t value;
    unsigned decimals;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Digits; false where there are none or too many. Moves *p behind them. */
static bool whole(const char **p, uint64_t *value) {
    if (!is_digit(**p))
        return false;
    for (; is_digit(**p); (*p)++)
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (uint64_t)(**p - '0'), value))
            return false;
    return true;
}

/* "12", "1.5"; neither ".5" nor "1." */
static bool decimal(const char **p, struct decimal *ret) {
    *ret = (struct decimal){0};
    if (!whole(p, &ret->value))
        return false;
    if (**p != '.')
        return true;
    const char *start = ++*p;
    if (!whole(p, &ret->value))
        return false;
    ret->decimals = (unsigned)(*p - start);
    return ret->decimals <= 18;
}

static uint64_t power_of_ten(unsigned n) {
    uint64_t result = 1;
    while (n-- > 0)
        result *= 10;
    return result;
}

static double as_double(struct decimal d) {
    return (double)d.value / (double)power_of_ten(d.decimals);
}

static hal9_status no_duration(const char *text, struct hal9_error *err) {
    const char *p = text;
    uint64_t value = 0;
    hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is not a duration such as 500ms, 30s, 5m or 1h30m",
                   text);
    if (whole(&p, &value) && *p == '\0')
        hal9_error_hint(err, "give it a unit, such as %.20ss", text);
    return HAL9_E_USAGE;
}

hal9_status hal9_parse_duration(const char *text, int64_t *ret_ms, struct hal9_error *err) {
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"ms", 1}, {"m", 60000}, {"s", 1000}};
    int64_t total = 0;
    int64_t last = INT64_MAX;
    if (hal9_streq(text, "0")) {
        *ret_ms = 0;
        return HAL9_OK;
    }
    for (const char *p = text; *p || p == text;) {
        uint64_t value = 0;
        int64_t ms;
        size_t unit = 0;
        if (!whole(&p, &value))
            return no_duration(text, err);
        while (unit < HAL9_ARRAY_LEN(units) && !hal9_startswith(p, units[unit].name))
            unit++;
        /* The units go from large to small, each once. */
        if (unit == HAL9_ARRAY_LEN(units) || units[unit].ms >= last)
            return no_duration(text, err);
        if (__builtin_mul_overflow(value, units[unit].ms, &ms) ||
            __builtin_add_overflow(total, ms, &total))
            return hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is too long a duration", text);
        last = units[unit].ms;
        p += strlen(units[unit].name);
    }
    *ret_ms = total;
    return HAL9_OK;
}

/* Kubernetes' suffixes (and K for k), with or without a B. Returns 0 for an unknown one. */
static uint64_t size_unit(const char *suffix) {
    static const char letters[] = "kMGTPE";
    if (*suffix == '\0' || hal9_streq(suffix, "B"))
        return 1;
    char letter = *suffix == 'K' ? 'k' : *suffix;
    const char *found = strchr(letters, letter);
    if (!found)
        return 0;
    suffix++;
    uint64_t base = *suffix == 'i' ? 1024 : 1000;
    suffix += *suffix == 'i';
    if (*suffix != '\0' && !hal9_streq(suffix, "B"))
        return 0;
    uint64_t unit = 1;
    for (const char *l = letters; l <= found; l++)
        unit *= base;
    return unit;
}

hal9_status hal9_parse_size(const char *text, uint64_t *ret_bytes, struct hal9_error *err) {
    const char *p = text;
    struct decimal number;
    uint64_t unit = 0;
    if (decimal(&p, &number))
        unit = size_unit(p);
    if (unit == 0 || (unit == 1 && number.decimals > 0))
        return hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is not a size such as 4096, 100M or 5Gi",
                              text);
    /* Parts of a byte are rounded up, as Kubernetes does. */
    wide scale = power_of_ten(number.decimals);
    wide bytes = ((wide)number.value * unit + scale - 1) / scale;
    if (bytes > UINT64_MAX)
        return hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is too large a size", text);
    *ret_bytes = (uint64_t)bytes;
    return HAL9_OK;
}

hal9_status hal9_parse_percent(const char *text, double *ret_fraction, struct hal9_error *err) {
    const char *p = text;
    struct decimal number;
    if (!decimal(&p, &number) || !hal9_streq(p, "%")) {
        hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is not a percentage such as 10%%", text);
        return HAL9_E_USAGE;
    }
    *ret_fraction = as_double(number) / 100;
    return HAL9_OK;
}

hal9_status hal9_parse_cpu(const char *text, double *ret_cores, struct hal9_error *err) {
    static const struct {
        const char *suffix;
        double per_core;
    } units[] = {{"", 1}, {"m", 1e3}, {"u", 1e6}, {"n", 1e9}};
    const char *p = text;
    struct decimal number;
    bool good = decimal(&p, &number);
    for (size_t i = 0; good && i < HAL9_ARRAY_LEN(units); i++) {
        if (!hal9_streq(p, units[i].suffix))
            continue;
        *ret_cores = as_double(number) / units[i].per_core;
        return HAL9_OK;
    }
    return hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is not an amount of CPU such as 2 or 500m",
                          text);
}

hal9_status hal9_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret,
                           struct hal9_error *err) {
    const char *p = text;
    bool negative = min < 0 && *p == '-';
    p += negative;
    if (!is_digit(*p))
        return hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is not a whole number", text);
    int64_t value = 0;
    bool fits = true;
    for (; is_digit(*p); p++) {
        int64_t digit = negative ? -(*p - '0') : *p - '0';
        fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, digit, &value);
    }
    if (*p != '\0')
        return hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is not a whole number", text);
    if (!fits || value < min || value > max)
        return hal9_error_set(err, HAL9_E_USAGE, "'%.64s' is not between %lld and %lld", text,
                              (long long)min, (long long)max);
    *ret = value;
    return HAL9_OK;
}
