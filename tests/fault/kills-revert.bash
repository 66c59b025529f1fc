# Kills across a revert: release 2 is deployed, fails, and release 1 comes back.
# shellcheck shell=bash disable=SC2154 # set by the helpers

setup() {
  common_setup
  skip_unless jq
  GATE='{within: 400ms, interval: 100ms}' web_site
  release 2 sick
}

# again: release 1 runs and was proven, release 2 has just been deployed and never was.
again() {
  deploy 1
  hal9-restart web >"$TEST_DIR/again.log" 2>&1 || fail "not healthy at first: $(cat "$TEST_DIR/again.log")"
  deploy 2
}

not_two() {
  [ "$(web_pids | wc -l)" -le 1 ] || fail "two copies run"
}

settled() {
  runs_release 1
  hal9-health web >"$TEST_DIR/health.log" 2>&1 || fail "not healthy: $(cat "$TEST_DIR/health.log")"
  [ "$(hal9-rollback status -o json | jq -s '[.[] | select(.kind == "operation" and .state == "open")] | length')" -eq 0 ] || fail "an operation is unfinished"
}
