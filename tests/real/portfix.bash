# What the tests of hal9-portfix share: a site with hal9-server on $port, layer9-server in its conflicts.
# shellcheck shell=bash disable=SC2154 # set by common.bash

portfix_setup() {
  common_setup
  skip_unless jq
  free_port
  port=$free_port
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state
  export HAL9OPS_LOCK_DIR=$TEST_DIR/lock HAL9OPS_TONE=plain
  mkdir "$HAL9OPS_LOCK_DIR"
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  hal9-server:
    port: $port
    run: {exec: [$HAL9_FIXTURES/hal9-server, --port, "$port"]}
    conflicts: [layer9-server]
  portless:
    run: {exec: [/bin/true]}
YAML
}

# What --list --all says, a holder a line.
holders() {
  hal9-portfix --list --all -o json "$@" | jq -c 'select(.kind == "holder")'
}

answers() { # of the ports, in order, each once a holder
  holders "$@" | jq -r .answer | tr '\n' ' '
}

pids() {
  holders "$@" | jq -r '.pid // empty' | sort -n | uniq | tr '\n' ' '
}

# Frees without watching for a second thief: tests that aren't about that need not wait.
free() {
  hal9-portfix --settle 0 "$@"
}

gone() {
  if is_alive "$1"; then fail "pid $1 is still there"; fi
}

has() {
  [[ $1 == *"$2"* ]] || fail "no '$2' in: $1"
}

children_of() {
  ps -o pid= --ppid "$1" | tr -d ' '
}

# at_terminal ANSWER COMMAND…: on a terminal of its own, where ANSWER is typed.
at_terminal() {
  local answer=$1
  shift
  TERM=xterm script -qec "$(printf '%q ' "$@")" /dev/null <<<"$answer" 3>&- 4>&-
}
