#!/bin/sh
# Records integer.txt from integer.ops on this x86 CPU; with an operation's text as argument, shows its outcomes.
# Needs gcc-i686-linux-gnu.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '
    /^#/ || /^$/ { next }
    /^[a-z]+:$/ { class = substr($0, 1, length($0) - 1); next }
    {
        code = code sprintf("op%d: %s\nend%d:\n", n, $0, n)
        data = data sprintf(".long class_%s, op%d, end%d, text%d\n", class, n, n, n)
        text = text sprintf("text%d: .asciz \"%s\"\n", n, $0)
        if (!(class in seen)) { seen[class] = 1; text = text sprintf("class_%s: .asciz \"%s\"\n", class, class) }
        n++
    }
    END { printf ".intel_syntax noprefix\n.text\n%s.data\n.globl op_table\nop_table:\n%s.long 0, 0, 0, 0\n%s", code, data, text
          print ".section .note.GNU-stack,\"\",@progbits" }
' integer.ops >"$work/ops.S"
i686-linux-gnu-gcc -O1 -Wall -static -fcf-protection=none -no-pie -o "$work/record" record.c run.S "$work/ops.S"
if [ $# -gt 0 ]; then
    "$work/record" "$1"
else
    { echo "# integer.ops as executed by: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"; "$work/record"; } >"$work/out"
    mv "$work/out" integer.txt
fi
