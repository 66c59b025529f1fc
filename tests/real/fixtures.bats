#!/usr/bin/env bats
# Proves that the fixtures do what they say, each switch once, and that the helpers end what a test
# started and nothing else: tests of the commands stand on that.
# shellcheck disable=SC2154 # what the helpers set

load common
bats_require_minimum_version 1.5.0

health() {
  curl -sS --max-time 10 "$@" "http://127.0.0.1:$fixture_port/health"
}

status_of() {
  curl -sS --max-time 10 -o /dev/null -w '%{http_code}' "$@"
}

# raw TEXT: sends bytes as they are, prints what comes until the server closes.
raw() {
  local socket
  exec {socket}<>"/dev/tcp/127.0.0.1/$fixture_port"
  # shellcheck disable=SC2059 # the text is the format, for its \r\n
  printf "$1" >&"$socket"
  timeout 10 cat <&"$socket"
  exec {socket}<&-
}

# Nobody listens on 127.0.0.1, fixture_port.
refused() {
  run -7 curl -sS --max-time 10 "http://127.0.0.1:$fixture_port/health"
}

# Sends a datagram, prints the answer. (bash's read takes a byte at a time, which cuts datagrams off.)
datagram() {
  local socket
  exec {socket}<>"/dev/udp/127.0.0.1/$fixture_port"
  echo ping >&"$socket"
  timeout 10 dd bs=1024 count=1 status=none <&"$socket"
  exec {socket}<&-
}

has() {
  [[ $1 == *"$2"* ]] || fail "no '$2' in: $1"
}

children_of() {
  ps -o pid= --ppid "$1" | tr -d ' '
}

# socket_of PID: the inode of its first socket.
socket_of() {
  find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' | sort | head -n 1
}

now_ms() {
  local now=$EPOCHREALTIME
  echo "$((${now/./} / 1000))"
}

@test "hal9-server answers /health in its own name, other paths with 404" {
  start_fixture hal9-server --port 0
  [ "$(health)" = '{"status":"ok","service":"hal9-server"}' ]
  [ "$(status_of "http://127.0.0.1:$fixture_port/other")" = 404 ]
  [ "$(head -n 1 <(grep -x '[0-9]*' "$fixture_log"))" = "$fixture_port" ]
}

@test "layer9-server differs in answer, process name and executable" {
  start_fixture layer9-server --port 0
  has "$(health)" '"service":"layer9-server"'
  [ "$(cat "/proc/$fixture_pid/comm")" = layer9-server ]
  [ "$(readlink "/proc/$fixture_pid/exe")" = "$(readlink -f "$HAL9_FIXTURES/layer9-server")" ]
}

@test "keep-alive: two requests use one connection, pipelined ones are answered in order" {
  start_fixture hal9-server --port 0
  url=http://127.0.0.1:$fixture_port
  [ "$(curl -sS -o /dev/null -o /dev/null -w '%{num_connects}' "$url/health" "$url/other")" = 10 ]
  answers=$(raw 'GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  [ "$(grep -ao 'HTTP/1.1 [0-9]*' <<<"$answers" | tr '\n' ' ')" = "HTTP/1.1 200 HTTP/1.1 404 " ]
}

@test "HTTP/1.0 closes after the answer, unless asked to keep" {
  start_fixture hal9-server --port 0
  has "$(raw 'GET /health HTTP/1.0\r\n\r\n')" "Connection: close"
  has "$(raw 'GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n')" "404 Not Found"
}

@test "HEAD has the header of GET and no body" {
  start_fixture hal9-server --port 0
  get=$(health -D - -o /dev/null | grep -v '^Date:')
  head=$(health -I | grep -v '^Date:')
  [ "$get" = "$head" ]
  answer=$(raw 'HEAD /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  has "$answer" "Content-Length: 40"
  [[ $answer != *service* ]]
}

@test "what is no good request is told so, and the connection closed" {
  start_fixture hal9-server --port 0
  has "$(raw 'nonsense\r\n\r\n')" "400 Bad Request"
  has "$(raw 'GET /health HTTP/1.1\r\n\r\n')" "400 Bad Request"
  has "$(raw "GET /$(printf 'x%.0s' {1..9000})")" "431 Request"
  has "$(raw 'POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi')" "405 Method"
  [ "$(status_of "http://127.0.0.1:$fixture_port/health")" = 200 ]
}

@test "a client that leaves in the middle of an answer harms nobody" {
  start_fixture hal9-server --port 0 --drip --drip-interval 5
  exec {socket}<>"/dev/tcp/127.0.0.1/$fixture_port"
  printf 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n' >&"$socket"
  read -r -N 3 -u "$socket" text
  [ "$text" = HTT ]
  exec {socket}<&-
  has "$(health)" '"status":"ok"'
}

@test "TERM: the port is free, no client is left hanging, exit 0" {
  start_fixture hal9-server --port 0
  exec {socket}<>"/dev/tcp/127.0.0.1/$fixture_port"
  has "$(health)" '"status":"ok"'
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 0 ]
  run -0 timeout 5 cat <&"$socket"
  exec {socket}<&-
  refused
}

@test "--port: a taken one is told, exit 1" {
  start_fixture hal9-server --port 0
  run -1 "$HAL9_FIXTURES/layer9-server" --port "$fixture_port"
  has "$output" "cannot bind 127.0.0.1 port $fixture_port: Address already in use"
}

@test "--address: dual stack, [::1], several; --v6only" {
  start_fixture hal9-server --port 0 --address ::
  [ "$(status_of "http://[::1]:$fixture_port/health")" = 200 ]
  [ "$(status_of "http://127.0.0.1:$fixture_port/health")" = 200 ]
  free_port
  start_fixture hal9-server --port "$free_port" --address '[::1]'
  [ "$(status_of "http://[::1]:$fixture_port/health")" = 200 ]
  refused
  start_fixture hal9-server --port 0 --address 127.0.0.1 --address 127.0.0.2
  [ "$(status_of "http://127.0.0.2:$fixture_port/health")" = 200 ]
  [ "$(status_of "http://127.0.0.1:$fixture_port/health")" = 200 ]
  free_port
  start_fixture hal9-server --port "$free_port" --address :: --v6only
  [ "$(status_of "http://[::1]:$fixture_port/health")" = 200 ]
  refused
}

@test "--udp: datagrams are answered on the same port; --udp-only: no TCP" {
  start_fixture hal9-server --port 0 --udp
  has "$(datagram)" '"service":"hal9-server"'
  [ "$(status_of "http://127.0.0.1:$fixture_port/health")" = 200 ]
  free_port
  start_fixture hal9-server --port "$free_port" --udp-only
  refused
  has "$(datagram)" '"service":"hal9-server"'
}

@test "--reuseport: two servers on one port" {
  start_fixture hal9-server --port 0 --reuseport
  start_fixture layer9-server --port "$fixture_port" --reuseport
  is_alive "$fixture_pid"
}

@test "--ready-file: a FIFO, and a file that is appended to" {
  open_ready_fifo
  start_in_background "$TEST_DIR/log" "$HAL9_FIXTURES/hal9-server" --port 0 --ready-file "$ready_fifo"
  wait_ready
  [ "$fixture_server_pid" = "$background_pid" ]
  [ "$(status_of "http://127.0.0.1:$fixture_port/health")" = 200 ]
  for _ in 1 2; do
    start_fixture hal9-server --port 0 --ready-file "$TEST_DIR/ready"
    wait_for_log "$TEST_DIR/ready" "$fixture_port $fixture_pid"
  done
  [ "$(wc -l <"$TEST_DIR/ready")" = 2 ]
}

@test "--slow-start: not listening until then" {
  free_port
  start_in_background "$TEST_DIR/log" "$HAL9_FIXTURES/hal9-server" --port "$free_port" --log-lines 1 --slow-start 60000
  wait_for_log "$TEST_DIR/log" "log line 1"
  fixture_port=$free_port refused
  kill "$background_pid"
  wait_for_exit "$background_pid"
  [ "$exit_status" = 0 ]
  before=$(now_ms)
  start_fixture hal9-server --port 0 --slow-start 300
  [ $(($(now_ms) - before)) -ge 300 ]
  [ "$(status_of "http://127.0.0.1:$fixture_port/health")" = 200 ]
}

@test "--slow-health: 503 until then" {
  start_fixture hal9-server --port 0 --slow-health 60000
  [ "$(health -w '%{http_code}' | tr -d '\n')" = '{"status":"starting","service":"hal9-server"}503' ]
  start_fixture hal9-server --port 0 --slow-health 300
  has "$(health --fail --retry 5)" '"status":"ok"'
}

@test "--status, --claim, --redirect" {
  start_fixture hal9-server --port 0 --status 500
  [ "$(health -w '%{http_code}' | tr -d '\n')" = '{"status":"failing","service":"hal9-server"}500' ]
  start_fixture layer9-server --port 0 --claim hal9-server
  [ "$(health)" = '{"status":"ok","service":"hal9-server"}' ]
  start_fixture hal9-server --port 0 --redirect
  [ "$(health -o /dev/null -w '%{http_code} %{redirect_url}')" = "302 http://127.0.0.1:$fixture_port/login" ]
  [ "$(health -L)" = "please log in" ]
}

@test "--hang: accepts, never answers, still ends on TERM" {
  start_fixture hal9-server --port 0 --hang
  run -28 curl -sS --max-time 0.5 "http://127.0.0.1:$fixture_port/health"
  has "$output" "0 bytes received"
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 0 ]
}

@test "--drip: a byte at a time" {
  start_fixture hal9-server --port 0 --drip --drip-interval 3
  read -r ms bytes < <(health -o /dev/null -w '%{time_total} %{size_header} %{size_download}\n' |
    awk '{print int($1 * 1000), $2 + $3}')
  [ "$bytes" -gt 100 ]
  [ "$ms" -ge $(((bytes - 1) * 3)) ]
}

@test "--ignore-term: only KILL ends it" {
  start_fixture hal9-server --port 0 --ignore-term
  kill "$fixture_pid"
  wait_for_log "$fixture_log" "SIGTERM ignored"
  has "$(health)" '"status":"ok"'
  kill -KILL "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 137 ]
}

@test "--term-delay: the port goes at once, the process later; --term-holds: both later" {
  start_fixture hal9-server --port 0 --term-delay 60000
  kill "$fixture_pid"
  wait_for_log "$fixture_log" "stopping"
  refused
  is_alive "$fixture_pid"
  start_fixture hal9-server --port 0 --term-delay 60000 --term-holds
  kill "$fixture_pid"
  wait_for_log "$fixture_log" "stopping"
  has "$(health)" '"status":"ok"'
  start_fixture hal9-server --port 0 --term-delay 300
  before=$(now_ms)
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 0 ]
  [ $(($(now_ms) - before)) -ge 300 ]
}

@test "--workers: share the socket, are replaced when they die, end with the master" {
  start_fixture hal9-server --port 0 --workers 3
  mapfile -t workers < <(children_of "$fixture_pid")
  [ "${#workers[@]}" = 3 ]
  for pid in "${workers[@]}"; do
    [ "$(socket_of "$pid")" = "$(socket_of "$fixture_pid")" ]
  done
  kill -KILL "${workers[1]}"
  wait_for_log "$fixture_log" "worker ${workers[1]} died"
  "$HAL9_FIXTURES/wait-pid" "${workers[1]}"
  has "$(health)" '"status":"ok"'
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 0 ]
  "$HAL9_FIXTURES/wait-pid" "${workers[@]}"
  refused
}

@test "--workers: a dead worker leaves no zombie" {
  start_fixture hal9-server --port 0 --workers 2
  victim=$(children_of "$fixture_pid" | head -n 1)
  kill -KILL "$victim"
  wait_for_log "$fixture_log" "worker $victim died"
  [ ! -e "/proc/$victim" ]
}

@test "--orphan-workers: the master's end leaves them serving" {
  start_fixture hal9-server --port 0 --workers 2 --orphan-workers
  mapfile -t workers < <(children_of "$fixture_pid")
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 0 ]
  is_alive "${workers[0]}"
  is_alive "${workers[1]}"
  has "$(health)" '"status":"ok"'
}

@test "--respawn: another process, same port, until the watcher is told to end" {
  start_fixture hal9-server --port 0 --respawn
  port=$fixture_port first=$fixture_server_pid
  [ "$first" != "$fixture_pid" ]
  [[ $(tr '\0' ' ' <"/proc/$first/cmdline") != *--respawn* ]]
  [ "$(cat "/proc/$first/comm")" = hal9-server ]
  kill "$first"
  next_ready "$fixture_pid"
  [ "$fixture_port" = "$port" ]
  [ "$fixture_server_pid" != "$first" ]
  [ ! -e "/proc/$first" ]
  has "$(health)" '"status":"ok"'
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 0 ]
  refused
}

@test "--respawn-delay, --respawn-max" {
  start_fixture hal9-server --port 0 --respawn --respawn-delay 300 --respawn-max=1
  before=$(now_ms)
  kill -KILL "$fixture_server_pid"
  next_ready "$fixture_pid"
  [ $(($(now_ms) - before)) -ge 300 ]
  kill -KILL "$fixture_server_pid"
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 1 ]
  has "$(cat "$fixture_log")" "ended by signal 9"
  refused
}

@test "--exit-at-start: log lines and that code, never listening" {
  run -3 "$HAL9_FIXTURES/hal9-server" --port 0 --exit-at-start 3
  has "$output" "hal9-server: cannot open database: connection refused"
  [[ $output != *listening* ]]
}

@test "--exit-after: serves, then fails; a master too, with its workers" {
  start_fixture hal9-server --port 0 --exit-after 100
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 1 ]
  has "$(cat "$fixture_log")" "fatal: lost connection"
  start_fixture hal9-server --port 0 --exit-after 300 --workers 2
  mapfile -t workers < <(children_of "$fixture_pid")
  wait_for_exit "$fixture_pid"
  [ "$exit_status" = 1 ]
  "$HAL9_FIXTURES/wait-pid" "${workers[@]}"
}

@test "--check-config, --bad-config" {
  run -0 "$HAL9_FIXTURES/hal9-server" --port 0 --check-config
  run -1 "$HAL9_FIXTURES/hal9-server" --port 0 --check-config --bad-config
  has "$output" "hal9-server: hal9.conf:12: unknown directive"
  run -1 "$HAL9_FIXTURES/hal9-server" --port 0 --bad-config
}

@test "--log-lines, --pidfile, --memory" {
  start_fixture hal9-server --port 0 --log-lines 100 --pidfile "$TEST_DIR/pid" --memory 32
  [ "$(grep -c '^hal9-server: log line' "$fixture_log")" = 100 ]
  [ "$(cat "$TEST_DIR/pid")" = "$fixture_pid" ]
  [ "$(awk '/^VmRSS/ {print $2}' "/proc/$fixture_pid/status")" -ge 32768 ]
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  [ ! -e "$TEST_DIR/pid" ]
}

@test "--stdout-flood: 1 MiB at start, 64 KiB a request; a reader that has gone is no harm" {
  start_fixture hal9-server --port 0 --stdout-flood
  before=$(stat -c %s "$fixture_log")
  [ "$before" -ge 1048576 ]
  has "$(health)" '"status":"ok"'
  [ "$(stat -c %s "$fixture_log")" -ge $((before + 65536)) ]
  open_ready_fifo
  "$HAL9_FIXTURES/hal9-server" --port 0 --stdout-flood --ready-file "$ready_fifo" 3>&- 4>&- | true &
  wait_ready
  [ "$(status_of "http://127.0.0.1:$fixture_port/health")" = 200 ]
}

@test "wrong options are told, exit 2" {
  run -2 "$HAL9_FIXTURES/hal9-server" --prot 1
  has "$output" "no option '--prot'"
  run -2 "$HAL9_FIXTURES/hal9-server" --port many
  run -2 "$HAL9_FIXTURES/hal9-server" --port
  run -2 "$HAL9_FIXTURES/hal9-server" --hang=1
  run -2 "$HAL9_FIXTURES/hal9-server" --port 70000
}

@test "every option that --help names is used in a test here" {
  grep -hvE '^(#|@test)' "$BATS_TEST_FILENAME" "$HAL9_SRC/tests/real/common.bash" >"$TEST_DIR/uses"
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
