# title: busybox gzip round trip
# shell: busybox
busybox seq 1 60000 > data
busybox gzip -c data > data.gz
busybox gunzip -c data.gz | busybox cmp - data && echo identical
busybox bzip2 -c data | busybox bunzip2 -c | busybox md5sum
busybox tar cf - data | busybox tar tf -
