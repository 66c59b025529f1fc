# What the scripts of the benchmark share. Wants HAL9_BENCH_WORK.
# shellcheck shell=bash
# shellcheck disable=SC2034 # what compare sets is read by who calls
declare -a medians=() codes=()

# compare OPTION… -- COMMAND…: medians of the commands' times, in seconds, to the array medians; their exit codes to codes.
compare() {
  local options=()
  while [ "$1" != -- ]; do options+=("$1") && shift; done
  shift
  if ! hyperfine -N -i --style none "${options[@]}" --export-json "$HAL9_BENCH_WORK/json" "$@" >"$HAL9_BENCH_WORK/hyperfine.log" 2>&1; then
    cat "$HAL9_BENCH_WORK/hyperfine.log" >&2
    exit 2
  fi
  mapfile -t medians < <(jq '.results[].median' "$HAL9_BENCH_WORK/json")
  mapfile -t codes < <(jq -r '.results[] | .exit_codes | unique | map(tostring) | join(",")' "$HAL9_BENCH_WORK/json")
}

# note KEY THEIRS OURS: a row of what was measured, in seconds (memory: in KiB).
note() {
  printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$HAL9_BENCH_WORK/measured"
}
