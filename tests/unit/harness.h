/* What every cmocka test includes first, in the order that cmocka wants. */
#ifndef HAL9_TESTS_HARNESS_H
#define HAL9_TESTS_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The code of a call and, where it failed, some words of its message. */
#define assert_ok(call) assert_int_equal((call), HAL9_OK)
#define assert_says(err, words) assert_non_null(strstr((err).message, (words)))

#endif
