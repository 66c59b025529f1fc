# A site of one service, web, whose releases stand side by side: current -> rel/N.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

# release N good|sick|dead: good answers as web, sick as somebody else, dead ends at once.
release() {
  mkdir -p "$TEST_DIR/rel/$1"
  rm -f "$TEST_DIR/rel/$1/web" # it may be running
  case $2 in
  good) cp "$HAL9_FIXTURES/hal9-server" "$TEST_DIR/rel/$1/web" ;;
  sick) cp "$HAL9_FIXTURES/layer9-server" "$TEST_DIR/rel/$1/web" ;;
  dead)
    printf '#!/bin/sh\necho the new release is broken\nexit 3\n' >"$TEST_DIR/rel/$1/web"
    chmod +x "$TEST_DIR/rel/$1/web"
    ;;
  esac
}

# deploy N: as a deployment would, and nothing is restarted by it.
deploy() {
  ln -sfn "rel/$1" "$TEST_DIR/current"
}

current() {
  readlink "$TEST_DIR/current"
}

# web_site: release 1 is good and in use; RELEASE holds more keys of release, GATE the gate, MORE further lines, MARK further arguments.
web_site() {
  open_site
  free_port
  port_of[web]=$free_port
  release 1 good
  deploy 1
  cat >>"$HAL9OPS_CONFIG" <<YAML
  web:
    port: $free_port
    run:
      exec: ["$TEST_DIR/current/web", --port, "$free_port"${MARK:-}]
      env: {HAL9_TEST_MARK: "$HAL9_TEST_MARK", HAL9_FIXTURE_LIFETIME: "300"}
    stop: {grace: 5s}
    gate: ${GATE:-"{within: 2s, interval: 100ms}"}
    release: {current: $TEST_DIR/current${RELEASE:+, $RELEASE}}
    checks:
      - http: http://127.0.0.1:$free_port/health
        expect: {status: 200, json: {/service: hal9-server}}
${MORE:-}
YAML
}

# web_pids: its processes of whatever release, one a line.
web_pids() {
  local pid
  for pid in $(marked_pids); do
    case $(readlink "/proc/$pid/exe") in
    "$TEST_DIR"/rel/*) if is_alive "$pid"; then echo "$pid"; fi ;;
    esac
  done
}

# runs_release N: exactly one process, of that release.
runs_release() {
  local all
  mapfile -t all < <(web_pids)
  [ "${#all[@]}" = 1 ] || fail "${#all[@]} processes of web: ${all[*]}"
  [ "$(readlink "/proc/${all[0]}/exe")" = "$TEST_DIR/rel/$1/web" ] || fail "it runs $(readlink "/proc/${all[0]}/exe")"
  [ "$(current)" = "rel/$1" ] || fail "current is $(current)"
}
