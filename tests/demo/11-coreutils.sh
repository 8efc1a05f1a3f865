# title: coreutils: ls -l, sort, md5sum, stat, date, seq, od
# shell: bash
mkdir d; for i in 1 22 333; do printf "%${i}s" x > d/f$i; touch -d "2001-02-03 04:05:06 UTC" d/f$i; done; ln -s f1 d/link; chmod 640 d/f22
ls -ln d | sed -E 's/^([^ ]+) +([0-9]+) +[^ ]+ +[^ ]+ +/\1 \2 - - /; /^l/s/[A-Z][a-z]{2} .* link/link/'
stat -c '%n %s %a %F %Y' d/f1 d/f22 d/f333
seq 1 20000 | sort -R --random-source=<(yes) | sort -n | md5sum
date -u -d @2147483648 '+%F %T'; date -u -d '2040-02-29 +1 year' +%F
seq -f %.15Lg 0 0.1 1 | tail -2; printf '%.20f %a %Lg\n' 0.1 0.1 1e4000
factor 18446744073709551557 1000000016000000063
od -An -tfD -N16 <<< 'abcdefghijklmnop'; od -An -tx1z -N16 <<< 'abcdefghijklmnop'
truncate -s 5G big; stat -c '%s' big; printf X | dd of=big bs=1 seek=5368709119 conv=notrunc status=none; tail -c1 big; echo; rm big
seq 5000 > s5; split -n l/7 s5 p_; cat p_* | cksum; sha256sum p_aa | cut -c1-20; b2sum p_ab | cut -c1-20
timeout 0.2 sleep 5; echo $?; numfmt --to=iec 123456789012; comm -12 <(seq 5) <(seq 3 8) | tr '\n' ' '; echo
