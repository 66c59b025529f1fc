/* Parts of the kind files: a file or a folder with all that is in it. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hal9ops/workload.h"
#include "rollback-internal.h"

static hal9_status reach(const struct rb_part *p, int cancel_fd, struct hal9_error *err) {
    (void)cancel_fd;
    if (access(p->path, R_OK) == 0 || errno == ENOENT || errno == ENOTDIR)
        return HAL9_OK; /* what is absent is kept as absent */
    return hal9_error_errno(err, errno, "cannot read %s", p->path);
}

static hal9_status capture(const struct rb_part *p, struct hal9_state *s, int cancel_fd,
                           cJSON **ret_state, struct hal9_error *err) {
    return hal9_tree_capture(s, p->path, cancel_fd, ret_state, err);
}

static hal9_status plan(const struct rb_part *p, const cJSON *wanted, const cJSON *now,
                        struct hal9_plan *plan_, struct hal9_strv *ret_steps,
                        struct hal9_error *err) {
    const char *tree = hal9_json_str(wanted, "tree");
    /* where it was then: links on the way may lead elsewhere by now */
    const char *path = hal9_json_str(wanted, "real") ? hal9_json_str(wanted, "real") : p->path;

    (void)err;
    if (hal9_streq(tree, hal9_json_str(now, "tree")) &&
        hal9_streq(hal9_json_str(wanted, "real"), hal9_json_str(now, "real")))
        return HAL9_OK;
    _cleanup_free_ char *name = rb_step_name(plan_, p->name);

    hal9_plan_step(plan_, name, hal9_kind_files_restore.name, hal9_args_files(path, tree), NULL);
    hal9_strv_add(ret_steps, name);
    return HAL9_OK;
}

/* ---- is it all there? ---- */

static int note_lost(void *data, const struct hal9_tree_change *c) {
    char **lost = data;

    if (c->a.type == 'f' && !c->a.link && !c->a.data)
        *lost = hal9_strdup(c->path);
    return *lost != NULL;
}

/* A content that is damaged would else be found half-way, with the traffic already moved. */
static hal9_status whole(const struct rb_part *p, struct hal9_state *s, const cJSON *wanted,
                         struct hal9_error *err) {
    _cleanup_free_ char *lost = NULL;
    hal9_status st = hal9_tree_diff(s, wanted, NULL, note_lost, &lost, err);

    (void)p;
    if (st != HAL9_OK || !lost)
        return st;
    return hal9_error_set(err, HAL9_E_CORRUPT,
                          "%s can't be brought back: its content is damaged in the snapshot, or "
                          "not there any more",
                          lost);
}

/* ---- differences ---- */

struct telling {
    const struct rb_part *part;
    struct hal9_buf *words;
    cJSON *json;
    size_t n;
};

static const char *type_word(char type) {
    switch (type) {
    case 'f':
        return "file";
    case 'd':
        return "folder";
    case 'l':
        return "symlink";
    case 'p':
        return "fifo";
    default:
        return "device";
    }
}

static void meta_words(struct hal9_buf *w, const struct hal9_tree_change *c) {
    const struct hal9_tree_side *a = &c->a, *b = &c->b;
    char from[32], to[32];

    if (a->mode != b->mode)
        hal9_buf_printf(w, ", mode %04o -> %04o", a->mode, b->mode);
    if (a->uid != b->uid || a->gid != b->gid)
        hal9_buf_printf(w, ", owner %u:%u -> %u:%u", a->uid, a->gid, b->uid, b->gid);
    if (a->type == 'f' && b->type == 'f' && c->kind == HAL9_TREE_META &&
        a->mtime_ms != b->mtime_ms) {
        hal9_time_format(a->mtime_ms, from);
        hal9_time_format(b->mtime_ms, to);
        hal9_buf_printf(w, ", time %s -> %s", from, to);
    }
    if (a->type == b->type && !hal9_streq(a->link, b->link) && (a->link || b->link))
        hal9_buf_printf(w, ", %s %s -> %s", a->type == 'l' ? "points to" : "another name of",
                        a->link ? a->link : "nothing", b->link ? b->link : "nothing");
}

static bool is_text(const struct hal9_tree_side *s) {
    return s->type == 'f' && s->data && s->len <= RB_DIFF_MAX && !memchr(s->data, 0, s->len);
}

static void say_size(struct hal9_buf *w, const struct hal9_tree_side *s) {
    _cleanup_free_ char *size = hal9_size_text(s->size);

    if (s->type == 'f')
        hal9_buf_printf(w, " (%s)", size);
    if (s->type == 'l')
        hal9_buf_printf(w, " (to %s)", s->link ? s->link : "?");
}

static void say(struct hal9_buf *w, const struct hal9_tree_change *c) {
    const struct hal9_tree_side *there = c->a.type ? &c->a : &c->b;

    hal9_buf_puts(w, c->path);
    if (c->kind == HAL9_TREE_ADDED || c->kind == HAL9_TREE_REMOVED) {
        hal9_buf_printf(w, ": %s %s", type_word(there->type), hal9_tree_kind_name(c->kind));
        say_size(w, there);
    } else if (c->a.type != c->b.type) {
        hal9_buf_printf(w, ": %s -> %s", type_word(c->a.type), type_word(c->b.type));
    } else if (c->kind == HAL9_TREE_CHANGED) {
        hal9_buf_puts(w, ": changed");
        meta_words(w, c);
    } else {
        size_t at = w->len;

        hal9_buf_puts(w, ":");
        meta_words(w, c);
        if (w->len == at + 1)
            hal9_buf_puts(w, " attributes");
        else
            w->data[at + 1] = ' '; /* in place of the comma */
    }
    hal9_buf_putc(w, '\n');
}

static void add_json(cJSON *to, const struct rb_part *p, const struct hal9_tree_change *c) {
    cJSON *one = cJSON_CreateObject();
    _cleanup_buf_ struct hal9_buf words = {0};

    say(&words, c);
    hal9_buf_puts(&words, "");
    hal9_json_add_str(one, "part", p->name);
    hal9_json_add_str(one, "path", c->path);
    hal9_json_add_str(one, "change", hal9_tree_kind_name(c->kind));
    words.data[words.len - 1] = '\0';
    hal9_json_add_str(one, "words",
                      words.data + (words.len > strlen(c->path) + 3 ? strlen(c->path) + 2 : 0));
    cJSON_AddItemToArray(to, one);
}

static int tell(void *data, const struct hal9_tree_change *c) {
    static const struct hal9_tree_side none = {.type = 'f', .data = "", .len = 0};
    struct telling *t = data;
    const struct hal9_tree_side *a = c->a.type ? &c->a : &none, *b = c->b.type ? &c->b : &none;

    t->n++;
    say(t->words, c);
    if (c->kind != HAL9_TREE_META && is_text(a) && is_text(b))
        rb_unified_diff(a->data, a->len, b->data, b->len, t->words);
    if (t->json)
        add_json(t->json, t->part, c);
    return 0;
}

static hal9_status diff(const struct rb_part *p, struct hal9_state *s, const cJSON *a,
                        const cJSON *b, struct hal9_buf *ret_words, cJSON *ret_json, size_t *ret_n,
                        struct hal9_error *err) {
    struct telling t = {p, ret_words, ret_json, 0};
    hal9_status st = hal9_tree_diff(s, a, b, tell, &t, err);

    if (st == HAL9_OK)
        *ret_n = t.n;
    return st;
}

const struct rb_part_kind rb_part_files = {
    .kind = "files",
    .word = "state",
    .reach = reach,
    .capture = capture,
    .plan = plan,
    .diff = diff,
    .whole = whole,
};
