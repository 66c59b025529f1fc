/* What was done, as people name it: operations and runs out of the journal. */
#include <string.h>

#include "base/cleanup.h"
#include "hal9ops/rollback.h"

struct run_search {
    const char *word;
    struct hal9_strv found;
};

/* Runs are named like operations: by a prefix or suffix of at least two characters. */
static int match_run(void *data, const struct hal9_journal_head *h) {
    struct run_search *s = data;

    if (!h->run || strlen(s->word) < 2)
        return 0;
    if ((hal9_startswith(h->run, s->word) || hal9_endswith(h->run, s->word)) &&
        !hal9_strv_has(&s->found, h->run))
        hal9_strv_add(&s->found, h->run);
    return 0;
}

hal9_status hal9_rollback_find(struct hal9_state *s, const char *word, char **ret_operation,
                               char **ret_run, struct hal9_error *err) {
    struct run_search search = {.word = word};
    _cleanup_error_ struct hal9_error first = {0};
    hal9_status rc = hal9_journal_find(s, word, ret_operation, &first);

    if (rc == HAL9_OK)
        return HAL9_OK;
    if (rc != HAL9_E_NOT_FOUND)
        return hal9_error_move(err, &first);
    rc = hal9_journal_heads(s, NULL, match_run, &search, err);
    if (rc == HAL9_OK && search.found.n == 1) {
        *ret_run = hal9_strdup(search.found.v[0]);
    } else if (rc == HAL9_OK && search.found.n > 1) {
        _cleanup_free_ char *all = hal9_strv_join(&search.found, ", ");

        rc = hal9_error_set(err, HAL9_E_USAGE, "'%s' fits several runs: %s", word, all);
    } else if (rc == HAL9_OK) {
        rc = hal9_error_move(err, &first);
    }
    hal9_strv_free(&search.found);
    return rc;
}

hal9_status hal9_rollback_open(struct hal9_state *s, char **ret_operation, struct hal9_error *err) {
    struct hal9_strv open = {0}, waiting = {0};
    hal9_status rc = hal9_journal_list_open(s, &open, err);

    for (size_t i = 0; rc == HAL9_OK && i < open.n; i++) {
        struct hal9_op op = {0};

        rc = hal9_op_look(s, open.v[i], &op, err);
        if (rc == HAL9_OK && op.state == HAL9_OP_OPEN && !op.running)
            hal9_strv_add(&waiting, op.id);
        hal9_op_clear(&op);
    }
    if (rc == HAL9_OK && waiting.n == 0) {
        rc = hal9_error_set(err, HAL9_E_NOT_FOUND, "no operation is unfinished");
    } else if (rc == HAL9_OK && waiting.n > 1) {
        _cleanup_free_ char *all = hal9_strv_join(&waiting, ", ");

        rc = hal9_error_set(err, HAL9_E_USAGE, "%zu operations are unfinished: %s; name one",
                            waiting.n, all);
    } else if (rc == HAL9_OK) {
        *ret_operation = hal9_strdup(waiting.v[0]);
    }
    hal9_strv_free(&open);
    hal9_strv_free(&waiting);
    return rc;
}

static void add_time(cJSON *to, const char *name, int64_t ms) {
    char text[32];

    if (ms <= 0)
        return;
    hal9_time_format(ms, text);
    hal9_json_add_str(to, name, text);
}

cJSON *hal9_rollback_describe(const struct hal9_op *o) {
    cJSON *d = cJSON_CreateObject();

    hal9_json_add_str(d, "id", o->id);
    hal9_json_add_str(d, "by", o->by);
    hal9_json_add_str(d, "user", o->user);
    hal9_json_add_str(d, "state", hal9_op_state_name(o->state));
    cJSON_AddBoolToObject(d, "running", o->running);
    hal9_json_add_str(d, "title", o->title);
    hal9_json_add_str(d, "service", o->service);
    hal9_json_add_str(d, "run", o->run);
    add_time(d, "started", o->started_ms);
    add_time(d, "ended", o->ended_ms);
    hal9_json_add_int(d, "steps", (int64_t)o->n_steps);
    hal9_json_add_int(d, "done", (int64_t)o->n_done);
    cJSON_AddBoolToObject(d, "resumable", o->resumable);
    if (o->undoes.n > 0)
        cJSON_AddItemToObject(d, "undoes", hal9_json_strv(&o->undoes));
    hal9_json_add_str(d, "undone_by", o->undone_by);
    return d;
}
