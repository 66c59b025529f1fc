#!/usr/bin/env bats
# Rolling back in stops: under load without a failed request, each stop with its share; gates that fail, that can't tell, signals and kills.
# shellcheck disable=SC2034,SC2154 # read or set by the helpers

load ../real/common
load ../real/rollback

setup() {
  common_setup
}

to() {
  run hal9-rollback to "$@" -o text
}

# A gate that ends as a file says: 0 passes, 2 fails, 3 can't tell.
gated_site() { # OLD NEW
  echo "${GATE:-0}" >"$TEST_DIR/gate"
  PLAN=${PLAN:-}
  rollback_site "$1" "$2"
  sed -i "s|^services:|services:\n  probe: {checks: [{command: [sh, -c, 'exit \$(cat $TEST_DIR/gate)']}]}|; s|health: \[front\]|health: [probe]|" "$HAL9OPS_CONFIG"
}

lbtot() { # of s1 to s4, blanks between
  edge "show stat hal9 4 -1" | awk -F, '/^hal9,/ { printf "%s ", $31 }'
}

@test "four servers under load: no failed request, at each stop the new path's share within 2 %" {
  skip_unless wrk
  GRADUAL='{stops: 5, every: 1s}'
  rollback_site 2 2
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  wrk -t2 -c200 -d60s "http://127.0.0.1:$edge_port/" >"$TEST_DIR/wrk.log" 2>&1 3>&- 4>&- </dev/null &
  load=$!
  start_to good --strategy gradual
  for k in 1 2 3 4; do
    wait_step "stop-$k" "done"
    read -r a1 a2 a3 a4 <<<"$(lbtot)"
    wait_step "hold-$k" "done"
    read -r b1 b2 b3 b4 <<<"$(lbtot)"
    new=$((b3 + b4 - a3 - a4)) all=$((b1 + b2 + b3 + b4 - a1 - a2 - a3 - a4))
    echo "stop $k: $new of $all to the new path"
    [ "$all" -gt 200 ]
    # The next stop may have begun a moment before the second look.
    awk -v n="$new" -v a="$all" -v w="$((100 - 20 * k))" 'BEGIN { d = 100 * n / a - w; exit d < -2 || d > 2 }' || fail "stop $k: $new of $all"
  done
  end_to 0
  kill -INT "$load"
  wait "$load" || true
  cat "$TEST_DIR/wrk.log"
  grep -q 'requests in' "$TEST_DIR/wrk.log"
  run grep -E 'Socket errors|Non-2xx' "$TEST_DIR/wrk.log"
  [ "$status" -eq 1 ]
  is_world "$before"
  [ "$(step_state off)" = skipped ]
}

@test "a gate that fails leaves out the further stops: the rest is done at once" {
  GATE=2 GRADUAL='{stops: 10, every: 10m}'
  gated_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  start_to good --strategy gradual
  wait_step traffic "done"
  echo 0 >"$TEST_DIR/gate" # once it is back, all is well
  end_to 0
  is_world "$before"
  [ "$(step_state hold-1)" = warned ]
  [ "$(step_state stop-2)" = not_run ]
  [ "$(step_state off)" = "done" ]
  [ "$(operation .state)" = "done" ]
}

@test "a gate without data holds, tells, and asks; a resume asks again" {
  GATE=3 GRADUAL='{stops: 2, every: 0s}' PLAN='    on_unknown: 300ms'
  gated_site 1 1
  cat >>"$HAL9OPS_CONFIG" <<YAML
notify: [{command: [sh, -c, "cat >>$TEST_DIR/pages"]}]
YAML
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  to good --strategy gradual
  echo "$output"
  [ "$status" -eq 3 ]
  [[ $output == *"it can't be told whether all is well: probe: "* ]]
  [[ $output == *"new path 50 %"* ]]
  [ "$(traffic)" = "s1 50 ready, s2 50 ready" ]
  [ "$(operation '"\(.state) \(.resumable)"')" = "open true" ]
  jq -e 'select(.state == "open" and .held)' "$TEST_DIR/pages"
  # Still nothing: still it holds.
  run hal9-rollback resume -o text
  [ "$status" -eq 3 ]
  echo 0 >"$TEST_DIR/gate"
  run hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "a person may go on without data" {
  GATE=3 GRADUAL='{stops: 2, every: 0s}' PLAN='    on_unknown: 0s'
  gated_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  to good --strategy gradual
  [ "$status" -eq 3 ]
  run hal9-rollback resume --yes --force=no-data -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "a signal holds it where it is; resume goes on; abort freezes it and says what stands where" {
  GRADUAL='{stops: 4, every: 10m}'
  gated_site 1 1
  hal9-rollback snapshot good -o text
  before=$(world)
  migrate
  start_to good --strategy gradual
  wait_step stop-1 "done"
  kill -INT "$to_pid"
  end_to 130
  [ "$(traffic)" = "s1 25 ready, s2 75 ready" ]
  [ "$(flag new-path)" = on ]
  run hal9-rollback status -o text
  [ "$status" -eq 3 ]
  run hal9-rollback abort -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"balancer:edge/hal9: not as in the snapshot (s1 25, s2 75; new path 75 %)"* ]]
  [[ $output == *"flags:main: not as in the snapshot"* ]]
  [ "$(traffic)" = "s1 25 ready, s2 75 ready" ]
  to good
  [ "$status" -eq 0 ]
  is_world "$before"
}

@test "killed half-way, another snapshot is gone to: the first gives way, and undo of the second is where it stood" {
  GRADUAL='{stops: 4, every: 10m}'
  gated_site 1 1
  hal9-rollback snapshot first -o text
  first=$(world)
  weights s1=90 s2=10
  hal9-rollback snapshot second -o text
  second=$(world)
  migrate
  start_to first --strategy gradual
  wait_step stop-1 "done"
  kill -KILL "$to_pid"
  end_to 137
  half=$(world)
  to second
  echo "$output"
  [ "$status" -eq 0 ]
  [[ $output == *"was unfinished: superseded: "* ]]
  is_world "$second"
  id=${output##*undo }
  run hal9-rollback resume -o text
  [ "$status" -eq 0 ]
  [[ $output == *"nothing is unfinished"* ]]
  is_world "$second"
  run hal9-rollback undo "${id:0:4}" -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$half"
  to first
  [ "$status" -eq 0 ]
  is_world "$first"
}

@test "without servers of a new path each stop is a share of the way" {
  GRADUAL='{stops: [75, 25, 0], every: 10m}'
  gated_site 2 0
  weights s1=100 s2=50
  hal9-rollback snapshot good -o text
  weights s1=50 s2=100
  start_to good --strategy gradual
  wait_step stop-1 "done"
  [ "$(traffic)" = "s1 60 ready, s2 84 ready" ]
  kill -INT "$to_pid"
  end_to 130
  sed -i 's/every: 10m/every: 0s/' "$HAL9OPS_CONFIG"
  to good --strategy gradual
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(traffic)" = "s1 100 ready, s2 50 ready" ]
}

@test "a balancer that is killed half-way: it stands still with words; back, and forgetful, it is gone on with" {
  GRADUAL='{stops: 2, every: 1s}'
  gated_site 1 1
  hal9-rollback snapshot good -o text
  migrate
  start_to good --strategy gradual
  wait_step stop-1 "done"
  kill_edge
  end_to 3
  cat "$TEST_DIR/to.log"
  grep -q "edge.sock" "$TEST_DIR/to.log"
  [ "$(operation '"\(.state) \(.resumable)"')" = "open true" ]
  run hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 3 ]
  [[ $output == *"balancer:edge/hal9: can't be read: "* ]]
  # Its weights are those of its configuration again: nobody has changed them.
  start_edge
  run hal9-rollback resume -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(traffic)" = "s1 100 ready, s2 0 ready" ]
  [ "$(flag new-path)" = off ]
}
