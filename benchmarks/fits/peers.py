"""How long does a spectrum take on one core, here and by scipy, lmfit and impedance.py?

The benchmark keeps itself to one core and one thread, and times are of the processor, the least of
the repeats, so that a busy machine does not matter. Data and starts are the same. All minimise
sum(|dZ|^2/|Z|^2) from one start within a decade of the truth in every parameter.

- ours: `fit_many`, warm, with stacking, checks and intervals; compiling is reported beside it,
  and so is making the `Spectrum` objects, which peers do not need.
- scipy: the circuit by hand in NumPy, logarithms of the parameters, analytic Jacobian that
  reuses what the residual computed; `least_squares` with several settings, and the bare
  `leastsq` (MINPACK). Intervals are not in their time.
- lmfit: `leastsq` on logarithms, its own finite differences; impedance.py: its own circuits and
  bounds, weighted by the modulus. Both are optional, `pip install --group bench`, and run on the
  first spectra only.

`success`: chi2 within 1e-3 of the best that any of them found. `same_optimum`: of the spectra on
which both succeed, the share whose chi2 agrees with ours to 1e-6. `coverage`: of the 68 % and 95 %
intervals of the successful fits, the mean over parameters and the worst of them.
"""

import abc
import os
import warnings
from typing import NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import numpy as np
from scipy.optimize import least_squares, leastsq

from benchmarks.harness import Clock, installed, interleaved
from benchmarks.problems.peer_circuits import CASES, Data, draw
from benchmarks.table import Row
from fitting import Spectrum, fit_many

COUNTS = {
    "spectra": (1000, "spectra from one start"),
    "tried": (200, "spectra from 8 starts"),
    "few": (50, "spectra for the slow peers"),
    "repeats": (2, "of all"),
}
NOISE = 0.005


class Found(NamedTuple):
    """Sums of squares, and how many standard errors the truth lies off, `(spectra, p)`."""

    chi2: np.ndarray
    off: np.ndarray


class Ours:
    """`fit_many` on the same starts."""

    def __init__(self, case, data, tries):
        self.case = case
        with Clock() as clock:
            self.spectra = [Spectrum(f, Z) for f, Z in zip(data.freq, data.Z, strict=True)]
        self.making = clock.cpu / len(self.spectra)
        self.begin = np.stack(case.search(*np.moveaxis(data.starts[:, :tries], -1, 0)), axis=-1)
        self.truth = np.stack(case.search(*data.truth.T), axis=-1)

    def __call__(self):
        return fit_many(self.spectra, self.case.model, self.case.space, starts=self.begin)

    def found(self, fit):
        return Found(fit.chi2, (fit.z - self.truth) / fit.standard_errors)


class ByHand(abc.ABC):
    """The residual and its Jacobian in NumPy, in logarithms of the elements."""

    def __init__(self, case, data, tries):
        self.case, self.tries, self.medians = case, tries, []
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

    @abc.abstractmethod
    def __call__(self):
        """What the peer ends with, for each spectrum."""

    @abc.abstractmethod
    def found(self, ends):
        """`Found`, of what a call returns."""


class FromEachStart(ByHand):
    """A peer that minimises a function from one start."""

    @abc.abstractmethod
    def one(self, begin, residual, slopes):
        """chi2, the logarithms there, and what else `found` wants."""

    def __call__(self):
        ends, each = [], []
        with np.errstate(all="ignore"):
            for s, Z, weight, _, begin in self.rows:
                with Clock() as clock:
                    functions = self.functions(s, Z, weight)
                    # A start on which the peer stops with an error has found nothing.
                    tried = [self.one(b, *functions) for b in begin]
                ends.append(min(tried, key=lambda end: end[0]))
                each.append(clock.cpu)
        self.medians.append(float(np.median(each)))
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


class Scipy(FromEachStart):
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


class Minpack(FromEachStart):
    """`leastsq` of scipy, MINPACK's lmder with no wrapping."""

    def one(self, begin, residual, slopes):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y, _, info, _, _ = leastsq(
                residual, begin, Dfun=slopes, col_deriv=True, full_output=True, ftol=1e-8,
                xtol=1e-8, maxfev=600,
            )  # fmt: skip
        return float(info["fvec"] @ info["fvec"]), y


class Lmfit(FromEachStart):
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


class Impedance(ByHand):
    """impedance.py's `CustomCircuit.fit`, in the elements themselves."""

    def __call__(self):
        from impedance.models.circuits import CustomCircuit

        outward = lambda y: np.where(self.log, np.exp(y), y)
        # Its alphabet is its own: parameters come in the order of the string.
        ends, each = [], []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for s, Z, weight, _, begin in self.rows:
                circuit = CustomCircuit(self.case.string, initial_guess=list(outward(begin[0])))
                try:
                    with Clock() as clock:
                        circuit.fit(s.imag / (2 * np.pi), Z, weight_by_modulus=True)
                    each.append(clock.cpu)
                except (RuntimeError, ValueError):
                    nothing = np.full(len(begin[0]), np.nan)
                    ends.append((np.inf, nothing, nothing))
                    continue
                x = np.array(circuit.parameters_)
                residual, _ = self.functions(s, Z, weight)
                r = residual(self.inward(x))
                ends.append((float(r @ r), x, np.array(circuit.conf_)))
        self.medians.append(float(np.median(each)) if each else float("nan"))
        return ends

    def found(self, ends):
        # Its intervals are of the elements, and symmetric in them.
        truth = np.array([np.where(self.log, np.exp(row[3]), row[3]) for row in self.rows])
        y, error = (np.array([end[k] for end in ends]) for k in (1, 2))
        return Found(np.array([end[0] for end in ends]), (y - truth) / error)


def compare(case, seed, count, few, tries, repeats):
    """One table: a row a peer."""
    data = draw(case, seed, count, max(tries, 1), NOISE)
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
    with Clock() as compiling:
        ours()
    runs = [("ours", ours)] * 3 + list(peers.items())
    answers, times = interleaved(runs, repeats)
    for name, kind in slow.items():
        if installed(name.replace(".py", "")):
            peers[name] = kind(case, first, tries)
            also, taken = interleaved([(name, peers[name])])
            answers, times = answers | also, times | taken
    results = {name: (peers | {"ours": ours})[name].found(end) for name, end in answers.items()}
    table = {name: "not installed" for name in slow if name not in results}
    truth = fit_many(ours.spectra, case.model, case.space, starts=ours.truth[:, None])
    sums = [truth.chi2, *(pad(r.chi2, count) for r in results.values())]
    least = np.nanmin(np.stack(sums), axis=0)
    mine = results["ours"].chi2
    base = min(times["ours"].cpu) / count
    for name, result in results.items():
        n = len(result.chi2)
        success = result.chi2 <= least[:n] * 1.001
        both = success & (mine[:n] <= least[:n] * 1.001)
        each = min(times[name].cpu) / n
        row = dict(
            ms_a_spectrum=1e3 * each, times_ours=each / base, success=float(success.mean()), of=n,
            same_optimum=float(np.mean(np.abs(result.chi2[both] / mine[:n][both] - 1) <= 1e-6)),
        )  # fmt: skip
        if name in peers:
            # Searches that run away are the long ones: a peer without any would have this ratio.
            row["times_ours_by_median"] = min(peers[name].medians) / base
        for level, width in ((68, 1.0), (95, 1.959964)):
            inside = (np.abs(result.off[success]) <= width).mean(axis=0)
            row[f"coverage_{level}"] = dict(mean=float(inside.mean()), worst=worst(inside, level))
        table[name] = row
    table["ours"]["seconds_of_the_first_call_less_a_warm_one"] = compiling.cpu - base * count
    table["ours"]["ms_of_making_a_spectrum"] = 1e3 * ours.making
    by = lambda key: {n: row[key] for n, row in table.items() if n.startswith("scipy")}
    table["fastest scipy, times ours"] = min(by("times_ours").values())
    table["fastest scipy, times ours, by median"] = min(by("times_ours_by_median").values())
    return table


def pad(values, count):
    return np.concatenate([values, np.full(count - len(values), np.inf)])


def worst(inside, level):
    return float(inside[np.argmax(np.abs(inside - level / 100))])


def run(options):
    def table(case):
        o = options
        return {
            "circuit": case.string,
            "one start": compare(case, o.seed, o.spectra, o.few, tries=1, repeats=o.repeats),
            "best of 8 starts": compare(case, o.seed, o.tried, few=0, tries=8, repeats=1),
        }

    return {name: lambda case=case: table(case) for name, case in CASES.items()}


def _of_all(say):
    return lambda r: ", ".join(f"{name}: {say(r[name]['one start'])}" for name in CASES)


ROW = Row(
    counted=_of_all(lambda t: f"{100 * t['ours']['success']:.1f} % of {t['ours']['of']} optima"),
    error=_of_all(lambda t: f"{100 * t['ours']['coverage_95']['mean']:.1f} % in 95 % intervals"),
    time=_of_all(lambda t: f"{t['ours']['ms_a_spectrum']:.3f} ms"),
    peer=_of_all(
        lambda t: (
            f"fastest scipy {t['fastest scipy, times ours']:.0f}"
            + "".join(
                f", {name} {t[name]['times_ours']:.0f}"
                for name in ("lmfit", "impedance.py")
                if isinstance(t[name], dict)
            )
            + " times as long"
        )
    ),
)
