#!/usr/bin/env bats
# A migration that goes forward in phases: to its end under load; back by itself where a gate fails; holding where nothing can be told; again and again.
# shellcheck disable=SC2154 # set by the helpers

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

@test "forward to the end under load: no failed request, in each phase the new path's share within 2 %" {
  skip_unless wrk
  FORWARD=${FORWARD/every: 0s/every: 1s}
  forward_site
  wrk -t2 -c100 -d90s "http://127.0.0.1:$edge_port/" >"$TEST_DIR/wrk.log" 2>&1 3>&- 4>&- </dev/null &
  load=$!
  start_forward
  while read -r phase wanted; do
    wait_step "$phase/traffic" done
    read -r a1 a2 a3 a4 <<<"$(lbtot)"
    wait_step "$phase/watch" done
    read -r b1 b2 b3 b4 <<<"$(lbtot)"
    new=$((b3 + b4 - a3 - a4)) all=$((b1 + b2 + b3 + b4 - a1 - a2 - a3 - a4))
    echo "$phase: $new of $all to the new path"
    [ "$all" -gt 200 ]
    # The next phase may have begun a moment before the second look.
    awk -v n="$new" -v a="$all" -v w="$wanted" 'BEGIN { d = 100 * n / a - w; exit d < -2 || d > 2 }' || fail "$phase: $new of $all"
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
  [ "$(cat "$TEST_DIR/ran")" = shadow ]
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
  before=$(world)
  start_forward
  wait_step state/traffic done
  [ "$(flag new-path)" = on ]
  break_new
  end_to 1
  is_world "$before"
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
  is_world "$before"
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
  sed -i 's|share: 75|share: 75, run: [sh, -c, "echo no such table >\&2; exit 3"]|' "$HAL9OPS_CONFIG"
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

@test "bad input: told with its place, exit 2, nothing touched" {
  forward_site
  forward --to canery
  [ "$status" -eq 2 ]
  [[ $output == *"no phase 'canery' in plan migration; did you mean 'canary'?"* ]]
  forward migraton
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean 'migration'?"* ]]
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/good.yaml"
  while IFS='|' read -r from to wanted; do
    sed "s|$from|$to|" "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
    forward
    [ "$status" -eq 2 ] || fail "$to: $status"
    [[ $output == *"hal9.yaml:"*"$wanted"* ]] || fail "$to"
  done <<'CASES'
share: 75|share: 20|phase ramp-up has less traffic than state before it: 20 % < 25 %
name: ramp-up|name: state|there are two phases 'state'
share: 75|share: 175|share
new-path: on|new-path: [on]|flag 'new-path' wants a word
{name: ramp-up, share: 75}|{name: ramp-up, shre: 75}|did you mean 'share'
{name: ramp-up, share: 75}|{name: ramp-up, share: 75, revert: [x]}|revert belongs to a run
CASES
  is_world "$before"
  grep -v 'forward:\|every: 0s$\|phases:\|- {name:' "$TEST_DIR/good.yaml" >"$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 2 ]
  [[ $output == *"plan migration has no forward:"* ]]
}

@test "the balancer goes away on the way: it stands still, and goes on when it is there again" {
  forward_site
  sed -i 's|share: 5}|share: 5, for: 10m}|' "$HAL9OPS_CONFIG"
  start_forward
  wait_step canary/traffic done
  kill -INT "$to_pid"
  end_to 130
  kill_edge
  forward
  [ "$status" -eq 4 ]
  [[ $output == *"nothing was begun: balancer:edge/hal9"* ]]
  start_edge
  weights s1=95 s2=95 s3=5 s4=5
  sed -i 's|for: 10m||' "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 0 ]
  is_full
}

@test "parity of a real Prometheus: at least 0.99 goes on, less goes back" {
  skip_unless prometheus
  skip_unless curl
  free_port
  prometheus_port=$free_port
  GATE=0
  FORWARD="      every: 0s
      phases:
        - name: canary
          share: 5
          validate: [{prometheus: 'http://127.0.0.1:$prometheus_port', query: vector(0.995), at_least: 0.99, name: parity}]
        - name: full
          share: 100
          validate: [{prometheus: 'http://127.0.0.1:$prometheus_port', query: 'vector(0.98)', at_least: 0.99, name: parity}]"
  forward_site
  echo 'scrape_configs: []' >"$TEST_DIR/prometheus.yml"
  start_in_background "$TEST_DIR/prometheus.log" prometheus --config.file="$TEST_DIR/prometheus.yml" \
    --storage.tsdb.path="$TEST_DIR/tsdb" --web.listen-address="127.0.0.1:$prometheus_port"
  for _ in {1..300}; do
    curl -sfo /dev/null "http://127.0.0.1:$prometheus_port/-/ready" && break
    read -r -t 0.1 <> <(:) || true
  done
  forward
  [ "$status" -eq 1 ]
  [[ $output == *"phase full failed: not healthy: parity: 0.98, not at least 0.99; rolled back to "*", verified"* ]]
  is_world "$before"
  # Nobody there is no data.
  kill "$background_pid"
  "$HAL9_FIXTURES/wait-pid" "$background_pid" >/dev/null
  sed -i 's/^    health:/    on_unknown: 0s\n    health:/' "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 3 ]
  [[ $output == *"no data"* ]]
  [ "$(share)" -eq 5 ]
}

@test "the way back can't be gone: it is told, and forward is refused until all is back" {
  forward_site
  echo 2 >"$TEST_DIR/gate"
  # The release of then goes away on the way.
  sed -i "s|share: 75}|share: 75, run: [rm, -r, $site_dir/releases/1]}|" "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 3 ]
  [[ $output == *"phase full failed: not healthy: parity: exit 2; and the way back to "*" failed: "* ]]
  # The traffic is off the new path all the same.
  [ "$(share)" -eq 0 ]
  forward
  [ "$status" -eq 1 ]
  [[ $output == *"has failed on its way up, and is not all back"* ]]
  mkdir "$site_dir/releases/1"
  run hal9-rollback to "$(hal9-rollback list -o json | jq -r 'select(.kind == "snapshot") | .id')" -o text
  echo "$output"
  [ "$status" -eq 0 ]
  is_world "$before"
  echo 0 >"$TEST_DIR/gate"
  sed -i "s|, run: .rm, -r, .*releases/1.}|}|" "$HAL9OPS_CONFIG"
  forward
  [ "$status" -eq 0 ]
  is_full
}

@test "two at once: the second waits, and does not walk the first one's way again" {
  forward_site
  sed -i 's|share: 25,|share: 25, for: 2s,|' "$HAL9OPS_CONFIG"
  start_forward
  wait_step state/traffic done
  run hal9-rollback forward --lock-timeout 0 -o text
  [ "$status" -eq 5 ]
  run hal9-rollback forward --lock-timeout 60s -o text
  echo "$output"
  [[ $output == *"another run has moved the migration meanwhile"* ]]
  end_to 0
  is_full
}

@test "the disk is full at first, or once on the way: nothing is begun, or a resume ends it" {
  forward_site
  run env HAL9OPS_FAULT=write:1+:ENOSPC hal9-rollback forward -o text
  echo "$output"
  [ "$status" -ne 0 ]
  is_world "$before"
  [ ! -e "$TEST_DIR/ran" ]
  HAL9OPS_FAULT=count:$TEST_DIR/points hal9-rollback forward -o text
  points=$(cat "$TEST_DIR/points")
  [ "$points" -gt 50 ]
  for n in 5 6 7; do
    hal9-rollback undo "$(operation .id)" -o text
    is_world "$before"
    HAL9OPS_FAULT=$((points * n / 8)):ENOSPC hal9-rollback forward -o text || echo "point $((points * n / 8)): $?"
    run hal9-rollback resume -o text
    echo "$output"
    [ "$(share)" -eq 100 ] || { is_world "$before" && hal9-rollback forward -o text; }
    is_full
  done
}

@test "no permission for the balancer's socket: told, nothing begun" {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  skip_unless setpriv
  forward_site
  chmod 755 "$TEST_DIR"
  chmod -R a+rX "$HAL9OPS_CONFIG" "$site_dir"
  chmod 1777 "$HAL9OPS_LOCK_DIR"
  run setpriv --reuid 65534 --regid 65534 --clear-groups env HAL9OPS_STATE_DIR="$TEST_DIR/theirs" hal9-rollback forward -n -o text
  echo "$output"
  [ "$status" -ge 2 ]
  [[ $output == *"balancer:edge/hal9"*"ermission"* ]]
  is_world "$before"
}
