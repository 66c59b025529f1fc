#!/usr/bin/env bats
# A routing admin API: shares of the hierarchical and the flat path.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load restart
load haproxy

setup() {
  common_setup
  skip_unless python3
  open_balancers
}

routing_api() { # OPTION…
  rm -f "$TEST_DIR/api.port"
  start_in_background "$TEST_DIR/api.log" python3 "$HAL9_SRC/tests/fixtures/routing-api.py" "$TEST_DIR/api.port" "$@"
  wait_until 20 [ -s "$TEST_DIR/api.port" ]
  api=http://127.0.0.1:$(cat "$TEST_DIR/api.port")
}

split() {
  curl -s "$api/config" | jq -c '[.traffic_split.hierarchical_percentage, .traffic_split.flat_percentage, .hierarchical.enabled]'
}

@test "the split is set, told again does nothing, and is taken back" {
  routing_api
  balancer edge "{http: $api/}"
  bal edge set '{"hierarchical": {"weight": 25}, "flat": {"weight": 75}}'
  [ "$status" -eq 0 ]
  first=$op
  [ "$(split)" = "[25,75,true]" ]
  bal edge set '{"hierarchical": {"weight": 25}, "flat": {"weight": 75}}'
  [ "$output" = nothing ]
  run "$HAL9_BIN/hal9-rollback" undo "$first" -o text
  [ "$status" -eq 0 ]
  [ "$(split)" = "[0,100,true]" ]
}

@test "visitors go elsewhere before the path is closed, and the path is opened before they come" {
  routing_api
  balancer edge "{http: $api}"
  bal edge set '{"hierarchical": {"weight": 50}, "flat": {"weight": 50}}'
  bal edge set '{"hierarchical": {"weight": 0, "admin": "drain"}, "flat": {"weight": 100}}'
  [ "$(split)" = "[0,100,false]" ]
  bal edge set '{"hierarchical": {"weight": 5, "admin": "ready"}, "flat": {"weight": 95}}'
  [ "$(split)" = "[5,95,true]" ]
  [ "$(curl -s "$api/calls" | jq -c '[.[] | select(startswith("GET") | not)]')" = '["PATCH /routing/traffic-split","PATCH /routing/traffic-split","POST /routing/hierarchical","POST /routing/hierarchical","PATCH /routing/traffic-split"]' ]
}

@test "a server that takes its configuration only as a whole gets it so" {
  routing_api --whole
  balancer edge "{http: $api}"
  bal edge set '{"hierarchical": {"weight": 10, "admin": "drain"}, "flat": {"weight": 90}}'
  [ "$status" -eq 0 ]
  [ "$(split)" = "[10,90,false]" ]
  [ "$(curl -s "$api/config" | jq -r .name)" = edge ]
}

@test "shares that don't add up are refused before anything is sent" {
  routing_api
  balancer edge "{http: $api}"
  bal edge set '{"hierarchical": {"weight": 25}}'
  [ "$status" -ne 0 ]
  says "don't add up to 100"
  [ "$(curl -s "$api/calls" | jq -c '[.[] | select(startswith("GET") | not)]')" = '[]' ]
}

@test "a token is sent, never shown; without it the refusal is told" {
  routing_api --token hush-hush
  echo hush-hush >"$TEST_DIR/token"
  balancer edge "{http: $api, token: file:$TEST_DIR/token}"
  balancer open "{http: $api}"
  bal edge set '{"hierarchical": {"weight": 25}, "flat": {"weight": 75}}'
  [ "$status" -eq 0 ]
  [[ $output != *hush* ]]
  if grep -rq hush-hush "$HAL9OPS_STATE_DIR"; then fail "the token is in the state directory"; fi
  bal open look
  says "answers 401"
  says "give it a token"
}

@test "one that fails or hangs is told within a bound" {
  routing_api --status 503
  balancer edge "{http: $api}"
  bal edge look
  [ "$status" -ne 0 ]
  says "answers 503"
  routing_api --hang
  balancer hung "{http: $api}"
  start=$SECONDS
  bal hung look
  [ "$status" -ne 0 ]
  says "can't be asked"
  [ $((SECONDS - start)) -lt 60 ]
}

@test "a gradual rollback walks the shares back, whole percents that add up" {
  routing_api
  balancer edge "{http: $api}"
  cat >>"$HAL9OPS_CONFIG" <<'YAML'
rollback:
  migration:
    parts: [{balancer: edge, backend: routing, new: [hierarchical]}]
    gradual: {stops: 7, every: 10ms}
YAML
  run "$HAL9_BIN/hal9-rollback" snapshot flat -o text
  [ "$status" -eq 0 ]
  BACKEND_NAME=routing bal edge set '{"hierarchical": {"weight": 100}, "flat": {"weight": 0}}'
  run "$HAL9_BIN/hal9-rollback" to flat --strategy gradual -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [ "$(split)" = "[0,100,true]" ]
  [ "$(curl -s "$api/calls" | jq -c '[.[] | select(startswith("PATCH"))] | length')" = 8 ]
}
