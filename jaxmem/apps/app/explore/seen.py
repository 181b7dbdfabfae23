"""From a state of the page to what is drawn at once: panels, elements, words. No page in it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from jaxmem import plots
from jaxmem.apps.app.explore.drive_form import level_of
from jaxmem.apps.app.explore.exploration import Exploration
from jaxmem.apps.app.explore.offered_devices import base_device
from jaxmem.apps.simulation import duration
from jaxmem.circuits import drive_of_kind
from jaxmem.devices import AbstractDevice
from jaxmem.output.numbers import engineering
from jaxmem.plots.devices import transient_figure
from jaxmem.plots.phase_plane import phase_plane_panel
from jaxmem.plots.rest_answers import (
    RestAnswers,
    current_voltage_panel,
    impedance_panels,
    places_at_rest,
    rest_answers,
)
from jaxmem.plots.stability import gain_panel
from jaxmem.responses.search import unseen

SAMPLES = 1501
# What takes more steps than these between two edges is not drawn while a slider moves.
MOST_STEPS = 20_000
PINNED = "pinned"
GAIN = "Loop gain: what it has and what it needs"
ELEMENTS = {
    "R_b": ("ohm", "leak"), "R_a": ("ohm", "of the chemical inductor, eq. 7"),
    "L_d": ("H", "eq. 8"), "L_k": ("H", "eq. 15"), "R_dc": ("ohm", "dV/dI - R_s, eq. 9"),
    "C_m": ("F", "of the layer"), "C_lf": ("F", "at low frequency: below 0 it is inductive"),
    "tau_d": ("s", "lag of the slow current"), "tau_a": ("s", "f tau_k, lag of the occupation"),
}  # fmt: skip


class Seen(NamedTuple):
    """What a state shows: panels by name, rows of a table, sentences."""

    panels: dict[str, plots.Panel]
    rows: Sequence[tuple[str, str, str]] = ()
    lines: Sequence[str] = ()


def bias_of(state: Exploration, device: AbstractDevice) -> float:
    """Where the impedance is looked at, if the state does not say: where the device is steepest."""
    if state.bias is not None:
        return state.bias
    windows = [] if device.curve is not None else device.windows()
    if windows:
        return float(min(windows, key=lambda w: float(w[1]))[0])
    places = places_at_rest(device)
    return float(places[len(places) // 2])


def seen_at_rest(state: Exploration) -> Seen:
    """Current against voltage, the impedance and its elements at the bias, the loop gain."""
    device, kind = state.device, state.circuit_drive.kind
    found = rest_answers(device, kind, bias_of(state, device))
    panels = _rest_panels(found, state)
    if state.pinned:
        other = base_device(state.pinned)
        place = bias_of(state, other)
        beside = _rest_panels(rest_answers(other, kind, place), state)
        panels = {name: with_pinned(p, beside[name]) for name, p in panels.items()}
    lines = [stability_line(found, kind)]
    try:
        panels["gain"] = replace(gain_panel(device, kind), title=GAIN)
        if state.pinned:
            panels["gain"] = with_pinned(
                panels["gain"], gain_panel(base_device(state.pinned), kind)
            )
    except ValueError as error:
        panels["gain"] = plots.Panel([plots.Note(_short(str(error)))], title="Loop gain")
    return Seen(panels, element_rows(found), lines)


def _rest_panels(found: RestAnswers, state: Exploration) -> dict[str, plots.Panel]:
    names = ("nyquist", "modulus", "phase")
    return {"iv": current_voltage_panel(found, log=state.log)} | dict(
        zip(names, impedance_panels(found), strict=True)
    )


def element_rows(found: RestAnswers) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each element that the device has at the bias."""
    rows = [
        (name, engineering(float(value), ELEMENTS[name][0]), ELEMENTS[name][1])
        for name, value in found.circuit._asdict().items()
        if np.isfinite(value)
    ]
    here = found.point
    rows.append(("u, I, V", ", ".join(
        (engineering(float(here.u), "V"), engineering(float(here.I), "A"),
         engineering(float(here.V), "V"))), "at the bias"))  # fmt: skip
    return rows


def stability_line(found: RestAnswers, kind: str) -> str:
    """Whether rest at the bias is stable, in words."""
    k = int(np.argmin(np.abs(np.asarray(found.u) - float(found.point.u))))
    word = "stable" if bool(found.stable[k]) else "unstable"
    text = f"Under a constant {kind} rest at u = {engineering(float(found.point.u), 'V')} is {word}"
    turning = found.rates[np.abs(found.rates.imag) > 0]
    if turning.size and word == "unstable":
        omega = float(np.max(np.abs(turning.imag)))
        text += f", and it begins to turn at {engineering(omega / 2 / np.pi, 'Hz')}"
    if np.min(found.Z.real) < 0 and word == "stable":
        text += "; Re Z is negative at some frequencies, which is necessary and not sufficient"
    return f"{text}."


def solved(state: Exploration, device: AbstractDevice | None = None) -> jm.Transient:
    """The transient of a state's device, or of another, under its drive."""
    circuit = jm.Circuit(state.device if device is None else device, state.circuit_drive)
    edges = circuit.drive.wave.finite_edges()
    end = state.until if state.until is not None else duration(circuit)
    first = min([0.0, *(float(e) for e in edges[:1])])
    if not end > first:
        raise ValueError(f"the transient must end after its first edge at {first:g} s")
    start = None
    if unseen(circuit.device) or circuit.device.curve is not None:
        at: dict[str, Any] = {"V" if circuit.drive.kind == "voltage" else "I": 0.0}
        start = jm.operating_point(circuit.device, **at, branch="rest")
    times = jnp.linspace(first - 0.02 * (end - first), end, SAMPLES)
    return jax.device_get(jm.solve(circuit, times, start=start, max_steps=MOST_STEPS))


def seen_in_time(state: Exploration) -> tuple[Seen, jm.Transient]:
    """The transient under the drive, and the run itself."""
    run = solved(state)
    panels = _in_time(run)
    if state.pinned:
        # On the same times.
        same = replace(state, until=float(run.t[-1]))
        other = _in_time(solved(same, base_device(state.pinned)))
        panels = {k: with_pinned(p, other[k]) if k in other else p for k, p in panels.items()}
    return Seen(panels, lines=list(run.notes)), run


def _in_time(run: jm.Transient) -> dict[str, plots.Panel]:
    rows = transient_figure(run).rows
    names = ("voltage", "current", "occupation")
    time = plots.PlotAxis("time", "s")
    heads = {"voltage": "Voltage", "current": "Current", "occupation": "Occupation"}
    return {n: replace(r[0], x=time, title=heads[n]) for n, r in zip(names, rows, strict=False)
            if r[0] is not None}  # fmt: skip


def seen_cycle(asked: tuple[Exploration, jm.Transient]) -> Seen:
    """The limit cycle at the drive's level, in the phase plane with the transient."""
    state, run = asked
    device, drive = state.device, state.circuit_drive
    level, cycle, lines = level_of(drive), None, []
    if drive.kind == "voltage" and not float(device.R_s) > 0:
        lines = ["Under an ideal voltage, R_s = 0, u is imposed and cannot oscillate."]
    else:
        circuit = jm.Circuit(device, drive_of_kind(drive.kind, jm.Constant(jnp.asarray(level))))
        cycle = jax.device_get(jm.limit_cycle(circuit, throw=False))
        at = f"{'V' if drive.kind == 'voltage' else 'I'} = " + engineering(
            level, "V" if drive.kind == "voltage" else "A"
        )
        if bool(np.isfinite(cycle.period)):
            kind = "stable" if bool(cycle.stable) else "unstable"
            lines = [
                f"At a constant {at} there is a {kind} limit cycle: "
                f"{engineering(1 / float(cycle.period), 'Hz')}, u from "
                f"{engineering(float(cycle.u_min), 'V')} to {engineering(float(cycle.u_max), 'V')},"
                f" {engineering(float(cycle.energy), 'J')} a period."
            ]
        else:
            lines = [f"At a constant {at}: {jm.RESULTS[cycle.result]}."]
    panel = phase_plane_panel(device, drive.kind, level, run, cycle)
    return Seen({} if panel is None else {"plane": panel}, lines=lines)


def with_pinned(panel: plots.Panel, other: plots.Panel) -> plots.Panel:
    """A panel with the lines of the pinned device beside, dotted."""
    lines = [
        replace(m, role="dotted", colour=plots.DATA, label=PINNED, size=2.0)
        for m in other.marks
        if isinstance(m, plots.Curve) and m.role in ("line", "dashed")
    ]
    return replace(panel, marks=[*lines, *panel.marks])


def _short(text: str) -> str:
    return text if len(text) < 70 else f"{text[:67]}..."
