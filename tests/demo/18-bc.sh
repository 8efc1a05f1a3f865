# title: bc: 200 digits of pi
# shell: bash
echo 'scale=200; 4*a(1)' | BC_LINE_LENGTH=0 bc -l
echo '2^512; sqrt(2); e(1)' | BC_LINE_LENGTH=0 bc -l
