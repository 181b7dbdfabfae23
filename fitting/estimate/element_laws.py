"""The paper's laws of the elements over the bias, (7), (8), (15), fitted to those of a series."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import chdtrc

from fitting.diagnosis.covariance import WIDEST
from fitting.estimate.abscissa import abscissa_of
from fitting.estimate.gate_law import GateFit, Known, fit_gate
from fitting.estimate.result import Fit
from fitting.terms.spectrum import Spectrum
from jaxmem.output.numbers import engineering

# Chance below which values do not follow a law within their intervals, and how far off (e-folds,
# rms) such values may lie that its parameters still are called determined.
LEVEL, FAR = 0.01, 0.2
# Elements that are the same at every bias in the paper's device.
CONSTANT = ("C_m", "Q", "R_b")
# Lags may be exchanged where this much chi2 does not tell them apart.
APART = 9.0
SAME = "the same at all biases"
# Points of a smooth line.
LINE = 200
Column = Float[np.ndarray, "n"]


class LawCurve(NamedTuple):
    """An element at each bias beside the law that it should follow.

    - `name`, `unit`: of the element; `words`: the law. `u`: voltages over the memristor [V];
      `value`, `low`, `high`: measured, with 68 % intervals; `law`: of the fitted law, there,
      and `line_u`, `line` of it for a smooth line.
    - `off`: rms of the differences in e-folds; `holds`: whether they lie within the intervals,
      None where the law has as many parameters as there are values.
    """

    name: str
    unit: str
    words: str
    u: Column
    value: Column
    low: Column
    high: Column
    law: Column
    line_u: Float[np.ndarray, "l"]
    line: Float[np.ndarray, "l"]
    off: float
    holds: bool | None

    def statement(self) -> str:
        """In words."""
        spread = float(self.value.max() / self.value.min())
        changed = f"; it changes by a factor of {spread:.2g}" if spread > 1.5 else ""
        ends = ", ".join(engineering(float(v), self.unit, 3) for v in self.value[[0, -1]])
        where = f"{self.name}(u), {ends} at the least and the largest bias"
        if self.holds is None:
            return f"{where}: {self.words} has as many parameters as there are values."
        if self.holds and self.words == SAME:
            return f"{where}, is {SAME} within its intervals."
        if self.holds:
            return f"{where}, follows {self.words} within its intervals."
        if self.words == SAME:
            off = 100 * math.expm1(self.off)
            return f"{where}, is not {SAME}: its values lie {off:.2g} % (rms) apart{changed}."
        return f"{where}, departs from {self.words} by {100 * math.expm1(self.off):.2g} %{changed}."


class LawParameter(NamedTuple):
    """A parameter of the device as the laws tell it: value, 68 % interval, verdict and why not."""

    name: str
    unit: str
    value: float
    low: float
    high: float
    determined: bool
    reason: str = ""


class BiasLaws(NamedTuple):
    """What a series over the bias says of the paper's parameters.

    - `curves`: the elements and their laws; `parameters`: what follows from these.
    - `used`, `of`: from how many of the spectra: those that the model describes, at which it
      determines R_a, and no outliers.
    """

    curves: tuple[LawCurve, ...]
    parameters: tuple[LawParameter, ...]
    used: int
    of: int

    def statements(self) -> list[str]:
        """In words."""
        said = [f"{self.used} of {self.of} spectra tell R_a, and are used."]
        said += [curve.statement() for curve in self.curves]
        number = lambda p, x: engineering(x, p.unit, 4)
        fine = [
            f"{p.name} = {number(p, p.value)} ({number(p, p.low)} to {number(p, p.high)})"
            for p in self.parameters if p.determined
        ]  # fmt: skip
        said += [f"From the laws follow {', '.join(fine)}."] if fine else []
        reasons: dict[str, list[str]] = {}
        for p in self.parameters:
            if not p.determined:
                reasons.setdefault(p.reason, []).append(p.name)
        said += [
            f"They do not determine {', '.join(names)}: {why}." for why, names in reasons.items()
        ]
        return said


def bias_laws(
    spectra: Sequence[Spectrum], fits: Sequence[Fit], outlier: Sequence[bool]
) -> BiasLaws | None:
    """The laws of the paper's device over the bias, fitted to the elements of each spectrum.

        1/R_a = (i_c0/V_m) f (1 - f),  f = 1/(1 + exp(-(u - V_T)/V_m))      (7, 4)
        L_d = tau_d R_a,  L_k = f tau_k R_a                                 (8, 15)

    with R_b, C_m, tau_d and tau_k the same at every bias. Of a bias that was applied, or of a
    current, u follows from V = R_s I + u and I = u/R_b + i_c0 f. None where the biases are not
    known, where the model has no R_a, or where less than two biases tell it.

    **Arguments:**

    - `spectra`, `fits`, `outlier`: of a series, in one order. What the model does not describe, and
      what stands out, is left out.
    """
    along = abscissa_of(spectra)
    if along.name != "bias" or "g" not in fits[0].names:
        return None
    tables = [{row["name"]: row for row in f.rows()} for f in fits]
    fine = [
        k for k in along.order
        if tables[k]["g"]["identifiable"] and fits[k].describes != "no" and not outlier[k]
    ]  # fmt: skip
    if len(np.unique(along.values[fine])) < 2:
        return None
    kind = str(spectra[0].bias[0])
    rows = [tables[k] for k in fine]
    middle = lambda name: float(np.median([r[name]["value"] for r in rows])) if (
        name in rows[0]
    ) else 0.0  # fmt: skip
    log_g, error = _logs(rows, "g")
    known = Known(kind, along.values[fine], middle("R_b"), middle("R_s"))
    gate = fit_gate(known, log_g, error)
    curves = [_curve("R_a", "ohm", "law (7)", gate.u, -log_g, error, lambda u: -gate.log_g(u), 3)]
    parameters = _gate_parameters(gate, curves[0])
    names = [n for n in CONSTANT if n in rows[0]] + ["tau_d"] * ("tau_2" not in rows[0])
    for name in names:
        found = _constant(rows, name, gate.u)
        if found is not None:
            curves.append(found[0])
            parameters.append(found[1])
    if "tau_2" in rows[0]:
        lags = _lags([_but_exchanged(tables[k], fits[k]) for k in fine], gate)
        curves += lags[0]
        parameters += lags[1]
    return BiasLaws(tuple(curves), tuple(parameters), len(fine), len(fits))


def _logs(rows, name: str) -> tuple[Column, Column]:
    """Logarithms of an element and their standard errors, NaN where it is not identifiable."""
    fine = np.array([r[name]["identifiable"] and r[name]["low"] is not None for r in rows])
    part = lambda key: np.array(
        [r[name][key] if ok else np.nan for r, ok in zip(rows, fine, strict=True)], dtype=float
    )
    with np.errstate(invalid="ignore"):
        error = np.log(part("high") / part("low")) / 2
        return np.log(part("value")), np.maximum(error, 1e-6)


def _curve(name, unit, words, u, x, error, law, free: int) -> LawCurve:
    """An element beside a law, a function of u; both as logarithms."""
    edge = 0.03 * float(np.ptp(u))
    line_u = np.linspace(u.min() - edge, u.max() + edge, LINE)
    line, law = law(line_u), law(u)
    chi2, dof = float(np.sum(((x - law) / error) ** 2)), len(x) - free
    holds = bool(chdtrc(dof, chi2) > LEVEL) if dof > 0 else None
    return LawCurve(
        name, unit, words, u, np.exp(x), np.exp(x - error), np.exp(x + error), np.exp(law),
        line_u, np.exp(line),
        float(np.sqrt(np.mean((x - law) ** 2))), holds,
    )  # fmt: skip


def _gate_parameters(gate: GateFit, curve: LawCurve) -> list[LawParameter]:
    reason = gate.open
    if not reason and curve.holds is False and curve.off > FAR:
        reason = f"R_a(u) departs from (7) by {100 * math.expm1(curve.off):.2g} %"
    found = []
    ln_m, ln_i = math.log(gate.V_m), math.log(gate.i_c0)
    steep = gate.steep_known and not (reason and not gate.open)
    for name, unit, x, error, log, known in (
        ("V_T", "V", gate.V_T, gate.errors[0], False, not reason),
        ("V_m", "V", ln_m, gate.errors[1], True, not reason or steep),
        ("i_c0", "A", ln_i, gate.errors[2], True, not reason),
    ):
        ends = (math.exp(x - error), math.exp(x + error)) if log and error < 50 else (
            (0.0, math.inf) if log else (x - error, x + error)
        )  # fmt: skip
        wide = error > WIDEST * (1.0 if log else gate.V_m)
        why = reason if not known else "its interval is wider than a factor of two" if wide else ""
        found.append(
            LawParameter(name, unit, math.exp(x) if log else x, *ends, known and not wide, why)
        )
    return found


def _constant(rows, name: str, u: Column) -> tuple[LawCurve, LawParameter] | None:
    """An element that should be one number, and that number."""
    x, error = _logs(rows, name)
    fine = np.isfinite(x) & np.isfinite(error)
    if not fine.any():
        return None
    x, error, unit = x[fine], error[fine], rows[0][name]["unit"]
    weight = 1 / error**2
    mean = float(np.sum(weight * x) / weight.sum())
    words = "law (8), L_d = tau_d R_a with one tau_d," if name == "tau_d" else SAME
    curve = _curve(name, unit, words, u[fine], x, error, lambda u: np.full(len(u), mean), 1)
    chi2 = float(np.sum(((x - mean) / error) ** 2))
    sd = math.sqrt(max(1.0, chi2 / max(len(x) - 1, 1)) / weight.sum())
    far = curve.holds is False and curve.off > FAR
    why = f"it changes with the bias, by {100 * math.expm1(curve.off):.2g} %" if far else ""
    # Where it changes, the middle one serves as a start.
    middle = float(np.median(x)) if far else mean
    ends = (math.exp(middle - sd), math.exp(middle + sd))
    return curve, LawParameter(name, unit, math.exp(middle), *ends, not far, why)


def _but_exchanged(table, fit: Fit):
    """The rows of a spectrum, lags with their intervals if only their exchange leaves them open."""
    pair = ("tau_d", "tau_2")
    estimates = {p.name: p for p in fit.parameters if p.name in pair and len(p.reasons) == 1}
    if len(estimates) < 2 or not any(
        set(pair) == {*names} for names in fit.identifiability.exchanges
    ):
        return table
    found = {}
    for name, p in estimates.items():
        size = p.standard_error
        if not size <= WIDEST:
            return table
        ends = {"low": p.value * math.exp(-size), "high": p.value * math.exp(size)}
        found[name] = table[name] | ends | {"identifiable": True}
    return table | found


def _lags(rows, gate: GateFit) -> tuple[list[LawCurve], list[LawParameter]]:
    """Of two lags of each bias, which may be exchanged, tau_d and f tau_k (15)."""
    (a, ea), (b, eb) = _logs(rows, "tau_d"), _logs(rows, "tau_2")
    fine = np.isfinite(a + b + ea + eb)
    if not fine.any():
        return [], []
    x, e = np.stack([a, b])[:, fine], np.stack([ea, eb])[:, fine]
    # ln of what multiplies tau_d and tau_k.
    laws = (lambda u: np.zeros(len(u)), gate.log_f)
    by = np.stack([law(gate.u[fine]) for law in laws])
    trials = sorted((_told_apart(x, e, by, start(x, axis=0)) for start in (np.argmax, np.argmin)),
                    key=lambda trial: trial.chi2)  # fmt: skip
    best, second = trials
    lag, error, mean, weight = best.lag, best.error, best.mean, 1 / best.error**2
    scale = max(1.0, best.chi2 / max(lag.size - 2, 1))
    same = np.allclose(second.mean, mean, rtol=0, atol=1e-6)
    alike = not same and second.chi2 - best.chi2 < APART * scale
    names = (("tau_d", "law (8), one tau_d,"), ("tau_k", "law (15), f tau_k,"))
    curves, parameters, u = [], [], gate.u[fine]
    for k, (name, words) in enumerate(names):
        label = name if k == 0 else "f tau_k"
        whole = lambda v, size=mean[k], law=laws[k]: size + law(v)
        curve = _curve(label, "s", words, u, lag[k], error[k], whole, 1)
        sd = math.sqrt(scale / weight[k].sum())
        far = curve.holds is False and curve.off > FAR
        why = "which lag is tau_d and which f tau_k the biases do not tell" if alike else ""
        if not why and k == 1 and gate.open:
            why = gate.open
        if not why and far:
            why = f"{label} departs from its law by {100 * math.expm1(curve.off):.2g} %"
        ends = (math.exp(mean[k] - sd), math.exp(mean[k] + sd))
        curves.append(curve)
        parameters.append(LawParameter(name, "s", math.exp(mean[k]), *ends, not why, why))
    return curves, parameters


class _Pairs(NamedTuple):
    """Lags in two rows, tau_d and f tau_k, and ln tau_d, ln tau_k that fit them best."""

    chi2: float
    lag: Float[np.ndarray, "2 n"]
    error: Float[np.ndarray, "2 n"]
    mean: Float[np.ndarray, "2"]


def _told_apart(x, e, by, which) -> _Pairs:
    """Which lag is which at each bias, from a first guess on until nothing changes."""
    take = np.take_along_axis
    lag = error = mean = None
    for _ in range(20):
        pick = np.stack([which, 1 - which])
        lag, error = take(x, pick, 0), take(e, pick, 0)
        weight = 1 / error**2
        mean = np.sum(weight * (lag - by), axis=1) / weight.sum(axis=1)
        own = np.sum(((lag - by - mean[:, None]) / error) ** 2, axis=0)
        turned = np.sum(((lag[::-1] - by - mean[:, None]) / error[::-1]) ** 2, axis=0)
        if (own <= turned).all():
            break
        which = np.where(own <= turned, which, 1 - which)
    assert lag is not None and error is not None and mean is not None
    return _Pairs(float(np.sum(((lag - by - mean[:, None]) / error) ** 2)), lag, error, mean)
