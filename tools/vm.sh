#!/bin/bash
# usage: tools/vm.sh KERNEL-IMAGE [CPU]   Boots an arm64 kernel in qemu-system-aarch64 and runs the static demos there under ferry.
# The image is any arm64 kernel with initramfs, devtmpfs and the virt machine's console built in (gzip-compressed is fine).
set -euo pipefail
image=$(realpath "${1:?usage: tools/vm.sh KERNEL-IMAGE [CPU]}"); cpu=${2:-neoverse-n1}
cd "$(dirname "$0")/.."
ferry=target/aarch64-unknown-linux-musl/release/ferry
[ -x $ferry ] || { echo "vm: $ferry is missing: run 'make build'" >&2; exit 1; }
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir"/root/{bin,demo,proc,sys,dev,tmp}
aarch64-linux-gnu-gcc -O1 -static -o "$dir/root/init" tests/vm/init.c
cp $ferry .work/rootfs/bin/busybox "$dir/root/bin/"
cp tests/demo/0*.sh tests/demo/0*.out "$dir/root/demo/"; cp tests/vm/run.sh "$dir/root/"
mknod "$dir/root/dev/console" c 5 1 2>/dev/null || true
(cd "$dir/root" && find . | cpio --quiet -o -H newc | gzip -1) >"$dir/initrd"
timeout 600 qemu-system-aarch64 -M virt,gic-version=3 -cpu "$cpu" -smp 2 -m 1G -nographic -no-reboot -nic none \
  -kernel "$image" -initrd "$dir/initrd" -append "console=ttyAMA0 quiet panic=-1" </dev/null | tee "$dir/log" | tr -d '\r'
grep -q '^VM-EXIT 0' "$dir/log"
