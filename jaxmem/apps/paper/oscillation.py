"""Figure 5: where the 3D device is unstable, and how it oscillates there."""

from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.panel import Builder, PaperPanel, near, occupation, root, true
from jaxmem.circuits import Circuit, Constant, CurrentDrive, Step
from jaxmem.devices import Memristor3D, paper_device
from jaxmem.plots.figure import (
    ANSWER,
    SHADES,
    STIMULUS,
    AbstractMark,
    Curve,
    Note,
    Panel,
    PlotAxis,
    Rule,
)
from jaxmem.responses import linearize, solve
from jaxmem.stability import cycle_branch, hopf_points, limit_cycle

TAUS = dict(tau_m=1.0, tau_d=1.0, tau_k=1.0)
LEVELS = {"0.95": "1.953", "1": "2.5962", "1.1": "4.477"}
END = 60.0


def spiking_device() -> Memristor3D:
    """The device of figure 5, all time constants 1 (our set)."""
    made = paper_device(**TAUS)
    assert isinstance(made, Memristor3D)
    return made


def printed_and_exact(model: Memristor3D, u: np.ndarray) -> dict[str, np.ndarray]:
    """c2, c1, c0 (eqs 21, 22 and the corrected 20) over u, and c0 as it is printed.

    The printed equation 20 lacks 1/(f tau_m tau_d tau_k).
    """
    _, c2, c1, c0 = np.asarray(_polynomials(model, jnp.asarray(u))).T
    f = occupation(u, float(model.V_T), float(model.V_m))
    lacking = 1 / (f * float(model.tau_m) * float(model.tau_d) * float(model.tau_k))
    return {"c2": c2, "c1": c1, "c0": c0, "c0_printed": c0 - lacking}


@eqx.filter_jit
def _polynomials(model, u):
    return jax.vmap(lambda u: linearize(model, u=u).polynomial())(u)


def crossings(model: Memristor3D, form: str = "c0") -> list[float]:
    """Voltages at which c1 c2 equals a form of c0, by bisection."""

    def gap(u):
        c = printed_and_exact(model, np.atleast_1d(u))
        return c["c1"] * c["c2"] - c[form]

    V_T, V_m = float(model.V_T), float(model.V_m)
    grid = V_T + V_m * np.linspace(-8.001, 8, 801)  # no sample at V_T itself
    signs = np.flatnonzero(np.diff(np.sign(gap(grid))))
    return [root(lambda u: gap(u)[0], grid[k], grid[k + 1]) for k in signs]


@lru_cache(maxsize=1)
def runs() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """t, u, i_c from rest at I = 0 under I(u) for the three voltages."""
    found, t = {}, jnp.linspace(-1, END, 12201)
    for name in LEVELS:
        level = spiking_device().steady_current(float(name))
        run = solve(Circuit(spiking_device(), CurrentDrive(Step(level))), t, rtol=1e-9)
        found[name] = tuple(np.asarray(a) for a in (run.t, run.u, run.state("i_c")))
    return found


def last_period(t: np.ndarray, u: np.ndarray) -> float:
    """The time between the last two upward passages of the middle of u."""
    late = t > t[-1] / 2
    middle = (u[late].max() + u[late].min()) / 2
    up = np.flatnonzero((u[:-1] < middle) & (u[1:] >= middle) & (t[:-1] > t[-1] / 2))
    at = t[up] + (middle - u[up]) / (u[up + 1] - u[up]) * (t[up + 1] - t[up])
    return float(at[-1] - at[-2])


def criterion_panel() -> PaperPanel:
    """c0 against c1 c2: the device at rest is unstable where c0 is larger."""
    u = np.linspace(0.7, 1.35, 1301)
    c = printed_and_exact(spiking_device(), u)
    exact, printed = crossings(spiking_device()), crossings(spiking_device(), "c0_printed")
    hopf = hopf_points(spiking_device())
    checks = (
        near("lower u with c0 = c1 c2", exact[0], "0.9000291"),
        near("upper u with c0 = c1 c2", exact[-1], "1.1566551"),
        near("lower u of the printed form", printed[0], "0.9016717"),
        near("upper u of the printed form", printed[-1], "1.1501876"),
        true("these are the device's Hopf points, and there are no others",
             int(hopf.found) == 2 and np.allclose(hopf.u[:2], exact, rtol=1e-10)),
    )  # fmt: skip

    drawn = Panel(
        [
            Rule("x", exact[0], exact[-1]),
            Curve(u, c["c0"], label=r"$c_0$", colour=ANSWER),
            Curve(u, c["c1"] * c["c2"], label=r"$c_1 c_2$", colour=STIMULUS),
            Curve(u, c["c0_printed"], "dotted", label=r"$c_0$ as printed", colour=ANSWER),
        ],
        PlotAxis("u", limits=(0.7, 1.35)), PlotAxis("", "", "log", (3, 1e4)),
        "5a   unstable where shaded",
    )  # fmt: skip
    curves = {"": {"u": u} | c}
    shows = "c0 exceeds c1 c2 between two Hopf points"
    return PaperPanel("5a", shows, TAUS, checks, curves, drawn)


def spikes_panel() -> PaperPanel:
    """u(t) from rest under three currents of the window."""
    checks, device = [], spiking_device()
    for name, text in LEVELS.items():
        t, u, _ = runs()[name]
        cycle = limit_cycle(
            Circuit(device, CurrentDrive(Constant(device.steady_current(float(name)))))
        )
        checks += [
            near(f"period under I({name}), of the last cycle", last_period(t, u), text),
            near(f"period under I({name}), of the limit cycle", cycle.period, text),
        ]

    marks: list[AbstractMark] = []
    for k, (name, colour) in enumerate(zip(LEVELS, SHADES, strict=True)):
        t, u, _ = runs()[name]
        shown = t <= 30
        marks += [
            Rule("y", 1.0 + 5 * k, role="dotted", colour=STIMULUS),
            Curve(t[shown], u[shown] + 5 * k, colour=colour),
            Note(f"I({name})", (30.3, 1.0 + 5 * k), colour=colour),
        ]
    drawn = Panel(
        marks, PlotAxis("t", limits=(-1, 35)), PlotAxis("u, each shifted by 5"), "5b   from rest"
    )
    curves = {f"u_{n}": {"t": t, "u": u, "i_c": i} for n, (t, u, i) in runs().items()}
    return PaperPanel(
        "5b", "from rest the device spikes for ever", TAUS, tuple(checks), curves, drawn
    )


def cycles_panel() -> PaperPanel:
    """The trajectories in the plane of u and i_c; the branch of cycles as a table."""
    branch = cycle_branch(spiking_device())
    u = np.linspace(-2.5, 4.5, 1401)
    rest = 10 * occupation(u)
    closing = []
    for t, v, i in runs().values():
        # The last two turns of each trajectory, at the same phases.
        T, late = last_period(t, v), t > END - 3
        before = [np.interp(t[late] - T, t, a) for a in (v, i)]
        gaps = (np.abs(a[late] - b).max() for a, b in zip((v, i), before, strict=True))
        closing.append(max(gaps) < 1e-3)
    checks = (
        true("after 60 each trajectory repeats itself to 1e-3", all(closing)),
        true("the cycles of one Hopf point end at the other", bool(branch.complete)),
        true("all cycles between them are stable",
             bool(np.all(np.asarray(branch.stable)[: int(branch.count)]))),
    )  # fmt: skip

    marks: list[AbstractMark] = [Curve(u, rest, label="at rest", colour=STIMULUS)]
    for (name, (t, v, i)), colour in zip(runs().items(), SHADES, strict=True):
        early, late = t < END / 2, t > END - 6
        marks += [
            Curve(v[early], i[early], "thin", 0.3, colour=colour),
            Curve(v[late], i[late], "line", 2, label=f"I({name})", colour=colour),
        ]
    drawn = Panel(
        marks, PlotAxis("u", limits=(-2.6, 4.6)), PlotAxis(r"$i_c$", limits=(-0.4, 10.6)),
        "5c   limit cycles", legend="center right",
    )  # fmt: skip
    n = int(branch.count)
    names = ("drive", "period", "u_max", "u_min", "multiplier")
    curves = {"branch": {k: np.asarray(getattr(branch, k))[:n] for k in names}}
    curves |= {f"u_{name}": {"u": v, "i_c": i} for name, (_, v, i) in runs().items()}
    curves["rest"] = {"u": u, "i_c": rest}
    return PaperPanel("5c", "each trajectory closes on a limit cycle", TAUS, checks, curves, drawn)


PANELS: dict[str, Builder] = {"5a": criterion_panel, "5b": spikes_panel, "5c": cycles_panel}
