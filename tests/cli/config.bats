#!/usr/bin/env bats
# hal9.yaml: the contract parses, and every slip is told with its place and the nearest right word.

load ../real/common

setup() {
  common_setup
  cd "$TEST_DIR" || return
  unset HAL9OPS_CONFIG
  export XDG_CONFIG_HOME=$TEST_DIR/none
}

check() { # of hal9.yaml on stdin
  cat >hal9.yaml
  run "$HAL9_BIN/hal9-health" --check-config
}

# says TEXT: the output has the text, and the exit is 2.
says() {
  [ "$status" -eq 2 ] || fail "exit $status: $output"
  [[ $output == *"$1"* ]] || fail "no '$1' in: $output"
}

contract() {
  cat <<'YAML'
hal9: 1
services:
  hal9-server:
    port: 8080
    run: {exec: [/opt/hal9/current/hal9-server, --port, "8080"], user: hal9, cwd: /opt/hal9}
    identity: {exe: /opt/hal9/current/hal9-server}
    stop: {signal: TERM, grace: 30s}
    preflight: [/opt/hal9/current/hal9-server, --check-config]
    gate: {within: 60s}
    conflicts: [layer9-server]
    depends: [postgres]
    restart: {limit: 5 in 10m, dependants: false}
    checks:
      - http: http://127.0.0.1:8080/health
        expect: {status: 200, json: {/status: ok}, within: 2s}
      - memory: {available: 10%}
    logs: {files: [/var/log/hal9/*.log], journal: hal9-server.service, last: 15m}
    drain: {balancer: edge, backend: hal9, timeout: 30s}
    release: {current: /opt/hal9/current, keep: 5, revert: changed}
  postgres:
    checks: [{tcp: "127.0.0.1:5432"}]
balancers:
  edge: {haproxy: [unix:/run/haproxy/admin.sock]}
flags:
  main: {flagd: /etc/hal9/flags.json}
rollback:
  migration:
    parts:
      - balancer: edge
        backend: hal9
        new: [s3, s4]
      - flags: main
      - files: [/etc/hal9/app.yaml]
      - release: /opt/hal9/current
    health: [hal9-server]
    gradual: {stops: 10, every: 30s}
scale:
  hal9: {cluster: {context: prod}, namespace: hal9, users: 1000, image: "hal9:1.4", replicas: 30, max: 150}
notify:
  - pagerduty: {routing_key: file:/etc/hal9ops/pagerduty.key}
    on: [failing, recovered]
YAML
}

@test "the whole contract parses" {
  contract >whole
  check <whole
  [ "$status" -eq 0 ] || fail "$output"
  [[ $output == *"2 services"* ]]
}

@test "every kind of check parses" {
  check <<'YAML'
hal9: 1
services:
  all:
    checks:
      - {http: "http://127.0.0.1:1/", method: POST, headers: {X-Probe: hal9}, data: x, follow: 2, expect: {status: [200, 204], header: {content-type: "~ json"}, body: "~ ok", json: {/n: "< 10"}, within: 1s}}
      - {tcp: "127.0.0.1:1", send: 'PING\r\n', expect: "~ PONG"}
      - {udp: "127.0.0.1:1", send: x, expect: y}
      - owner: 8080
      - process: nginx
      - {process: {exe: /usr/sbin/nginx}, count: ">= 2"}
      - {disk: /, free: 10%, inodes: 5%}
      - {disk: /var, free: 5Gi}
      - memory: {available: 10%}
      - memory: {below: 90%}
      - load: {below: 1.5}
      - pressure: {some: 20%, over: 60s}
      - open-files: {below: 80%}
      - command: [/bin/true]
      - {file: /etc/passwd, newer: 1d, larger: 1k, contains: root, name: f, timeout: 1s, weight: 2, rise: 1, fall: 1, every: 5s, critical: true}
YAML
  [ "$status" -eq 0 ] || fail "$output"
}

@test "a wrong key is answered with its place and the nearest right one" {
  contract | sed 's/grace: 30s/grce: 30s/' >slip
  check <slip
  says "hal9.yaml:7:26: 'grce' is not a key of stop; did you mean 'grace'?"
}

@test "all errors of a file are told in one go, in the order of their places" {
  contract | sed 's/grace: 30s/grce: 30s/; s/keep: 5/keep: many/; s/within: 60s/within: soon/' >slips
  check <slips
  says "hal9.yaml:7:"
  says "hal9.yaml:9:"
  says "hal9.yaml:19:"
  [[ $output == *":7:"*":9:"*":19:"* ]]
}

@test "names that point to nothing" {
  contract | sed 's/depends: \[postgres\]/depends: [postgre]/; s/balancer: edge, backend/balancer: egde, backend/; s/flags: main/flags: mian/' >slips
  check <slips
  says "no service 'postgre'; did you mean 'postgres'?"
  says "no balancer 'egde'; did you mean 'edge'?"
  says "no flag store 'mian'; did you mean 'main'?"
}

@test "services that depend on each other in a circle" {
  check <<'YAML'
hal9: 1
services:
  a: {depends: b, checks: [{tcp: "127.0.0.1:1"}]}
  b: {depends: c, checks: [{tcp: "127.0.0.1:1"}]}
  c: {depends: a, checks: [{tcp: "127.0.0.1:1"}]}
YAML
  says "a -> b -> c -> a"
  says "hal9.yaml:3:"
}

@test "a port has one owner, and its owner a known program" {
  check <<'YAML'
hal9: 1
services:
  a: {port: 8080, identity: {exe: /bin/a}}
  b: {ports: [8081, 8080], identity: {exe: /bin/b}}
YAML
  says "hal9.yaml:4:21: port 8080 is a's already"
  check <<'YAML'
hal9: 1
services:
  a: {port: 8080}
YAML
  says "neither run nor identity"
}

@test "a port that is none, a subcommand as a name, a literal secret" {
  check <<'YAML'
hal9: 1
services:
  a: {port: 80800, identity: {exe: /bin/a}}
  watch: {checks: [{tcp: "127.0.0.1:1"}]}
notify:
  - pagerduty: {routing_key: abcdef}
YAML
  says "1 to 65535"
  says "file:PATH or env:NAME"
  [[ $output != *abcdef* ]] || fail "the secret is told"
  check <<'YAML'
hal9: 1
services:
  watch: {checks: [{tcp: "127.0.0.1:1"}]}
YAML
  says "subcommand"
}

@test "two parts on one path, a key twice, a second document, a tab" {
  contract | sed 's,files: \[/etc/hal9/app.yaml\],files: [/opt/hal9/current],' >slip
  check <slip
  says "two parts on one path: /opt/hal9/current is files and a release"
  printf 'hal9: 1\nservices: {}\nservices: {}\n' >twice
  check <twice
  says "hal9.yaml:3:1"
  printf 'hal9: 1\n---\nhal9: 1\n' >second
  check <second
  says "hal9.yaml:2"
  printf 'hal9: 1\nservices:\n\ta: {}\n' >tab
  check <tab
  says "hal9.yaml:3"
}

@test "two parts on one path: a folder and a file in it, a release link or a flag file in a folder; beside one another is fine" {
  parts() {
    printf 'hal9: 1\nservices:\n  web: {run: {exec: [/srv/current/web]}, release: {current: /srv/current}}\n'
    printf 'flags: {main: {flagd: /etc/hal9/flags.json}}\nrollback:\n  p:\n    parts:\n'
    printf '      - {%s}\n' "$@"
  }
  parts 'files: /etc/hal9' 'files: /etc/hal9//app.yaml' >slip
  check <slip
  says "hal9.yaml:9:"
  says "two parts on one path: /etc/hal9 (files) and /etc/hal9/app.yaml (files) lie in one another"
  parts 'files: [/srv/a, /srv/a/b]' >slip
  check <slip
  says "hal9.yaml:8:"
  parts 'release: /srv/current' 'files: /srv/' >slip
  check <slip
  says "/srv/current (a release) and /srv (files) lie in one another"
  parts 'service: web' 'files: /srv' >slip
  check <slip
  says "/srv/current (the release of service web) and /srv (files)"
  parts 'flags: main' 'files: /etc/hal9' >slip
  check <slip
  says "/etc/hal9/flags.json (the flag store main) and /etc/hal9 (files)"
  parts 'files: [/etc/hal9.d, /etc/hal9]' 'flags: main' >slip
  check <slip
  says "the flag store main"
  parts 'files: [/etc/hal9.d, /etc/hal9x]' 'flags: main' 'service: web' 'release: /srv/currently' >fine
  check <fine
  [ "$status" -eq 0 ] || fail "$output"
}

@test "conf.d beside the file is merged; a name twice is an error" {
  mkdir conf.d
  contract >whole
  printf 'hal9: 1\nservices:\n  extra: {checks: [{tcp: "127.0.0.1:1"}], depends: postgres}\n' >conf.d/extra.yaml
  check <whole
  [ "$status" -eq 0 ] || fail "$output"
  [[ $output == *"3 services"* ]]
  printf 'hal9: 1\nservices:\n  postgres: {checks: [{tcp: "127.0.0.1:1"}]}\n' >conf.d/twice.yaml
  check <whole
  says "twice.yaml"
  says "'postgres'"
}

@test "root refuses a file that others own or may write" {
  need_root
  contract >whole
  check <whole
  [ "$status" -eq 0 ]
  chmod o+w hal9.yaml
  run "$HAL9_BIN/hal9-health" --check-config
  says "can be written by everybody"
  chmod 0644 hal9.yaml
  chown 12345 hal9.yaml
  run "$HAL9_BIN/hal9-health" --check-config
  says "belongs to another user"
}

@test "a told file that is missing is an error, no file at all is none" {
  run "$HAL9_BIN/hal9-health" --check-config -c missing.yaml
  says "missing.yaml"
  rm -f hal9.yaml
  if [ ! -e /etc/hal9ops/hal9.yaml ]; then
    run "$HAL9_BIN/hal9-health" --check-config
    [ "$status" -eq 0 ]
  fi
}

@test "a restart limit that is none" {
  contract | sed 's/limit: 5 in 10m/limit: 5 per hour/' >slip
  check <slip
  says "limit wants a count and a time such as 5 in 10m, not '5 per hour'"
}

@test "a newer format is refused" {
  printf 'hal9: 2\n' >newer
  check <newer
  says "this build knows 1"
}

@test "a kind without a driver fails when it is used, by name" {
  printf 'hal9: 1\nservices:\n  pod: {run: {kubernetes: ns/pod}, checks: [{tcp: "127.0.0.1:1"}]}\n' >hal9.yaml
  HAL9OPS_STATE_DIR=$TEST_DIR/state run "$HAL9_BIN/hal9-restart" pod
  says "kubernetes"
}

rollback_plan() { # LINES of the plan
  cat <<'YAML'
hal9: 1
services: {s: {checks: [{tcp: "127.0.0.1:1"}]}}
balancers: {edge: {haproxy: "unix:/run/x.sock"}}
flags: {main: {flagd: /etc/flags.json}}
rollback:
  m:
YAML
  sed 's/^/    /'
}

@test "a rollback plan with metrics, needs, drain and verify parses" {
  rollback_plan <<'YAML' >whole
parts:
  - {balancer: edge, backend: b, new: [s3], needs: features, drain: {timeout: 10s, grace: 0s}}
  - flags: main
  - {files: [/etc/a, /etc/b], needs: ["flags:main", "balancer:edge/b"]}
  - {release: /opt/current, needs: "files:/etc/b"}
health: s
metrics:
  prometheus: http://127.0.0.1:9090
  token: env:TOKEN
  error_rate: {query: "sum(rate(e[1m])) / sum(rate(r[1m]))", below: 5%}
  p99: {query: up, below: 0.1}
verify: {tries: 3, every: 1s}
on_unknown: 1m
gradual: {stops: [75, 25, 5, 0], every: 1m}
YAML
  check <whole
  [ "$status" -eq 0 ] || fail "$output"
}

@test "what is wrong with a rollback plan is told at its place" {
  rollback_plan <<'YAML' >slips
parts:
  - {flags: main, drain: {}}
metrics:
  prometheus: nowhere
  error_rate: {query: up, below: soon}
verify: {tries: 0}
YAML
  check <slips
  says "hal9.yaml:8:30: drain belongs to a balancer part"
  says "below must be a number, a part such as 5% or a time such as 100ms"
  says "tries wants a whole number from 1 to 1000, not '0'"
  rollback_plan <<'YAML' >slips
parts:
  - {balancer: edge, backend: b, needs: [files, "balancer:edge/b"]}
  - {flags: main, needs: features}
YAML
  check <slips
  says "needs names another part of the plan, such as flags or flags:main; none is 'files'"
  says "none is 'balancer:edge/b'"
  says "none is 'features'"
}
