# SPDX-License-Identifier: Apache-2.0
"""Whether two counts k of n differ by more than chance would have it.

Executions of one test are not independent, so this decides only between "seen" and "not seen", never whether a rate
that is not zero has moved.
"""

import math

# Two-sided 95 %.
_z = 1.959963984540054


def interval(k: int, n: int) -> tuple[float, float]:
    """95 % confidence interval of a probability of which k of n executions were seen: Wilson's, and [0, 3/n] for none
    (or [1 - 3/n, 1] for all). [0, 1] if n is 0."""
    if n <= 0:
        return 0.0, 1.0
    if k <= 0:
        return 0.0, min(1.0, 3 / n)
    if k >= n:
        return max(0.0, 1 - 3 / n), 1.0
    p = k / n
    spread = _z * math.sqrt(p * (1 - p) / n + _z * _z / (4 * n * n))
    middle, scale = p + _z * _z / (2 * n), 1 + _z * _z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether the intervals of two counts (k, n) do not touch. Symmetric."""
    low_a, high_a = interval(*one)
    low_b, high_b = interval(*other)
    return high_a < low_b or high_b < low_a
