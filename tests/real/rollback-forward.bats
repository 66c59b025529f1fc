#!/usr/bin/env bats
# A migration that goes forward in phases: to its end under load; back by itself where a gate fails; holding where nothing can be told; again and again.
# shellcheck disable=SC1010,SC2034,SC2154 # set by the helpers, or read there; done is a state

load ../real/common
load ../real/rollback
load ../real/forward

setup() {
  common_setup
  FORWARD="      every: 0s
      phases:
        - {name: shadow, share: 0, run: [sh, -c, 'echo shadow >>$TEST_DIR/ran'], revert: [sh, -c, 'echo back >>$TEST_DIR/ran']}
        - {name: canary, share: 5}
        - {name: state, share: 25, set: {new-path: on}, release: releases/2}
        - {name: ramp-up, share: 75}
        - {name: full, share: 100, validate: [$(gate_check)]}"
}

lbtot() { # of s1 to s4, blanks between
  edge "show stat hal9 4 -1" | awk -F, '/^hal9,/ { printf "%s ", $31 }'
}

requests_more() { # N: until so many more have come
  local r first now
  read -r -a r <<<"$(lbtot)"
  first=$((r[0] + r[1] + r[2] + r[3])) now=$first
  for _ in {1..600}; do
    read -r -a r <<<"$(lbtot)"
    now=$((r[0] + r[1] + r[2] + r[3]))
    [ $((now - first)) -lt "$1" ] || return 0
    read -r -t 0.05 <> <(:) || true
  done
  fail "only $((now - first)) requests came"
}

@test "forward to the end under load: no failed request, in each phase the new path's share within 2 %" {
  skip_unless wrk
  # Each phase stays until its share is measured: its check can't tell before.
  FORWARD="      every: 0s
      phases:
        - {name: shadow, share: 0}
        - {name: canary, share: 5, validate: [$(gate_check canary "$TEST_DIR/gate.canary")]}
        - {name: state, share: 25, set: {new-path: on}, release: releases/2, validate: [$(gate_check state "$TEST_DIR/gate.state")]}
        - {name: ramp-up, share: 75, validate: [$(gate_check ramp-up "$TEST_DIR/gate.ramp-up")]}
        - {name: full, share: 100, validate: [$(gate_check full "$TEST_DIR/gate.full")]}"
  for phase in canary state ramp-up full; do echo 3 >"$TEST_DIR/gate.$phase"; done
  forward_site
  wrk -t2 -c100 -d120s "http://127.0.0.1:$edge_port/" >"$TEST_DIR/wrk.log" 2>&1 3>&- 4>&- </dev/null &
  load=$!
  start_forward
  while read -r phase wanted; do
    wait_step "$phase/traffic" done
    # haproxy deals the first round of new weights out of the old order.
    requests_more 1000
    read -r a1 a2 a3 a4 <<<"$(lbtot)"
    requests_more 4000
    read -r b1 b2 b3 b4 <<<"$(lbtot)"
    new=$((b3 + b4 - a3 - a4)) all=$((b1 + b2 + b3 + b4 - a1 - a2 - a3 - a4))
    echo "$phase: $new of $all to the new path"
    awk -v n="$new" -v a="$all" -v w="$wanted" 'BEGIN { d = 100 * n / a - w; exit d < -2 || d > 2 }' || fail "$phase: $new of $all"
    echo 0 >"$TEST_DIR/gate.$phase"
  done <<<"canary 5
state 25
ramp-up 75
full 100"
  end_to 0
  kill -INT "$load"
  wait "$load" || true
  cat "$TEST_DIR/wrk.log"
  grep -q 'requests in' "$TEST_DIR/wrk.log"
  run ! grep -qE 'Socket errors|Non-2xx' "$TEST_DIR/wrk.log"
  is_full
  jq -es 'any(.[]; .step == "canary/traffic" and .title == "phase 2 of 5, canary: new path 5 %")' "$TEST_DIR/to.ndjson"
  [ "$(hal9-rollback list -o json | jq -r 'select(.kind == "snapshot") | .why')" = before ]
}

@test "the plan is told and nothing is touched; then forward, twice, and undo takes all back" {
  forward_site
  forward -n
  [ "$status" -eq 1 ]
  [[ $output == *"phase 1 of 5, shadow: new path 0 %, runs sh -c echo shadow >>"*"phase 2 of 5, canary: new path 5 %"*"phase 5 of 5, full: new path 100 %"*"1 check"* ]]
  is_world "$before"
  [ ! -e "$TEST_DIR/ran" ]
  [ -z "$(hal9-rollback list -o json | jq -r 'select(.kind == "snapshot") | .id')" ]
  forward migration
  [ "$status" -eq 0 ]
  [[ $output == *"phase full is reached, all well. Undo: hal9-rollback undo "* ]]
  is_full
  [ "$(cat "$TEST_DIR/ran")" = shadow ]
  full=$(world) id=${output##*undo }
  forward
  [ "$status" -eq 0 ]
  [[ $output == *"new path 100 %: phase full is reached; nothing to do"* ]]
  is_world "$full"
  [ "$(operation .id | tail -c 5)" = "$id" ]
  run hal9-rollback undo "$id" -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
  [ "$(cat "$TEST_DIR/ran")" = "shadow
back" ]
  # What was taken back begins anew.
  forward --to canary
  [ "$status" -eq 0 ]
  [ "$(share)" -eq 5 ]
}

@test "new servers that answer 500 from the third phase on: back at once, as the snapshot is, verified" {
  forward_site
  s3=$(address_of s3)
  sed -i "s|share: 25,|share: 25, for: 10m, validate: [{http: \"http://$s3/\", name: errors}],|" "$HAL9OPS_CONFIG"
  echo 'kept by somebody else' >"$site_dir/conf/other.yaml"
  others=$(world)
  start_forward
  wait_step state/traffic done
  [ "$(flag new-path)" = on ]
  break_new
  end_to 1
  is_world "$others"
  cat "$TEST_DIR/to.log"
  [ "$(step_state state/watch)" = failed ]
  [ "$(step_state ramp-up/traffic)" = not_run ]
  [ "$(step_state off)" = done ]
  [ "$(step_state verify)" = done ]
  [ "$(operation .state)" = failed ]
  [ "$(tail -n 1 "$TEST_DIR/ran")" = back ]
  # There is nothing left to take back, and nothing is unfinished.
  run hal9-rollback undo "$(operation .id)" -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"took back itself"* ]]
  is_world "$others"
  run hal9-rollback status -o text
  [ "$status" -eq 0 ]
}

@test "the words of a failed phase" {
  GATE=2
  forward_site
  forward
  [ "$status" -eq 1 ]
  is_world "$before"
  [[ $output == *"phase full failed: not healthy: parity: exit 2; rolled back to "*", verified"* ]]
  [[ $output == *"phase 5 of 5, full: new path 100 %"* ]]
}

@test "a command that fails takes all back, too" {
  forward_site
  sed -i "s|share: 75|share: 75, run: [sh, -c, \"echo half >$site_dir/conf/app.yaml; echo no such table >\\&2; exit 3\"]|" "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 1 ]
  [[ $output == *"phase ramp-up failed: "*"no such table; rolled back to "*", verified"* ]]
  is_world "$before"
}

@test "a gate without data holds; resume asks again and goes on" {
  GATE=3 PLAN='    on_unknown: 300ms'
  forward_site
  sed -i "s|share: 5}|share: 5, validate: [$(gate_check)]}|" "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 3 ]
  [[ $output == *"it can't be told whether all is well: parity"* ]]
  [ "$(share)" -eq 5 ]
  [ "$(operation '"\(.state) \(.resumable)"')" = "open true" ]
  run hal9-rollback resume -o text
  [ "$status" -eq 3 ]
  echo 0 >"$TEST_DIR/gate"
  run hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"phase full is reached, all well."* ]]
  is_full
}

@test "held, then failed: the resume goes back" {
  GATE=3 PLAN='    on_unknown: 0s'
  forward_site
  forward
  [ "$status" -eq 3 ]
  echo 2 >"$TEST_DIR/gate"
  run hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 1 ]
  [[ $output == *"phase full failed: "*"rolled back to "*", verified"* ]]
  is_world "$before"
}

@test "a signal holds it; abort freezes it; run again it goes on from there, and back to where it all began" {
  forward_site
  sed -i 's|share: 25,|share: 25, for: 10m,|' "$HAL9OPS_CONFIG"
  start_forward
  wait_step state/traffic done
  kill -INT "$to_pid"
  end_to 130
  [ "$(share)" -eq 25 ]
  run hal9-rollback abort -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"new path 25 %"* ]]
  sed -i 's|for: 10m,||' "$HAL9OPS_CONFIG"
  echo 2 >"$TEST_DIR/gate"
  forward -n
  [[ $output == *"phase 2 of 5, canary: new path 5 %"*"(passed)"* ]]
  [[ $output != *"state: new path 25 %"*"(passed)"* ]]
  forward
  [ "$status" -eq 1 ]
  is_world "$before"
}

@test "--to stops at a phase; run again it goes on behind it" {
  forward_site
  forward --to state
  [ "$status" -eq 0 ]
  [[ $output == *"phase state is reached"* ]]
  [ "$(share)" -eq 25 ]
  half=$(world)
  forward --to state
  [ "$status" -eq 0 ]
  [[ $output == *"nothing to do"* ]]
  is_world "$half"
  forward
  [ "$status" -eq 0 ]
  is_full
  [ "$(cat "$TEST_DIR/ran")" = shadow ]
  [ "$(operation '.title')" = "migrate migration to phase full" ]
}
