#!/usr/bin/env bats
# hal9-restart on several services: the order of their dependencies, and what comes down a pipe.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
}

# ---- dependencies

@test "a service is begun when what it depends on is healthy" {
  MORE='    depends: [db]' service app
  service db --slow-start 300
  hal9-restart app db >"$TEST_DIR/records"
  before "$TEST_DIR/records" db/gate app/start
  one_of app
  one_of db
  hal9-restart app db >"$TEST_DIR/records"
  before "$TEST_DIR/records" db/gate app/stop
}

@test "the order holds across a service that is not restarted" {
  MORE='    depends: [mid]' service app
  MORE='    depends: [db]' service mid
  service db
  run -0 restart app mid db
  hal9-restart app db >"$TEST_DIR/records"
  before "$TEST_DIR/records" db/gate app/stop
}

@test "independent services are seen to side by side" {
  service one --slow-start 700
  service two --slow-start 700
  hal9-restart one two >"$TEST_DIR/records"
  before "$TEST_DIR/records" one/start two/gate
  before "$TEST_DIR/records" two/start one/gate
}

@test "a dependency that is not healthy blocks, nothing is touched; --force=depends goes on" {
  MORE='    depends: [db]' service app
  service db
  run -1 restart app
  says "blocked: db, which app depends on, is not healthy: "
  none_of app
  [ "$(journals)" = 0 ]
  run -1 restart app --force=depends
  none_of app
  run -0 restart app --yes --force=depends
  one_of app
}

@test "a dependency of which nothing is known blocks what runs, not what is down" {
  MORE='    depends: [db]' service app
  printf '  db: {}\n' >>"$HAL9OPS_CONFIG"
  run -0 restart app
  one_of app
  old=$the_pid
  run -1 restart app
  says "blocked: whether db, which app depends on, is healthy is not known"
  one_of app
  [ "$the_pid" = "$old" ]
}

@test "what depends on a service that fails is left as it was" {
  MORE='    depends: [db]' service app
  service db --exit-at-start 3
  run -1 restart app db
  says_failed db
  says "app was left as it was: what it depends on has failed"
  none_of app
}

@test "one of several is refused: none is touched" {
  service one
  service two
  start_fixture layer9-server --port "${port_of[two]}"
  run -1 restart one two
  says "is held by layer9-server"
  none_of one
  [ "$(journals)" = 0 ]
}

# ---- records

pipe() { # VERDICT… -- ARGUMENT…: their records through hal9-restart
  local all=()
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    all+=("$1")
    shift
  done
  verdicts "${all[@]}" | hal9-restart - "${@:2}"
}

@test "not_running: started; the same records again: nothing is done" {
  service hal9-server
  run -0 pipe hal9-server:failing:not_running
  one_of hal9-server
  old=$the_pid
  run -0 pipe hal9-server:failing:not_running
  one_of hal9-server
  [ "$the_pid" = "$old" ]
  [ "$(journals)" = 1 ]
}

@test "all services of a stream are one operation" {
  service one
  MORE='    depends: [one]' service two
  pipe two:failing:not_running one:failing:check_failed >"$TEST_DIR/records"
  [ "$(journals)" = 1 ]
  before "$TEST_DIR/records" one/gate two/start
  jq -se '[.[] | select(.stage == 2) | .run] | unique == ["01jd8zabcdefgh"]' "$TEST_DIR/records"
  jq -se '.[-1] | .kind == "end" and .planned == 2 and .passed == 2 and .exit == 0' "$TEST_DIR/records"
}

@test "each line read is passed on byte for byte, between begin and the records of its own" {
  service hal9-server
  verdicts hal9-server:failing:not_running >"$TEST_DIR/in"
  hal9-restart - <"$TEST_DIR/in" >"$TEST_DIR/out"
  sed -n "2,$(($(wc -l <"$TEST_DIR/in") + 1))p" "$TEST_DIR/out" | cmp - "$TEST_DIR/in"
  [ "$(jq -r .kind "$TEST_DIR/out" | head -n 1)" = begin ]
}

@test "a full disk, low memory, a dependency, the unknown are no reason to restart" {
  service hal9-server
  run -0 pipe hal9-server:degraded:resource
  run -0 pipe hal9-server:failing:dependency
  run -0 pipe hal9-server:failing:wrong_owner
  run -0 pipe hal9-server:unknown
  run -0 pipe hal9-server:healthy
  none_of hal9-server
  [ ! -e "$TEST_DIR/state" ]
  run -0 pipe hal9-server:degraded:resource -- -v
  says "hal9-server: degraded, resource is passed on"
}

@test "check_failed: restarted, and failing still: exit 1" {
  CHECK='{status: 200, json: {/service: other}}' GATE='{within: 1s, interval: 100ms}' service hal9-server
  run -1 pipe hal9-server:failing:check_failed
  one_of hal9-server
}

@test "port_conflict: the stranger is not touched, exit 1; once it has gone the service is started" {
  service hal9-server
  service other
  start_fixture layer9-server --port "${port_of[hal9-server]}"
  run -1 pipe hal9-server:failing:port_conflict other:failing:not_running
  says "is held by layer9-server"
  is_alive "$fixture_pid"
  none_of hal9-server
  one_of other
  kill "$fixture_pid"
  wait_for_exit "$fixture_pid"
  run -0 pipe hal9-server:failing:port_conflict
  one_of hal9-server
}

@test "verdicts of another machine or too old are passed on, told, not acted on: exit 4" {
  service hal9-server
  RECORD_MACHINE=00000000000000000000000000000002 run -4 pipe hal9-server:failing:not_running
  says "another machine"
  RECORD_TIME=$(date -u -d '10 minutes ago' +%Y-%m-%dT%H:%M:%S.000Z) run -4 pipe hal9-server:failing:not_running
  says "--max-age"
  none_of hal9-server
  RECORD_TIME=$(date -u -d '10 minutes ago' +%Y-%m-%dT%H:%M:%S.000Z) run -0 pipe hal9-server:failing:not_running -- --max-age 1h
  one_of hal9-server
}

@test "an empty stream, a cut one, one that is no records: nothing is done, exit 4" {
  service hal9-server
  run -4 hal9-restart - </dev/null
  verdicts hal9-server:failing:not_running | head -n -1 >"$TEST_DIR/cut"
  run -4 hal9-restart - <"$TEST_DIR/cut"
  { verdicts hal9-server:failing:not_running && echo nonsense; } >"$TEST_DIR/bad"
  run -4 hal9-restart - <"$TEST_DIR/bad"
  none_of hal9-server
}

@test "upstream's own failure is the exit of the pipe" {
  service hal9-server
  verdicts hal9-server:healthy | sed 's/"exit":1/"exit":3/' >"$TEST_DIR/in"
  run -3 hal9-restart - <"$TEST_DIR/in"
}

@test "a service that this configuration does not know is told, exit 1" {
  service hal9-server
  run -1 pipe stranger:failing:not_running
  says "stranger: "
}

@test "a configuration that is wrong: the records are passed on, exit 2" {
  echo 'services: [' >"$HAL9OPS_CONFIG"
  run -2 pipe hal9-server:failing:not_running
  says '"service":"hal9-server"'
  says '"exit":2'
}
