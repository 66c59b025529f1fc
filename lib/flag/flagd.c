/* flagd: its file of flags, JSON or YAML, edited in place. */
#include <stdlib.h>
#include <string.h>

#include "flag/flag-internal.h"

#define TRIES 5 /* while others write other flags of the same file */

struct doc {
    struct fl_file file;
    bool yaml;
    cJSON *root;
    struct fl_node *nodes;
};
#define DOC_INIT \
    { .file = FL_FILE_INIT }

static void doc_clear(struct doc *d) {
    fl_file_clear(&d->file);
    cJSON_Delete(d->root);
    fl_node_free(d->nodes);
    d->root = NULL;
    d->nodes = NULL;
}

/* flagd goes by the name, too. */
static bool is_yaml(const char *path) {
    return hal9_endswith(path, ".yaml") || hal9_endswith(path, ".yml");
}

static hal9_status parse_yaml(const char *path, const struct hal9_buf *text, cJSON **ret,
                              struct hal9_error *err) {
    struct hal9_doc *doc = NULL;
    hal9_status st = hal9_yaml_parse(path, text->data, text->len, &doc, err);
    if (st != HAL9_OK)
        return st;
    *ret = hal9_node_json(hal9_doc_root(doc));
    hal9_doc_free(doc);
    return HAL9_OK;
}

static hal9_status parse(const char *path, const struct hal9_buf *text, cJSON **ret,
                         struct hal9_error *err) {
    _cleanup_error_ struct hal9_error e = {0};
    cJSON *root = NULL;
    hal9_status st = is_yaml(path) ? parse_yaml(path, text, &root, &e)
                                   : hal9_json_parse(text->data, text->len, &root, &e);
    if (st == HAL9_OK && !cJSON_IsObject(root))
        st = hal9_error_set(&e, HAL9_E_PROTOCOL, "it is not an object");
    const cJSON *flags = cJSON_GetObjectItemCaseSensitive(root, "flags");
    if (st == HAL9_OK && !cJSON_IsObject(flags) && !cJSON_IsArray(flags))
        st = hal9_error_set(&e, HAL9_E_PROTOCOL, "it has no 'flags'");
    if (st == HAL9_OK) {
        *ret = root;
        return HAL9_OK;
    }
    cJSON_Delete(root);
    hal9_error_set(err, HAL9_E_UNKNOWN, "%s is no flag file of flagd: %s", path, e.message);
    hal9_error_place(err, path, e.line, e.col);
    hal9_error_hint(err, "flagd goes on with the flags that it has, and has none after a restart; "
                         "mend the file first");
    return HAL9_E_UNKNOWN;
}

static hal9_status whole(const char *path, const struct hal9_buf *text, struct hal9_error *err) {
    _cleanup_json_ cJSON *root = NULL;
    return parse(path, text, &root, err);
}

static hal9_status load(const struct fl_call *c, bool lock, struct doc *ret,
                        struct hal9_error *err) {
    doc_clear(ret);
    ret->yaml = is_yaml(c->f->flagd);
    hal9_status st = fl_file_read(c->f->flagd, lock, whole, c->cancel_fd, &ret->file, err);
    return st == HAL9_OK ? parse(c->f->flagd, &ret->file.text, &ret->root, err) : st;
}

/* ---- flags of a document: an object, or an array of objects that have their name as key */

static const cJSON *flags_of(const cJSON *root) {
    return cJSON_GetObjectItemCaseSensitive(root, "flags");
}

static const cJSON *find(const cJSON *flags, const char *name) {
    const cJSON *item;
    if (cJSON_IsObject(flags))
        return cJSON_GetObjectItemCaseSensitive(flags, name);
    cJSON_ArrayForEach(item, flags) {
        if (hal9_streq(hal9_json_str(item, "key"), name))
            return item;
    }
    return NULL;
}

/* As if it had come from the object form; null for none. Fresh. */
static cJSON *state_of(const cJSON *flags, const char *name) {
    const cJSON *found = find(flags, name);
    if (!found)
        return cJSON_CreateNull();
    cJSON *state = cJSON_Duplicate(found, true);
    if (cJSON_IsArray(flags))
        cJSON_DeleteItemFromObjectCaseSensitive(state, "key");
    return state;
}

static void add_state(cJSON *to, const cJSON *flags, const char *name) {
    if (name && !cJSON_GetObjectItemCaseSensitive(to, name))
        cJSON_AddItemToObject(to, name, state_of(flags, name));
}

static hal9_status read_flags(const struct fl_call *c, const struct hal9_strv *names,
                              struct fl_seen *seen, cJSON **ret, struct hal9_error *err) {
    _cleanup_(doc_clear) struct doc d = DOC_INIT;
    (void)seen;
    hal9_status st = load(c, false, &d, err);
    if (st != HAL9_OK)
        return st;
    const cJSON *flags = flags_of(d.root), *item;
    cJSON *all = cJSON_CreateObject();
    for (size_t i = 0; names && i < names->n; i++)
        add_state(all, flags, names->v[i]);
    if (!names)
        cJSON_ArrayForEach(item, flags) {
            add_state(all, flags,
                      cJSON_IsObject(flags) ? item->string : hal9_json_str(item, "key"));
        }
    *ret = all;
    return HAL9_OK;
}

/* ---- the file as it is to be */

static bool wants(const cJSON *wanted, const char *name, const cJSON **ret) {
    *ret = name ? cJSON_GetObjectItemCaseSensitive(wanted, name) : NULL;
    return *ret != NULL;
}

static cJSON *with_key(const cJSON *state, const char *name) {
    cJSON *item = cJSON_CreateObject();
    const cJSON *m;
    hal9_json_add_str(item, "key", name);
    cJSON_ArrayForEach(m, state) {
        cJSON_AddItemToObject(item, m->string, cJSON_Duplicate(m, true));
    }
    return item;
}

/* The flags with those of `wanted` in their place; *ret_new: what of them is new, of the same form. Fresh. */
static cJSON *changed_flags(const cJSON *flags, const cJSON *wanted, cJSON **ret_new) {
    const bool object = cJSON_IsObject(flags);
    cJSON *all = object ? cJSON_CreateObject() : cJSON_CreateArray();
    const cJSON *item, *w;
    *ret_new = cJSON_CreateArray();
    cJSON_ArrayForEach(item, flags) {
        const char *name = object ? item->string : hal9_json_str(item, "key");
        const bool told = wants(wanted, name, &w);
        if (told && cJSON_IsNull(w))
            continue;
        cJSON *copy = !told    ? cJSON_Duplicate(item, true)
                      : object ? cJSON_Duplicate(w, true)
                               : with_key(w, name);
        if (object)
            cJSON_AddItemToObject(all, name, copy);
        else
            cJSON_AddItemToArray(all, copy);
    }
    cJSON_ArrayForEach(w, wanted) {
        if (cJSON_IsNull(w) || find(flags, w->string))
            continue;
        if (object) {
            cJSON_AddItemToObject(all, w->string, cJSON_Duplicate(w, true));
        } else {
            cJSON_AddItemToArray(all, with_key(w, w->string));
            cJSON_AddItemToArray(*ret_new, with_key(w, w->string));
        }
    }
    return all;
}

/* Items stay where they are, by their key. */
static void edit_array(struct fl_edits *e, const struct fl_node *n, const cJSON *flags,
                       const cJSON *wanted, const cJSON *added) {
    _cleanup_free_ bool *gone = hal9_alloc((n->n + 1) * sizeof(*gone));
    const cJSON *item = flags->child, *w;
    for (size_t i = 0; i < n->n && item; i++, item = item->next) {
        const char *name = hal9_json_str(item, "key");
        if (!wants(wanted, name, &w))
            continue;
        gone[i] = cJSON_IsNull(w);
        if (gone[i])
            continue;
        _cleanup_json_ cJSON *shall = with_key(w, name);
        fl_edit_value(e, n->v[i].value, item, shall);
    }
    if (n->block)
        fl_block_items(e, n, gone, added);
    else
        fl_flow_items(e, n, gone, added);
}

static hal9_status refused(const struct doc *d, const struct fl_edits *e, struct hal9_error *err) {
    unsigned line = 1;
    for (size_t i = 0; i < e->why_at && i < d->file.text.len; i++)
        line += d->file.text.data[i] == '\n';
    hal9_error_set(err, HAL9_E_REFUSED, "%s can't be edited in place: %s", d->file.path, e->why);
    hal9_error_place(err, d->file.path, line, 0);
    hal9_error_hint(err, "change it by hand; nothing was written");
    return HAL9_E_REFUSED;
}

/* What came of it is read again: all that was not to change must be as it was. */
static hal9_status check_result(const struct doc *d, const struct hal9_buf *text, cJSON *flags,
                                struct hal9_error *err) {
    _cleanup_json_ cJSON *is = NULL;
    _cleanup_json_ cJSON *shall = cJSON_Duplicate(d->root, true);
    cJSON_ReplaceItemInObjectCaseSensitive(shall, "flags", cJSON_Duplicate(flags, true));
    if (parse(d->file.path, text, &is, NULL) == HAL9_OK && hal9_json_equal(is, shall))
        return HAL9_OK;
    hal9_error_set(
        err, HAL9_E_REFUSED,
        "%s is written in a way that can't be edited in place (anchors, merges, odd indentation)",
        d->file.path);
    hal9_error_hint(err, "change it by hand; nothing was written");
    return HAL9_E_REFUSED;
}

static hal9_status edited(struct doc *d, const cJSON *wanted, struct hal9_buf *ret,
                          struct hal9_error *err) {
    struct hal9_buf *text = &d->file.text;
    _cleanup_edits_ struct fl_edits e = {.text = text->data, .len = text->len, .yaml = d->yaml};
    _cleanup_json_ cJSON *added = NULL;
    _cleanup_json_ cJSON *flags = changed_flags(flags_of(d->root), wanted, &added);
    hal9_status st = HAL9_OK;
    if (d->yaml)
        st = fl_yaml_nodes(d->file.path, text->data, text->len, &d->nodes, err);
    else
        d->nodes = fl_json_nodes(text->data, text->len);
    if (st != HAL9_OK)
        return st;
    const struct fl_member *m = fl_node_member(d->nodes, "flags");
    if (!m)
        fl_edit_refuse(&e, "its 'flags' stand elsewhere (an anchor)", 0);
    else if (cJSON_IsArray(flags) && m->value->kind == FL_LIST)
        edit_array(&e, m->value, flags_of(d->root), wanted, added);
    else
        fl_edit_value(&e, m->value, flags_of(d->root), flags);
    if (!e.why)
        fl_edits_apply(&e, ret);
    if (e.why)
        return refused(d, &e, err);
    return check_result(d, ret, flags, err);
}

/* ---- writing */

static hal9_status as_expected(const struct doc *d, const cJSON *now, const cJSON *wanted,
                               struct hal9_error *err) {
    const cJSON *w;
    cJSON_ArrayForEach(w, wanted) {
        _cleanup_json_ cJSON *is = state_of(flags_of(d->root), w->string);
        const cJSON *was = cJSON_GetObjectItemCaseSensitive(now, w->string);
        if (hal9_json_equal(is, was))
            continue;
        hal9_error_set(err, HAL9_E_DRIFT, "somebody else changed %s in %s at the same moment",
                       w->string, d->file.path);
        hal9_error_hint(err, "nothing was written; look at it and run this again");
        return HAL9_E_DRIFT;
    }
    return HAL9_OK;
}

/* *ret_again: others have written meanwhile, but not these flags as far as was seen. */
static hal9_status write_once(const struct fl_call *c, const cJSON *now, const cJSON *wanted,
                              bool *ret_again, struct hal9_error *err) {
    _cleanup_(doc_clear) struct doc d = DOC_INIT;
    _cleanup_buf_ struct hal9_buf text = {0};
    *ret_again = false;
    hal9_status st = load(c, true, &d, err);
    if (st == HAL9_OK)
        st = as_expected(&d, now, wanted, err);
    if (st == HAL9_OK)
        st = edited(&d, wanted, &text, err);
    if (st != HAL9_OK)
        return st;
    if (text.data && text.len == d.file.text.len &&
        memcmp(text.data, d.file.text.data, text.len) == 0)
        return HAL9_OK;
    st = fl_file_replace(&d.file, text.data, text.len, err);
    *ret_again = st == HAL9_E_DRIFT;
    return st;
}

static hal9_status write_flags(const struct fl_call *c, const cJSON *now, const cJSON *wanted,
                               struct hal9_error *err) {
    const cJSON *w;
    cJSON_ArrayForEach(w, wanted) {
        hal9_status st = cJSON_IsNull(w) ? HAL9_OK : fl_flagd_check(w->string, w, err);
        if (st != HAL9_OK)
            return st;
    }
    for (int i = 1;; i++) {
        _cleanup_error_ struct hal9_error e = {0};
        bool again = false;
        hal9_status st = write_once(c, now, wanted, &again, &e);
        if (st == HAL9_OK || !again || i == TRIES)
            return st == HAL9_OK ? HAL9_OK : hal9_error_move(err, &e);
    }
}

static char *place(const struct hal9_flag_spec *f) {
    return hal9_path_canonical(f->flagd);
}

const struct fl_driver fl_flagd = {
    .kind = "flagd",
    .read = read_flags,
    .write = write_flags,
    .words = fl_flagd_words,
    .wanted = fl_flagd_wanted,
    .place = place,
};
