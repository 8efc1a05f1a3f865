# What tests/tests/binfmt.rs runs, as root of a user namespace with a binfmt_misc of its own: session.sh FERRY PROGRAM ROOTFS.
# Its output is compared. `uname -m` says i686 under ferry and the host's name natively.
ferry=$1 program=$2 rootfs=$3
say() { "$@" 2>&1 || echo "exit $?"; }
echo "== before"
say "$ferry" binfmt status
say "$ferry" binfmt uninstall
echo "== installed"
# A handler of handlers: the kernel refuses the flag O twice in a row, and the emulator's has it.
say "$ferry" binfmt install --no-credentials
say "$ferry" binfmt status
say "$ferry" binfmt install
echo "== from a shell"
"$program" uname -m
(exec -a sha1sum "$program" /dev/null)
FERRY_STRACE=1 "$program" true 2>&1 | grep '^exit'
"$program" sh -c 'exit 42'; echo "status $?"
echo "== in a chroot, without /proc"
chroot "$rootfs" /bin/uname -m
chroot "$rootfs" /bin/bash -c 'exec -a other-name /bin/bash -c "echo \$0; uname -m; echo \$(uname -m)"'
echo "== in a chroot, with /proc"
mount --rbind /proc "$rootfs/proc"
chroot "$rootfs" /bin/bash -c 'uname -m; echo $(readlink /proc/self/exe); (exec -a third-name bash -c "echo \$0")'
echo "== after"
say "$ferry" binfmt uninstall
say "$ferry" binfmt status
