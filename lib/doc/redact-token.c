/* Secrets that are known by their form, and the names that secrets have. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "doc/redact-internal.h"

enum { TOKEN_LEAST = 16 };

/* Prefixes of keys that are given out by others, and how long the whole is at least. */
static const struct {
    const char *prefix;
    size_t least;
} keys[] = {
    {"AKIA", 20},     {"ASIA", 20},     {"ghp_", 24},        {"gho_", 24},   {"ghu_", 24},
    {"ghs_", 24},     {"ghr_", 24},     {"github_pat_", 30}, {"glpat-", 20}, {"xoxb-", 20},
    {"xoxp-", 20},    {"xoxa-", 20},    {"xoxr-", 20},       {"xoxs-", 20},  {"xapp-", 20},
    {"sk_live_", 16}, {"sk_test_", 16}, {"rk_live_", 16},    {"whsec_", 16}, {"sk-", 24},
    {"AIza", 35},     {"ya29.", 20},    {"npm_", 24},        {"pypi-", 24},  {"dop_v1_", 24},
    {"hvs.", 20},     {"SG.", 24},      {"shpat_", 24},
};

/* eyJ... . ... . ...: the beginning of {" in base64, and two dots at least. */
static bool is_web_token(const char *word, size_t len) {
    const char *dot = len > 16 && memcmp(word, "eyJ", 3) == 0 ? memchr(word, '.', len) : NULL;

    return dot && memchr(dot + 1, '.', len - (size_t)(dot + 1 - word));
}

bool redact_is_token(const char *word, size_t len) {
    if (len < TOKEN_LEAST)
        return false;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(keys); i++)
        if (len >= keys[i].least && strncmp(word, keys[i].prefix, strlen(keys[i].prefix)) == 0)
            return true;
    return is_web_token(word, len);
}

bool redact_is_name(const char *word, size_t len) {
    static const char *const more[] = {"pass", "pw", "pwd"};
    char name[REDACT_WORD_MAX + 1];

    if (len == 0 || len > REDACT_WORD_MAX)
        return false;
    memcpy(name, word, len);
    name[len] = '\0';
    if (strcmp(name, "PWD") == 0) /* the variable of a shell */
        return false;
    for (size_t i = 0; i < HAL9_ARRAY_LEN(more); i++)
        if (strcasecmp(name, more[i]) == 0)
            return true;
    /* signingKey, as some write signing_key */
    if (len > 3 && hal9_endswith(name, "Key") && islower((unsigned char)word[len - 4]))
        return true;
    return hal9_secret_name(name);
}

bool redact_is_reference(const char *text) {
    return hal9_startswith(text, "file:") || hal9_startswith(text, "env:");
}
