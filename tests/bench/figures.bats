#!/usr/bin/env bats
# The figures of README, measured anew: on demand (ctest -L bench), alone on the machine.

load ../real/common

@test "every figure meets its target" {
  skip_unless hyperfine
  cd "$HAL9_SRC"
  run tests/bench/run.sh 3>&-
  echo "$output"
  [ "$status" -eq 0 ]
}
