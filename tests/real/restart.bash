# Sites of services for the tests of hal9-restart: each is a copy of the fixture server under its own name, so that
# no other test's servers are taken for it.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

bats_require_minimum_version 1.5.0

# open_site: an empty configuration, state and lock directories of the test's own.
open_site() {
  export PATH=$HAL9_BIN:$PATH HAL9OPS_CONFIG=$TEST_DIR/hal9.yaml HAL9OPS_STATE_DIR=$TEST_DIR/state
  export HAL9OPS_LOCK_DIR=$TEST_DIR/lock HAL9OPS_MACHINE=00000000000000000000000000000001 HAL9OPS_HOST=web-1
  mkdir -p "$HAL9OPS_LOCK_DIR" "$TEST_DIR/bin"
  declare -gA port_of=()
  clear_site
}

# clear_site: forgets the services of the configuration, not their ports.
clear_site() {
  printf 'hal9: 1\nservices:\n' >"$HAL9OPS_CONFIG"
}

# service NAME [ARGUMENT…]: adds one, run with these arguments, in a program of its own or PROGRAM's. STOP, GATE, CHECK (a map each) and MORE (lines)
# say what is special about it.
service() {
  local name=$1 program=${PROGRAM:-$1} words
  shift
  [ -n "${port_of[$name]:-}" ] || {
    free_port
    port_of[$name]=$free_port
  }
  [ -e "$TEST_DIR/bin/$program" ] || cp "$HAL9_FIXTURES/hal9-server" "$TEST_DIR/bin/$program"
  printf -v words ', "%s"' --port "${port_of[$name]}" "$@"
  cat >>"$HAL9OPS_CONFIG" <<YAML
  $name:
    port: ${port_of[$name]}
    run:
      exec: ["$TEST_DIR/bin/$program"$words]
      env: {HAL9_TEST_MARK: "$HAL9_TEST_MARK", HAL9_FIXTURE_LIFETIME: "300"}
    stop: ${STOP:-"{grace: 5s}"}
    gate: ${GATE:-"{within: 20s, interval: 100ms}"}
    checks:
      - http: http://127.0.0.1:${port_of[$name]}/health
        expect: ${CHECK:-"{status: 200, json: {/status: ok}}"}
${MORE:-}
YAML
}

# pids_of NAME: its processes, one a line.
pids_of() {
  local pid
  for pid in $(marked_pids); do
    if [ "$(readlink "/proc/$pid/exe")" = "$TEST_DIR/bin/$1" ] && is_alive "$pid"; then echo "$pid"; fi
  done
}

# one_of NAME: sets the_pid to its only process.
one_of() {
  local all
  mapfile -t all < <(pids_of "$1")
  [ "${#all[@]}" = 1 ] || fail "${#all[@]} processes of $1: ${all[*]}"
  the_pid=${all[0]}
}

none_of() {
  [ -z "$(pids_of "$1")" ] || fail "$1 runs: $(pids_of "$1")"
}

gone() {
  if is_alive "$1"; then fail "pid $1 is still there"; fi
}

answers() {
  [ "$(curl -sS --max-time 10 -o /dev/null -w '%{http_code}' "http://127.0.0.1:${port_of[$1]}/health")" = "${2:-200}" ]
}

says() {
  [[ $output == *"$1"* ]] || fail "no '$1' in: $output"
}

never_says() {
  [[ $output != *"$1"* ]] || fail "'$1' in: $output"
}

# says_failed NAME: the start sees an early end, or the gate does.
says_failed() {
  [[ $output =~ $1\ (could\ not\ be\ started|did\ not\ become\ healthy):\  ]] || fail "no failure of $1 in: $output"
}

journals() { # how many operations were begun
  find "$TEST_DIR/state/journal" -name '*.ndjson' 2>/dev/null | wc -l
}

# restart [ARGUMENT…]: as at a terminal, but that nobody is asked and nothing is waited for.
restart() {
  hal9-restart -o text --tone plain "$@"
}

# ---- records made by hand

# record KIND MEMBERS: one of stage 1, of now.
record() {
  printf '{"hal9":1,"kind":"%s","time":"%s","host":"web-1","machine":"%s","tool":"hal9-health","stage":1,"run":"01jd8zabcdefgh"%s}\n' \
    "$1" "${RECORD_TIME:-$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)}" "${RECORD_MACHINE:-$HAL9OPS_MACHINE}" "${2:+,$2}"
}

# verdicts SERVICE:STATE[:CAUSE]… : a whole stream.
verdicts() {
  local v name state cause
  record begin
  for v in "$@"; do
    IFS=: read -r name state cause <<<"$v"
    record verdict "\"service\":\"$name\",\"state\":\"$state\"${cause:+,\"cause\":\"$cause\"}"
  done
  record end '"planned":1,"ran":1,"passed":0,"failed":1,"unknown":0,"skipped":0,"exit":1,"resumable":false'
}

# steps FILE: "NAME STATE" of each step record, in the order they came.
steps() {
  jq -r 'select(.kind == "step") | .step + " " + .state' "$1"
}

# before FILE STEP STEP: the first was done before the second.
before() {
  local a b
  a=$(steps "$1" | grep -n -x "$2 done" | cut -d: -f1)
  b=$(steps "$1" | grep -n -x "$3 done" | cut -d: -f1)
  [ "${a:-9999}" -lt "${b:-0}" ] || fail "$2 was not done before $3: $(steps "$1" | tr '\n' ';')"
}
