"""Does the spectrum fit reach the optimum, are its intervals honest, and what does it cost?

Truths and counts are those of the project's first issue. Frequencies: 60, log-spaced, from 1/100 of
the circuit's lowest characteristic frequency to 100 times its highest, of 1/(R_b C), 1/(R_a C),
R_a/L, (R_a + R_b)/L, 1/sqrt(L C). Measured spectra are read where they lie.
"""

from functools import partial

import numpy as np
from scipy.optimize import least_squares

from benchmarks.harness import Clock, interleaved, measured_data, timed
from benchmarks.problems.circuits_by_hand import SPACE, TRUTHS, device, in_search, noisy
from benchmarks.table import Row
from fitting import (
    Descent,
    LeastSquares,
    MultiStart,
    Spectrum,
    element_model,
    fit,
    fit_series,
)
from fitting.estimate.single import begin_fit

COUNTS = {
    "starts": (1000, "single starts"),
    "draws": (200, "spectra that many starts fit, and for the times"),
    "descents": (10, "spectra for L-BFGS"),
    "intervals": (500, "spectra for the coverage"),
    "repeats": (3, "of the times"),
}
NAMED = dict(
    zip(
        (
            "10 nF, 100 kohm, 20 kohm, 2 kH",
            "10 mF, 1 ohm, 0.5 ohm, 0.5 H",
            "10 nF, 100 kohm, 1 Mohm, 100 kH",
        ),
        TRUTHS,
        strict=True,
    )
)
# Relative rms residual, per cent, as independent scipy fits gave them.
MODELS = {"rc": ("rc", ()), "2d": ("2d", ()), "2d+cpe": ("2d", ("cpe",)),
          "2d+cpe+polarisation": ("2d", ("cpe", "polarisation"))}  # fmt: skip
TABLE = {
    ("l300", 0): (7.6, 5.3, 3.1, 2.6),
    ("l300", 24): (7.3, 6.8, 2.4, 1.9),
    ("d300", 0): (5.0, 4.0, 2.4, 2.1),
}


def single_starts(seed, count):
    """Share of single searches, drawn within two decades, that reach the optimum."""
    found = {}
    for name, truth in NAMED.items():
        rng = np.random.default_rng([seed, 1])
        spectrum = noisy(truth, rng)
        begin = np.asarray(truth) * 10 ** rng.uniform(-2, 2, size=(count, 4))
        problem, best, x_scale = begin_fit(spectrum, device(*truth), SPACE, MultiStart(0), seed)
        least = float(problem.search(LeastSquares(), best, x_scale).chi2[0])
        starts = in_search(begin)
        ends, _, warm = timed(problem.search, LeastSquares(), starts, x_scale)
        reached = int(np.sum(ends.chi2 <= least * 1.001))
        lower = int(np.sum(ends.chi2 < least * 0.999))
        found[name] = dict(
            reached=reached, of=count, lower_than_from_truth=lower,
            microseconds_a_start=1e6 * warm.median / count, mean_steps=float(ends.steps.mean()),
        )  # fmt: skip
    return found


def multi_start(seed, draws):
    """Whether the default search, from the data alone, reaches the optimum found from the truth."""
    found = {}
    for name, truth in NAMED.items():
        rng = np.random.default_rng([seed, 2])
        reached, seconds = 0, []
        for k in range(draws):
            spectrum = noisy(truth, rng)
            least = fit(spectrum, device(*truth), SPACE, starts=MultiStart(0)).chi2
            model, space, box = element_model("2d", spectrum=spectrum, lead=False, series=False)
            with Clock() as clock:
                result = fit(spectrum, model, space, starts=MultiStart(box=box), seed=seed + k)
            seconds.append(clock.wall)
            reached += result.chi2 <= least * (1 + 1e-4)
        found[name] = dict(reached=reached, of=draws, median_seconds=float(np.median(seconds)))
    return found


def descent(seed, draws):
    """chi2 of optax's L-BFGS over chi2 of Levenberg-Marquardt, the worst of some draws."""
    found = {}
    for name, truth in NAMED.items():
        rng = np.random.default_rng([seed, 3])
        ratios = []
        for k in range(draws):
            spectrum = noisy(truth, rng)
            model, space, box = element_model("2d", spectrum=spectrum, lead=False, series=False)
            both = [
                fit(spectrum, model, space, solver=e, starts=MultiStart(box=box), seed=seed + k)
                for e in (LeastSquares(), Descent())
            ]
            ratios.append(both[1].chi2 / both[0].chi2)
        found[name] = dict(worst_ratio=float(max(ratios)), of=draws)
    return found


def coverage(seed, draws):
    """Share of 68 % intervals that hold the truth, for each parameter and derived element."""
    found = {}
    for name, truth in NAMED.items():
        rng = np.random.default_rng([seed, 4])
        C, R_b, R_a, L = truth
        want = dict(C=C, R_b=R_b, g=1 / R_a, tau=L / R_a)
        inside = dict.fromkeys([*want, "R_a", "L_d"], 0)
        for _ in range(draws):
            result = fit(noisy(truth, rng), device(*truth), SPACE, starts=MultiStart(0))
            for k, key in enumerate(result.names):
                inside[key] += bool(result.low[k] <= want[key] <= result.high[k])
            for key, value in (("R_a", R_a), ("L_d", L)):
                d = result.derived[key]
                inside[key] += bool(d.low <= value <= d.high)
        found[name] = {key: count / draws for key, count in inside.items()}
    return found


def of_cells(folder):
    """The table of residuals, and both series with the 2D circuit and a constant-phase element."""
    data = {cell: np.load(folder / f"pero_{cell}.npz") for cell in ("l300", "d300")}

    def spectrum(cell, k):
        d = data[cell]
        return Spectrum(d["freqs"], d["Re"][:, k] + 1j * d["Im"][:, k], label=f"{cell}[{k}]")

    table = []
    for (cell, k), wanted in TABLE.items():
        for (name, (kind, add)), want in zip(MODELS.items(), wanted, strict=True):
            row = {"spectrum": f"{cell}[{k}]", "model": name, "table_percent": want}
            for key, s in (
                ("percent", spectrum(cell, k).within(high=6e6)),
                ("percent_all_points", spectrum(cell, k)),
            ):
                model, space, box = element_model(kind, add, spectrum=s)
                result = fit(s, model, space, starts=MultiStart(box=box), throw=False)
                row[key] = round(100 * result.relative_rms_residual, 4)
                if key == "percent":
                    row["not_identifiable"] = [
                        n for n, fine in zip(result.names, result.identifiable, strict=True)
                        if not fine
                    ]  # fmt: skip
                    row["bic"] = round(result.bic, 2)
            row["met"] = row["percent"] <= want + 0.05
            table.append(row)
    series = {}
    for cell in data:
        spectra = [spectrum(cell, k).within(high=6e6) for k in range(48)]
        with Clock() as clock:
            result = fit_series(spectra, partial(element_model, "2d", ("cpe",)))
        series[cell] = dict(
            seconds=clock.wall,
            R_a_kohm=" ".join(f"{f['R_a'] / 1e3:.1f}" for f in result.fits),
            outliers=np.flatnonzero(result.outlier).tolist(),
            not_converged=[k for k, f in enumerate(result.fits) if not f.ok],
        )
    return dict(table=table, series=series)


def speed(seed, count, repeats, starts=16):
    """Time of our searches and of scipy's, same spectra, starts and residuals; both warm.

    scipy: MINPACK's Levenberg-Marquardt and the trust region method on logarithms, with the
    analytic Jacobian and with finite differences, on the circuit written by hand. Starts within
    a decade of the truth; the best of one, and of `starts`.
    """
    truth = TRUTHS[0]
    rng = np.random.default_rng([seed, 5])
    spectra = [noisy(truth, rng) for _ in range(count)]
    begins = np.asarray(truth) * 10 ** rng.uniform(-1, 1, size=(count, starts, 4))
    jobs = [begin_fit(s, device(*truth), SPACE, MultiStart(0), 0) for s in spectra]
    least = [float(p.search(LeastSquares(), b, x_scale).chi2[0]) for p, b, x_scale in jobs]

    def ours(n):
        return [
            float(p.search(LeastSquares(), in_search(b[:n]), x_scale).chi2.min())
            for (p, _, x_scale), b in zip(jobs, begins, strict=True)
        ]

    def residual(y, s, Z):
        C, R_b, R_a, L = np.exp(y)
        r = (1 / (s * C + 1 / R_b + 1 / (R_a + s * L)) - Z) / np.abs(Z)
        return np.concatenate([r.real, r.imag])

    def jacobian(y, s, Z):
        C, R_b, R_a, L = np.exp(y)
        branch = R_a + s * L
        model = 1 / (s * C + 1 / R_b + 1 / branch)
        d = -(model**2) * np.array([s * C, -1 / R_b + 0 * s, -R_a / branch**2, -s * L / branch**2])
        d = d / np.abs(Z)
        return np.concatenate([d.real, d.imag], axis=1).T

    def scipys(method, jac, n):
        def one(s, begin):
            return 2 * least_squares(
                residual, np.log(begin), jac, method=method, args=(2j * np.pi * s.freq, s.Z),
                ftol=1e-9, xtol=1e-9, gtol=1e-9,
            ).cost  # fmt: skip

        with np.errstate(all="ignore"):
            return [
                min(one(s, b) for b in rows[:n]) for s, rows in zip(spectra, begins, strict=True)
            ]

    runs = {
        "ours": ours,
        "scipy lm, analytic": partial(scipys, "lm", jacobian),
        "scipy lm, 2-point": partial(scipys, "lm", "2-point"),
        "scipy trf, analytic": partial(scipys, "trf", jacobian),
    }
    found = {}
    for n in (1, starts):
        ours(n)
        answers, taken = interleaved([(k, partial(run, n)) for k, run in runs.items()], repeats)
        table = {
            name: dict(
                milliseconds_a_spectrum=1e3 * taken[name].median / count,
                reached=float(np.mean(np.array(chi2) <= np.array(least) * 1.001)),
            )
            for name, chi2 in answers.items()
        }
        base = table["ours"]["milliseconds_a_spectrum"]
        for row in table.values():
            row["times_ours"] = row["milliseconds_a_spectrum"] / base
        found[f"{n} start{'s' * (n > 1)}"] = table
    return found


def run(options):
    o = options
    parts = {
        "single_starts": partial(single_starts, o.seed, o.starts),
        "multi_start": partial(multi_start, o.seed, o.draws),
        "descent": partial(descent, o.seed, o.descents),
        "coverage": partial(coverage, o.seed, o.intervals),
        "speed": partial(speed, o.seed, o.draws, o.repeats),
    }
    if folder := measured_data(options, "perovskite_eis"):
        parts["measured"] = partial(of_cells, folder)
    return parts


def _sum(rows, key):
    return sum(row[key] for row in rows.values())


ROW = Row(
    counted=lambda r: "; ".join(
        f"{_sum(r[part], 'reached')} of {_sum(r[part], 'of')} {words} reach the optimum"
        for part, words in (("single_starts", "single starts"), ("multi_start", "searches"))
    ),
    error=lambda r: "68 % intervals hold {:.0f} %".format(
        100 * np.mean([share for row in r["coverage"].values() for share in row.values()])
    ),
    time=lambda r: (
        f"{1e3 * max(row['median_seconds'] for row in r['multi_start'].values()):.0f} ms a spectrum"
    ),
    peer=lambda r: "; ".join(
        f"{starts}: scipy lm "
        f"{r['speed'][starts]['scipy lm, analytic']['times_ours']:.1f} times as long"
        for starts in ("1 start", "16 starts")
    ),
)
