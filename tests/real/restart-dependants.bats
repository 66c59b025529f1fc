#!/usr/bin/env bats
# hal9-restart and what depends on a service: taken along in order and gated, or told; independent ones at the same time.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
}

# chain: db <- app <- web, and other beside them; all run.
chain() {
  MORE='    restart: {dependants: true}' service db
  MORE=$'    depends: [db]\n    restart: {dependants: true}' service app
  MORE='    depends: [app]' service web
  service other
  restart db app web other
}

@test "dependants: true: what depends on it is restarted after it, in order, each when the one before is healthy" {
  chain
  one_of web
  old_web=$the_pid
  one_of other
  old_other=$the_pid
  hal9-restart db >"$TEST_DIR/records"
  before "$TEST_DIR/records" db/gate app/stop
  before "$TEST_DIR/records" app/gate web/stop
  before "$TEST_DIR/records" web/start web/gate
  gone "$old_web"
  is_alive "$old_other"
  [ "$(jq -rs '[.[] | select(.kind == "operation")] | length' "$TEST_DIR/records")" = 1 ]
}

@test "dependants: false: they are told and left as they are" {
  service db
  MORE='    depends: [db]' service app
  run -0 restart db app
  one_of app
  old=$the_pid
  run -0 restart db
  says "app depends on db and is left as it is"
  one_of app
  [ "$the_pid" = "$old" ]
}

@test "one that is down stays down, and takes nobody along" {
  chain
  one_of app
  kill -KILL "$the_pid"
  wait_for_exit "$the_pid"
  one_of web
  old=$the_pid
  run -0 restart db
  none_of app
  one_of web
  [ "$the_pid" = "$old" ]
}

@test "a healthy one that is left alone takes nobody along" {
  chain
  one_of web
  run -0 restart --if-down db
  says "db is healthy already"
  is_alive "$the_pid"
}

@test "one that is held is left alone, and holds nothing up" {
  chain
  one_of app
  old=$the_pid
  run -0 hal9-restart hold app
  run -0 restart db
  is_alive "$old"
}

@test "it doesn't get healthy: what depends on it is left running" {
  chain
  one_of app
  old=$the_pid
  sed -i '0,/status: 200/s//status: 201/' "$HAL9OPS_CONFIG"
  sed -i '0,/within: 20s/s//within: 500ms/' "$HAL9OPS_CONFIG"
  run -1 restart db
  says "app was left as it was"
  is_alive "$old"
}

@test "independent services are worked on at the same time: their times overlap in the journal" {
  service one --slow-start 700
  service two --slow-start 700
  hal9-restart one two >"$TEST_DIR/records"
  journal=$(find "$TEST_DIR/state/journal" -name '*.ndjson')
  jq -se '
    def span(s): {from: (map(select(.type == "begin" and .step == s))[0].time), to: (map(select(.type == "done" and .step == s))[0].time)};
    span("one/gate") as $a | span("two/gate") as $b | $a.from < $b.to and $b.from < $a.to' "$journal"
}
