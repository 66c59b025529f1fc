#!/usr/bin/env bats
# The table of the figures, on figures made up: each row is there, a missed target is told, and so is what was not measured.

load ../real/common

setup() {
  common_setup
  skip_unless jq
  export HAL9_BENCH_BIN=$HAL9_BIN HAL9_BENCH_LOAD=0 HAL9_BENCH_ROUNDS=3
  : >"$TEST_DIR/skipped"
  keys=$(sed -n '/^rows="/,/^"/s/^\([a-z0-9-]*\)|.*/\1/p' "$HAL9_SRC/tests/bench/table.sh")
}

table() {
  run "$HAL9_SRC/tests/bench/table.sh" "$TEST_DIR"
}

# Whatever the target: the same as the peer's time, or an hundredth of it.
measured() {
  local key
  for key in $keys; do
    case $key in memory | weights | start) printf '%s\t1\t1\n' "$key" ;; *) printf '%s\t10\t0.1\n' "$key" ;; esac
  done >"$TEST_DIR/measured"
}

@test "each row stands in the table; targets that are met" {
  [ "$(wc -l <<<"$keys")" -ge 20 ]
  measured
  table
  [ "$status" -eq 0 ] || fail "$output"
  [ "$(grep -c '^| ' <<<"$output")" -eq $(($(wc -l <<<"$keys") + 1)) ] || fail "$output"
  [[ $output != *missed* && $output != *skipped* ]]
}

@test "a target that is missed, a row that was skipped, one that was not measured" {
  measured
  sed -i 's/^steps\t.*/steps\t0\t9/' "$TEST_DIR/measured"
  table
  [ "$status" -eq 1 ]
  [ "$(grep -c 'missed' <<<"$output")" -eq 1 ]
  measured
  sed -i '/^million/d' "$TEST_DIR/measured"
  table
  [ "$status" -eq 1 ]
  [ "$(grep -c 'skipped: not measured' <<<"$output")" -eq 2 ]
  printf 'million\tneeds 8 GB in memory\n' >"$TEST_DIR/skipped"
  table
  [ "$status" -eq 0 ]
  [ "$(grep -c 'skipped: needs 8 GB in memory' <<<"$output")" -eq 2 ]
}
