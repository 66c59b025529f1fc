# Real haproxies for the tests of balancers, on free ports and sockets of the test's own.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

# proxy NAME SERVER…: starts one with a backend "hal9" of these lines ("s1 127.0.0.1:9001 weight 5"), and a frontend on proxy_port[NAME]. Sockets:
# $TEST_DIR/NAME.sock (admin), NAME-op.sock (operator), and tcp proxy_tcp[NAME]. GLOBAL, DEFAULTS, BACKEND: lines more. MASTER=1: with a master,
# whose socket is NAME-master.sock.
proxy() {
  local name=$1 line
  shift
  declare -gA proxy_port proxy_tcp
  free_port
  proxy_port[$name]=$free_port
  free_port
  proxy_tcp[$name]=$free_port
  {
    cat <<CFG
global
  stats socket $TEST_DIR/$name.sock mode 600 level admin
  stats socket $TEST_DIR/$name-op.sock mode 600 level operator
  stats socket 127.0.0.1:${proxy_tcp[$name]} level admin
  hard-stop-after 60s
${GLOBAL:-}
defaults
  mode ${MODE:-http}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
${DEFAULTS:-}
frontend front
  bind 127.0.0.1:${proxy_port[$name]}
  default_backend hal9
backend hal9
  balance ${BALANCE:-roundrobin}
${BACKEND:-}
CFG
    for line in "$@"; do echo "  server $line"; done
  } >"$TEST_DIR/$name.cfg"
  if [ -n "${MASTER:-}" ]; then
    start_proxy "$name" -W -S "$TEST_DIR/$name-master.sock"
  else
    start_proxy "$name"
  fi
}

# It returns when it listens.
start_proxy() { # NAME OPTION…
  local name=$1
  shift
  haproxy -D -f "$TEST_DIR/$name.cfg" -p "$TEST_DIR/$name.pid" "$@" >"$TEST_DIR/$name.log" 2>&1 3>&- 4>&- </dev/null ||
    fail "haproxy $name did not start: $(cat "$TEST_DIR/$name.log")"
}

# A new process takes over; the old one goes on with its sessions.
reload_proxy() { # NAME
  start_proxy "$1" -sf "$(cat "$TEST_DIR/$1.pid")"
}

stop_proxy() { # NAME
  kill -KILL "$(cat "$TEST_DIR/$1.pid")"
  "$HAL9_FIXTURES/wait-pid" "$(cat "$TEST_DIR/$1.pid")" >/dev/null
}

# by_hand NAME COMMAND: what an administrator would do.
by_hand() {
  echo "$2" | socat -t5 - "UNIX-CONNECT:$TEST_DIR/$1.sock"
}

# open_balancers: state and locks of the test's own, an empty configuration.
open_balancers() {
  skip_unless haproxy
  skip_unless socat
  skip_unless jq
  export HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  mkdir -p "$HAL9OPS_LOCK_DIR"
  printf 'hal9: 1\nbalancers:\n' >"$HAL9OPS_CONFIG"
}

# balancer NAME MAP: an entry of balancers.
balancer() {
  echo "  $1: $2" >>"$HAL9OPS_CONFIG"
}

# bal NAME VERB [JSON]: an operation on the backend "hal9"; sets status and output as run does, and op, the operation's id.
bal() {
  run "$HAL9_BIN/tests/bench/balancer" "$HAL9OPS_CONFIG" "$1" "${BACKEND_NAME:-hal9}" "${@:2}"
  op=$(grep -oE '^[0-9a-z]{14} ' <<<"$output" | head -n 1) || true
  op=${op% }
}

# server NAME SERVER: "WEIGHT ADMIN" of it; MEMBERS of the state otherwise.
server() {
  "$HAL9_BIN/tests/bench/balancer" "$HAL9OPS_CONFIG" "$1" hal9 look | jq -r --arg s "$2" '.servers[$s] | "\(.weight) \(.admin)"'
}

is() { # NAME SERVER "WEIGHT ADMIN"
  local now
  now=$(server "$1" "$2")
  [ "$now" = "$3" ] || fail "$2 is '$now', not '$3'"
}

observed() { # NAME FILTER
  "$HAL9_BIN/tests/bench/balancer" "$HAL9OPS_CONFIG" "$1" hal9 look | jq -c "$2"
}

# wait_until SECONDS COMMAND…: until it succeeds.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "in vain: $*"
    read -r -t 0.05 <> <(:) || true
  done
}
