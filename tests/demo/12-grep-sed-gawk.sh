# title: grep, sed, gawk
# shell: bash
seq 1 3000 > n
grep -c '7' n; grep -E '^(1|2)[0-9]{2}5$' n | head -3; grep -vn '[1-9]' n; echo 'foo.bar' | grep -oP '(?<=foo\.)\w+'
sed -n '10,12p;$p' n; echo 'hello world' | sed -E 's/(\w+) (\w+)/\2 \1/; s/o/0/2g; y/abc/xyz/'
gawk '{ s += $1 ^ 0.5; h[$1 % 5] = h[$1 % 5] + 1 } END { printf "%.9f %s\n", s, PROCINFO["version"] ? "gawk" : "?"; n = asorti(h, k); for (i = 1; i <= n; i++) printf "%s:%d ", k[i], h[k[i]]; print "" }' n
gawk 'BEGIN { print toupper(substr("translate", 3, 4)), gensub(/(a)(b)/, "\\2\\1", "g", "abab"), strftime("%Y-%m-%d", 0, 1), 2 ** 53 + 1 }'
