#!/usr/bin/env bats
# hal9-restart killed at every line of a revert's journal, then resumed: in the end one healthy copy of one release, never two, never none.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/restart
load ../real/releases
load kills
load kills-revert

@test "killed at every line of the journal: resume reaches the end" {
  again
  total=$(lines_of hal9-restart web)
  [ "$total" -ge 14 ] || fail "$total lines"
  # What comes before is any restart's: kills-restart.bats has it.
  for n in $(seq 7 "$total"); do
    again
    kill_at_line "$n" hal9-restart web
    not_two || fail "killed at line $n"
    hal9-rollback resume >"$TEST_DIR/resume.log" 2>&1 || [ $? = 1 ] || fail "line $n: resume: $(cat "$TEST_DIR/resume.log")"
    settled || fail "killed at line $n"
  done
}
