#!/usr/bin/env bats
# --bug-report has what whoever looks into a fault asks for first, wherever the fault is: in the configuration, in the state, in an operation.
# shellcheck disable=SC2154 # set by the helpers

bats_require_minimum_version 1.5.0
load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
}

# without_journalctl COMMAND… : where /usr/bin has everything but it.
without_journalctl() {
  mkdir -p "$TEST_DIR/real" "$TEST_DIR/links"
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --mount -- bash -c '
    mount --bind /usr/bin "$TEST_DIR/real"
    find "$TEST_DIR/real" -mindepth 1 -maxdepth 1 ! -name journalctl -exec ln -sf -t "$TEST_DIR/links" {} +
    mount --bind "$TEST_DIR/links" /usr/bin
    ! command -v journalctl && exec "$@"' bash "$@"
}

# has TEXT…
has() {
  local text
  for text in "$@"; do
    [[ $output == *"$text"* ]] || fail "no '$text' in: $output"
  done
}

@test "build, host, environment, configuration, state, and why the last operation failed; each command alike" {
  service web --exit-at-start 3
  run -1 hal9-restart web
  id=$(hal9-rollback history --last 1 -o json | jq -r 'select(.kind == "operation").id')
  for tool in health portfix restart rollback; do
    run -0 "hal9-$tool" --bug-report
    has "hal9-$tool 0." "compiler: " "cJSON: " "kernel: Linux" "system: " "load: " "memory: " "what is started lives in: " \
      "programs: " "HAL9OPS_CONFIG is set" "HAL9OPS_STATE_DIR is set" "configuration: $TEST_DIR/hal9.yaml, 1 services" "--exit-at-start" \
      "state directory: $TEST_DIR/state, mode 0700, own" "journal: 1 files" " free of " "$id hal9-restart failed" "web/start (process.start) failed: "
    [[ $output != *"HAL9OPS_CONFIG is set to"* ]]
  done
}

@test "what is broken is told, and the rest all the same: no configuration, a wrong one, a damaged journal, a held service" {
  service web
  run -0 restart web
  run -0 hal9-restart hold web --for 1h --reason "a look"
  id=$(hal9-rollback history --last 1 -o json | jq -r 'select(.kind == "operation").id')
  sed -i '1s/{/[/' "$TEST_DIR/state/journal/$id.ndjson"
  echo '  web: {prt: hush}' >>"$HAL9OPS_CONFIG"
  run -0 hal9-restart --bug-report
  has "configuration: it can't be used" "error at $TEST_DIR/hal9.yaml:" "$id can't be read: "
  [[ $output != *hush* ]]
  run -0 hal9-restart --bug-report -c "$TEST_DIR/nowhere.yaml"
  has "configuration: it can't be used" "state directory: $TEST_DIR/state"
}

@test "a helper that is not there is named as missing, here and where it is needed" {
  need_namespaces
  MORE='    logs: {journal: web.service}' service web
  run -0 without_journalctl hal9-health --bug-report
  has ", no journalctl"
  run -0 without_journalctl hal9-restart -o text -v bundle web
  has "without journal of web.service: journalctl is not installed"
}

@test "a state directory that this user may not read: told, and nothing is written" {
  need_root
  service web
  run -0 restart web
  chmod 0644 "$HAL9OPS_CONFIG"
  run -0 as_user 12345 env "PATH=$PATH" "$HAL9_BIN/hal9-health" --bug-report
  has "state directory: $TEST_DIR/state, mode 0700, of another user" "they can't be read: "
  run -0 env HAL9OPS_STATE_DIR="$TEST_DIR/none" "$HAL9_BIN/hal9-health" --bug-report
  [ ! -e "$TEST_DIR/none" ]
}
