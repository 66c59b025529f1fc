/* Clocks, and time in words and in RFC 3339. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

static const int64_t day_s = 86400;

/* What HAL9OPS_NOW says, RFC 3339 or seconds. */
static hal9_status frozen_now(const char *text, int64_t *ret_ms) {
    int64_t seconds;
    if (hal9_parse_int(text, 0, INT64_MAX / 1000, &seconds, NULL) == HAL9_OK) {
        *ret_ms = seconds * 1000;
        return HAL9_OK;
    }
    return hal9_time_parse(text, ret_ms, NULL);
}

int64_t hal9_now_ms(void) {
    static atomic_bool told;
    const char *frozen = getenv("HAL9OPS_NOW");
    int64_t ms;
    if (frozen && *frozen) {
        if (frozen_now(frozen, &ms) == HAL9_OK)
            return ms;
        if (!atomic_exchange(&told, true))
            hal9_log(0, "HAL9OPS_NOW is '%s', neither RFC 3339 nor seconds; the real time is used",
                     frozen);
    }
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t hal9_mono_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t hal9_mono_ms(void) {
    return hal9_mono_us() / 1000;
}

int64_t hal9_boot_ms(void) {
    struct timespec now;
#ifdef CLOCK_BOOTTIME
    clock_gettime(CLOCK_BOOTTIME, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now); /* where it counts sleep by itself */
#endif
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0 ? 1 : 0);
}

void hal9_time_format(int64_t ms, char ret[32]) {
    static const int64_t first = -62167219200000; /* 0000-01-01T00:00:00.000Z */
    static const int64_t last =
        253402300799999; /* 9999-12-31T23:59:59.999Z: RFC 3339 knows no more */
    ms = ms < first ? first : ms > last ? last : ms;
    time_t seconds = (time_t)floor_div(ms, 1000);
    int milli = (int)(ms - floor_div(ms, 1000) * 1000);
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    char date[64];
    snprintf(date, sizeof(date), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, milli);
    memcpy(ret, date, 25);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar: Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", days_from_civil. */
static int64_t days_from_civil(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* n digits between min and max; moves *p behind them. */
static bool digits(const char **p, int n, int min, int max, int *ret) {
    int value = 0;
    for (int i = 0; i < n; i++) {
        if ((*p)[i] < '0' || (*p)[i] > '9')
            return false;
        value = value * 10 + ((*p)[i] - '0');
    }
    if (value < min || value > max)
        return false;
    *p += n;
    *ret = value;
    return true;
}

static bool one_of(const char **p, const char *set) {
    if (**p == '\0' || !strchr(set, **p))
        return false;
    (*p)++;
    return true;
}

/* ".678": what is finer than a millisecond is cut. */
static bool fraction(const char **p, int *ret_milli) {
    int milli = 0;
    *ret_milli = 0;
    if (**p != '.')
        return true;
    const char *start = ++*p;
    for (int unit = 100; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
        milli += unit * (**p - '0');
    *ret_milli = milli;
    return *p > start;
}

/* "Z" or "+02:00", in minutes. */
static bool offset(const char **p, int *ret_minutes) {
    int hours;
    int minutes;
    *ret_minutes = 0;
    if (one_of(p, "Zz"))
        return true;
    int sign = **p == '-' ? -1 : 1;
    if (!one_of(p, "+-") || !digits(p, 2, 0, 23, &hours) || !one_of(p, ":") ||
        !digits(p, 2, 0, 59, &minutes))
        return false;
    *ret_minutes = sign * (hours * 60 + minutes);
    return true;
}

hal9_status hal9_time_parse(const char *text, int64_t *ret_ms, struct hal9_error *err) {
    const char *p = text;
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int milli;
    int shift;
    bool good = digits(&p, 4, 0, 9999, &year) && one_of(&p, "-") && digits(&p, 2, 1, 12, &month) &&
                one_of(&p, "-") && digits(&p, 2, 1, days_in_month(year, month), &day) &&
                one_of(&p, "Tt ") && digits(&p, 2, 0, 23, &hour) && one_of(&p, ":") &&
                digits(&p, 2, 0, 59, &minute) && one_of(&p, ":") && digits(&p, 2, 0, 60, &second) &&
                fraction(&p, &milli) && offset(&p, &shift);
    if (!good || *p != '\0')
        return hal9_error_set(err, HAL9_E_USAGE,
                              "'%.64s' is not a time such as 2026-11-23T03:04:05Z", text);
    int64_t days = days_from_civil(year, month, day);
    int64_t minutes = hour * 60 + minute - shift;
    *ret_ms = (days * day_s + minutes * 60 + second) * 1000 + milli;
    return HAL9_OK;
}

static struct tm local_time(int64_t ms) {
    time_t seconds = (time_t)floor_div(ms, 1000);
    struct tm tm = {0};
    tzset(); /* localtime_r need not look at TZ again */
    localtime_r(&seconds, &tm);
    return tm;
}

void hal9_time_clock(int64_t ms, char ret[16]) {
    struct tm tm = local_time(ms);
    snprintf(ret, 16, "%02u:%02u", (unsigned)tm.tm_hour % 24, (unsigned)tm.tm_min % 60);
}

int hal9_time_local_hour(int64_t ms) {
    return local_time(ms).tm_hour;
}
