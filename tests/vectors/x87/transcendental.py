#!/usr/bin/env python3
"""Writes transcendental.txt beside this file: x87 transcendental functions of random arguments, correctly rounded to
nearest, computed with mpmath (Debian: python3-mpmath). Lines: function, ST(0), ST(1), result. Sine, cosine and tangent
are of the argument reduced with the 66-bit pi of x87 CPUs.

    transcendental.py [COUNT [SEED]]    writes to stdout instead, for longer runs
"""
import os
import random
import sys

from mpmath import mp, mpf

mp.prec = 400
PI66 = mpf(0x3243F6A8885A308D3) / mpf(2) ** 64
BIAS = 0x3FFF


def value(se, m):
    v = mp.ldexp(mpf(m), (se & 0x7FFF) - BIAS - 63)
    return -v if se >> 15 else v


def rounded(v):
    """Nearest even, for results in the normal range."""
    sign = 0x8000 if v < 0 else 0
    m, e = mp.frexp(abs(v))
    scaled = mp.ldexp(m, 64)
    i = int(mp.floor(scaled))
    if scaled - i > 0.5 or (scaled - i == 0.5 and i & 1):
        i += 1
    if i == 1 << 64:
        i, e = i >> 1, e + 1
    exponent = e - 1 + BIAS
    assert 0 < exponent < 0x7FFF
    return sign | exponent, i


def reduced(x):
    k = mp.nint(x / (PI66 / 2))
    return int(k) % 4, x - k * PI66 / 2


def sin(x, _):
    k, t = reduced(x)
    return [mp.sin(t), mp.cos(t), -mp.sin(t), -mp.cos(t)][k]


def cos(x, _):
    k, t = reduced(x)
    return [mp.cos(t), -mp.sin(t), -mp.cos(t), mp.sin(t)][k]


def tan(x, _):
    k, t = reduced(x)
    return mp.tan(t) if k % 2 == 0 else -1 / mp.tan(t)


def log2_1p(x):
    with mp.workprec(900):
        return mp.log1p(x) / mp.ln2


def exp2m1(x):
    with mp.workprec(900):
        return mp.expm1(x * mp.ln2)


def number(rng, low, high, signed=True):
    sign = rng.getrandbits(1) << 15 if signed else 0
    return rng.randint(BIAS + low, BIAS + high) | sign, 1 << 63 | rng.getrandbits(63)


ONE = (BIAS, 1 << 63)
FUNCTIONS = {
    "fsin": (sin, lambda r: (number(r, -60, 62), ONE)),
    "fcos": (cos, lambda r: (number(r, -60, 62), ONE)),
    "fptan": (tan, lambda r: (number(r, -60, 62), ONE)),
    "fpatan": (lambda x, y: mp.atan2(y, x), lambda r: (number(r, -40, 40), number(r, -40, 40))),
    "f2xm1": (lambda x, _: exp2m1(x), lambda r: (number(r, -70, -1), ONE)),
    "fyl2x": (
        lambda x, y: y * mp.log(x) / mp.ln2,
        lambda r: (number(r, *r.choice([(-3, 3), (-16000, 16000)]), False), number(r, -40, 40)),
    ),
    "fyl2xp1": (lambda x, y: y * log2_1p(x), lambda r: (number(r, -70, -3), number(r, -40, 40))),
}


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "transcendental.txt")
    out = sys.stdout if len(sys.argv) > 1 else open(path, "w")
    print("# Correctly rounded results; made by transcendental.py", file=out)
    for name, (function, arguments) in FUNCTIONS.items():
        for _ in range(count):
            x, y = arguments(rng)
            words = [f"{se:x}:{m:x}" for se, m in (x, y, rounded(function(value(*x), value(*y))))]
            print(name, *words, file=out)


if __name__ == "__main__":
    main()
