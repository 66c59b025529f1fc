#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# A rehearsal in staging with a real Unleash: every flag of the environment is another in between, and as before at the end.

load common
load flags
load unleash

setup_file() { serve_unleash; }
teardown_file() { end_unleash; }

setup() {
  flags_setup
  need_unleash_server
  echo "$ADMIN_TOKEN" >"$TEST_DIR/token"
}

@test "flags of Unleash: switched, with a share, with somebody's own strategies" {
  for name in on share own; do make_flag "$name"; done
  admin POST /projects/default/features/on/environments/development/on
  admin POST /projects/default/features/share/environments/development/strategies '{"name":"flexibleRollout","parameters":{"rollout":"30","stickiness":"default","groupId":"g"}}' >/dev/null
  admin POST /projects/default/features/own/environments/development/strategies '{"name":"userWithId","parameters":{"userIds":"7,8"},"constraints":[]}' >/dev/null
  flags_config "main: {unleash: {url: \"$unleash_url\", environment: development, token: \"file:$TEST_DIR/token\"}}"
  printf 'staging: true\nenvironment: qa\nrollback: {flags: {parts: [{flags: main}], verify: {tries: 3, every: 100ms}}}\n' >>"$HAL9OPS_CONFIG"
  before=$(for name in on share own; do env_of "$name"; done)
  exits 0 hal9-rollback rehearse --env qa -o text
  [ "$(for name in on share own; do env_of "$name"; done)" = "$before" ]
  [[ $output == *". immediate  pass"*". flags:main  pass"*". partial, killed at the first change"*" passed, 0 failed, 0 unknown, 0 skipped"* ]]
  [ "$(cat "$HAL9OPS_STATE_DIR"/journal/*.ndjson | jq -rs '[.[] | select(.subject.rehearsal) | .steps[].args.flags | keys[]] | unique | join(" ")')" = "on own share" ]
}
