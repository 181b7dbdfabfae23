"""What the Kramers-Kronig check means beside a fit, and over several spectra, in words."""

from collections.abc import Sequence

import numpy as np

from fitting.terms.checked import Checked
from fitting.terms.linear_kk import GRADES, KramersKronig
from jaxmem.output.numbers import engineering

# Two spectra were measured at one frequency if it is the same to this share.
SAME = 0.02
MAINS = (50.0, 60.0)


def beside(check: KramersKronig, residual: float) -> str:
    """Whether an inconsistency matters beside what a fit leaves.

    **Arguments:**

    - `check`: of the spectrum; `residual`: rms of the fit relative to |Z|, a fraction.
    """
    size = check.inconsistency
    sizes = f"{100 * size:.2g} % beside the {100 * residual:.2g} % that the fit leaves"
    if size < 0.5 * residual:
        return f"That is small ({sizes}): the fit is not limited by it."
    return f"That matters ({sizes}): no steady model can do much better, and intervals feel it."


def common_frequencies(checked: Sequence[Checked]) -> list[str]:
    """Frequencies that stand out in several spectra, with what they may be."""
    carried = [
        np.unique(c.fitted.freq[c.check.outliers])
        for c in checked
        if c.check is not None and len(c.check.outliers)
    ]
    spectra = sum(c.check is not None for c in checked)
    found, said = np.concatenate([*carried, np.zeros(0)]), []
    while len(found):
        near = np.abs(found / found[0] - 1) < SAME
        count, freq = int(near.sum()), float(np.median(found[near]))
        found = found[~near]
        if count >= max(2, 0.1 * spectra):
            said.append((count, freq))
    return [
        f"{engineering(freq, 'Hz', 4)} does not belong to the rest in {count} of {spectra} spectra"
        f"{_mains(freq)}: leave it out, or look for what happens there."
        for count, freq in sorted(said, reverse=True)
    ]


def consistency_flags(measured: Sequence[Checked]) -> list[str]:
    """How the spectra of a series fall into the grades of the check."""
    checks = [m.check for m in measured if m.check is not None]
    count = {grade: sum(c.grade == grade for c in checks) for grade in (*GRADES, "not")}
    flags = []
    if sum(count.values()) > count["consistent"]:
        words = {"consistent": "", "nearly": "nearly ", "roughly": "roughly ", "not": "not "}
        parts = [f"{n} {words[g]}consistent" for g, n in count.items() if n]
        sizes = np.median([c.inconsistency for c in checks if c.grade not in ("", "consistent")])
        flags.append(
            f"Kramers-Kronig: of {len(checks)} spectra {', '.join(parts)}; those that are not "
            f"leave {100 * sizes:.2g} % of |Z| in the middle. Each one's report says where."
        )
    return flags + common_frequencies(measured)


def _mains(freq: float) -> str:
    for mains in MAINS:
        times = round(freq / mains)
        if 1 <= times <= 10 and abs(freq / (times * mains) - 1) < SAME:
            return f" (mains, {times} x {mains:g} Hz)" if times > 1 else f" (mains, {mains:g} Hz)"
    return ""
