#!/usr/bin/env bats
# Snapshots of what isn't files: weights behind a real haproxy, flags of a flagd file; and snapshots that travel.
# shellcheck disable=SC2154 # set by the helpers

load common
load haproxy

bats_require_minimum_version 1.5.0

setup() {
  common_setup
  open_balancers
  export PATH=$HAL9_BIN:$PATH
}

records() {
  jq -c "select(.kind == \"$1\")" <<<"$output"
}

# site: a plan with a balancer, a flag store and a file.
site() {
  proxy edge "s1 127.0.0.1:9 weight 100" "s2 127.0.0.1:9 weight 50"
  balancer edge "{haproxy: \"unix:$TEST_DIR/edge.sock\"}"
  cat >"$TEST_DIR/flags.json" <<'JSON'
{"flags":{"fast":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"}}}
JSON
  echo one >"$TEST_DIR/app.yaml"
  cat >>"$HAL9OPS_CONFIG" <<YAML
flags:
  main: {flagd: $TEST_DIR/flags.json}
rollback:
  migration:
    parts:
      - {balancer: edge, backend: hal9}
      - flags: main
      - files: $TEST_DIR/app.yaml
YAML
}

@test "weights, flags and files in one document; what differs since, part by part" {
  site
  run -0 hal9-rollback snapshot before -o json
  [ "$(records snapshot | jq -r '.parts | join(" ")')" = "balancer:edge/hal9 flags:main files:$TEST_DIR/app.yaml" ]
  run -0 hal9-rollback diff before
  by_hand edge "set server hal9/s1 weight 10" >/dev/null
  by_hand edge "set server hal9/s2 state drain" >/dev/null
  sed -i 's/"defaultVariant":"off"/"defaultVariant":"on"/' "$TEST_DIR/flags.json"
  run -1 hal9-rollback diff before -o text
  [[ $output == *"edge/hal9 s1: weight 100, ready -> weight 10, ready"* ]]
  [[ $output == *"edge/hal9 s2: weight 50, ready -> weight 50, drain"* ]]
  [[ $output == *"main fast: "*"off -> "*"on"* ]]
  [[ $output == *"3 differences"* ]]
  run -0 hal9-rollback show before -o json
  [ "$(records snapshot | jq -c '.document.parts[0].state.servers.s1.weight')" = 100 ]
  [ "$(records snapshot | jq '.document.connections | has("established") and has("by_state") and has("by_port")')" = true ]
}

@test "a balancer that can't be reached: nothing is written, or a gap with --best-effort" {
  site
  stop_proxy edge
  run -4 hal9-rollback snapshot x -o text
  [[ $output == *"balancer:edge/hal9"* ]]
  [ -z "$(ls "$HAL9OPS_STATE_DIR/snapshots" 2>/dev/null)" ]
  run -0 --separate-stderr hal9-rollback snapshot x --best-effort -o json
  [ "$(records snapshot | jq -r '.gaps[]')" = balancer:edge/hal9 ]
}
