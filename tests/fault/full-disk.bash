# State directories on file systems of their own, small enough to be full.
# shellcheck shell=bash disable=SC2034,SC2154 # set by common.bash, or read in the tests

# small_disk KIND: a file system of 6 MiB in a mount namespace of the test's own, with the state directory on it; in_ns
# COMMAND… runs there. The namespace ends with the test.
small_disk() {
  local ready
  need_root
  mkdir "$TEST_DIR/disk"
  mkfifo "$TEST_DIR/mounted"
  [ "$1" = tmpfs ] || {
    skip_unless mkfs.ext4 e2fsprogs
    truncate -s 6M "$TEST_DIR/image"
    mkfs.ext4 -q -m 0 -N 256 "$TEST_DIR/image"
  }
  # shellcheck disable=SC2016 # the inner shell expands it
  start_in_background "$TEST_DIR/mount.log" unshare -m sh -c '
    case $1 in
    tmpfs) mount -t tmpfs -o size=6m,nr_inodes=200 disk "$2/disk" ;;
    *) mount -o loop "$2/image" "$2/disk" ;;
    esac && echo yes >"$2/mounted" || echo no >"$2/mounted"
    exec sleep 300' sh "$1" "$TEST_DIR"
  holder=$background_pid
  read -r ready <"$TEST_DIR/mounted"
  [ "$ready" = yes ] || skip "needs mounts of $1"
  export HAL9OPS_STATE_DIR=$TEST_DIR/disk/state
}

in_ns() {
  nsenter -t "$holder" -m -- "$@"
}

# fill_disk: not a byte and not a file more.
fill_disk() {
  # shellcheck disable=SC2016 # the inner shell expands it
  in_ns bash -c '
    cd "$1" && mkdir -p fill
    dd if=/dev/zero of=fill/bytes bs=64k status=none 2>/dev/null
    dd if=/dev/zero of=fill/more bs=512 status=none 2>/dev/null
    for ((i = 0; i < 1000; i++)); do : 2>/dev/null >"fill/$i" || break; done
    sync -f .
    ! : 2>/dev/null >fill/one && ! dd if=/dev/zero of=fill/more bs=4096 count=1 oflag=append conv=notrunc status=none 2>/dev/null' \
    bash "$TEST_DIR/disk" || fail "the disk is not full"
}

# Files of the reserve that are left.
reserve_left() {
  in_ns find "$HAL9OPS_STATE_DIR/reserve" -name "$(id -u).f*" | wc -l
}
