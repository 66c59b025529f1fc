#!/usr/bin/env bats
# What a hostile configuration costs: at most a second and 64 MiB, in a Release build. On demand (ctest -L bench).
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/hostile-config

setup_file() {
  build=${HAL9_BENCH_BUILD:-$HAL9_SRC/build-bench}
  mkdir -p "$build"
  { cmake -S "$HAL9_SRC" -B "$build" -DCMAKE_BUILD_TYPE=Release -DHAL9_DEV=OFF -DHAL9_TEST_HOOKS=OFF &&
    cmake --build "$build" -j "$(nproc)" --target hal9-health hal9-portfix bench-peak; } >"$build/bench.log" 2>&1
  export build
}

# costs WHAT COMMAND…: at most 1 s and 64 MiB; its output goes to the file told.
costs() {
  local what=$1 before took peak
  shift
  before=$EPOCHREALTIME
  "$build/tests/bench/peak" "$@" 3>"$TEST_DIR/peak" >"$TEST_DIR/told" 2>&1 || true
  took=$(((${EPOCHREALTIME/./} - ${before/./}) / 1000))
  peak=$(<"$TEST_DIR/peak")
  echo "$what: $took ms, $((peak / 1024)) MiB"
  [ "$took" -le 1000 ] || fail "$what took $took ms"
  [ "$peak" -le 65536 ] || fail "$what took $peak KiB"
}

@test "each hostile configuration is answered within a second and 64 MiB" {
  cd "$TEST_DIR"
  [ "${#hostile_words[@]}" -ge 20 ]
  for name in "${!hostile_words[@]}"; do
    hostile "$name"
    costs "$name" "$build/hal9-health" --check-config -o text -c "$name.yaml"
    grep -qF "$name.yaml${hostile_words[$name]}" told
  done
}

@test "a line of 64 MiB passes through in bounded memory" {
  cd "$TEST_DIR"
  printf 'hal9: 1\nservices: {}\n' >hal9.yaml
  repeat xxxxxxxxxxxxxxxx 4194304 >line
  costs "a line" "$build/hal9-portfix" -c hal9.yaml - <line
  [ "$(stat -c %s told)" -ge 67108864 ]
}
