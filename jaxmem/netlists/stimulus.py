"""A waveform as sources of a simulator: straight lines through corners, and sines."""

from typing import NamedTuple

import numpy as np

from jaxmem.circuits.waveform import AbstractWaveform, Sine, Sum

# A jump is a ramp of this share of the run: no simulator has two values at one time.
RAMP = 1e-10
# Beyond so many corners a source is a line of a megabyte.
MOST_CORNERS = 20_000


class SineSource(NamedTuple):
    """offset + amplitude sin(2 pi freq (t - start)) from start on."""

    offset: float
    amplitude: float
    freq: float
    start: float


class Stimulus(NamedTuple):
    """Corners (times [s] from 0 on, values) and sines, which add; `shift` [s] is what t = 0 of the
    waveform is in the simulator."""

    times: list[float]
    values: list[float]
    sines: list[SineSource]
    shift: float


def stimulus_of(wave: AbstractWaveform, until: float) -> Stimulus:
    """The sources that are a waveform up to the time `until` [s].

    **Raises:** `ValueError` for a waveform that is neither straight lines nor a sine without phase.
    """
    parts = list(wave.parts) if isinstance(wave, Sum) else [wave]
    sines = [part for part in parts if isinstance(part, Sine)]
    straight = [part for part in parts if not isinstance(part, Sine)]
    edges = wave.finite_edges()
    first = float(min([0.0, *edges[:1]]))
    if any(float(s.phase) != 0 for s in sines):
        raise ValueError("netlist: a sine with a phase begins by a jump; give Sampled, or no phase")
    times, values = _corners(straight, first, until) if straight else ([0.0], [0.0])
    made = [
        SineSource(float(s.offset), float(s.amplitude), float(s.freq), float(s.start) - first)
        for s in sines
    ]
    return Stimulus(times, values, made, -first)


def _corners(parts, first, until):
    total = Sum(tuple(parts)) if len(parts) > 1 else parts[0]
    corners = total.corners()
    if corners is None:
        raise ValueError(
            f"netlist: {type(parts[0]).__name__} is no straight lines and no Sine; give Sampled"
        )
    t, v = (np.asarray(side, dtype=float) for side in corners)
    ramp = RAMP * (until - first)
    times, values = [0.0], [float(v[0])]
    for when, value in zip((t - first).tolist(), v.tolist(), strict=True):
        if when > until - first and when > times[-1]:
            break
        if when <= times[-1]:
            if value == values[-1]:
                continue
            when = times[-1] + ramp
        times.append(when)
        values.append(value)
    if len(times) > MOST_CORNERS:
        raise ValueError(
            f"netlist: the drive has {len(times):,} corners, and a source takes {MOST_CORNERS:,}; "
            "give an earlier end"
        )
    # What ends between two corners goes on to the later one.
    later = np.flatnonzero(t - first > times[-1])
    if len(later) and times[-1] < until - first:
        times.append(float(t[later[0]] - first))
        values.append(float(v[later[0]]))
    return times, values
