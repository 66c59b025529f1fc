#!/usr/bin/env bats
# hal9-restart hold: every tool's hands off a service, until it ends by itself or is lifted.
# shellcheck disable=SC2154 # set by the helpers

load common
load restart

setup() {
  common_setup
  skip_unless jq
  open_site
}

held() {
  hal9-restart holds -o json | jq -rs '[.[] | select(.kind == "hold") | .service] | join(" ")'
}

@test "held: restart refuses with who, why and until when; unhold lifts it" {
  service web
  run -0 restart web
  one_of web
  old=$the_pid
  TZ=UTC HAL9OPS_NOW=2026-11-23T03:00:00Z run -0 hal9-restart hold web --for 2h --reason "the database moves" -o text
  says "web is held by $(id -un) until 05:00 (for 2 h): the database moves"
  TZ=UTC HAL9OPS_NOW=2026-11-23T04:00:00Z run -1 restart web
  says "web is held by $(id -un) until 05:00 (for 1 h): the database moves"
  says "hal9-restart unhold web"
  one_of web
  [ "$the_pid" = "$old" ]
  HAL9OPS_NOW=2026-11-23T04:00:00Z run -1 restart web --yes --force=flap --force=holder
  HAL9OPS_NOW=2026-11-23T04:00:00Z run -1 restart -n web
  run -0 hal9-restart unhold web
  HAL9OPS_NOW=2026-11-23T04:00:00Z run -0 restart web
  gone "$old"
}

@test "it ends by itself, and is not listed any more" {
  service web
  HAL9OPS_NOW=2026-11-23T03:00:00Z run -0 hal9-restart hold web --for 1h
  [ "$(HAL9OPS_NOW=2026-11-23T03:59:59Z held)" = web ]
  [ "$(HAL9OPS_NOW=2026-11-23T04:00:00Z held)" = "" ]
  HAL9OPS_NOW=2026-11-23T03:59:59Z run -1 restart web
  HAL9OPS_NOW=2026-11-23T04:00:00Z run -0 restart web
}

@test "holds lists them all; a hold put again takes the place of the first; unhold twice does nothing" {
  service web
  service app
  run -0 hal9-restart hold web app
  run -0 hal9-restart hold web --for 5m --reason again
  [ "$(held)" = "app web" ]
  [ "$(hal9-restart holds -o json | jq -rs '[.[] | select(.service == "web") | .why] | join(",")')" = again ]
  run -0 hal9-restart unhold web app -o text
  run -0 hal9-restart unhold web -o text
  says "web is not held"
  run -0 hal9-restart holds -o text
  says "no service is held"
}

@test "health reports it as held, with how it is, and pages nobody" {
  service web
  printf 'notify:\n  - command: [sh, -c, "cat >>%s"]\n' "$TEST_DIR/pages" >>"$HAL9OPS_CONFIG"
  run -0 hal9-restart hold web --reason repair
  hal9-health >"$TEST_DIR/records"
  jq -se '[.[] | select(.kind == "verdict")] | length == 1 and (.[0] | .state == "held" and .cause == "held")' "$TEST_DIR/records"
  jq -se '[.[] | select(.kind == "verdict")][0].reason | test("repair; it is failing")' "$TEST_DIR/records"
  [ ! -e "$TEST_DIR/pages" ]
  run -0 hal9-restart unhold web
  run -1 hal9-health
  [ -s "$TEST_DIR/pages" ]
}

@test "the pipe leaves it alone" {
  service web
  run -0 hal9-restart hold web
  run -0 bash -c 'hal9-health | hal9-portfix - | hal9-restart - | hal9-health -'
  none_of web
  # Verdicts of before the hold: each is refused by name, the others are seen to.
  service app
  run -1 bash -c "$(declare -f record verdicts); verdicts web:failing:not_running app:failing:not_running | hal9-restart -"
  says "web is held by"
  none_of web
  one_of app
}

@test "portfix leaves its port to whoever has it" {
  service web
  start_fixture layer9-server --port "${port_of[web]}"
  run -0 hal9-restart hold web --reason "layer9 has it for now"
  run -1 hal9-portfix web --yes --force=holder
  says "stays as it is: web is held by"
  says "layer9 has it for now"
  is_alive "$fixture_pid"
  run -1 hal9-portfix "${port_of[web]}" --yes --force=holder
  is_alive "$fixture_pid"
  run -0 hal9-restart unhold web
  run -0 hal9-portfix web --yes --force=holder --settle 50ms
  gone "$fixture_pid"
}

@test "portfix never ends a held service that is in the way of another" {
  service web
  run -0 restart web
  one_of web
  printf '  app:\n    port: %s\n    identity: {exe: /opt/app}\n    conflicts: [%s]\n' "${port_of[web]}" "$TEST_DIR/bin/web" >"$TEST_DIR/app"
  # The port is app's by now, and web still has it.
  sed -i "s/^    port: ${port_of[web]}$//" "$HAL9OPS_CONFIG"
  cat "$TEST_DIR/app" >>"$HAL9OPS_CONFIG"
  run -0 hal9-restart hold web
  run -1 hal9-portfix app
  says "web is held by"
  is_alive "$the_pid"
  run -0 hal9-restart unhold web
  run -0 hal9-portfix app --settle 50ms
  gone "$the_pid"
}

@test "undo and resume keep their hands off it, too" {
  service web
  run -0 restart web
  one_of web
  run -0 hal9-restart hold web
  id=$(hal9-rollback history -o json | jq -rs '[.[] | select(.kind == "operation")][-1].id')
  run -1 hal9-rollback undo "$id"
  says "web is held by"
  is_alive "$the_pid"
  run -0 hal9-restart unhold web
  service app --slow-health 5000
  start_in_background "$TEST_DIR/records" hal9-restart app
  wait_for_log "$TEST_DIR/records" '"step":"app/start"'
  kill -KILL "$background_pid"
  wait_for_exit "$background_pid"
  run -0 hal9-restart hold app
  run -1 hal9-rollback resume
  says "app is held by"
  run -0 hal9-restart unhold app
  run -0 hal9-rollback resume
}

@test "an operation that is at work is told, and the hold doesn't wait for it; health knows of the operation" {
  service web --slow-health 20000
  MORE='    depends: [web]' service app
  start_in_background "$TEST_DIR/records" hal9-restart web app
  wait_for_log "$TEST_DIR/records" '"step":"web/start"'
  hal9-health web app >"$TEST_DIR/health" || true
  [ "$(jq -rs '[.[] | select(.kind == "verdict") | .service + " " + .cause] | join(",")' "$TEST_DIR/health")" = "web operation,app operation" ]
  run -0 hal9-restart hold web -o text
  says "is at work on web and goes to its end"
  kill "$background_pid"
  wait_for_exit "$background_pid"
}

@test "wrong words are exit 2 and change nothing" {
  service web
  run -2 hal9-restart hold
  run -2 hal9-restart hold wbe
  says "did you mean 'web'"
  run -2 hal9-restart hold web --for soon
  run -2 hal9-restart hold web --for 0s
  run -2 hal9-restart hold web --for 60d
  run -2 hal9-restart web --for 1h
  run -2 hal9-restart holds web
  run -2 hal9-restart unhold wbe
  run -1 hal9-restart hold -n web
  [ "$(held)" = "" ]
}

@test "a hold that is damaged: nobody touches the service, unhold lifts it" {
  service web
  run -0 hal9-restart hold web
  echo '{' >"$TEST_DIR/state/holds/web.json"
  run restart web
  [ "$status" -ne 0 ]
  says "holds/web.json is damaged"
  none_of web
  run -0 hal9-restart unhold web
  run -0 restart web
}

@test "a state directory of somebody else's: told, and nothing is held" {
  need_root
  service web
  run -0 hal9-restart hold web
  run -0 hal9-restart unhold web
  run as_user 12345 hal9-restart hold web
  [ "$status" -ne 0 ]
  [ "$(held)" = "" ]
}

@test "killed anywhere while it is put: it holds or it doesn't, and can be put again" {
  service web
  for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
    HAL9OPS_FAULT=$n:KILL hal9-restart hold web >/dev/null 2>&1 || true
    hal9-restart holds >"$TEST_DIR/out" || fail "fault point $n: $(cat "$TEST_DIR/out")"
  done
  run -0 hal9-restart hold web
  [ "$(held)" = web ]
}
