#!/usr/bin/env bats
# hal9-restart and services that are restarted too often: restart.limit, the back-off of automatic runs, who is told.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
  at 03:00:00
}

# at HH:MM:SS: what the tools take for now.
at() {
  export HAL9OPS_NOW=2026-11-23T$1Z TZ=UTC
}

# pages: a receiver that keeps what it is told.
pages() {
  : >"$TEST_DIR/pages"
  printf 'notify:\n  - command: [sh, -c, "cat >>%s"]\n' "$TEST_DIR/pages" >>"$HAL9OPS_CONFIG"
}

paged() {
  cat "$TEST_DIR"/pages* | jq -s '[.[] | select(.event == "failing")] | length'
}

auto() {
  RECORD_TIME=$HAL9OPS_NOW verdicts web:failing:not_running | hal9-restart - -o text "$@"
}

down() {
  local pid
  for pid in $(pids_of web); do
    kill -KILL "$pid"
    "$HAL9_FIXTURES/wait-pid" "$pid" >/dev/null
  done
}

@test "beyond the limit it is refused, in words with the way on; nothing is touched; --force=flap goes on" {
  MORE='    restart: {limit: 2 in 10m}' service web
  run -0 restart web
  at 03:01:00
  run -0 restart web
  one_of web
  old=$the_pid
  at 03:02:00
  run -1 restart web
  says "web was restarted 2 times within 10 min"
  says "limit 2 in 10m; the next may be at 03:10"
  says "hal9-restart web --yes --force=flap"
  one_of web
  [ "$the_pid" = "$old" ]
  [ "$(journals)" = 2 ]
  run -1 restart web --force=flap
  run -0 restart web --yes --force=flap
  gone "$old"
}

@test "what is older than the window doesn't count" {
  MORE='    restart: {limit: 2 in 10m}' service web
  run -0 restart web
  at 03:05:00
  run -0 restart web
  at 03:09:59
  run -1 restart web
  at 03:10:00
  run -0 restart web
  run -1 restart web
}

@test "a killed run counts: it is written before the first step" {
  MORE='    restart: {limit: 1 in 10m}' service web --slow-health 5000
  start_in_background "$TEST_DIR/records" hal9-restart web
  wait_for_log "$TEST_DIR/records" '"step":"web/start"'
  kill -KILL "$background_pid"
  wait_for_exit "$background_pid"
  run -1 restart web
  says "web was restarted 1 times within 10 min"
}

@test "what was refused, only told or already so doesn't count" {
  MORE='    restart: {limit: 2 in 10m}' service web
  run -1 restart -n web
  run -0 restart web
  run -0 restart --if-down web
  run -0 restart web
  run -1 restart web
  [ "$(jq '.times | length' "$TEST_DIR/state/services/web/restarts.json")" = 2 ]
}

@test "no limit told: none" {
  service web
  for _ in 1 2 3 4 5 6; do run -0 restart web; done
}

@test "beyond the limit somebody is paged, once" {
  MORE='    restart: {limit: 1 in 10m}' service web
  pages
  run -0 restart web
  run -1 restart -n web
  [ "$(paged)" = 0 ]
  run -1 restart --no-notify web
  [ "$(paged)" = 0 ]
  run -1 restart web
  [ "$(paged)" = 1 ]
  jq -se '.[0] | .service == "web" and .cause == "restart_limit"' "$TEST_DIR/pages"
  at 03:01:00
  run -1 restart web
  down
  run -1 auto
  [ "$(paged)" = 1 ]
}

@test "automatic runs back off, twice as long each time" {
  MORE='    restart: {limit: 20 in 10m}' service web
  run -0 auto
  down
  at 03:00:09
  run -1 auto
  says "web was restarted 9.0 s ago, automatically 1 time in a row: the next one may be in 1.0 s"
  none_of web
  at 03:00:10
  run -0 auto
  down
  at 03:00:29
  run -1 auto
  says "2 times in a row"
  at 03:00:30
  run -0 auto
  down
  at 03:01:09
  run -1 auto
  at 03:01:10
  run -0 auto
}

@test "the back-off is over once it was healthy for a while" {
  MORE='    restart: {limit: 20 in 10m}' service web
  run -0 auto
  down
  at 03:00:10
  run -0 auto
  down
  at 03:10:10
  run -0 auto
  [ "$(jq .streak "$TEST_DIR/state/services/web/restarts.json")" = 1 ]
}

@test "a person who names it, and a script that does, is not held by the back-off; a cron job is" {
  MORE='    restart: {limit: 20 in 10m}' service web
  run -0 auto
  down
  run -1 restart --if-down web
  says "automatically 1 time in a row"
  run -0 restart web
  [ "$(jq .streak "$TEST_DIR/state/services/web/restarts.json")" = 1 ]
}

@test "a person at a terminal is told and asked; the name typed goes on, anything else leaves it" {
  skip_unless script bsdutils
  MORE='    restart: {limit: 1 in 10m}' service web
  pages
  run -0 restart web
  one_of web
  old=$the_pid
  echo no >"$TEST_DIR/no"
  run -1 script -qec "hal9-restart web --tone plain" /dev/null <"$TEST_DIR/no"
  says "web was restarted 1 times within 10 min"
  says "Type web to go on"
  one_of web
  [ "$the_pid" = "$old" ]
  [ "$(paged)" = 0 ]
  echo web >"$TEST_DIR/yes"
  run -0 script -qec "hal9-restart web --tone plain" /dev/null <"$TEST_DIR/yes"
  gone "$old"
  one_of web
}

@test "a damaged count is told, and stops no rescue" {
  MORE='    restart: {limit: 1 in 10m}' service web
  run -0 restart web
  echo nonsense >"$TEST_DIR/state/services/web/restarts.json"
  run -0 restart web
  says "how often web was restarted is not known"
}

@test "a limit that is none is refused with its place" {
  MORE='    restart: {limit: often}' service web
  run -2 restart web
  says "hal9.yaml:"
  says "limit wants a count and a time such as 5 in 10m, not 'often'"
}
