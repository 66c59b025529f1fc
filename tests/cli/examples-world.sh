#!/usr/bin/env bash
# examples-world.sh EXAMPLE: runs a file with a command in the world of the documents: README's configuration, the thief on
# port 8080, hal9-server down, postgres on 5432. In namespaces of its own (network, mounts, pids), so that all of it ends with it.
# "7f3a", the id of the documents, stands for the last operation. Wants HAL9_BIN, HAL9_FIXTURES, WORLD (a directory with hal9.yaml).
set -euo pipefail

if [ "${1:-}" != --inside ]; then
  exec unshare --net --mount --pid --fork --mount-proc --kill-child "$0" --inside "$@"
fi
example=$2

ip link set lo up
mount --make-rprivate /
mount -t tmpfs none /opt
mount -t tmpfs none /run/lock
mkdir -p /opt/hal9/current "$WORLD/state" "$WORLD/etc"
cp "$HAL9_FIXTURES/hal9-server" /opt/hal9/current/
echo '{"flags": {"dark-mode": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off"}}}' >/opt/hal9/flags.json
{ grep -v '^hal9:' /etc/passwd && echo 'hal9:x:4242:4242::/opt/hal9:/bin/sh'; } >"$WORLD/etc/passwd"
printf '127.0.0.1 localhost db\n' >"$WORLD/etc/hosts"
for file in passwd hosts; do mount --bind "$WORLD/etc/$file" /etc/$file; done
export PATH=$HAL9_BIN:$PATH HAL9OPS_STATE_DIR=$WORLD/state HAL9_FIXTURE_LIFETIME=120
unset HAL9OPS_CONFIG
cd "$WORLD"

mkfifo "$WORLD/ready"
exec 8<>"$WORLD/ready"
"$HAL9_FIXTURES/hold-port" --port 5432 --ready-file "$WORLD/ready" >"$WORLD/postgres.log" 2>&1 8>&- &
"$HAL9_FIXTURES/layer9-server" --port 8080 --ready-file "$WORLD/ready" >"$WORLD/layer9.log" 2>&1 8>&- &
for _ in 1 2; do read -r -t 20 _ <&8; done

command=$(<"$example")
if [[ $command == *7f3a* ]]; then
  hal9-portfix 8080 --yes --force=holder --settle 100ms >"$WORLD/before" 2>&1
  id=$(hal9-rollback history -o json | sed -n 's/.*"kind":"operation".*"id":"\([^"]*\)".*/\1/p' | tail -n 1)
  command=${command//7f3a/"$id"}
fi
# ID of a bundle: of the one that there is. The state of the documents is the user's own.
command=${command//ID.tar.gz/*.tar.gz}
export HOME=$WORLD/home
mkdir -p "$HOME/.local/state"
ln -s "$HAL9OPS_STATE_DIR" "$HOME/.local/state/hal9ops"
# What goes on until it is interrupted, is.
wait=${WORLD_WAIT:-30}
case $command in *" watch"*) wait=3 ;; esac
code=0
timeout -s INT -k 25 "$wait" bash -c "$command" </dev/null 8>&- || code=$?
if [ "$code" -eq 124 ] || [ "$code" -eq 130 ]; then
  [ "$wait" -ne 3 ] || code=0
fi
exit "$code"
