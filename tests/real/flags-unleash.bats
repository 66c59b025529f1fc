#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# Flags of a real Unleash: what its admin API does that nobody expects, and that undo takes back all of it.

load common
load flags
load unleash

setup_file() { serve_unleash; }
teardown_file() { end_unleash; }

setup() {
  flags_setup
  need_unleash_server
  echo "$ADMIN_TOKEN" >"$TEST_DIR/token"
  store "$unleash_url"
  flag=f-$BATS_TEST_NUMBER-$RANDOM
  make_flag "$flag"
  E=/projects/default/features/$flag/environments/development
}

# store URL: the store main.
store() {
  flags_config "main: {unleash: {url: \"$1\", environment: development, token: \"file:$TEST_DIR/token\"}}"
}

strategy() { # [MEMBERS]
  echo "{\"name\":\"flexibleRollout\",\"parameters\":{\"rollout\":\"30\",\"stickiness\":\"default\",\"groupId\":\"of-old\"}${1:+,$1}}"
}

# proxy ANSWER… : between the tool and Unleash, has its bad day on changes.
proxy() {
  local answers=() a
  for a in "$@"; do answers+=(--answer "$a"); done
  start_fixture flag-server --port 0 --forward "$unleash_port" --changes --record "$TEST_DIR/requests" "${answers[@]}"
  store "http://127.0.0.1:$fixture_port"
}

@test "list, get and set; once more changes nothing" {
  exits 0 flags list -o text
  [[ "$output" == *"$flag"*off* ]]
  exits 0 flags set "$flag" 25% -o text
  [[ "$output" == *"$flag (main): off -> 25%"* ]]
  [ "$(env_of "$flag" | jq -r '.strategies[0].parameters.rollout')" = 25 ]
  exits 0 flags set "$flag" 25% -o text
  [[ "$output" == *already* ]]
  [ "$(operations)" -eq 1 ]
  exits 2 flags set "${flag}x" on
  [[ "$output" == *"did you mean '$flag'?"* ]]
}

@test "the server's own on makes a strategy; ours makes one that is known before, and undo deletes it" {
  fresh=$(env_of "$flag")
  admin POST "$E/on"
  [ "$(env_of "$flag" | jq '.strategies | length')" -eq 1 ]
  admin POST "$E/off"
  [ "$(env_of "$flag" | jq '.strategies | length')" -eq 1 ] # on and off again is not as before
  flag2=$flag-2
  make_flag "$flag2"
  [ "$(env_of "$flag2")" = "$fresh" ]
  exits 0 flags set "$flag2" on -o text
  [ "$(env_of "$flag2" | jq -c '[.enabled, (.strategies | length), .strategies[0].parameters.rollout]')" = '[true,1,"100"]' ]
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  [ "$(env_of "$flag2")" = "$fresh" ]
}

@test "on with only disabled strategies: they stay disabled, and undo leaves them alone" {
  admin POST "$E/strategies" "$(strategy '"disabled":true,"title":"asleep"')" >/dev/null
  before=$(env_of "$flag")
  exits 0 flags set "$flag" on -o text
  [ "$(env_of "$flag" | jq -c '[.enabled, ([.strategies[] | select(.title == "asleep")][0].disabled), (.strategies | length)]')" = '[true,true,2]' ]
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  [ "$(env_of "$flag")" = "$before" ]
}

@test "segments, constraints, variants, parameters, titles and order come back, recreated ones with their groupId" {
  segment=$(admin POST /segments "{\"name\":\"s-$flag\",\"constraints\":[]}" | jq .id)
  admin POST "$E/strategies" "$(strategy "\"title\":\"one\",\"sortOrder\":7,\"segments\":[$segment],\"constraints\":[{\"contextName\":\"userId\",\"operator\":\"IN\",\"values\":[\"4711\"]}],\"variants\":[{\"name\":\"blue\",\"weight\":600,\"weightType\":\"fix\",\"stickiness\":\"default\"},{\"name\":\"red\",\"weight\":400,\"weightType\":\"variable\",\"stickiness\":\"default\",\"payload\":{\"type\":\"string\",\"value\":\"r\"}}]")" >/dev/null
  admin POST "$E/strategies" '{"name":"default","title":"two","sortOrder":3}' >/dev/null
  admin POST "$E/on"
  before=$(env_of "$flag")
  exits 0 flags set "$flag" off -o text
  # Somebody makes order meanwhile: both are gone.
  for id in $(admin GET "$E/strategies" | jq -r '.[].id'); do admin DELETE "$E/strategies/$id"; done
  exits 1 hal9-rollback undo "$(last_operation)" -o text
  [[ "$output" == *"was changed since"* ]]
  exits 0 hal9-rollback undo "$(last_operation)" --force=drift -o text
  after=$(env_of "$flag")
  [ "$after" = "$before" ] || fail "$(diff <(jq . <<<"$before") <(jq . <<<"$after"))"
  [ "$(jq -r '.strategies[1].parameters.groupId' <<<"$after")" = of-old ]
}

@test "a variant by its name" {
  admin POST "$E/strategies" "$(strategy '"variants":[{"name":"blue","weight":500,"weightType":"variable","stickiness":"default"},{"name":"red","weight":500,"weightType":"variable","stickiness":"default"}]')" >/dev/null
  admin POST "$E/on"
  before=$(env_of "$flag")
  exits 2 flags set "$flag" bleu
  exits 0 flags set "$flag" blue -o text
  [ "$(env_of "$flag" | jq -c '[.strategies[0].variants[] | .weight]')" = '[1000,0]' ]
  exits 0 hal9-rollback undo "$(last_operation)" -o text
  [ "$(env_of "$flag")" = "$before" ]
}

@test "disabling its last enabled strategy turns the environment off: told as drift, and taken back whole" {
  admin POST "$E/strategies" "$(strategy)" >/dev/null
  exits 0 flags set "$flag" on -o text
  before=$(env_of "$flag")
  exits 0 flags set "$flag" 50% -o text
  id=$(admin GET "$E/strategies" | jq -r '.[0].id')
  admin PATCH "$E/strategies/$id" '[{"op":"replace","path":"/disabled","value":true}]' >/dev/null
  [ "$(env_of "$flag" | jq .enabled)" = false ]
  exits 1 hal9-rollback undo "$(last_operation)" -o text
  exits 0 hal9-rollback undo "$(last_operation)" --force=drift -o text
  [ "$(env_of "$flag")" = "$before" ]
}

@test "wrong tokens, a wrong project or environment: clear words, nothing half-done" {
  echo "$CLIENT_TOKEN" >"$TEST_DIR/token"
  exits 4 flags set "$flag" on
  [[ "$output" == *"answers 403: invalid token: expected a different token type"* ]]
  [[ "$output" == *"$TEST_DIR/token"*"admin token"* ]]
  [[ "$output" != *"$CLIENT_TOKEN"* ]]
  echo nonsense >"$TEST_DIR/token"
  exits 4 flags set "$flag" on
  [[ "$output" == *"answers 401"* ]]
  rm "$TEST_DIR/token"
  exits 2 flags set "$flag" on
  [[ "$output" == *"$TEST_DIR/token cannot be read"* ]]
  echo "$ADMIN_TOKEN" >"$TEST_DIR/token"
  flags_config "main: {unleash: {url: \"$unleash_url\", environment: developmnt, token: \"file:$TEST_DIR/token\"}}"
  exits 2 flags get "$flag"
  [[ "$output" == *"did you mean 'development'?"* ]]
  [ "$(env_of "$flag" | jq .enabled)" = false ]
}

@test "change requests: 403 is told with who may skip them, and nothing was changed" {
  # What Unleash answers where an environment wants them; the open-source server has none.
  start_fixture flag-server --port 0 --forward "$unleash_port" --changes --answer '403*'
  store "http://127.0.0.1:$fixture_port"
  before=$(env_of "$flag")
  exits 4 flags set "$flag" on
  [[ "$output" == *"answers 403"*"change requests"*"SKIP_CHANGE_REQUEST"* ]]
  [ "$(env_of "$flag")" = "$before" ]
}

@test "500, 429 and lost answers at each request: it is set all the same, with no strategy twice" {
  for answers in "500 429:0" "lost" "pass lost" "500 500 500"; do
    f=$flag-${answers//[ :]/-}
    make_flag "$f"
    # shellcheck disable=SC2086 # a list of answers
    proxy $answers
    exits 0 flags set "$f" 25% -o text
    [ "$(env_of "$f" | jq -c '[.enabled, (.strategies | length)]')" = '[true,1]' ] || fail "$answers: $(env_of "$f")"
    exits 0 hal9-rollback undo "$(last_operation)" -o text
    [ "$(env_of "$f" | jq -c '[.enabled, (.strategies | length)]')" = '[false,0]' ] || fail "$answers: $(env_of "$f")"
  done
}

@test "a server that fails on the way: told as half-way, in bounds, and undo or the next run makes it whole" {
  before=$(env_of "$flag")
  proxy pass '503*'
  exits 3 flags set "$flag" 25% -o text
  [[ "$output" == *"left half-way"*"answers 503"* ]]
  [[ "$output" == *"hal9-rollback undo"* ]]
  id=$(last_operation)
  [ "$(env_of "$flag")" != "$before" ]
  # The same address, well again.
  port=$fixture_port
  kill -KILL "$fixture_pid"
  wait_for_exit "$fixture_pid"
  start_fixture flag-server --port "$port" --forward "$unleash_port"
  exits 0 hal9-rollback undo "$id" -o text
  [ "$(env_of "$flag")" = "$before" ]
}

@test "drift: somebody's own strategy stops an undo, and is not overwritten" {
  exits 0 flags set "$flag" 25% -o text
  admin POST "$E/strategies" '{"name":"default"}' >/dev/null
  theirs=$(env_of "$flag")
  exits 1 hal9-rollback undo "$(last_operation)" -o text
  [[ "$output" == *"was changed since"* ]]
  [ "$(env_of "$flag")" = "$theirs" ]
}

@test "watch tells what others change in Unleash" {
  start_in_background "$TEST_DIR/watch.log" hal9-rollback flags watch main "$flag" --every 200ms -o json
  watcher=$background_pid
  wait_for_log "$TEST_DIR/watch.log" "watching 1 flags"
  admin POST "$E/on"
  wait_for_log "$TEST_DIR/watch.log" '"from":"off","to":"on"'
  id=$(admin GET "$E/strategies" | jq -r '.[0].id')
  admin PATCH "$E/strategies/$id" '[{"op":"replace","path":"/parameters/rollout","value":"40"}]' >/dev/null
  wait_for_log "$TEST_DIR/watch.log" '"to":"40%"'
  kill -TERM "$watcher"
  wait_for_exit "$watcher" 20
  [ "$exit_status" -eq 143 ]
}
