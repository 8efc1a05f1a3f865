# Runs inside the test machine, as the i386 busybox's shell under ferry. Its exit status is the machine's.
failed=0 passed_programs=0 failed_programs= not_run=0
echo "kernel: $(busybox uname -r), machine as the guest sees it: $(busybox uname -m)"
ferry doctor
echo "--- system calls of busybox ls"
ferry --strace /bin/busybox ls / 2>/tmp/trace >/tmp/listing || failed=1
busybox cat /tmp/trace
traced=no entry=no
busybox grep -q '\[compat\]$' /tmp/trace && traced=yes
ferry doctor | busybox grep -q '^compat entry: *present' && entry=yes
[ $traced = $entry ] || { echo "FAIL: compat entry in this kernel: $entry; calls that say they went through it: $traced"; failed=1; }

seconds_since() { echo $(($(busybox cut -d. -f1 /proc/uptime) - $1)); }

# usage: compare NAME RECORDING COMMAND...   Output and exit status of COMMAND against what a real CPU gave.
compare() {
  name=$1 recording=$2 start=$(seconds_since 0); shift 2
  busybox rm -rf /tmp/work; busybox mkdir /tmp/work; cd /tmp/work
  busybox timeout -s KILL 900 "$@" >/tmp/out 2>/tmp/err </dev/null; status=$?
  echo "exit $status" >>/tmp/out
  cd /
  if busybox cmp -s /tmp/out "$recording"; then echo "ok    $name  $(seconds_since $start) s"; passed_programs=$((passed_programs + 1)); return; fi
  failed=1; failed_programs="$failed_programs $name"; echo "FAIL  $name"; busybox diff "$recording" /tmp/out | busybox grep '^[-+]' | busybox head -40; busybox tail -3 /tmp/err
}

for script in /demo/*.sh; do
  name=${script#/demo/}; name=${name%.sh}
  compare "$name" "/demo/$name.out" ferry /bin/busybox sh -c "$(busybox cat "$script")"
done
for recording in ${GUEST:-/guest/*.out /guest/kernel/*.out}; do
  name=${recording%.out}
  if [ $name-$entry = /guest/kernel/robust-no ]; then
    echo "NOT RUN ${name#/}: without the compat entry a robust mutex is not marked when its owner gets SIGKILL"
    not_run=$((not_run + 1)); continue
  fi
  compare "${name#/}" "$recording" ferry "$name"
done
echo "as on a real CPU: $passed_programs; not:${failed_programs:- none}; not run: $not_run; $(seconds_since 0) s"
exit $failed
