#!/bin/bash
# Executed instructions of the benchmark programs, and of `busybox true` from start to exit.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo run --quiet --release --package tests --bin bench -- "$@"
