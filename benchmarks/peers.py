"""A thousand spectra on one core: ours, scipy, lmfit and impedance.py, same data, same starts.

    python benchmarks/peers.py --seed 0

writes `benchmarks/results/peers.json`. The script keeps itself to one core and one thread, and
times are of the processor, so that a busy machine does not matter. All
minimise sum(|dZ|^2/|Z|^2) from one start within a decade of the truth in every parameter.

- ours: `fit_many`, warm, with stacking, checks and intervals; compiling is reported beside it,
  and so is making the `Spectrum` objects, which peers do not need.
- scipy: the circuit by hand in NumPy, logarithms of the parameters, analytic Jacobian that
  reuses what the residual computed; `least_squares` with several settings, and the bare
  `leastsq` (MINPACK). Intervals are not in their time.
- lmfit: `leastsq` on logarithms, its own finite differences; impedance.py: its own circuits and
  bounds, weighted by the modulus. Both are optional, `pip install --group bench`, and run on the
  first spectra only.

`success`: chi2 within 1e-3 of the best that any of them found. `same_optimum`: of the spectra on
which both succeed, the share whose chi2 agrees with ours to 1e-6. `coverage`: of the 68 % and
95 % intervals of the successful fits, the mean over parameters and the worst of them.
"""

import argparse
import json
import os
import platform
import sys
import time
import warnings
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
from scipy.optimize import least_squares, leastsq

from fitting import Spectrum, fit_many

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from peer_circuits import CASES, Data, draw


class Found(NamedTuple):
    """Sums of squares, and how many standard errors the truth lies off, `(spectra, p)`."""

    chi2: np.ndarray
    off: np.ndarray


class Ours:
    """`fit_many` on the same starts."""

    def __init__(self, case, data, tries):
        self.case = case
        start = time.process_time()
        self.spectra = [Spectrum(f, Z) for f, Z in zip(data.freq, data.Z, strict=True)]
        self.making = (time.process_time() - start) / len(self.spectra)
        self.begin = np.stack(case.search(*np.moveaxis(data.starts[:, :tries], -1, 0)), axis=-1)
        self.truth = np.stack(case.search(*data.truth.T), axis=-1)

    def __call__(self):
        return fit_many(self.spectra, self.case.model, self.case.space, starts=self.begin)

    def found(self, fit):
        return Found(fit.chi2, (fit.z - self.truth) / fit.standard_errors)


class ByHand:
    """The residual and its Jacobian in NumPy, in logarithms of the elements."""

    def __init__(self, case, data, tries):
        self.case, self.tries = case, tries
        self.log = np.array([name != case.linear for name in case.elements])
        self.rows = []
        for freq, Z, truth, starts in zip(*data, strict=True):
            begin = [self.inward(x) for x in starts[:tries]]
            self.rows.append((2j * np.pi * freq, Z, 1 / np.abs(Z), self.inward(truth), begin))

    def inward(self, x):
        return np.where(self.log, np.log(np.where(self.log, x, 1.0)), x)

    def functions(self, s, Z, weight):
        kept = [None, None]

        def model(y):
            if kept[0] is None or not np.array_equal(kept[0], y):
                x = np.where(self.log, np.exp(y), y)
                kept[:] = np.array(y), (x, 1 / self.case.admittance(s, x))
            return kept[1]

        def residual(y):
            return ((model(y)[1] - Z) * weight).view(float)

        def slopes(y):
            x, there = model(y)
            return (self.case.slopes(s, x) * (-(there**2) * weight)).view(float)

        return residual, slopes

    def one(self, begin, residual, slopes):
        raise NotImplementedError

    def __call__(self):
        ends, self.each = [], []
        with np.errstate(all="ignore"):
            for s, Z, weight, _, begin in self.rows:
                start = time.process_time()
                functions = self.functions(s, Z, weight)
                # A start on which the peer stops with an error has found nothing.
                tried = [self.one(b, *functions) for b in begin]
                ends.append(min(tried, key=lambda end: end[0]))
                self.each.append(time.process_time() - start)
        return ends

    def found(self, ends):
        off = []
        for (s, Z, weight, truth, _), (chi2, y) in zip(self.rows, ends, strict=True):
            with np.errstate(all="ignore"):
                J = self.functions(s, Z, weight)[1](y)
                # Where a search ran off there is no interval, and no success that would count it.
                A = np.nan_to_num(J @ J.T, posinf=0.0, neginf=0.0)
                variance = chi2 / (2 * len(Z) - len(y)) * np.diag(np.linalg.pinv(A))
                off.append((y - truth) / np.sqrt(variance))
        return Found(np.array([chi2 for chi2, _ in ends]), np.array(off))


class Scipy(ByHand):
    """`least_squares` of scipy."""

    def __init__(self, case, data, tries, method, **settings):
        super().__init__(case, data, tries)
        self.settings = dict(method=method, **settings)

    def one(self, begin, residual, slopes):
        try:
            end = least_squares(residual, begin, lambda y: slopes(y).T, **self.settings)
        except ValueError:
            return np.inf, begin
        return 2 * end.cost, end.x


class Minpack(ByHand):
    """`leastsq` of scipy, MINPACK's lmder with no wrapping."""

    def one(self, begin, residual, slopes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y, _, info, _, _ = leastsq(
                residual, begin, Dfun=slopes, col_deriv=True, full_output=True, ftol=1e-8,
                xtol=1e-8, maxfev=600,
            )  # fmt: skip
        return float(info["fvec"] @ info["fvec"]), y


class Lmfit(ByHand):
    """lmfit's `leastsq` on the same logarithms, with its standard errors."""

    def one(self, begin, residual, slopes):
        import lmfit

        names = list(self.case.elements)
        parameters = lmfit.Parameters()
        for name, value in zip(names, begin, strict=True):
            parameters.add(name, value)
        of = lambda p: residual(np.array([p[name].value for name in names]))
        try:
            end = lmfit.minimize(of, parameters, method="leastsq")
        except (ValueError, FloatingPointError):
            return np.inf, begin, np.full(len(begin), np.nan)
        errors = [np.nan if p.stderr is None else p.stderr for p in end.params.values()]
        return end.chisqr, np.array(list(end.params.valuesdict().values())), np.array(errors)

    def found(self, ends):
        truth = np.array([row[3] for row in self.rows])
        y, error = (np.array([end[k] for end in ends]) for k in (1, 2))
        return Found(np.array([end[0] for end in ends]), (y - truth) / error)


class Impedance(Lmfit):
    """impedance.py's `CustomCircuit.fit`, in the elements themselves."""

    def one(self, begin, residual, slopes):
        raise NotImplementedError

    def __call__(self):
        from impedance.models.circuits import CustomCircuit

        outward = lambda y: np.where(self.log, np.exp(y), y)
        # Its alphabet is its own: parameters come in the order of the string.
        ends, self.each = [], []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for s, Z, weight, _, begin in self.rows:
                start = time.process_time()
                circuit = CustomCircuit(self.case.string, initial_guess=list(outward(begin[0])))
                try:
                    circuit.fit(s.imag / (2 * np.pi), Z, weight_by_modulus=True)
                    self.each.append(time.process_time() - start)
                except (RuntimeError, ValueError):
                    nothing = np.full(len(begin[0]), np.nan)
                    ends.append((np.inf, nothing, nothing))
                    continue
                x = np.array(circuit.parameters_)
                residual, _ = self.functions(s, Z, weight)
                r = residual(self.inward(x))
                ends.append((float(r @ r), x, np.array(circuit.conf_)))
        return ends

    def found(self, ends):
        # Its intervals are of the elements, and symmetric in them.
        truth = np.array([np.where(self.log, np.exp(row[3]), row[3]) for row in self.rows])
        y, error = (np.array([end[k] for end in ends]) for k in (1, 2))
        return Found(np.array([end[0] for end in ends]), (y - truth) / error)


def compare(case, seed, count, few, tries, repeats, noise):
    """One table: a row a peer."""
    data = draw(case, seed, count, max(tries, 1), noise)
    first = Data(*(part[:few] for part in data))
    peers = {
        "scipy leastsq": Minpack(case, data, tries),
        "scipy lm": Scipy(case, data, tries, "lm"),
        "scipy lm, x_scale jac": Scipy(case, data, tries, "lm", x_scale="jac"),
        "scipy trf": Scipy(case, data, tries, "trf"),
        "scipy trf, x_scale jac": Scipy(case, data, tries, "trf", x_scale="jac"),
    }
    slow = {"lmfit": Lmfit, "impedance.py": Impedance} if tries == 1 else {}
    ours = Ours(case, data, tries)
    start = time.process_time()
    ours()
    compiling = time.process_time() - start
    seconds: dict[str, list[float]] = {}
    medians: dict[str, list[float]] = {}
    results: dict[str, Found] = {}

    def run(name, peer):
        start = time.process_time()
        end = peer()
        seconds.setdefault(name, []).append(time.process_time() - start)
        results[name] = peer.found(end)
        if name != "ours":
            medians.setdefault(name, []).append(float(np.median(peer.each)))

    # In turns, so that a busy machine is busy for all of them.
    for _ in range(repeats):
        for name, peer in {"ours": ours, **peers}.items():
            for _ in range(3 if name == "ours" else 1):
                run(name, peer)
    table = {}
    for name, kind in slow.items():
        try:
            version(name.replace(".py", ""))
        except PackageNotFoundError:
            table[name] = "not installed"
            continue
        run(name, kind(case, first, tries))
    truth = fit_many(ours.spectra, case.model, case.space, starts=ours.truth[:, None])
    sums = [truth.chi2, *(pad(r.chi2, count) for r in results.values())]
    least = np.nanmin(np.stack(sums), axis=0)
    mine = results["ours"].chi2
    base = min(seconds["ours"]) / count
    for name, result in results.items():
        n = len(result.chi2)
        success = result.chi2 <= least[:n] * 1.001
        both = success & (mine[:n] <= least[:n] * 1.001)
        each = min(seconds[name]) / n
        row = dict(
            ms_a_spectrum=1e3 * each, times_ours=each / base, success=float(success.mean()), of=n,
            same_optimum=float(np.mean(np.abs(result.chi2[both] / mine[:n][both] - 1) <= 1e-6)),
        )  # fmt: skip
        if name in medians:
            # Searches that run away are the long ones: a peer without any would have this ratio.
            row["times_ours_by_median"] = min(medians[name]) / base
        for level, width in ((68, 1.0), (95, 1.959964)):
            inside = (np.abs(result.off[success]) <= width).mean(axis=0)
            row[f"coverage_{level}"] = dict(mean=float(inside.mean()), worst=worst(inside, level))
        table[name] = row
    table["ours"]["seconds_of_the_first_call_less_a_warm_one"] = compiling - base * count
    table["ours"]["ms_of_making_a_spectrum"] = 1e3 * ours.making
    by = lambda key: {n: row[key] for n, row in table.items() if n.startswith("scipy")}
    table["fastest scipy, times ours"] = min(by("times_ours").values())
    table["fastest scipy, times ours, by median"] = min(by("times_ours_by_median").values())
    return table


def pad(values, count):
    return np.concatenate([values, np.full(count - len(values), np.inf)])


def worst(inside, level):
    return float(inside[np.argmax(np.abs(inside - level / 100))])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, not written")
    options = parser.parse_args()
    here = Path(__file__).resolve()
    share = 10 if options.quick else 1
    packages = ("jax", "equinox", "numpy", "scipy", "lmfit", "impedance")
    versions = {}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    result = {
        "command": f"benchmarks/peers.py --seed {options.seed}",
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}",
        "device": f"{jax.devices()[0]}, one core",
        "versions": versions,
        "noise": 0.005,
        "times": "processor time, one core, the least of the repeats",
    }
    for name, case in CASES.items():
        of = partial(compare, case, options.seed, noise=0.005)
        result[name] = {
            "circuit": case.string,
            "one start": of(
                1000 // share, few=50 // share, tries=1, repeats=1 if options.quick else 2
            ),
            "best of 8 starts": of(200 // share, few=0, tries=8, repeats=1),
        }
        print(name, json.dumps(result[name], indent=1), flush=True)
    if not options.quick:
        out = here.parent / "results/peers.json"
        out.write_text(json.dumps(result, indent=1) + "\n")
        print(f"wrote {out.relative_to(here.parents[1])}")


if __name__ == "__main__":
    main()
