#!/usr/bin/env bats
# A rollback of a service part killed at each line of its journal: resume, else the next run, has the old release running, once.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/restart
load ../real/releases
load ../real/rollback-service
load kills

setup() {
  common_setup
  skip_unless jq
  service_site
  hal9-rollback snapshot good >/dev/null
}

migrate() {
  deploy 2
  hal9-restart web >"$TEST_DIR/again.log" 2>&1 || fail "$(cat "$TEST_DIR/again.log")"
  runs_release 2
}

not_two() {
  [ "$(web_pids | wc -l)" -le 1 ] || fail "two copies run"
}

# Each line with both in a long run, else in turns.
verbs() { # N
  if [ -n "${HAL9OPS_KILLS:-}" ]; then
    echo resume next
  elif [ $(($1 % 2)) -eq 0 ]; then
    echo resume
  else
    echo next
  fi
}

after() { # resume|next
  if [ "$1" = next ]; then
    hal9-rollback to good
  else
    hal9-rollback resume
  fi >"$TEST_DIR/after.log" 2>&1 || fail "$1: $(cat "$TEST_DIR/after.log")"
}

@test "killed at every line of the journal: resume, and the next run, reach the snapshot" {
  migrate
  total=$(lines_of hal9-rollback to good)
  [ "$total" -ge 10 ]
  for n in $(seq "$total"); do
    for verb in $(verbs "$n"); do
      migrate
      kill_at_line "$n" hal9-rollback to good
      not_two || fail "killed at line $n"
      after "$verb" || fail "killed at line $n"
      runs_release 1 || fail "killed at line $n, then $verb"
      [ "$(hal9-rollback status -o json | jq -s '[.[] | select(.kind == "operation" and .state == "open")] | length')" -eq 0 ] || fail "line $n, $verb: an operation is unfinished"
    done
  done
}
