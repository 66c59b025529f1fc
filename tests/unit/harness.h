/* What every cmocka test includes first, in the order that cmocka wants. */
#ifndef HAL9_TESTS_HARNESS_H
#define HAL9_TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The code of a call and, where it failed, some words of its message. */
#define assert_ok(call) assert_int_equal((call), HAL9_OK)
#define assert_says(err, words) assert_non_null(strstr((err).message, (words)))

/* Skips the rest of a test: skip_needs("root"). What counts the tests shows the reason. */
#define skip_needs(what)                \
    do {                                \
        printf("# needs %s\n", (what)); \
        skip();                         \
    } while (0)

#endif
