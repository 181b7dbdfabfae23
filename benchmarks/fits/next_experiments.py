"""Do chosen experiments tell more than evenly spaced ones of equal time, and as much as is said?

10 devices drawn at random, each number known to 20 %, V_T to 5 %. Evenly spaced: 6 impedance
spectra over the whole band, at biases spread evenly over the range of those offered, ends included;
the time that they take is the budget. The choice is among spectra alone, in the same range of
biases and frequencies, with the same points a decade, the same noise (1 % of |Z|), the same time
for a point, for settling and between two measurements. Compared is the geometric mean of the
standard deviations of all parameters, at the true device.

`chosen`: what is believed is right on average, as after a fit. `believed_wrong`: the experiments
are chosen for a device that lies off the true one by a draw from the prior. Of the evenly spaced
ones there is also the best number of biases between 2 and 12, repeated to fill the time.

`refits`: the data of the chosen experiments are simulated with noise and fitted, 200 times for each
device, with the prior as one more measurement, whose error is drawn too. What the fits scatter by
is compared with the prediction. Repeated spectra are given as their mean.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.problems.next_devices import PRIOR, SPACED, draw_case, evenly_spaced
from benchmarks.table import Row
from fitting import LeastSquares, Spectrum, next_experiment
from fitting.experiments.expected_signals import Outlook, information_of
from fitting.experiments.knowledge import from_prior
from fitting.problem.problem import Problem

COUNTS = {"devices": (10, "drawn at random"), "refits": (200, "of each device")}
NUMBERS = range(2, 13)
# Of each refit.
STARTS = 6


class Believed(eqx.Module):
    """The prior as a measurement of the search vector, with an error that was drawn."""

    mean: Any
    sd: Any
    log: tuple[bool, ...] = eqx.field(static=True)
    positions: tuple[int, ...] = eqx.field(static=True)

    def residual(self, model):
        leaves = jax.tree.leaves(model)
        z = [jnp.log(leaves[k]) if log else leaves[k]
             for k, log in zip(self.positions, self.log, strict=True)]  # fmt: skip
        return (jnp.stack(z) - self.mean) / self.sd


def geometric_mean(x) -> float:
    return float(np.exp(np.mean(np.log(x))))


def deviations(case, experiments, counts):
    """Standard deviations at the true device, of ln p, of V_T in V."""
    known = case.known
    each = information_of(experiments, known.model, known.space, case.z[None])[0]
    M = np.einsum("c,cij->ij", np.asarray(counts, dtype=float), each)
    return np.sqrt(np.diag(np.linalg.inv(known.precision + M)))


def drawn(seed, k):
    return draw_case(np.random.default_rng([seed, k]))


def plan_for(case, known, seed):
    return next_experiment(known, case.budget, experiments=case.offered, seed=seed)


def compared(seed, count, right):
    rows = []
    for k in range(count):
        case = drawn(seed, k)
        plan = plan_for(case, from_prior(case.truth, PRIOR) if right else case.known, k)
        measures = [m.experiment for m in plan.measures]
        ours = geometric_mean(deviations(case, measures, [m.count for m in plan.measures]))
        even = geometric_mean(deviations(case, case.spaced, np.ones(SPACED)))
        best = even
        for n in NUMBERS:
            some = evenly_spaced(case.offered, n)
            repeats = np.full(len(some), case.budget / sum(e.time for e in some))
            best = min(best, geometric_mean(deviations(case, some, repeats)))
        rows.append({
            "smaller_by": even / ours, "than_best_number": best / ours, "time_s": case.budget,
            "time_used_s": plan.time, "measures": len(plan.measures),
            "wider_than_best_mixture": plan.wider,
        })  # fmt: skip
        print(k, rows[-1], flush=True)
    ratios, best = (np.array([r[key] for r in rows]) for key in ("smaller_by", "than_best_number"))
    return {
        "of": count, "smaller_by": {"median": float(np.median(ratios)), "least": ratios.min()},
        "than_best_number_of_biases": {"median": float(np.median(best)), "least": best.min()},
        "devices": rows,
    }  # fmt: skip


def refitted(case, plan, n, rng):
    """Search vectors of n fits to simulated data of a plan, `(n, p)`."""
    known, c, z = case.known, case.known.coordinates, case.z
    sd = np.sqrt(np.diag(known.covariance))
    experiments = [m.experiment for m in plan.measures]
    shown = Outlook([e.measurement for e in experiments], case.truth, known.space).at(z[None])
    positions = tuple(where[0] for where in c.positions)
    # Of a few starts from the prior one is near enough, which a wrong minimum is not.
    starts = known.draws(STARTS - 1, 0)
    found = []
    for _ in range(n):
        terms: list[Any] = [Believed(jnp.asarray(z + sd * rng.normal(size=len(z))),
                                     jnp.asarray(sd), c.log, positions)]  # fmt: skip
        for m, e, at in zip(plan.measures, experiments, shown, strict=True):
            sigma = e.sigma(at.signal[0]) / np.sqrt(m.count)
            y = at.signal[0] + sigma * rng.normal(size=sigma.size)
            freq = e.measurement.freq
            used = e.rows[: len(freq)]
            Z = (y[: len(freq)] + 1j * y[len(freq) :])[used]
            terms.append(Spectrum(freq[used], Z, V=e.V, sigma=sigma[: len(freq)][used]))
        problem = Problem.of(terms, known.model, known.space)
        scale = problem.natural_lengths(z)
        ends = problem.search(LeastSquares(), starts, scale)
        found.append(ends.z[int(np.argmin(ends.chi2))])
    return np.array(found)


def refits(seed, count, n):
    rows = []
    for k in range(count):
        case = drawn(seed, k)
        plan = plan_for(case, from_prior(case.truth, PRIOR), k)
        measures = [m.experiment for m in plan.measures]
        predicted = deviations(case, measures, [m.count for m in plan.measures])
        ends = refitted(case, plan, n, np.random.default_rng([seed, k, 1]))
        # About the truth, so that a bias counts, too.
        seen = np.sqrt(np.mean((ends - case.z) ** 2, axis=0))
        ratio = seen / predicted
        rows.append({
            "geometric_mean": geometric_mean(ratio),
            "each": dict(zip(plan.names, ratio.tolist(), strict=True)),
        })  # fmt: skip
        print(k, rows[-1], flush=True)
    means = np.array([r["geometric_mean"] for r in rows])
    each = np.array([list(r["each"].values()) for r in rows])
    return {
        "of": count, "refits": n,
        "within_10_percent": int((np.abs(means - 1) <= 0.1).sum()),
        "each_within_20_percent": int((np.abs(each - 1) <= 0.2).all(axis=1).sum()),
        "worst_geometric_mean": means[np.argmax(np.abs(np.log(means)))],
        "worst_parameter": each.ravel()[np.argmax(np.abs(np.log(each)))],
        "devices": rows,
    }  # fmt: skip


def run(options):
    return {
        "chosen": lambda: compared(options.seed, options.devices, True),
        "believed_wrong": lambda: compared(options.seed, options.devices, False),
        "refits": lambda: refits(options.seed, options.devices, options.refits),
    }


def good(result) -> bool:
    if not {"chosen", "refits"} <= set(result):
        return True
    chosen, again = result["chosen"], result["refits"]
    return (
        chosen["smaller_by"]["median"] >= 1.5
        and chosen["smaller_by"]["least"] >= 1.1
        and again["within_10_percent"] == again["each_within_20_percent"] == again["of"]
    )


ROW = Row(
    counted=lambda r: (
        f"smaller by a factor of {r['chosen']['smaller_by']['median']:.2f} in the median, "
        f"{r['chosen']['smaller_by']['least']:.2f} at least; {r['refits']['within_10_percent']} of "
        f"{r['refits']['of']} devices scatter as predicted"
    ),
    error=lambda r: (
        f"of refits: {100 * abs(r['refits']['worst_geometric_mean'] - 1):.0f} % in the geometric "
        f"mean, {100 * abs(r['refits']['worst_parameter'] - 1):.0f} % of a parameter"
    ),
)
