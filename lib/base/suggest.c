/* Did you mean: the nearest word. */
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/base.h"

static size_t min2(size_t a, size_t b) {
    return a < b ? a : b;
}

/* The row of word[0..i) against every beginning of other: from the row above, and for swaps the one
 * above that. */
static void fill_row(size_t *row, const size_t *above, const size_t *above2, const char *word,
                     size_t i, const char *other, size_t len) {
    row[0] = i;
    for (size_t j = 1; j <= len; j++) {
        size_t cost = word[i - 1] == other[j - 1] ? 0 : 1;
        row[j] = min2(min2(above[j] + 1, row[j - 1] + 1), above[j - 1] + cost);
        if (i > 1 && j > 1 && word[i - 1] == other[j - 2] && word[i - 2] == other[j - 1])
            row[j] = min2(row[j], above2[j - 2] + 1);
    }
}

/* Damerau-Levenshtein distance in its optimal string alignment form (Wikipedia,
 * "Damerau-Levenshtein distance"): insertions, deletions, substitutions and swaps of neighbours
 * cost 1 each. */
static size_t distance(const char *word, const char *other) {
    size_t len = strlen(other);
    size_t width = len + 1;
    _cleanup_free_ size_t *rows = hal9_realloc_array(NULL, 3 * width, sizeof(*rows));
    for (size_t j = 0; j <= len; j++)
        rows[j] = j;
    size_t i = 1;
    for (; word[i - 1]; i++)
        fill_row(rows + i % 3 * width, rows + (i + 2) % 3 * width, rows + (i + 1) % 3 * width, word,
                 i, other, len);
    return rows[(i + 2) % 3 * width + len];
}

const char *hal9_suggest(const char *word, const char *const *candidates, size_t n) {
    size_t len = strlen(word);
    size_t best = len / 3 < 1 ? 1 : min2(len / 3, 3);
    const char *found = NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(candidates[i]);
        size_t longer = len > other ? len : other;
        if (longer - min2(len, other) > best)
            continue;
        size_t d = distance(word, candidates[i]);
        /* Where every letter would change, the words have nothing in common. */
        if (d > best || (d == best && found) || (d > 0 && d >= longer))
            continue;
        best = d;
        found = candidates[i];
    }
    return found;
}
