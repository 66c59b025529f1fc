/* argv in the words of a shell. What a stranger put into his argv must not reach a terminal as
 * control codes. */
#include <string.h>

#include "hal9ops/base.h"

static const char plain[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

static bool is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static bool has_control(const char *s) {
    for (; *s; s++)
        if (is_control(*s))
            return true;
    return false;
}

/* 'it'\''s' */
static void quote_single(struct hal9_buf *out, const char *s) {
    hal9_buf_putc(out, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            hal9_buf_puts(out, "'\\''");
        else
            hal9_buf_putc(out, *s);
    }
    hal9_buf_putc(out, '\'');
}

/* $'a\nb' (POSIX 2024, bash, zsh, ksh); octal always has three digits, so a digit may follow. */
static void quote_dollar(struct hal9_buf *out, const char *s) {
    hal9_buf_puts(out, "$'");
    for (; *s; s++) {
        if (*s == '\n')
            hal9_buf_puts(out, "\\n");
        else if (*s == '\t')
            hal9_buf_puts(out, "\\t");
        else if (is_control(*s))
            hal9_buf_printf(out, "\\%03o", (unsigned)(unsigned char)*s);
        else if (*s == '\'' || *s == '\\')
            hal9_buf_printf(out, "\\%c", *s);
        else
            hal9_buf_putc(out, *s);
    }
    hal9_buf_putc(out, '\'');
}

static void quote_word(struct hal9_buf *out, const char *s, bool command) {
    bool assigns = command && strchr(s, '='); /* A=b as the first word would set a variable */
    if (has_control(s))
        quote_dollar(out, s);
    else if (*s == '\0' || assigns || s[strspn(s, plain)] != '\0')
        quote_single(out, s);
    else
        hal9_buf_puts(out, s);
}

char *hal9_shell_quote(const char *const *argv) {
    struct hal9_buf out = {0};
    for (size_t i = 0; argv && argv[i]; i++) {
        if (i > 0)
            hal9_buf_putc(&out, ' ');
        quote_word(&out, argv[i], i == 0);
    }
    return hal9_buf_take(&out);
}
