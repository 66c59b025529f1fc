/*
 * hal9ops/base.h - errors, strings, arrays, time, units, identifiers, log.
 *
 * Floor 0. Every fallible call of the library returns a hal9_status and takes a struct hal9_error *
 * as its last argument, untouched on success; outputs are named ret_x and untouched on failure.
 *
 *     _cleanup_error_ struct hal9_error err = {0};
 *     int64_t grace;
 *     if (hal9_parse_duration("30s", &grace, &err) != HAL9_OK)
 *         fprintf(stderr, "%s\n", err.message);
 */
#ifndef HAL9OPS_BASE_H
#define HAL9OPS_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HAL9_API __attribute__((visibility("default")))
#define HAL9_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What became of a call. The commands map these to exit codes (cmd/cli.h). */
typedef enum hal9_status {
    HAL9_OK = 0,
    HAL9_E_USAGE,       /* the caller's words are off: unknown service, bad option value */
    HAL9_E_CONFIG,      /* the configuration is off; the error has a place */
    HAL9_E_UNSUPPORTED, /* a kind or platform that this build has no driver for */
    HAL9_E_IO,          /* a system call failed; errnum tells which way */
    HAL9_E_PERM,        /* not permitted to this user */
    HAL9_E_BUSY,        /* somebody else holds the lock; the message says who */
    HAL9_E_NOT_FOUND,   /* what was named does not exist */
    HAL9_E_EXISTS,      /* what was to be made is there already */
    HAL9_E_TIMEOUT,     /* a deadline passed */
    HAL9_E_CORRUPT,     /* stored data does not match its checksum or format */
    HAL9_E_DRIFT,       /* somebody else changed it since; never overwritten without force */
    HAL9_E_REFUSED,     /* a guard said no; the hint names the guard */
    HAL9_E_UNKNOWN,     /* could not be determined */
    HAL9_E_FAILED,      /* it was tried and the desired state does not hold */
    HAL9_E_INTERRUPTED, /* a signal asked for the end */
    HAL9_E_LIMIT,       /* a cap on size, depth or count */
    HAL9_E_PROTOCOL,    /* a peer answered something that is not its protocol */
} hal9_status;

/* An error. Zero-initialise; hal9_error_clear() frees what it holds. A NULL error is allowed
 * everywhere. */
struct hal9_error {
    hal9_status code;
    int errnum;    /* errno of the failed system call, or 0 */
    char *message; /* what and where, one line, no final period */
    char *file;    /* the user's input that is at fault, or NULL */
    unsigned line; /* 1-based; 0 unknown */
    unsigned col;  /* 1-based; 0 unknown */
    char *hint;    /* what to do next, or NULL */
};

/* Sets code and message (replacing an earlier error); returns code, so that `return
 * hal9_error_set(…)` reads well. */
HAL9_API hal9_status hal9_error_set(struct hal9_error *err, hal9_status code, const char *fmt, ...)
    HAL9_PRINTF(3, 4);
/* As hal9_error_set for a failed system call: appends ": strerror(errnum)"; EACCES and EPERM become
 * HAL9_E_PERM, ENOENT HAL9_E_NOT_FOUND, EEXIST HAL9_E_EXISTS, ETIMEDOUT HAL9_E_TIMEOUT, all else
 * HAL9_E_IO. */
HAL9_API hal9_status hal9_error_errno(struct hal9_error *err, int errnum, const char *fmt, ...)
    HAL9_PRINTF(3, 4);
#ifdef __clang_analyzer__
/* An analyzer that sees no body must think that these may return HAL9_OK. */
#define hal9_error_set(err, code, ...) (hal9_error_set(err, code, __VA_ARGS__), (code))
#define hal9_error_errno(err, errnum, ...) (hal9_error_errno(err, errnum, __VA_ARGS__), HAL9_E_IO)
#endif
/* Adds the place in the user's input. file is copied. */
HAL9_API void hal9_error_place(struct hal9_error *err, const char *file, unsigned line,
                               unsigned col);
/* Adds what to do next. */
HAL9_API void hal9_error_hint(struct hal9_error *err, const char *fmt, ...) HAL9_PRINTF(2, 3);
/* Puts "prefix: " before the message. */
HAL9_API void hal9_error_prefix(struct hal9_error *err, const char *fmt, ...) HAL9_PRINTF(2, 3);
/* Moves *from to *to (which may be NULL: then *from is cleared). Returns the code. */
HAL9_API hal9_status hal9_error_move(struct hal9_error *to, struct hal9_error *from);
/* Frees and zeroes. */
HAL9_API void hal9_error_clear(struct hal9_error *err);
/* "file:line:col: message; hint" in a fresh string. */
HAL9_API char *hal9_error_text(const struct hal9_error *err);
/* A word for a status: "io", "busy", ... Static. */
HAL9_API const char *hal9_status_name(hal9_status status);

/*
 * Memory. Running out of it is treated like a kill -9, which every operation survives: these never
 * return NULL, they write one line and abort(). Sizes that come from outside are capped before they
 * get here.
 */
HAL9_API void *hal9_alloc(size_t size); /* zeroed */
HAL9_API void *hal9_realloc_array(void *p, size_t n, size_t size);
HAL9_API char *hal9_strdup(const char *s); /* NULL gives NULL */
HAL9_API char *hal9_strndup(const char *s, size_t n);
HAL9_API char *hal9_strf(const char *fmt, ...) HAL9_PRINTF(1, 2);
HAL9_API char *hal9_vstrf(const char *fmt, va_list ap) HAL9_PRINTF(1, 0);
/* Grows an array geometrically so that index n fits; *cap is in elements. What is new is zeroed. */
HAL9_API void *hal9_grow(void *p, size_t *cap, size_t n, size_t size);
#define HAL9_APPEND(array, n, cap) \
    ((array) = hal9_grow((array), &(cap), (n), sizeof(*(array))), &(array)[(n)++])

/* A growable byte string, always NUL-terminated when data is not NULL. Zero-initialise. */
struct hal9_buf {
    char *data;
    size_t len;
    size_t cap;
};
/* They append; data and s must not lie in b itself. */
HAL9_API void hal9_buf_add(struct hal9_buf *b, const void *data, size_t len);
HAL9_API void hal9_buf_puts(struct hal9_buf *b, const char *s);
HAL9_API void hal9_buf_putc(struct hal9_buf *b, char c);
HAL9_API void hal9_buf_printf(struct hal9_buf *b, const char *fmt, ...) HAL9_PRINTF(2, 3);
HAL9_API void hal9_buf_reset(struct hal9_buf *b); /* length 0, memory kept */
HAL9_API char *hal9_buf_take(struct hal9_buf *b); /* the string, never NULL; b is empty after */
/* Frees and zeroes. */
HAL9_API void hal9_buf_free(struct hal9_buf *b);

/* A NULL-terminated vector of owned strings. Zero-initialise. v is NULL while empty. */
struct hal9_strv {
    char **v;
    size_t n;
    size_t cap;
};
/* One more at the end; NULL adds nothing. */
HAL9_API void hal9_strv_add(struct hal9_strv *s, const char *str); /* copies */
HAL9_API void hal9_strv_take(struct hal9_strv *s, char *str);      /* takes ownership */
/* Whether one of them equals str. */
HAL9_API bool hal9_strv_has(const struct hal9_strv *s, const char *str);
HAL9_API void hal9_strv_sort_unique(struct hal9_strv *s); /* byte order */
/* Replaces what to holds. */
HAL9_API void hal9_strv_copy(struct hal9_strv *to, const struct hal9_strv *from);
/* All of them with sep between, in a fresh string. */
HAL9_API char *hal9_strv_join(const struct hal9_strv *s, const char *sep);
/* Frees and zeroes. */
HAL9_API void hal9_strv_free(struct hal9_strv *s);
/* argv as a shell would want it typed: quoted where it must be. */
HAL9_API char *hal9_shell_quote(const char *const *argv);

/* NULL equals only NULL, starts with and ends with nothing. */
HAL9_API bool hal9_streq(const char *a, const char *b);
HAL9_API bool hal9_startswith(const char *s, const char *prefix);
HAL9_API bool hal9_endswith(const char *s, const char *suffix);
/* The nearest of n candidates by Damerau-Levenshtein distance (at most a third of the word's
 * length, at least 1 and at most 3), or NULL. The result is one of the candidates. */
HAL9_API const char *hal9_suggest(const char *word, const char *const *candidates, size_t n);

/* Time: milliseconds. Wall time is since the Unix epoch and obeys HAL9OPS_NOW (RFC 3339 or
 * seconds), where set: a frozen clock for tests. Monotonic time never obeys it. */
HAL9_API int64_t hal9_now_ms(void);
HAL9_API int64_t hal9_mono_ms(void);
HAL9_API int64_t hal9_mono_us(void);
HAL9_API int64_t hal9_boot_ms(void); /* monotonic, and goes on while the machine is suspended */
HAL9_API void hal9_time_format(int64_t ms, char ret[32]); /* 2026-11-23T03:04:05.678Z */
HAL9_API hal9_status hal9_time_parse(const char *text, int64_t *ret_ms, struct hal9_error *err);
HAL9_API void hal9_time_clock(int64_t ms, char ret[16]); /* local "02:51" */
HAL9_API int hal9_time_local_hour(int64_t ms);           /* 0..23, by TZ */
/* A span in words: "13 min", "1.8 ms", "0.4 s", "3 h 5 min". */
HAL9_API char *hal9_span_text(int64_t ms);
HAL9_API char *hal9_span_us_text(int64_t us);

/* Units. All refuse trailing text, a sign where none makes sense, and overflow; the message quotes
 * the text. */
HAL9_API hal9_status
hal9_parse_duration(const char *text, int64_t *ret_ms,
                    struct hal9_error *err); /* 500ms 30s 5m 1h 2d 1h30m; a bare 0 */
HAL9_API hal9_status hal9_parse_size(const char *text, uint64_t *ret_bytes,
                                     struct hal9_error *err); /* 5Gi 100M 4096 */
HAL9_API hal9_status hal9_parse_percent(const char *text, double *ret_fraction,
                                        struct hal9_error *err); /* "10%" -> 0.1 */
HAL9_API hal9_status hal9_parse_cpu(const char *text, double *ret_cores,
                                    struct hal9_error *err); /* "500m" -> 0.5, "2" */
HAL9_API hal9_status hal9_parse_int(const char *text, int64_t min, int64_t max, int64_t *ret,
                                    struct hal9_error *err);
HAL9_API char *hal9_size_text(uint64_t bytes); /* "5.0 GiB" */

/* Identifiers: 10 characters of time (ms, Crockford base32, lower case) and 4 random ones:
 * sortable, and the last four will mostly do for a person. Never the same twice in one process. */
#define HAL9_ID_LEN 14
/* A new one; and whether a string has the form of one (it may come from a user or a file name). */
HAL9_API void hal9_id_new(char ret[HAL9_ID_LEN + 1]);
HAL9_API bool hal9_id_valid(const char *s);
/* Ids made from now on come after this one, even where the clock was set back since it was made. */
HAL9_API void hal9_id_follow(const char *newest);

/* CRC-32C (Castagnoli, reflected 0x82F63B78), chained: pass the previous result as seed, 0 at
 * first. */
HAL9_API uint32_t hal9_crc32c(uint32_t seed, const void *data, size_t len);
/* SHA-256 in lower-case hex. */
HAL9_API void hal9_sha256_hex(const void *data, size_t len, char ret[65]);
struct hal9_sha256 {
    uint32_t state[8];
    uint64_t len;
    uint8_t rest[64];
};
/* The same as bytes: at once, or piece by piece. */
HAL9_API void hal9_sha256(const void *data, size_t len, uint8_t ret[32]);
HAL9_API void hal9_sha256_start(struct hal9_sha256 *h);
HAL9_API void hal9_sha256_add(struct hal9_sha256 *h, const void *data, size_t len);
HAL9_API void hal9_sha256_end(struct hal9_sha256 *h, uint8_t ret[32]);
/* n bytes as 2n lower-case hex digits, and a NUL; the other way round: false unless the text is just that. */
HAL9_API void hal9_hex(const uint8_t *bytes, size_t n, char *ret);
HAL9_API bool hal9_unhex(const char *text, uint8_t *ret, size_t n);

/* Log lines on stderr, "tool: text"; level 0 errors and warnings, 1 -v, 2 -vv. */
HAL9_API void hal9_log_setup(const char *tool, int verbosity);
HAL9_API void hal9_log(int level, const char *fmt, ...) HAL9_PRINTF(2, 3);
/* What takes secrets out of all that goes to stderr: it appends the clean text. NULL: nothing does, as at first. */
HAL9_API void hal9_log_cleaner(size_t (*clean)(const char *text, size_t len, struct hal9_buf *ret));
/* Words as they are on stderr, one write: what else is told there goes this way, too. */
HAL9_API void hal9_log_text(const char *text, size_t len);
/* How long a write to stderr may wait for a reader that stalls (ms; -1 for ever, as at first). One that stalls for longer
 * gets nothing more. Set it while an operation is open: no reader may stop that. */
HAL9_API void hal9_log_patience(int64_t ms);

/* The library's version, "0.1.0". Static. */
HAL9_API const char *hal9_version(void);

#endif
