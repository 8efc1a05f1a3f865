# title: python3: json, floats, decimal, hashlib, re, subprocess
# shell: bash
python3 - <<'END'
import json, decimal, hashlib, re, subprocess, math, struct, zlib, fractions, datetime, os
print(json.dumps(json.loads('{"a": [1, 2.5, "x\\u00e9", null], "b": {"c": -1e-7}}'), sort_keys=True))
print(0.1 + 0.2, 1 / 3, 1e308 * 10, math.pi, math.sqrt(2), math.exp(1), math.sin(1e6), math.fsum([0.1] * 10), 2.5 ** 0.5)
print([round(x * 0.37, 3) for x in range(8)], float('1.7976931348623157e308'), repr(5e-324), (1.1).hex(), float.fromhex('0x1.999999999999ap-4'))
decimal.getcontext().prec = 50; print(decimal.Decimal(2).sqrt(), decimal.Decimal(1) / 7)
print(hashlib.sha256(b'ferry' * 1000).hexdigest(), hashlib.md5(b'x').hexdigest(), zlib.crc32(b'ferry'))
print(re.sub(r'(\w+)@(\w+)', r'\2 at \1', 'user@host, me@here'), re.findall(r'\b\d{3}\b', '12 345 678 9'))
print(subprocess.run(['sh', '-c', 'echo out; exit 5'], capture_output=True, text=True))
print(2 ** 200 % 1000007, 10 ** 40 // 7, math.comb(60, 30), pow(3, 10 ** 18, 10 ** 9 + 7), fractions.Fraction(355, 113))
print(struct.pack('<dfq', 1.5, 2.25, -3).hex(), struct.calcsize('P'), datetime.datetime(2000, 1, 1).strftime('%A %j'))
class A:
    def __init__(self, n): self.n = n
    def __lt__(self, o): return self.n < o.n
print([a.n for a in sorted(A(i * 37 % 11) for i in range(11))], sum(i * i for i in range(10000)), {i: chr(97 + i) for i in range(5)})
def gen(n):
    a, b = 0, 1
    for _ in range(n): yield a; a, b = b, a + b
print(list(gen(15)), sorted({'b': 1, 'a': 2}.items()), f'{1234567.891:,.2f} {255:#x} {3.14159:8.3f}|')
try: 1 // 0
except ZeroDivisionError as e: print('caught', e)
pid = os.fork()
if pid == 0: os._exit(7)
print(os.WEXITSTATUS(os.waitpid(pid, 0)[1]))
END
