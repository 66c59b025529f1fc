# Configurations that nobody would write, but an accident or an enemy: made here, told off in hostile-config.bats, measured
# in tests/bench/hostile.bats.
# shellcheck shell=bash disable=SC2034 # read in the tests

# repeat TEXT COUNT: the text so many times, without an end of line.
repeat() {
  awk -v text="$1" -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%s", text }'
}

# numbered COUNT FORMAT: a line for each number from 0 on; each %d in it is the number.
numbered() {
  awk -v n="$1" -v format="$2" 'BEGIN { for (i = 0; i < n; i++) { line = format; gsub(/%d/, i, line); gsub(/%n/, i + 1, line); print line } }'
}

# An alias bomb: each level is ten times the one before it, 10^9 values out of 300 bytes.
alias_bomb() {
  local i k
  echo 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]'
  for i in {1..8}; do
    printf 'a%d: &a%d [' "$i" "$i"
    for k in {1..10}; do printf '%s*a%d' "$([ "$k" = 1 ] || echo ,)" $((i - 1)); done
    echo ']'
  done
}

# hostile NAME: writes NAME.yaml, one of those of which hostile_words has the words that they are answered with.
hostile() {
  if [ "$1" = sparse ]; then
    truncate -s 1G "$1.yaml"
  else
    hostile_bytes "$1" >"$1.yaml"
  fi
}

hostile_bytes() {
  case $1 in
  aliases) { echo 'hal9: 1' && alias_bomb; } ;;
  brackets) printf 'hal9: 1\nservices: ' && repeat '[' 10000 ;;
  braces) printf 'hal9: 1\nservices: ' && repeat '{a: ' 100000 ;;
  indents) echo 'hal9: 1' && awk 'BEGIN { for (i = 0; i < 5000; i++) printf "%*sa:\n", i, "" }' ;;
  a-list) printf 'hal9: 1\nservices:\n' && repeat $'- a\n' 1000000 ;;
  a-word) printf 'hal9: ' && repeat xxxxxxxxxxxxxxxx 1000000 ;;
  a-string) printf 'hal9: 1\nservices: {a: {run: {exec: ["' && repeat xxxxxxxxxxxxxxxx 960000 && echo '"]}}}' ;;
  a-key) printf 'hal9: 1\n"' && repeat x 1000 && echo '": 1' ;;
  wrong-keys) printf 'hal9: 1\nservices:\n' && numbered 20000 '  s%d: {cheks: []}' ;;
  wrong-names) printf 'hal9: 1\nservices:\n' && numbered 15000 '  s%d: {depends: [zs%d]}' ;;
  wrong-ports) printf 'hal9: 1\nservices:\n' && numbered 9000 '  s%d: {port: 8080, identity: {exe: /bin/a}}' ;;
  a-circle) printf 'hal9: 1\nservices:\n' && numbered 15000 '  s%d: {depends: [s%n]}' && echo '  s15000: {depends: [s0]}' ;;
  nul) printf 'hal9: 1\nstate: x\0y\n' ;;
  utf-16le) printf '\xff\xfeh\0a\0l\0\x39\0:\0 \0001\0' ;;
  utf-16be) printf '\xfe\xff\0h\0a\0l\0\x39\0:\0 \0001' ;;
  utf-16-unmarked) printf 'h\0a\0l\0\x39\0:\0 \0001\0' ;;
  latin-1) printf 'hal9: 1\nstate: /var/caf\xe9\n' ;;
  tab) printf 'hal9: 1\nservices:\n\ta: {}\n' ;;
  second) printf 'hal9: 1\n---\nhal9: 1\n' ;;
  random) printf 'hal9: 1\n' && head -c 65536 /dev/urandom ;;
  esac
}

declare -gA hostile_words=(
  [sparse]=' is larger than 16.0 MiB'
  [aliases]=':6:38: with the alias *a3 the document grows beyond 100000 values'
  [brackets]=':2:110: more than 100 levels'
  [braces]=':2:'
  [indents]=':102:101: more than 100 levels'
  [a-list]=':'
  [a-word]=':1:7: a value of more than 1 MiB'
  [a-string]=':2:29: a value of more than 1 MiB'
  [a-key]=":2:1: 'xxxx"
  [wrong-keys]=":3:8: 'cheks' is not a key of a service; did you mean 'checks'?"
  [wrong-names]=':3:18: no service '
  [wrong-ports]=":4:14: port 8080 is s0's already"
  [a-circle]=':3:18: services depend on each other in a circle: s0 -> s1 -> s2 -> s3 -> s4 -> s5 -> ... -> s14997'
  [nul]=':2:9: a NUL byte'
  [utf-16le]=':1:1: this is UTF-16 or UTF-32; the file must be UTF-8'
  [utf-16be]=':1:1: this is UTF-16 or UTF-32; the file must be UTF-8'
  [utf-16-unmarked]=':1:1: this is UTF-16 or UTF-32; the file must be UTF-8'
  [latin-1]=':2:16: bytes that are not UTF-8'
  [tab]=':3:1: a tab where blanks must stand'
  [second]=':2:1: a second document begins here'
  [random]=':'
)
