#!/bin/bash
# usage: tools/vm.sh KERNEL-IMAGE [CPU [PATTERN]]   Boots an arm64 kernel in qemu-system-aarch64 and runs there, under ferry: a traced
# busybox command, the static demos, the guest programs of tests/guest. Exit status 0 if all of it was as on a real CPU.
# PATTERN chooses recordings of guest programs, as in '/guest/kernel/*.out /guest/t*.out'.
# The image is any arm64 kernel with initramfs, devtmpfs and the virt machine's console built in (gzip-compressed is fine).
# FERRY_UNDER_TEST names another binary than the release build; VM_TIMEOUT is how many seconds the machine may take, 3600 unless set.
set -euo pipefail
image=$(realpath "${1:?usage: tools/vm.sh KERNEL-IMAGE [CPU [PATTERN]]}"); cpu=${2:-neoverse-n1}
cd "$(dirname "$0")/.."
ferry=${FERRY_UNDER_TEST:-target/aarch64-unknown-linux-musl/release/ferry}
[ -x "$ferry" ] || { echo "vm: $ferry is missing: run 'make build'" >&2; exit 1; }
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"/root/{bin,demo,guest,proc,sys,dev,tmp}
aarch64-linux-gnu-gcc -O1 -static -o "$dir/root/init" tests/vm/init.c
cp "$ferry" "$dir/root/bin/ferry"; cp .work/rootfs/bin/busybox "$dir/root/bin/"
for name in sh sed; do ln -s busybox "$dir/root/bin/$name"; done
cp tests/demo/0*.sh tests/demo/0*.out "$dir/root/demo/"; cp tests/vm/run.sh "$dir/root/"
cargo run --quiet --package tests --bin guest -- --build "$dir/root/guest"
(cd tests/guest && find . -name '*.out' | cpio --quiet -pd "$dir/root/guest")
mknod "$dir/root/dev/console" c 5 1 2>/dev/null || true
(cd "$dir/root" && find . | cpio --quiet -o -H newc | gzip -1) >"$dir/initrd"
timeout "${VM_TIMEOUT:-3600}" qemu-system-aarch64 -M virt,gic-version=3 -cpu "$cpu" -smp 2 -m 1G -nographic -no-reboot -nic none \
  -kernel "$image" -initrd "$dir/initrd" -append "console=ttyAMA0 quiet panic=-1 DATE=$(date +%s) ${3:+GUEST=\"$3\"}" </dev/null | tee "$dir/log" | sed -u 's/\r$//' || echo "vm: the emulator did not end by itself (VM_TIMEOUT is in seconds)" >&2
grep -q '^VM-EXIT 0' "$dir/log"
