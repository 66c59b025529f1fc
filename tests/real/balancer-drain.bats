#!/usr/bin/env bats
# Draining behind real haproxies: who is waited for, how long, and what must not be drained.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load restart
load haproxy

setup() {
  common_setup
  open_balancers
}

# Two servers that answer, behind plain TCP: a client that stays is a session.
pair() {
  start_fixture hal9-server --port 0
  one=$fixture_port one_pid=$fixture_pid
  start_fixture hal9-server --port 0
  two=$fixture_port
  MODE=tcp BALANCE=first proxy edge "s1 127.0.0.1:$one check inter 100ms" "s2 127.0.0.1:$two check inter 100ms"
  balancer edge "{haproxy: [unix:$TEST_DIR/edge.sock]}"
  wait_until 10 both_up
}

both_up() {
  [ "$(observed edge '[.observed.up[]] | all')" = true ]
}

# A client of s1 (the first) that stays; its pid goes to client.
visitor() {
  start_fixture tcp-client --port "${proxy_port[edge]}"
  client=$fixture_pid
  wait_until 10 sessions_are 1
}

sessions_are() {
  [ "$(observed edge .observed.sessions.s1)" = "$1" ]
}

drain_in_background() { # JSON
  start_in_background "$TEST_DIR/drain.log" "$HAL9_BIN/tests/bench/balancer" "$HAL9OPS_CONFIG" edge hal9 drain "$1"
  drain=$background_pid
  wait_for_log "$TEST_DIR/drain.log" 'session left'
}

@test "a drain waits until the last session has gone, and takes no new one meanwhile" {
  pair
  visitor
  drain_in_background '{"servers": ["s1"], "timeout_ms": 60000}'
  is edge s1 "1 drain"
  # who comes now goes to the other
  start_fixture tcp-client --port "${proxy_port[edge]}"
  [ "$(observed edge .observed.sessions.s2)" = 1 ]
  is_alive "$drain"
  kill "$client"
  wait_for_exit "$drain" 20
  [ "$exit_status" = 0 ]
  run "$HAL9_BIN/hal9-rollback" show "$(grep -oE '^[0-9a-z]{14}' "$TEST_DIR/drain.log")"
  [ "$(jq -c 'select(.kind == "step") | .after.observed.remained' <<<"$output")" = 0 ]
}

@test "a drain ends at its timeout, and tells how many were left" {
  pair
  visitor
  bal edge drain '{"servers": ["s1"], "timeout_ms": 300}'
  [ "$status" -eq 0 ]
  says "backend hal9, s1: 1 session is left after 0.3 s"
  run "$HAL9_BIN/hal9-rollback" show "$op"
  [ "$(jq -c 'select(.kind == "step") | .after.observed.remained' <<<"$output")" = 1 ]
  # it is taken back although the visitor has gone since
  kill "$client"
  run "$HAL9_BIN/hal9-rollback" undo "$op"
  [ "$status" -eq 0 ]
  is edge s1 "1 ready"
}

@test "a connection that the balancer doesn't know of is seen by the kernel" {
  pair
  start_fixture tcp-client --port "$one"
  bal edge drain "{\"servers\": [\"s1\"], \"timeout_ms\": 300, \"port\": $one}"
  says "1 session is left"
}

@test "the last server that is up is not drained, unless that is forced" {
  pair
  by_hand edge "set server hal9/s2 state maint"
  bal edge drain '{"servers": ["s1"]}'
  [ "$status" -eq 1 ]
  says "without s1 0 of its 2 servers would be up"
  says "--force=last-server"
  is edge s1 "1 ready"
  by_hand edge "set server hal9/s2 state ready"
  wait_until 10 both_up
  bal edge drain '{"servers": ["s1"], "min_up": 2}'
  [ "$status" -eq 1 ]
  bal edge drain '{"servers": ["s1", "s2"]}'
  [ "$status" -eq 1 ]
  HAL9_TEST_FORCE=last-server bal edge drain '{"servers": ["s1", "s2"]}'
  [ "$status" -eq 0 ]
  is edge s2 "1 drain"
}

@test "one that is down may be drained; one in maintenance stays there" {
  pair
  kill "$one_pid"
  wait_until 10 s1_down
  by_hand edge "set server hal9/s2 state maint"
  bal edge drain '{"servers": ["s1", "s2"]}'
  [ "$status" -eq 0 ]
  is edge s1 "1 drain"
  is edge s2 "1 maint"
}

s1_down() {
  [ "$(observed edge .observed.up.s1)" = false ]
}

@test "sessions that workers from before a reload hold are waited for, by the kernel" {
  pair
  visitor
  reload_proxy edge
  # the new process counts none
  [ "$(by_hand edge "show stat hal9 4 -1" | awk -F, '$2 == "s1" { print $5 }')" = 0 ]
  [ "$(observed edge .observed.old_sessions)" = 1 ]
  drain_in_background '{"servers": ["s1"], "timeout_ms": 60000}'
  is_alive "$drain"
  kill "$client"
  wait_for_exit "$drain" 20
  [ "$exit_status" = 0 ]
}

@test "and by their master, where it is asked" {
  MASTER=1 pair
  visitor
  sed -i "s,edge.sock,edge-master.sock," "$HAL9OPS_CONFIG"
  is edge s1 "1 ready"
  kill -USR2 "$(cat "$TEST_DIR/edge.pid")"
  wait_until 20 old_sessions_are 1
  bal edge drain '{"servers": ["s1"], "timeout_ms": 300}'
  says "1 session is left"
  is edge s1 "1 drain"
}

old_sessions_are() {
  [ "$(observed edge .observed.old_sessions)" = "$1" ]
}

@test "a reload in the middle forgets the drain: it is set again" {
  pair
  visitor
  drain_in_background '{"servers": ["s1"], "timeout_ms": 60000}'
  reload_proxy edge
  wait_until 10 drained_again
  is_alive "$drain"
  kill "$client"
  wait_for_exit "$drain" 20
  [ "$exit_status" = 0 ]
  is edge s1 "1 drain"
}

drained_again() {
  [ "$(server edge s1)" = "1 drain" ]
}

@test "somebody who takes it into service again is not overruled" {
  pair
  visitor
  drain_in_background '{"servers": ["s1"], "timeout_ms": 60000}'
  by_hand edge "set server hal9/s1 state ready"
  wait_for_exit "$drain" 20
  [ "$exit_status" = 1 ]
  run cat "$TEST_DIR/drain.log"
  says "server s1 was made ready by somebody else while it drained"
  is edge s1 "1 ready"
}
