/* Services that depend on one that is restarted: taken along where restart.dependants says so, else told. */
#include <stdlib.h>

#include "base/cleanup.h"
#include "restart-internal.h"

static bool depends_on(const struct hal9_service *s, const char *name) {
    return hal9_strv_has(&s->depends, name);
}

void hal9_restart_dependants(const struct hal9_restart *r, struct hal9_strv *ret) {
    /* The list grows while it is walked: what is taken along takes along what depends on it. */
    for (size_t i = 0; i < ret->n; i++) {
        const struct hal9_service *of = hal9_config_service(r->config, ret->v[i]);

        for (size_t k = 0; of && of->restart.dependants && k < r->config->services.n; k++) {
            const struct hal9_service *s = r->config->services.v[k];

            if (s->run && depends_on(s, of->name) && !hal9_strv_has(ret, s->name))
                hal9_strv_add(ret, s->name);
        }
    }
}

const struct hal9_restart_finding *hal9_restart_leader(const struct hal9_restart *r,
                                                       const struct hal9_restart_findings *all,
                                                       const struct hal9_service *s) {
    (void)r;
    for (size_t i = 0; i < all->n; i++) {
        const struct hal9_restart_finding *f = &all->v[i];

        if (f->answer == HAL9_RESTART_TO_DO && f->service->restart.dependants &&
            depends_on(s, f->service->name))
            return f;
    }
    return NULL;
}

static bool runs(const struct hal9_restart *r, const struct hal9_service *s) {
    struct hal9_restart_finding f = {.service = s};
    const bool running = hal9_restart_running(r, &f, NULL) == HAL9_OK && f.running;

    hal9_service_ref_clear(&f.ref);
    free(f.words);
    return running;
}

void hal9_restart_tell_left(const struct hal9_restart *r, struct hal9_restart_findings *f) {
    for (size_t i = 0; i < f->n; i++) {
        if (f->v[i].answer != HAL9_RESTART_TO_DO)
            continue;
        for (size_t k = 0; k < r->config->services.n; k++) {
            const struct hal9_service *s = r->config->services.v[k];

            if (s->run && depends_on(s, f->v[i].service->name) && !hal9_restart_find(f, s->name) &&
                runs(r, s))
                hal9_strv_add(&f->v[i].left, s->name);
        }
    }
}
