"""Measurements in time: current-voltage loops, steps and pulses, as terms of a fit."""

from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fitting.solvers.residual import value_and_jacobian
from fitting.terms.term import SHARE, Noise
from jaxmem.circuits import (
    AbstractDrive,
    AbstractWaveform,
    Circuit,
    EitherDrive,
    Sampled,
)
from jaxmem.devices import AbstractDevice
from jaxmem.responses import periodic_state, solve

UNITS = {"I": "A", "V": "V", "u": "V"}


class Trace(eqx.Module):
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
        self.noise = sigma if isinstance(sigma, Noise) else None
        sigma = sigma.sigma(self.observed) if isinstance(sigma, Noise) else sigma
        self.sigma = None if sigma is None else np.asarray(sigma, dtype=float)
        name, n = self.name, self.t.shape
        if not isinstance(drive, AbstractDrive):
            raise ValueError(
                f"{name}: the drive is a {type(drive).__name__}; give VoltageDrive(wave) or "
                "CurrentDrive(wave)"
            )
        if self.t.ndim != 1 or n != self.observed.shape or self.t.size < 2:
            raise ValueError(
                f"{name}: t and observed must be vectors of one length, at least 2, got shapes "
                f"{n} and {self.observed.shape}"
            )
        bad = ~(np.isfinite(self.t) & np.isfinite(self.observed))
        if bad.any():
            raise ValueError(f"{name}: sample {int(np.argmax(bad))} is not finite; remove it")
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
        if self.sigma is not None:
            if self.sigma.ndim and self.sigma.shape != n:
                raise ValueError(f"{name}: sigma must be a number or of shape {n}")
            if not (np.isfinite(self.sigma) & (self.sigma > 0)).all():
                raise ValueError(
                    f"{name}: sigma must be positive and finite everywhere; proportional noise "
                    "needs a floor where the signal passes zero: proportional(r) + absolute(s)"
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

    @property
    def name(self) -> str:
        """The label, or else the source."""
        return self.label or self.source or "trace"

    @property
    def scale_known(self) -> bool:
        """Whether `sigma` is the deviation itself, and no shape whose scale is estimated."""
        return self.sigma is not None and (self.noise is None or self.noise.known)

    @property
    def points(self) -> int:
        """How many samples are fitted."""
        return int(self.used.sum())

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
        return np.asarray(_signal_jit(TraceBatch.of([self]), model))[0, : len(self.t)]

    def residual(self, model: AbstractDevice) -> Float[Array, "n"]:
        """(model - observed)/sigma of every sample, 0 where one is not used; shape `(n,)`.

        NaN if the integration fails.
        """
        return TraceBatch.of([self]).residual(model)[: len(self.t)]


class TraceBatch(eqx.Module):
    """Traces of one kind of drive, padded to one shape, so that they share one program.

    Current and voltage drives are in one batch. The times have one more sample in front, where the
    drive begins.
    """

    t: Float[Array, "k n"]
    drive: EitherDrive
    observed: Float[Array, "k m"]
    weight: Float[Array, "k m"]
    period: Float[Array, "k"]
    begin: Any
    observe: Int[Array, "k"]
    start: str = eqx.field(static=True)
    rtol: float = eqx.field(static=True)
    window: int = eqx.field(static=True)

    # An integration that needs more steps between two edges is not one to learn from.
    MOST_STEPS = 5000

    @staticmethod
    def key(trace: Trace) -> tuple:
        """Traces of equal keys may be in one batch."""
        wave = trace.wave
        shape = 0 if isinstance(wave, Sampled) else str(jax.tree.map(jnp.shape, wave))
        return (type(wave), shape, jax.tree.structure(trace.begin), trace.start, trace.rtol)

    @classmethod
    def of(cls, traces: Sequence[Trace]) -> "TraceBatch":
        """Stack traces of equal keys."""
        first = traces[0]
        waves: list[Any] = [trace.wave for trace in traces]
        n = max(len(trace.t) for trace in traces)
        rows, window = [], 1
        for trace in traces:
            # At rest it is as long as the drive has not begun; else the first sample is the start.
            before = trace.edges if trace.start == "rest" else []
            t = np.concatenate([[min([trace.t[0], *before])], trace.t])
            window = max(window, trace.wave.most_samples(t) + 1)
            rows.append((t, trace.observed, trace.weight))
        pad = lambda a, n, fill: np.concatenate([a, np.full(n - len(a), fill)])
        t = np.stack([pad(t, n + 1, t[-1]) for t, _, _ in rows])
        if isinstance(waves[0], Sampled):
            # A few corners more or less share a program.
            m = max(4, 1 << (max(len(w.t) for w in waves) - 1).bit_length())
            last = lambda a: pad(np.asarray(a), m, np.asarray(a)[-1])
            grow = lambda w: _sampled(last(w.t), last(w.values))
            waves = [grow(w) for w in waves]
        stack = lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves])
        return cls(
            t=jnp.asarray(t),
            drive=EitherDrive(
                jax.tree.map(stack, *waves),
                np.array([trace.drive.kind == "voltage" for trace in traces]),
            ),
            observed=jnp.asarray(np.stack([pad(x, n, 0.0) for _, x, _ in rows])),
            weight=jnp.asarray(np.stack([pad(w, n, 0.0) for _, _, w in rows])),
            period=jnp.asarray([trace.period for trace in traces]),
            begin=jax.tree.map(stack, *[trace.begin for trace in traces]),
            observe=jnp.asarray([list(UNITS).index(trace.observe) for trace in traces]),
            start=first.start, rtol=first.rtol,
            # Programs are shared by windows of like size. The end of a period is a sample more,
            # and padding stands between it and the others.
            window=n + 2 if first.start == "periodic" else min(n + 2, 1 << window.bit_length()),
        )  # fmt: skip

    def signal(self, model: AbstractDevice) -> Float[Array, "k m"]:
        """The model's signals; NaN where an integration fails."""
        return self._each(lambda row: self._signal(row, model))

    def residual(self, model: AbstractDevice) -> Float[Array, "k*m"]:
        """All residuals, trace by trace."""
        return ((self.signal(model) - self.observed) * self.weight).ravel()

    def inspect(self, model: Callable[[Any], AbstractDevice], z: Float[Array, "p"]):
        """Residuals `(k*m,)` and their derivatives `(p, k*m)` at `model(z)`, in forward mode.

        The derivatives are taken of one trace after the other. Taken of the map over all, and in
        the way that serves reverse mode as well, the program takes longer to trace.
        """
        forward = lambda row: lambda z: self._signal(row, model(z), adjoint=diffrax.ForwardMode())
        found = self._each(lambda row: value_and_jacobian(forward(row), z, together=True))
        signal, slope = found
        r = (signal - self.observed) * self.weight
        J = jnp.swapaxes(slope * self.weight[:, None], 0, 1)
        return r.ravel(), J.reshape(z.size, -1)

    def _signal(self, row, model, adjoint=None):
        drive, t, period, begin, observe = row
        circuit = Circuit(model, drive)
        options: dict[str, Any] = dict(
            rtol=self.rtol, atol=self.rtol, window=self.window, max_steps=self.MOST_STEPS,
            adjoint=adjoint,
        )  # fmt: skip
        if self.start == "periodic":
            settled = periodic_state(
                circuit, period, t=t, multipliers=False, max_iterations=12, throw=False, **options
            )
            run = settled.transient
        else:
            run = solve(circuit, t, start=begin, throw=False, **options)
        return jnp.stack([getattr(run, name) for name in UNITS])[observe, 1:]

    def _each(self, one):
        rows = self.drive, self.t, self.period, self.begin, self.observe
        if self.t.shape[0] > 1:
            return jax.lax.map(one, rows)
        found = one(jax.tree.map(lambda a: a[0], rows))
        return jax.tree.map(lambda a: a[None], found)

    @property
    def rows(self) -> np.ndarray:
        """Which trace each residual belongs to, -1 where it has no weight; shape `(k*m,)`."""
        k = np.arange(self.t.shape[0])[:, None]
        return np.where(np.asarray(self.weight) > 0, k, -1).ravel()


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


def _sampled(t: Any, values: Any) -> Sampled:
    return Sampled(t, values)


@eqx.filter_jit
def _signal_jit(batch, model):
    return batch.signal(model)
