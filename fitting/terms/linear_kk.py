"""Whether a spectrum is that of a linear, causal, steady device, to what share of |Z|, and how
noisy it is."""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from scipy.special import ndtr

from fitting.terms.relaxations import (
    FLOOR,
    Found,
    RationalProblem,
    linear_fit,
    parted,
    search_orders,
)
from fitting.terms.spectrum import Spectrum
from jaxmem.output.numbers import engineering

# Least gain in BIC that makes a violation the better explanation. 99 of 100 valid spectra stay
# below 4, 5 and 1; 99 of 100 of the benchmark's violations gain more than 13, 89 and 51.
GAIN = {"outliers": 5.0, "drift": 15.0, "sign": 25.0}
# Chance that white residuals are called structured.
LEVEL = 1e-4
# Relative residuals above this are no measurement.
SCATTER = 0.1
# Below which share of |Z| an inconsistency has which grade.
GRADES = {"consistent": 0.005, "nearly": 0.02, "roughly": 0.05}
LEAST_TO_JUDGE = 10
# Fewer degrees of freedom say little of how large the noise is.
ENOUGH = 5


@dataclass(frozen=True)
class KramersKronig:
    """What `kramers_kronig` found.

    **Fields:**

    - `passed`: True or False; None where there are too few points to judge.
    - `reason`: what was found and what to do about it, in words.
    - `violation`: None, or what explains the data best: 'sign', 'outliers', 'drift',
      'structure' (none of these, but the residuals are not random) or 'scatter'.
    - `noise`: standard deviation of Re Z and of Im Z as a fraction of |Z|, corrected for the
      number of parameters and without the outliers: what the right model would leave.
    - `residuals`: (Z - fitted)/|Z|, complex, shape `(n,)`, in the order of the spectrum.
    - `outliers`: indices of the points that do not belong to the rest; at most three, the
      worst first.
    - `domain`: 'impedance' or 'admittance', the one that was fitted better.
    - `elements`: number of relaxations; R, L and C (in series for Z, in parallel for Y) are
      always there besides. `freedom`: degrees of freedom of the noise.
    - `scatter`: the noise that is left once a drift that explains the data better is allowed
      for; else `noise`.
    - `moves`: how `residuals` change with what was fitted, complex, one column for each degree of
      freedom that the fit used.
    """

    passed: bool | None
    reason: str
    violation: str | None
    noise: float
    residuals: np.ndarray
    outliers: np.ndarray
    domain: str
    elements: int
    freedom: float
    scatter: float
    moves: np.ndarray = field(repr=False, compare=False)

    @property
    def inconsistency(self) -> float:
        """What a causal, steady response leaves of the data, as a fraction of |Z|: their noise,
        and what they contradict themselves by."""
        left = float(np.sum(np.abs(self.residuals) ** 2))
        return float(np.sqrt(left / max(self.freedom, 1.0)))

    @property
    def grade(self) -> str:
        """'consistent' (nothing found, or less than half a per cent), 'nearly' (below 2 %),
        'roughly' (below 5 %) or 'not'; '' where there are too few points."""
        if self.passed is None:
            return ""
        if self.passed or (self.violation == "structure" and self.noise < GRADES["consistent"]):
            return "consistent"
        if self.violation in ("sign", "scatter"):
            return "not"
        size = self.inconsistency
        return next((grade for grade, most in GRADES.items() if size < most), "not")

    @property
    def carriers(self) -> np.ndarray:
        """Indices of the points that carry what was found: the outliers, or else the fewest that
        hold half of the sum of squares."""
        if len(self.outliers) or self.violation is None:
            return self.outliers
        size = np.abs(self.residuals) ** 2
        order = np.argsort(-size)
        count = int(np.searchsorted(np.cumsum(size[order]), 0.5 * size.sum())) + 1
        return np.sort(order[:count])


@lru_cache(maxsize=2048)
def _tested(freq: bytes, Z: bytes, sigma: bytes) -> KramersKronig:
    read = np.frombuffer
    given = read(sigma) if sigma else None
    return kramers_kronig(Spectrum(read(freq), read(Z, complex), sigma=given))


def tested(spectrum: Spectrum) -> KramersKronig:
    """`kramers_kronig` of a spectrum, once for all that ask."""
    sigma = spectrum.known_size
    given = b"" if sigma is None else sigma.tobytes()
    return _tested(spectrum.freq.tobytes(), spectrum.Z.tobytes(), given)


def kramers_kronig(spectrum: Spectrum, *, most: int = 12) -> KramersKronig:
    """Test a spectrum against the Kramers-Kronig relations and estimate its noise.

    Fits D(s) = a + b s + c/s + sum_k r_k/(s - p_k), Re p_k < 0, with coefficients of either
    sign and relative to |D|, to D = Z and to D = Y, and keeps the better by BIC: a device that
    is unstable under current control is causal only as an admittance. The spectrum fails if a
    violation explains it better, by BIC over the same family: Im Z of the wrong sign, points
    that do not belong, a gain that drifts linearly in ln(freq) or in measuring order; or if
    the residuals of neighbouring points are correlated.

    Boukamp, J. Electrochem. Soc. 142 (1995) 1885; Schönleber, Klotz and Ivers-Tiffée,
    Electrochim. Acta 131 (2014) 20. The poles p_k are moved as in vector fitting (Gustavsen
    and Semlyen, IEEE Trans. Power Deliv. 14 (1999) 1052).

    **Arguments:**

    - `spectrum`: at least 4 distinct frequencies [Hz] in any order, replicates allowed. Its
      `sigma` [ohm] (of two parts their root mean square) or its `weighting`, if given, sets the
      weights, but not the noise level, which is estimated.
      The order of the points is taken as the order of measurement.
    - `most`: largest number of relaxations.

    **Returns:** a `KramersKronig`; `passed` is None below 10 distinct frequencies.

    **Raises:** `ValueError` for fewer than 4 distinct frequencies, or where Z is 0 or
    `sigma` is not positive.
    """
    name = spectrum.label or spectrum.source or "spectrum"
    distinct = np.unique(spectrum.freq).size
    if distinct < 4:
        raise ValueError(
            f"{name}: {distinct} distinct frequencies; the Kramers-Kronig test needs at least 4, "
            f"and {LEAST_TO_JUDGE} to judge"
        )
    if np.any(spectrum.Z == 0):
        at = int(np.argmax(spectrum.Z == 0))
        raise ValueError(f"{name}: Z is 0 at point {at}, which has no relative error; remove it")

    s = 1j * spectrum.freq / np.sqrt(spectrum.freq.min() * spectrum.freq.max())
    Z = spectrum.Z / np.median(abs(spectrum.Z))
    sigma = spectrum.known_size
    if sigma is None:
        weight = np.ones(s.size)
    elif np.any(sigma <= 0):
        raise ValueError(f"{name}: sigma must be positive; leave it out if it is not known")
    else:
        weight = abs(spectrum.Z) / sigma
        weight = weight / np.sqrt(np.mean(weight**2))
    most = min(most, distinct // 4 + 1, (distinct - 3) // 2)

    domains = {"impedance": Z, "admittance": 1 / Z}
    direct = {k: search_orders(RationalProblem(s, D, weight), most) for k, D in domains.items()}
    domain = min(direct, key=lambda k: direct[k].bic)
    valid, worse = direct[domain], max(found.bic for found in direct.values())
    result = _result(valid, domain, spectrum)
    if distinct < LEAST_TO_JUDGE:
        reason = (
            f"{distinct} distinct frequencies are too few to judge: {LEAST_TO_JUDGE} are needed."
        )
        return replace(result, passed=None, reason=reason)

    # A rival needs no more relaxations than the causal fit does, but for one to spare.
    limit = min(most, valid.order + 1)
    search = lambda D, *extra: search_orders(RationalProblem(s, D, weight, extra), limit)
    flipped = [search(D.conj()).bic for D in domains.values()]
    gain = {"sign": valid.bic - min(flipped)}
    # A reversed R-C still looks causal as an admittance with a negative capacitance; but turned
    # back it is causal both ways, and as simple.
    if max(flipped) < min(worse - GAIN["sign"], valid.bic + GAIN["sign"]):
        gain["sign"] = worse - max(flipped)
    drifts = [_scaled(np.log(spectrum.freq))]
    if not (np.all(np.diff(spectrum.freq) > 0) or np.all(np.diff(spectrum.freq) < 0)):
        drifts.append(_scaled(np.arange(s.size)))
    D = domains[domain]
    rivals = [search(D, x * D) for x in drifts]
    drift = min(rivals, key=lambda rival: rival.bic)
    gain["drift"] = valid.bic - drift.bic
    # D (1 + c x) is causal with x from -1 to 1, so the gain changes by about 2 c.
    change = 2 * abs(linear_fit(drift.best.basis, drift.problem.y)[3])
    without, points = _leave_out(valid)
    gain["outliers"] = valid.bic - without.bic

    likely = {k: g for k, g in gain.items() if g > GAIN[k]}
    violation = max(likely, key=lambda k: likely[k]) if likely else None
    if violation == "outliers":
        result = replace(_result(without, domain, spectrum), outliers=np.array(points))
    elif violation == "drift":
        result = replace(result, scatter=min(_noise(drift), result.noise))
    elif violation is None and result.noise > SCATTER:
        violation = "scatter"
    elif violation is None and result.noise > 2 * FLOOR and _correlated(valid) < LEVEL:
        violation = "structure"
    result = replace(result, passed=violation is None, violation=violation)
    return replace(result, reason=_words(result, change, spectrum.freq))


def _leave_out(valid: Found, count=3) -> tuple[Found, list[int]]:
    """The best explanation with up to `count` points left out, in at most as many relaxations.

    A point left out is two columns of its own; they cost 2 ln n more for having been chosen.
    """
    whole, n = valid.problem, valid.problem.s.size
    place = np.argsort(np.argsort(abs(whole.s), kind="stable"))
    pairs = np.stack([np.arange(n), np.arange(n) + n], axis=1)
    best, chosen = valid._replace(bic=np.inf), []
    for order in range(valid.order + 1):
        now, points, extra = valid._replace(order=order), [], ()
        for _ in range(count):
            M, r = now.projector(), now.best.residual
            r = M @ r
            block, each = M[pairs[:, :, None], pairs[:, None, :]], r[pairs]
            block[points] = np.eye(2)
            gone = np.linalg.det(block) < 1e-3  # a point that only its own column describes
            block[gone], each[gone] = np.eye(2), 0
            drop = np.einsum("ki,ki->k", each, np.linalg.solve(block, each[..., None])[..., 0])
            # Neighbours that have to go together are structure, not outliers.
            drop[np.any(abs(place[:, None] - place[points]) <= 1, axis=1)] = 0
            worst = int(np.argmax(drop))
            if drop[worst] < 0.2 * (r @ r):
                break
            points.append(worst)
            unit = np.zeros(n, complex)
            unit[worst] = whole.D[worst]
            extra = (*extra, unit, 1j * unit)
            problem = RationalProblem(whole.s, whole.D, whole.weight, extra)
            fit = problem.fit(now.best.poles)
            bic = problem.bic(fit) + 2 * len(points) * np.log(n)
            now = Found(bic, order, problem, {order: fit})
            if bic < best.bic:
                best, chosen = now, list(points)
    return best, chosen


def _correlated(found: Found) -> float:
    """One-sided p-value of the correlation of neighbours in frequency (Durbin-Watson)."""
    M, n, r = found.projector(), found.problem.s.size, found.best.residual
    r = M @ r
    order = np.argsort(abs(found.problem.s), kind="stable")
    B = np.zeros((2 * n, 2 * n))
    for part in (order, order + n):
        B[part[:-1], part[1:]] = B[part[1:], part[:-1]] = 0.5
    MB, free = M @ B, np.trace(M)
    mean = np.trace(MB) / free
    variance = 2 * (free * np.sum(MB * MB.T) - np.trace(MB) ** 2) / (free**2 * (free + 2))
    return float(ndtr((mean - r @ B @ r / (r @ r)) / np.sqrt(variance)))


def _noise(found: Found) -> float:
    """Standard deviation of Re Z and of Im Z as a fraction of |Z|."""
    mean = np.mean(1 / found.problem.weight**2)
    return float(np.sqrt(found.best.rss / np.trace(found.projector()) * mean))


def _result(found: Found, domain, spectrum) -> KramersKronig:
    """The outcome before the verdict."""
    problem, fit, noise = found.problem, found.best, _noise(found)
    # A point left out is described by a column of its own, which is no part of the response.
    own = slice(3, problem.series.shape[1])
    fitted = problem.y - fit.residual
    fitted = fitted - fit.basis[:, own] @ linear_fit(fit.basis, problem.y)[own]
    ratio = parted(fitted) / parted(problem.y)  # fitted over measured
    # What moves D by the share x moves 1/D by -x, to first order.
    moves = problem.tangent(fit, fitted)
    moves = (moves[: len(moves) // 2] + 1j * moves[len(moves) // 2 :]) / parted(problem.y)[:, None]
    if domain == "admittance":
        ratio, moves = 1 / ratio, -moves / ratio[:, None] ** 2
    return KramersKronig(
        passed=None,
        reason="",
        violation=None,
        noise=noise,
        residuals=(1 - ratio) * spectrum.Z / abs(spectrum.Z),
        outliers=np.array([], dtype=int),
        domain=domain,
        elements=found.order,
        freedom=float(np.trace(found.projector())),
        scatter=noise,
        moves=moves * (spectrum.Z / abs(spectrum.Z))[:, None],
    )


def _words(result: KramersKronig, change: float, freq: np.ndarray) -> str:
    noise, size = f"noise {100 * result.noise:.2g} %", f"{100 * result.inconsistency:.2g} % of |Z|"
    at = frequencies_in_words(freq[result.carriers])
    one = np.unique(freq[result.carriers]).size == 1
    points, they, them = ("The point", "does", "it") if one else ("The points", "do", "them")
    if result.violation == "structure" and result.grade == "consistent":
        return (
            f"Consistent as {result.domain} to {size}: neighbouring points are correlated, but "
            "that is too little to matter."
        )
    return {
        None: f"Consistent as {result.domain}, {noise}. A slow drift can pass this test: "
        "repeat the sweep, or sweep both ways, to see it.",
        "sign": "Reads better with Im Z reversed: the file probably holds -Im Z. Use Z.conj().",
        "outliers": f"{points} at {at} {they} not belong to the rest ({noise} without "
        f"{them}). Leave {them} out, or look for range switching and pick-up there.",
        "drift": f"Consistent to {size}, most of it at {at}; reads better with a gain that drifts "
        f"by {100 * change:.2g} % over the sweep: the device changed while it was measured, or "
        "the instrument's gain is off. Sweep faster, let it settle, or sweep both ways.",
        "structure": f"Consistent to {size}, most of it at {at}: neighbouring points are "
        "correlated: the device was not steady or not linear, or there is pick-up. Lower the "
        "amplitude, let it settle, repeat.",
        "scatter": f"Residual of {100 * result.noise:.2g} %: no causal response explains these "
        "data. Check the file's units and columns, and the contacts.",
    }[result.violation]


def frequencies_in_words(freq: np.ndarray) -> str:
    """`10 Hz, 14.9 Hz and 1.2 kHz`; of more than four the ends only."""
    said = [engineering(float(f), "Hz", 3) for f in np.unique(freq)]
    if len(said) > 4:
        return f"{len(said)} frequencies from {said[0]} to {said[-1]}"
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def _scaled(x):
    return 2 * (x - x.min()) / (x.max() - x.min()) - 1
