#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# A configuration that is an accident or an attack: each is answered at once, in words, with its place, and nothing is touched.

bats_require_minimum_version 1.5.0
load common
load hostile-config

setup() {
  common_setup
  unset HAL9OPS_CONFIG
  export HAL9OPS_STATE_DIR=$TEST_DIR/state XDG_CONFIG_HOME=$TEST_DIR/none
  cd "$TEST_DIR" || return
}

# refused FILE TEXT: exit 2 with these words, soon; not even TERM is needed to end it, and no state directory was made.
refused() {
  run timeout -k 1 20 "$HAL9_BIN/hal9-health" --check-config -o text -c "$1"
  [ "$status" -eq 2 ] || fail "$1: exit $status: ${output:0:500}"
  [[ $output == *"$2"* ]] || fail "$1: no '$2' in: ${output:0:500}"
  [ ! -e "$TEST_DIR/state" ]
}

taken() { # hal9.yaml on stdin parses
  cat >hal9.yaml
  run timeout -k 1 20 "$HAL9_BIN/hal9-health" --check-config -o text
  [ "$status" -eq 0 ] || fail "exit $status: $output"
}

@test "bombs, depth, length, bytes that are no text: each with its place" {
  [ "${#hostile_words[@]}" -ge 20 ]
  for name in "${!hostile_words[@]}"; do
    hostile "$name"
    refused "$name.yaml" "$name.yaml${hostile_words[$name]}"
    [ "${#output}" -lt 200000 ] || fail "$name: ${#output} bytes of errors"
  done
}

@test "what is no file is refused before it is read: pipes that nobody writes to, devices, directories" {
  mkfifo pipe.yaml
  refused pipe.yaml "pipe.yaml is a pipe, and nobody writes to it"
  refused /dev/zero "/dev/zero is a device, not a file"
  refused "$TEST_DIR" "is a directory, not a file"
  if [[ $output == *chown* ]]; then fail "nobody should change the mode of a device: $output"; fi
  # The same for a secret: its pipe stops nobody.
  mkfifo key
  printf 'hal9: 1\nservices: {a: {checks: [{command: ["false"]}]}}\nnotify: [{pagerduty: {routing_key: "file:%s/key", url: "http://127.0.0.1:1/"}}]\n' "$TEST_DIR" >hal9.yaml
  run timeout -k 1 20 "$HAL9_BIN/hal9-health" -o text
  [ "$status" -eq 1 ]
  [[ $output == *"it is no file"* ]]
}

@test "a command's output is a configuration, too; one that never comes ends with the signal" {
  run "$HAL9_BIN/hal9-health" -c <(printf 'hal9: 1\nservices: {a: {checks: [{command: ["true"]}]}}\n') -o text
  [ "$status" -eq 0 ]
  [[ $output == *"a"*"healthy"* ]]
  mkfifo silent
  exec {writer}<>silent
  run timeout -k 5 1 "$HAL9_BIN/hal9-health" -c silent
  exec {writer}>&-
  [ "$status" -ne 137 ] # it was not deaf to TERM
  [ "$status" -ne 0 ]
}

@test "all errors of a file in one go, in the order of their places, those of names, too" {
  cat >hal9.yaml <<'YAML'
hal9: 1
services:
  watch: {depends: [bb]}
  b: {ports: [8080, 70000], stop: {kill: yes}}
  c: {prt: 1, checks: [{disk: /, free: lots, fall: ~, timeout: null, name: 12}, {hppt: x}]}
YAML
  refused hal9.yaml "hal9.yaml:4:"
  [ "$(grep -o 'hal9.yaml:[0-9]*:[0-9]*' <<<"$output")" = "$(grep -o 'hal9.yaml:[0-9]*:[0-9]*' <<<"$output" | sort -t: -k2n -k3n)" ]
  [ "$(grep -c 'hal9.yaml:' <<<"$output")" -eq 7 ] || fail "$output"
  cat >hal9.yaml <<'YAML'
hal9: 1
services:
  watch: {depends: [bb]}
  b: {port: 8080, identity: {exe: /bin/b}}
  c: {port: 8080, identity: {exe: /bin/c}, depends: [d]}
rollback:
  r: {parts: [{balancer: x, backend: y}], health: [z]}
YAML
  refused hal9.yaml "hal9.yaml:3:"
  [ "$(grep -o 'hal9.yaml:[0-9]*' <<<"$output" | uniq | tr '\n' ' ')" = "hal9.yaml:3 hal9.yaml:5 hal9.yaml:7 " ] || fail "$output"
  [ "$(grep -c 'hal9.yaml:' <<<"$output")" -eq 6 ] || fail "$output"
}

@test "of thousands of errors the first hundred are told, and how many more there are" {
  hostile wrong-ports
  refused wrong-ports.yaml "there are 8899 more such errors"
  [ "$(grep -c 'wrong-ports.yaml:' <<<"$output")" -eq 100 ]
}

@test "the core schema: words that were once booleans, octal, infinity, nothing, quoted numbers" {
  wrong() { # VALUE-OF-KILL AND-SO-ON WORDS
    printf 'hal9: 1\nservices: {a: {%s, checks: [{memory: {available: 1}}]}}\n' "$1" >hal9.yaml
    refused hal9.yaml "$2"
  }
  wrong 'stop: {kill: yes}' "kill wants true or false, not 'yes'"
  wrong 'stop: {kill: on}' "'on' is a mere word since YAML 1.2"
  wrong 'stop: {kill: off}' "not 'off'"
  wrong 'stop: {kill: "true"}' "write it without quotes"
  wrong 'stop: {kill: ~}' "kill wants true or false, not nothing"
  wrong 'release: {current: /x, keep: .inf}' "keep wants a whole number"
  wrong 'release: {current: /x, keep: 1.5}' "keep wants a whole number"
  wrong 'release: {current: /x, keep: 0o8}' "not '0o8'"
  wrong 'gate: {within: 5}' "within wants a duration such as 30s"
  wrong 'port: "8o80"' "8o80"
  taken <<'YAML'
hal9: 1
services:
  yes: {checks: [{memory: {available: 1}}]}
  "off": {run: {exec: [/bin/true, yes, "012", 0o10]}, release: {current: /x, keep: 0o10}, stop: {kill: False}}
  quoted: {port: "8080", identity: {exe: /bin/a}, release: {current: /x, keep: "5"}}
YAML
}

@test "a mark of UTF-8 and line ends of Windows are fine, and places stay right" {
  printf '\xef\xbb\xbfhal9: 1\r\nservices:\r\n  a: {checks: [{memory: {available: 1}}]}\r\n' >good
  taken <good
  printf '\xef\xbb\xbfhal9: 1\r\nservices:\r\n  a: {cheks: []}\r\n' >bad.yaml
  refused bad.yaml "bad.yaml:3:7: 'cheks' is not a key"
}

@test "anchors and merge keys: shared checks, an alias to nothing, one within itself" {
  taken <<'YAML'
hal9: 1
services:
  a: &base {checks: &checks [{memory: {available: 1}}], stop: {grace: 5s}}
  b: {<<: *base, stop: {grace: 1s}}
  c: {checks: *checks}
YAML
  [[ $output == *"3 services"* ]]
  printf 'hal9: 1\nservices: {a: &base {}, b: {<<: *bsae}}\n' >hal9.yaml
  refused hal9.yaml "hal9.yaml:2:33: the alias *bsae has no anchor before it"
  printf 'hal9: 1\nservices: &s {a: {<<: *s}}\n' >hal9.yaml
  refused hal9.yaml "hal9.yaml:2:23: the alias *s stands within what it stands for"
}

@test "what a configuration says can't talk to the terminal" {
  printf 'hal9: 1\n"\\e[8m\\e[Khidden\\r\\u202e": 1\n' >hal9.yaml
  refused hal9.yaml "hal9.yaml:2:1: '?[8m?[Khidden??' is not a key"
}

@test "thousands of services that depend on each other are read" {
  { printf 'hal9: 1\nservices:\n' && numbered 12000 '  s%d: {depends: [s%n]}' && echo '  s12000: {}'; } >chain
  taken <chain
  [[ $output == *"12001 services"* ]]
}

@test "each command refuses the same, and with -o json by a record with the place" {
  skip_unless jq
  printf 'hal9: 1\nservices: {a: {prt: 1}}\n' >hal9.yaml
  for words in "hal9-health" "hal9-portfix a -n" "hal9-restart a -n" "hal9-rollback history"; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr timeout -k 1 20 "$HAL9_BIN"/$words -o json
    [ "$status" -eq 2 ] || fail "$words: exit $status"
    [ "$(jq -c 'select(.kind == "problem") | [.line, .col]' <<<"$output")" = '[2,16]' ] || fail "$words: $output"
  done
}
