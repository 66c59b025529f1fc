#!/usr/bin/env bats
# What is installed, and that uninstall leaves nothing.

@test "install puts everything in its place, uninstall takes it away again" {
  export DESTDIR=$BATS_TEST_TMPDIR/root
  mkdir "$DESTDIR"
  cmake --install "$HAL9_BIN" --prefix /usr >/dev/null
  find "$DESTDIR" ! -type d | sed "s|^$DESTDIR||" | sort >installed
  cat installed
  for source in "$HAL9_SRC"/cmd/hal9-*.c; do
    [ ! -e "$source" ] || [ -x "$DESTDIR/usr/bin/$(basename "$source" .c)" ]
  done
  for header in "$HAL9_SRC"/lib/include/hal9ops/*.h; do
    cmp "$header" "$DESTDIR/usr/include/hal9ops/$(basename "$header")"
  done
  for page in "$HAL9_SRC"/man/*.[1-9]; do
    [ ! -e "$page" ] || cmp "$page" "$DESTDIR/usr/share/man/man${page##*.}/$(basename "$page")"
  done
  grep -q '/libhal9ops\.so\.0$' installed
  run grep -E '\.a$|fixtures|test-' installed
  [ -z "$output" ]

  cmake --build "$HAL9_BIN" --target uninstall >/dev/null
  [ -z "$(find "$DESTDIR" ! -type d)" ]
}

setup() {
  cd "$BATS_TEST_TMPDIR"
}
