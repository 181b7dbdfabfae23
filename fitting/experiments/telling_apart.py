"""Experiments that tell rival models apart: where the rival, fitted as well as it can be, is
furthest off (T-optimality, Atkinson and Fedorov, Biometrika 62, 57, 1975)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fitting.experiments.expected_signals import Expected, Outlook, held, parents_of
from fitting.experiments.memristor_rivals import RivalModel
from fitting.experiments.offered.experiment import Experiment
from fitting.experiments.plan import duration
from fitting.models.setup import device_model
from fitting.solvers.host_loop import HostLeastSquares
from fitting.solvers.residual_parts import HostResidual

# The rival is fitted from so many starts within this many e-folds; then it is fitted again to the
# experiments chosen, and these chosen again, at most so often.
STARTS, REACH, ROUNDS = 6, 1.0, 3
# A rise of chi2 that tells models apart, and one that does not.
APART, ALIKE = 25.0, 9.0
# A single experiment of the chosen ones that reaches this is enough.
ENOUGH = 4 * APART
# Its parameters are held within a factor of ten by a weak prior.
WEAK = 1 / np.log(10.0) ** 2


class Separation(NamedTuple):
    """Experiments that tell a rival from what is taken for true.

    - `rival`; `measures`: (experiment, how often, time in all [s]).
    - `chi2`: by how much the rival's chi2 is expected to be above the noise where it is fitted to
      them; 0 if it cannot be told apart at all.
    """

    rival: RivalModel
    measures: tuple[tuple[Experiment, int, float], ...]
    chi2: float
    budget: float

    def sentences(self) -> list[str]:
        """What to do, and what it tells."""
        r = self.rival
        if not self.measures:
            return [f"{r.true_name} against {r.name}: nothing here tells them apart."]
        what = "; ".join(
            f"{e.words}{f', {n} times' if n > 1 else ''}, {duration(t)}"
            for e, n, t in self.measures
        )
        off = f"chi2 {self.chi2:.3g} above the noise"
        if self.chi2 >= APART:
            told = f"that tells them apart: {r.name}, fitted to it as well as it can, is off by"
        elif self.chi2 >= ALIKE:
            told = f"that is a hint, and no more: {r.name}, fitted to it, is off by"
        else:
            told = f"that does not tell them apart in this time: {r.name}, fitted to it, is off by"
        return [f"{r.true_name} against {r.name}: measure {what}; {told} {off}."]


def tell_apart(
    rivals: Sequence[RivalModel], experiments: Sequence[Experiment], budget: float, seed: int = 0
) -> list[Separation]:
    """For each rival the experiments within a time [s] whose lack of fit of it is largest.

    The lack of fit of counts n is min over the rival's parameters of sum_c n_c |r_c|^2, with r_c
    the differences over the noise; linearised about where it is fitted it is concave in n.

    **Raises:** `ValueError` for a budget that is not positive, and without experiments.
    """
    if not (np.isfinite(budget) and budget > 0) or not experiments:
        raise ValueError("to tell rivals apart give a time in s, and experiments to choose from")
    return [_one(rival, experiments, budget, seed) for rival in rivals]


def _one(rival, experiments, budget, seed) -> Separation:
    parents, of = parents_of(experiments)
    whole = device_model(rival.truth).space
    true_z = whole.pack(rival.truth)[None]
    shown = Outlook(parents, rival.truth, whole).at(true_z)
    there = held(parents, rival.truth, whole, true_z)[0]
    fine = [good and np.isfinite(s.signal).all() for good, s in zip(there, shown, strict=True)]
    usable = [c for c, e in enumerate(experiments) if fine[of[c]] and e.time <= budget]
    if not usable:
        return Separation(rival, (), 0.0, budget)
    truth = [s.signal[0] for s in shown]
    weights = [_weight(experiments[c], truth[of[c]]) for c in range(len(experiments))]
    outlook = Outlook(parents, rival.model, rival.space)
    time = np.array([e.time for e in experiments])
    counts = np.zeros(len(experiments), int)
    counts[usable] = 1
    rng = np.random.default_rng(seed)
    z0 = rival.space.pack(rival.model)
    starts = [z0, *(z0 + REACH * rng.uniform(-1, 1, (STARTS - 1, len(z0))))]
    best, most = None, -1.0
    for turn in range(ROUNDS + 1):
        z, chi2 = _refitted(outlook, truth, weights, of, counts, starts, z0)
        if turn and chi2 > most:
            best, most = counts, chi2
        elif turn:
            break
        if turn == ROUNDS:
            break
        at = outlook.at(z[None])
        counts = _furthest(at, truth, weights, of, usable, time, budget)
        starts[0] = z
    assert best is not None
    # Where far more is told than is needed, once the one that tells enough in the shortest time.
    for c in sorted(np.flatnonzero(best), key=lambda c: time[c]):
        if most < ENOUGH:
            break
        alone = np.zeros_like(best)
        alone[c] = 1
        _, chi2 = _refitted(outlook, truth, weights, of, alone, starts, z0)
        if chi2 >= ENOUGH:
            best, most = alone, chi2
            break
    order = np.argsort(-best * time, kind="stable")
    measures = tuple((experiments[c], int(best[c]), float(best[c] * time[c])) for c in order
                     if best[c])  # fmt: skip
    return Separation(rival, measures, max(most, 0.0), budget)


def _weight(e: Experiment, signal: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.where(e.rows & e.measurement.fitted, 1 / e.sigma(signal), 0.0)


def _refitted(outlook, truth, weights, of, counts, starts, z0):
    """Where the rival fits the experiments best, and its chi2 there."""
    total = [np.zeros_like(s) for s in truth]
    for c in np.flatnonzero(counts):
        total[of[c]] += counts[c] * weights[c] ** 2
    rows = [np.sqrt(w) for w in total]

    def evaluate(z):
        found: list[Expected] = outlook.at(z[None])
        used = [k for k, w in enumerate(rows) if w.any()]
        r = [(found[k].signal[0] - truth[k]) * rows[k] for k in used]
        J = [found[k].slope[0] * rows[k][:, None] for k in used]
        weak = np.sqrt(WEAK) * np.eye(len(z))
        return np.append(np.concatenate(r), weak @ (z - z0)), np.vstack([*J, weak])

    c = outlook.problem.coordinates
    residual = HostResidual(evaluate, np.asarray(c.low), np.asarray(c.high), len(z0))
    scale = outlook.problem.natural_lengths(z0)
    ends = [HostLeastSquares().search(residual, start, scale) for start in starts]
    end = min((e for e in ends if np.isfinite(e.chi2)), key=lambda e: e.chi2, default=ends[0])
    return end.z, float(end.chi2) if np.isfinite(end.chi2) else 0.0


def _furthest(at, truth, weights, of, usable, time, budget) -> np.ndarray:
    """Counts within the budget with the largest linearised lack of fit: one after the other what
    adds most of it per second, then exchanges."""
    p = at[0].slope.shape[2]
    A, b, q = np.zeros((len(of), p, p)), np.zeros((len(of), p)), np.zeros(len(of))
    for c in usable:
        r = (at[of[c]].signal[0] - truth[of[c]]) * weights[c]
        J = at[of[c]].slope[0] * weights[c][:, None]
        if np.isfinite(r).all() and np.isfinite(J).all():
            A[c], b[c], q[c] = J.T @ J, J.T @ r, r @ r
    weak = WEAK * np.eye(p)

    def lack(n):
        """Of counts `(..., c)`."""
        H, g = np.einsum("...c,cij->...ij", n, A) + weak, n @ b
        return n @ q - np.sum(g * np.linalg.solve(H, g[..., None])[..., 0], axis=-1)

    def filled(counts):
        while True:
            fits = np.array([c for c in usable if time[c] <= budget * (1 + 1e-9) - counts @ time])
            if not len(fits):
                return counts
            more = np.repeat(counts[None], len(fits), axis=0)
            more[np.arange(len(fits)), fits] += 1
            gain = (lack(more) - lack(counts)) / time[fits]
            # The first alone may fit: what is closest to doing without is taken then.
            counts = more[int(np.argmax(gain))]

    counts = filled(np.zeros(len(of), int))
    value, better = lack(counts), True
    while better:
        better = False
        for c in np.flatnonzero(counts):
            fewer = counts.copy()
            fewer[c] = 0
            tried = filled(fewer)
            if lack(tried) > value * (1 + 1e-6):
                counts, value, better = tried, lack(tried), True
                break
    return counts
