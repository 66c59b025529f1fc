#!/usr/bin/env bats
# shellcheck disable=SC2154 # set by the helpers
# Records that are broken or an attack, in the pipe: they pass through byte for byte, are told as a problem, and nothing is
# done on the strength of such a stream; what is merely odd is no reason not to act.

bats_require_minimum_version 1.5.0
load common
load health
load hostile-config

setup() {
  common_setup
  skip_unless jq
  open_site
  services <<YAML
  a:
    run: {exec: [/usr/bin/touch, $TEST_DIR/started]}
    gate: {within: 1s}
    checks: [{command: [/bin/sh, -c, "echo >>$TEST_DIR/probed; exit 2"]}]
YAML
  # A real stream that asks for a to be restarted; the hostile line comes into its middle.
  hal9-health -o json >"$TEST_DIR/real" || true
  rm -f "$TEST_DIR/probed"
  [ "$(verdict a cause <"$TEST_DIR/real")" = check_failed ]
  verdict_line=$(grep -a '"kind":"verdict"' "$TEST_DIR/real")
}

teardown() { common_teardown; }

# with MORE: the verdict with a member more. instead OLD NEW: with one text for another.
with() { printf '%s,%s}\n' "${verdict_line%\}}" "$1"; }
instead() { printf '%s\n' "${verdict_line/"$1"/"$2"}"; }

# stream_with FILE: the real stream with this file's bytes before its end, as FILE.stream.
stream_with() {
  head -n -1 "$TEST_DIR/real" >"$1.stream"
  cat "$1" >>"$1.stream"
  tail -n 1 "$TEST_DIR/real" >>"$1.stream"
}

# through TOOL FILE: what the tool writes besides its own records is its input, byte for byte. Sets status, problems.
through() {
  status=0
  timeout -k 1 60 "$HAL9_BIN/$1" - -o json --no-notify <"$2" >"$TEST_DIR/out" 2>"$TEST_DIR/err" || status=$?
  LC_ALL=C grep -av "^{\"hal9\":1,[^}]*\"tool\":\"$1\",\"stage\":2" "$TEST_DIR/out" >"$TEST_DIR/passed" || true
  cmp "$TEST_DIR/passed" "$2" || fail "$1: ${2##*/} did not pass unchanged"
  problems=$(LC_ALL=C grep -ac '"kind":"problem"' "$TEST_DIR/out" || true)
}

# told_and_not_done NAME WORDS <LINE: all three tools pass it, tell it in these words, exit 4 and have touched nothing.
told_and_not_done() {
  cat >"$TEST_DIR/$1"
  stream_with "$TEST_DIR/$1"
  for tool in hal9-portfix hal9-restart hal9-health; do
    through "$tool" "$TEST_DIR/$1.stream"
    [ "$status" -eq 4 ] || fail "$tool, $1: exit $status: $(head -c 300 "$TEST_DIR/err")"
    [ "$problems" -ge 1 ] || fail "$tool, $1: no problem was told"
    grep -qF "$2" "$TEST_DIR/err" || fail "$tool, $1: no '$2' in: $(head -c 300 "$TEST_DIR/err")"
    grep -qF -e '-:4:' "$TEST_DIR/err" || fail "$tool, $1: no place in: $(head -c 300 "$TEST_DIR/err")"
    if [ -e "$TEST_DIR/started" ] || [ -e "$TEST_DIR/probed" ]; then fail "$tool, $1: something was done"; fi
  done
}

@test "lines that are no records: passed on unchanged, told with their line, nothing done, exit 4" {
  [ "$(wc -l <"$TEST_DIR/real")" -eq 4 ]
  told_and_not_done words "not JSON" <<<'hello world'
  told_and_not_done a-list "it is no JSON object" <<<'[1,2]'
  told_and_not_done nothing "the text ends" <<<''
  told_and_not_done broken-utf8 "bytes that are not UTF-8" < <(instead '"service":"a"' $'"service":"a\xff\xfe"')
  told_and_not_done surrogate "half of a surrogate pair" < <(instead '"service":"a"' '"service":"\ud800"')
  told_and_not_done escaped-nul 'the character \u0000' < <(instead '"service":"a"' '"service":"a\u0000b"')
  told_and_not_done a-nul "a control character" < <(instead '"service":"a"' '"service":"a@b"' | tr @ '\0')
  told_and_not_done twice "stands in one object twice" < <(with '"state":"healthy"')
  told_and_not_done not-a-number "no value begins so" < <(with '"score2":NaN')
  told_and_not_done octal "a number that JSON does not write so" < <(with '"pid":0123')
  told_and_not_done two-on-a-line "something behind the end" <<<"$verdict_line$verdict_line"
  told_and_not_done deep "more than 100 levels" < <(printf '{"hal9":1,"kind":"x","a":' && repeat '[' 100000 && echo)
  told_and_not_done a-mark "no value begins so" < <(printf '\xef\xbb\xbf%s\n' "$verdict_line")
}

@test "a line of 64 MiB passes in parts; it is told, and nothing done" {
  told_and_not_done long "longer than 1 MiB" < <(printf '{"hal9":1,"kind":"x","a":"' && repeat xxxxxxxxxxxxxxxx 4194304 && echo '"}')
}

@test "random bytes pass unchanged, and of a thousand problems a hundred are told" {
  { head -c 100000 /dev/urandom && repeat $'x\n' 1000; } | tr '\0' '\1' >"$TEST_DIR/random"
  stream_with "$TEST_DIR/random"
  through hal9-portfix "$TEST_DIR/random.stream"
  [ "$status" -eq 4 ]
  [ "$problems" -ge 100 ]
  [ "$problems" -le 110 ]
}

# acted_on NAME <LINE: odd, but a record: it passes unchanged, no problem is told, and what the stream asks for is done.
acted_on() {
  cat >"$TEST_DIR/$1"
  stream_with "$TEST_DIR/$1"
  rm -f "$TEST_DIR/started" "$TEST_DIR/probed"
  through hal9-health "$TEST_DIR/$1.stream"
  [ "$status" -eq 1 ] || fail "$1: exit $status: $(head -c 300 "$TEST_DIR/err")"
  [ "$problems" -eq 0 ]
  [ -e "$TEST_DIR/probed" ] || fail "$1: not acted on"
}

@test "numbers beyond a double, unknown kinds and members, line ends of Windows: unchanged, and no reason not to act" {
  acted_on big < <(with '"big":9007199254740993')
  acted_on infinite < <(with '"score3":1e400')
  acted_on tiny < <(with '"score3":-1e-400')
  acted_on unknown < <(printf '{"hal9":1,"kind":"galaxy","x":[{}]}\n')
  acted_on windows < <(printf '%s\r\n' "$verdict_line")
  acted_on blanks < <(printf '  %s  \n' "$verdict_line")
  acted_on escaped < <(instead '"service":"a"' '"service":"\u0061"')
}

@test "a stream that breaks off at any record: exit 4, nothing done" {
  for n in 1 2 3; do
    head -n "$n" "$TEST_DIR/real" >"$TEST_DIR/cut"
    through hal9-restart "$TEST_DIR/cut"
    [ "$status" -eq 4 ]
    [ ! -e "$TEST_DIR/started" ]
  done
  # Within its last line: the line is completed, and that is told.
  head -c -5 "$TEST_DIR/real" >"$TEST_DIR/cut"
  run -4 timeout 60 hal9-restart - -o json <"$TEST_DIR/cut"
  [ ! -e "$TEST_DIR/started" ]
}

@test "words of a record can't talk to the terminal" {
  instead '"service":"a"' '"service":"a\u001b]0;title\u0007\u001b[8mx"' >"$TEST_DIR/line"
  stream_with "$TEST_DIR/line"
  run timeout 60 hal9-portfix - -o text <"$TEST_DIR/line.stream"
  [[ $output != *$'\033'* ]] || fail "$output"
  [[ $output != *$'\a'* ]]
}

@test "a reader that goes away is nobody's trouble: not a word on stderr" {
  set +o pipefail
  for words in "hal9-health -o json" "hal9-health -o text" "hal9-portfix --list 1-1000 -o json" "hal9-rollback history" "hal9-health --schema records" "hal9-health --help"; do
    # shellcheck disable=SC2086 # words
    $words 2>"$TEST_DIR/err" | true
    [ ! -s "$TEST_DIR/err" ] || fail "$words: $(cat "$TEST_DIR/err")"
  done
}
