"""Figures of a design: before and after, in time and over the drive; the Pareto front."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from fitting.designs.front import Front
from fitting.designs.goals.behaviour import circuit_at
from fitting.designs.goals_file import GoalsFile
from fitting.designs.outcome import Design
from fitting.designs.search.programs import cycle_found
from jaxmem.circuits import Circuit, DriveKind, Step, drive_of_kind
from jaxmem.circuits.drive import LETTER, UNIT
from jaxmem.devices import AbstractDevice
from jaxmem.output.numbers import engineering
from jaxmem.plots.figure import BLACK, COLOURS, GREY, Curve, Figure, Panel, PlotAxis, Role
from jaxmem.responses import solve, steady_curve

# A transient shows so many periods of the slower Hopf point, or of the longest time constant where
# there is none, in so many samples; cycles are computed at so many drives in the window.
PERIODS, SAMPLES, CYCLES, REST = 8.0, 1601, 15, 601


class DrawnDevice(NamedTuple):
    """A device with its Hopf points, the drive where a cycle is meant, and what it is called."""

    title: str
    device: AbstractDevice
    points: Any
    level: float

    @property
    def oscillates(self) -> bool:
        """Whether there is a window."""
        return int(self.points.found) >= 2

    def window(self, drive: DriveKind) -> tuple[float, float]:
        """The first and the last drive at a Hopf point."""
        imposed = np.asarray(self.points.imposed(drive))
        return float(imposed[0]), float(imposed[min(int(self.points.found), imposed.size) - 1])


def figures_of(asked: GoalsFile, found: Design) -> dict[str, Callable[[], Figure]]:
    """What makes the figures, by name. Hopf points and cycles come from the programs of the search,
    so that nothing has to be compiled for them."""
    task = asked.task
    z = np.log(np.array([np.ones(len(found.factors)), list(found.factors.values())]))
    points, _ = task.hopf(z)
    pair = [
        _shown(asked, title, device, jax.tree.map(lambda a, k=k: jnp.asarray(a[k]), points), place)
        for k, (title, device, place) in enumerate(
            (("before", asked.device, asked.at), ("after", found.device, found.at))
        )
    ]
    makes: dict[str, Callable[[], Figure]] = {
        "transients": lambda: transients_figure(pair, asked.drive)
    }
    if any(one.oscillates for one in pair):
        makes["bifurcation"] = lambda: bifurcation(pair, asked.drive)
    front = found.front
    if front is not None and len(front.devices) > 1:
        makes["front"] = lambda: front_figure(front, found)
    return makes


def _shown(asked: GoalsFile, title: str, device: AbstractDevice, points: Any, place) -> DrawnDevice:
    how, value = place
    one = DrawnDevice(title, device, points, value)
    if how == LETTER[asked.drive]:
        return one
    if one.oscillates:
        low, high = one.window(asked.drive)
        return one._replace(level=low + value * (high - low) if how == "window" else value * low)
    # Without a window: where it conducts half.
    centre = device.windows()[0][0] if device.windows() else jnp.asarray(1.0)
    I = steady_curve(device, jnp.stack([centre, centre])).I[0]
    return one._replace(level=float(I if asked.drive == "current" else centre + device.R_s * I))


def transients_figure(pair: list[DrawnDevice], drive: DriveKind) -> Figure:
    """u after the drive is switched on, of today's device and of the designed one."""
    return Figure([[_transient(one, drive) for one in pair]], (10, 3.3))


def _transient(one: DrawnDevice, drive: DriveKind) -> Panel:
    if int(one.points.found) > 0:
        length = PERIODS * float(np.nanmax(2 * np.pi / np.asarray(one.points.omega)))
    else:
        taus = [float(getattr(one.device, n)) for n in ("tau_d", "tau_k") if hasattr(one.device, n)]
        length = PERIODS * max(taus, default=1.0)
    circuit = Circuit(one.device, drive_of_kind(drive, Step(jnp.asarray(one.level))))
    run = solve(circuit, jnp.linspace(0.0, length, SAMPLES))
    level = engineering(one.level, UNIT[drive], 3)
    says = f"{one.title}, {LETTER[drive]} = {level}"
    if not one.oscillates:
        says += " (never oscillates)"
    return Panel([Curve(run.t, run.u)], PlotAxis("time", "s"), PlotAxis("u", "V"), says)


def bifurcation(pair: list[DrawnDevice], drive: DriveKind) -> Figure:
    """Rest and the extrema of cycles over the drive, before and after; the frequency."""
    ends = [drive_ends for one in pair if one.oscillates for drive_ends in one.window(drive)]
    top = 1.25 * max(ends)
    panels = [[], []]
    for one, colour in zip(pair, (GREY, COLOURS[0]), strict=True):
        u = np.linspace(0.0, _voltage_at(one.device, top, drive), REST)
        rest = steady_curve(one.device, jnp.asarray(u))
        imposed, u = np.asarray(getattr(rest, LETTER[drive])), np.asarray(rest.u)
        if not one.oscillates:
            panels[0].append(Curve(imposed, u, "thin", colour=colour, label=f"{one.title}: rest"))
            continue
        low, high = one.window(drive)
        parts: list[tuple[Any, Role]] = [
            (imposed <= low, "thin"), (imposed >= high, "thin"),
            ((imposed >= low) & (imposed <= high), "dotted"),
        ]  # fmt: skip
        for part, role in parts:
            label = f"{one.title}: rest" if role == "thin" and imposed[part][0] <= low else ""
            panels[0].append(Curve(imposed[part], u[part], role, colour=colour, label=label))
        at, most, least, rate = _cycles(one, drive)
        panels[0] += [
            Curve(at, most, "line", colour=colour, label=f"{one.title}: cycle"),
            Curve(at, least, "line", colour=colour),
        ]
        panels[1].append(Curve(at, rate, "line", colour=colour, label=one.title))
    x = PlotAxis(LETTER[drive], UNIT[drive])
    axes = PlotAxis("u at rest, extrema of cycles", "V"), PlotAxis("frequency", "Hz")
    return Figure([[Panel(lines, x, y) for lines, y in zip(panels, axes, strict=True)]], (10, 3.6))


def _voltage_at(device: AbstractDevice, drive_value: float, drive: DriveKind) -> float:
    """u at rest, by halving: the drive rises with u for what has one rest at each drive."""
    low, high = 0.0, 1.0
    imposed = lambda u: _imposed(device, u, drive)
    while imposed(high) < drive_value and high < 1e6:
        high *= 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if imposed(middle) < drive_value else (low, middle)
    return high


def _imposed(device: AbstractDevice, u: float, drive: DriveKind) -> float:
    return float(getattr(steady_curve(device, jnp.array([u, u])), LETTER[drive])[0])


def _cycles(one: DrawnDevice, drive: DriveKind):
    """Drives in the window, extrema of u and frequency of the stable cycles there; NaN without."""
    low, high = one.window(drive)
    share = np.concatenate([[0.003], np.linspace(0.02, 0.98, CYCLES), [0.997]])
    rows = []
    for level in low + share * (high - low):
        circuit = circuit_at(one.device, drive, jnp.asarray(level))
        search = cycle_found(circuit, jax.tree.map(jnp.asarray, one.points), transients=False)
        _, orbit = search.cycle.fine()
        u = np.asarray(orbit.stages[..., 0] * search.frame.size[0])
        good = bool(search.stable)
        rows.append([level, *((u.max(), u.min(), np.exp(-float(orbit.log_period))) if good
                              else (np.nan,) * 3)])  # fmt: skip
    return np.array(rows).T


def front_figure(front: Front, found: Design) -> Figure:
    """The Pareto front, and the design."""
    x, y = front.values.T
    says = [f"{name} ({'more' if more else 'less'} is better)"
            for name, more in zip(front.goals, front.more, strict=True)]  # fmt: skip
    here = [np.array([found.values[name]]) for name in front.goals]
    wide = [bool(np.min(v) > 0 and np.max(v) > 5 * np.min(v)) for v in (x, y)]
    lines = [
        Curve(x, y, "line", colour=COLOURS[0]),
        Curve(x, y, "ring", colour=COLOURS[0], label="best of one for the other"),
        Curve(here[0], here[1], "star", colour=BLACK, label="the design"),
    ]
    across, up = (
        PlotAxis(word, unit, scale="log" if far else "linear")
        for word, unit, far in zip(says, front.units, wide, strict=True)
    )
    return Figure([[Panel(lines, across, up)]], (5.6, 4.2))
