"""Arithmetic and order on 64-bit words: sortable floats, 128-bit sums, comparison, floors, hashing.

Every stored value is one or more int64 words whose order as signed integers, word by word, is the order of the
values. Signed and unsigned words never meet in one expression here: numba would turn them into floats.
"""

import numpy as np

from diptych.kernel.jit import allocating, inner
from diptych.kernel.places import (
    FLAGS,
    FLOATING,
    KNOWN_AT,
    PAYLOAD_AT,
    PAYLOAD_BIT,
    PAYLOAD_FLAG,
    PAYLOAD_ROW,
    PAYLOAD_ROWS,
    PAYLOAD_VALUE,
    PAYLOAD_VALUE_WORDS,
    TEXT,
    TS,
)

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_ZERO = np.uint64(0)
_ONE = np.uint64(1)
_SIGN = np.uint64(1 << 63)
_BYTE = np.uint64(8)
_PAIR = np.uint64(16)
_EVEN_BYTES = np.uint64(0x00FF00FF00FF00FF)
_EVEN_PAIRS = np.uint64(0x0000FFFF0000FFFF)
_ALL = np.int64(0x7FFFFFFFFFFFFFFF)


@inner
def flip(word):
    """Float bits to the sortable word, and back: for negatives all bits but the sign turn over."""
    return word ^ ((word >> 63) & _ALL)


@inner
def plain(word, form):
    """A sortable word as a word of a result: an integer, a float's bits, or eight bytes of text in memory order."""
    if form == FLOATING:
        return flip(word)
    if form == TEXT:
        x = np.uint64(word) ^ _SIGN
        x = ((x & _EVEN_BYTES) << _BYTE) | ((x >> _BYTE) & _EVEN_BYTES)
        x = ((x & _EVEN_PAIRS) << _PAIR) | ((x >> _PAIR) & _EVEN_PAIRS)
        return np.int64((x << _HALF) | (x >> _HALF))
    return word


@inner
def as_float(word):
    """The float64 whose bits a word holds."""
    return np.int64(word).view(np.float64)


@inner
def as_word(number):
    """The bits of a float64 as a word."""
    return np.float64(number).view(np.int64)


@inner
def floor_to(instant, step):
    """The largest multiple of ``step`` that is not after ``instant``."""
    return instant - instant % step


@inner
def add_wide(low, high, low_other, high_other):
    """Sum of two 128-bit numbers, each two int64 words; wraps."""
    total = np.uint64(low) + np.uint64(low_other)
    carry = np.int64(1) if total < np.uint64(low) else np.int64(0)
    return np.int64(total), high + high_other + carry


@inner
def sub_wide(low, high, low_other, high_other):
    """Difference of two 128-bit numbers; wraps."""
    borrow = np.int64(1) if np.uint64(low) < np.uint64(low_other) else np.int64(0)
    return np.int64(np.uint64(low) - np.uint64(low_other)), high - high_other - borrow


@inner
def negate_wide(low, high):
    """The 128-bit negative; wraps."""
    return sub_wide(np.int64(0), np.int64(0), low, high)


@inner
def multiply_unsigned(a, b):
    """Product of two unsigned 64-bit words as (low, high) int64 words."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    high = a_high * b_high + (middle >> _HALF) + (other >> _HALF)
    return np.int64((other << _HALF) | (low & _LOW)), np.int64(high)


@inner
def magnitude(x):
    """The absolute value as an unsigned word, also of INT64_MIN."""
    return np.uint64(x) if x >= 0 else _ZERO - np.uint64(x)


@inner
def multiply(a, b):
    """Product of two int64 as a 128-bit number."""
    low, high = multiply_unsigned(magnitude(a), magnitude(b))
    if (a < 0) != (b < 0):
        return negate_wide(low, high)
    return low, high


@inner
def divide_unsigned(low, high, divisor):
    """Quotient (128 bits) and remainder of an unsigned 128-bit number by a positive int64."""
    d = np.uint64(divisor)
    rest = np.uint64(high) % d
    quotient_high = np.uint64(high) // d
    if rest == _ZERO:
        return np.int64(np.uint64(low) // d), np.int64(quotient_high), np.int64(np.uint64(low) % d)
    quotient = _ZERO
    bits = np.uint64(low)
    for place in range(63, -1, -1):  # rest < d < 2**63, so doubling never leaves the word
        rest = (rest << _ONE) | ((bits >> np.uint64(place)) & _ONE)
        quotient = quotient << _ONE
        if rest >= d:
            rest -= d
            quotient |= _ONE
    return np.int64(quotient), np.int64(quotient_high), np.int64(rest)


@inner
def to_float(low, high):
    """The float64 nearest a signed 128-bit number (within one unit of the last place)."""
    if high == (low >> 63):
        return np.float64(low)
    if high < 0:
        low, high = negate_wide(low, high)
        return -(np.float64(np.uint64(high)) * 18446744073709551616.0 + np.float64(np.uint64(low)))
    return np.float64(np.uint64(high)) * 18446744073709551616.0 + np.float64(np.uint64(low))


@inner
def squared_deviations(n, sum_low, sum_high, square_low, square_high):
    """Sum of squared deviations from the mean, out of the exact count, sum and sum of squares.

    With q, r = divmod(sum, n) it is squares - q*q*n - 2*q*r - r*r/n, all but the last fraction in whole numbers.
    """
    if sum_high < 0:  # deviations do not change with the sign
        sum_low, sum_high = negate_wide(sum_low, sum_high)
    q, _, r = divide_unsigned(sum_low, sum_high, n)
    low, high = multiply(q, n)
    low, high = add_wide(low, high, r, np.int64(0))  # q*n + r
    low, high = add_wide(low, high, r, np.int64(0))  # q*n + 2*r, times q: below the sum of squares plus n
    product_low, product_high = _times(low, high, q)
    whole_low, whole_high = sub_wide(square_low, square_high, product_low, product_high)
    low, high = multiply(r, r)
    low, high, rest = divide_unsigned(low, high, n)
    whole_low, whole_high = sub_wide(whole_low, whole_high, low, high)
    return to_float(whole_low, whole_high) - np.float64(rest) / np.float64(n)


@inner
def _times(low, high, factor):
    """A non-negative 128-bit number times a non-negative int64; wraps."""
    product_low, product_high = multiply_unsigned(np.uint64(low), np.uint64(factor))
    return product_low, product_high + high * factor


@inner
def compare(words, a, b, count):
    """Order of two runs of ``count`` words at ``a`` and ``b``: negative, 0 or positive."""
    for i in range(count):
        if words[a + i] != words[b + i]:
            return -1 if words[a + i] < words[b + i] else 1
    return 0


@inner
def compare_between(words, a, others, b, count):
    """Order of two runs of words in two arrays."""
    for i in range(count):
        if words[a + i] != others[b + i]:
            return -1 if words[a + i] < others[b + i] else 1
    return 0


@inner
def compare_copies(code, words, a, b):
    """Order of two raw records by (known_at, ts, payload); in a payload null is before any value."""
    if words[a + KNOWN_AT] != words[b + KNOWN_AT]:
        return -1 if words[a + KNOWN_AT] < words[b + KNOWN_AT] else 1
    if words[a + TS] != words[b + TS]:
        return -1 if words[a + TS] < words[b + TS] else 1
    at = code[PAYLOAD_AT]
    for _ in range(code[PAYLOAD_ROWS]):
        flag, bit = FLAGS + code[at + PAYLOAD_FLAG], code[at + PAYLOAD_BIT]
        of_a, of_b = (words[a + flag] >> bit) & 1, (words[b + flag] >> bit) & 1
        if of_a != of_b:
            return -1 if of_a < of_b else 1
        value = code[at + PAYLOAD_VALUE]
        order = compare(words, a + value, b + value, code[at + PAYLOAD_VALUE_WORDS])
        if order != 0:
            return order
        at += PAYLOAD_ROW
    return 0


@inner
def mix(word):
    """A well-spread unsigned word out of any word."""
    x = np.uint64(word) * _GOLDEN
    return x ^ (x >> _HALF)


@allocating
def sort_rows(words, rows, count):
    """Sorts the positions ``rows[:count]`` by ts, newest first, keeping ties in order."""
    run = 8
    for start in range(0, count, run):
        for i in range(start + 1, min(start + run, count)):
            row = rows[i]
            ts = words[row + TS]
            j = i - 1
            while j >= start and words[rows[j] + TS] < ts:
                rows[j + 1] = rows[j]
                j -= 1
            rows[j + 1] = row
    spare = np.empty(count if run < count else 0, np.int64)
    while run < count:
        for start in range(0, count - run, 2 * run):
            middle, end = start + run, min(start + 2 * run, count)
            if words[rows[middle - 1] + TS] < words[rows[middle] + TS]:
                _merge_rows(words, rows, start, middle, end, spare)
        run *= 2


@allocating
def _merge_rows(words, rows, start, middle, end, spare):
    left = middle - start
    for i in range(left):
        spare[i] = rows[start + i]
    i, j, k = 0, middle, start
    while i < left and j < end:
        if words[spare[i] + TS] >= words[rows[j] + TS]:
            rows[k] = spare[i]
            i += 1
        else:
            rows[k] = rows[j]
            j += 1
        k += 1
    while i < left:
        rows[k] = spare[i]
        i += 1
        k += 1
