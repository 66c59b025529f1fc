/* Cleanup by attribute: the one way in the whole tree. */
#ifndef HAL9_BASE_CLEANUP_H
#define HAL9_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

/* Defines hal9_NAMEp(), which _cleanup_ wants, from a destructor that takes the pointer. */
#define HAL9_DEFINE_CLEANUP(type, fn)                                            \
    static inline void fn##p(type *p) { /* NOLINT(bugprone-macro-parentheses) */ \
        if (*p)                                                                  \
            fn(*p);                                                              \
    }                                                                            \
    struct hal9_cleanup_##fn

static inline void hal9_freep(void *p) {
    free(*(void **)p);
}
static inline void hal9_closep(const int *fd) {
    if (*fd >= 0)
        close(*fd);
}
static inline void hal9_fclosep(FILE **f) {
    if (*f)
        fclose(*f);
}

#define _cleanup_free_ _cleanup_(hal9_freep)
#define _cleanup_close_ _cleanup_(hal9_closep)
#define _cleanup_fclose_ _cleanup_(hal9_fclosep)
#define _cleanup_error_ _cleanup_(hal9_error_clear)
#define _cleanup_buf_ _cleanup_(hal9_buf_free)
#define _cleanup_strv_ _cleanup_(hal9_strv_free)

/* Takes the value out of a cleanup variable, so that the caller owns it. */
#define HAL9_TAKE_PTR(p)            \
    __extension__({                 \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })
#define HAL9_TAKE_FD(fd)   \
    __extension__({        \
        int taken_ = (fd); \
        (fd) = -1;         \
        taken_;            \
    })

#define HAL9_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
