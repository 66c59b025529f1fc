# What tests with real processes share: fixtures that are awaited, not slept for, and a teardown that
# ends exactly what the test started. Use: `load common` (from tests/cli: `load ../real/common`).
# A file with a setup() or teardown() of its own calls common_setup and common_teardown in it.
# shellcheck shell=bash disable=SC2034 # what is set here is read in the tests

HAL9_SRC=${HAL9_SRC:-$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)}
HAL9_BIN=${HAL9_BIN:-$HAL9_SRC/build}
HAL9_FIXTURES=${HAL9_FIXTURES:-$HAL9_BIN/tests/fixtures}
export HAL9_SRC HAL9_BIN HAL9_FIXTURES

setup() { common_setup; }
teardown() { common_teardown; }

# Makes TEST_DIR, the test's own directory, which others may enter (tests with other users). Every
# process that the test starts carries HAL9_TEST_MARK in its environment, whoever its parent becomes.
common_setup() {
  TEST_DIR=$(mktemp -d "${TMPDIR:-/tmp}/hal9ops-test.XXXXXX")
  chmod 0755 "$TEST_DIR"
  export TEST_DIR HAL9_TEST_MARK="hal9-test:$TEST_DIR"
  # What outlives even a killed test ends by itself.
  export HAL9_FIXTURE_LIFETIME=${HAL9_FIXTURE_LIFETIME:-300}
  started_pids=() reserved_ports=() fixture_count=0
  declare -gA ready_reader=()
}

common_teardown() {
  stop_all
  rm -rf "$TEST_DIR"
}

# fail MESSAGE… ends the test.
fail() {
  printf '%s\n' "$*" >&2
  return 1
}

# ---- conditions

# skip_unless COMMAND [PACKAGE]
skip_unless() {
  command -v "$1" >/dev/null || skip "needs ${2:-$1}"
}

need_root() {
  [ "$(id -u)" = 0 ] || skip "needs root"
}

# Root in a container may still lack the right to make namespaces.
need_namespaces() {
  need_root
  unshare --pid --net --mount --fork true 2>/dev/null || skip "needs namespaces"
}

# ---- ports

# Sets free_port: a port that nothing holds in TCP or UDP, IPv4 or IPv6, and that no other running test
# was given. Ask with `free_port`; read $free_port. Below those that the kernel gives to connections: one of
# these would be somebody's own end for as long as a test runs.
free_port() {
  local dir=${TMPDIR:-/tmp}/hal9ops-test-ports
  mkdir -p "$dir"
  chmod 1777 "$dir" 2>/dev/null || true
  for _ in {1..50}; do
    free_port=$((12000 + SRANDOM % 20000))
    "$HAL9_FIXTURES/hold-port" --port "$free_port" --address :: --udp --probe >/dev/null 2>&1 || continue
    if mkdir "$dir/$free_port" 2>/dev/null; then
      reserved_ports+=("$dir/$free_port")
      return 0
    fi
  done
  fail "no free port found; are there stale ones in $dir?"
}

# ---- processes

is_alive() {
  local state
  state=$(ps -o stat= -p "$1") && [[ $state != Z* ]]
}

# start_in_background LOG COMMAND… : the pid goes to background_pid. None of bats' descriptors is kept
# open, or bats would wait for the process.
start_in_background() {
  local log=$1
  shift
  "$@" </dev/null >"$log" 2>&1 3>&- 4>&- &
  background_pid=$!
  started_pids+=("$background_pid")
}

# start_fixture NAME ARGUMENT… : starts it and waits until it is ready. Sets fixture_pid (what was
# started: the server, master or watcher), fixture_port, fixture_server_pid (who listens: under
# --respawn not the watcher) and fixture_log. Not in a subshell (`run`, `$(…)`).
start_fixture() {
  local name=$1 fifo reader writer both
  shift
  fifo=$TEST_DIR/ready.$((++fixture_count))
  fixture_log=$TEST_DIR/$name.$fixture_count.log
  mkfifo "$fifo"
  # shellcheck disable=SC2094 # a FIFO is meant to be read and written
  exec {both}<>"$fifo" {reader}<"$fifo" {writer}>"$fifo" {both}>&-
  (
    exec 9>&"$writer" {writer}>&- {reader}<&- 3>&- 4>&-
    exec "$HAL9_FIXTURES/$name" "$@" --ready-fd 9
  ) </dev/null >"$fixture_log" 2>&1 &
  fixture_pid=$!
  exec {writer}>&-
  started_pids+=("$fixture_pid")
  ready_reader[$fixture_pid]=$reader
  next_ready "$fixture_pid" || fail "$name $* was not ready: $(tail -n 5 "$fixture_log")"
}

# next_ready PID [SECONDS]: waits for the next ready line of the fixture (one each time that a server
# with --respawn is started); false when there will be none. Sets fixture_port, fixture_server_pid.
next_ready() {
  IFS=' ' read -r -t "${2:-10}" fixture_port fixture_server_pid <&"${ready_reader[$1]}"
}

# A FIFO for the --ready-file of servers that the tools start: open_ready_fifo sets ready_fifo, wait_ready
# [SECONDS] waits for the next line in it and sets fixture_port, fixture_server_pid.
open_ready_fifo() {
  ready_fifo=$TEST_DIR/ready.fifo
  mkfifo -m 0666 "$ready_fifo"
  exec {ready_fifo_fd}<>"$ready_fifo"
}

wait_ready() {
  IFS=' ' read -r -t "${1:-10}" fixture_port fixture_server_pid <&"$ready_fifo_fd"
}

# wait_for_exit PID [SECONDS]: false if it still runs then. For a process that this shell started,
# exit_status is its exit status, else empty.
wait_for_exit() {
  local known
  exit_status=
  "$HAL9_FIXTURES/wait-pid" --timeout "$((${2:-10} * 1000))" "$1" >/dev/null || return 1
  for known in "${started_pids[@]}"; do
    if [ "$known" = "$1" ]; then
      exit_status=0
      wait "$1" || exit_status=$?
    fi
  done
  return 0
}

# wait_for_log FILE TEXT [SECONDS]: until the file, which may not be there yet, has the text.
wait_for_log() {
  local lines follower status=0
  exec {lines}< <(exec tail -n +1 -s 0.1 -F "$1" 2>/dev/null 3>&- 4>&-)
  follower=$!
  timeout "${3:-10}" grep -q -m 1 -F -e "$2" <&"$lines" || status=$?
  kill "$follower"
  exec {lines}<&-
  return "$status"
}

# marked_pids: every live process that carries this test's mark, one a line, whoever started it.
marked_pids() {
  local file pid
  for file in $(env -u HAL9_TEST_MARK grep -lsFe "HAL9_TEST_MARK=$HAL9_TEST_MARK" /proc/[0-9]*/environ); do
    pid=${file#/proc/}
    echo "${pid%/environ}"
  done
}

# Ends what the test started, the servers that its tools started included, by pid: a watcher may start
# another one meanwhile, so until there is none.
stop_all() {
  local pids pid dir
  for _ in {1..20}; do
    mapfile -t pids < <(marked_pids)
    [ "${#pids[@]}" -gt 0 ] || break
    kill -KILL "${pids[@]}" 2>/dev/null || true
    "$HAL9_FIXTURES/wait-pid" "${pids[@]}" >/dev/null || true
  done
  for pid in "${started_pids[@]}"; do
    wait "$pid" 2>/dev/null || true
  done
  for dir in "${reserved_ports[@]}"; do
    rmdir "$dir" 2>/dev/null || true
  done
  started_pids=() reserved_ports=()
}

# ---- namespaces, users

# in_pid_ns COMMAND… : in a new pid namespace (its /proc mounted), which ends with the command. There
# "$HAL9_FIXTURES/clone-pid" [--detach] PID COMMAND… starts a process as the pid that the test wants.
in_pid_ns() {
  unshare --pid --fork --mount-proc --kill-child -- "$@"
}

# in_net_ns COMMAND… : in a new network namespace whose loopback is up: every port is free there.
in_net_ns() {
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --net -- sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

# as_user UID COMMAND… : as that user, with no groups and no capabilities.
as_user() {
  local uid=$1
  shift
  setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all --bounding-set=-all -- "$@"
}
