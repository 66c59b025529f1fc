#!/usr/bin/env bash
# table.sh DIR: what run.sh measured (DIR/measured, DIR/skipped), as a Markdown table with its targets. Exits 1 when one is missed.
set -euo pipefail

# shellcheck disable=SC2016 # the backquotes are Markdown's
{
  own='`--list 8080`: the holder is in a cgroup of its own'
  named='`--list 8080`: `conflicts` names the holder, one cgroup for all'
  unknown='`--list 8080`: an unknown holder, one cgroup for all'
}
# key | what | peer | target: times faster (>), at most times as much (<), at most seconds (s), none (-)
rows="
tree-first-1024|a snapshot of 100,000 files of 1 KiB|\`tar -c\` to a file|>1
tree-again-1024|the same again, nothing has changed|the first|-
tree-tar-1024|the same again, nothing has changed|\`tar -c\` to a file|-
tree-first-4096|a snapshot of 100,000 files of 4 KiB|\`tar -c\` to a file|-
tree-again-4096|the same again, nothing has changed|the first|>10
tree-tar-4096|the same again, nothing has changed|\`tar -c\` to a file|-
port-own-ss|$own|\`ss -ltnp\`|>12
port-own-fuser|$own|\`fuser\`|>15
port-own-lsof|$own|\`lsof -nP\`|>25
port-own-fkill|$own|\`fkill\`|-
port-own-kill-port|$own|\`kill-port\`|-
port-named-ss|$named|\`ss -ltnp\`|>12
port-named-fuser|$named|\`fuser\`|>15
port-named-lsof|$named|\`lsof -nP\`|>25
port-unknown-ss|$unknown|\`ss -ltnp\`|>2.5
port-unknown-fuser|$unknown|\`fuser\`|-
port-unknown-lsof|$unknown|\`lsof -nP\`|-
start|\`--version\`|hello, world in C|<2
pass|1,000,000 records of 200 bytes through \`hal9-portfix -\`|\`jq -c .\`|>10
memory|peak memory of that|of 10,000 records|<1.1
steps|an operation of 1,000 steps that do nothing, on tmpfs||s0.2
million-history|\`history --last 20\` of 1,000,000 operations, on tmpfs||s0.5
million-undo|\`undo -n\` of the newest of them||s0.5
weights|the weights of 1,000 servers behind HAProxy, seen before and after, in a journal on tmpfs|the same commands in one batch through \`socat\`|<1.3
"

compiler=$(readlink -f "$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$HAL9_BENCH_BIN/CMakeCache.txt")")
model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
printf '%s: %s × %s, Linux %s, %s, load %s. Medians of %s rounds; the ratios are those within a round.\n\n' "$(date +%F)" "$(nproc)" "${model:-CPU}" \
  "$(uname -r | cut -d. -f1-2)" "${compiler##*/}" "$HAL9_BENCH_LOAD" "$HAL9_BENCH_ROUNDS"
echo '| what | peer | the peer takes | hal9ops takes | ratio | target |'
echo '|---|---|--:|--:|--:|---|'
jq -rn --arg rows "$rows" --rawfile measured "$1/measured" --rawfile skipped "$1/skipped" '
  def median: sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end;
  def round_to(n): . * n | round / n | tostring;
  def digits: if . < 10 then round_to(10) elif . < 1000 then round_to(1) else tostring | split(".")[0] end;
  def time: if . < 0.01 then "\(. * 1000 | round_to(100)) ms" elif . < 1 then "\(. * 1000 | round_to(1)) ms" else "\(round_to(100)) s" end;
  def size: "\(. / 1024 | round_to(10)) MiB";
  ($measured | split("\n") | map(select(. != "") | split("\t") | {key: .[0], theirs: (.[1] | tonumber), ours: (.[2] | tonumber)})) as $all
  | ($skipped | split("\n") | map(select(. != "") | split("\t") | {key: .[0], why: .[1]})) as $out
  | $rows | split("\n") | map(select(. != "") | split("|"))
  | map(. as [$key, $what, $peer, $target]
    | [$all[] | select(.key == $key)] as $m
    | ($target[1:] | if . == "" then 0 else tonumber end) as $t
    | if $m == [] then
        ([$out[] | select(.key as $k | $key | startswith($k)) | .why] | first // "not measured") as $why
        | {line: "| \($what) | \($peer) | | | | skipped: \($why) |", bad: ($why == "not measured")}
      else
        ($m | map(.theirs) | median) as $theirs | ($m | map(.ours) | median) as $ours
        | ($m | map(if .theirs > 0 then .theirs / .ours else 0 end) | median) as $faster
        | (if $key == "memory" then [$theirs, $ours | size] else [$theirs, $ours | time] end) as $shown
        | {">": {ratio: "\($faster | digits)×", target: "≥ \($t)×", ok: ($faster >= $t)},
           "<": {ratio: "\(1 / (if $faster > 0 then $faster else 1 end) | round_to(100))×", target: "≤ \($t)×", ok: ($faster > 0 and 1 / $faster <= $t)},
           "s": {ratio: "", target: "≤ \($t) s", ok: ($ours <= $t)},
           "-": {ratio: "\($faster | digits)×", target: "", ok: true}}[$target[0:1]] as $r
        | {line: "| \($what) | \($peer) | \(if $theirs > 0 then $shown[0] else "" end) | \($shown[1]) | \($r.ratio) | \($r.target)\(if $r.ok then "" else " **missed**" end) |",
           bad: ($r.ok | not)}
      end)
  | (.[] | .line), (if any(.[]; .bad) then "missed" else "good" end)
' >"$1/lines"
sed '$d' "$1/lines"
[ "$(tail -n 1 "$1/lines")" = good ]
