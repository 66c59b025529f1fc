/* Ids of operations as people are shown them: so much of their end that it means one operation. */
#include <string.h>

#include "base/cleanup.h"
#include "cli.h"

static size_t listed; /* of the list that is shown: one width for all of its lines; 0: none is */

void cli_short_ids(const struct hal9_strv *ids) {
    listed = cli.state ? hal9_journal_short(cli.state, ids) : 0;
}

const char *cli_short(const char *id) {
    struct hal9_strv one = {0};
    size_t len = strlen(id), shown = listed > 0 ? listed : 4;

    if (listed == 0 && cli.state && hal9_id_valid(id)) {
        hal9_strv_add(&one, id);
        shown = hal9_journal_short(cli.state, &one);
        hal9_strv_free(&one);
    }
    return len > shown ? id + len - shown : id;
}
