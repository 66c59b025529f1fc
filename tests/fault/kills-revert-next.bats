#!/usr/bin/env bats
# hal9-restart killed at every line of a revert's journal, then run again: in the end one healthy copy of one release, never two, never none.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/restart
load ../real/releases
load kills
load kills-revert

@test "killed at every line of the journal: the next run reaches the end" {
  again
  total=$(lines_of hal9-restart web)
  # What comes before is any restart's: kills-restart.bats has it.
  for n in $(seq 7 "$total"); do
    again
    kill_at_line "$n" hal9-restart web
    not_two || fail "killed at line $n"
    # Release 2 may be found once more, and fails once more.
    hal9-restart web --if-down >"$TEST_DIR/next.log" 2>&1 || [ $? = 1 ] || fail "line $n: next run: $(cat "$TEST_DIR/next.log")"
    settled || fail "killed at line $n: $(cat "$TEST_DIR/next.log")"
  done
}
