/*
 * The rounds of a rehearsal: all parts disturbed, rolled back by a strategy, compared; then the same with kills in the middle.
 *
 * A partial rollback goes group by group: parts that need each other go back together, and the others must stay as they are meanwhile.
 */
#include <string.h>

#include "rollback-rehearse.h"

static const char *const kills[RB_KILLS] = {"first change", "middle", "last change"};

/* What a strategy is rolled back by: each child one group, or all parts. */
struct round {
    struct rb_rehearsal *r;
    enum hal9_strategy strategy;
    struct rb_child *children;
    size_t n;
    size_t **changes; /* of a round without kills: the lines at which changes begin */
    size_t *n_changes, *n_lines;
    bool failed;
    struct hal9_rehearsal_run run;
};

/* ---- comparing ---- */

static void drop(char *text, const char *word) {
    const size_t len = strlen(word);

    for (char *at = text; len > 0 && (at = strstr(at, word));)
        memmove(at, at + len, strlen(at + len) + 1);
}

/* For people: without the sandbox' own paths. */
static char *in_words(const struct rb_rehearsal *r, char *words) {
    if (words && r->job->strip)
        drop(words, r->job->strip);
    return words;
}

hal9_status rb_rehearse_compare(const struct rb_rehearsal *r, const struct rb_rehearsed *p,
                                char **ret_words, struct hal9_error *err) {
    _cleanup_buf_ struct hal9_buf words = {0};
    size_t n = 0;
    hal9_status st =
        p->part->kind->diff(p->part, r->job->state, p->then, NULL, &words, NULL, &n, err);

    if (st != HAL9_OK)
        return st;
    *ret_words = n > 0 ? hal9_buf_take(&words) : NULL;
    while (*ret_words && hal9_endswith(*ret_words, "\n"))
        (*ret_words)[strlen(*ret_words) - 1] = '\0';
    return HAL9_OK;
}

/* ---- what the steps took ---- */

static bool step_is_of(const struct hal9_op_step *s, const struct rb_part *p) {
    if (!p->balancer)
        return hal9_startswith(s->name, p->name) &&
               (s->name[strlen(p->name)] == '\0' || s->name[strlen(p->name)] == '#');
    return hal9_startswith(s->kind, "balancer.") &&
           hal9_streq(hal9_json_str(s->args, "backend"), p->backend) &&
           hal9_streq(hal9_json_str(cJSON_GetObjectItemCaseSensitive(s->args, "balancer"), "name"),
                      p->balancer->name);
}

/* The time of its steps, and why one of them failed. */
static void read_steps(const struct round *d, const struct rb_part *p, int64_t *ret_ms,
                       char **ret_why) {
    for (size_t k = 0; k < d->n; k++) {
        struct hal9_op o = {0};
        const char *id = d->children[k].operation;

        if (!id || hal9_op_load(d->r->job->state, id, &o, NULL) != HAL9_OK)
            continue;
        for (size_t i = 0; i < o.n_steps; i++) {
            const struct hal9_op_step *s = &o.steps[i];

            if (!step_is_of(s, p))
                continue;
            *ret_ms += s->ms;
            if (!*ret_why && (s->state == HAL9_STEP_FAILED || s->state == HAL9_STEP_WARNED))
                *ret_why = hal9_strdup(s->error.message);
        }
        hal9_op_clear(&o);
    }
}

/* ---- the verdict ---- */

static void judge(struct round *d, const struct rb_rehearsed *p, struct hal9_rehearsed_part *ret) {
    _cleanup_error_ struct hal9_error e = {0};
    _cleanup_free_ char *differs = NULL, *why = NULL;

    ret->part = p->label;
    if (p->skipped) {
        ret->state = HAL9_REHEARSED_SKIPPED;
        ret->reason = hal9_strdup(p->skipped);
        return;
    }
    read_steps(d, p->part, &ret->ms, &why);
    if (p->broken) {
        ret->state = HAL9_REHEARSED_FAIL;
        ret->reason = hal9_strf("could not be disturbed: %s", p->broken);
    } else if (rb_rehearse_compare(d->r, p, &differs, &e) != HAL9_OK) {
        ret->state = HAL9_REHEARSED_UNKNOWN;
        ret->reason = hal9_strf("can't be read: %s", e.message);
    } else if (differs || why) {
        ret->state = HAL9_REHEARSED_FAIL;
        ret->reason = why && differs ? hal9_strf("%s; %s", why, differs)
                      : why          ? hal9_strdup(why)
                                     : hal9_strf("not as before: %s", differs);
    }
    ret->reason = in_words(d->r, ret->reason);
}

static const struct rb_child *failed_child(const struct round *d) {
    for (size_t k = 0; k < d->n; k++)
        if (d->children[k].exit != 0)
            return &d->children[k];
    return NULL;
}

static bool all_pass(const struct hal9_rehearsal_run *run) {
    for (size_t i = 0; i < run->n; i++)
        if (run->parts[i].state != HAL9_REHEARSED_PASS &&
            run->parts[i].state != HAL9_REHEARSED_SKIPPED)
            return false;
    return true;
}

/* Where all parts are back and it failed all the same, as services aren't healthy: a verdict of its own. */
static void judge_all(struct round *d, const char *stayed) {
    struct hal9_rehearsal_run *run = &d->run;
    const struct rb_child *bad = failed_child(d);

    run->parts = hal9_alloc((d->r->n + 2) * sizeof(*run->parts));
    for (size_t i = 0; i < d->r->n; i++)
        judge(d, &d->r->v[i], &run->parts[run->n++]);
    d->failed = bad || stayed || !all_pass(run);
    if (stayed || (bad && all_pass(run))) {
        struct hal9_rehearsed_part *p = &run->parts[run->n++];

        p->part = "rollback";
        p->state = HAL9_REHEARSED_FAIL;
        p->reason =
            in_words(d->r, stayed ? hal9_strdup(stayed)
                                  : hal9_strf("exit %d: %s", bad->exit,
                                              bad->words ? bad->words : "it did not say why"));
    }
    for (size_t i = 0; i < run->n; i++) {
        d->r->job->passed += run->parts[i].state == HAL9_REHEARSED_PASS;
        d->r->job->failed += run->parts[i].state == HAL9_REHEARSED_FAIL;
        d->r->job->unknown += run->parts[i].state == HAL9_REHEARSED_UNKNOWN;
        d->r->job->skipped += run->parts[i].state == HAL9_REHEARSED_SKIPPED;
    }
}

static void report(struct round *d, const char *killed) {
    _cleanup_buf_ struct hal9_buf lines = {0};
    struct hal9_rehearsal_run *run = &d->run;

    run->strategy = d->strategy;
    run->killed = killed;
    for (size_t k = 0; k < d->n; k++) {
        run->ms += d->children[k].ms;
        if (d->children[k].killed)
            hal9_buf_printf(&lines, "%sline %zu of %zu", lines.len > 0 ? ", " : "",
                            d->children[k].killed_line, d->n_lines[k]);
    }
    if (killed)
        run->lines = lines.len > 0 ? hal9_buf_take(&lines)
                                   : hal9_strdup("it came to its end before the kill");
    if (d->r->job->on_run)
        d->r->job->on_run(d->r->job->data, run);
    for (size_t i = 0; i < run->n; i++)
        free(run->parts[i].reason);
    free(run->parts);
    free(run->lines);
    *run = (struct hal9_rehearsal_run){.killed = NULL};
}

/* ---- a round ---- */

/* Parts of one group; none left that was disturbed: nothing is to be rolled back. */
static void choose_parts(const struct rb_rehearsal *r, size_t group, struct hal9_strv *ret) {
    bool any = false;

    for (size_t i = 0; i < r->n; i++)
        any = any || (r->v[i].group == group && !r->v[i].skipped);
    for (size_t i = 0; any && i < r->n; i++)
        if (r->v[i].group == group)
            hal9_strv_add(ret, strchr(r->v[i].part->name, ',') ? r->v[i].part->kind->kind
                                                               : r->v[i].part->name);
}

/* Which of the other groups are as before already: a partial rollback must have left them alone. */
static char *went_along(const struct rb_rehearsal *r, size_t group) {
    for (size_t i = 0; i < r->n; i++) {
        const struct rb_rehearsed *p = &r->v[i];
        char *differs = NULL;
        const bool later = p->group > group && !p->skipped && !p->broken;

        if (!later || rb_rehearse_compare(r, p, &differs, NULL) != HAL9_OK || differs) {
            free(differs);
            continue;
        }
        return hal9_strf("a partial rollback of other parts took %s along", p->label);
    }
    return NULL;
}

static hal9_status roll_back(struct round *d, struct hal9_error *err) {
    _cleanup_free_ char *stayed = NULL;
    hal9_status st = HAL9_OK;

    for (size_t k = 0; st == HAL9_OK && k < d->n; k++) {
        struct rb_child *c = &d->children[k];

        c->strategy = d->strategy;
        if (d->strategy == HAL9_PARTIAL) {
            choose_parts(d->r, k, &c->parts);
            if (c->parts.n == 0)
                continue;
        }
        st = rb_child_run(d->r, c, err);
        if (st == HAL9_OK && d->strategy == HAL9_PARTIAL && !stayed)
            stayed = went_along(d->r, k);
    }
    if (st == HAL9_OK)
        judge_all(d, stayed);
    return st;
}

/* What a rollback that failed has left undone: the next round starts from where this one did. */
static hal9_status bring_back(struct rb_rehearsal *r, struct hal9_error *err) {
    struct rb_child c = {.strategy = HAL9_IMMEDIATE, .best_effort = true};
    hal9_status st = rb_child_run(r, &c, err);

    rb_child_clear(&c);
    return st;
}

static void forget(struct round *d) {
    for (size_t k = 0; k < d->n; k++)
        rb_child_clear(&d->children[k]);
}

/* at: for each child the line at which it is killed, 0 for none; NULL: no kills at all. */
static hal9_status play(struct round *d, const size_t *at, const char *killed,
                        struct hal9_error *err) {
    if (d->r->job->on_begin)
        d->r->job->on_begin(d->r->job->data, d->strategy, killed);
    hal9_status st = rb_disturb(d->r, err);

    for (size_t k = 0; at && k < d->n; k++)
        d->children[k].kill_at = at[k];
    if (st == HAL9_OK)
        st = roll_back(d, err);
    if (st == HAL9_OK && !at)
        for (size_t k = 0; k < d->n; k++) {
            d->n_changes[k] = rb_child_changes(d->r, &d->children[k], &d->changes[k]);
            d->n_lines[k] = d->children[k].lines;
        }
    if (st == HAL9_OK) {
        report(d, killed);
        if (d->failed)
            st = bring_back(d->r, err);
    }
    forget(d);
    return st;
}

/* ---- where it is killed ---- */

/* The line of the k-th of the kinds of kills; 0: the same as one before. */
static size_t kill_line(const struct round *d, size_t child, size_t kind) {
    const size_t n = d->n_changes[child], *v = d->changes[child];
    const size_t index[RB_KILLS] = {0, n / 2, n - 1};

    if (n == 0)
        return 0;
    for (size_t k = 0; k < kind; k++)
        if (index[k] == index[kind])
            return 0;
    return v[index[kind]];
}

static hal9_status play_kinds(struct round *d, size_t *at, struct hal9_error *err) {
    hal9_status st = HAL9_OK;

    for (size_t kind = 0; st == HAL9_OK && kind < RB_KILLS; kind++) {
        bool any = false;

        for (size_t k = 0; k < d->n; k++) {
            at[k] = kill_line(d, k, kind);
            any = any || at[k] > 0;
        }
        if (any && !rb_rehearse_stopped(d->r))
            st = play(d, at, kills[kind], err);
    }
    return st;
}

static hal9_status play_lines(struct round *d, size_t *at, struct hal9_error *err) {
    hal9_status st = HAL9_OK;
    size_t most = 0;

    for (size_t k = 0; k < d->n; k++)
        most = d->n_lines[k] > most ? d->n_lines[k] : most;
    for (size_t line = 1; st == HAL9_OK && line < most && !rb_rehearse_stopped(d->r); line++) {
        _cleanup_free_ char *words = hal9_strf("line %zu", line);

        for (size_t k = 0; k < d->n; k++)
            at[k] = line < d->n_lines[k] ? line : 0;
        st = play(d, at, words, err);
    }
    return st;
}

static hal9_status rehearse(struct rb_rehearsal *r, enum hal9_strategy strategy,
                            struct hal9_error *err) {
    const size_t n = strategy == HAL9_PARTIAL ? r->groups : 1;
    struct round d = {.r = r, .strategy = strategy, .n = n};

    d.children = hal9_alloc(n * sizeof(*d.children));
    d.changes = hal9_alloc(n * sizeof(*d.changes));
    d.n_changes = hal9_alloc(n * sizeof(*d.n_changes));
    d.n_lines = hal9_alloc(n * sizeof(*d.n_lines));
    size_t *at = hal9_alloc(n * sizeof(*at));
    hal9_status st = play(&d, NULL, NULL, err);

    if (st == HAL9_OK && d.failed)
        rb_rehearse_say(r, "%s: not killed in the middle, as it fails without that",
                        hal9_strategy_name(strategy));
    else if (st == HAL9_OK)
        st = r->job->thorough ? play_lines(&d, at, err) : play_kinds(&d, at, err);
    for (size_t k = 0; k < n; k++)
        free(d.changes[k]);
    free(d.children);
    free(d.changes);
    free(d.n_changes);
    free(d.n_lines);
    free(at);
    return st;
}

/* ---- all of them ---- */

static bool walks(const struct rb_rehearsal *r) {
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].part->balancer && !r->v[i].skipped)
            return true;
    return false;
}

hal9_status rb_rehearse_all(struct rb_rehearsal *r, struct hal9_error *err) {
    static const enum hal9_strategy all[] = {HAL9_IMMEDIATE, HAL9_GRADUAL, HAL9_PARTIAL};
    hal9_status st = HAL9_OK;

    for (size_t i = 0; st == HAL9_OK && i < HAL9_ARRAY_LEN(all); i++) {
        if (rb_rehearse_stopped(r))
            break;
        if (all[i] == HAL9_GRADUAL && !walks(r))
            rb_rehearse_say(r, "gradual: no balancer's traffic to walk; all else goes at once");
        st = rehearse(r, all[i], err);
    }
    return st;
}
