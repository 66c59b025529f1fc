#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# hal9-health on real servers and a real host: each kind of check, deadlines, dependencies, waiting, forms.

load common
load health

setup() {
  common_setup
  skip_unless jq
  open_site
}

@test "http: the status, a value of the body, a redirect that is not followed" {
  serve web --port 0
  services <<YAML
  good:
    checks: [{http: "http://127.0.0.1:$fixture_port/health", expect: {status: 200, json: {/status: ok}}}]
  wrong-value:
    checks: [{http: "http://127.0.0.1:$fixture_port/health", expect: {json: {/status: ill}}}]
  no-such-pointer:
    checks: [{http: "http://127.0.0.1:$fixture_port/health", expect: {json: {/queue: "< 10"}}}]
  not-there:
    checks: [{http: "http://127.0.0.1:$fixture_port/missing"}]
YAML
  run health good
  exits 0
  says "good"
  says "healthy  1 of 1 checks"
  run health wrong-value
  exits 1
  says "check failed"
  says "/status"
  run health no-such-pointer
  exits 1
  says "/queue"
  run health not-there
  exits 1
  says "404"
  serve login --port 0 --redirect
  run health "http://127.0.0.1:$fixture_port/health"
  exits 1
  says "302"
}

@test "tcp: something listens, nothing listens" {
  serve web --port 0
  run health "tcp://127.0.0.1:$fixture_port"
  exits 0
  free_port
  run health "tcp://127.0.0.1:$free_port"
  exits 1
  says "failing"
}

@test "owner: the port is the service's, or another program's" {
  serve web --port 0
  own_program other
  services <<YAML
  web: {port: $fixture_port, identity: {exe: $TEST_DIR/bin/web}}
YAML
  run health
  exits 0
  services <<YAML
  other: {port: $fixture_port, identity: {exe: $TEST_DIR/bin/other}}
YAML
  run health
  exits 1
  says "port conflict"
  says "web (pid $fixture_server_pid"
  says "Next: hal9-portfix other"
}

@test "process: it runs, it does not run" {
  serve myprog --port 0
  run health "process:$TEST_DIR/bin/nobody"
  exits 1
  says "not running"
  services <<YAML
  by-exe: {checks: [{process: {exe: $TEST_DIR/bin/myprog}}]}
  too-few: {checks: [{process: {exe: $TEST_DIR/bin/myprog}, count: ">= 2"}]}
YAML
  run health by-exe
  exits 0
  run health too-few
  exits 1
  says "not >= 2"
}

@test "disk, memory: a host that lacks something makes the service degraded, exit 1" {
  services <<YAML
  roomy: {checks: [{disk: /, free: 1}, {memory: {available: 1}}]}
  no-disk: {checks: [{disk: /, free: "100%"}]}
  no-memory: {checks: [{memory: {available: "100%"}}]}
YAML
  run health roomy
  exits 0
  for service in no-disk no-memory; do
    run health "$service"
    exits 1
    says "degraded"
    says "resource"
  done
}

@test "critical moves a check: the host's makes failing, its own only degraded" {
  services <<YAML
  strict: {checks: [{disk: /, free: "100%", critical: true}]}
  easy: {checks: [{command: ["false"], critical: false}]}
YAML
  run health
  exits 1
  says "strict        failing"
  says "easy          degraded"
  hal9-health -o json >"$TEST_DIR/records" || true
  [ "$(jq -c 'select(.kind == "check") | [.service, .critical]' "$TEST_DIR/records" | sort | tr -d '\n')" = '["easy",false]["strict",true]' ]
}

@test "command: Nagios' exit codes" {
  services <<YAML
  zero: {checks: [{command: [sh, -c, "echo fine"]}]}
  one: {checks: [{command: [sh, -c, "echo so-so; exit 1"]}]}
  two: {checks: [{command: [sh, -c, "echo 'broken | used=1'; exit 2"]}]}
  three: {checks: [{command: [sh, -c, "echo dunno; exit 3"]}]}
YAML
  run health zero
  exits 0
  run health one
  exits 1
  says "so-so"
  run health two
  exits 1
  says "broken"
  never_says "used=1"
  run health three
  exits 4
  says "dunno"
}

@test "file: fresh, large, with the right words; gone is a failure" {
  echo "backup complete" >"$TEST_DIR/log"
  touch -d "2 hours ago" "$TEST_DIR/old"
  services <<YAML
  good: {checks: [{file: $TEST_DIR/log, newer: 1h, larger: 4, contains: complete}]}
  old: {checks: [{file: $TEST_DIR/old, newer: 1h}]}
  gone: {checks: [{file: $TEST_DIR/gone}]}
  words: {checks: [{file: $TEST_DIR/log, contains: failed}]}
YAML
  run health good
  exits 0
  for service in old gone words; do
    run health "$service"
    exits 1
    says "degraded"
  done
}

@test "twenty checks that hang end in one timeout, and a healthy one beside them at once" {
  serve hang --port 0 --hang
  {
    echo "  hung:"
    echo "    checks:"
    for i in {1..20}; do
      echo "      - {http: \"http://127.0.0.1:$fixture_port/$i\", name: hung-$i, timeout: 1s}"
    done
    echo "  file: {checks: [{file: $HAL9OPS_CONFIG}]}"
  } | services
  before=$(now_ms)
  run health
  took=$(($(now_ms) - before))
  exits 1
  says "no whole answer within 1.0 s"
  [ "$took" -ge 1000 ]
  [ "$took" -lt 10000 ]
  hal9-health -o json >"$TEST_DIR/records" || true
  [ "$(verdict file ms <"$TEST_DIR/records" | cut -d. -f1)" -lt 1000 ]
}

@test "the deadline of the whole ends what hangs: unknown, exit 4" {
  serve hang --port 0 --hang
  services <<YAML
  hung: {checks: [{http: "http://127.0.0.1:$fixture_port/", timeout: 60s}]}
YAML
  run hal9-health -o text --timeout 300ms
  exits 4
  says "not finished when the time was over"
}

@test "a service without a check is unknown, exit 4; with nothing to probe at all, too" {
  services <<YAML
  bare: {}
YAML
  run health
  exits 4
  says "no checks"
  printf 'hal9: 1\nservices: {}\n' >"$HAL9OPS_CONFIG"
  run health
  exits 4
  says "nothing to probe"
}

@test "what depends on a failing service says for whom it waits" {
  free_port
  services <<YAML
  web: {depends: [db], checks: [{command: ["false"]}]}
  db: {checks: [{tcp: "127.0.0.1:$free_port"}]}
YAML
  run health
  exits 1
  says "web           failing  dependency"
  says "waits for db, which is not healthy"
  hal9-health -o json web >"$TEST_DIR/records" || true
  [ "$(verdict web 'blocked_by[0]' <"$TEST_DIR/records")" = db ]
  [ "$(jq -s '[.[] | select(.kind == "verdict")] | length' "$TEST_DIR/records")" -eq 1 ]
}

@test "--wait: a server that gets well after a second is waited for, no longer" {
  free_port
  own_program slow
  start_in_background "$TEST_DIR/slow.log" "$program" --port "$free_port" --slow-start 1000
  before=$(now_ms)
  run health --wait 25s "http://127.0.0.1:$free_port/health"
  took=$(($(now_ms) - before))
  exits 0
  [ "$took" -lt 15000 ]
}

@test "--wait: one that never gets well is exit 1 when the time is over" {
  free_port
  before=$(now_ms)
  run health --wait 1s "http://127.0.0.1:$free_port/health"
  took=$(($(now_ms) - before))
  exits 1
  says "failing"
  [ "$took" -ge 850 ]
  [ "$took" -lt 10000 ]
}

@test "--wait on one that hangs ends in time and says what is wrong" {
  serve hang --port 0 --hang
  services <<YAML
  hung: {checks: [{http: "http://127.0.0.1:$fixture_port/", timeout: 500ms}]}
YAML
  run health --wait 1200ms
  exits 1
  says "no whole answer within 0.5 s"
}

@test "--exit-zero: what is failing is told, and the exit is 0; a wrong word is still exit 2" {
  run health --exit-zero "file:$TEST_DIR/gone"
  exits 0
  says "degraded"
  run health --exit-zero nobody
  exits 2
}

@test "records: a begin, a verdict for each service, a check for each check, an end with the counts" {
  echo x >"$TEST_DIR/there"
  services <<YAML
  good: {checks: [{file: $TEST_DIR/there}, {memory: {available: 1}}]}
  bad: {checks: [{file: $TEST_DIR/gone, critical: true}]}
  bare: {}
YAML
  run -1 hal9-health
  echo "$output" >"$TEST_DIR/records"
  [ "$(jq -s -c '[.[].kind] | [.[0], .[-1]]' "$TEST_DIR/records")" = '["begin","end"]' ]
  [ "$(jq -s -c '.[0] | [.planned, .services]' "$TEST_DIR/records")" = '[3,["good","bad","bare"]]' ]
  [ "$(jq -s -c '.[-1] | [.planned, .ran, .passed, .failed, .unknown, .skipped, .exit]' "$TEST_DIR/records")" = '[3,3,1,1,1,0,1]' ]
  [ "$(jq -s '[.[] | select(.kind == "check")] | length' "$TEST_DIR/records")" -eq 3 ]
  [ "$(verdict bad state <"$TEST_DIR/records")" = failing ]
  [ "$(verdict bare cause <"$TEST_DIR/records")" = no_checks ]
  [ "$(verdict good 'checks.passed' <"$TEST_DIR/records")" -eq 2 ]
  [ "$(verdict good score <"$TEST_DIR/records")" = 1 ]
}

@test "words: -q tells only what is wrong, -v each check" {
  echo x >"$TEST_DIR/there"
  services <<YAML
  good: {checks: [{file: $TEST_DIR/there}]}
  bad: {checks: [{file: $TEST_DIR/gone}]}
YAML
  run health -q
  exits 1
  says "bad"
  never_says "good"
  run health -v
  says "pass    file $TEST_DIR/there"
  says "fail    file $TEST_DIR/gone"
}

@test "a wrong service is answered with the nearest right one, exit 2, nothing probed" {
  services <<YAML
  hal9-server: {checks: [{command: [touch, "$TEST_DIR/probed"]}]}
YAML
  run health hal9-serve
  exits 2
  says "did you mean 'hal9-server'?"
  [ ! -e "$TEST_DIR/probed" ]
}

@test "checks of the command line need no configuration" {
  cd "$TEST_DIR"
  rm "$HAL9OPS_CONFIG"
  unset HAL9OPS_CONFIG
  serve web --port 0
  export XDG_CONFIG_HOME=$TEST_DIR
  run health "http://127.0.0.1:$fixture_port/health" "tcp://127.0.0.1:$fixture_port" "port:$fixture_port" "file:$TEST_DIR/bin/web" disk:/ load:1000
  exits 0
  says "all 6 are healthy"
}

@test "a wrong check word is exit 2, with the right way to write it" {
  for word in htp://x port:99999 tcp:// "command:" "command:'x" memory:much; do
    run health "$word"
    exits 2
    says "$word"
  done
  run health "tpc://localhost:80"
  exits 2
  says "did you mean 'tcp://localhost:80'?"
}

@test "a check asked for twice is run once" {
  run hal9-health -o json "file:$TEST_DIR" "file:$TEST_DIR"
  [ "$(jq -s '[.[] | select(.kind == "verdict")] | length' <<<"$output")" -eq 1 ]
}

@test "a wrong time for an option is exit 2 and names the option" {
  for option in wait max-age timeout; do
    run hal9-health "--$option=soon"
    exits 2
    says "--$option"
  done
}

@test "a stream that breaks off: nothing is probed, exit 4; one without services asks for none" {
  services <<YAML
  other: {checks: [{command: [touch, "$TEST_DIR/probed"]}]}
YAML
  hal9-health -o json "file:$TEST_DIR" >"$TEST_DIR/whole"
  head -n 2 "$TEST_DIR/whole" >"$TEST_DIR/cut"
  for input in "$TEST_DIR/cut" "$TEST_DIR/whole" /dev/null; do
    run hal9-health -o text - <"$input"
    exits 4
    [ ! -e "$TEST_DIR/probed" ]
  done
}
