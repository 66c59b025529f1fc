#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# Every key of every kind of check, each with a pass, a fail and an unknown, through the real tool: a table a kind, one run
# each. What looks healthy while nothing runs is in false-healthy.bats.

load common
load health

setup() {
  common_setup
  skip_unless jq
  open_site
}

# probe [COMMAND…] <LINES: each line is a STATE and a CHECK; all of them are probed in one run of hal9-health (under the
# command, if told, within WITHIN), and each service's state must be the one that is told.
probe() {
  local n=0 state check got bad=
  : >"$TEST_DIR/services"
  cat >"$TEST_DIR/table"
  while read -r state check; do
    [ -z "$state" ] || printf '  s%d: {checks: [%s]}\n' "$((n++))" "$check" >>"$TEST_DIR/services"
  done <"$TEST_DIR/table"
  services <"$TEST_DIR/services"
  "$@" hal9-health -o json --timeout "${WITHIN:-60s}" >"$TEST_DIR/records" 2>"$TEST_DIR/err" || true
  n=0
  while read -r state check; do
    [ -n "$state" ] || continue
    got=$(verdict "s$n" state <"$TEST_DIR/records")
    [ "$got" = "$state" ] || bad+="$check: $got, not $state: $(verdict "s$n" reason <"$TEST_DIR/records")"$'\n'
    n=$((n + 1))
  done <"$TEST_DIR/table"
  [ "$n" -gt 0 ]
  [ -z "$bad" ] || fail "$bad$(head -c 500 "$TEST_DIR/err")"
}

@test "http: status, header, body, json, within, follow, in every way to compare" {
  serve web --port 0
  url=http://127.0.0.1:$fixture_port
  free_port
  serve login --port 0 --redirect
  login=http://127.0.0.1:$fixture_port
  serve slow --port 0 --drip --drip-interval 5
  slow=http://127.0.0.1:$fixture_port
  serve ill --port 0 --status 503
  ill=http://127.0.0.1:$fixture_port
  probe <<TABLE
healthy {http: "$url/health"}
failing {http: "$url/missing"}
healthy {http: "$url/missing", expect: {status: 404}}
healthy {http: "$url/health", expect: {status: [404, 200]}}
failing {http: "$url/health", expect: {status: [204, 404]}}
healthy {http: "$url/health", expect: {status: "< 300"}}
failing {http: "$ill/health"}
healthy {http: "$ill/health", expect: {status: 503}}
healthy {http: "$url/health", expect: {header: {content-type: "~ json"}}}
failing {http: "$url/health", expect: {header: {content-type: "text/html"}}}
failing {http: "$url/health", expect: {header: {x-none: "!= x"}}}
healthy {http: "$url/health", expect: {body: "~ \"status\""}}
failing {http: "$url/health", expect: {body: "~ ^nothing"}}
healthy {http: "$url/health", expect: {json: {/status: ok, /service: hal9-server}}}
healthy {http: "$url/health", expect: {json: {/status: "!= ill"}}}
failing {http: "$url/health", expect: {json: {/status: "!= ok"}}}
healthy {http: "$url/health", expect: {json: {/status: "~ ^o"}}}
failing {http: "$url/health", expect: {json: {/none: "< 10"}}}
failing {http: "$url/health", expect: {json: {/none: "!= x"}}}
failing {http: "$url/missing", expect: {status: 404, json: {/status: ok}}}
healthy {http: "$url/health", expect: {within: 4s}}
failing {http: "$slow/health", expect: {within: 200ms}}
failing {http: "$login/health"}
failing {http: "$login/health", expect: {status: 200}}
healthy {http: "$login/health", expect: {status: 302, header: {location: "~ /login"}}}
healthy {http: "$login/health", follow: 1, expect: {status: 200}}
failing {http: "http://127.0.0.1:$free_port/"}
failing {http: "http://no-such-host.invalid/", timeout: 4s}
unknown {http: "$url/health", headers: {Authorization: "file:$TEST_DIR/none"}}
unknown {http: "$url/health", headers: {Authorization: "env:HAL9_NO_SUCH"}}
TABLE
}

@test "http: method, headers and data are sent as told" {
  start_fixture http-receiver --port 0 --record "$TEST_DIR/received" --answer 200
  url=http://127.0.0.1:$fixture_port
  echo hidden >"$TEST_DIR/token"
  probe <<TABLE
healthy {http: "$url/a"}
healthy {http: "$url/b", method: PUT, headers: {X-Probe: hal9, Authorization: "file:$TEST_DIR/token"}, data: some text}
healthy {http: "$url/c", data: {ask: [1, true]}}
healthy {http: "$url/d", method: HEAD}
TABLE
  got() { jq -r "select(.path == \"/$1\") | $2" "$TEST_DIR/received"; }
  [ "$(got a .method)" = GET ]
  [ "$(got b '[.method, .headers["x-probe"], .headers.authorization, .body] | join(" ")')" = "PUT hal9 hidden some text" ]
  [ "$(got c '[.method, .headers["content-type"]] | join(" ")')" = "POST application/json" ]
  [ "$(got c '.body | fromjson | tojson')" = '{"ask":[1,true]}' ]
  [ "$(got d .method)" = HEAD ]
  if grep -q hidden "$TEST_DIR/records"; then fail "the secret is in a record"; fi
}

@test "http: listener: any accepts a proxy before the service, and nothing else does" {
  serve web --port 0
  own_program other
  services <<YAML
  web: {identity: {exe: $TEST_DIR/bin/other}, checks: [{http: "http://127.0.0.1:$fixture_port/health", listener: any}]}
  strict: {identity: {exe: $TEST_DIR/bin/other}, checks: [{http: "http://127.0.0.1:$fixture_port/health"}]}
YAML
  hal9-health -o json >"$TEST_DIR/records" || true
  [ "$(verdict web state <"$TEST_DIR/records")" = healthy ]
  [ "$(verdict strict cause <"$TEST_DIR/records")" = port_conflict ]
}

@test "tcp and udp: send and expect, with escapes and regular expressions; silence proves nothing" {
  serve web --port 0 --udp
  at=127.0.0.1:$fixture_port
  serve mute --port 0 --hang
  mute=127.0.0.1:$fixture_port
  free_port
  probe <<TABLE
healthy {tcp: "$at"}
failing {tcp: "127.0.0.1:$free_port"}
failing {tcp: "no-such-host.invalid:80", timeout: 4s}
healthy {tcp: "$at", send: 'GET /health HTTP/1.0\r\n\r\n', expect: "~ ^HTTP/1.[01] 200"}
healthy {tcp: "$at", send: '\x47ET /health HTTP/1.0\r\n\r\n', expect: 'HTTP/1.1 200 OK\r\n'}
failing {tcp: "$at", send: 'GET /health HTTP/1.0\r\n\r\n', expect: "~ ^HTTP/1.[01] 500"}
failing {tcp: "$at", send: 'GET /health HTTP/1.0\r\n\r\n', expect: "SSH-2.0"}
failing {tcp: "$mute", send: 'hello\n', expect: "~ .", timeout: 500ms}
healthy {udp: "$at", send: ping, expect: "~ ."}
failing {udp: "$at", send: ping, expect: "~ ^no such words", timeout: 1s}
failing {udp: "127.0.0.1:$free_port", send: ping, expect: "~ .", timeout: 1s}
TABLE
}

@test "owner and port: the service's own, another's, nobody's" {
  serve web --port 0
  own_program other
  free_port
  services <<YAML
  own: {identity: {exe: $TEST_DIR/bin/web}, checks: [{owner: $fixture_port}]}
  foreign: {identity: {exe: $TEST_DIR/bin/other}, checks: [{owner: $fixture_port}]}
  nobody: {identity: {exe: $TEST_DIR/bin/other}, checks: [{owner: $free_port}]}
  nameless: {checks: [{owner: $fixture_port}]}
YAML
  hal9-health -o json >"$TEST_DIR/records" || true
  states=$(jq -r 'select(.kind == "verdict") | "\(.service)=\(.state)/\(.cause)"' "$TEST_DIR/records" | xargs)
  [ "$states" = "own=healthy/null foreign=failing/port_conflict nobody=failing/not_running nameless=unknown/null" ] || fail "$states"
}

@test "owner, process: another user's process that can't be looked into is unknown, with how to see it" {
  need_root
  serve web --port 0
  services <<YAML
  own: {identity: {exe: $TEST_DIR/bin/web}, checks: [{owner: $fixture_port}]}
  runs: {checks: [{process: {exe: $TEST_DIR/bin/web}}]}
YAML
  chmod 0644 "$HAL9OPS_CONFIG"
  as_user 65534 env HAL9OPS_STATE_DIR="$TEST_DIR/none" hal9-health -o json >"$TEST_DIR/records" || [ $? -eq 4 ]
  [ "$(verdict own state <"$TEST_DIR/records")" = unknown ]
  [ "$(verdict runs state <"$TEST_DIR/records")" = unknown ]
  [[ $(verdict runs reason <"$TEST_DIR/records") == *"run as root"* ]]
}

@test "process: name, exe, unit, pidfile, count" {
  serve myserver --port 0
  echo "$fixture_server_pid" >"$TEST_DIR/right.pid"
  echo $$ >"$TEST_DIR/other.pid"
  echo 4194304 >"$TEST_DIR/dead.pid"
  echo soon >"$TEST_DIR/words.pid"
  : >"$TEST_DIR/empty.pid"
  mkfifo "$TEST_DIR/fifo.pid"
  exe=$TEST_DIR/bin/myserver
  probe <<TABLE
healthy {process: myserver}
failing {process: hal9-no-such-thing}
healthy {process: {name: myserver, exe: $exe}}
failing {process: {name: myserver, exe: /bin/true}}
healthy {process: {exe: $exe}, count: 1}
failing {process: {exe: $exe}, count: 2}
healthy {process: {exe: $exe}, count: "< 3"}
failing {process: {exe: $exe}, count: "!= 1"}
healthy {process: hal9-no-such-thing, count: 0}
failing {process: {exe: $exe}, count: 0}
failing {process: {unit: hal9-no-such.service}}
healthy {process: {pidfile: $TEST_DIR/right.pid}}
healthy {process: {pidfile: $TEST_DIR/right.pid, exe: $exe}}
failing {process: {pidfile: $TEST_DIR/other.pid, exe: $exe}}
failing {process: {pidfile: $TEST_DIR/dead.pid}}
failing {process: {pidfile: $TEST_DIR/words.pid}}
failing {process: {pidfile: $TEST_DIR/empty.pid}}
failing {process: {pidfile: $TEST_DIR/fifo.pid}}
failing {process: {pidfile: $TEST_DIR/none.pid}}
TABLE
}

@test "disk: free in percent and bytes, inodes, read-only, a place that is none" {
  probe <<TABLE
healthy {disk: /, free: 1, inodes: 0%}
degraded {disk: /, free: 100%}
degraded {disk: /, free: 1000Ti}
healthy {disk: /, free: 0%, inodes: 0%}
degraded {disk: $TEST_DIR/none}
failing {disk: /, free: 100%, critical: true}
TABLE
  need_namespaces
  mkdir "$TEST_DIR/mount"
  # shellcheck disable=SC2016 # the inner shell expands it
  inside=(unshare --mount sh -c 'mount -t tmpfs -o size=1m,nr_inodes=20 none "$TEST_DIR/mount" && touch "$TEST_DIR/mount/$(seq -s x 19)" && for i in $(seq 17); do : >"$TEST_DIR/mount/$i"; done; [ -z "$RO" ] || mount -o remount,ro "$TEST_DIR/mount"; exec "$@"' sh)
  RO='' probe "${inside[@]}" <<TABLE
degraded {disk: $TEST_DIR/mount, free: 0%, inodes: 20%}
healthy {disk: $TEST_DIR/mount, free: 10%, inodes: 0%}
TABLE
  export RO=1
  probe "${inside[@]}" <<TABLE
degraded {disk: $TEST_DIR/mount, free: 0%, inodes: 0%}
healthy {disk: $TEST_DIR/mount, free: 0%, inodes: 0%, read_only: true}
TABLE
}

@test "memory, load, pressure, open-files: within and beyond the limit, and unknown where the kernel tells nothing" {
  probe <<TABLE
healthy {memory: {available: 1}}
degraded {memory: {available: 100%}}
healthy {memory: {below: 100%}}
degraded {memory: {below: 0%}}
healthy {load: {below: 10000}}
degraded {load: {below: 0}}
healthy {load: {below: 10000, over: 15m}}
healthy {open-files: {below: 100%}}
degraded {open-files: {below: 0%}}
TABLE
  if [ -e /proc/pressure/cpu ]; then
    probe <<TABLE
healthy {pressure: {some: 100%}}
healthy {pressure: {some: 100%, over: 10s, of: [cpu, memory]}}
TABLE
  fi
  need_namespaces
  # shellcheck disable=SC2016 # the inner shell expands it
  probe unshare --mount sh -c 'for f in meminfo sys/fs/file-nr; do mount --bind /dev/null /proc/$f || exit; done; ! [ -e /proc/pressure ] || mount -t tmpfs none /proc/pressure; exec "$@"' sh <<TABLE
unknown {memory: {available: 1}}
unknown {open-files: {below: 100%}}
unknown {pressure: {some: 100%}}
TABLE
}

@test "command: Nagios' codes, signals, what can't be run, what takes too long" {
  probe <<TABLE
healthy {command: ["true"]}
failing {command: [sh, -c, "exit 1"]}
failing {command: [sh, -c, "exit 2"]}
unknown {command: [sh, -c, "exit 3"]}
unknown {command: [sh, -c, "exit 17"]}
unknown {command: [sh, -c, "kill -9 \$\$"]}
failing {command: [sleep, "100"], timeout: 300ms}
unknown {command: [$TEST_DIR/none]}
unknown {command: [$TEST_DIR]}
TABLE
}

@test "file: newer, older, larger, contains; gone, unreadable, no file" {
  echo "all is well: 42" >"$TEST_DIR/log"
  touch -d '2 hours ago' "$TEST_DIR/old"
  mkfifo "$TEST_DIR/fifo"
  probe <<TABLE
healthy {file: $TEST_DIR/log}
healthy {file: $TEST_DIR/log, newer: 1h}
degraded {file: $TEST_DIR/old, newer: 1h}
healthy {file: $TEST_DIR/old, older: 1h}
degraded {file: $TEST_DIR/log, older: 1h}
healthy {file: $TEST_DIR/log, larger: 15}
degraded {file: $TEST_DIR/log, larger: 16}
degraded {file: $TEST_DIR/log, larger: 1k}
healthy {file: $TEST_DIR/log, contains: "is well"}
degraded {file: $TEST_DIR/log, contains: "is ill"}
healthy {file: $TEST_DIR/log, contains: "~ well: [0-9]+"}
degraded {file: $TEST_DIR/log, contains: "~ ^well"}
degraded {file: $TEST_DIR/gone}
degraded {file: $TEST_DIR/log/in}
unknown {file: $TEST_DIR/fifo, contains: x}
failing {file: $TEST_DIR/gone, critical: true}
TABLE
  need_root
  mkdir -m 0700 "$TEST_DIR/closed"
  probe as_user 65534 env HAL9OPS_STATE_DIR="$TEST_DIR/none" PATH="$PATH" <<TABLE
unknown {file: $TEST_DIR/closed/in}
TABLE
}

@test "name, timeout, weight, critical: what they are called, when they end, what they count, what they move" {
  services <<YAML
  a:
    checks:
      - {file: $TEST_DIR, name: the place}
      - {file: $TEST_DIR/none, name: gone, weight: 3}
YAML
  hal9-health -o json >"$TEST_DIR/records" || true
  [ "$(jq -r 'select(.kind == "check") | "\(.check)=\(.state)"' "$TEST_DIR/records" | xargs)" = "the place=pass gone=fail" ]
  [ "$(verdict a score <"$TEST_DIR/records")" = 0.25 ]
  probe <<TABLE
failing {command: ["false"], critical: true}
degraded {command: [sh, -c, "exit 2"], critical: false}
TABLE
}

@test "what is not done when the time is over is unknown, whatever its kind, with the check's own words" {
  serve mute --port 0 --hang
  WITHIN=500ms probe <<TABLE
unknown {http: "http://127.0.0.1:$fixture_port/", timeout: 60s}
unknown {tcp: "127.0.0.1:$fixture_port", send: x, expect: y, timeout: 60s}
unknown {command: [sleep, "100"], timeout: 60s}
TABLE
  [ "$(verdict s0 reason <"$TEST_DIR/records")" = "not finished when the time was over" ]
}

@test "a mount whose server hangs holds up nothing but the checks that look into it" {
  need_root
  mkdir "$TEST_DIR/mount"
  "$HAL9_FIXTURES/hang-mount" "$TEST_DIR/mount" true || { [ $? -eq 77 ] && skip "needs /dev/fuse and the right to mount"; }
  before=$(now_ms)
  probe "$HAL9_FIXTURES/hang-mount" "$TEST_DIR/mount" <<TABLE
degraded {disk: $TEST_DIR/mount, timeout: 500ms}
degraded {file: $TEST_DIR/mount/x, timeout: 500ms}
degraded {file: $TEST_DIR/mount/x, contains: y, timeout: 500ms}
failing {process: {pidfile: $TEST_DIR/mount/pid}, timeout: 500ms}
failing {process: {exe: $TEST_DIR/mount/x}, timeout: 500ms}
failing {command: [cat, $TEST_DIR/mount/x], timeout: 500ms}
healthy {disk: /, free: 1, inodes: 0%}
healthy {file: $TEST_DIR}
healthy {memory: {available: 1}}
TABLE
  [ $(($(now_ms) - before)) -lt 15000 ]
  [[ $(verdict s1 reason <"$TEST_DIR/records") == *"does its server hang?" ]]
}

@test "a service whose program lies on a mount that hangs is unknown, and the others are told" {
  need_root
  mkdir "$TEST_DIR/mount"
  "$HAL9_FIXTURES/hang-mount" "$TEST_DIR/mount" true || { [ $? -eq 77 ] && skip "needs /dev/fuse and the right to mount"; }
  free_port
  services <<YAML
  a: {port: $free_port, identity: {exe: $TEST_DIR/mount/bin/a}}
  b: {identity: {exe: $TEST_DIR/mount/bin/b}, checks: [{tcp: "127.0.0.1:$free_port"}]}
  good: {checks: [{memory: {available: 1}}]}
YAML
  run timeout -k 1 25 "$HAL9_FIXTURES/hang-mount" "$TEST_DIR/mount" hal9-health -o text --tone plain
  exits 4
  says "$TEST_DIR/mount/bin/a gave no answer: does its server hang?"
  says "$TEST_DIR/mount/bin/b gave no answer"
  says "good          healthy"
}

@test "a server that is stopped in the middle holds up nothing but its checks" {
  serve stopped --port 0
  kill -STOP "$fixture_server_pid"
  probe <<TABLE
failing {http: "http://127.0.0.1:$fixture_port/health", timeout: 500ms}
failing {tcp: "127.0.0.1:$fixture_port", send: 'GET / HTTP/1.0\r\n\r\n', expect: "~ 200", timeout: 500ms}
healthy {file: $TEST_DIR}
TABLE
  kill -CONT "$fixture_server_pid"
}
