#!/usr/bin/env bats
# A Caddy by its admin API: one PATCH of its reverse_proxy, guarded by the ETag.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load restart
load haproxy

setup() {
  common_setup
  skip_unless caddy
  open_balancers
  caddy_up
}

caddy_up() {
  local n upstreams=""
  for n in 1 2 3; do
    start_fixture hal9-server --port 0 --claim "s$n"
    eval "s$n=127.0.0.1:$fixture_port"
    upstreams+="${upstreams:+,}{\"dial\":\"127.0.0.1:$fixture_port\"}"
  done
  free_port
  front=$free_port
  free_port
  admin=http://127.0.0.1:$free_port
  cat >"$TEST_DIR/caddy.json" <<CFG
{"admin":{"listen":"${admin#http://}"},"logging":{"logs":{"default":{"level":"ERROR"}}},"apps":{"http":{"servers":{"s":{"listen":["127.0.0.1:$front"],"automatic_https":{"disable":true},
 "routes":[{"handle":[{"@id":"hal9","handler":"reverse_proxy","load_balancing":{"selection_policy":{"policy":"round_robin"}},"upstreams":[$upstreams]}]}]}}}}}
CFG
  HOME=$TEST_DIR XDG_CONFIG_HOME=$TEST_DIR XDG_DATA_HOME=$TEST_DIR start_in_background "$TEST_DIR/caddy.log" caddy run --config "$TEST_DIR/caddy.json"
  caddy_pid=$background_pid
  wait_until 20 curl -sf "$admin/id/hal9"
  balancer edge "{caddy: $admin}"
}

who() {
  for ((i = 0; i < $1; i++)); do curl -sS "http://127.0.0.1:$front/health"; done | jq -r .service | sort | uniq -c | xargs
}

@test "a change is in force when it returns; again there is nothing to do; undo sets it as it was" {
  before=$(curl -s "$admin/id/hal9" | jq -S .)
  [ "$(who 6)" = "2 s1 2 s2 2 s3" ]
  bal edge set "{\"$s1\": {\"weight\": 4}, \"$s2\": {\"weight\": 0}, \"$s3\": {\"admin\": \"drain\"}}"
  [ "$status" -eq 0 ]
  first=$op
  [ "$(who 5)" = "5 s1" ]
  is edge "$s2" "0 ready"
  is edge "$s3" "1 drain"
  bal edge set "{\"$s1\": {\"weight\": 4}, \"$s2\": {\"weight\": 0}, \"$s3\": {\"admin\": \"drain\"}}"
  [ "$output" = nothing ]
  run "$HAL9_BIN/hal9-rollback" undo "$first" -o text
  [ "$status" -eq 0 ]
  [ "$(who 6)" = "2 s1 2 s2 2 s3" ]
  diff <(jq -S '.upstreams |= sort_by(.dial)' <<<"$before") <(curl -s "$admin/id/hal9" | jq -S '.upstreams |= sort_by(.dial)')
}

@test "the traffic is shared by the weights, and Caddy saves what was set" {
  bal edge set "{\"$s1\": {\"weight\": 7}, \"$s2\": {\"weight\": 2}, \"$s3\": {\"weight\": 1}}"
  [ "$(who 20)" = "14 s1 4 s2 2 s3" ]
  bal edge set "{\"$s3\": {\"weight\": 0}}"
  [ "$(jq '[.. | .dial? // empty] | length' "$TEST_DIR/caddy/autosave.json")" = 9 ]
  is edge "$s3" "0 ready"
}

@test "all of them off, and on again" {
  bal edge set "{\"$s1\": {\"weight\": 0}, \"$s2\": {\"weight\": 0}, \"$s3\": {\"weight\": 0}}"
  [ "$status" -eq 0 ]
  [ "$(curl -s -o "$TEST_DIR/answer" -w '%{http_code}' "http://127.0.0.1:$front/health")" = 503 ]
  bal edge set "{\"$s2\": {\"weight\": 1}}"
  [ "$(who 2)" = "2 s2" ]
}

@test "one that somebody puts back by hand is on" {
  bal edge set "{\"$s3\": {\"admin\": \"drain\"}}"
  curl -sf -X POST -H 'Content-Type: application/json' -d "{\"dial\":\"$s3\"}" "$admin/id/hal9/upstreams"
  is edge "$s3" "1 ready"
}

@test "no such id, not reachable, not answering: told, nothing done" {
  BACKEND_NAME=hal bal edge look
  says "no backend 'hal'; did you mean 'hal9'?"
  kill -STOP "$caddy_pid"
  BACKEND_NAME=hal9 bal edge look
  kill -CONT "$caddy_pid"
  [ "$status" -ne 0 ]
  says "can't be asked"
  kill "$caddy_pid"
  "$HAL9_FIXTURES/wait-pid" "$caddy_pid" >/dev/null
  bal edge set "{\"$s1\": {\"weight\": 4}}"
  [ "$status" -ne 0 ]
  says "balancer edge at $admin can't be asked"
}
