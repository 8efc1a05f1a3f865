# title: perl: regex, sprintf of floats, fork
# shell: bash
perl -e '
use strict; use warnings;
my $text = join " ", map { "k$_=" . $_ * $_ } 1 .. 50;
my %h = $text =~ /(\w+)=(\d+)/g; print join(",", map { "$_:$h{$_}" } (sort keys %h)[0 .. 4]), "\n";
printf "%.17g %.3e %g %s %s\n", 0.1 + 0.2, 12345.678, 1e21, 9 ** 20, 1 / 7;
printf "%.10f %.10f %.10f %.10f\n", sin(1), cos(1), exp(1), log(2);
print join(" ", map { sprintf "%.15g", sqrt $_ } 2, 3, 5), " ", int(-7 / 2), " ", -7 % 3, "\n";
my $pid = fork; if (!$pid) { exit 9 } waitpid $pid, 0; print "child: ", $? >> 8, "\n";
pipe my $r, my $w; if (!fork) { close $r; print $w "from the child\n"; exit } close $w; print <$r>; wait;
print `echo from a shell`; (my $s = "The quick brown fox") =~ s/(\w+)/\u\L$1/g; print scalar reverse($s), "\n";
my @s = sort { $a <=> $b } map { $_ * 7919 % 1009 } 1 .. 500; print "@s[0..9]\n"; print pack("NnC", 1, 2, 3) eq "\0\0\0\1\0\2\3" ? "pack ok\n" : "pack bad\n";
local $SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 3; print "end\n";
'
