# title: busybox sort, uniq, find, xargs
# shell: busybox
busybox seq 1 5000 | busybox awk '{ print ($1 * 7919) % 5003 }' > n
busybox sort -n n | busybox head -3; busybox sort -rn n | busybox head -3
busybox sort n | busybox uniq | busybox wc -l
busybox mkdir -p d/e; for f in a b c; do echo $f > d/e/$f; done
busybox find d -type f | busybox sort | busybox xargs busybox cat
