#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# Flag files where calls fail: the old or the new one stands there, never half.

load ../real/common
load ../real/flags

setup() {
  flags_setup
}

@test "ENOSPC and EIO at each call: the old or the new file, told, exit 3 or 4, and the next run goes on" {
  file=$TEST_DIR/flags.json
  sample "$file"
  flags_config "main: {flagd: $file}"
  cp "$file" "$TEST_DIR/old"
  flags set color blue -q # makes the state directory, which has its own tests
  cp "$TEST_DIR/old" "$file"
  HAL9OPS_FAULT=count:$TEST_DIR/count hal9-rollback flags set dark-mode on -q
  cp "$file" "$TEST_DIR/new"
  total=$(cat "$TEST_DIR/count")
  [ "$total" -gt 15 ]
  failed=0
  for n in $(seq "$total"); do
    cp "$TEST_DIR/old" "$file"
    how=$([ $((n % 2)) = 0 ] && echo ENOSPC || echo EIO)
    run env HAL9OPS_FAULT="$n:$how" hal9-rollback flags set dark-mode on
    cmp -s "$file" "$TEST_DIR/old" || cmp "$file" "$TEST_DIR/new" || fail "$n:$how left $(cat "$file")"
    [ "$status" -ne 0 ] || cmp "$file" "$TEST_DIR/new"
    [[ "$status" =~ ^[034]$ ]] || fail "$n:$how: exit $status: $output"
    [ "$status" -eq 0 ] || failed=$((failed + 1))
    run hal9-rollback resume
    exits 0 flags set dark-mode on -q
    cmp "$file" "$TEST_DIR/new"
    [ -z "$(find "$TEST_DIR" -maxdepth 1 -name '.*hal9-*')" ] || fail "$n:$how left a temporary file"
  done
  [ "$failed" -gt 5 ]
}
