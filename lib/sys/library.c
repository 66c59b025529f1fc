/* Opens shared libraries at their first use. */
#include "sys/library.h"

#include <dlfcn.h>
#include <string.h>

char *hal9_library_fill(const char *soname, const struct hal9_library_function *functions, size_t n,
                        void *table) {
    void *library = dlopen(soname, RTLD_NOW | RTLD_NODELETE);

    if (!library)
        return hal9_strdup(dlerror());
    for (size_t i = 0; i < n; i++) {
        void *address = dlsym(library, functions[i].name);

        if (!address)
            return hal9_strf("%s has no function %s", soname, functions[i].name);
        memcpy((char *)table + functions[i].offset, &address, sizeof(address));
    }
    return NULL;
}
