#!/bin/bash
# Everything that is tested, in the order that fails fastest. The README's `make test`.
set -euo pipefail
start=$SECONDS
trap 'echo "== FAILED after $((SECONDS - start)) s"' ERR
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-musl
echo "== unit tests on this host"
cargo test --quiet -p ir -p frontend -p backend-a64 -p linux-abi -p loader
echo "== the backend and the heap on AArch64"
cargo test --quiet -p backend-a64 --target $target
cargo test --quiet -p linux-abi --target $target host::alloc
echo "== house rules, file tests"
cargo test --quiet -p tests --test tidy --test filetests
echo "== code quality ledger"
cargo test --quiet -p tests --test insns
echo "== recorded instructions"
cargo test --quiet -p tests --test vectors --test x87
cargo test --quiet -p tests --test vectors --test x87 --target $target
echo "== every instruction form and random blocks, as recorded from a CPU"
cargo test --quiet -p tests --test oracle
echo "== bad input, traces, the kernel's handler"
cargo test --quiet -p tests --test bad_input --test binfmt --test strace
echo "== guest programs"
cargo test --quiet -p tests --test guest
echo "== demo programs"
cargo run --quiet -p tests --bin demo
echo "== all passed in $((SECONDS - start)) s"
