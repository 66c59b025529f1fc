#!/usr/bin/env bats
# hal9-portfix on real processes: who holds a port in every way it can be held, and setting it free.
# shellcheck disable=SC2154 # set by the helpers

load common
load portfix

setup() { portfix_setup; }

# ---- telling

@test "--list names the thief, its pid and for how long; exit 1" {
  start_fixture layer9-server --port "$port"
  run hal9-portfix --list "$port" -o text
  [ "$status" -eq 1 ]
  has "${lines[0]}" "$port/tcp is held by layer9-server, pid $fixture_pid, for "
  [ "${lines[1]}" = "Next: hal9-portfix hal9-server" ]
}

@test "a record has all facts of the holder" {
  start_fixture layer9-server --port "$port"
  record=$(holders "$port")
  [ "$(jq -r '[.service, .port, .proto, .answer, .address, .pid, .name] | map(tostring) | join(" ")' <<<"$record")" = \
    "hal9-server $port tcp other 127.0.0.1:$port $fixture_pid layer9-server" ]
  [ "$(jq -r .exe <<<"$record")" = "$(readlink -f "$HAL9_FIXTURES/layer9-server")" ]
  [ "$(jq -r .user <<<"$record")" = "$(id -un)" ]
  started=$(date -d "$(jq -r .started <<<"$record")" +%s)
  [ $(($(date +%s) - started)) -le 60 ]
}

@test "a free port: exit 0, and a port that only contains its digits is another" {
  start_fixture layer9-server --port "$port"
  free_port
  run hal9-portfix --list "$free_port" -o text
  [ "$status" -eq 0 ]
  [ "$output" = "$free_port/tcp is free" ]
  first=1
  [[ $port != 1* ]] || first=2
  for other in "${port%?}" "$first${port: -4}"; do
    [[ $(pids "$other") != *"$fixture_pid"* ]]
  done
}

@test "its owner's: exit 0, asked by port and by service" {
  start_fixture hal9-server --port "$port"
  for word in "$port" hal9-server; do
    run hal9-portfix --list "$word" -o text
    [ "$status" -eq 0 ]
    [ "$output" = "$port/tcp is its owner's: hal9-server, pid $fixture_pid" ]
  done
}

@test "without a configuration every holder is another's" {
  echo 'hal9: 1' >"$HAL9OPS_CONFIG"
  start_fixture hal9-server --port "$port"
  run hal9-portfix --list "$port" -o text
  [ "$status" -eq 1 ]
  has "$output" "is held by hal9-server, pid $fixture_pid"
}

@test "IPv4, IPv6, v4-mapped, wildcards: one process is one holder with all its addresses" {
  for address in 127.0.0.1 ::1 ::ffff:127.0.0.1 0.0.0.0 ::; do
    free_port
    start_fixture hold-port --port "$free_port" --address "$address"
    [ "$(pids "$free_port")" = "$fixture_pid " ] || fail "$address"
    case $address in
    ::) expected="*:$free_port" ;;
    *:*) expected="[$address]:$free_port" ;;
    *) expected="$address:$free_port" ;;
    esac
    [ "$(holders "$free_port" | jq -r .address)" = "$expected" ]
  done
  free_port
  start_fixture hold-port --port "$free_port" --address 127.0.0.1 --address ::1
  [ "$(holders "$free_port" | jq -r .address)" = "127.0.0.1:$free_port, [::1]:$free_port" ]
}

@test "UDP is asked for by /udp, and is not TCP" {
  start_fixture hold-port --port "$port" --udp-only
  [ "$(answers "$port")" = "free " ]
  [ "$(answers "$port/udp")" = "other " ]
  [ "$(pids "$port/udp")" = "$fixture_pid " ]
}

@test "several ports and a range in one call, a free one of a short range told as well" {
  start_fixture hold-port --port "$port"
  first=$fixture_pid
  free_port
  start_fixture hold-port --port "$free_port"
  [ "$(pids "$port" "$free_port")" = "$(printf '%s\n' "$first" "$fixture_pid" | sort -n | tr '\n' ' ')" ]
  [ "$(hal9-portfix --list -o json "$port-$((port + 3))" | jq -s '[.[] | select(.kind == "holder") | .port] | unique | length')" -eq 4 ]
  [[ $(pids 1-65535) == *"$fixture_pid"* ]]
}

@test "--list alone tells all that listen; only a service's port held by another is exit 1" {
  start_fixture hold-port --port 0
  run hal9-portfix --list -o text
  [ "$status" -eq 0 ]
  has "$output" "is held by hold-port, pid $fixture_pid"
  start_fixture layer9-server --port "$port"
  run hal9-portfix --list -o text
  [ "$status" -eq 1 ]
}

@test "workers that share a socket: --list tells one and how many more, --all every one" {
  start_fixture hold-port --port "$port" --children 3
  mapfile -t children < <(children_of "$fixture_pid")
  run hal9-portfix --list --all "$port" -o text
  has "${lines[0]}" "and 3 more processes"
  [ "$(pids "$port")" = "$(printf '%s\n' "$fixture_pid" "${children[@]}" | sort -n | tr '\n' ' ')" ]
  [ "$(holders "$port" | jq -s 'all(.shared)')" = true ]
  echo 'hal9: 1' >"$HAL9OPS_CONFIG"
  run hal9-portfix --list "$port" -o text
  has "$output" "hal9-portfix --list --all $port   (others may share it)"
}

@test "a client of the port is no holder" {
  start_fixture hal9-server --port "$port"
  start_fixture tcp-client --port "$port"
  [[ $(pids "$port") != *"$fixture_pid"* ]]
}

@test "--list makes no state directory" {
  start_fixture layer9-server --port "$port"
  run hal9-portfix --list "$port"
  [ "$status" -eq 1 ]
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

# ---- setting free

@test "a conflict is stopped, the proof told, the way back named; a second run does nothing" {
  start_fixture layer9-server --port "$port"
  run hal9-portfix hal9-server --settle 100ms -o text
  [ "$status" -eq 0 ]
  gone "$fixture_pid"
  has "${lines[0]}" "held by layer9-server, pid $fixture_pid"
  has "${lines[1]}" "1/3 stop layer9-server (pid $fixture_pid)"
  has "${lines[2]}" "2/3 prove that $port can be bound"
  has "${lines[3]}" "3/3 watch for a second thief"
  [[ ${lines[4]} =~ ^"$port is free. Undo: hal9-rollback undo "[0-9a-z]{4}$ ]]
  [ "${lines[5]}" = "Next: hal9-restart hal9-server" ]
  journals=$(ls "$HAL9OPS_STATE_DIR/journal")
  run hal9-portfix hal9-server -o text
  [ "$status" -eq 0 ]
  [ "$output" = "$port/tcp is free" ]
  [ "$(ls "$HAL9OPS_STATE_DIR/journal")" = "$journals" ]
}

@test "on a free port no state directory is made" {
  run hal9-portfix "$port"
  [ "$status" -eq 0 ]
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "-n tells the plan and changes nothing; exit 1 where something would be done, else 0" {
  start_fixture layer9-server --port "$port"
  run hal9-portfix -n hal9-server -o text
  [ "$status" -eq 1 ]
  has "$output" "1/3 stop layer9-server (pid $fixture_pid)"
  has "$output" pending
  is_alive "$fixture_pid"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  run hal9-portfix -n hal9-server -o text
  [ "$status" -eq 0 ]
}

@test "after the run the records say released, and the end counts it" {
  start_fixture layer9-server --port "$port"
  free hal9-server -o json >"$TEST_DIR/records"
  [ "$(jq -r 'select(.kind == "holder") | .answer' "$TEST_DIR/records" | tr '\n' ' ')" = "other released " ]
  [ "$(jq -r 'select(.kind == "operation") | .state' "$TEST_DIR/records")" = "done" ]
  [ "$(jq -r 'select(.kind == "end") | "\(.passed) \(.failed) \(.exit)"' "$TEST_DIR/records")" = "1 0 0" ]
  [ "$(jq -c 'select(.kind == "begin") | .ports' "$TEST_DIR/records")" = "[\"$port\"]" ]
}

@test "one that ignores TERM is killed after the grace" {
  start_fixture layer9-server --port "$port" --ignore-term
  run free hal9-server --grace 200ms
  [ "$status" -eq 0 ]
  gone "$fixture_pid"
}

@test "workers, and those that their master left behind, all end" {
  start_fixture layer9-server --port "$port" --workers 3 --orphan-workers
  mapfile -t workers < <(children_of "$fixture_pid")
  run free hal9-server
  [ "$status" -eq 0 ]
  for pid in "$fixture_pid" "${workers[@]}"; do gone "$pid"; done
}

@test "two processes that share the port by SO_REUSEPORT both end" {
  start_fixture layer9-server --port "$port" --reuseport
  first=$fixture_pid
  start_fixture layer9-server --port "$port" --reuseport
  [ "$(pids "$port")" = "$(printf '%s\n' "$first" "$fixture_pid" | sort -n | tr '\n' ' ')" ]
  run free hal9-server
  [ "$status" -eq 0 ]
  gone "$first"
  gone "$fixture_pid"
}

@test "the owner on another address, or beside the thief by SO_REUSEPORT, is not touched" {
  start_fixture hal9-server --port "$port" --address ::1 --v6only
  owner=$fixture_pid
  start_fixture layer9-server --port "$port"
  run free hal9-server -o text
  [ "$status" -eq 0 ]
  has "${lines[0]}" "while its owner, hal9-server, has [::1]:$port"
  gone "$fixture_pid"
  is_alive "$owner"
  start_fixture hal9-server --port "$port" --reuseport
  owner=$fixture_pid
  start_fixture layer9-server --port "$port" --reuseport
  run free hal9-server
  [ "$status" -eq 0 ]
  gone "$fixture_pid"
  is_alive "$owner"
}

@test "IPv6, dual-stack and UDP holders end as well" {
  for options in "--address ::1" "--address ::" "--address ::ffff:127.0.0.1"; do
    # shellcheck disable=SC2086 # words
    start_fixture layer9-server --port "$port" $options
    run free hal9-server
    [ "$status" -eq 0 ]
    gone "$fixture_pid"
  done
  start_fixture hold-port --port "$port" --udp-only
  run free "$port/udp" --yes --force=holder -o text
  [ "$status" -eq 0 ]
  gone "$fixture_pid"
  has "$output" "$port/udp is free. Undo: "
}

@test "one process on several of the ports is stopped once, each port proven" {
  free_port
  start_fixture hold-port --port "$port" --port "$free_port"
  run free "$port" "$free_port" --yes --force=holder -o text
  [ "$status" -eq 0 ]
  [ "$(grep -c ' stop hold-port' <<<"$output")" -eq 1 ]
  [ "$(grep -c ' prove that ' <<<"$output")" -eq 2 ]
  [ "$(answers "$port" "$free_port")" = "free free " ]
}

@test "a range is freed from all that hold a port in it" {
  low=$((port < 65000 ? port : port - 10))
  start_fixture hold-port --port "$port"
  first=$fixture_pid
  run free "$low-$((low + 20))" --yes --force=holder -o text
  [ "$status" -eq 0 ]
  gone "$first"
  has "$output" "$port is free"
}

@test "a second thief: taken again, by whom and who started it; exit 1" {
  start_fixture layer9-server --port "$port" --respawn --respawn-delay 50
  run hal9-portfix hal9-server -o text
  [ "$status" -eq 1 ]
  next_ready "$fixture_pid"
  has "$output" "$port/tcp was taken again by layer9-server, pid $fixture_server_pid"
  has "$output" "started by layer9-server (pid $fixture_pid)"
  has "${lines[-1]}" "stop what starts it again: layer9-server (pid $fixture_pid)"
  is_alive "$fixture_pid"
  [ "$(answers "$port")" = "other " ]
}

@test "closed connections keep a port from nobody: told as time_wait, exit 0" {
  start_fixture hal9-server --port "$port"
  # The server is the one that closes first, so that the closed connection stays on its side.
  exec {socket}<>"/dev/tcp/127.0.0.1/$port"
  printf 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&"$socket"
  has "$(timeout 10 cat <&"$socket")" '"status":"ok"'
  exec {socket}<&-
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  run hal9-portfix "$port" -o json
  [ "$status" -eq 0 ]
  [ "$(jq -r 'select(.kind == "holder") | .answer' <<<"$output")" = time_wait ]
}

@test "a socket that is only bound: not called free, exit 4" {
  start_fixture hold-port --port "$port" --no-listen --no-reuseaddr
  run hal9-portfix "$port" -o text
  [ "$status" -eq 4 ]
  has "$output" "has no listener, but a bound socket or connections"
  is_alive "$fixture_pid"
}

@test "the owner that takes the port the moment it is free is no second thief" {
  start_fixture layer9-server --port "$port"
  thief=$fixture_pid
  # shellcheck disable=SC2016 # the inner shell's own
  start_in_background "$TEST_DIR/waiting.log" bash -c '
    "$HAL9_FIXTURES/wait-pid" "$1"; exec "$HAL9_FIXTURES/hal9-server" --port "$2"' - "$thief" "$port"
  run hal9-portfix hal9-server --settle 1s -o text
  [ "$status" -eq 0 ]
  has "$output" "is its owner's: hal9-server, pid $background_pid"
}

@test "a socket that outlives the process that opened it: who inherited it is stopped" {
  start_fixture hold-port --port "$port" --children 1
  heir=$(children_of "$fixture_pid")
  kill -KILL "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$(pids "$port")" = "$heir " ]
  run free "$port" --yes --force=holder
  [ "$status" -eq 0 ]
  gone "$heir"
}

@test "a signal during the watch: exit 128 + n, and how to go on; the next run leaves nothing unfinished" {
  start_fixture layer9-server --port "$port"
  start_in_background "$TEST_DIR/records" hal9-portfix hal9-server --settle 60s -o json
  wait_for_log "$TEST_DIR/records" '"step":"prove-'
  kill -TERM "$background_pid"
  wait_for_exit "$background_pid"
  [ "$exit_status" -eq 143 ]
  gone "$fixture_pid"
  has "$(cat "$TEST_DIR/records")" "go on with: hal9-rollback resume "
  [ "$(grep '"kind":"end"' "$TEST_DIR/records" | jq -r '"\(.exit) \(.resumable)"')" = "143 true" ]
  run free hal9-server
  [ "$status" -eq 0 ]
  [ -z "$(ls "$HAL9OPS_STATE_DIR/open")" ]
}

# ---- wrong words

@test "wrong ports, services and options: exit 2, nothing touched" {
  start_fixture layer9-server --port "$port"
  for words in 80800 0 "8010-8000" 80/sctp hal9-serve portless "" "- 8080" "--all $port" "--grace soon $port"; do
    # shellcheck disable=SC2086 # words
    run hal9-portfix $words </dev/null
    [ "$status" -eq 2 ] || fail "$words: $status: $output"
  done
  run hal9-portfix hal9-serve
  has "$output" "did you mean 'hal9-server'?"
  run hal9-portfix "$port" 80800
  [ "$status" -eq 2 ]
  has "$output" "1 to 65535"
  echo 'services: {x: {prot: 1}}' >"$HAL9OPS_CONFIG"
  run hal9-portfix "$port" --yes --force=holder
  [ "$status" -eq 2 ]
  is_alive "$fixture_pid"
}
