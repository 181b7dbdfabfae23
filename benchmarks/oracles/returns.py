"""Whether a state lies on a cycle of a given period: two integrators from it, over two periods.

One is the Radau IIA of order 9 of `trajectories.py` (its own steps, ln f), the other SciPy's LSODA
(Radau where that gives up) in logit f. What a wrong start leaves has decayed after the first period
of a stable cycle; the period is wrong by how far the second one does not close along the flow, and
the two have to agree.
"""

import math
import warnings
from typing import NamedTuple

import numpy as np
from scipy.integrate import odeint, solve_ivp

from benchmarks.oracles.trajectories import followed


class Return(NamedTuple):
    """Relative error of the period by the Radau method and by SciPy (NaN where one gave up), how
    far the first period closes in shares of the swing, and the swing of u over it [V]."""

    radau: float
    scipy: float
    gap: float
    swing: float


def flow_of(case, drive):
    """The field in (u/V_m, i_c/i_c0, logit f), time in periods T."""
    behind = case["drive"] == "voltage"
    g = 1 / case["R_b"] + (1 / case["R_s"] if behind else 0.0)
    I = drive / case["R_s"] if behind else drive
    gain, V_T = case["i_c0"] / case["V_m"] / case["C_m"], case["V_T"] / case["V_m"]

    def field(t, y):
        v, i, w = y
        f = np.exp(-np.logaddexp(0, -w))
        return np.array([
            (I / case["V_m"] - g * v) / case["C_m"] - gain * i, (f - i) / case["tau_d"],
            -(1 + np.exp(min(-w, 600.0))) * np.expm1(min(w - v + V_T, 600.0)) / case["tau_k"],
        ])  # fmt: skip

    def jacobian(t, y):
        v, _, w = y
        f = np.exp(-np.logaddexp(0, -w))
        a, b = np.exp(min(-w, 600.0)), np.exp(min(w - v + V_T, 600.0))
        close = np.exp(min(V_T - v, 600.0))
        return np.array([
            [-g / case["C_m"], -gain, 0], [0, -1 / case["tau_d"], f * (1 - f) / case["tau_d"]],
            [(b + close) / case["tau_k"], 0, -(a + b) / case["tau_k"]],
        ])  # fmt: skip

    return field, jacobian


def integrated(field, jacobian, span, y, t_eval, **tolerances):
    """SciPy's run by LSODA, and where it gives up, as it does on a gate that is shut, by Radau."""
    how = dict(jac=jacobian, t_eval=t_eval) | tolerances
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # It says so by its status, too.
        run = solve_ivp(field, span, y, method="LSODA", **how)
        return run if run.status == 0 else solve_ivp(field, span, y, method="Radau", **how)


class TooLong(Exception):
    """A transient that takes more evaluations than it may."""


def sampled(case, drive, times, y0, most, **tolerances):
    """The states (u/V_m, i_c/i_c0, logit f) at ascending times [s] by LSODA, compiled and with
    Python's own numbers (twenty times as fast as `integrated`); Radau where it gives up; None where
    that does, too.

    **Raises:** `TooLong` after `most` evaluations.
    """
    behind = case["drive"] == "voltage"
    C_m, V_m = float(case["C_m"]), float(case["V_m"])
    g = (1 / case["R_b"] + (1 / case["R_s"] if behind else 0.0)) / C_m
    push = (drive / case["R_s"] if behind else drive) / V_m / C_m
    gain, V_T = case["i_c0"] / V_m / C_m, case["V_T"] / V_m
    d, k, exp, count = 1 / case["tau_d"], 1 / case["tau_k"], math.exp, 0

    def field(y, t):
        nonlocal count
        count += 1
        if count > most:
            raise TooLong
        v, i, w = y.tolist()
        f = 1 / (1 + exp(-w if w > -700 else 700.0))
        opening = (1 + exp(-w if w > -600 else 600.0)) * math.expm1(min(w - v + V_T, 600.0))
        return push - g * v - gain * i, (f - i) * d, -opening * k

    def jacobian(y, t):
        v, _, w = y.tolist()
        f = 1 / (1 + exp(-w if w > -700 else 700.0))
        a, b = exp(-w if w > -600 else 600.0), exp(min(w - v + V_T, 600.0))
        close = exp(min(V_T - v, 600.0))
        return [[-g, -gain, 0.0], [0.0, -d, f * (1 - f) * d], [(b + close) * k, 0.0, -(a + b) * k]]

    at = np.concatenate([[0.0], times])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        y, said = odeint(
            field, y0, at, Dfun=jacobian, full_output=True, mxstep=most, **tolerances
        )  # fmt: skip
    if count > most:
        raise TooLong
    if said["message"] == "Integration successful." and np.isfinite(y).all():
        return y[1:]
    back = lambda t, y: np.array(field(y, t))
    run = solve_ivp(
        back, (0, times[-1]), y0, method="Radau", jac=lambda t, y: np.array(jacobian(y, t)),
        t_eval=times, **tolerances,
    )  # fmt: skip
    return run.y.T if run.status == 0 else None


def _start(field, T, u, i, f):
    """The point of a cycle where it moves by about three swings a period, and swings."""
    y = np.stack([u, i, np.log(f) - np.log1p(-f)], axis=1)
    spans = np.array([np.ptp(u), np.ptp(i), max(np.ptp(f), 1e-300)])
    with np.errstate(all="ignore"):
        flow = np.stack([field(0.0, row) for row in y])
    flow[:, 2] *= f * (1 - f)
    speed = np.linalg.norm(flow / spans, axis=1) * T
    return y[np.argmin(np.abs(np.log(np.maximum(speed, 1e-30) / 3)))], spans


def check_returns(rows, tol=1e-10) -> list[Return]:
    """For rows of (case, drive, period, u, i_c, f), the last three along a cycle of a 3D device."""
    starts = []
    for case, drive, T, u, i, f in rows:
        field, jacobian = flow_of(case, drive)
        f = np.clip(f, 1e-300, 1 - 1e-16)
        y, spans = _start(field, T, u / case["V_m"], i / case["i_c0"], f)
        starts.append((field, jacobian, y, spans))
    cases = [
        dict(case, drive="V" if case["drive"] == "voltage" else "I", wave=("step", d, d), T=2 * T)
        for case, d, T, *_ in rows
    ]
    stops = np.array([[T, 2 * T] for _, _, T, *_ in rows])
    states, arrived = followed(cases, np.stack([y for _, _, y, _ in starts]), stops, tol)
    out = []
    for k, (case, _, T, *_) in enumerate(rows):
        field, jacobian, y, spans = starts[k]
        own = states[k]
        first, second, swing = np.nan, np.nan, np.nan
        if arrived[k]:
            ends = [np.array([*own[t][:2], np.exp(own[t][2])]) for t in stops[k]]
            second = _late(field, *ends, spans, T)
            first = np.max(np.abs(ends[0] - np.array([*y[:2], _f(y[2])])) / spans)
            swing = case["V_m"] * np.ptp([y[0] for y in own.values()])
        run = integrated(field, jacobian, (0, 2 * T), y, [T, 2 * T], rtol=1e-10, atol=1e-12)
        also = np.nan
        if run.status == 0:
            also = _late(field, *(np.array([*c[:2], _f(c[2])]) for c in run.y.T), spans, T)
        out.append(Return(second, also, first, swing))
    return out


def _f(w):
    return np.exp(-np.logaddexp(0, -w))


def _late(field, one, two, spans, T):
    """The time that is missing to close, in periods."""
    w = np.log(max(two[2], 1e-300)) - np.log1p(-min(two[2], 1 - 1e-16))
    flow = field(0.0, np.array([two[0], two[1], w]))
    flow[2] *= two[2] * (1 - two[2])
    flow, gap = flow / spans * T, (two - one) / spans
    return float(abs(flow @ gap) / (flow @ flow))
