/* hal9-rollback prune: each sort of thing that grows old has an option and a line here; without one it is snapshots. */
#include "base/cleanup.h"
#include "rollback.h"

static const struct {
    const int *told;
    int (*prune)(void);
} sorts[] = {
    {&rollback_options.operations, rollback_prune_operations},
};

int rollback_prune(void) {
    for (size_t i = 0; i < HAL9_ARRAY_LEN(sorts); i++)
        if (*sorts[i].told)
            return sorts[i].prune();
    return rollback_prune_snapshots();
}
