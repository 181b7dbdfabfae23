"""Causal responses as sums of relaxations, fitted to a spectrum by moving the relaxations.

The classical test of Kramers and Kronig fixes their times; it then needs three a decade and still
leaves percents at a resonance. Here each is taken from a log-spaced grid and then moved by linear
least squares: a chemical inductor takes two, and little room is left for a violation to hide in.
"""

from typing import NamedTuple

import numpy as np

# Relaxations lie within a decade of the measured band, and a resonance is not narrower than
# 0.4 of the spacing of the points (its damping against the step in ln omega): what is slower,
# faster or sharper is not determined by the data and would only absorb violations.
BEYOND, NARROWEST = 10.0, 0.4
# A resonance lies this factor inside the measured band: at its edge the half that is seen would
# bend to whatever the last points say.
INSIDE = 2.0
# Relative residuals below this are not told apart.
FLOOR = 1e-4


class RationalFit(NamedTuple):
    poles: np.ndarray
    basis: np.ndarray  # weighted columns, real parts over imaginary parts, shape (2n, .)
    residual: np.ndarray  # shape (2n,)
    rss: float


class Found(NamedTuple):
    bic: float
    order: int
    problem: "RationalProblem"
    fits: dict[int, RationalFit]

    @property
    def best(self):
        return self.fits[self.order]

    def projector(self):
        """What is left of random residuals after the fit, linearised: (2n, 2n)."""
        Q = span(self.problem.tangent(self.best, self.problem.y - self.best.residual))
        return np.eye(len(Q)) - Q @ Q.T


class RationalProblem:
    """One weighted fit: D = a + b s + c/s + relaxations + `extra` columns."""

    def __init__(self, s, D, weight, extra=()):
        self.s, self.D, self.weight = s, D, weight
        self.w = weight / abs(D)
        self.low, self.high = abs(s).min(), abs(s).max()
        self.seen = _middle(self.low * INSIDE, self.high / INSIDE)
        self.damping = NARROWEST * min(1, np.median(np.diff(np.log(np.unique(abs(s))))))
        self.series = np.stack([np.ones_like(s), s / self.high, self.low / s, *extra], axis=1)
        self.y = joined(D * self.w)

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

    def solve(self, poles) -> RationalFit:
        basis = joined(np.c_[self.series, self.columns(poles)] * self.w[:, None])
        residual = self.y - basis @ linear_fit(basis, self.y)
        return RationalFit(poles, basis, residual, float(residual @ residual))

    def tangent(self, fit, about):
        """The basis, and what moves the poles: D -> D/(1 + sum c_k phi_k), at D w = about."""
        phi = parted(fit.basis[:, self.series.shape[1] :])
        return np.c_[fit.basis, -joined(phi * (parted(about) / self.w)[:, None])]

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
        size = np.where(z.imag > 0, np.clip(size, *self.seen), size)
        # A pole in Re s > 0 is anticausal: it goes to its mirror image, and has to explain the
        # data from there.
        damping = np.clip(abs(z.real) / np.maximum(abs(z), 1e-300), self.damping, 1)
        z = size * np.where(z.imag > 0, -damping + 1j * np.sqrt(1 - damping**2), -1)
        for i in range(1, z.size):  # equal poles would have equal columns
            while np.any(abs(z[:i] - z[i]) < 1e-6 * abs(z[i])):
                z[i] *= 1.01
        return z

    def fit(self, poles, rough=3, fine=12) -> RationalFit:
        """Move the poles: linearised about the data, which is far-sighted but biased by noise,
        then about the fit, which is Gauss-Newton and ends at the least-squares optimum."""
        best = now = self.solve(poles)
        count = best.basis.shape[1] - self.series.shape[1]
        if count == 0:
            return best
        for _ in range(rough):
            c = linear_fit(self.tangent(now, self.y), self.y)[-count:]
            now = self.solve(self.moved(now.poles, c))
            best = now if now.rss < best.rss else best
        step = 1.0
        for _ in range(fine):
            c = linear_fit(self.tangent(best, self.y - best.residual), self.y)[-count:]
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
        low, high = (self.low / 2, self.high * 2) if damping == 1 else self.seen
        poles = -np.geomspace(low, high, 30) * (damping - 1j * np.sqrt(1 - damping**2))
        new = joined(self.columns(poles) * self.w[:, None])
        Q = span(fit.basis)
        new = (new - Q @ (Q.T @ new)).reshape(len(new), poles.size, -1).transpose(1, 0, 2)
        gain = np.sum((np.linalg.qr(new)[0].transpose(0, 2, 1) @ fit.residual) ** 2, axis=1)
        return np.append(fit.poles, poles[np.argmax(gain)])


def search_orders(problem: RationalProblem, most, patience=3) -> Found:
    """The number of relaxations with the least BIC."""
    fits = {0: problem.solve(np.zeros(0, complex))}
    best = Found(problem.bic(fits[0]), 0, problem, fits)
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


def _middle(low, high):
    """The ends, or their middle twice where they have crossed."""
    return (low, high) if low < high else (np.sqrt(low * high),) * 2


def joined(a):
    return np.concatenate([a.real, a.imag])


def parted(a):
    return a[: len(a) // 2] + 1j * a[len(a) // 2 :]


def linear_fit(A, b):
    """Least squares with columns of unit length."""
    size = np.linalg.norm(A, axis=0)
    return np.linalg.lstsq(A / size, b, rcond=1e-12)[0] / size


def span(A, rcond=1e-9):
    """Orthonormal basis of the columns."""
    U, d, _ = np.linalg.svd(A / np.linalg.norm(A, axis=0), full_matrices=False)
    return U[:, d > rcond * d[0]]
