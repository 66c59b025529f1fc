#!/usr/bin/env bats
# Proves that the fixture servers do what they say, each switch once: tests of the commands stand on that.
# shellcheck disable=SC2154 # what the helpers set

load common
load fixtures

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
