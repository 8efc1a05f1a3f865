# title: busybox sh: functions, loops, arithmetic, here-documents
# shell: busybox
fact() { if [ "$1" -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(( $1 - 1 ))) )); fi; }
for i in 1 2 5 10; do echo "$i! = $(fact $i)"; done
i=0; while [ $i -lt 1000 ]; do i=$((i + 1)); s=$(( (s + i * i) % 65521 )); done; echo "sum $s"
cat <<END | while read -r a b; do echo "<$b $a>"; done
one two
three four
END
case "$(uname -s -m)" in *86) echo "uname is 32-bit x86";; *) echo "uname: $(uname -m)";; esac
( exit 7 ); echo "status $?"
x=abcdef; echo "${x#ab} ${x%ef} ${#x} ${y:-default}"
trap 'echo got USR1' USR1; kill -USR1 $$; echo done
exit 3
