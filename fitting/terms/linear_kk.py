"""Whether a spectrum is that of a linear, causal, steady device, and how noisy it is.

A causal response is a sum of relaxations with any signs. The classical test fixes their times;
it then needs three a decade and still leaves percents at a resonance. Here each is taken from a
log-spaced grid and then moved by linear least squares: a chemical inductor takes two, and little
room is left for a violation to hide in.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from fitting.terms.spectrum import Spectrum

# Relaxations lie within a decade of the measured band, and a resonance is not narrower than
# 0.4 of the spacing of the points (its damping against the step in ln omega): what is slower,
# faster or sharper is not determined by the data and would only absorb violations.
BEYOND, NARROWEST = 10.0, 0.4
# Least gain in BIC that makes a violation the better explanation. 99 of 100 valid spectra stay
# below 4, 5 and 1; 99 of 100 of the benchmark's violations gain more than 13, 89 and 51.
GAIN = {"outliers": 5.0, "drift": 15.0, "sign": 25.0}
# Chance that white residuals are called structured.
LEVEL = 1e-4
# Relative residuals below FLOOR are not told apart; those above SCATTER are no measurement.
FLOOR, SCATTER = 1e-4, 0.1
LEAST_TO_JUDGE = 10


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
      always there besides.
    """

    passed: bool | None
    reason: str
    violation: str | None
    noise: float
    residuals: np.ndarray
    outliers: np.ndarray
    domain: str
    elements: int


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
      `sigma` [ohm], if given, sets the weights, but not the noise level, which is estimated.
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
    if spectrum.sigma is None:
        weight = np.ones(s.size)
    elif np.any(np.asarray(spectrum.sigma) <= 0):
        raise ValueError(f"{name}: sigma must be positive; leave it out if it is not known")
    else:
        weight = abs(spectrum.Z) / spectrum.sigma
        weight = weight / np.sqrt(np.mean(weight**2))
    most = min(most, distinct // 4 + 1, (distinct - 3) // 2)

    domains = {"impedance": Z, "admittance": 1 / Z}
    direct = {k: _search(_Problem(s, D, weight), most) for k, D in domains.items()}
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
    flipped = [_search(_Problem(s, D.conj(), weight), limit).bic for D in domains.values()]
    gain = {"sign": valid.bic - min(flipped)}
    # A reversed R-C still looks causal as an admittance with a negative capacitance; but turned
    # back it is causal both ways, and as simple.
    if max(flipped) < min(worse - GAIN["sign"], valid.bic + GAIN["sign"]):
        gain["sign"] = worse - max(flipped)
    drifts = [_scaled(np.log(spectrum.freq))]
    if not (np.all(np.diff(spectrum.freq) > 0) or np.all(np.diff(spectrum.freq) < 0)):
        drifts.append(_scaled(np.arange(s.size)))
    D = domains[domain]
    rivals = [_search(_Problem(s, D, weight, (x * D,)), limit) for x in drifts]
    drift = min(rivals, key=lambda rival: rival.bic)
    gain["drift"] = valid.bic - drift.bic
    # D (1 + c x) is causal with x from -1 to 1, so the gain changes by about 2 c.
    change = 2 * abs(_lstsq(drift.best.basis, drift.problem.y)[3])
    without, points = _leave_out(valid)
    gain["outliers"] = valid.bic - without.bic

    likely = {k: g for k, g in gain.items() if g > GAIN[k]}
    violation = max(likely, key=lambda k: likely[k]) if likely else None
    if violation == "outliers":
        result = replace(_result(without, domain, spectrum), outliers=np.array(points))
    elif violation is None and result.noise > SCATTER:
        violation = "scatter"
    elif violation is None and result.noise > 2 * FLOOR and _correlated(valid) < LEVEL:
        violation = "structure"
    result = replace(result, passed=violation is None, violation=violation)
    return replace(result, reason=_words(result, change))


class _Fit(NamedTuple):
    poles: np.ndarray
    basis: np.ndarray  # weighted columns, real parts over imaginary parts, shape (2n, .)
    residual: np.ndarray  # shape (2n,)
    rss: float


class _Found(NamedTuple):
    bic: float
    order: int
    problem: "_Problem"
    fits: dict[int, _Fit]

    @property
    def best(self):
        return self.fits[self.order]

    def projector(self):
        """What is left of random residuals after the fit, linearised: (2n, 2n)."""
        Q = _range(self.problem.tangent(self.best, self.problem.y - self.best.residual))
        return np.eye(len(Q)) - Q @ Q.T


class _Problem:
    """One weighted fit: D = a + b s + c/s + relaxations + `extra` columns."""

    def __init__(self, s, D, weight, extra=()):
        self.s, self.D, self.weight = s, D, weight
        self.w = weight / abs(D)
        self.low, self.high = abs(s).min(), abs(s).max()
        self.damping = NARROWEST * min(1, np.median(np.diff(np.log(np.unique(abs(s))))))
        self.series = np.stack([np.ones_like(s), s / self.high, self.low / s, *extra], axis=1)
        self.y = _stack(D * self.w)

    def bic(self, fit):
        """Bayesian information criterion. A relaxation counts three times, for its size, its
        place and the choice among places: with two, it pays to explain an outlier by several.
        """
        n = self.y.size
        parameters = self.series.shape[1] + 3 * (fit.basis.shape[1] - self.series.shape[1])
        return n * np.log(fit.rss / n + FLOOR**2) + parameters * np.log(n)

    def columns(self, poles):
        """Partial fractions with real coefficients; a complex pole stands for its pair."""
        one = abs(poles) / (self.s[:, None] - poles)
        two = np.where(poles.imag > 0, abs(poles) / (self.s[:, None] - poles.conj()), 0)
        both = np.stack([one + two, 1j * (one - two)], axis=2).reshape(self.s.size, -1)
        return both[:, np.stack([poles.imag >= 0, poles.imag > 0], axis=1).ravel()]

    def solve(self, poles) -> _Fit:
        basis = _stack(np.c_[self.series, self.columns(poles)] * self.w[:, None])
        residual = self.y - basis @ _lstsq(basis, self.y)
        return _Fit(poles, basis, residual, float(residual @ residual))

    def tangent(self, fit, about):
        """The basis, and what moves the poles: D -> D/(1 + sum c_k phi_k), at D w = about."""
        phi = _unstack(fit.basis[:, self.series.shape[1] :])
        return np.c_[fit.basis, -_stack(phi * (_unstack(about) / self.w)[:, None])]

    def moved(self, poles, c):
        """The zeros of 1 + sum c_k phi_k, which are the new poles."""
        A, b, k = np.zeros((c.size, c.size)), np.zeros(c.size), 0
        for p in poles:
            if p.imag:
                A[k : k + 2, k : k + 2] = [[p.real, p.imag], [-p.imag, p.real]]
                b[k] = 2 * abs(p)
                k += 2
            else:
                A[k, k], b[k] = p.real, abs(p)
                k += 1
        z = np.linalg.eigvals(A - np.outer(b, c))
        z = z[z.imag >= 0]
        z = z[np.argsort(abs(z))]
        size = np.clip(abs(z), self.low / BEYOND, self.high * BEYOND)
        # A pole in Re s > 0 is anticausal: it goes to its mirror image, and has to explain the
        # data from there.
        damping = np.clip(abs(z.real) / np.maximum(abs(z), 1e-300), self.damping, 1)
        z = size * np.where(z.imag > 0, -damping + 1j * np.sqrt(1 - damping**2), -1)
        for i in range(1, z.size):  # equal poles would have equal columns
            while np.any(abs(z[:i] - z[i]) < 1e-6 * abs(z[i])):
                z[i] *= 1.01
        return z

    def fit(self, poles, rough=3, fine=12) -> _Fit:
        """Move the poles: linearised about the data, which is far-sighted but biased by noise,
        then about the fit, which is Gauss-Newton and ends at the least-squares optimum."""
        best = now = self.solve(poles)
        count = best.basis.shape[1] - self.series.shape[1]
        if count == 0:
            return best
        for _ in range(rough):
            c = _lstsq(self.tangent(now, self.y), self.y)[-count:]
            now = self.solve(self.moved(now.poles, c))
            best = now if now.rss < best.rss else best
        step = 1.0
        for _ in range(fine):
            c = _lstsq(self.tangent(best, self.y - best.residual), self.y)[-count:]
            now = self.solve(self.moved(best.poles, step * c))
            while now.rss >= best.rss and step > 0.1:
                step /= 2
                now = self.solve(self.moved(best.poles, step * c))
            gain = best.rss - now.rss
            if gain > 0:
                best, step = now, min(1.0, 2 * step)
            if gain < 1e-3 * best.rss:
                break
        return best

    def enlarged(self, fit, damping):
        """The poles of `fit` and the one, or the pair, that explains most of what is left."""
        poles = -np.geomspace(self.low / 2, self.high * 2, 30) * (
            damping - 1j * np.sqrt(1 - damping**2)
        )
        new = _stack(self.columns(poles) * self.w[:, None])
        Q = _range(fit.basis)
        new = (new - Q @ (Q.T @ new)).reshape(len(new), poles.size, -1).transpose(1, 0, 2)
        gain = np.sum((np.linalg.qr(new)[0].transpose(0, 2, 1) @ fit.residual) ** 2, axis=1)
        return np.append(fit.poles, poles[np.argmax(gain)])


def _search(problem: _Problem, most, patience=3) -> _Found:
    """The number of relaxations with the least BIC."""
    fits = {0: problem.solve(np.zeros(0, complex))}
    best = _Found(problem.bic(fits[0]), 0, problem, fits)
    for P in range(1, most + 1):
        starts = [problem.enlarged(fits[P - 1], 1.0)]
        if P > 1:
            starts.append(problem.enlarged(fits[P - 2], 0.2))
        fits[P] = min((problem.fit(start) for start in starts), key=lambda fit: fit.rss)
        bic = problem.bic(fits[P])
        if bic < best.bic:
            best = best._replace(bic=bic, order=P)
        if P >= best.order + patience:
            break
    return best


def _leave_out(valid: _Found, count=3) -> tuple[_Found, list[int]]:
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
            problem = _Problem(whole.s, whole.D, whole.weight, extra)
            fit = problem.fit(now.best.poles)
            bic = problem.bic(fit) + 2 * len(points) * np.log(n)
            now = _Found(bic, order, problem, {order: fit})
            if bic < best.bic:
                best, chosen = now, list(points)
    return best, chosen


def _correlated(found: _Found) -> float:
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


def _result(found: _Found, domain, spectrum) -> KramersKronig:
    """The outcome before the verdict."""
    problem, fit, free = found.problem, found.best, np.trace(found.projector())
    # A point left out is described by a column of its own, which is no part of the response.
    own = slice(3, problem.series.shape[1])
    fitted = problem.y - fit.residual
    fitted = fitted - fit.basis[:, own] @ _lstsq(fit.basis, problem.y)[own]
    ratio = _unstack(fitted) / _unstack(problem.y)  # fitted over measured
    ratio = ratio if domain == "impedance" else 1 / ratio
    return KramersKronig(
        passed=None,
        reason="",
        violation=None,
        noise=float(np.sqrt(fit.rss / free * np.mean(1 / problem.weight**2))),
        residuals=(1 - ratio) * spectrum.Z / abs(spectrum.Z),
        outliers=np.array([], dtype=int),
        domain=domain,
        elements=found.order,
    )


def _words(result, change) -> str:
    noise = f"noise {100 * result.noise:.2g} %"
    points = ", ".join(str(k) for k in result.outliers)
    return {
        None: f"Consistent as {result.domain}, {noise}. A slow drift can pass this test: "
        "repeat the sweep, or sweep both ways, to see it.",
        "sign": "Reads better with Im Z reversed: the file probably holds -Im Z. Use Z.conj().",
        "outliers": f"Points {points} (indices) do not belong to the rest ({noise} without "
        "them). Leave them out, or look for range switching and pick-up there.",
        "drift": f"Reads better with a gain that drifts by {100 * change:.2g} % over the sweep: "
        "the device changed while it was measured, or the instrument's gain is off. Sweep "
        "faster, let it settle, or sweep both ways.",
        "structure": "The residuals of neighbouring points are correlated "
        f"({100 * result.noise:.2g} %): the device was not steady or not linear, or there is "
        "pick-up. Lower the amplitude, let it settle, repeat.",
        "scatter": f"Residual of {100 * result.noise:.2g} %: no causal response explains these "
        "data. Check the file's units and columns, and the contacts.",
    }[result.violation]


def _stack(a):
    return np.concatenate([a.real, a.imag])


def _unstack(a):
    return a[: len(a) // 2] + 1j * a[len(a) // 2 :]


def _scaled(x):
    return 2 * (x - x.min()) / (x.max() - x.min()) - 1


def _lstsq(A, b):
    """Least squares with columns of unit length."""
    size = np.linalg.norm(A, axis=0)
    return np.linalg.lstsq(A / size, b, rcond=1e-12)[0] / size


def _range(A, rcond=1e-9):
    """Orthonormal basis of the columns."""
    U, d, _ = np.linalg.svd(A / np.linalg.norm(A, axis=0), full_matrices=False)
    return U[:, d > rcond * d[0]]
