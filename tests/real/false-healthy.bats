#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# "Healthy" while nothing runs: what other checkers have fallen for, each as a test that this one does not.

load common
load health

setup() {
  common_setup
  skip_unless jq
  open_site
}

# answers HEADER BODY: a server that says so to every request, whoever asks. Sets fixture_port.
answers() {
  skip_unless python3
  open_ready_fifo_once
  start_in_background "$TEST_DIR/python.log" python3 -c '
import http.server, os, sys
header, body, ready = sys.argv[1:4]
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header(*header.split(": ", 1))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
open(ready, "w").write("%d %d\n" % (server.server_port, os.getpid()))
server.serve_forever()' "$1" "$2" "$ready_fifo"
  wait_ready || fail "$(cat "$TEST_DIR/python.log")"
}

# one CHECK STATE: what the only service of this check is.
one() {
  services <<<"  a: {checks: [$1]}"
  hal9-health -o json >"$TEST_DIR/records" || true
  [ "$(verdict a state <"$TEST_DIR/records")" = "$2" ] || fail "$1: $(verdict a state <"$TEST_DIR/records"): $(verdict a reason <"$TEST_DIR/records")"
}

@test "a request that is refused, cut off or fails at TLS has no status that could be below 300, and no time within the limit" {
  free_port
  one "{http: \"http://127.0.0.1:$free_port/\", expect: {status: \"< 300\"}}" failing
  one "{http: \"http://127.0.0.1:$free_port/\", expect: {within: 500ms}}" failing
  start_fixture http-receiver --port 0 --answer close
  one "{http: \"http://127.0.0.1:$fixture_port/\", expect: {status: \"< 300\"}}" failing
  start_fixture http-receiver --port 0 --answer cut
  one "{http: \"http://127.0.0.1:$fixture_port/\", expect: {status: \"< 300\"}}" failing
  one "{http: \"https://127.0.0.1:$fixture_port/\", expect: {status: \"< 300\"}}" failing
}

@test "a pointer into a page of HTML is not 0, not unequal, not below a limit" {
  answers 'Content-Type: text/html' '<html>please log in</html>'
  for want in '"< 10"' '"!= 3"' '"!~ x"' 0 null false '""'; do
    one "{http: \"http://127.0.0.1:$fixture_port/\", expect: {json: {/queue: $want}}}" failing
  done
  answers 'Content-Type: application/json' '{"other": 1}'
  for want in '"< 10"' '"!= 3"' '"!~ x"' 0 null; do
    one "{http: \"http://127.0.0.1:$fixture_port/\", expect: {json: {/queue: $want}}}" failing
  done
}

@test "a redirect to a login page that answers 200 is not the page, unless that was told" {
  serve login --port 0 --redirect
  one "{http: \"http://127.0.0.1:$fixture_port/health\"}" failing
  one "{http: \"http://127.0.0.1:$fixture_port/health\", follow: 3, expect: {json: {/status: ok}}}" failing
}

@test "a certificate of nobody's is refused, of another name too" {
  skip_unless openssl
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=other.example \
    -addext subjectAltName=DNS:other.example -keyout "$TEST_DIR/key" -out "$TEST_DIR/cert" 2>/dev/null
  free_port
  start_in_background "$TEST_DIR/openssl.log" openssl s_server -accept "127.0.0.1:$free_port" -www -cert "$TEST_DIR/cert" -key "$TEST_DIR/key"
  wait_for_log "$TEST_DIR/openssl.log" ACCEPT
  one "{http: \"https://127.0.0.1:$free_port/\"}" failing
  one "{http: \"https://127.0.0.1:$free_port/\", ca: $TEST_DIR/cert}" failing
  [[ $(verdict a reason <"$TEST_DIR/records") == *[Cc]ertificate* || $(verdict a reason <"$TEST_DIR/records") == *TLS* ]]
}

@test "every form of output has the exit code of a failure" {
  services <<<'  a: {checks: [{command: ["false"]}]}'
  for form in text json junit tap prometheus; do
    run hal9-health -o $form
    exits 1
  done
  run hal9-health -o nagios
  exits 2
}

@test "nothing checked, all skipped, no service at all: unknown, not OK" {
  services <<<'  a: {}'
  for form in text json junit tap prometheus; do
    run hal9-health -o $form
    exits 4
  done
  run hal9-health -o nagios
  exits 3
  printf 'hal9: 1\nservices: {}\n' >"$HAL9OPS_CONFIG"
  run hal9-health
  exits 4
}

@test "no process is not fine because at most two are" {
  one "{process: hal9-no-such-thing, count: \"< 3\"}" failing
  one "{process: hal9-no-such-thing, count: \"<= 2\"}" failing
  one "{process: hal9-no-such-thing, count: \"< 1\"}" healthy
}

@test "metrics tell the service's state, not only that the prober works; an answer in time that is none is no sample" {
  services <<<'  a: {checks: [{command: ["false"]}]}'
  run hal9-health -o prometheus
  grep -qx 'hal9_service_state{service="a",state="healthy"} 0' <<<"$output"
  grep -qx 'hal9_service_state{service="a",state="failing"} 1' <<<"$output"
  grep -qx 'hal9_health_exit 1' <<<"$output"
}

@test "a configuration that has gone leaves no old targets behind" {
  services <<<'  a: {checks: [{command: ["true"]}]}'
  run hal9-health
  exits 0
  rm "$HAL9OPS_CONFIG"
  run hal9-health
  exits 2
}

@test "health answered on another port than the service's own" {
  serve side --port 0
  side=$fixture_port
  free_port
  services <<YAML
  a: {port: $free_port, identity: {exe: $TEST_DIR/bin/side}, checks: [{http: "http://127.0.0.1:$side/health"}]}
YAML
  run health
  exits 1
  says "$free_port"
}

@test "a page that a cache keeps says nothing about now" {
  answers 'Age: 3600' ok
  one "{http: \"http://127.0.0.1:$fixture_port/\"}" unknown
  [[ $(verdict a reason <"$TEST_DIR/records") == *"a cache answered with a page that is 3600 s old"* ]]
  answers 'Age: 0' ok
  one "{http: \"http://127.0.0.1:$fixture_port/\"}" healthy
  start_fixture http-receiver --port 0 --record "$TEST_DIR/received" --answer 200
  one "{http: \"http://127.0.0.1:$fixture_port/\"}" healthy
  [ "$(jq -r '.headers["cache-control"]' "$TEST_DIR/received")" = no-cache ]
}

@test "a probe that says CRITICAL and exits 0 is not believed" {
  for words in "CRITICAL: no answer" "DISK CRITICAL - /: 2% free | used=98%" "HTTP UNKNOWN: timed out" "WARNING - slow"; do
    one "{command: [echo, '$words']}" unknown
  done
  for words in "DISK OK - /: 90% free" "all is well" "no CRITICAL: errors" "0 WARNINGS"; do
    one "{command: [echo, '$words']}" healthy
  done
}

@test "a mount that is not there is not the disk that its directory lies on" {
  mkdir "$TEST_DIR/backup"
  one "{disk: $TEST_DIR/backup, free: 1, inodes: 0%}" healthy
  one "{disk: $TEST_DIR/backup, free: 1, inodes: 0%, mounted: true}" degraded
  one "{disk: /, free: 1, inodes: 0%, mounted: true}" healthy
  one "{disk: $TEST_DIR/none, free: 1}" degraded
  need_namespaces
  printf 'none %s tmpfs defaults 0 0\nnone %s tmpfs noauto 0 0\n' "$TEST_DIR/backup" "$TEST_DIR/bin" >"$TEST_DIR/fstab"
  # shellcheck disable=SC2016 # the inner shell expands it
  inside() { unshare --mount sh -c 'touch /etc/fstab && mount --bind "$TEST_DIR/fstab" /etc/fstab && { [ -z "$MOUNT" ] || mount "$TEST_DIR/backup"; } && exec "$@"' sh "$@"; }
  services <<YAML
  a: {checks: [{disk: $TEST_DIR/backup, free: 1, inodes: 0%}]}
  b: {checks: [{disk: $TEST_DIR/bin, free: 1, inodes: 0%}]}
  c: {checks: [{disk: $TEST_DIR/backup, free: 1, inodes: 0%, mounted: false}]}
YAML
  export MOUNT=
  run inside hal9-health -o text --tone plain
  exits 1
  says "nothing is mounted at $TEST_DIR/backup, where fstab wants something"
  says "1 of 3 services degraded"
  export MOUNT=1
  run inside hal9-health -o text --tone plain
  exits 0
}

@test "two services with the same URL make one request, and each has its answer" {
  start_fixture http-receiver --port 0 --record "$TEST_DIR/received" --answer slow:300
  url=http://127.0.0.1:$fixture_port
  services <<YAML
  a: {checks: [{http: "$url/health", expect: {status: 202}}]}
  b: {checks: [{http: "$url/health", expect: {status: 200}}, {http: "$url/health", name: again}]}
  c: {checks: [{http: "$url/other"}, {http: "$url/health", headers: {X-Who: c}}]}
YAML
  hal9-health -o json >"$TEST_DIR/records" || true
  [ "$(jq -r .path "$TEST_DIR/received" | sort | uniq -c | xargs)" = "2 /health 1 /other" ] || fail "$(cat "$TEST_DIR/received")"
  [ "$(verdict a state <"$TEST_DIR/records")" = healthy ]
  [ "$(verdict b state <"$TEST_DIR/records")" = failing ]
}

@test "no breaker and no second try stand before a probe: each run asks once, whatever the last ones said" {
  start_fixture http-receiver --port 0 --record "$TEST_DIR/received" --answer 503 --answer 503 --answer 503 --answer 503 --answer 503 --answer 503 --answer 503 --answer 200
  services <<<"  a: {checks: [{http: \"http://127.0.0.1:$fixture_port/\"}]}"
  for _ in {1..7}; do
    run health
    exits 1
  done
  run health
  exits 0
  [ "$(wc -l <"$TEST_DIR/received")" -eq 8 ]
}
