#!/bin/bash
# Executed instructions of the benchmark programs; BLESS=1 commits the figures.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo run --quiet --package tests --bin bench -- "$@"
