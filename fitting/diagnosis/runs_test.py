"""Runs of one sign: whether residuals follow each other without structure."""

import math
from collections.abc import Sequence

import numpy as np


def runs_probability(lines: Sequence[np.ndarray]) -> float:
    """How likely so few runs of one sign are by chance, over all lines; NaN for fewer than 10."""
    deviation = variance = 0.0
    for line in lines:
        up = line > 0
        a, b = int(up.sum()), int((~up).sum())
        if a + b < 10 or not a or not b:
            continue
        n = a + b
        expected = 2 * a * b / n + 1
        deviation += 1 + np.sum(up[1:] != up[:-1]) - expected
        variance += (expected - 1) * (expected - 2) / (n - 1)
    if variance == 0:
        return math.nan
    return 0.5 * math.erfc(-deviation / math.sqrt(2 * variance))
