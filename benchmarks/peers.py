"""A thousand spectra on one core: ours, scipy, lmfit and impedance.py, same data, same starts.

    python benchmarks/peers.py --seed 0

writes `benchmarks/results/peers.json`. The script keeps itself to one core and one thread. All
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
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import ClassVar, NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false " + os.environ.get("XLA_FLAGS", "")
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares, leastsq

from fitting import Free, Space, Spectrum, fit_many
from jaxmem import AbstractBranch, ConstantPhase, Device, Leak, SlowConductance, quantity


class AdaptingConduction(AbstractBranch):
    """A user's branch: a slow conductance that its own current drives back, after a while.

        tau di/dt = g u - i - j,    tau_2 dj/dt = a i - j
    """

    states: ClassVar = ("i", "j")
    units: ClassVar = ("A", "A")
    g: jax.Array = quantity("S", "slow conductance")
    tau: jax.Array = quantity("s", "its lag")
    tau_2: jax.Array = quantity("s", "lag of the adaptation")
    a: jax.Array = quantity("1", "strength of the adaptation")

    def current(self, u, x):
        return x[0]

    def rates(self, u, x):
        i, j = x
        return jnp.stack([(self.g * u - i - j) / self.tau, (self.a * i - j) / self.tau_2])

    def rest(self, u):
        i = self.g * u / (1 + self.a)
        return jnp.stack([i, self.a * i])


class Case(NamedTuple):
    """A circuit, in the peers' elements and in ours; `slopes` is dY/d(element, in its logarithm)."""

    elements: dict[str, tuple[float, float]]
    linear: str | None
    admittance: Callable
    slopes: Callable
    corners: Callable
    model: Device
    space: Space
    search: Callable
    string: str


at = lambda branch, field: lambda d: getattr(d.branches[branch], field)
LEAK = Free(at("leak", "R_b"))
SLOW = (Free(at("slow", "g"), log=True), Free(at("slow", "tau")))


def arm(s, R_a, L):
    Z = R_a + s * L
    return 1 / Z, -R_a / Z**2, -s * L / Z**2


def two(s, x):
    C, R_b, R_a, L = x
    return s * C + 1 / R_b + 1 / (R_a + s * L)


def two_slopes(s, x):
    C, R_b, R_a, L = x
    _, a, b = arm(s, R_a, L)
    return np.array([s * C, np.full_like(s, -1 / R_b), a, b])


def phase(s, x):
    Q, n, R_b, R_a, L = x
    return Q * s**n + 1 / R_b + 1 / (R_a + s * L)


def phase_slopes(s, x):
    Q, n, R_b, R_a, L = x
    _, a, b = arm(s, R_a, L)
    Y = Q * s**n
    return np.array([Y, Y * np.log(s), np.full_like(s, -1 / R_b), a, b])


def adapting(s, x):
    C, R_b, R_a, L, R_3, C_3 = x
    return s * C + 1 / R_b + 1 / (R_a + s * L + 1 / (1 / R_3 + s * C_3))


def adapting_slopes(s, x):
    C, R_b, R_a, L, R_3, C_3 = x
    inner = 1 / (1 / R_3 + s * C_3)
    Y2 = 1 / (R_a + s * L + inner) ** 2
    inside = Y2 * inner**2
    leak = np.full_like(s, -1 / R_b)
    return np.array([s * C, leak, -R_a * Y2, -s * L * Y2, -inside / R_3, inside * s * C_3])


def poles(x):
    C, R_b, R_a, L = x
    return 1 / (R_b * C), 1 / (R_a * C), R_a / L, (R_a + R_b) / L, 1 / np.sqrt(L * C)


TWO = dict(C=(1e-8, 0.7), R_b=(1e5, 0.7), R_a=(2e4, 0.7), L=(2e3, 0.7))
CASES = {
    "2D": Case(
        TWO, None, two, two_slopes, poles,
        Device(1e-8, {"leak": Leak(1e5), "slow": SlowConductance(5e-5, 0.1)}),
        Space(Free(lambda d: d.C_m), LEAK, *SLOW),
        lambda C, R_b, R_a, L: [np.log(C), np.log(R_b), -np.log(R_a), np.log(L / R_a)],
        "p(C1,R1,R2-L1)",
    ),
    "2D + CPE": Case(
        dict(Q=(3e-8, 0.7), n=(0.9, 0.1), R_b=(1e5, 0.7), R_a=(2e4, 0.7), L=(2e3, 0.7)), "n",
        phase, phase_slopes, lambda x: poles((1e-8, *x[2:])),
        Device(0.0, {"cpe": ConstantPhase(3e-8, 0.9), "leak": Leak(1e5),
                     "slow": SlowConductance(5e-5, 0.1)}),
        Space(Free(at("cpe", "Q")), Free(at("cpe", "n"), log=False), LEAK, *SLOW),
        lambda Q, n, R_b, R_a, L: [np.log(Q), n, np.log(R_b), -np.log(R_a), np.log(L / R_a)],
        "p(CPE1,R1,R2-L1)",
    ),
    "a user's branch": Case(
        TWO | dict(R_3=(3e4, 0.5), C_3=(1e-4, 0.7)), None, adapting, adapting_slopes,
        lambda x: (*poles(x[:4]), 1 / (x[4] * x[5]), (1 + x[4] / x[2]) / (x[4] * x[5])),
        Device(1e-8, {"leak": Leak(1e5), "slow": AdaptingConduction(5e-5, 0.1, 3.0, 1.5)}),
        Space(Free(lambda d: d.C_m), LEAK, *SLOW, Free(at("slow", "tau_2")),
              Free(at("slow", "a"))),
        lambda C, R_b, R_a, L, R_3, C_3: [np.log(C), np.log(R_b), -np.log(R_a), np.log(L / R_a),
                                          np.log(R_3 * C_3), np.log(R_3 / R_a)],
        "p(C1,R1,R2-L1-p(R3,C3))",
    ),
}  # fmt: skip


class Data(NamedTuple):
    """What all get: `(spectra, 60)` arrays, truths `(spectra, p)`, starts `(spectra, k, p)`."""

    freq: np.ndarray
    Z: np.ndarray
    truth: np.ndarray
    starts: np.ndarray


def draw(case, seed, count, starts, noise):
    rng = np.random.default_rng([seed, *map(ord, case.string)])
    middle, reach = np.array(list(case.elements.values())).T
    linear = np.array([name == case.linear for name in case.elements])
    move = rng.uniform(-reach, reach, (count, reach.size))
    truth = np.where(linear, middle + move, middle * 10**move)
    away = rng.uniform(-1, 1, (count, starts, reach.size))
    begin = np.where(linear, np.clip(truth[:, None] + 0.1 * away, 0.6, 1.0),
                     truth[:, None] * 10**away)  # fmt: skip
    ends = [(min(c) / 100, max(c) * 100) for c in map(case.corners, truth)]
    freq = np.array([np.geomspace(*e, 60) / (2 * np.pi) for e in ends])
    Z = 1 / np.array([case.admittance(2j * np.pi * f, x) for f, x in zip(freq, truth, strict=True)])
    shape = Z.shape
    Z = Z * (1 + noise * (rng.normal(size=shape) + 1j * rng.normal(size=shape)))
    return Data(freq, Z, truth, begin)


class Found(NamedTuple):
    """Sums of squares, and how many standard errors the truth lies off, `(spectra, p)`."""

    chi2: np.ndarray
    off: np.ndarray


class Ours:
    """`fit_many` on the same starts."""

    def __init__(self, case, data, tries):
        self.case = case
        start = time.perf_counter()
        self.spectra = [Spectrum(f, Z) for f, Z in zip(data.freq, data.Z, strict=True)]
        self.making = (time.perf_counter() - start) / len(self.spectra)
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
        ends = []
        with np.errstate(all="ignore"):
            for s, Z, weight, _, begin in self.rows:
                functions = self.functions(s, Z, weight)
                # A start on which the peer stops with an error has found nothing.
                tried = [self.one(b, *functions) for b in begin]
                ends.append(min(tried, key=lambda end: end[0]))
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
        ends = []
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for s, Z, weight, _, begin in self.rows:
                circuit = CustomCircuit(self.case.string, initial_guess=list(outward(begin[0])))
                try:
                    circuit.fit(s.imag / (2 * np.pi), Z, weight_by_modulus=True)
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
    tight = dict(ftol=1e-9, xtol=1e-9, gtol=1e-9)
    peers = {
        "scipy leastsq": Minpack(case, data, tries),
        "scipy lm": Scipy(case, data, tries, "lm"),
        "scipy lm, x_scale jac": Scipy(case, data, tries, "lm", x_scale="jac"),
        "scipy lm, 1e-9": Scipy(case, data, tries, "lm", **tight),
        "scipy trf": Scipy(case, data, tries, "trf"),
        "scipy trf, x_scale jac": Scipy(case, data, tries, "trf", x_scale="jac"),
    }
    slow = {"lmfit": Lmfit, "impedance.py": Impedance} if tries == 1 else {}
    ours = Ours(case, data, tries)
    start = time.perf_counter()
    ours()
    compiling = time.perf_counter() - start
    seconds: dict[str, list[float]] = {}
    results: dict[str, Found] = {}

    def run(name, peer):
        start = time.perf_counter()
        end = peer()
        seconds.setdefault(name, []).append(time.perf_counter() - start)
        results[name] = peer.found(end)

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
        for level, width in ((68, 1.0), (95, 1.959964)):
            inside = (np.abs(result.off[success]) <= width).mean(axis=0)
            row[f"coverage_{level}"] = dict(mean=float(inside.mean()), worst=worst(inside, level))
        table[name] = row
    table["ours"]["seconds_of_the_first_call_less_a_warm_one"] = compiling - base * count
    table["ours"]["ms_of_making_a_spectrum"] = 1e3 * ours.making
    fair = [row["times_ours"] for name, row in table.items() if name.startswith("scipy")
            and row["success"] >= table["ours"]["success"] - 0.05]  # fmt: skip
    table["least_times_of_scipy"] = min(fair, default=None)
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
        "spectra": 1000 // share,
        "noise": 0.005,
    }
    for name, case in CASES.items():
        of = partial(compare, case, options.seed, 1000 // share, noise=0.005)
        result[name] = {
            "circuit": case.string,
            "one start": of(few=200 // share, tries=1, repeats=1 if options.quick else 3),
            "best of 8 starts": of(few=0, tries=8, repeats=1),
        }
        print(name, json.dumps(result[name], indent=1), flush=True)
    if not options.quick:
        out = here.parent / "results/peers.json"
        out.write_text(json.dumps(result, indent=1) + "\n")
        print(f"wrote {out.relative_to(here.parents[1])}")


if __name__ == "__main__":
    main()
