#!/usr/bin/env bats
# hal9-restart behind a real haproxy: traffic is taken off before the stop, and given back to what is healthy.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load restart
load releases
load haproxy

setup() {
  common_setup
  skip_unless haproxy
  skip_unless socat
  skip_unless jq
  open_site
}

# behind [KEY…]: two services, web1 and web2, of one program each, behind an haproxy that checks them. Keys more for the drain of both.
behind() {
  local more=${1:-}
  MORE="    drain: {balancer: edge, backend: hal9, timeout: 20s, grace: 100ms$more}" service web1
  MORE="    drain: {balancer: edge, backend: hal9, timeout: 20s, grace: 100ms$more}" service web2
  proxy edge "s1 127.0.0.1:${port_of[web1]} check inter 100ms weight 20" "s2 127.0.0.1:${port_of[web2]} check inter 100ms weight 30"
  printf 'balancers:\n' >>"$HAL9OPS_CONFIG"
  balancer edge "{haproxy: [unix:$TEST_DIR/edge.sock]}"
  mkdir -p "$HAL9OPS_LOCK_DIR"
}

# Both run and are up behind it.
start_both() {
  run restart web1 web2
  [ "$status" -eq 0 ] || fail "$output"
  wait_until 20 both_up
}

both_up() {
  [ "$(observed edge '[.observed.up[]] | all')" = true ]
}

# wrk's word on what failed, after so many seconds of load; its pid goes to load.
start_load() { # SECONDS
  start_in_background "$TEST_DIR/wrk.log" wrk -t 1 -c 8 -d "$1s" --timeout 10s "http://127.0.0.1:${proxy_port[edge]}/health"
  load=$background_pid
}

nothing_failed() {
  wait_for_exit "$load" 60
  [ "$exit_status" = 0 ] || fail "wrk: $(cat "$TEST_DIR/wrk.log")"
  grep -q 'requests in' "$TEST_DIR/wrk.log"
  run cat "$TEST_DIR/wrk.log"
  never_says "Socket errors"
  never_says "Non-2xx"
}

@test "under load not one request fails while both are restarted, one after the other" {
  skip_unless wrk
  behind
  start_both
  one_of web1
  old=$the_pid
  start_load 8
  hal9-restart -o json web1 web2 >"$TEST_DIR/out" 2>"$TEST_DIR/err" || fail "$(cat "$TEST_DIR/err")"
  is_alive "$load" || fail "the load ended before the restart did"
  before "$TEST_DIR/out" web1/drain web1/stop
  before "$TEST_DIR/out" web1/gate web1/undrain
  before "$TEST_DIR/out" web1/undrain web2/drain
  gone "$old"
  is edge s1 "20 ready"
  is edge s2 "30 ready"
  nothing_failed
}

@test "a dry run plans the drain, and touches nothing" {
  behind
  start_both
  run restart -n web1
  says "drain s1 of edge/hal9, 20.0 s at most"
  says "put s1 of edge/hal9 back"
  is edge s1 "20 ready"
}

@test "a server is found by this host's address and port; one that is told otherwise must be there" {
  behind ", server: s7"
  start_both
  run restart web1
  [ "$status" -eq 2 ]
  says "backend hal9 has no server 's7'"
  says "hal9.yaml:"
  sed -i 's/, server: s7//; s/backend: hal9/backend: hal8/' "$HAL9OPS_CONFIG"
  run restart web1
  [ "$status" -eq 2 ]
  says "no backend 'hal8'"
  says "did you mean 'hal9'?"
  sed -i 's/backend: hal8/backend: hal9/' "$HAL9OPS_CONFIG"
  sed -i "s/127.0.0.1:${port_of[web1]}/192.0.2.1:${port_of[web1]}/" "$TEST_DIR/edge.cfg"
  reload_proxy edge
  run restart web1
  [ "$status" -eq 2 ]
  says "no server has this host's address and port ${port_of[web1]}"
  one_of web1
}

@test "a balancer that can't be reached is told before anything is touched; one that is down needs none" {
  behind
  start_both
  stop_proxy edge
  one_of web1
  old=$the_pid
  n=$(journals)
  run restart web1
  [ "$status" -eq 4 ]
  says "can't be reached"
  [ "$(journals)" = "$n" ]
  is_alive "$old"
  kill -KILL "$old"
  wait_for_exit "$old"
  run restart web1
  [ "$status" -eq 0 ]
  one_of web1
}

@test "the last one that is up is not restarted, unless that is forced" {
  behind
  start_both
  by_hand edge "set server hal9/s2 state maint"
  run restart web1
  [ "$status" -eq 1 ] || fail "$status: $output"
  says "without s1 0 of its 2 servers would be up"
  says "--force=last-server"
  is edge s1 "20 ready"
  run restart --yes --force=last-server web1
  [ "$status" -eq 0 ]
  is edge s1 "20 ready"
}

@test "what doesn't get healthy stays drained, and is told; the restart that gets it healthy gives it back" {
  behind
  start_both
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/good.yaml"
  sed -i '0,/--port/s//--status", "500", "--port/; s/within: 20s/within: 500ms/' "$HAL9OPS_CONFIG"
  run restart web1
  [ "$status" -ne 0 ]
  says "server s1 of backend hal9 stays drained until  hal9-restart web1  gets it healthy"
  says "set server hal9/s1 state ready"
  is edge s1 "20 drain"
  # again, and no better
  run restart web1
  [ "$status" -ne 0 ]
  is edge s1 "20 drain"
  cp "$TEST_DIR/good.yaml" "$HAL9OPS_CONFIG"
  run restart web1
  [ "$status" -eq 0 ] || fail "$output"
  is edge s1 "20 ready"
}

@test "and so when it is down by then" {
  behind
  start_both
  cp "$HAL9OPS_CONFIG" "$TEST_DIR/good.yaml"
  sed -i '0,/--port/s//--exit-at-start", "3", "--port/; s/within: 20s/within: 500ms/' "$HAL9OPS_CONFIG"
  run restart web1
  [ "$status" -ne 0 ]
  is edge s1 "20 drain"
  none_of web1
  cp "$TEST_DIR/good.yaml" "$HAL9OPS_CONFIG"
  run restart web1
  [ "$status" -eq 0 ] || fail "$output"
  is edge s1 "20 ready"
}

@test "what somebody had taken out of service before stays so" {
  behind
  start_both
  by_hand edge "set server hal9/s1 state drain"
  run restart web1
  [ "$status" -eq 0 ] || fail "$output"
  says "was out of service before, and stays so"
  is edge s1 "20 drain"
  by_hand edge "set server hal9/s2 state maint"
  run restart web2
  [ "$status" -eq 0 ]
  is edge s2 "30 maint"
}

@test "undo gives back what the drain found, too" {
  behind
  start_both
  run restart web1
  [ "$status" -eq 0 ]
  id=$(hal9-rollback history -o json | jq -r 'select(.kind == "operation") | .id' | tail -n 1)
  run hal9-rollback undo "$id" -o text
  [ "$status" -eq 0 ] || fail "$output"
  is edge s1 "20 ready"
  one_of web1
}

# A client of s1 that stays, behind plain TCP.
visited() {
  MODE=tcp BALANCE=first behind
  start_both
  start_fixture tcp-client --port "${proxy_port[edge]}"
  client=$fixture_pid
  wait_until 10 has_visitor
}

has_visitor() {
  [ "$(observed edge .observed.sessions.s1)" = 1 ]
}

drain_is() { # ADMIN of s1
  [ "$(server edge s1)" = "20 $1" ]
}

@test "the first signal lets the drain end, the second leaves it; resume goes on" {
  visited
  one_of web1
  old=$the_pid
  start_in_background "$TEST_DIR/restart.log" hal9-restart -o text --tone plain web1
  pid=$background_pid
  wait_until 20 drain_is drain
  kill -TERM "$pid"
  is_alive "$pid"
  kill -TERM "$pid"
  wait_for_exit "$pid" 20
  [ "$exit_status" = 143 ] || fail "$exit_status: $(cat "$TEST_DIR/restart.log")"
  is_alive "$old"
  is edge s1 "20 drain"
  kill "$client"
  run hal9-rollback resume -o text
  [ "$status" -eq 0 ] || fail "$output"
  gone "$old"
  is edge s1 "20 ready"
}

@test "who stays longer than the timeout is told, and cut off by the stop" {
  visited
  sed -i 's/timeout: 20s/timeout: 300ms/' "$HAL9OPS_CONFIG"
  run restart web1
  [ "$status" -eq 0 ] || fail "$output"
  says "backend hal9, s1: 1 session is left after 0.3 s"
  is edge s1 "20 ready"
}

@test "a socket that may only look: nothing is stopped" {
  behind
  start_both
  sed -i 's/edge.sock/edge-op.sock/' "$HAL9OPS_CONFIG"
  one_of web1
  old=$the_pid
  run restart web1
  [ "$status" -eq 1 ] || [ "$status" -eq 3 ] || fail "$status: $output"
  says "was not stopped: it could not be drained"
  says "Permission denied"
  is_alive "$old"
  is edge s1 "20 ready"
}

@test "a release that comes back gets the traffic back, too" {
  MORE="    drain: {balancer: edge, backend: hal9, timeout: 5s, grace: 0s}" web_site
  proxy edge "s1 127.0.0.1:${port_of[web]} weight 20" "s2 127.0.0.1:1"
  printf 'balancers:\n' >>"$HAL9OPS_CONFIG"
  balancer edge "{haproxy: [unix:$TEST_DIR/edge.sock]}"
  run restart web
  [ "$status" -eq 0 ] || fail "$output"
  release 2 sick
  deploy 2
  run restart web
  [ "$status" -eq 1 ] || fail "$output"
  [ "$(current)" = rel/1 ]
  never_says "stays drained"
  is edge s1 "20 ready"
}
