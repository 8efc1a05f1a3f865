# title: tar with gzip, xz and bzip2
# shell: bash
mkdir src; seq 1 20000 > src/numbers; for i in {1..50}; do echo "file $i" > src/f$i; done
for z in z J j; do tar c${z}f a.tar src && rm -rf out && mkdir out && tar x${z}f a.tar -C out && diff -r src out/src && echo "$z round trip"; done
tar cf - --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner src | md5sum
gzip -9nc src/numbers | gzip -t && echo gzip ok; xz -T1 -6c src/numbers | xz -dc | cmp - src/numbers && echo xz ok; xz -lv a.tar >/dev/null 2>&1 || echo 'not xz'
