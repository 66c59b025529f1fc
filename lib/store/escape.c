/* File names out of names of things: readable, and never the same for two things. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "store/store-internal.h"

#define LONGEST 200 /* NAME_MAX is 255 nearly everywhere; temporary names add to it */
#define KEPT 100

static bool plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

char *hal9_store_escape(const char *text) {
    struct hal9_buf name = {0};
    for (const char *c = text; *c; c++) {
        if (plain(*c) && (*c != '.' || c != text)) /* no hidden files, no "." and ".." */
            hal9_buf_putc(&name, *c);
        else
            hal9_buf_printf(&name, "%%%02X", (unsigned char)*c);
    }
    if (name.len == 0)
        hal9_buf_puts(&name, "%"); /* an empty text; nothing else gives a lone % */
    if (name.len <= LONGEST)
        return hal9_buf_take(&name);
    char sha[65];
    hal9_sha256_hex(text, strlen(text), sha);
    char *cut = hal9_strf("%.*s%%-%s", KEPT, name.data, sha); /* "%-" is in no short name */
    hal9_buf_free(&name);
    return cut;
}
