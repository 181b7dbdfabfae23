"""Figures of what oscillates: bifurcation diagrams, loop gains, maps of stability."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array

from jaxmem import plots
from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER, UNIT
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.responses.search import survey, unseen
from jaxmem.stability import (
    CycleBranch,
    HopfPoints,
    hopf_margin,
    least_margin,
    loop_gain,
    unstable_count,
)
from jaxmem.stability.equilibria.criticality import sizes
from jaxmem.stability.equilibria.folds import drive_at
from jaxmem.stability.equilibria.map import check_drive
from jaxmem.stability.why.change import log_ratio

REST, CYCLE, HARD = plots.BLACK, plots.COLOURS[0], plots.COLOURS[1]
READY = "ln(b/a): above 0 it oscillates"


def bifurcation_figure(
    device: AbstractDevice,
    drive: DriveKind,
    hopf: HopfPoints,
    branches: Sequence[CycleBranch],
    u_range: tuple[float, float] | None = None,
) -> plots.Figure:
    """Rest and cycles over the drive: u, frequency, energy per period.

    Full lines are stable, dashed ones are not; rings are Hopf points.
    """
    letter, unit = LETTER[drive], UNIT[drive]
    at = np.asarray(getattr(hopf, letter))[: int(hopf.found)]
    values = np.concatenate([at, *(np.asarray(b.drive)[np.isfinite(b.drive)] for b in branches)])
    reach = 0.25 * np.ptp(values) or 0.5 * abs(values[0])
    ends = float(max(values.min() - reach, min(0.0, values.min()))), float(values.max() + reach)
    rings = plots.Curve(at, np.asarray(hopf.u)[: at.size], "ring", colour=REST)
    extrema, frequency, energy = [*rest_curves(device, drive, ends, u_range), rings], [], []
    for branch in branches:
        n = int(branch.count)
        x, stable = np.asarray(branch.drive)[:n], np.asarray(branch.stable)[:n]
        for y, lines in (
            (branch.u_max, extrema), (branch.u_min, extrema), (1 / branch.period, frequency),
            (branch.energy, energy),
        ):  # fmt: skip
            lines += stable_pieces(x, np.asarray(y)[:n], stable)
    folds = [
        plots.Rule("x", float(fold), role="dotted", colour=HARD)
        for b in branches for fold in np.asarray(b.folds.drive)[np.isfinite(b.folds.drive)]
    ]  # fmt: skip
    x, positive = plots.PlotAxis(letter, unit, limits=ends), (0.0, None)
    # Of branches that deliver energy, as those of a neuron, it may be negative.
    free = any((np.asarray(b.energy) < 0).any() for b in branches)
    axes = (
        plots.PlotAxis("u: rest, and the cycle's extrema", "V"),
        plots.PlotAxis("frequency", "Hz", limits=positive),
        plots.PlotAxis("energy per spike", "J", limits=(None, None) if free else positive),
    )
    parts = zip((extrema, frequency, energy), axes, strict=True)
    return plots.Figure([[plots.Panel(lines + folds, x, y) for lines, y in parts]], (11, 3.6))


def rest_curves(
    device: AbstractDevice,
    drive: DriveKind,
    ends: tuple[float, float],
    u_range: tuple[float, float] | None = None,
) -> list[plots.AbstractMark]:
    """u at rest over the drive between two values, dashed where it is unstable."""
    points = 1201
    if u_range is None and device.curve is None and not unseen(device):
        windows = device.windows()
        low = min([0.0, *(float(c - 12 * w) for c, w in windows)])
        high = max(float(c + 25 * w) for c, w in windows)
        fine = [np.linspace(float(c - 12 * w), float(c + 12 * w), points) for c, w in windows]
    else:
        seen, given = (np.asarray(a) for a in _seen(device, drive, u_range))
        # Those between the ends, and the next to each side.
        inside = (given >= ends[0]) & (given <= ends[1])
        inside = np.convolve(inside, np.ones(3), "same") > 0
        fine = [seen[inside]]
        low, high = (float(f(fine[0], initial=0.0)) for f in (np.min, np.max))
    s = jnp.asarray(np.unique(np.concatenate([np.linspace(low, high, points), *fine])))
    given, u, stable = (np.asarray(a) for a in _at_rest(device, drive, s))
    inside = np.flatnonzero((given >= ends[0]) & (given <= ends[1]))
    runs = np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1)
    return [mark for k in runs if k.size for mark in stable_pieces(given[k], u[k], stable[k], REST)]


@eqx.filter_jit
def _seen(device, drive, u_range):
    s = survey(device, u_range).s
    return s, jax.vmap(lambda s: drive_at(device, s, drive))(s)


@eqx.filter_jit
def _at_rest(device, drive, s):
    """The drive, u, and whether it is stable, at places of the curve of equilibria."""

    def one(s):
        u, _ = device.equilibrium(s)
        return drive_at(device, s, drive), u, unstable_count(device, s, drive) == 0

    return jax.vmap(one)(s)


def places_of_interest(
    device: AbstractDevice,
    drive: DriveKind,
    hopf: HopfPoints | None = None,
    u_range: tuple[float, float] | None = None,
) -> Array:
    """Voltages (or places of the curve of equilibria) round those where it may oscillate."""
    if device.curve is not None:
        return jnp.linspace(*device.branches[device.curve].rest_range(), 401)
    if u_range is not None:
        return jnp.linspace(*u_range, 401)
    if device.windows():
        centre, width = min(device.windows(), key=lambda w: float(w[1]))
        return jnp.linspace(centre - 8 * width, centre + 8 * width, 401)
    near = least_margin(device, drive).u
    at = np.append([] if hopf is None else np.asarray(hopf.u)[: int(hopf.found)], float(near))
    reach = float(max(np.ptp(at), 2 * sizes(device, near, jnp.append(near, device.rest(near)))[0]))
    return jnp.linspace(at.min() - reach, at.max() + reach, 401)


def stable_pieces(x, y, stable, colour=CYCLE) -> list[plots.AbstractMark]:
    """A line in pieces, full where stable; neighbours meet."""
    cuts = [0, *(np.flatnonzero(np.diff(stable.astype(int))) + 1), len(x)]
    return [
        plots.Curve(x[a : b + 1], y[a : b + 1], "line" if stable[a] else "dashed", colour=colour)
        for a, b in pairwise(cuts)
        if b > a
    ]


def gain_panel(
    device: AbstractDevice,
    drive: DriveKind,
    hopf: HopfPoints | None = None,
    u_range: tuple[float, float] | None = None,
) -> plots.Panel:
    """Loop gain and its bound over u; for other devices the share b/a of the Hurwitz terms."""
    # Inside a compiled program R_s is not known.
    check_drive("the loop gain", device, drive)
    u = places_of_interest(device, drive, hopf, u_range)
    if isinstance(device, Memristor2D | Memristor3D) and not device.extra:
        g = jax.device_get(_gains(device, drive, u))
        marks: list[plots.AbstractMark] = [
            plots.Curve(u, g.gain, label="loop gain g", colour=CYCLE)
        ]
        most, least = float(g.gain.max()), float(g.bound.min())
        if np.isfinite(g.bound).all():
            marks += [
                plots.Curve(u, g.bound, label="needed to oscillate", colour=HARD),
                plots.Band(u, g.bound, np.maximum(g.bound, g.gain), alpha=0.15),
            ]
            limits = min(least, most) / 10, 3 * max(most, 3 * least)
        else:
            words = "8: three equal lags would need"
            marks.append(plots.Rule("y", 8.0, role="dashed", label=words, colour=HARD))
            limits = min(8.0, most) / 30, 3 * max(8.0, most)
        label = "loop gain"
    else:
        u, ratio = jax.device_get(_ratios(device, drive, u))
        marks = [
            plots.Curve(u, ratio, colour=CYCLE),
            plots.Rule("y", 1.0, role="line", colour=HARD),
        ]
        # What is a thousand times too small is as good as nothing.
        limits = max(float(ratio.min()), 1e-3) / 2, 2 * max(1.0, float(ratio.max()))
        label = "b/a of the Hurwitz determinant a - b"
    y = plots.PlotAxis(label, scale="log", limits=limits)
    return plots.Panel(marks, plots.PlotAxis("u", "V"), y, "what it has and what it needs")


@eqx.filter_jit
def _gains(device, drive, u):
    return jax.vmap(lambda u: loop_gain(device, u, drive))(u)


@eqx.filter_jit
def _ratios(device, drive, places):
    """u and the share b/a of the Hurwitz terms there."""
    margin = jax.vmap(lambda s: hopf_margin(device, s, drive))(places)
    u = jax.vmap(lambda s: device.equilibrium(s)[0])(places)
    return u, jnp.exp(-log_ratio(margin))


def map_panel(
    data: xr.Dataset,
    *,
    here: tuple[float, float] | None = None,
    target: tuple[float, float] | None = None,
) -> plots.Panel:
    """ln(b/a) over two parameters: blue where it oscillates at some bias, a line where it begins.

    `data` is a sweep of `least_margin` over two axes; `here` the device, `target` the boundary's
    nearest point.
    """
    values = -np.asarray(log_ratio(jnp.asarray(data.margin.values)))
    panel = _over_two(data, values, READY, kind="signed")
    marks = [*panel.marks, plots.Contour(*_coordinates(data), values)]
    if here is not None:
        if target is not None:
            marks.append(plots.Arrow(here, target, colour=plots.BLACK))
        marks.append(plots.Curve([here[0]], [here[1]], "star", colour=plots.BLACK))
    return replace(panel, marks=marks)


def map_figure(data: xr.Dataset, **marks: Any) -> plots.Figure:
    """A figure of `map_panel` alone."""
    return plots.Figure([[map_panel(data, **marks)]], (6.4, 4.8))


def _coordinates(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    y, x = (data[name].values for name in data.margin.dims[:2])
    return x, y


def _over_two(data: xr.Dataset, values: np.ndarray, label: str, **kind: Any) -> plots.Panel:
    y, x = (_axis(data[name]) for name in data.margin.dims[:2])
    return plots.Panel([plots.Map(*_coordinates(data), values, label=label, **kind)], x, y)


def _axis(coordinate: xr.DataArray) -> plots.PlotAxis:
    """The axis of a map, logarithmic where neighbours have one ratio."""
    v = np.asarray(coordinate.values)
    log = v.size > 2 and v.min() > 0 and bool(np.ptp(v[1:] / v[:-1]) < 1e-6 * v[1] / v[0])
    ends = (float(v.min()), float(v.max())) if v.size > 1 else (None, None)
    scale = "log" if log else "linear"
    return plots.PlotAxis(str(coordinate.name), coordinate.attrs["units"], scale, ends)


# What a map of oscillations shows beside the margin, where it has it, and in which words.
SHOWN = {
    "drive_low": "drive at the onset",
    "frequency_low": "frequency at the onset",
    "frequency": "frequency of the cycle",
    "amplitude": "amplitude of the cycle",
    "energy": "energy for each period",
}


def oscillation_figure(data: xr.Dataset, drive: DriveKind, at: str = "") -> plots.Figure:
    """Where devices of a sweep oscillate, and what else it holds; over one or two axes.

    **Arguments:**

    - `data`: a sweep of what `jaxmem.apps.oscillations.mapped` makes: the `margin`, and of
      those that oscillate some of `drive_low`, `frequency_low`, ..., with their units.
    - `drive`: the kind of the drive.
    - `at`: in words, at which drive cycles are taken.
    """
    of_cycle = {"frequency", "amplitude", "energy"} & set(data)
    names = [n for n in SHOWN if n in data and not (of_cycle and n == "frequency_low")]
    if len(data.margin.dims) == 1:
        panels = _window_panels(data, drive, of_cycle)
    else:
        panels = [map_panel(data), *(_onset_panel(data, n, SHOWN[n]) for n in names)]
    if of_cycle:
        panels[-1] = replace(panels[-1], title=at)
    return plots.Figure([panels], (0.9 + 4.2 * len(panels), 3.9))


def _onset_panel(data: xr.Dataset, name: str, label: str) -> plots.Panel:
    values = data[name].values
    fine = values[np.isfinite(values)]
    if not fine.size:
        return replace(
            _over_two(data, values, label), marks=[plots.Note("nothing oscillates here")]
        )
    ratio = fine.min() > 0 and fine.max() > 5 * fine.min()
    panel = _over_two(
        data, values, label, unit=data[name].attrs["units"], kind="log" if ratio else "linear"
    )
    l1 = data.l1_low.values if "l1_low" in data else np.zeros(())
    if not np.any(l1 > 0):
        return panel
    border = plots.Contour(*_coordinates(data), np.where(np.isfinite(l1), l1, -1.0), colour=HARD)
    title = "within the orange line the onset is hard"
    return replace(panel, marks=[*panel.marks, border], title=title)


def _window_panels(data: xr.Dataset, drive: DriveKind, of_cycle: set[str]) -> list[plots.Panel]:
    (name,) = data.margin.dims
    v, x = data[name].values, _axis(data[name])
    ready = plots.Curve(v, -log_ratio(jnp.asarray(data.margin.values)), colour=CYCLE)
    panels = [
        plots.Panel(
            [plots.Rule("y", 0.0, role="line", colour=HARD), ready], x, plots.PlotAxis(READY)
        )
    ]
    shown = {"drive": f"window of {LETTER[drive]}", "frequency": "frequency at the Hopf points"}
    for kind, label in shown.items():
        ends = [data[n] for n in (f"{kind}_low", f"{kind}_high") if n in data]
        if not ends:
            continue
        words = ("lowest Hopf point", "highest Hopf point")
        colours = (CYCLE, plots.COLOURS[2])
        marks: list[plots.AbstractMark] = [
            plots.Curve(v, end.values, label=words[k], colour=colours[k])
            for k, end in enumerate(ends)
        ]
        if kind == "drive" and len(ends) == 2:
            marks.append(plots.Band(v, ends[0].values, ends[1].values))
        panels.append(plots.Panel(marks, x, _scaled(ends[0], label)))
    for kind in sorted(of_cycle):
        curve = plots.Curve(v, data[kind].values, colour=CYCLE)
        panels.append(plots.Panel([curve], x, _scaled(data[kind], SHOWN[kind])))
    return panels


def _scaled(values: xr.DataArray, label: str) -> plots.PlotAxis:
    """An axis of values that are positive, if there are any."""
    fine = values.values[np.isfinite(values.values)]
    scale = "log" if fine.size and fine.min() > 0 else "linear"
    return plots.PlotAxis(label, values.attrs["units"], scale)
