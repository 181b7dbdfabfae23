"""What does a limit cycle with all its derivatives cost, here and by shooting with diffrax?

Period, u_max, u_min and energy, and their derivatives by the seven letters and the current: by
`limit_cycle` and `jax.jacfwd` (nothing known beforehand), and by shooting: one orbit in two legs,
from the top to the bottom and back (states x = (u - V_T)/V_m, i_c/i_c0 and f or ln(f/(1 - f))),
optimistix' Newton on its eight conditions, diffrax for the legs and their tangents, tuned as its
manual advises (compiled once for all devices; Tsit5 with the I controller on mild devices, whose
time constants are equal; Kvaerno5 with a PI controller on stiff ones, within three decades).
Shooting begins at a cycle found by a transient, which is timed apart. Derivatives of it by
central differences, each warm started, and by the implicit function theorem, as optimistix has it.
All warm, each device alone; the median over devices of the median of repeats.

Errors: of period and extrema (in units of the swing) and energy, and of the derivatives by the
logarithms of letters and current in the same units, against `limit_cycle` on 160 intervals; the
reference itself is compared with shooting at the tightest tolerance.
"""

import os
from functools import cache

# A shooting that fails is NaN and is counted; it does not end the run.
os.environ.setdefault("EQX_ON_ERROR", "nan")

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

import jaxmem as jm
from benchmarks.harness import Clock, timed
from benchmarks.oracles.hopf_cubic import cubic_roots
from benchmarks.problems.drawn_devices import LETTERS, draw_spiking
from benchmarks.table import Row

COUNTS = {"devices": (5, "in each group"), "repeats": (5, "of each call")}
GROUPS = {
    "mild, Tsit5": dict(gain=(60, 400), spread=0.0, solver=diffrax.Tsit5(), logit=False, pid={}),
    "stiff, Kvaerno5": dict(
        gain=(100, 2000), spread=3.0, solver=diffrax.Kvaerno5(), logit=True,
        pid=dict(pcoeff=0.3, icoeff=0.4),
    ),
}  # fmt: skip
TOLERANCES = (1e-6, 1e-8, 1e-10)
# An error control below this is not asked of the implicit method.
TIGHTEST = {"mild, Tsit5": 1e-12, "stiff, Kvaerno5": 1e-11}


def draw(rng, count, gain, spread, **_):
    """Spiking devices with a current somewhere in the middle of their windows."""
    cases = []
    for _ in range(count):
        (case,) = draw_spiking(rng, 1, gain=gain, spread=spread)
        f = cubic_roots(**case)
        u = case["V_T"] + case["V_m"] * np.log(f / (1 - f))
        low, high = u / case["R_b"] + case["i_c0"] * f
        share = rng.uniform(0.2, 0.8)
        cases.append(np.array([*(case[k] for k in LETTERS), low + share * (high - low)]))
    return cases


def ours(theta, intervals=80):
    """Period, u_max, u_min and energy."""
    device = jm.Memristor3D(**dict(zip(LETTERS, theta, strict=False)))
    circuit = jm.Circuit(device, jm.CurrentDrive(jm.Constant(theta[7])))
    cycle = jm.limit_cycle(circuit, intervals=intervals, throw=False)
    return jnp.stack([cycle.period, cycle.u_max, cycle.u_min, cycle.energy])


def with_jacobian(fn):
    """Value and Jacobian from one call; forward mode is the faster one for eight by four."""

    def both(theta):
        def twice(theta):
            value = fn(theta)
            return value, value

        slope, value = jax.jacfwd(twice, has_aux=True)(theta)
        return value, slope

    return both


class Shooting(eqx.Module):
    """A cycle as the root of eight conditions on (top, bottom, ln of the legs' durations).

    The top and the bottom are states (x, c, g), g = f or its logit.
    """

    solver: diffrax.AbstractSolver
    logit: bool = eqx.field(static=True)
    pid: dict = eqx.field(static=True)

    def field(self, t, y, theta):
        """Equations 1, 11, 12; the fourth state is the integral of x."""
        R_b, C_m, i_c0, V_T, V_m, tau_d, tau_k, I = theta
        x, c, g = y[0], y[1], y[2]
        f = jax.nn.sigmoid(g) if self.logit else g
        dx = ((I - i_c0 * c) * R_b - V_T - V_m * x) / (R_b * C_m * V_m)
        if self.logit:
            opening = -(1 + jnp.exp(jnp.minimum(-g, 100.0)))
            dg = opening * jnp.expm1(jnp.minimum(g - x, 100.0)) / tau_k
        else:
            dg = (1 - f - jnp.exp(jnp.minimum(-x, 100.0)) * f) / tau_k
        return jnp.stack([dx, (f - c) / tau_d, dg, x])

    def go(self, y, duration, theta, rtol, saveat):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(self.field), self.solver, 0.0, duration, duration * 1e-3,
            jnp.append(y, 0.0), theta, saveat=saveat, max_steps=200_000, throw=False,
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol, **self.pid),
            adjoint=diffrax.ForwardMode(),
        )  # fmt: skip

    def conditions(self, z, args):
        theta, rtol = args
        top, bottom = z[:3], z[3:6]
        ends = [
            self.go(y, jnp.exp(log), theta, rtol, diffrax.SaveAt(t1=True)).ys[0]
            for y, log in ((top, z[6]), (bottom, z[7]))
        ]
        level = [self.field(0.0, y, theta)[0] * theta[0] * theta[1] for y in (top, bottom)]
        gaps = [ends[0][:3] - bottom, ends[1][:3] - top, jnp.stack(level)]
        return jnp.concatenate(gaps), jnp.stack([ends[0][3], ends[1][3]])

    def solve(self, guess, theta, rtol):
        """The root, differentiable by the implicit function theorem, and the numbers of it."""
        newton = optx.Newton(rtol=10 * rtol, atol=10 * rtol)
        root = optx.root_find(
            self.conditions, newton, guess, args=(theta, rtol), has_aux=True, throw=False,
            max_steps=30,
        )  # fmt: skip
        return root.value, root.stats["num_steps"]

    def numbers(self, z, theta, rtol):
        V_T, V_m, I = theta[3], theta[4], theta[7]
        area = self.conditions(z, (theta, rtol))[1].sum()
        period = jnp.exp(z[6]) + jnp.exp(z[7])
        return jnp.stack(
            [period, V_T + V_m * z[0], V_T + V_m * z[3], I * (V_T * period + V_m * area)]
        )

    def differences(self, z, theta, rtol):
        """Central differences in the logarithms, each from the root that is known."""
        # Truncation and noise balance at the cube root; larger steps lose stiff cycles.
        step = jnp.minimum(rtol ** (1 / 3), 1e-3)

        def at(k, sign):
            moved = theta.at[k].multiply(jnp.exp(sign * step))
            return self.numbers(self.solve(z, moved, rtol)[0], moved, rtol)

        # One program in a loop: lanes of a vmap would wait for the slowest.
        each = lambda k: (at(k, 1.0) - at(k, -1.0)) / (2 * step * theta[k])
        return jax.lax.map(each, jnp.arange(theta.size)).T

    def implicit(self, guess, theta, rtol):
        """Root, numbers and their derivatives through optimistix in one call."""
        return with_jacobian(lambda t: self.numbers(self.solve(guess, t, rtol)[0], t, rtol))(theta)

    def transient(self, theta, rtol):
        """20 periods of the oscillation at the Hopf point nearest by, and 20 more sampled."""
        device = jm.Memristor3D(**dict(zip(LETTERS, theta, strict=False)))
        hopf = jm.hopf_points(device)
        near = jnp.nanargmin(jnp.abs(hopf.I - theta[7]))
        period = hopf.period[near]
        # From the upper part of the steep rise, away from rest.
        start = jnp.array([2.0, 0.5, 0.0 if self.logit else 0.5])
        on = self.go(start, 20 * period, theta, rtol, diffrax.SaveAt(t1=True)).ys[0, :3]
        t = jnp.linspace(0, 20 * period, 20001)
        return t, self.go(on, 20 * period, theta, rtol, diffrax.SaveAt(ts=t)).ys[:, :3]


def guess_from(t, y):
    """Top, bottom and durations from samples of some periods: the last whole one."""
    t, y = t[len(t) // 2 :], y[len(t) // 2 :]
    x = y[:, 0]
    tops = np.flatnonzero((x[1:-1] >= x[:-2]) & (x[1:-1] > x[2:])) + 1
    tops = tops[x[tops] > x.max() - 0.05 * np.ptp(x)]
    first, last = tops[-2:]
    low = first + int(np.argmin(x[first:last]))
    legs = np.log([t[low] - t[first], t[last] - t[low]])
    return jnp.asarray(np.concatenate([y[first], y[low], legs]))


def warm_ms(fn, *args, repeats=5):
    """The answer, and the median of milliseconds."""
    answer, _, warm = timed(fn, *args, repeats=repeats)
    return answer, 1e3 * warm.median


def compiled(fn, *args):
    """A program for arguments like these, and the seconds of making it."""
    with Clock() as clock:
        program = jax.jit(lambda *a: fn(*a)).lower(*args).compile()
    return program, clock.wall


def units(theta, value):
    """What errors are measured in: of the numbers, and of their derivatives."""
    swing = value[1] - value[2]
    size = np.array([value[0], swing, swing, abs(value[3])])
    return size, size[:, None] / theta


def error(got, want, unit):
    return float(np.max(np.abs(np.asarray(got) - np.asarray(want)) / unit))


def summary(rows):
    """Medians and worst errors over devices, and how many failed."""
    table = {k: np.array([row[k] for row in rows], float) for k in rows[0]}
    failed = {"failed_" + k: int(np.isnan(v).sum()) for k, v in table.items() if np.isnan(v).any()}
    worst = {"worst_" + k: float(np.nanmax(v)) for k, v in table.items() if "error" in k}
    return {k: float(np.nanmedian(v)) for k, v in table.items()} | worst | failed


def measure(name, cases, repeats, own, reference):
    """One group: this package, and shooting at each tolerance."""
    group = GROUPS[name]
    shooting = Shooting(group["solver"], group["logit"], group["pid"])
    example, z, rtol = jnp.asarray(cases[0]), jnp.zeros(8), jnp.asarray(1e-6)
    programs, compiling = {}, {}
    for part, fn, args in (
        ("transient", shooting.transient, (example, rtol)),
        ("newton", shooting.solve, (z, example, rtol)),
        ("numbers", shooting.numbers, (z, example, rtol)),
        ("differences", shooting.differences, (z, example, rtol)),
        ("implicit", shooting.implicit, (z, example, rtol)),
    ):
        programs[part], compiling[part] = compiled(fn, *args)
    mine, agreed, table = [], [], {tol: [] for tol in TOLERANCES}
    for case in cases:
        theta = jnp.asarray(case)
        value, slope = (np.asarray(a) for a in reference(theta))
        (got, by), ms = warm_ms(own, theta, repeats=repeats)
        size, unit = units(case, value)
        mine.append(
            {"ms": ms, "error": error(got, value, size), "slope_error": error(by, slope, unit)}
        )
        guess = guess_from(
            *(np.asarray(a) for a in programs["transient"](theta, jnp.asarray(1e-8)))
        )
        for tol in (*TOLERANCES, TIGHTEST[name]):
            rtol = jnp.asarray(tol)
            count = 1 if tol not in table else repeats
            (z, steps), newton = warm_ms(programs["newton"], guess, theta, rtol, repeats=count)
            got, also = warm_ms(programs["numbers"], z, theta, rtol, repeats=count)
            (_, exact), implicit = warm_ms(programs["implicit"], guess, theta, rtol, repeats=count)
            if tol not in table:
                agreed.append({
                    "error": error(got, value, size), "slope_error": error(exact, slope, unit),
                })  # fmt: skip
                continue
            _, transient = warm_ms(programs["transient"], theta, rtol, repeats=1)
            slopes, differences = warm_ms(programs["differences"], z, theta, rtol, repeats=repeats)
            table[tol].append({
                "transient_ms": transient, "newton_ms": newton + also, "newton_steps": int(steps),
                "differences_ms": differences, "implicit_ms": implicit,
                "error": error(got, value, size),
                "slope_error_by_differences": error(slopes, slope, unit),
                "slope_error_implicit": error(exact, slope, unit),
            })  # fmt: skip
    best = summary(mine)
    out = {"limit_cycle with derivatives": best}
    for tol, rows in table.items():
        row = summary(rows)
        known = row["newton_ms"]
        # First without the transient: the peer is given its start, this package is not.
        row["differences_times_ours"] = (known + row["differences_ms"]) / best["ms"]
        row["implicit_times_ours"] = row["implicit_ms"] / best["ms"]
        row["differences_and_transient_times_ours"] = (
            row["differences_times_ours"] + row["transient_ms"] / best["ms"]
        )
        row["implicit_and_transient_times_ours"] = (
            row["implicit_times_ours"] + row["transient_ms"] / best["ms"]
        )
        out[f"shooting, tolerance {tol:g}"] = row
    tight = {"tolerance": TIGHTEST[name]} | summary(agreed)
    return out | {"reference against tight shooting": tight, "shooting_compile_s": compiling}


def run(options):
    rng = np.random.default_rng(options.seed)
    groups = {name: draw(rng, options.devices, **group) for name, group in GROUPS.items()}
    example = jnp.asarray(groups["mild, Tsit5"][0])
    own = cache(lambda: compiled(with_jacobian(ours), example))
    reference = cache(lambda: compiled(with_jacobian(lambda t: ours(t, 160)), example)[0])
    compiling = lambda: {"with derivatives": own()[1], "value alone": compiled(ours, example)[1]}
    return {"compile_s": compiling} | {
        name: lambda name=name: measure(name, groups[name], options.repeats, own()[0], reference())
        for name in GROUPS
    }


OWN, SHOOTING = "limit_cycle with derivatives", "shooting, tolerance 1e-08"
ROW = Row(
    counted=lambda r: "{} numbers failed".format(
        sum(key.startswith("failed") for g in GROUPS for row in r[g].values() for key in row)
    ),
    error=lambda r: ", ".join(
        f"{g}: {r[g][OWN]['error']:.0e}, derivatives {r[g][OWN]['slope_error']:.0e}" for g in GROUPS
    ),
    time=lambda r: ", ".join(f"{r[g][OWN]['ms']:.0f} ms" for g in GROUPS) + " a cycle",
    peer=lambda r: (
        "shooting at 1e-8 by differences "
        + ", ".join(f"{r[g][SHOOTING]['differences_times_ours']:.3g}" for g in GROUPS)
        + ", implicit "
        + ", ".join(f"{r[g][SHOOTING]['implicit_times_ours']:.3g}" for g in GROUPS)
        + " times as long"
    ),
)
