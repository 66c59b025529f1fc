# The site of rollback.bash with a real Unleash as one more part of its plan, behind a proxy that has bad days.
# shellcheck shell=bash disable=SC2034,SC2154 # set by the other helpers, or read in the tests

# unleash_site OLD NEW: after serve_unleash; the flag $flag is migrated and comes back, with the flags of flagd.
unleash_site() {
  need_unleash_server
  rollback_site "$1" "$2"
  echo "$ADMIN_TOKEN" >"$TEST_DIR/token"
  flag=r-$BATS_TEST_NUMBER-$RANDOM
  make_flag "$flag"
  E=/projects/default/features/$flag/environments/development
  admin POST "$E/strategies" '{"name":"flexibleRollout","title":"old","sortOrder":1,"parameters":{"rollout":"30","stickiness":"default","groupId":"of-old"},"constraints":[{"contextName":"userId","operator":"IN","values":["4711"]}]}' >/dev/null
  admin POST "$E/strategies" '{"name":"default","title":"theirs","sortOrder":2,"disabled":true}' >/dev/null
  MORE=unleash
  free_port
  proxy_port=$free_port
  sed -i "s|^flags: {main: {\(.*\)}}\$|flags: {main: {\1}, toggles: {unleash: {url: \"http://127.0.0.1:$proxy_port\", environment: development, token: \"file:$TEST_DIR/token\"}}}|; s|^      - {files:|      - {flags: toggles}\n&|" "$HAL9OPS_CONFIG"
}

# As others do it: on, the old strategy gone, a new one instead, the other one enabled.
unleash_migrate() {
  local id
  for id in $(admin GET "$E/strategies" | jq -r '.[] | select(.title != "theirs") | .id'); do
    admin DELETE "$E/strategies/$id" >/dev/null
  done
  admin POST "$E/strategies" '{"name":"flexibleRollout","title":"new","sortOrder":1,"parameters":{"rollout":"100","stickiness":"default","groupId":"of-new"}}' >/dev/null
  id=$(admin GET "$E/strategies" | jq -r '.[] | select(.title == "theirs") | .id')
  admin PATCH "$E/strategies/$id" '[{"op":"replace","path":"/disabled","value":false}]' >/dev/null
  admin POST "$E/on" >/dev/null
}

unleash_world() {
  env_of "$flag"
}
