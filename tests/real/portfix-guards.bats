#!/usr/bin/env bats
# Who hal9-portfix doesn't stop: strangers that nobody allowed, those that are never stopped, those it can't see, and whoever got a pid meanwhile.
# shellcheck disable=SC2154 # set by the helpers

load common
load portfix

setup() { portfix_setup; }

# ---- strangers

@test "a stranger is told with all that is known of it, and left alone" {
  start_fixture hold-port --port "$port"
  run hal9-portfix hal9-server -o text
  [ "$status" -eq 1 ]
  has "$output" "held by hold-port (pid $fixture_pid, user $(id -un), since "
  has "$output" "hold-port --port $port"
  has "$output" "conflicts of hal9-server doesn't name it"
  has "$output" "Next: hal9-portfix $port --yes --force=holder"
  has "$output" "add 'hold-port' to conflicts: of hal9-server"
  is_alive "$fixture_pid"
  [ ! -e "$HAL9OPS_STATE_DIR/journal" ] || [ -z "$(ls "$HAL9OPS_STATE_DIR/journal")" ]
}

@test "--yes alone and --force=holder alone are not enough, both are" {
  start_fixture hold-port --port "$port"
  run free "$port" --yes
  [ "$status" -eq 1 ]
  run free "$port" --force=holder
  [ "$status" -eq 1 ]
  run free "$port" --yes --force=drift
  [ "$status" -eq 1 ]
  is_alive "$fixture_pid"
  run free "$port" --yes --force=holder
  [ "$status" -eq 0 ]
  gone "$fixture_pid"
}

@test "one refusal, and no port of the call is touched; every refusal is told" {
  start_fixture layer9-server --port "$port"
  thief=$fixture_pid
  free_port
  start_fixture hold-port --port "$free_port"
  first=$fixture_pid
  start_fixture hold-port --port 0
  run free "$port" "$free_port" "$fixture_port" -o text
  [ "$status" -eq 1 ]
  for pid in "$thief" "$first" "$fixture_pid"; do is_alive "$pid"; done
  has "$output" "pid $first,"
  has "$output" "pid $fixture_pid,"
  [[ $output != *"stop layer9-server"* ]]
}

@test "a stranger that shares the port with a conflict: neither is touched" {
  start_fixture layer9-server --port "$port" --reuseport
  thief=$fixture_pid
  start_fixture hold-port --port "$port" --reuseport
  run free hal9-server -o text
  [ "$status" -eq 1 ]
  has "$output" "hold-port (pid $fixture_pid"
  is_alive "$thief"
  is_alive "$fixture_pid"
}

@test "-n tells what would be refused" {
  start_fixture hold-port --port "$port"
  run hal9-portfix -n "$port" -o text
  [ "$status" -eq 1 ]
  has "$output" "--yes --force=holder"
  run hal9-portfix -n "$port" --yes --force=holder -o text
  [ "$status" -eq 1 ]
  has "$output" "1/3 stop hold-port (pid $fixture_pid)"
  is_alive "$fixture_pid"
  [ ! -e "$HAL9OPS_STATE_DIR" ]
}

@test "at a terminal the name of the stranger has to be typed" {
  skip_unless script bsdutils
  start_fixture hold-port --port "$port"
  for answer in no y hold-por HOLD-PORT ""; do
    run at_terminal "$answer" hal9-portfix --settle 0 "$port"
    [ "$status" -eq 1 ] || fail "'$answer' was enough"
    has "$output" "Type hold-port to go on"
    has "$output" "it was left alone"
  done
  is_alive "$fixture_pid"
  run at_terminal hold-port hal9-portfix --settle 0 "$port"
  [ "$status" -eq 0 ]
  gone "$fixture_pid"
}

@test "at a terminal a conflict is stopped without a question" {
  skip_unless script bsdutils
  start_fixture layer9-server --port "$port"
  run at_terminal "" hal9-portfix --settle 0 hal9-server
  [ "$status" -eq 0 ]
  [[ $output != *"to go on"* ]]
  gone "$fixture_pid"
}

@test "at 3am: letters that say what is wrong, and one numbered list" {
  skip_unless script bsdutils
  start_fixture hold-port --port "$port"
  run at_terminal no hal9-portfix --tone 3am "$port"
  [ "$status" -eq 1 ]
  has "$output" "####"
  has "$output" "What to do next:"
  has "$output" "1. hal9-portfix $port --yes --force=holder"
  has "$output" "2. add 'hold-port' to conflicts: of hal9-server"
  run hal9-portfix --tone 3am "$port" -o text
  [[ $output != *"####"* ]]
}

@test "-q says only what is wrong" {
  start_fixture hold-port --port "$port"
  run hal9-portfix -q "$port" -o text
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 1 ]
  has "$output" "held by hold-port"
  run free -q "$port" --yes --force=holder -o text
  [ "$status" -eq 0 ]
  [ -z "$output" ]
}

@test "secrets on a stranger's command line are not shown" {
  skip_unless perl
  # shellcheck disable=SC2016 # perl's own
  start_in_background "$TEST_DIR/secret.log" perl -MSocket -e '
    $| = 1; socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die $!; listen(S, 1);
    print "ready\n"; sleep 300' "$port" --user=alice --api-token=hush1 --password hush2
  wait_for_log "$TEST_DIR/secret.log" ready
  run hal9-portfix "$port" -o text
  [ "$status" -eq 1 ]
  has "$output" "pid $background_pid"
  has "$output" "--user=alice"
  [[ $output != *hush* ]]
}

# ---- never

# What runs hal9-portfix while it holds the port itself.
holding_parent() {
  # shellcheck disable=SC2016 # perl's own
  perl -MSocket -e '
    socket(S, PF_INET, SOCK_STREAM, 0); bind(S, sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die $!; listen(S, 1);
    shift; $code = system(@ARGV); exit($code >> 8)' "$@"
}

@test "the tool's own ancestors are never stopped, whatever is forced" {
  skip_unless perl
  run holding_parent "$port" hal9-portfix "$port" --yes --force=holder -o text
  [ "$status" -eq 1 ]
  has "$output" "it is never stopped: it is an ancestor of this process"
  [[ $output != *"--force=holder"* ]]
}

@test "what publishes the ports of containers is never stopped: stop the container" {
  cp "$HAL9_FIXTURES/hold-port" "$TEST_DIR/docker-proxy"
  start_in_background "$TEST_DIR/proxy.log" "$TEST_DIR/docker-proxy" --port "$port" --ready-file "$TEST_DIR/ready"
  wait_for_log "$TEST_DIR/ready" "$port"
  run hal9-portfix "$port" --yes --force=holder -o text
  [ "$status" -eq 1 ]
  has "$output" "published by a container: stop the container"
  is_alive "$background_pid"
}

# ---- not seen

@test "another user's holder is hidden, not free: exit 4, and root is named" {
  need_root
  start_fixture layer9-server --port "$port"
  chmod 0644 "$HAL9OPS_CONFIG"
  for words in "--list $port" "$port" "hal9-server --yes --force=holder"; do
    # shellcheck disable=SC2086 # words
    run as_user 12345 env "PATH=$PATH" HAL9OPS_CONFIG="$HAL9OPS_CONFIG" HAL9OPS_STATE_DIR="$TEST_DIR/none" \
      hal9-portfix $words -o text
    [ "$status" -eq 4 ]
    has "$output" "is held by a process of uid 0 that you can't see; run as root"
    has "$output" "sudo hal9-portfix $port"
  done
  is_alive "$fixture_pid"
}

@test "one hidden holder, and nothing of the call is touched" {
  need_root
  start_fixture hold-port --port "$port"
  hidden=$fixture_pid
  free_port
  chmod 0755 "$TEST_DIR"
  mkdir -m 0777 "$TEST_DIR/state12345"
  start_in_background "$TEST_DIR/own.log" as_user 12345 "$HAL9_FIXTURES/hold-port" --port "$free_port" --ready-file "$TEST_DIR/state12345/ready"
  own=$background_pid
  wait_for_log "$TEST_DIR/state12345/ready" "$free_port"
  [ "$(as_user 12345 "$HAL9_BIN/hal9-portfix" --list -o json "$free_port" | jq -r 'select(.kind == "holder") | .name')" = hold-port ]
  run as_user 12345 env "PATH=$PATH" HAL9OPS_STATE_DIR="$TEST_DIR/state12345/state" HAL9OPS_LOCK_DIR="$TEST_DIR/state12345/lock" \
    hal9-portfix "$port" "$free_port" --yes --force=holder -o text
  [ "$status" -eq 4 ]
  is_alive "$own"
  is_alive "$hidden"
}

# ---- two at once

@test "while another run is at work on the port: exit 5, and for whom; without a terminal nobody waits" {
  start_fixture layer9-server --port "$port"
  mkfifo "$TEST_DIR/stands" "$TEST_DIR/go"
  exec {stands}<>"$TEST_DIR/stands" {go}<>"$TEST_DIR/go"
  # It stands behind the second line of its journal: the stop has begun.
  HAL9OPS_TEST_STOP=2:$stands:$go start_in_background "$TEST_DIR/first.log" hal9-portfix hal9-server --settle 0
  first=$background_pid
  read -r -n 1 -t 20 -u "$stands" _
  run hal9-portfix hal9-server --settle 0 -o text
  [ "$status" -eq 5 ]
  has "$output" hal9-portfix
  has "$output" "pid $first"
  is_alive "$fixture_pid"
  printf x >&"$go"
  wait_for_exit "$first"
  [ "$exit_status" -eq 0 ]
  gone "$fixture_pid"
}

# ---- a pid that is used again

# Stops the tool at the journal's line N of the stop, kills the thief, gives its pid to a stranger, lets the tool go on. Runs
# in a pid namespace: pids can be chosen there.
reuse_at_line() {
  # shellcheck disable=SC2016 # the inner shell's own
  in_pid_ns bash -c '
    line=$1 port=$2
    export HAL9_TEST_MARK=inner
    mkfifo "$TEST_DIR/ready.$line" "$TEST_DIR/go.$line" "$TEST_DIR/up.$line"
    exec {ready}<>"$TEST_DIR/ready.$line" {go}<>"$TEST_DIR/go.$line" {up}<>"$TEST_DIR/up.$line"
    "$HAL9_FIXTURES/clone-pid" --detach 4711 "$HAL9_FIXTURES/layer9-server" --port "$port" --ready-fd "$up"
    read -r -t 10 -u "$up" _
    HAL9OPS_TEST_STOP=$line:$ready:$go hal9-portfix hal9-server --settle 0 -o text & tool=$!
    read -r -n 1 -t 10 -u "$ready" _ || exit 99
    kill -KILL 4711
    "$HAL9_FIXTURES/wait-pid" 4711
    for _ in {1..200}; do
      "$HAL9_FIXTURES/clone-pid" --detach 4711 "$HAL9_FIXTURES/hold-port" --port 0 --ready-fd "$up" 2>/dev/null && break
    done
    read -r -t 10 -u "$up" other _
    echo "the stranger holds $other"
    printf x >&"$go"
    wait "$tool"
    echo "exit $?"
    kill -0 4711 && [ "$(cat /proc/4711/comm)" = hold-port ] && echo "the stranger lives"
  ' - "$1" "$port"
}

@test "a pid used again between the journal and the signal: the stranger is not signalled" {
  need_namespaces
  for line in 1 2 3; do
    run reuse_at_line "$line"
    has "$output" "the stranger holds "
    has "$output" "the stranger lives"
    has "$output" "exit 0"
  done
}
