#!/usr/bin/env bats
# Changes behind a real haproxy killed at every line of their journal, and in the wait of a drain: resume ends them, undo takes them back.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/restart
load ../real/haproxy
load kills

setup() {
  common_setup
  open_balancers
  start_fixture hal9-server --port 0
  MODE=tcp BALANCE=first proxy edge "s1 127.0.0.1:$fixture_port weight 100" "s2 127.0.0.1:$fixture_port weight 50"
  balancer edge "{haproxy: [unix:$TEST_DIR/edge.sock]}"
  tool=("$HAL9_BIN/tests/bench/balancer" "$HAL9OPS_CONFIG" edge hal9)
}

resume() {
  run "$HAL9_BIN/hal9-rollback" resume -o text
}

last_id() {
  "$HAL9_BIN/hal9-rollback" history -o json | jq -r 'select(.kind == "operation") | .id' | tail -n 1
}

state_of() { # ID
  "$HAL9_BIN/hal9-rollback" history -o json | jq -r --arg id "$1" 'select(.kind == "operation" and .id == $id) | .state'
}

# Runs the operation, killed at each line in turn: after a resume it is as intended, after an undo as before.
each_line() { # AFTER-S1 VERB JSON
  local n=0
  while kill_at_line $((++n)) "${tool[@]}" "$2" "$3"; do
    resume
    [ "$status" -eq 0 ] || fail "line $n: $status $output"
    is edge s1 "$1"
    run "$HAL9_BIN/hal9-rollback" undo "$(last_id)" -o text
    [ "$status" -eq 0 ] || fail "line $n: undo: $output"
    is edge s1 "100 ready"
    is edge s2 "50 ready"
  done
  [ "$n" -gt 3 ]
}

@test "weights and states set: killed at any line" {
  each_line "7 maint" set '{"s1": {"weight": 7, "admin": "maint"}, "s2": {"weight": 0}}'
}

@test "a drain: killed at any line" {
  each_line "100 drain" drain '{"servers": ["s1"]}'
}

# A drain that waits for a session, killed in its wait.
kill_in_wait() {
  start_fixture tcp-client --port "${proxy_port[edge]}"
  client=$fixture_pid
  wait_until 10 has_session
  start_in_background "$TEST_DIR/drain.log" "${tool[@]}" drain '{"servers": ["s1"], "timeout_ms": 60000}'
  wait_for_log "$TEST_DIR/drain.log" 'progress: 1 session left'
  kill -KILL "$background_pid"
  wait_for_exit "$background_pid"
  is edge s1 "100 drain"
}

has_session() {
  [ "$(observed edge .observed.sessions.s1)" = 1 ]
}

@test "killed in its wait it goes on waiting, and ends when the last one has gone" {
  kill_in_wait
  start_in_background "$TEST_DIR/resume.log" "$HAL9_BIN/hal9-rollback" resume -o text
  wait_until 20 has_begun_again
  is_alive "$background_pid"
  kill "$client"
  wait_for_exit "$background_pid" 20
  [ "$exit_status" = 0 ] || fail "$(cat "$TEST_DIR/resume.log")"
  [ "$(state_of "$(last_id)")" = "done" ]
  is edge s1 "100 drain"
}

has_begun_again() { # the journal has a line of the resume
  grep -q '"type":"resume"' "$TEST_DIR"/state/journal/*.ndjson
}

@test "killed in its wait it can be taken back" {
  kill_in_wait
  run "$HAL9_BIN/hal9-rollback" undo "$(last_id)" -o text
  [ "$status" -eq 0 ] || fail "$output"
  is edge s1 "100 ready"
}

@test "killed in its wait, and the balancer reloaded: resume drains again, it is no drift" {
  kill_in_wait
  reload_proxy edge
  is edge s1 "100 ready"
  kill "$client"
  resume
  [ "$status" -eq 0 ] || fail "$output"
  is edge s1 "100 drain"
}

@test "killed between two sockets, and one of them reloaded: resume sets all of them" {
  proxy two "s1 127.0.0.1:1 weight 100" "s2 127.0.0.1:2 weight 50"
  sed -i "s,edge.sock],edge.sock\, unix:$TEST_DIR/two.sock]," "$HAL9OPS_CONFIG"
  balancer two "{haproxy: [unix:$TEST_DIR/two.sock]}"
  by_hand edge "set server hal9/s1 weight 60"
  by_hand two "set server hal9/s1 weight 60"
  # it is begun, and has reached only the first of them
  kill_at_line 2 "${tool[@]}" set '{"s1": {"weight": 7}}'
  by_hand edge "set server hal9/s1 weight 7"
  reload_proxy two
  is two s1 "100 ready"
  resume
  [ "$status" -eq 0 ] || fail "$output"
  is edge s1 "7 ready"
  is two s1 "7 ready"
}

@test "killed, and somebody else set a third thing: resume shows the three, and leaves it" {
  kill_at_line 2 "${tool[@]}" set '{"s1": {"weight": 7}}'
  by_hand edge "set server hal9/s1 weight 33"
  resume
  [ "$status" -ne 0 ]
  says "neither as before nor as intended"
  is edge s1 "33 ready"
}

@test "a full disk: nothing is set without its line in the journal" {
  HAL9OPS_FAULT=write:1+:ENOSPC run "${tool[@]}" set '{"s1": {"weight": 7}}'
  [ "$status" -ne 0 ]
  is edge s1 "100 ready"
}
