/* What follows a word of a text: the value of a name, the password of a URL, the credentials of a scheme. */
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "doc/redact-internal.h"

enum { CREDENTIALS_LEAST = 8, USER_LEAST = 20 };

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool is_end(char c) {
    return c == '\n' || c == '\r';
}

static bool is_quote(char c) {
    return c == '"' || c == '\'' || c == '`';
}

/* A letter of what names and tokens are made of. */
static bool is_wordy(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

/* Whether a new name begins here: "user=" */
static bool is_pair(const char *p, const char *end) {
    const char *at = p;

    while (at < end && is_wordy(*at))
        at++;
    return at > p && at < end && (*at == '=' || *at == ':');
}

/* Where a value without quotes ends: at a blank, a quote, or where what separates it is followed by more of its like. Rather too late than too
 * early: what is left of a password is a secret, too. */
static const char *plain_end(const char *p, const char *end) {
    const char *at = p;

    while (at < end && !is_blank(*at) && !is_end(*at) && !is_quote(*at) && *at != '\\') {
        if (strchr("&,;", *at) && (at + 1 == end || is_blank(at[1]) || is_end(at[1]) ||
                                   is_quote(at[1]) || is_pair(at + 1, end)))
            break;
        at++;
    }
    while (at > p && strchr(")]}>", at[-1]))
        at--;
    return at;
}

/* The end of a text in quotes; n backslashes stand before each of them. At the end of the line where they are never closed. */
static const char *quoted_end(const char *p, const char *end, char quote, size_t n) {
    const char *at = p;

    for (; at < end && !is_end(*at); at++) {
        size_t slashes = 0;

        for (; at < end && *at == '\\'; at++)
            slashes++;
        if (at == end || is_end(*at))
            break;
        if (quote == '\'' && *at == quote && at + 1 < end && at[1] == quote)
            at++; /* one in quotes, as YAML and SQL write it */
        else if (*at == quote && (slashes == n || (n == 0 && slashes % 2 == 0)))
            return at - n;
    }
    return at;
}

static const char *line_end(const char *p, const char *end) {
    while (p < end && !is_end(*p))
        p++;
    return p;
}

/* After a name: its closing quote, blanks, = or : or =>, blanks. NULL: no value follows. */
static const char *after_separator(const char *p, const char *end) {
    while (p < end && *p == '\\')
        p++;
    if (p < end && is_quote(*p))
        p++;
    while (p < end && is_blank(*p))
        p++;
    if (p == end || (*p != '=' && *p != ':'))
        return NULL;
    if (*p == ':' && end - p > 2 && p[1] == '/' && p[2] == '/') /* a scheme */
        return NULL;
    p++;
    if (p < end && (*p == '>' || *p == '='))
        p++;
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* Names whose value has blanks in it. */
static bool is_whole_line(const char *word, size_t len) {
    static const char *const names[] = {"authorization", "cookie", "passphrase"};
    char name[REDACT_WORD_MAX + 1] = "";

    memcpy(name, word, len);
    for (size_t i = 0; i < HAL9_ARRAY_LEN(names); i++)
        if (strcasestr(name, names[i]))
            return true;
    return false;
}

/* The quote that a name, or the header that it begins, stands in: -H 'Authorization: x'. 0: none. */
static char opened_by(const struct redact *r, const char *word) {
    return word > r->line && is_quote(word[-1]) ? word[-1] : '\0';
}

static bool is_told_already(const char *p, const char *end) {
    return (size_t)(end - p) == strlen(REDACT_WITH) &&
           memcmp(p, REDACT_WITH, (size_t)(end - p)) == 0;
}

/* Copies up to p, then leaves out what stands between p and to. */
static void take_value(struct redact *r, const char *p, const char *to) {
    redact_copy(r, (size_t)(p - r->at));
    if (to > p && !is_told_already(p, to) && !redact_is_reference(p))
        redact_drop(r, (size_t)(to - p));
    else
        redact_copy(r, (size_t)(to - p));
}

/* "DB_PASSWORD: the secret cannot be read": a colon, and words after it. */
static bool is_told_of(const char *from, const char *to) {
    return *from == ':' && to > from + 1 && !is_quote(*to) && *to != '\\';
}

static bool value_of(struct redact *r, const char *word, size_t len) {
    const char *p = after_separator(word + len, r->end);
    const char quote = opened_by(r, word);
    size_t slashes = 0;

    if (!p)
        return false;
    if (r->words && !is_whole_line(word, len) && is_told_of(word + len, p))
        return false;
    while (p + slashes < r->end && p[slashes] == '\\')
        slashes++;
    if (p + slashes < r->end && is_quote(p[slashes])) {
        const char *from = p + slashes + 1;

        take_value(r, from, quoted_end(from, r->end, p[slashes], slashes));
    } else if (is_whole_line(word, len)) {
        const char *to = line_end(p, r->end);
        const char *close = quote ? memchr(p, quote, (size_t)(to - p)) : NULL;

        take_value(r, p, close ? close : to);
    } else {
        take_value(r, p, plain_end(p, r->end));
    }
    return true;
}

/* --password hunter2 */
static bool argument_of(struct redact *r, const char *word, size_t len) {
    const char *p = word + len;

    if (word[0] != '-' || p == r->end || !is_blank(*p))
        return false;
    while (p < r->end && is_blank(*p))
        p++;
    if (p == r->end || *p == '-' || is_end(*p))
        return false;
    if (is_quote(*p))
        take_value(r, p + 1, quoted_end(p + 1, r->end, *p, 0));
    else
        take_value(r, p, plain_end(p, r->end));
    return true;
}

/* The path of a webhook is all that it takes to use it: https://hooks.example.org/T0/B0/x, https://example.org/api/webhooks/1/x. Its host is
 * [host, to). */
static bool webhook(struct redact *r, const char *host, const char *to) {
    const char *end = to;

    while (end < r->end && !is_blank(*end) && !is_end(*end) && !is_quote(*end) && *end != '<' &&
           *end != '>')
        end++;
    if (to == r->end || *to != '/' || end - to < 2 ||
        !((to - host > 6 && memcmp(host, "hooks.", 6) == 0) ||
          memmem(to, (size_t)(end - to), "webhook", 7)))
        return false;
    take_value(r, to + 1, end);
    return true;
}

/* scheme://user:password@host, scheme://token@host */
static bool url(struct redact *r, const char *word, size_t len) {
    const char *host = word + len + 3, *to = host, *at = NULL, *colon = NULL;

    if (r->end - word < (ptrdiff_t)len + 3 || memcmp(word + len, "://", 3) != 0)
        return false;
    for (; to < r->end && !is_blank(*to) && !is_end(*to) && !strchr("/?#\"'`<>", *to); to++) {
        at = *to == '@' ? to : at;
        colon = *to == ':' && !colon ? to : colon;
    }
    if (!at)
        return webhook(r, host, to);
    if (colon && colon < at)
        take_value(r, colon + 1, at);
    else if (at - host >= USER_LEAST)
        take_value(r, host, at);
    else
        redact_copy(r, (size_t)(at - r->at));
    return true;
}

/* Bearer x, Basic x */
static bool credentials(struct redact *r, const char *word, size_t len) {
    const char *p = word + len;

    if (!(len == 6 && strncasecmp(word, "bearer", 6) == 0) &&
        !(len == 5 && strncasecmp(word, "basic", 5) == 0))
        return false;
    while (p < r->end && is_blank(*p))
        p++;
    const char *to = p;

    while (to < r->end && (is_wordy(*to) || strchr("+/=~", *to)))
        to++;
    if (p == word + len || to - p < CREDENTIALS_LEAST)
        return false;
    take_value(r, p, to);
    return true;
}

/* What a word must be followed by to have a value. */
static bool may_have_value(const struct redact *r, const char *word, size_t len) {
    const char *p = word + len;

    return p < r->end && (*p == '=' || *p == ':' || is_blank(*p) || is_quote(*p) || *p == '\\');
}

bool redact_word(struct redact *r, const char *word, size_t len) {
    if (redact_is_token(word, len)) {
        redact_drop(r, len);
        return true;
    }
    if (!may_have_value(r, word, len))
        return false;
    if (url(r, word, len) || credentials(r, word, len))
        return true;
    if (word[0] != '-' && !after_separator(word + len, r->end)) /* as most words of a log */
        return false;
    return redact_is_name(word, len) && (value_of(r, word, len) || argument_of(r, word, len));
}
