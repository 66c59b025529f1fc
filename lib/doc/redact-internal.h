/* What the files of redact share: a text that is read on one side and written, without its secrets, on the other. */
#ifndef HAL9_DOC_REDACT_INTERNAL_H
#define HAL9_DOC_REDACT_INTERNAL_H

#include "hal9ops/doc.h"

#define REDACT_WITH "***"
enum { REDACT_WORD_MAX = 128 };

struct redact {
    const char *at, *end; /* what is still to be read */
    const char *copied;   /* up to there all is written, or left out */
    const char *line;     /* where its line begins */
    struct hal9_buf *out;
    bool words; /* our own: "name: words" is no secret */
    size_t count;
};

/* Keeps n bytes; leaves n bytes out and writes *** in their place; writes what was kept last. */
void redact_copy(struct redact *r, size_t n);
void redact_drop(struct redact *r, size_t n);
void redact_flush(struct redact *r);

/* redact-word.c: takes up the word that begins here, and what belongs to it; false: nothing is special about it, nothing was read. */
bool redact_word(struct redact *r, const char *word, size_t len);
/* redact-token.c: whether a word is a secret by its form alone: a JSON web token, a key with a well-known prefix. */
bool redact_is_token(const char *word, size_t len);
/* Whether the name of an option, member, header or variable is a secret's. */
bool redact_is_name(const char *word, size_t len);
/* A value that was read in this process: no text that leaves it may have it. */
void redact_remember(const char *value);
/* "file:PATH" or "env:NAME" */
bool redact_is_reference(const char *text);

#endif
