"""Which points of a spectrum are left out, and what is said of it."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fitting.study.masks import parse_mask
from fitting.terms.spectrum import Spectrum
from jaxmem.settings import SpecError

# A single frequency stands for what lies this near to it: pick-up of the mains spoils that as well,
# and a sweep in equal steps of the logarithm seldom meets 50 Hz itself.
NEAR = 0.03


def dropped(masks: Sequence[str], spectrum: Spectrum) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Which points of a spectrum the masks leave out, shape `(n,)`.

    A mask of a single frequency leaves out the points within 3 % of it: the second result has, for
    each such mask, the frequencies [Hz] that it left out.

    **Raises:** `SpecError` for a mask that leaves out nothing: it was meant to.
    """
    freq = np.asarray(spectrum.freq)
    out, near = np.zeros(len(freq), dtype=bool), dict[str, np.ndarray]()
    for text in masks:
        kind, low, high = parse_mask(text)
        if kind == "#":
            number = np.arange(1, len(freq) + 1)
            chosen = (number >= low) & (number <= high)
            problem = f"no point at {text}; it has {len(freq)} points"
        elif low < high:
            chosen = (freq >= low) & (freq <= high)
            problem = f"no point at {text}; {_nearest(freq, low or high)}"
        else:
            chosen = abs(freq - low) <= NEAR * low
            near[text] = np.unique(freq[chosen])
            problem = f"no point within {100 * NEAR:g} % of {text}; {_nearest(freq, low)}"
        if not chosen.any():
            raise SpecError(f"drop: {spectrum.name} has {problem}")
        out |= chosen
    return out, near


def notes_on_dropped(near: Iterable[tuple[str, Mapping[str, np.ndarray]]]) -> list[str]:
    """What single frequencies left out, in words; spectra that lost the same are one sentence.

    **Arguments:** `near`: of each spectrum its name and the second result of `dropped`.
    """
    who: dict[tuple[str, str], list[str]] = {}
    for name, masks in near:
        for text, freq in masks.items():
            what = ", ".join(f"{f:.6g}" for f in freq)
            who.setdefault((text, what), []).append(name)
    return [
        f"{names[0] if len(names) == 1 else f'{len(names)} spectra'}: drop {text} leaves out "
        f"{what} Hz, what lies within {100 * NEAR:g} % of it"
        for (text, what), names in who.items()
    ]


def _nearest(freq: np.ndarray, at: float) -> str:
    """The two frequencies next to one [Hz], and the range that leaves out the nearer."""
    close = freq[np.argsort(abs(np.log(freq / at)), kind="stable")]
    low, high = sorted((at, float(close[0])))
    there = ", ".join(f"{f:.6g}" for f in np.sort(close[:2]))
    return (
        f"the nearest are at {there} Hz; to leave out the nearer, "
        f"--drop {_rounded(low, -1)}Hz:{_rounded(high, 1)}Hz"
    )


def _rounded(value: float, way: int) -> str:
    """A positive number to two digits, downwards (-1) or upwards (1), as text."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    # A number that has two digits already is not moved by the last bit of its quotient.
    end = math.floor if way < 0 else math.ceil
    steps = end(value / unit * (1 - way * 1e-12))
    return f"{steps * unit:.6g}"
