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
        # "undefined MASK": flags that the following instructions leave undefined.
        /^undefined / { undefined = $2; next }
        /:$/ { undefined = 0; group = substr($0, 1, length($0) - 1); next }
        # "for FROM TO: text with $" stands for a line a number.
        /^for / {
            text = $0
            sub(/^[^:]*: */, "", text)
            for (i = $2; i <= $3 + 0; i++) { line = text; sub(/\$/, i, line); add(line) }
            next
        }
        { add($0) }
        function add(line) {
            code = code sprintf("op%d: %s\nend%d: ret\n", n, line, n)
            data = data sprintf(".long group_%s, op%d, end%d, text%d, %s\n", group, n, n, n, undefined)
            texts = texts sprintf("text%d: .asciz \"%s\"\n", n, line)
            if (!(group in seen)) { seen[group] = 1; texts = texts sprintf("group_%s: .asciz \"%s\"\n", group, group) }
            n++
        }
        END { printf ".intel_syntax noprefix\n.text\n%s.data\n.globl op_table\nop_table:\n%s.long 0, 0, 0, 0, 0\n%s", code, data, texts
              print ".section .note.GNU-stack,\"\",@progbits" }
    ' "$ops" >"$work/ops.S"
    i686-linux-gnu-gcc -O1 -Wall -static -o "$work/record" record.c run.S "$work/ops.S"
    { echo "# $name.ops as executed by: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
      "$work/record" ${FULL:+full}; } >"${FULL:-../$name.txt}"
done
