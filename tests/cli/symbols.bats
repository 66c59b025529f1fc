#!/usr/bin/env bats
# What the headers declare, the map lists and the library exports is the same, and every function has its comment.

setup() {
  export LC_ALL=C
  house="$HAL9_SRC/tests/cli/house"
  headers=("$HAL9_SRC"/lib/include/hal9ops/*.h)
  cd "$BATS_TEST_TMPDIR"
}

declared() {
  awk -f "$house/api.awk" "$@" | cut -d' ' -f2 | sort
}

exported() { # LIBRARY
  nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}

@test "lib/libhal9ops.map is what update-map writes" {
  "$house/update-map.sh" "$HAL9_SRC/lib" now.map
  diff -u "$HAL9_SRC/lib/libhal9ops.map" now.map
}

@test "the library exports what the headers declare, nothing less and nothing more" {
  declared "${headers[@]}" >declared.txt
  exported "$HAL9_BIN/libhal9ops.so" >exported.txt
  [ -s declared.txt ]
  diff -u declared.txt exported.txt
}

@test "every exported name begins with hal9_ and is declared once" {
  declared "${headers[@]}" >declared.txt
  run grep -v '^hal9_' declared.txt
  [ -z "$output" ]
  run uniq -d declared.txt
  [ -z "$output" ]
}

@test "every function of the public headers has a comment" {
  run awk -f "$house/api.awk" "${headers[@]}"
  echo "$output" | awk '$3 == 0'
  [ -z "$(echo "$output" | awk '$3 == 0')" ]
}

@test "no declaration escapes the reader of headers" {
  [ "$(grep -ch '^[^#]*HAL9_API' "${headers[@]}" | awk "{ n += \$1 } END { print n }")" -eq "$(declared "${headers[@]}" | wc -l)" ]
}

@test "every public header compiles alone" {
  for header in "${headers[@]}"; do
    ${CC:-cc} -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only -I"$HAL9_SRC/lib/include" -x c "$header"
  done
}

@test "a function without comment, and every way to write one, is seen" {
  mkdir -p include/hal9ops
  cat >include/hal9ops/x.h <<'H'
/* Two lines, of which
 * this is one. */
HAL9_API int hal9_above(void);
HAL9_API int hal9_below_it(int a,
                           int b);

HAL9_API int hal9_bare(void);
HAL9_API char *hal9_behind(void); /* said behind */

HAL9_API void hal9_callback(void (*fn)(int), void *data);
// one line
HAL9_API int hal9_slashes(int (*fn)(void)) PRINTF(1, 2);
H
  run awk -f "$house/api.awk" include/hal9ops/x.h
  echo "$output"
  [ "$(tr '\n' ',' <<<"$output")" = "x.h hal9_above 1,x.h hal9_below_it 1,x.h hal9_bare 0,x.h hal9_behind 1,x.h hal9_callback 0,x.h hal9_slashes 1," ]
}
