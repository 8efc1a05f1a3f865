/* Floating point: decimal and back for floats, doubles and long doubles, and the questions that Kahan's paranoia asks of an
 * arithmetic: radix, precision, guard digits, rounding, underflow, infinities. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 4000 };
static uint64_t seed = 0x9e3779b97f4a7c15;
static uint64_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static uint64_t sum;
static void add(const char *text)
{
    for (; *text; text++)
        sum = (sum ^ (unsigned char)*text) * 0x100000001b3;
}

static void round_trips(void)
{
    char text[128];
    int wrong = 0;
    for (int i = 0; i < COUNT; i++) {
        union { double d; uint64_t bits; } x = { .bits = next() }, back;
        if (!isfinite(x.d))
            continue;
        snprintf(text, sizeof text, "%.17g %.3f %a", x.d, fmod(x.d, 1e15), x.d);
        add(text);
        wrong += sscanf(text, "%lf", &back.d) != 1 || back.bits != x.bits;
        back.d = strtod(strrchr(text, ' '), NULL);
        wrong += back.bits != x.bits;
    }
    printf("doubles: %d wrong, text %016llx\n", wrong, (unsigned long long)sum);
    wrong = 0;
    for (int i = 0; i < COUNT; i++) {
        long double x = 0, back = 0;
        uint64_t mantissa = next() | 1ull << 63;
        uint16_t exponent = (uint16_t)(next() % 0x7ffe + 1);
        memcpy(&x, &mantissa, 8);
        memcpy((char *)&x + 8, &exponent, 2);
        snprintf(text, sizeof text, "%.21Lg", x);
        add(text);
        wrong += sscanf(text, "%Lf", &back) != 1 || back != x;
    }
    printf("long doubles: %d wrong, text %016llx\n", wrong, (unsigned long long)sum);
    wrong = 0;
    for (int i = 0; i < COUNT; i++) {
        union { float f; uint32_t bits; } x = { .bits = (uint32_t)next() }, back;
        if (!isfinite(x.f))
            continue;
        snprintf(text, sizeof text, "%.9g", x.f);
        add(text);
        back.f = strtof(text, NULL);
        wrong += back.bits != x.bits;
    }
    printf("floats: %d wrong, text %016llx\n", wrong, (unsigned long long)sum);
}

/* The questions, for each type; volatile, so that every result is stored in its type. */
#define PARANOIA(type, name, format) \
static void paranoia_##name(void) \
{ \
    volatile type one = 1, w = 1, y, z, radix, u, x; \
    int digits = 0; \
    do { w = w + w; y = w + one; z = y - w; y = z - one; } while (fabsl((long double)y) < 1); \
    y = 1; \
    do { x = w + y; y = y + y; radix = x - w; } while (radix == 0); \
    w = 1; \
    do { digits++; w = w * radix; y = w + one; y = y - w; } while (y == one); \
    for (u = 1; (x = one + u / 2, x != one); u = u / 2) { } \
    printf(#name ": radix " format " digits %d ulp " format "\n", radix, digits, u); \
    x = one - u / 2; \
    printf("  guard digit: %d, sticky bit: %d\n", (one - x) == u / 2, (y = one + u / 2, y = y + u / 2, y == one) && (y = one + u, y > one)); \
    y = 1 + u; z = 1 + 2 * u; w = u / 2; \
    printf("  to even: %d %d\n", (x = y + w, x == z), (x = one + w, x == one)); \
    for (x = one, y = one; (z = x / 2, z > 0); x = z) y = x; \
    printf("  least " format ", gradual: %d\n", x, y == 2 * x && (type)(y - x) == x); \
    for (x = one; (z = x * 2, z < INFINITY); x = z) { } \
    z = x * 2; \
    printf("  top " format ", infinity " format ", -1/0 " format ", 0/0 is a NaN: %d\n", x, z, (type)(-one / (one - one)), \
           (z - z) != (z - z)); \
    int exact = 1, roots = 1; \
    for (int i = 1; i <= 240; i++) { \
        x = (type)i; \
        y = x * x; \
        z = (type)sqrtl((long double)y); \
        roots &= z == x; \
        y = x / 3; z = y * 3; w = fabsl((long double)(z - x)); \
        exact &= w <= u * x; \
    } \
    printf("  roots of squares: %d, division and multiplication: %d\n", roots, exact); \
}
PARANOIA(float, single, "%.9g")
PARANOIA(double, twice, "%.17g")
PARANOIA(long double, extended, "%.21Lg")

int main(void)
{
    round_trips();
    paranoia_single();
    paranoia_twice();
    paranoia_extended();
    return 0;
}
