# The site of the incident: hal9-server with its port, layer9-server in conflicts.
# shellcheck shell=bash disable=SC2154 # set by common.bash

# site [LINES…]: writes hal9.yaml with hal9-server on $free_port; ARGS holds further arguments of the server, GATE the gate's
# time, MORE further lines of the service.
site() {
  free_port
  port=$free_port
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  mkdir -p "$HAL9OPS_LOCK_DIR" "$TEST_DIR/bin"
  # A program of its own: a service is known by its path, and other tests run at the same time.
  cp "$HAL9_FIXTURES/hal9-server" "$TEST_DIR/bin/"
  write_site
}

write_site() {
  cat >"$HAL9OPS_CONFIG" <<YAML
hal9: 1
services:
  hal9-server:
    port: $port
    run:
      exec: [$TEST_DIR/bin/hal9-server, --port, "$port"${ARGS:+, $ARGS}]
      env: {HAL9_TEST_MARK: "$HAL9_TEST_MARK", HAL9_FIXTURE_LIFETIME: "300"}
    stop: {grace: 2s}
    gate: {within: ${GATE:-15s}, interval: 200ms}
    conflicts: [layer9-server]
${MORE:+    $MORE
}    checks:
      - http: http://127.0.0.1:$port/health
        expect: {status: 200, json: {/status: ok, /service: hal9-server}}
YAML
}

# The canonical pipe; its exit code is the last tool's.
incident_pipe() {
  hal9-health | hal9-portfix - "$@" | hal9-restart - | hal9-health -
}

is_gone() {
  if is_alive "$1"; then fail "pid $1 is still there"; fi
}

operations() { # how many there are
  hal9-rollback history -o json | jq -s '[.[] | select(.kind == "operation")] | length'
}

# Who listens on the port now, by pid.
listener() {
  hal9-portfix --list --all -o json "$port" | jq -s -r '[.[] | select(.kind == "holder" and .pid != null)][0].pid // empty'
}
