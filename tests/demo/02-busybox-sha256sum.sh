# title: busybox sha256sum, sha512sum, md5sum of a megabyte
# shell: busybox
busybox seq 1 150000 > data
busybox wc data
busybox sha256sum data; busybox sha512sum data; busybox md5sum data
