#!/bin/sh
# Records ../<name>.txt for each <name>.ops given (all by default) on this x86 CPU. Needs gcc-i686-linux-gnu.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ $# -gt 0 ] || set -- *.ops
for ops in "$@"; do
    name=${ops%.ops}
    awk '
        /^#/ || /^$/ { next }
        /:$/ { group = substr($0, 1, length($0) - 1); next }
        {
            code = code sprintf("op%d: %s\nend%d: ret\n", n, $0, n)
            data = data sprintf(".long group_%s, op%d, end%d, text%d\n", group, n, n, n)
            text = text sprintf("text%d: .asciz \"%s\"\n", n, $0)
            if (!(group in seen)) { seen[group] = 1; text = text sprintf("group_%s: .asciz \"%s\"\n", group, group) }
            n++
        }
        END { printf ".intel_syntax noprefix\n.text\n%s.data\n.globl op_table\nop_table:\n%s.long 0, 0, 0, 0\n%s", code, data, text
              print ".section .note.GNU-stack,\"\",@progbits" }
    ' "$ops" >"$work/ops.S"
    i686-linux-gnu-gcc -O1 -Wall -static -o "$work/record" record.c run.S "$work/ops.S"
    { echo "# $name.ops as executed by: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"; "$work/record"; } >"../$name.txt"
done
