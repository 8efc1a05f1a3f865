# Runs inside the test machine, as the i386 busybox's shell under ferry. Its exit status is the machine's.
failed=0
echo "kernel: $(busybox uname -r), machine as the guest sees it: $(busybox uname -m)"
ferry doctor
echo "--- system calls of busybox ls"
ferry --strace /bin/busybox ls / 2>/tmp/trace >/tmp/listing || failed=1
busybox cat /tmp/trace
case "$(ferry doctor)" in
*"compat entry: yes"*) busybox grep -q '\[compat\]$' /tmp/trace || { echo "FAIL: no call went through the compat entry"; failed=1; } ;;
*) if busybox grep -q '\[compat\]$' /tmp/trace; then echo "FAIL: a call claims a compat entry this kernel has not"; failed=1; fi ;;
esac
for script in /demo/*.sh; do
  name=${script#/demo/}; name=${name%.sh}
  busybox mkdir -p "/tmp/$name"; cd "/tmp/$name"
  ferry /bin/busybox sh -c "$(busybox cat "$script")" >/tmp/out 2>/tmp/err; status=$?
  echo "exit $status" >>/tmp/out
  if busybox cmp -s /tmp/out "/demo/$name.out"; then echo "ok    $name"; else
    failed=1; echo "FAIL  $name"; busybox diff /tmp/out "/demo/$name.out" | busybox head -5; busybox tail -3 /tmp/err
  fi
  cd /
done
exit $failed
