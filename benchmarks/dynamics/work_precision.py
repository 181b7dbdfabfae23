"""Which integrator? Error against time on nine hard devices, and wrong answers given as right.

Rodas5P with and without its end check, with the gate as logit f and as raw f; solvers of diffrax
on the same equations; scipy's Radau, BDF and LSODA on the raw states. Nothing is drawn.
"""

import time
from functools import cache

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import jaxmem as jm
from benchmarks.harness import timed
from benchmarks.oracles.trajectories import pieces, ranges, reference, rest_voltage
from benchmarks.table import Row
from jaxmem.responses.rosenbrock import Rodas5P

COUNTS = {"devices": (9, "of the hard devices")}
PAPER = dict(R_b=1.0, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=1.0, tau_k=1.0, drive="I")
STEEP = PAPER | dict(i_c0=20.0, V_m=0.01, tau_k=0.2)
SI = PAPER | dict(R_b=1e4, C_m=1e-7, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3, tau_k=5e-3)
CASES = {
    "steep device that fools solvers": STEEP | dict(wave=("step", 0.0, 11.685), T=3.0),
    "paper, step into a cycle": PAPER | dict(wave=("step", 0.0, 6.4158511), T=9.0),
    "SI, step into a cycle": SI | dict(wave=("step", 0.0, 3.2829e-4), T=0.024),
    "G = 1e4, pulse": PAPER
    | dict(i_c0=100.0, V_m=0.01, tau_d=0.3, tau_k=0.1, wave=("pulse", 60.0, 1.0), T=3.0),
    "fast C_m, pulse": PAPER | dict(C_m=1e-3, tau_k=0.5, wave=("pulse", 6.0, 2.0), T=5.0),
    "fast gate, pulse": PAPER | dict(tau_k=1e-3, wave=("pulse", 6.0, 4.0), T=8.0),
    "slow gate, pulse": PAPER | dict(C_m=0.05, tau_k=20.0, wave=("pulse", 9.0, 8.0), T=16.0),
    "triangle": PAPER | dict(C_m=0.1, wave=("triangle", [0.0, 8.0, -4.0], 4.0, 1), T=6.0),
    "train of five pulses": STEEP | dict(wave=("train", 15.0, 0.4, 0.8, 5), T=4.5),
}
TOLERANCES = (1e-4, 1e-6, 1e-8)
# Returned as a success with an error above this share of the range of u, i_c or f.
WRONG = 1e-2
OURS = "Rodas5P, end check, logit f"


class RawGate(jm.ActivatedConduction):
    """The same branch with the occupation itself as the integrator's coordinate."""

    def chart(self, x):
        return x / jnp.stack([self.i_c0, jnp.ones_like(self.i_c0)])

    def unchart(self, z):
        return z * jnp.stack([self.i_c0, jnp.ones_like(self.i_c0)])

    def chart_rates(self, u, z):
        return self.chart(self.rates(u, self.unchart(z)))

    def chart_rest(self, u):
        return self.chart(self.rest(u))


def sampled(case, corners=16):
    """The case's wave as straight lines of one fixed size: one program serves all cases."""
    made, before = pieces(case["wave"], case["T"])
    ends = np.append(made[1:, 0], case["T"])
    t = np.stack([made[:, 0], ends], axis=1).ravel()
    v = np.stack([made[:, 1], made[:, 1] + made[:, 2] * (ends - made[:, 0])], axis=1).ravel()
    t, v = np.append(0.0, t), np.append(before, v)
    spare = corners + 8 - len(t)
    return jm.Sampled(np.append(t, np.full(spare, t[-1])), np.append(v, np.full(spare, v[-1])))


def circuit(case, gate):
    """The circuit of a case with one of the two forms of the gate."""
    letters = [case[k] for k in ("i_c0", "V_T", "V_m", "tau_d", "tau_k")]
    branches = {"leak": jm.Leak(case["R_b"]), "conduction": gate(*letters)}
    return jm.Circuit(jm.Device(case["C_m"], branches), jm.CurrentDrive(sampled(case)))


def own(solver, gate):
    """A runner through `jm.solve`."""

    @eqx.filter_jit
    def run(c, t, tol):
        out = jm.solve(c, t, rtol=tol, atol=tol, solver=solver, max_steps=30_000, throw=False)
        return out.u, out.x, out.result

    def attempt(case, times, tol):
        args = circuit(case, gate), jnp.asarray(np.append(0.0, times)), jnp.asarray(tol)
        (u, x, result), _, warm = timed(run, *args, repeats=3)
        ok = bool(result == jm.RESULTS.successful)
        values = {"u": u[1:], "i_c": x[1:, 0], "f": x[1:, 1]}
        return {k: np.asarray(v) for k, v in values.items()}, ok, warm.median

    return attempt


class TooLong(Exception):
    """A run that goes on for longer than the study waits."""


def scipy_raw(method, patience=20.0):
    """A runner of scipy on u, i_c, f, piece by piece between the edges of the drive."""

    def attempt(case, times, tol):
        made, before = pieces(case["wave"], case["T"])
        u = rest_voltage(case, before)
        f = 1 / (1 + np.exp(min(-(u - case["V_T"]) / case["V_m"], 700)))
        y = np.array([u, case["i_c0"] * f, f])
        scale = np.array([case["V_m"], case["i_c0"], 1.0])
        clock = time.perf_counter()
        out, ok = np.full((len(times), 3), np.nan), True
        ends = np.append(made[1:, 0], case["T"])
        for (start, value, slope), end in zip(made, ends, strict=True):

            def field(t, y, start=start, value=value, slope=slope):
                if time.perf_counter() - clock > patience:
                    raise TooLong
                u, i, f = y
                close = np.exp(min(-(u - case["V_T"]) / case["V_m"], 300))
                I = value + slope * (t - start)
                return np.array(
                    [
                        (I - u / case["R_b"] - i) / case["C_m"],
                        (case["i_c0"] * f - i) / case["tau_d"],
                        ((1 - f) - close * f) / case["tau_k"],
                    ]
                )

            here = (times > start) & (times <= end)
            at = np.append(times[here], end)
            try:
                with np.errstate(all="ignore"):
                    part = solve_ivp(
                        field, (start, end), y, method, np.unique(at), rtol=tol, atol=tol * scale
                    )
            except (TooLong, ValueError):
                return None, False, time.perf_counter() - clock
            if part.status != 0:
                ok = False
                break
            found = dict(zip(part.t, part.y.T, strict=True))
            out[here] = [found[s] for s in times[here]] if here.any() else out[here]
            y = part.y[:, -1]
        seconds = time.perf_counter() - clock
        return {"u": out[:, 0], "i_c": out[:, 1], "f": out[:, 2]}, ok, seconds

    return attempt


LOGIT = jm.ActivatedConduction
METHODS = {
    OURS: own(Rodas5P(), LOGIT),
    "Rodas5P, no check, logit f": own(Rodas5P(end_check=0.0), LOGIT),
    "Rodas5P, end check, raw f": own(Rodas5P(), RawGate),
    "Rodas5P, no check, raw f": own(Rodas5P(end_check=0.0), RawGate),
    "Kvaerno3, logit f": own(diffrax.Kvaerno3(), LOGIT),
    "Kvaerno5, logit f": own(diffrax.Kvaerno5(), LOGIT),
    "Kvaerno5, raw f": own(diffrax.Kvaerno5(), RawGate),
    "KenCarp4, logit f": own(diffrax.KenCarp4(), LOGIT),
    "Tsit5, logit f": own(diffrax.Tsit5(), LOGIT),
    "Dopri8, logit f": own(diffrax.Dopri8(), LOGIT),
    "scipy Radau, raw f": scipy_raw("Radau"),
    "scipy BDF, raw f": scipy_raw("BDF"),
    "scipy LSODA, raw f": scipy_raw("LSODA"),
}


def attempts(cases):
    """Each method at each tolerance on each device; how far the oracles are apart."""
    times, truth, gap = reference(list(cases.values()))
    span = ranges(list(cases.values()), truth)
    runs, summary = [], []
    for method, attempt in METHODS.items():
        for tol in TOLERANCES:
            rows = []
            for k, (name, case) in enumerate(cases.items()):
                values, ok, seconds = attempt(case, times[k], tol)
                error = None
                if ok:
                    each = [np.max(np.abs(values[q] - truth[q][k])) / span[q][k] for q in truth]
                    error = float(np.nanmax(each)) if not np.any(np.isnan(each)) else np.inf
                rows.append({"case": name, "success": ok, "error": error, "seconds": seconds})
            runs.append({"method": method, "tolerance": tol, "rows": rows})
            summary.append({"method": method, "tolerance": tol} | told(rows))
    return dict(zip(cases, gap.tolist(), strict=True)), runs, summary


def told(rows):
    """One method at one tolerance in numbers."""
    right = [r for r in rows if r["success"]]
    return {
        "refused": len(rows) - len(right),
        "silently_wrong": sum(r["error"] > WRONG for r in right),
        "worst_error": max((r["error"] for r in right), default=None),
        "median_error": float(np.median([r["error"] for r in right])) if right else None,
        "median_ms": 1e3 * float(np.median([r["seconds"] for r in rows])),
    }


def run(options):
    done = cache(lambda: attempts(dict(list(CASES.items())[: options.devices])))
    parts = ("oracles_differ", "runs", "summary")
    return {part: lambda k=k: done()[k] for k, part in enumerate(parts)}


def _at(result, method, tol=1e-6):
    rows = (r for r in result["summary"] if r["method"] == method and r["tolerance"] == tol)
    return next(rows)


ROW = Row(
    counted=lambda r: (
        "silently wrong: "
        + ", ".join(
            f"{method} {sum(s['silently_wrong'] for s in r['summary'] if s['method'] == method)}"
            for method in METHODS
            if any(s["silently_wrong"] for s in r["summary"] if s["method"] == method)
        )
    ),
    error=lambda r: f"{_at(r, OURS)['worst_error']:.0e} at 1e-6",
    time=lambda r: f"{_at(r, OURS)['median_ms']:.2g} ms, median",
    peer=lambda r: ", ".join(
        f"{name} {_at(r, name)['median_ms'] / _at(r, OURS)['median_ms']:.3g} times as long"
        for name in ("Kvaerno5, logit f", "scipy Radau, raw f")
    ),
)
