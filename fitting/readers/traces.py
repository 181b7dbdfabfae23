"""Recordings of an instrument as terms of a fit."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from fitting.readers import Recording, read_recordings
from fitting.terms.noise_model import Noise
from fitting.terms.trace import Trace
from jaxmem.circuits import (
    AbstractDrive,
    AbstractWaveform,
    DriveKind,
    Sampled,
    Step,
    drive_of_kind,
)


def read_trace(
    path: str | os.PathLike,
    *,
    imposed: DriveKind | None = None,
    drive: AbstractDrive | None = None,
    start: str = "rest",
    units: str | Mapping[str, str] | None = None,
    rate: float | None = None,
    freq: float | None = None,
    compliance: float | None = None,
    area: float | None = None,
    sigma: float | Noise | None = None,
) -> list[Trace]:
    """The current-voltage loops, steps and pulses in a file, as terms of a fit.

    **Arguments:**

    - `path`: CSV or text with columns t, V, I, or an instrument's export; see `read_recordings`.
    - `imposed`: `"current"` or `"voltage"`, what was applied. Default: the drive's, else
      what the file says was asked for, else the one that is smoother where it changes or that
      stays where it is put (the voltage in doubt).
    - `drive`: what was applied, if it is known better than it was measured; by default the samples
      joined by straight lines.
    - `start`: `"rest"`, or `"periodic"` if the loop had gone round before; the file is then one
      period, or `1/freq` is.
    - `units`, `rate`, `freq`, `compliance`, `area`: see `read_recordings`. `sigma`: see `Trace`.

    Samples at the compliance, and those that stand on a jump, are not fitted. If what
    is imposed is the same in all samples, it was switched on from 0 at the first of them.

    **Raises:** `ReadError` (a `ValueError`) if the file is none of these.
    """
    found = read_recordings(
        path, units=units, rate=rate, freq=freq, compliance=compliance, area=area
    )
    period = None if freq is None else 1 / freq
    return [
        trace_of(r, imposed=imposed, drive=drive, start=start, period=period, sigma=sigma)
        for r in found
    ]


def trace_of(
    recording: Recording,
    *,
    imposed: DriveKind | None = None,
    drive: AbstractDrive | None = None,
    start: str = "rest",
    period: float | None = None,
    sigma: float | Noise | None = None,
) -> Trace:
    """A recording bound to what was applied, as a term of a fit.

    **Arguments:**

    - `recording`: times [s], voltages [V] and currents [A], each of shape `(n,)`.
    - `imposed`, `drive`, `start`: see `read_trace`. `sigma`: see `Trace`.
    - `period`: of a periodic drive [s]; by default the recording is one period.

    **Raises:** `ValueError` for another `imposed`, for times that are all the same, and as `Trace`.
    """
    r = recording
    if r.t[0] == r.t[-1]:
        raise ValueError(
            f"{r.label or r.source}: the time is {r.t[0]:g} s at all samples; give the column of "
            "the times, or leave it out and give the scan rate or the frequency"
        )
    imposed = drive.kind if drive is not None else imposed or r.imposed or which_is_imposed(r)
    applied, observed = (r.V, r.I) if imposed == "voltage" else (r.I, r.V)
    if drive is None:
        drive = drive_of_kind(imposed, _wave(r.t, applied, start))
    if period is None and start == "periodic":
        # The last sample of one period lies one interval before the next begins, unless it closes.
        closed = abs(applied[-1] - applied[0]) <= 1e-6 * np.ptp(applied)
        period = float(r.t[-1] - r.t[0] + (0.0 if closed else np.median(np.diff(r.t))))
    # A sample on a jump has no single value, because the charge of C_m passes there at once.
    corners, values = drive.wave.corners() or (np.zeros(0), np.zeros(0))
    jumps = corners[1:][(np.diff(corners) == 0) & (np.diff(values) != 0)]
    used = r.used & ~np.isin(r.t, jumps)
    return Trace(
        r.t, drive, observed, sigma=sigma, start=start, period=period, used=used,
        label=r.label, source=r.source,
    )  # fmt: skip


def _wave(t, applied, start: str) -> AbstractWaveform:
    level = float(np.median(applied))
    if start == "rest" and np.ptp(applied) <= 0.02 * abs(level):
        # Samples that begin with the step do not show what was before.
        return Step(level, 0.0, float(t[0]))  # pyright: ignore[reportArgumentType]
    corners: Any = _jumps_kept(*_turns_kept(t, applied))
    return Sampled(*corners)


def which_is_imposed(r: Recording) -> DriveKind:
    """`"voltage"` or `"current"`: what follows straight lines and plateaus; the voltage in doubt.

    What a source imposes is made of a few straight legs; what answers is curved and noisy. First,
    whether one of them keeps to one or two levels, then the typical second differences, relative
    to the range.
    """
    if not r.I.any():
        # An open circuit.
        return "current"
    level = {name: _on_levels(x) for name, x in (("V", r.V), ("I", r.I))}
    if (level["V"] > 0.98) != (level["I"] > 0.98):
        return "voltage" if level["V"] > 0.98 else "current"
    bend = {name: _bend(r.t, x) for name, x in (("V", r.V), ("I", r.I))}
    return "current" if bend["I"] < 0.2 * bend["V"] else "voltage"


def _on_levels(x) -> float:
    """Which share of the samples lies at one of the two commonest levels, within 2 %."""
    size = max(float(np.ptp(x)), float(np.abs(np.median(x))))
    share, rest = 0.0, np.asarray(x)
    for _ in range(2):
        if not len(rest):
            break
        middle = np.sort(rest)[len(rest) // 2]
        here = np.abs(rest - middle) <= 0.02 * size
        share += here.sum() / len(x)
        rest = rest[~here]
    return share


def _bend(t, x) -> float:
    size = float(np.ptp(x))
    if size == 0 or len(x) < 3:
        return 0.0
    # The median, so that corners and jumps, which a source makes too, do not count.
    return float(np.median(np.abs(np.diff(x, 2)))) / size


def _turns_kept(t, x):
    """The samples, and the corners between two of them where two straight legs meet.

    A triangle that turns between its samples would be cut short there, and with it the current
    that charges C_m.
    """
    if len(t) < 6 or (np.diff(t) <= 0).any():
        return t, x
    slope = np.diff(x) / np.diff(t)
    k = np.arange(2, len(slope) - 2)
    before, after = slope[k - 1], slope[k + 1]
    turn = np.abs(after - before)
    # Both legs must be straight compared with the turn: the top of a sine is no corner.
    straight = np.maximum(np.abs(before - slope[k - 2]), np.abs(after - slope[k + 2]))
    legs = (turn > 0.05 * np.abs(slope).max()) & (straight < 0.1 * turn)
    k, before, after = k[legs], before[legs], after[legs]
    at = (x[k + 1] - x[k] + before * t[k] - after * t[k + 1]) / (before - after)
    inside = (at > t[k]) & (at < t[k + 1])
    k, at, before = k[inside], at[inside], before[inside]
    return np.insert(t, k + 1, at), np.insert(x, k + 1, x[k] + before * (at - t[k]))


def _jumps_kept(t, x):
    """Corners of a polyline: a plateau that ends in a jump does so at once, not along a ramp.

    Where one interval holds nearly all of a change, between two flat stretches, the source jumped
    just before the second sample.
    """
    step = np.abs(np.diff(x))
    size = np.ptp(x)
    flat = step < 0.02 * size
    jump = (step > 0.2 * size) & np.append(True, flat[:-1]) & np.append(flat[1:], True)
    at = np.flatnonzero(jump) + 1
    return np.insert(t, at, t[at]), np.insert(x, at, x[at - 1])
