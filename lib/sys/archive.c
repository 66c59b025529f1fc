/* Opens libarchive; which paths an archive may have. */
#include <pthread.h>
#include <string.h>

#include "sys/archive-internal.h"
#include "sys/library.h"

#ifdef __ELF__
#define SONAME "libarchive.so.13"
#else
#define SONAME "libarchive.13.dylib"
#endif

HAL9_LIBRARY_NOTE("archive", "Log bundles and exported snapshots", "recommended", SONAME);

static char *open_error; /* why it could not be opened; lives as long as the process */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct hal9_archive_table table;
static const struct hal9_library_function functions[] = {
#define NAME(name) {#name, offsetof(struct hal9_archive_table, f_##name)},
    HAL9_ARCHIVE_FUNCTIONS(NAME)
#undef NAME
};

static void open_once(void) {
    open_error = hal9_library_fill(SONAME, functions, HAL9_ARRAY_LEN(functions), &table);
}

hal9_status hal9_archive_library(const struct hal9_archive_table **ret, struct hal9_error *err) {
    pthread_once(&once, open_once);
    if (open_error) {
        hal9_error_set(err, HAL9_E_UNSUPPORTED, "cannot open libarchive: %s", open_error);
        hal9_error_hint(err,
                        "install libarchive 3.4 or newer (Debian: apt-get install libarchive13)");
        return HAL9_E_UNSUPPORTED;
    }
    *ret = &table;
    return HAL9_OK;
}

bool hal9_archive_path_good(const char *path) {
    if (!path || !*path || *path == '/')
        return false;
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, "/");

        if (len == 2 && at[0] == '.' && at[1] == '.')
            return false;
        at += len + (at[len] == '/');
    }
    return true;
}
