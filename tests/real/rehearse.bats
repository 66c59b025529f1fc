#!/usr/bin/env bats
# Rehearsals in staging, on real servers: what they disturb comes back by each strategy, killed in the middle or not, and is told part by part.
# shellcheck disable=SC2154 # set by the helpers

load ../real/common
load ../real/rollback
load ../real/rehearse

setup() {
  common_setup
}

@test "each part comes back by each strategy, and killed at the first, a middle and the last change; all is as before" {
  staging 1 1
  before=$(world)
  rehearse 0 --env staging
  is_world "$before"
  is_gone
  echo "parts of a rollback that isn't killed"
  for strategy in immediate gradual partial; do
    [ "$(records "[.[] | select(.strategy == \"$strategy\" and .killed == null and .state == \"pass\")] | length")" -eq 4 ]
  done
  echo "kills"
  [ "$(records 'map(.state) | unique | join(",")')" = pass ]
  for strategy in immediate gradual; do
    [ "$(records "[.[] | select(.strategy == \"$strategy\" and .killed) | .killed] | unique | join(\",\")")" = "first change,last change,middle" ]
  done
  [ "$(records '[.[] | select(.strategy == "partial" and .killed) | .killed] | unique | join(",")' | grep -c 'first change')" -eq 1 ]
  # It was really killed there: most of the kills came before the end.
  [ "$(records '[.[] | select(.killed and (.lines | startswith("line ")))] | length')" -gt 12 ]
  [ "$(jq -rs '[.[] | select(.kind == "end")] | .[0] | "\(.exit) \(.failed) \(.passed == .ran)"' "$TEST_DIR/out")" = "0 0 true" ]
  # Each was an operation: disturbances by this tool, rollbacks to the snapshot; the killed ones were resumed.
  hal9-rollback history -o json >"$TEST_DIR/history"
  [ "$(jq -s '[.[] | select(.title // "" | startswith("rehearsal of migration: disturb 4 parts"))] | length' "$TEST_DIR/history")" -ge 9 ]
  [ "$(grep -l '"type":"resume"' "$HAL9OPS_STATE_DIR"/journal/*.ndjson | wc -l)" -ge 6 ]
}

@test "flagd's own evaluator gives the same answers after it, whatever rules and variants a flag has" {
  load ../real/flagd
  need_flagd_core
  staging 1 0
  sed -i '/balancer: edge, backend/d; /files: /d; /release: /d; s/health: .*//' "$HAL9OPS_CONFIG"
  cat >"$site_dir/flags.json" <<'JSON'
{
  "$schema": "https://flagd.dev/schema/v0/flags.json",
  "flags": {
    "share": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off", "targeting": {"fractional": [["on", 25], ["off", 75]]}},
    "ruled": {"state": "ENABLED", "variants": {"yes": true, "no": false}, "defaultVariant": "no", "targeting": {"if": [{"ends_with": [{"var": "targetingKey"}, "7"]}, "yes", "no"]}},
    "asleep": {"state": "DISABLED", "variants": {"on": true, "off": false}, "defaultVariant": "on"}
  }
}
JSON
  answers() {
    for f in share ruled asleep; do evaluate "$site_dir/flags.json" "$f"; done
  }
  before=$(answers)
  rehearse 0
  [ "$(records '[.[] | select(.part == "flags:main" and .state == "pass")] | length')" -eq 6 ]
  [ "$(answers)" = "$before" ]
  # Each of them was another in between, and the file never broken.
  [ "$(cat "$HAL9OPS_STATE_DIR"/journal/*.ndjson | jq -rs '[.[] | select(.subject.rehearsal) | .steps[].args.flags | keys[]] | unique | join(" ")')" = "asleep ruled share" ]
}

@test "where the configuration doesn't say staging: true, or is of another environment, nothing is touched" {
  rollback_site 1 1
  before=$(world)
  run hal9-rollback rehearse
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"does not say staging: true"*"--sandbox"* ]]
  run hal9-rollback rehearse --env staging
  [ "$status" -eq 2 ]
  [[ $output == *"names no environment"* ]]
  sed -i 's/^hal9: 1/hal9: 1\nstaging: true\nenvironment: qa/' "$HAL9OPS_CONFIG"
  run hal9-rollback rehearse --env staging -o text
  echo "$output"
  [ "$status" -eq 2 ]
  [[ $output == *"is of environment 'qa', not 'staging'; nothing was touched"* ]]
  run hal9-rollback rehearse migratoin --env qa
  [ "$status" -eq 2 ]
  [[ $output == *"did you mean 'migration'?"* ]]
  run hal9-rollback history -o junit
  [ "$status" -eq 2 ]
  is_world "$before"
  # A dry run reads the parts, and that is all.
  run hal9-rollback rehearse -n --env qa -o text
  echo "$output"
  [ "$status" -eq 0 ]
  [[ ${lines[-1]} == *"nothing was touched (--dry-run)" ]]
  is_world "$before"
  [ ! -e "$HAL9OPS_STATE_DIR/journal" ] || [ -z "$(ls "$HAL9OPS_STATE_DIR/journal")" ]
}

@test "a part that can't be read: nothing is begun" {
  staging 1 1
  kill_edge
  rehearse 4
  grep -q 'balancer:edge/hal9' "$TEST_DIR/words"
  [ "$(flag new-path)" = off ]
  [ "$(hal9-rollback history -o json | jq -s '[.[] | select(.kind == "operation")] | length')" -eq 0 ]
}

@test "a balancer that hangs is a part that can't be read, within bounds" {
  staging 1 1
  kill -STOP "$(cat "$TEST_DIR/edge.pid")"
  timeout 60 hal9-rollback rehearse -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
  kill -CONT "$(cat "$TEST_DIR/edge.pid")"
  cat "$TEST_DIR/words"
  [ "$status" -eq 4 ]
  grep -q 'balancer:edge/hal9' "$TEST_DIR/words"
}

@test "a file that can't be written fails its part, by name and with exit 1; all else passes, and all is back" {
  need_root
  staging 1 1
  chmod -R a+rwX "$site_dir" "$HAL9OPS_LOCK_DIR"
  chmod a+rw "$TEST_DIR/edge.sock"
  mkdir -m 0777 "$HAL9OPS_STATE_DIR.user"
  chown -R 4242:4242 "$site_dir" "$HAL9OPS_CONFIG" "$HAL9OPS_LOCK_DIR" "$HAL9OPS_STATE_DIR.user" "$TEST_DIR/edge.sock"
  chown 0:0 "$site_dir/conf/app.yaml"
  before=$(world)
  run as_user 4242 "$HAL9_BIN/hal9-rollback" rehearse -o junit --state-dir "$HAL9OPS_STATE_DIR.user/state"
  echo "$output"
  [ "$status" -eq 1 ]
  is_world "$before"
  [ "$(stat -c %u "$site_dir/conf/app.yaml")" -eq 0 ]
  grep '^[<  ]' <<<"$output" >"$TEST_DIR/junit.xml"
  xmllint --noout "$TEST_DIR/junit.xml"
  [ "$(xmllint --xpath 'count(//testcase[failure])' "$TEST_DIR/junit.xml")" -ge 3 ]
  [ "$(xmllint --xpath "count(//testcase[failure and @name != 'files:$site_dir/conf'])" "$TEST_DIR/junit.xml")" -eq 0 ]
  [[ $(xmllint --xpath 'string(//testsuite[@name="immediate"]/testcase/failure/@message)' "$TEST_DIR/junit.xml") == *"could not be disturbed"*"app.yaml"* ]]
  [ "$(xmllint --xpath 'count(//testsuite[@name="gradual"]/testcase[not(*)])' "$TEST_DIR/junit.xml")" -eq 3 ]
  [ "$(xmllint --xpath 'string(/testsuites/@failures)' "$TEST_DIR/junit.xml")" = "$(xmllint --xpath 'count(//testcase[failure])' "$TEST_DIR/junit.xml")" ]
}

@test "services that aren't healthy fail the rollback, though all parts are back" {
  staging 1 1
  sed -i 's#/health"}#/health", expect: {status: 418}}#; s#    checks: #    gate: {within: 1s}\n    checks: #' "$HAL9OPS_CONFIG"
  before=$(world)
  rehearse 1
  is_world "$before"
  [ "$(records '[.[] | select(.state == "fail") | .part] | unique | join(",")')" = rollback ]
  grep -q 'not killed in the middle' "$TEST_DIR/words"
}

@test "one at a time: another is told that the plan is being rehearsed, and touches nothing" {
  staging 1 1
  stop_rehearsal 3 keep
  status=0
  hal9-rollback rehearse -o json >"$TEST_DIR/out" 2>"$TEST_DIR/words" || status=$?
  cat "$TEST_DIR/words"
  kill -KILL "$stopped_pid"
  [ "$status" -eq 5 ]
  grep -q 'plan migration is being rehearsed' "$TEST_DIR/words"
}
