# title: bash: loops, functions, pipes, here-documents, traps, job control
# shell: bash
trap 'echo usr1' USR1; kill -USR1 $$
f() { local i; for ((i = 0; i < $1; i++)); do (exit $((i % 7))) & p[i]=$!; done; s=0; for ((i = 0; i < $1; i++)); do wait ${p[i]}; s=$((s + $?)); done; echo "sum $s"; }
f 20
diff <(seq 1 100 | sort -r | sort -n) <(seq 1 100) && echo same
cat <<END | tr a-z A-Z
here ${BASH_VERSINFO[0]} document
END
coproc cat; echo hello >&"${COPROC[1]}"; read -r x <&"${COPROC[0]}"; echo "co $x"; eval "exec ${COPROC[1]}>&-"; wait
set -m; sleep 100 & kill -STOP $!; kill -CONT $!; kill -TERM $!; wait $! 2>/dev/null; echo "rc $?"; set +m
(trap 'echo got int; exit 3' INT; kill -INT $BASHPID; sleep 1); echo "rc $?"
for i in {1..300}; do a[$i]=$((i * i)); done; echo "${#a[@]} ${a[300]}"
x=abcdef; echo "${x^^} ${x//c/ZZ} ${x: -2}"; printf '%(%Y-%m-%d)T\n' 86400
declare -A m=([one]=1 [two]=2); for k in $(printf '%s\n' "${!m[@]}" | sort); do echo "$k=${m[$k]}"; done
echo $((2 ** 62)) $((-7 / 2)) $((-7 % 3)) $((0xffffffffffffffff))
[[ "foo123" =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
exit 42
