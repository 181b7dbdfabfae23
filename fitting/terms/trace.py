"""Measurements in time: current-voltage loops, steps and pulses, as terms of a fit."""

from collections.abc import Hashable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float

from fitting.terms.measurement import AbstractMeasurement, Sizes
from fitting.terms.noise_model import SHARE, Noise, check_columns, sigma_and_noise
from fitting.terms.thinning import telling_samples
from fitting.terms.trace_batch import UNITS, TraceBatch, batch_signal
from jaxmem.circuits import AbstractDrive, AbstractWaveform, Sampled
from jaxmem.circuits.drive import LETTER
from jaxmem.devices import AbstractDevice


class Trace(AbstractMeasurement):
    """A signal against time under a drive: a loop, a step, a train of pulses.

    **Arguments:**

    - `t`: times of the samples [s], ascending, shape `(n,)`.
    - `drive`: what was applied, `VoltageDrive(wave)` or `CurrentDrive(wave)`; of data as measured,
      a `Sampled` wave.
    - `observed`: the signal, shape `(n,)`: the current [A] under a voltage drive, the applied
      voltage [V] under a current drive, or what `observe` says: `"I"`, `"V"` or `"u"` (the voltage
      over the memristor).
    - `sigma`: standard deviation of a sample, a number, shape `(n,)` or a noise model (see
      `Noise`); None: the same everywhere, estimated by the fit.
    - `start`: `"rest"` at the drive's value before its first edge; `"periodic"`: the drive has gone
      on long enough to settle, as in a loop that is measured again and again; or `(u, x)`.
    - `period`: of a periodic drive [s]; default that of the wave, or the length of the trace.
    - `used`: False where a sample is not to be fitted (compliance), shape `(n,)`.
    - `rtol`: of the integration, in the device's own units.

    **Raises:** `ValueError` if shapes differ, a value is not finite, the times do not ascend, sigma
    is not positive, or what is observed is what is imposed.
    """

    t: np.ndarray
    drive: AbstractDrive
    observed: np.ndarray
    sigma: np.ndarray | None
    noise: Noise | None = eqx.field(static=True)
    used: np.ndarray
    period: float
    begin: tuple[Any, Any] | None
    wave: AbstractWaveform
    edges: np.ndarray
    observe: str = eqx.field(static=True)
    start: str = eqx.field(static=True)
    rtol: float = eqx.field(static=True)
    label: str = eqx.field(static=True)
    source: str = eqx.field(static=True)

    def __init__(
        self, t, drive, observed, *, observe=None, sigma=None, start="rest", period=None, used=None,
        rtol=1e-6, label="", source="",
    ):  # fmt: skip
        self.t = np.asarray(t, dtype=float)
        self.observed = np.asarray(observed, dtype=float)
        self.drive = drive
        self.label, self.source, self.rtol = label, source, float(rtol)
        name, n = self.name, self.t.shape
        if not isinstance(drive, AbstractDrive):
            raise ValueError(
                f"{name}: the drive is a {type(drive).__name__}; give VoltageDrive(wave) or "
                "CurrentDrive(wave)"
            )
        check_columns(name, "sample", t=self.t, observed=self.observed)
        if self.t.size < 2:
            raise ValueError(f"{name}: a trace has at least 2 samples, got {self.t.size}")
        self.sigma, self.noise = sigma_and_noise(name, sigma, self.observed)
        if (np.diff(self.t) < 0).any():
            at = int(np.argmax(np.diff(self.t) < 0)) + 1
            raise ValueError(f"{name}: sample {at} is earlier than the one before it; sort by time")
        self.used = np.ones(n, bool) if used is None else np.asarray(used, dtype=bool)
        if self.used.shape != n or not self.used.any():
            raise ValueError(
                f"{name}: used must say for each of {n[0]} samples whether to fit it, not never"
            )
        allowed = ("I", "u") if drive.kind == "voltage" else ("V", "u")
        self.observe = allowed[0] if observe is None else observe
        if self.observe not in allowed:
            raise ValueError(
                f"{name}: under a {type(drive).__name__} observe {' or '.join(allowed)}, "
                f"got {self.observe!r}"
            )
        if isinstance(start, str) and start not in ("rest", "periodic"):
            raise ValueError(f"{name}: start is 'rest', 'periodic' or (u, x), got {start!r}")
        self.start = start if isinstance(start, str) else "state"
        self.begin = None if isinstance(start, str) else (start[0], start[1])
        own = getattr(drive.wave, "period", None) if period is None else period
        length = float(self.t[-1] - self.t[0])
        self.period = length if own is None else float(own)
        if not (np.isfinite(self.period) and self.period > 0):
            raise ValueError(f"{name}: the period must be positive and finite, got {period}")

        self.wave = _polyline(drive.wave, self)
        self.edges = self.wave.finite_edges()
        if self.start == "periodic":
            self._check_repeats()

    def _check_repeats(self):
        later = self.t[self.t > self.t[0] + self.period * (1 + 1e-9)]
        if not np.isclose(self.edges, self.t[0], rtol=0, atol=1e-9 * self.period).any():
            # At an edge the drive may jump into the next period.
            later = np.append(later, self.t[0] + self.period)
        if not len(later):
            return
        now, then = np.asarray(self.wave(later)), np.asarray(self.wave(later - self.period))
        size = np.abs(np.asarray(self.wave(self.t))).max()
        if (np.abs(now - then) > 1e-2 * max(size, 1e-300)).any():
            raise ValueError(
                f"{self.name}: start='periodic', but the drive does not repeat after "
                f"{self.period:g} s; give period=, or a drive that goes on over all samples"
            )

    def thinned(self, most: int) -> "Trace":
        """With at most so many samples, edges and extrema among them (see `telling_samples`).

        What was applied is joined by straight lines through the samples that are kept.
        """
        kept = np.flatnonzero(self.used)
        if len(kept) <= most:
            return self
        kept = kept[telling_samples(most, self.t[kept], self.applied[0][kept], self.observed[kept])]
        drive = self.drive
        if isinstance(drive.wave, Sampled):
            drive = type(drive)(_thinned_wave(drive.wave, self.t, self.t[kept], most))
        sigma = self.sigma if self.noise is None else self.noise
        start: Any = self.start if self.begin is None else self.begin
        return Trace(
            self.t[kept], drive, self.observed[kept], observe=self.observe,
            sigma=sigma[kept] if isinstance(sigma, np.ndarray) and sigma.ndim else sigma,
            start=start, period=self.period,
            rtol=self.rtol, label=self.label, source=self.source,
        )  # fmt: skip

    noun = ("trace", "traces")
    integrates = True
    spans_decades = True

    @property
    def unit(self) -> str:
        """Of the signal, A or V."""
        return UNITS[self.observe]

    @property
    def weight(self) -> np.ndarray:
        """1/sigma, 0 where a sample is not used, shape `(n,)`."""
        if self.sigma is None:
            size = np.sqrt(np.mean(self.observed[self.used] ** 2))
            sigma = SHARE * (size if size > 0 else 1.0)
        else:
            sigma = self.sigma
        return np.where(self.used, 1 / sigma, 0.0)

    def signal(self, model: AbstractDevice) -> np.ndarray:
        """The model's signal at the times of the trace, shape `(n,)`."""
        return np.asarray(batch_signal(TraceBatch.of([self]), model))[0, : len(self.t)]

    def residual(self, model: AbstractDevice) -> Float[Array, "n"]:
        """(model - observed)/sigma of every sample, 0 where one is not used; shape `(n,)`.

        NaN if the integration fails.
        """
        return TraceBatch.of([self]).residual(model)[: len(self.t)]

    @property
    def applied(self) -> tuple[np.ndarray, str]:
        """What was imposed at the times of the trace, shape `(n,)`, and its unit."""
        return np.asarray(self.drive.wave(self.t)), UNITS[LETTER[self.drive.kind]]

    @property
    def closed(self) -> bool:
        """A settled loop closes."""
        return self.start == "periodic"

    def sizes(self) -> Sizes:
        """Voltages, currents and times of the samples that are fitted."""
        voltage = self.drive.kind == "voltage"
        applied, seen = self.applied[0][self.used], self.observed[self.used]
        V, I = (applied, seen) if voltage else (seen, applied)
        if voltage and self.observe == "u":
            # Nothing says how large the currents are.
            V, I = seen, np.zeros(0)
        return Sizes(V, I, self.t[self.used], drive="voltage" if voltage else "current")

    @property
    def batch_key(self) -> Hashable | None:
        """Traces of equal keys share a program."""
        return TraceBatch.key(self)

    batch = staticmethod(TraceBatch.of)  # pyright: ignore

    @property
    def quantity(self) -> str:
        """Which signal it is."""
        return self.observe

    @property
    def abscissa(self) -> tuple[str, str, np.ndarray]:
        """The time."""
        return "t", "s", self.t

    def figure_row(self, signal: np.ndarray) -> list[Any]:
        """Against time, against what was applied, and the residuals."""
        from jaxmem.plots.figure import PlotAxis
        from jaxmem.plots.rows import NAMES, time_row

        applied, unit = self.applied
        cause = PlotAxis(f"applied {LETTER[self.drive.kind]}", unit)
        return time_row(
            self.name, self.t, applied, self.observed, signal, self.used,
            PlotAxis(NAMES[self.observe], self.unit), cause,
        )  # fmt: skip


def _polyline(wave, trace):
    """The waveform as samples joined by straight lines, where it is that; else as it is.

    Triangles, steps and pulses then share one program.
    """
    if isinstance(wave, Sampled):
        close = trace.t[0] + trace.period
        if trace.start == "periodic" and wave.t[-1] < close * (1 - 1e-12):
            # One period as measured ends a sample before it begins again.
            again = wave(trace.t[0])
            return _sampled(np.append(wave.t, close), np.append(wave.values, again))
        return wave
    corners = wave.corners()
    if corners is None:
        return wave
    t, values = corners
    # A constant has one corner, and samples are two at least.
    return _sampled(t, values) if len(t) > 1 else _sampled(trace.t[[0, -1]], np.repeat(values, 2))


def _thinned_wave(wave, t, kept, most) -> Sampled:
    """The corners of a wave that are no samples (turns, jumps), and those at the samples kept."""
    corners, values = np.asarray(wave.t, dtype=float), np.asarray(wave.values, dtype=float)
    jump = np.zeros(len(corners), bool)
    at = np.flatnonzero(np.diff(corners) == 0)
    jump[at] = jump[at + 1] = True
    own = jump | ~np.isin(corners, t)
    if own.sum() > most:
        # A wave on a grid of its own.
        own = jump | np.isin(np.arange(len(corners)), telling_samples(most, corners, values))
    here = own | np.isin(corners, kept)
    here[[0, -1]] = True
    return _sampled(corners[here], values[here])


def _sampled(t: Any, values: Any) -> Sampled:
    return Sampled(t, values)
