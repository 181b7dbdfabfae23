"""Sweeps that follow each other without a word between them: spectra, or replicates of one."""

import numpy as np

from fitting.readers.source import Source
from fitting.readers.tables.spacing import off_grid

# Fewer frequencies that two sweeps share say nothing of their difference.
LEAST_COMMON = 4


def sweep_numbers(freq: np.ndarray) -> np.ndarray:
    """The number of the sweep of each row: it grows where the frequency jumps far back."""
    x = np.log(freq)
    # A wrong digit begins no sweep.
    for at in off_grid(x):
        x[at] = (x[at - 1] + x[at + 1]) / 2
    step = np.diff(x)
    moved = step[step != 0]
    if len(moved) == 0:
        return np.zeros(len(freq), int)
    direction = np.sign(np.median(moved))
    back = (step * direction < 0) & (abs(step) > 0.5 * np.ptp(x))
    return np.concatenate([[0], np.cumsum(back)])


def there_and_back(freq: np.ndarray) -> np.ndarray:
    """As `sweep_numbers`; a sweep that turns and comes back over half of its band is two."""
    numbers = sweep_numbers(freq)
    if numbers[-1] > 0:
        return numbers
    turn = int(np.argmin(freq)) if freq[0] > np.median(freq) else int(np.argmax(freq))
    if not LEAST_COMMON <= turn < len(freq) - LEAST_COMMON:
        return numbers
    legs = np.diff(np.log(freq[: turn + 1])), np.diff(np.log(freq[turn + 1 :]))
    one_way = all((leg <= 0).all() or (leg >= 0).all() for leg in legs)
    opposite = one_way and np.sum(legs[0]) * np.sum(legs[1]) < 0
    far = abs(np.sum(legs[1])) > 0.5 * np.log(freq.max() / freq.min())
    return (np.arange(len(freq)) > turn).astype(int) if opposite and far else numbers


def stacked_sweeps(source: Source, freq: np.ndarray, Z: np.ndarray, line: int) -> list[np.ndarray]:
    """The rows of each spectrum among sweeps that nothing tells apart.

    Sweeps are replicates if ln Z differs between them as white noise does: the mean square of the
    difference is that of its second differences along the frequency (over six). They are spectra if
    it is larger, so that the difference has a shape.
    """
    numbers = there_and_back(freq)
    sweeps = [np.flatnonzero(numbers == k) for k in range(numbers[-1] + 1)]
    if len(sweeps) < 2 or min(len(np.unique(freq[rows])) for rows in sweeps) < LEAST_COMMON:
        return [np.arange(len(freq))]
    pairs = [(sweeps[j], rows) for k, rows in enumerate(sweeps) for j in {0, max(k - 1, 0)} if k]
    seen = [_difference(freq, Z, *pair) for pair in pairs]
    shaped = [(size, noise) for size, noise, n in seen if size**2 > (1 + 6 / np.sqrt(n)) * noise**2]
    if not shaped:
        return [np.arange(len(freq))]
    size, noise = max(shaped)
    source.note(
        f"{len(sweeps)} sweeps follow each other and nothing in the file tells them apart; they "
        f"differ by {100 * size:.2g} % where their noise is {100 * noise:.1g} %, so they are read "
        f"as {len(sweeps)} spectra",
        line,
    )
    return sweeps


def _difference(freq, Z, one: np.ndarray, two: np.ndarray) -> tuple[float, float, int]:
    """Root mean squares of the difference of ln Z and of its noise, and how many they share."""
    order = np.argsort(freq[one], kind="stable")
    f, first = np.log(freq[one][order]), np.log(Z[one][order])
    g = np.log(freq[two])
    inside = (g >= f[0] - 1e-6) & (g <= f[-1] + 1e-6)
    if inside.sum() < LEAST_COMMON:
        # Sweeps over different bands complete each other.
        return 0.0, 0.0, 1
    at = np.argsort(g[inside], kind="stable")
    g, second = g[inside][at], np.log(Z[two][inside][at])
    # Frequencies that both have need no interpolation.
    nearest = f[np.clip(np.searchsorted(f, g - 1e-4), 0, len(f) - 1)]
    shared = abs(nearest - g) < 1e-4
    if shared.sum() >= max(LEAST_COMMON, len(g) / 2):
        g, second = g[shared], second[shared]
    phase = np.unwrap(first.imag)
    base = np.interp(g, f, first.real) + 1j * np.interp(g, f, phase)
    d = second - base
    # A phase may be off by a turn.
    d = d.real + 1j * np.angle(np.exp(1j * d.imag))
    bend = np.diff(d, 2)
    mean_square = lambda x: float(np.sqrt(np.mean(abs(x) ** 2)))
    # Below the digits of a table a difference is rounding.
    return mean_square(d), max(mean_square(bend) / np.sqrt(6), 1e-6), len(d)
