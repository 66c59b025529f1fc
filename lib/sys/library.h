/* A shared library that is opened when it is first needed: who never needs it never pays for it. */
#ifndef HAL9_SYS_LIBRARY_H
#define HAL9_SYS_LIBRARY_H

#include <stdint.h>

#include "hal9ops/base.h"

#ifdef __ELF__
/* Tells packagers' tools what is opened at run time, as ELF's DT_NEEDED can't: the FDO dlopen metadata
 * (https://systemd.io/ELF_DLOPEN_METADATA/), one note with a JSON array. */
#define HAL9_LIBRARY_NOTE(feature, what, priority, soname)                                        \
    __attribute__((used, aligned(4), section(".note.dlopen"))) static const struct {              \
        uint32_t name_size, desc_size, type;                                                      \
        char name[sizeof("FDO")];                                                                 \
        _Alignas(uint32_t) char json[sizeof(HAL9_LIBRARY_JSON(feature, what, priority, soname))]; \
    } dlopen_note = {sizeof("FDO"), sizeof(HAL9_LIBRARY_JSON(feature, what, priority, soname)),   \
                     UINT32_C(0x407c0c0a), "FDO",                                                 \
                     HAL9_LIBRARY_JSON(feature, what, priority, soname)}
#define HAL9_LIBRARY_JSON(feature, what, priority, soname)                                \
    "[{\"feature\":\"" feature "\",\"description\":\"" what "\",\"priority\":\"" priority \
    "\",\"soname\":[\"" soname "\"]}]"
#else
#define HAL9_LIBRARY_NOTE(feature, what, priority, soname) struct hal9_no_note
#endif

/* One function: its name, and where its address goes in the table. */
struct hal9_library_function {
    const char *name;
    size_t offset;
};
/* Opens it for the life of the process (RTLD_NODELETE: exit handlers of what it needs must never dangle) and fills the table. NULL,
 * or why not; fresh. */
char *hal9_library_fill(const char *soname, const struct hal9_library_function *functions, size_t n,
                        void *table);

#endif
