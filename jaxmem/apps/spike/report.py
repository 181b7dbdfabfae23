"""What `jaxmem spike` does: a device or a fit to a page, figures and numbers."""

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxmem import plots
from jaxmem.apps.spike.answer import Answer, spike_answer
from jaxmem.apps.spike.chance import Chance, spike_chance
from jaxmem.apps.spike.words import sentences
from jaxmem.circuits import Circuit, Step, drive_of_kind
from jaxmem.devices import (
    AbstractDevice,
    ConstantPhase,
    Memristor2D,
    read_sourced,
    write_device,
)
from jaxmem.lens import get, lenses
from jaxmem.output.numbers import engineering
from jaxmem.output.page import render
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter, Silent
from jaxmem.output.results_folder import check_folder, new_folder
from jaxmem.output.table import write_csv
from jaxmem.plots.figure import Curve, Figure, Panel, PlotAxis
from jaxmem.plots.stability import (
    bifurcation_figure,
    gain_panel,
    map_figure,
    places_of_interest,
    rest_curves,
)
from jaxmem.responses import operating_point, solve
from jaxmem.responses.search import check_range, unseen
from jaxmem.results import RESULTS
from jaxmem.stability import least_margin, smallest_change
from jaxmem.stability.equilibria.folds import drive_at
from jaxmem.sweeps import Axis, sweep

# Points of the map to each side, of a device with many states or without windows fewer, and how far
# it goes, at least, from the device.
POINTS, FEWER, DECADES = 121, 31, 1.0
# Of more states besides u the programs take too long to compile; of so many the map is coarser.
STATES, MANY = 20, 8
EDITED = (
    "device.toml was changed after the fit, so that no probability can be told: fit again, or give "
    "fit.json for the device that was fitted."
)


class Report(NamedTuple):
    """What was written: the page, and its findings in words."""

    page: Path
    lines: list[str]


def write_report(
    file: str | Path,
    out: str | Path,
    *,
    axes: tuple[str, str] | None = None,
    u_range: tuple[float, float] | None = None,
    force: bool = False,
    allow_import: bool = False,
    command: str = "",
    progress: Reporter | None = None,
) -> Report:
    """Write report.html, spike.json, figures, the branches as CSV, the map as netCDF.

    **Arguments:**

    - `file`: a device as TOML, the folder of a fit, or its `fit.json`.
    - `axes`: names of the two parameters of the stability map; by default the two that the
      smallest change moves most.
    - `u_range`: voltages to look in [V], as in `hopf_points`; by default where the device is steep.
    - `allow_import`: whether the device may name classes that are imported (see `read_device`).
    - `progress`: hears of what is answered and drawn.

    **Raises:** `ValueError` for a file that is neither, for a device that is steep nowhere (a fit
    of linear elements), with more than 20 states besides u (as ladders of constant-phase elements
    have that are wide and accurate), and for axes that it has not.
    """
    check_folder(out, force=force)
    step = (progress or Silent()).step
    found = read_sourced(file, allow_import=allow_import)
    # Of a device that was changed since, the covariance of its fit says nothing.
    device, fit = found.device, None if found.edited else found.fit
    check_can_be_asked(device, str(file))
    u_range = check_range("spike", u_range) and u_range
    if axes is not None:
        _check_axes(device, axes)
    answers, chances = [], []
    for k, drive in enumerate(("current", "voltage")):
        step("answering", k, 2)
        answers.append(spike_answer(device, drive, u_range))
        chances.append(spike_chance(device, fit, drive, u_range=u_range) if fit else None)
    step("answering", 2, 2)
    lines = {a.drive: _lines(device, a, c) for a, c in zip(answers, chances, strict=True)}
    for a in answers:
        lines[a.drive] += _ladders(device, a)
        lines[a.drive] += [EDITED] if found.edited else []
    origin = provenance_of(command, found.files)
    record = {
        "source": str(file),
        "device": {n: float(get(lens, device)) for n, lens in lenses(device).items()},
        "statements": lines,
        "answers": [a.record() for a in answers],
        "chances": [c and c.__dict__ for c in chances],
        "provenance": origin,
    }
    with new_folder(out, force=force) as results:
        folder = results.path
        write_device(folder / "device.toml", device)
        (folder / "spike.json").write_text(json.dumps(record, indent=1, allow_nan=False) + "\n")
        for a in answers:
            if a.hopf is not None and a.branches:
                _write_branches(folder / f"cycles_{a.drive}.csv", a)
        results.publish()
        drawn, problems = _drawn(folder, device, answers, axes, step)
        page = render(
            "jaxmem.apps", "spike.html", title="Will it spike?", source=Path(file).name,
            lines=lines, answers=[a.record() for a in answers], spikes=[a.spikes for a in answers],
            figures=drawn, provenance=json.dumps(origin, indent=1),
        )  # fmt: skip
        (folder / "report.html").write_text(page, encoding="utf-8")
    told = [line for part in lines.values() for line in part]
    return Report(results.place / "report.html", [*told, *problems, *results.notes])


def check_can_be_asked(device: AbstractDevice, source: str) -> None:
    """Refuse a device of which nothing can be said: a linear one, and one of too many states.

    **Raises:** `ValueError` that names the `source`.
    """
    if not device.windows() and not unseen(device) and device.curve is None:
        raise ValueError(
            f"{source}: no branch of this device is steep at any voltage. Linear elements say "
            "nothing of other biases: fit spectra at several biases with --together, or give a "
            "Memristor3D"
        )
    states = device.in_time().size
    if states > STATES:
        raise ValueError(
            f"{source}: with its ladders this device has {states} states besides u, and the report "
            f"is made for at most {STATES}; give its constant-phase element a lower accuracy, or a "
            "narrower band round the frequency of its spikes, or look at it with `jaxmem simulate`"
        )


def _drawn(folder, device, answers, axes, step) -> tuple[dict[str, str], list[str]]:
    """The figures of all drives as SVG, and what could not be drawn, in words."""
    drawn, problems = {}, []
    for k, a in enumerate(answers):
        step("drawing", k, len(answers))
        if a.impossible:
            continue
        saved = plots.save_all(_figures(folder, device, a, axes), folder)
        drawn |= saved.drawn
        problems += saved.problems
        if saved.cut:
            break
    step("drawing", len(answers), len(answers))
    return drawn, problems


def _check_axes(device, axes):
    known = lenses(device)
    if isinstance(device, Memristor2D):
        # Its map is that of the device with a second lag.
        known = known | {"tau_k": known["tau_d"]}
    for name in axes:
        if name not in known:
            raise ValueError(f"the device has no parameter {name}; it has {', '.join(known)}")
        if not float(get(known[name], device)) > 0:
            raise ValueError(f"{name} is not positive: a map is drawn over factors of it")
    if axes[0] == axes[1]:
        raise ValueError(f"a map wants two parameters, got {axes[0]} twice")


def _lines(device, found: Answer, sure: Chance | None) -> list[str]:
    return sentences(device, found) + ([sure.sentence()] if sure else [])


def _ladders(device, found: Answer) -> list[str]:
    """What a constant-phase element is in time, and whether it is asked for more than it is."""
    rates = [] if found.hopf is None else list(np.asarray(found.hopf.omega) / (2 * np.pi))
    rates += [1 / float(T) for b in found.branches for T in np.asarray(b.period)]
    rates = [rate for rate in rates if np.isfinite(rate)]
    lines = []
    for name, element in device.branches.items():
        if not isinstance(element, ConstantPhase):
            continue
        low, high = element.band
        band = f"{engineering(low, 'Hz')} to {engineering(high, 'Hz')}"
        lines.append(
            f"The constant-phase element {name} stands as {len(element.ladder()[1].R)} R-C pairs: "
            f"its admittance within {100 * element.accuracy:.2g} % from {band}."
        )
        if rates and not low <= min(rates) <= max(rates) <= high:
            ends = f"{engineering(min(rates), 'Hz')} to {engineering(max(rates), 'Hz')}"
            lines.append(
                f"It oscillates at {ends}, outside this band: give {name} a band that holds it."
            )
    return lines


def _figures(folder, device, found: Answer, axes) -> dict[str, Callable[[], Figure]]:
    """What makes the figures of one kind of drive; the map also goes into the folder as data."""
    kind = found.drive
    figures: dict[str, Callable[[], Figure]] = {}
    hopf = found.hopf
    if hopf is not None and found.branches:
        figures[f"bifurcation_{kind}"] = lambda: bifurcation_figure(
            device, kind, hopf, found.branches, found.u_range
        )
    figures[f"readiness_{kind}"] = lambda: _readiness_figure(device, found)
    chosen = axes or axes_of_map(found)
    if chosen is not None:
        figures[f"map_{kind}"] = lambda: _map_figure(folder, device, found, chosen)
    return figures


def _map_figure(folder, device, found: Answer, axes) -> Figure:
    data, here, target = map_around(device, found, axes)
    data.to_netcdf(folder / f"map_{found.drive}.nc", engine="scipy")
    return map_figure(data, here=here, target=target)


def _readiness_figure(device, found: Answer) -> Figure:
    """What it has and needs over u, and what it answers to a step into the window, or at rest."""
    stable = [b for b in found.branches if np.asarray(b.stable).any()]
    answer = _spikes(device, found, stable[0]) if stable else _rest(device, found)
    gain = gain_panel(device, found.drive, found.hopf, found.u_range)
    return Figure([[gain, answer]], (9, 3.4))


def _rest(device, found: Answer) -> Panel:
    places = places_of_interest(device, found.drive, found.hopf, found.u_range)
    ends = [float(drive_at(device, s, found.drive)) for s in (places[0], places[-1])]
    curves = rest_curves(device, found.drive, (min(0.0, *ends), max(0.0, *ends)), found.u_range)
    title = "steady state (dashed where unstable)"
    return Panel(curves, PlotAxis(found.letter, found.unit), PlotAxis("u at rest", "V"), title)


def _spikes(device, found: Answer, branch) -> Panel:
    stable = np.flatnonzero(branch.stable)
    k = stable[len(stable) // 2]
    level, period = float(branch.drive[k]), float(branch.period[k])
    t = jnp.linspace(0, 8 * period, 2001)
    circuit = Circuit(device, drive_of_kind(found.drive, Step(jnp.asarray(level))))
    start = None
    if unseen(device) or device.curve is not None:  # several equilibria without a drive, perhaps
        bias: dict[str, Any] = {found.letter: 0.0}
        start = operating_point(device, **bias, u_range=found.u_range, branch="rest")
    run = solve(circuit, t, start=start)
    title = f"from rest, {found.letter} = {engineering(level, found.unit)}"
    return Panel([Curve(run.t, run.u)], PlotAxis("time", "s"), PlotAxis("u", "V"), title)


def axes_of_map(found: Answer) -> tuple[str, str] | None:
    """The two parameters that the smallest change moves most."""
    assert found.change is not None
    change = found.change
    if not change.result == RESULTS.successful and found.lag_change is not None:
        change = found.lag_change
    if not change.result == RESULTS.successful:
        return None
    order = np.argsort(-np.abs(np.log(np.asarray(change.factors))))
    names = [change.names[k] for k in order]
    return (names[0], names[1]) if len(names) > 1 else None


def map_around(device: AbstractDevice, found: Answer, axes: tuple[str, str], points: int = POINTS):
    """A sweep of the least margin round the device, the device, and the boundary near it.

    **Arguments:**

    - `found`: the answer of this device. `axes`: two parameters of it.
    - `points`: to each side, of a device that is quick to evaluate.
    """
    if found.lag is not None:
        device = found.lag.device
    known = lenses(device)
    pair = [known[name] for name in axes]
    near = smallest_change(device, *pair, drive=found.drive, u_range=found.u_range)
    values = [float(get(lens, device)) for lens in pair]
    target, needed = None, np.zeros(2)
    if near.result == RESULTS.successful:
        needed = np.log10(np.asarray(near.factors))
        target = tuple(float(v) for v in values * 10**needed)[::-1]
    reach = np.maximum(DECADES, 1.6 * np.abs(needed).max())
    costly = device.in_time().size > MANY or unseen(device) or device.curve is not None
    points = min(points, FEWER) if costly else points
    made = [
        Axis.log(lens, v / 10**reach, v * 10**reach, points)
        for lens, v in zip(pair, values, strict=True)
    ]
    data = sweep(least_of(found.drive, found.u_range), device, *made)
    return data, tuple(values[::-1]), target


@lru_cache(maxsize=4)
def least_of(drive, u_range=None):
    """`least_margin` under a drive; cached, because a new function would compile anew."""
    return lambda device: least_margin(device, drive, u_range=u_range)


def _write_branches(path: Path, found: Answer) -> None:
    names = [
        "branch", f"{found.letter}_{found.unit}", "period_s", "u_max_V", "u_min_V", "energy_J",
        "multiplier", "stable",
    ]  # fmt: skip
    rows = []
    for k, b in enumerate(found.branches):
        n = int(b.count)
        table = np.stack([b.drive, b.period, b.u_max, b.u_min, b.energy, b.multiplier])[:, :n]
        for row, stable in zip(table.T.tolist(), np.asarray(b.stable)[:n], strict=True):
            rows.append([k, *row, int(stable)])
    write_csv(path, names, rows)
