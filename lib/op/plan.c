/* Plans: steps with resolved arguments, in the order that the planner named them. */
#include <string.h>

#include "op/op-internal.h"

struct hal9_step *hal9_plan_step(struct hal9_plan *p, const char *name, const char *kind,
                                 cJSON *args, const char *title_fmt, ...) {
    struct hal9_step *s = hal9_alloc(sizeof(*s));
    s->name = hal9_strdup(name);
    s->kind = hal9_strdup(kind);
    s->args = args ? args : cJSON_CreateObject();
    if (title_fmt) {
        va_list ap;
        va_start(ap, title_fmt);
        s->title = hal9_vstrf(title_fmt, ap);
        va_end(ap);
    }
    *HAL9_APPEND(p->steps, p->n, p->cap) = s;
    return s;
}

void hal9_step_after(struct hal9_step *s, const char *name) {
    if (!hal9_strv_has(&s->after, name))
        hal9_strv_add(&s->after, name);
}

struct hal9_step *hal9_plan_find(const struct hal9_plan *p, const char *name) {
    for (size_t i = 0; i < p->n; i++)
        if (hal9_streq(p->steps[i]->name, name))
            return p->steps[i];
    return NULL;
}

static void step_free(struct hal9_step *s) {
    free(s->name);
    free(s->kind);
    cJSON_Delete(s->args);
    free(s->title);
    hal9_strv_free(&s->after);
    free(s->when_failed);
    free(s->or_failed);
    free(s->unless_failed);
    cJSON_Delete(s->expect);
    free(s);
}

void hal9_plan_clear(struct hal9_plan *p) {
    for (size_t i = 0; i < p->n; i++)
        step_free(p->steps[i]);
    free(p->steps);
    free(p->title);
    free(p->service);
    free(p->taken_back);
    cJSON_Delete(p->subject);
    hal9_strv_free(&p->undoes);
    memset(p, 0, sizeof(*p));
}
