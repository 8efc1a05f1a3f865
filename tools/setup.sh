#!/bin/bash
# Installs what building and testing need, through apt and rustup, and makes the i386 tree. Fast and offline once done.
set -euo pipefail
cd "$(dirname "$0")/.."
missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need cc gcc
need mmdebstrap mmdebstrap
need i686-linux-gnu-gcc gcc-i686-linux-gnu
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
need qemu-system-aarch64 qemu-system-arm
need cpio cpio
need unshare util-linux
need git git
need mkfs.ext4 e2fsprogs
[ -e /usr/i686-linux-gnu/include/stdio.h ] || missing+=(libc6-dev-i386-cross)
[ -e /usr/aarch64-linux-gnu/include/stdio.h ] || [ "$(uname -m)" = aarch64 ] || missing+=(libc6-dev-arm64-cross)
if [ "$(uname -m)" != aarch64 ]; then need qemu-aarch64 qemu-user; need qemu-aarch64-static qemu-user-static; fi
if [ ${#missing[@]} -gt 0 ]; then
  sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
  echo "setup: installing ${missing[*]}"
  log=$(mktemp)
  if ! { "${sudo[@]}" apt-get update -q && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -3 "$log" >&2
    echo "setup: apt could not install them; install these Debian packages, then run make again: ${missing[*]}" >&2
    exit 1
  fi
fi
command -v cargo >/dev/null || { echo "setup: Rust is missing; install rustup with the stable toolchain, then run make again" >&2; exit 1; }
target=aarch64-unknown-linux-musl
if [ ! -d "$(rustc --print sysroot)/lib/rustlib/$target/lib" ]; then
  echo "setup: adding Rust's $target target"
  rustup -q target add "$target" || { echo "setup: run 'rustup target add $target' where the network is reachable" >&2; exit 1; }
fi
tools/rootfs.sh .work/rootfs
