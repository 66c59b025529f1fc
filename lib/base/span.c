/* Spans of time and sizes in words for people. */
#include "hal9ops/base.h"

/* Two units, the smaller left out where it is nothing: "3 h 5 min", "3 h". */
static char *two_units(const char *sign, int64_t big, const char *big_unit, int64_t small,
                       const char *small_unit) {
    if (small == 0)
        return hal9_strf("%s%lld %s", sign, (long long)big, big_unit);
    return hal9_strf("%s%lld %s %lld %s", sign, (long long)big, big_unit, (long long)small,
                     small_unit);
}

static char *seconds_text(const char *sign, int64_t s) {
    if (s < 10 * 60)
        return two_units(sign, s / 60, "min", s % 60, "s");
    if (s < 60 * 60)
        return two_units(sign, s / 60, "min", 0, "s");
    if (s < 48 * 3600)
        return two_units(sign, s / 3600, "h", s % 3600 / 60, "min");
    return two_units(sign, s / 86400, "d", s % 86400 / 3600, "h");
}

char *hal9_span_us_text(int64_t us) {
    const char *sign = us < 0 ? "-" : "";
    if (us < 0)
        us = us == INT64_MIN ? INT64_MAX : -us;
    if (us < 99950 && us % 1000 == 0)
        return hal9_strf("%s%lld ms", sign, (long long)(us / 1000));
    if (us < 99950)
        return hal9_strf("%s%.1f ms", sign, (double)us / 1e3);
    if (us < 59950000)
        return hal9_strf("%s%.1f s", sign, (double)us / 1e6);
    return seconds_text(sign, us < 60000000 ? 60 : us / 1000000);
}

char *hal9_span_text(int64_t ms) {
    int64_t us;
    if (__builtin_mul_overflow(ms, 1000, &us))
        return seconds_text(ms < 0 ? "-" : "", ms < 0 ? -(ms / 1000) : ms / 1000);
    return hal9_span_us_text(us);
}

char *hal9_size_text(uint64_t bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024)
        return hal9_strf("%u B", (unsigned)bytes);
    double value = (double)bytes / 1024;
    size_t unit = 0;
    while (value >= 1023.95 && unit < 5) { /* which would be printed as 1024.0 */
        value /= 1024;
        unit++;
    }
    return hal9_strf("%.1f %s", value, units[unit]);
}
