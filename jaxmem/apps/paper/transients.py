"""Figures 2 and 3: pulses of current into the 2D device, and a step of voltage behind R_s."""
# Fields of devices and waves take numbers, which pyright does not see.
# pyright: reportArgumentType=false, reportCallIssue=false

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.panel import Builder, Check, PaperPanel, near, true
from jaxmem.circuits import Circuit, CurrentDrive, Pulse, Step, VoltageDrive
from jaxmem.devices import paper_device
from jaxmem.plots.figure import (
    ANSWER,
    SHADES,
    STIMULUS,
    AbstractMark,
    Curve,
    Inset,
    Note,
    Panel,
    PlotAxis,
    Rule,
)
from jaxmem.responses import solve

CURRENT, V_APP, R_S = 6.0, 1.5, 0.1
# [tau_m, tau_d, dt]: our sets, chosen to show what the text describes.
PULSES = {
    "2a": (0.01, 1000.0, 10.0), "2b": (0.01, 50.0, 10.0),
    "2c": (0.01, 5.0, 10.0), "2d": (0.01, 2.0, 10.0),
    "2e": (1.0, 1e4, 20.0), "2f": (1.0, 10.0, 20.0), "2g": (1.0, 5.0, 20.0), "2h": (1.0, 1.0, 20.0),
    "2i": (10.0, 1e4, 10.0), "2j": (10.0, 50.0, 10.0), "2k": (10.0, 20.0, 10.0),
    "2l": (10.0, 5.0, 30.0), "2m": (10.0, 2.0, 10.0),
}  # fmt: skip
STEPS = {"0.01": (0.01, 5.0, 20.0), "1": (1.0, 1.0, 10.0), "10": (10.0, 0.1, 10.0)}
# What is too small for the panel is drawn again in a corner: limits of t and of u.
CLOSER = {
    "2a": ((-0.3, 10), (5.85, 6.03)), "2h": ((0, 6), (0.4, 2.2)), "2l": ((0, 30), (0.6, 1.75)),
    "2m": ((0, 10), (0.75, 1.4)),
}  # fmt: skip
SHOWS = {
    "2a": "u rises at once to R_b I = 6 and decays slowly",
    "2b": "u rises at once to R_b I = 6 and decays",
    "2c": "a spike, then u = 1; a negative spike after the pulse",
    "2d": "a shorter spike, then u = 1; a negative spike after the pulse",
    "2e": "a plain RC rise and return",
    "2f": "a rounded peak and a decay to u = 1",
    "2g": "a lower peak and a decay to u = 1",
    "2h": "damped ringing",
    "2i": "a slow rise that never reaches 6",
    "2j": "u rises while the pulse is on and falls below zero after it: the action potential",
    "2k": "the action potential: a rise, and a negative spike after it",
    "2l": "damped ringing that settles on u = 1",
    "2m": "damped ringing, small and quick",
}


class PulseRun(NamedTuple):
    """A transient with the pulse's width, and the part of it while the pulse is on."""

    t: np.ndarray
    I: np.ndarray
    u: np.ndarray
    i_c: np.ndarray
    tau_m: float
    dt: float

    def during(self) -> tuple[np.ndarray, np.ndarray]:
        """Times and voltages from the first edge to the second."""
        on = (self.t >= 0) & (self.t < self.dt)
        return self.t[on], self.u[on]

    def after(self) -> np.ndarray:
        """Voltages behind the pulse."""
        return self.u[self.t >= self.dt]

    def end(self) -> float:
        """u at the end of the pulse."""
        return float(np.interp(self.dt, self.t[self.t <= self.dt], self.u[self.t <= self.dt]))

    def extrema(self) -> list[float]:
        """Maxima and minima in the pulse, of parabolas through three samples."""
        t, u = self.during()
        turns = np.flatnonzero(np.diff(np.sign(np.diff(u))) != 0) + 1
        found = []
        for k in turns:
            fit = np.polyfit(t[k - 1 : k + 2] - t[k], u[k - 1 : k + 2], 2)
            found.append(float(fit[2] - fit[1] ** 2 / (4 * fit[0])))
        return found


def pulse_run(tau_m: float, tau_d: float, dt: float) -> PulseRun:
    """A current I = 6 for dt into the 2D device at rest, and five times dt after it."""
    device = paper_device(tau_m=tau_m, tau_d=tau_d)
    edge = np.geomspace(1e-5, 1.0, 400)  # fine behind both edges
    t = np.unique(
        np.concatenate([np.linspace(-0.2, 6, 1801), edge, 1 + edge, [1 - 1e-9, 1.0]]).round(12)
    )
    t = dt * t
    run = solve(Circuit(device, CurrentDrive(Pulse(CURRENT, dt))), jnp.asarray(t), rtol=1e-8)
    return PulseRun(*(np.asarray(a) for a in (run.t, run.I, run.u, run.state("i_c"))), tau_m, dt)


# What is said of a panel, as functions of its run.


def peak(text):
    return lambda run: near("peak of u", max(run.extrema() or [run.during()[1].max()]), text)


def at_end(text):
    return lambda run: near("u at the end of the pulse", run.end(), text)


def lowest(text):
    return lambda run: near("minimum of u after the pulse", run.after().min(), text)


def turns(*texts):
    def all_of(run):
        found = (*run.extrema(), *[np.nan] * len(texts))
        return [near(f"extremum {k + 1} of u", found[k], x) for k, x in enumerate(texts)]

    return all_of


def at_once(run: PulseRun) -> Check:
    t, u = run.during()
    share = t[np.argmax(u > 0.9 * u.max())] / run.dt
    return true("u passes 90 % of its peak within 1 % of the pulse", share < 0.01)


def falls(run: PulseRun) -> Check:
    _, u = run.during()
    tail = u[np.argmax(u) :]
    return true("u falls from its peak to the end of the pulse", np.all(np.diff(tail) < 1e-9))


def slowly(run: PulseRun) -> Check:
    return true("at the end u is not yet at rest (above 2)", run.end() > 2)


def settles(run: PulseRun) -> Check:
    return true("at the end u is within 0.2 of 1, its value at rest", abs(run.end() - 1) < 0.2)


def rises(run: PulseRun) -> Check:
    t, u = run.during()
    rising = np.diff(u[t < 0.95 * run.dt]) > 0
    return true("u rises for the first 95 % of the pulse, at least", np.all(rising))


def rings(run: PulseRun) -> Check:
    swings = np.abs(np.diff(run.extrema()))
    return true("u turns at least three times in the pulse, by more than 0.01",
                np.sum(swings > 0.01) >= 2)  # fmt: skip


def half_time(run: PulseRun) -> float:
    """When u has fallen from its peak half of the way to 1."""
    t, u = run.during()
    return float(t[np.argmax((t > t[np.argmax(u)]) & (u < (1 + u.max()) / 2))])


def shorter_than(name: str):
    def check(run: PulseRun) -> Check:
        other = half_time(pulse_run(*PULSES[name]))
        return true(f"the spike is shorter than that of {name}", 0 < half_time(run) < other)

    return check


def returns(run: PulseRun) -> Check:
    return true("at the last time u is within 0.03 of zero", abs(run.u[-1]) < 0.03)


def below_zero(run: PulseRun) -> Check:
    return true("after the pulse u falls below -1", run.after().min() < -1)


def as_rc(run: PulseRun) -> Check:
    t, u = run.during()
    off = np.abs(u - CURRENT * -np.expm1(-t / run.tau_m)).max()
    return true("u differs from 6 (1 - exp(-t/tau_m)) by less than 0.03", off < 0.03)


FEATURES = {
    "2a": (peak("5.9989"), at_once, falls, slowly), "2b": (peak("5.9844"), at_once, falls, slowly),
    "2c": (peak("5.8899"), at_once, settles, lowest("-4.9364")),
    "2d": (peak("5.7710"), at_once, shorter_than("2c"), settles, lowest("-4.8645")),
    "2e": (at_end("5.98"), as_rc, returns),
    "2f": (peak("4.2746"), settles), "2g": (peak("3.5986"), settles),
    "2h": (peak("2.0663"), rings, settles), "2i": (at_end("3.7901"), rises),
    "2j": (at_end("3.3034"), rises, lowest("-1.5070"), below_zero),
    "2k": (at_end("2.6671"), rises, lowest("-1.9107"), below_zero),
    "2l": (turns("1.6269", ".7860", "1.1091", ".9367", "1.0385", ".9762"), at_end(".9947"), rings),
    "2m": (peak("1.2853"), rings, settles),
}  # fmt: skip


def pulse_panel(name: str) -> PaperPanel:
    """One panel of figure 2."""
    tau_m, tau_d, dt = PULSES[name]
    run = pulse_run(tau_m, tau_d, dt)
    checks: list[Check] = []
    for feature in FEATURES[name]:
        found = feature(run)
        checks.extend(found if isinstance(found, list) else [found])

    closer = [_closer(run, *CLOSER[name])] if name in CLOSER else []
    words = ("", "") if closer else ("I", "u")
    drawn = Panel(
        [Rule("y", 0.0), *_answer(run.t, run.I, run.u, *words), *closer],
        PlotAxis("t", limits=(-0.15 * dt, 3.5 * dt)), PlotAxis("I, u"),
        f"{name}   [{tau_m:g}, {tau_d:g}, {dt:g}]", legend="upper right",
    )  # fmt: skip
    curves = {"": {"t": run.t, "I": run.I, "u": run.u, "i_c": run.i_c}}
    given = {"tau_m": tau_m, "tau_d": tau_d, "dt": dt, "I": CURRENT}
    return PaperPanel(name, SHOWS[name], given, tuple(checks), curves, drawn)


def _answer(t, I, u, *labels: str) -> list[Curve]:
    """What is applied and what the device answers."""
    return [
        Curve(t, values, label=label, colour=colour)
        for values, label, colour in zip((I, u), labels, (STIMULUS, ANSWER), strict=True)
    ]


def _closer(run: PulseRun, x: tuple[float, float], y: tuple[float, float]) -> Inset:
    """A part of the pulse, enlarged."""
    t, u = run.during()
    marks = _answer(t, np.full_like(t, CURRENT), u, "", "")
    part = Panel(marks, PlotAxis(limits=x), PlotAxis(limits=y), "enlarged")
    return Inset((0.47, 0.42, 0.5, 0.45), part)


def voltage_panel() -> PaperPanel:
    """Figure 3: the current after a step of voltage behind a series resistance."""
    texts = {"0.01": "1.376", "1": "2.692", "10": "5.128"}
    curves, checks = {}, []
    for name, (tau_m, tau_d, end) in STEPS.items():
        device = paper_device(tau_m=tau_m, tau_d=tau_d, R_s=R_S)
        fine = end * np.geomspace(1e-6, 1, 1200)
        t = np.unique(np.concatenate([np.linspace(-0.1, 1, 1101) * end, fine]))
        run = solve(Circuit(device, VoltageDrive(Step(V_APP))), jnp.asarray(t), rtol=1e-8)
        I = np.asarray(run.I)
        curves[f"tau_m_{name}"] = {"t": t, "I": I, "u": np.asarray(run.u)}
        edge = float(I[np.argmax(t >= 0)])
        checks += [
            near(f"I at the edge, tau_m = {name}", edge, "15.000"),
            near(f"least I, tau_m = {name}", I[t >= 0].min(), texts[name]),
            near(f"I at rest, tau_m = {name}", I[-1], "5.1652"),
        ]

    marks: list[AbstractMark] = []
    for (name, curve), colour in zip(curves.items(), SHADES, strict=True):
        tau_m, tau_d, end = STEPS[name.removeprefix("tau_m_")]
        x, I = curve["t"] / end, curve["I"]
        k = np.argmax(x >= 0) + np.argmin(I[x >= 0])
        label = rf"$\tau_m$ = {tau_m:g}, $\tau_d$ = {tau_d:g}, dt = {end:g}"
        marks += [
            Curve(x, I, label=label, colour=colour), Curve(x[[k]], I[[k]], "mark", colour=colour),
        ]  # fmt: skip
    closer = [replace(mark, label="") for mark in marks]
    part = Panel(closer, PlotAxis(limits=(0.08, 0.3)), PlotAxis(limits=(5.05, 5.25)), "enlarged")
    marks += [
        Inset((0.42, 0.52, 0.38, 0.26), part),
        Rule("y", V_APP / R_S, role="dotted", colour=STIMULUS),
        Note(r"$V/R_s$", (0.25, 14.3), colour=STIMULUS),
    ]
    drawn = Panel(
        marks, PlotAxis("t / dt", limits=(-0.02, 0.3)), PlotAxis("I", limits=(0, 15.8)),
        "3   V = 1.5 behind $R_s$ = 0.1", legend="lower right",
    )  # fmt: skip
    shows = "the current jumps to V/R_s = 15, falls to a minimum and comes to rest at 5.1652"
    given = {"V": V_APP, "R_s": R_S} | {f"set {k + 1}": s for k, s in enumerate(STEPS.values())}
    return PaperPanel("3", shows, given, tuple(checks), curves, drawn)


PANELS: dict[str, Builder] = {name: partial(pulse_panel, name) for name in PULSES}
PANELS["3"] = voltage_panel
