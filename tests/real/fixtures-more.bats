#!/usr/bin/env bats
# Proves the smaller fixtures (port holders, clients, chosen pids) and the helpers of common.bash: they end
# what a test started and nothing else.
# shellcheck disable=SC2154 # what the helpers set

load common
load fixtures

@test "every option that --help names is used in a test here" {
  grep -hvE '^(#|@test)' "$HAL9_SRC"/tests/real/{fixtures*.bats,common.bash} >"$TEST_DIR/uses"
  for name in hal9-server hold-port tcp-client clone-pid wait-pid; do
    run -0 "$HAL9_FIXTURES/$name" --help
    while read -r option; do
      [ "$option" = --help ] || grep -qEe "$option([ =]|\$)" "$TEST_DIR/uses" ||
        fail "$name $option is in no test"
    done < <(grep -o '^  --[a-z0-9-]*' <<<"$output" | tr -d ' ')
  done
}

@test "hold-port: TCP, bound only, UDP, several" {
  free_port
  start_fixture hold-port --port "$free_port"
  run -1 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  run -0 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --udp-only --probe
  start_fixture hold-port --port 0 --no-listen --no-reuseaddr
  run -1 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  refused
  free_port
  start_fixture hold-port --port "$free_port" --udp-only
  run -1 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --udp-only --probe
  run -0 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  start_fixture hold-port --port 0 --port 0 --udp
  [ "$(sort -u "$fixture_log" | wc -l)" = 2 ]
  [ "$(find "/proc/$fixture_pid/fd" -lname 'socket:*' | wc -l)" = 4 ]
}

@test "hold-port: wildcard, IPv6, v4-mapped, IPv6 only" {
  start_fixture hold-port --port 0 --address 0.0.0.0
  run -1 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  start_fixture hold-port --port 0 --address ::
  run -1 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  free_port
  start_fixture hold-port --port "$free_port" --address :: --v6only
  run -0 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  free_port
  start_fixture hold-port --port "$free_port" --address ::ffff:127.0.0.1
  run -1 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  run -0 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --address ::1 --probe
  grep -qi "00000000FFFF00000100007F:$(printf %04X "$fixture_port")" /proc/net/tcp6
}

@test "hold-port: SO_REUSEPORT, children with the same socket, --ignore-term" {
  start_fixture hold-port --port 0 --reuseport
  run -1 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  run -0 "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe --reuseport
  start_fixture hold-port --port 0 --children 2
  mapfile -t children < <(children_of "$fixture_pid")
  [ "${#children[@]}" = 2 ]
  [ "$(socket_of "${children[1]}")" = "$(socket_of "$fixture_pid")" ]
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 0 ]
  "$HAL9_FIXTURES/wait-pid" "${children[@]}"
  start_fixture hold-port --port 0 --ignore-term
  kill "$fixture_pid"
  run -1 "$HAL9_FIXTURES/wait-pid" --timeout 200 "$fixture_pid"
}

@test "tcp-client: stays when its server is killed; --exit-on-close does not" {
  start_fixture hal9-server --port 0
  port=$fixture_port server=$fixture_pid
  start_fixture tcp-client --port "$port" --connections 2 --send
  stayer=$fixture_pid log=$fixture_log
  [ "$(grep -c 'answered with' "$log")" = 2 ]
  start_fixture tcp-client --port "$port" --exit-on-close
  kill -KILL "$server"
  wait_for_log "$log" "peer closed connection 2"
  is_alive "$stayer"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 3 ]
  kill "$stayer"
  wait_for_exit "$stayer"
  [ "$exit_status" = 0 ]
}

@test "tcp-client: --local-port, --udp, --address" {
  start_fixture hal9-server --port 0 --udp --address ::1
  port=$fixture_port
  free_port
  start_fixture tcp-client --port "$port" --address ::1 --local-port "$free_port"
  [ "$fixture_port" = "$free_port" ]
  start_fixture tcp-client --port "$port" --address ::1 --udp --send
  has "$(cat "$fixture_log")" "answered with 40 bytes"
}

@test "clone-pid: a stranger gets the pid of one that died; a pid in use is refused" {
  need_namespaces
  # shellcheck disable=SC2016 # the inner shell expands it
  run -0 in_pid_ns bash -c '
    set -e
    clone=$HAL9_FIXTURES/clone-pid
    $clone --detach 4711 sleep 100
    [ "$(cat /proc/4711/comm)" = sleep ]
    if $clone 4711 true; then exit 9; fi
    kill -KILL 4711
    $HAL9_FIXTURES/wait-pid 4711
    until $clone --detach 4711 tail -f /dev/null 2>/dev/null; do true; done
    [ "$(cat /proc/4711/comm)" = tail ]
    status=0; $clone 77 sh -c "exit 5" || status=$?; [ "$status" = 5 ]
    status=0; $clone 77 /nonexistent || status=$?; [ "$status" = 127 ]'
  has "$output" "cannot start a process as pid 4711: it is in use here"
}

@test "in_net_ns: every port is free there; as_user: another uid, no capability" {
  need_namespaces
  start_fixture hal9-server --port 0
  run -0 in_net_ns "$HAL9_FIXTURES/hold-port" --port "$fixture_port" --probe
  [ "$(as_user 12345 id -u)" = 12345 ]
  # shellcheck disable=SC2016 # awk expands it
  [ "$(as_user 12345 awk '/^Cap(Eff|Prm|Bnd)/ {print $2}' /proc/self/status | sort -u)" = 0000000000000000 ]
}

@test "wait-pid: knows the dead, the living, and who dies meanwhile" {
  sleep 100 3>&- 4>&- &
  pid=$!
  run -1 "$HAL9_FIXTURES/wait-pid" --timeout 50 "$pid"
  [ "$output" = "$pid" ]
  kill "$pid"
  "$HAL9_FIXTURES/wait-pid" "$pid"
}

@test "a fixture that cannot start is told with its log, at once" {
  run -1 start_fixture hal9-server --port 0 --exit-at-start 3
  has "$output" "was not ready"
  has "$output" "cannot open database"
}

@test "free_port gives what can be bound, and never the same to two" {
  free_port
  first=$free_port
  free_port
  [ "$free_port" != "$first" ]
  start_fixture hal9-server --port "$free_port" --udp --address ::
}

@test "teardown ends what the test started, its orphans too, and nobody else" {
  env -u HAL9_TEST_MARK sleep 100 3>&- 4>&- &
  stranger=$!
  start_fixture hal9-server --port 0 --workers 2 --orphan-workers
  mapfile -t orphans < <(children_of "$fixture_pid")
  kill -KILL "$fixture_pid"
  start_fixture hal9-server --port 0 --respawn --respawn-delay 0 --ignore-term
  server=$fixture_server_pid
  stop_all
  for pid in "${orphans[@]}" "$server" "$fixture_pid"; do
    run ! is_alive "$pid"
  done
  is_alive "$stranger"
  kill "$stranger"
  wait "$stranger" || [ "$?" = 143 ]
}

@test "a fixture that outlives its test ends by itself" {
  HAL9_FIXTURE_LIFETIME=1 start_fixture hal9-server --port 0 --workers 1
  worker=$(children_of "$fixture_pid")
  "$HAL9_FIXTURES/wait-pid" "$fixture_pid" "$worker"
}
