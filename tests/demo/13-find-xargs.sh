# title: find | xargs
# shell: bash
mkdir -p t/{a,b,c}/{1,2}; for f in t/*/*; do for i in x y z; do echo "$f/$i" > "$f/$i.txt"; done; done
find t -name '*.txt' -print0 | sort -z | xargs -0 -n 4 cat | md5sum
find t -type f -name 'x*' | sort | xargs -I{} sh -c 'echo {}; wc -c < {}' | head -6
find t -type d -empty | wc -l; find t -name 'z.txt' -delete; find t -type f | wc -l
seq 1 40 | xargs -n 5 -P 4 sh -c 'echo $(( $1 + $2 + $3 + $4 + $5 ))' _ | sort -n | tr '\n' ' '; echo
