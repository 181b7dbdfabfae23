"""A fit as plain data for JSON, and spectra with their fit as a CSV."""

import math
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from fitting.estimate.result import Fit
from fitting.terms.curve import SteadyCurve
from fitting.terms.linear_kk import KramersKronig
from fitting.terms.spectrum import Spectrum, bias_voltage
from fitting.terms.trace import Trace
from jaxmem.devices import AbstractDevice, device_to_toml
from jaxmem.output.table import write_csv
from jaxmem.responses import equivalent_circuit, operating_point


def fit_record(fit: Fit, spectra: Sequence[Spectrum], checks: Sequence[KramersKronig]) -> dict:
    """Everything that a fit found, as dictionaries, lists and numbers.

    `parameters` has for each its name, unit, meaning, value, whether it is `identifiable`, then its
    `interval_68`, else the `reasons`; `derived` likewise. `covariance` is in search
    coordinates (logarithms where `log`), in the order of the parameters, at their `paths`;
    `correlation` is the same over the standard errors.
    Residuals are fractions (`relative_rms_residual` = sqrt(sum |dZ|^2/|Z|^2 / (2N))). Infinities
    and what is not a number are None, because JSON has no word for them.
    """
    rows = [
        {k: v for k, v in row.items() if k not in ("low", "high")}
        | {"interval_68": [row["low"], row["high"]]}
        for row in fit.rows()
    ]
    n = len(fit.names)
    best = fit.minima[0]
    return {
        "parameters": rows[:n],
        "derived": rows[n:],
        "covariance": {
            "paths": list(fit.paths),
            "log": [bool(x) for x in fit.log],
            "matrix": [[plain(x) for x in row] for row in fit.covariance],
        },
        "correlation": [[plain(x) for x in row] for row in fit.correlation],
        "converged": fit.ok,
        "result": fit.outcome,
        "statements": fit.statements(),
        "relative_rms_residual": plain(fit.relative_rms_residual),
        "chi2": plain(fit.chi2),
        "noise": plain(fit.noise),
        "noise_known": fit.noise_known,
        "bic": plain(fit.bic),
        "numbers": fit.points,
        "starts": fit.starts,
        "starts_drawn": fit.drawn,
        "starts_converged": fit.converged,
        "starts_at_best": best.starts,
        "minima": [
            {"chi2": plain(m.chi2), "starts": m.starts, "values": [plain(v) for v in m.values]}
            for m in fit.minima
        ],
        "rank": fit.rank,
        "null_directions": list(fit.null_directions),
        "weak_directions": list(fit.weak_directions),
        "exchanges": [list(pair) for pair in fit.exchanges],
        "swaps": [plain(x) for x in fit.swaps],
        "determined": list(fit.determined),
        "at_bound": list(fit.at_bound),
        "spectra": [
            spectrum_record(s, fit.model, check) for s, check in zip(spectra, checks, strict=True)
        ],
        "terms": [{k: _jsonable(v) for k, v in t._asdict().items()} for t in fit.terms],
        "device": device_to_toml(fit.model),
    }


def spectrum_record(s: Spectrum, model: AbstractDevice, check: KramersKronig) -> dict:
    """One spectrum: where it is from, its bias, its residual and its Kramers-Kronig check."""
    kind, value = s.bias
    return {
        "name": s.name,
        "file": s.source,
        "points": len(s.freq),
        "freq_Hz": [float(s.freq.min()), float(s.freq.max())],
        "bias": None if kind is None else {"kind": kind, "value": value},
        "time_s": s.time,
        "temperature_K": s.temperature,
        "relative_rms_residual": relative_rms(s, model),
        "kramers_kronig": {
            "passed": check.passed,
            "noise": plain(check.noise),
            "relative_rms_residual": float(np.sqrt(np.mean(np.abs(check.residuals) ** 2) / 2)),
            "violation": check.violation,
            "outliers": check.outliers.tolist(),
            "reason": check.reason,
        },
        "elements": elements_at(s, model),
    }


def relative_rms(s: Spectrum, model: AbstractDevice) -> float:
    """sqrt(sum(|dZ|^2/|Z|^2)/(2N)) of one spectrum, a fraction."""
    off = np.abs(s.impedance(model) - s.Z) / np.abs(s.Z)
    return float(np.sqrt(np.mean(off**2) / 2))


def elements_at(s: Spectrum, model: AbstractDevice) -> dict[str, float] | None:
    """u [V] and the elements of the equivalent circuit at a spectrum's bias, if it has one."""
    kind, value = s.bias
    if kind is None:
        return None
    u = bias_voltage(model, kind, jnp.asarray(value, dtype=float))
    elements = equivalent_circuit(model, operating_point(model, u=u))._asdict()
    numbers = {"u": float(u)} | {name: float(x) for name, x in elements.items()}
    return {name: x for name, x in numbers.items() if math.isfinite(x)}


def write_data(
    path: Path, spectra: Sequence[Spectrum], model: AbstractDevice, used: Sequence[np.ndarray]
) -> None:
    """Data and fit as CSV: freq_Hz, Re and Im of both [ohm], whether the point was fitted."""
    names = ["freq_Hz", "Re_Z_ohm", "Im_Z_ohm", "Re_fit_ohm", "Im_fit_ohm", "used", "spectrum"]
    rows = []
    for k, (s, keep) in enumerate(zip(spectra, used, strict=True)):
        Z = s.impedance(model)
        for j in range(len(s.freq)):
            numbers = (s.freq[j], s.Z[j].real, s.Z[j].imag, Z[j].real, Z[j].imag)
            rows.append([*map(float, numbers), int(keep[j]), k, s.name])
    write_csv(path, [*names, "label"], rows)


def write_samples(
    path: Path,
    traces: Sequence[Trace],
    signals: Sequence[np.ndarray],
    curves: Sequence[SteadyCurve],
    values: Sequence[np.ndarray],
) -> None:
    """Traces and curves with their fit as CSV, in SI units.

    t_s (empty for a curve), what was applied and what was observed, the fit, whether the sample was
    fitted, and which quantity was observed (I, V or u).
    """
    rows = []
    for trace, signal in zip(traces, signals, strict=True):
        applied = np.asarray(trace.drive.wave(trace.t))
        for row in zip(trace.t, applied, trace.observed, signal, trace.used, strict=True):
            rows.append([*map(float, row[:4]), int(row[4]), trace.observe, trace.name])
    for curve, value in zip(curves, values, strict=True):
        quantity = "V" if curve.kind == "I" else "I"
        for row in zip(curve.bias, curve.observed, value, strict=True):
            rows.append(["", *map(float, row), 1, quantity, curve.name])
    write_csv(path, ["t_s", "applied", "observed", "fit", "used", "quantity", "label"], rows)


def _jsonable(x):
    return plain(x) if isinstance(x, float) else x


def plain(x: float) -> float | None:
    """A number for JSON, which has no word for infinities and what is none."""
    x = float(x)
    return x if math.isfinite(x) else None
