#!/usr/bin/env bats
# Mutated documents and streams: never a crash, never a lie. HAL9_FUZZ_RUNS inputs of each (short by default);
# HAL9_SEED repeats a run.

setup() {
  runs=${HAL9_FUZZ_RUNS:-4000}
  seed=${HAL9_SEED:-$RANDOM$RANDOM}
  export TMPDIR="$BATS_TEST_TMPDIR"
}

fuzz() { # WHAT
  echo "# seed $seed" >&3
  run timeout 250 "$HAL9_BIN/tests/fuzz/fuzz-doc" "$1" "$HAL9_SRC/tests/fuzz/corpus/$1" "$runs" "$seed"
  echo "$output"
  if [ "$status" -ne 0 ]; then
    for input in "$BATS_TEST_TMPDIR"/fuzz-*; do
      base64 "$input"
    done
    false
  fi
  [[ "$output" == *"$runs inputs of $1"* ]]
}

@test "json: what is read is written again with the same value" {
  fuzz json
}

@test "yaml: a tree or an error with a place, and the tables stand it" {
  fuzz yaml
}

@test "records: every line passes as it is, whatever it holds" {
  fuzz records
}
