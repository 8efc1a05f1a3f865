# title: busybox awk: floats, arrays, printf
# shell: busybox
busybox seq 1 2000 | busybox awk '{ s += $1 / 7; c[$1 % 7]++ } END { printf "%.10f %e %g\n", s, s, s; for (i = 0; i < 7; i++) print i, c[i] }'
busybox awk 'BEGIN { printf "%.15g %.15g %d %x %c|%-8s|%5.2f\n", 1 / 3, 1e300 * 1e10, -3.7, 255, 65, "left", 2.345; print length("abc"), index("hello", "l"), substr("translate", 3, 4), toupper("up") }'
busybox awk 'function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } BEGIN { print f(15); n = split("a:b:c", p, ":"); print n, p[3]; x = "aaa"; print gsub(/a/, "b", x), x }'
