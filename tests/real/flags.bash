# Flag stores for tests, and what is told of them.
# shellcheck shell=bash disable=SC2154 # set by common.bash

flags_setup() {
  common_setup
  skip_unless jq
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state HAL9OPS_LOCK_DIR=$TEST_DIR/lock
  mkdir -p "$HAL9OPS_LOCK_DIR"
}

# flags_config STORE-LINES… : hal9.yaml with these flag stores, one a line; NOTIFY: who is told.
flags_config() {
  {
    echo 'hal9: 1'
    echo 'flags:'
    printf '  %s\n' "$@"
    [ -z "${NOTIFY:-}" ] || printf 'notify:\n  %s\n' "$NOTIFY"
  } >"$HAL9OPS_CONFIG"
}

flags() {
  hal9-rollback flags "$@"
}

# value [STORE] FLAG
value() {
  flags get "$@" -o json | jq -r 'select(.kind == "flag") | .value'
}

last_operation() {
  hal9-rollback history -o json | jq -rs '[.[] | select(.kind == "operation")] | last | .id'
}

operations() {
  hal9-rollback history -o json | jq -s '[.[] | select(.kind == "operation")] | length'
}

# exits CODE COMMAND… : runs it, shows what it says, and wants this exit code. `output` has what it said.
exits() {
  local code=$1
  shift
  run "$@"
  echo "$output"
  [ "$status" -eq "$code" ] || fail "exit $status instead of $code: $*"
}

# sample FILE: flags of flagd.
sample() {
  cat >"$1" <<'JSON'
{
  "flags": {
    "dark-mode": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"},
    "color": {"state": "ENABLED", "variants": {"red": "r", "blue": "b"}, "defaultVariant": "red"}
  }
}
JSON
}
