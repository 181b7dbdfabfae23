"""What is applied: waveforms of current [A] or voltage [V] against time [s]."""

import abc
from functools import reduce
from operator import add
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Real

from jaxmem.fields import check_positive, is_concrete, quantity, require
from jaxmem.printed import Printed

Scalar = Float[Array, ""]
# The times [s] and values of a polyline's corners, as numbers that are known.
Corners = tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"]]

# So many pulses or cycles take a solve on two cores two minutes and a gigabyte.
MOST_REPEATS = 20_000


class AbstractWaveform(Printed):
    """A drive against time, made of smooth pieces between `edges`.

    Called with a time (any shape) it gives the value there, at a jump the value after it.
    Waveforms add: `Triangle(...) + Sine(...)`.
    """

    def __check_init__(self):
        check_positive(self)

    @abc.abstractmethod
    def value(self, t: Scalar, at: Scalar) -> Scalar:
        """The value at `t` of the piece to which the time `at` belongs.

        The integrator evaluates a piece at both of its ends, where a jump would make the value
        ambiguous; `at` is a time inside.
        """

    def piece(self, at: Scalar) -> "AbstractWaveform":
        """The piece to which the time `at` belongs, as a waveform that is right there only.

        The integrator asks for it once and evaluates it at every stage.
        """
        del at
        return self

    @abc.abstractmethod
    def edges(self) -> Float[Array, "k"]:
        """Times of jumps and kinks [s], ascending; unused places hold infinity."""

    @abc.abstractmethod
    def before(self) -> Scalar:
        """The value long before the first edge, at which the circuit has rested."""

    def corners(self) -> Corners | None:
        """Times [s] and values of the corners, if the waveform is straight lines; else None.

        A jump is two corners at one time. The first and the last value hold outside, so that a
        waveform with corners equals `Sampled(*corners)` (a constant has one corner, at time 0).
        A waveform of your own may leave this out.
        """
        return None

    def finite_edges(self) -> Float[np.ndarray, "k"]:
        """The edges without the places that are not used [s], ascending."""
        edges = np.asarray(self.edges(), dtype=float)
        return edges[np.isfinite(edges)]

    def most_samples(self, t: Real[ArrayLike, "n"]) -> int:
        """How many of the ascending times t [s] lie between two neighbouring edges, at most."""
        n = np.shape(t)[0]
        places = np.searchsorted(np.asarray(t), self.finite_edges(), side="left")
        return int(np.diff(np.concatenate([[0], np.clip(places, 0, n), [n]])).max())

    def __call__(self, t: Real[ArrayLike, "..."]) -> Float[Array, "..."]:
        t = jnp.asarray(t, dtype=jnp.result_type(float))
        return jnp.vectorize(lambda s: self.value(s, s))(t)

    def __add__(self, other: "AbstractWaveform") -> "Sum":
        return Sum((self, other))


class Constant(AbstractWaveform):
    """The same value always."""

    level: Scalar = quantity("A or V", "value", positive=False)

    def value(self, t, at):
        del t, at
        return self.level

    def edges(self):
        return jnp.zeros((0,))

    def corners(self):
        return np.zeros(1), _numbers(self.level)

    def before(self):
        return self.level


class Step(AbstractWaveform):
    """`low` before the time `start`, `high` from it on."""

    high: Scalar = quantity("A or V", "value after the step", positive=False)
    low: Scalar = quantity("A or V", "value before the step", positive=False, default=0.0)
    start: Scalar = quantity("s", "time of the step", positive=False, default=0.0)

    def value(self, t, at):
        del t
        return jnp.where(at >= self.start, self.high, self.low)

    def edges(self):
        return self.start[None]

    def corners(self):
        return _numbers(self.start, self.start), _numbers(self.low, self.high)

    def before(self):
        return self.low


class Pulse(AbstractWaveform):
    """`high` for a time `width` from `start` on, `low` before and after."""

    high: Scalar = quantity("A or V", "value during the pulse", positive=False)
    width: Scalar = quantity("s", "duration of the pulse")
    start: Scalar = quantity("s", "time of the first edge", positive=False, default=0.0)
    low: Scalar = quantity("A or V", "value outside the pulse", positive=False, default=0.0)

    def value(self, t, at):
        del t
        on = (at >= self.start) & (at < self.start + self.width)
        return jnp.where(on, self.high, self.low)

    def edges(self):
        return jnp.stack([self.start, self.start + self.width])

    def corners(self):
        return np.repeat(self.finite_edges(), 2), _numbers(self.low, self.high, self.high, self.low)

    def before(self):
        return self.low


class PulseTrain(AbstractWaveform):
    """`count` pulses of `high`, each `width` long, one every `period`.

    Trains of up to `capacity` pulses share one compiled program; the capacity is the next
    power of two from 64 on, if it is not given.
    """

    high: Scalar = quantity("A or V", "value during a pulse", positive=False)
    width: Scalar = quantity("s", "duration of a pulse")
    period: Scalar = quantity("s", "time from pulse to pulse")
    count: Array = eqx.field(converter=jnp.asarray, default=1)
    start: Scalar = quantity("s", "time of the first edge", positive=False, default=0.0)
    low: Scalar = quantity("A or V", "value between pulses", positive=False, default=0.0)
    capacity: int = eqx.field(static=True, default=0)

    def __post_init__(self):
        if is_concrete(self.count):
            _check_repeats("PulseTrain: count", np.asarray(self.count))
        if self.capacity == 0:
            if not is_concrete(self.count):
                raise ValueError("PulseTrain: under jit or vmap over count, give capacity=")
            most = int(np.max(np.asarray(self.count)))
            self.capacity = 64 if most <= 64 else 1 << (most - 1).bit_length()

    def __check_init__(self):
        require(
            lambda count: (count >= 1) & (count <= self.capacity),
            self.count,
            message=f"PulseTrain: count must lie in 1 to {self.capacity} (capacity), got {{0}}",
        )
        require(
            lambda width, period: width < period,
            self.width,
            self.period,
            message="PulseTrain: a pulse of {0} s does not fit the period of {1} s",
        )

    def value(self, t, at):
        del t
        k = jnp.clip(jnp.floor((at - self.start) / self.period), 0, self.count - 1)
        since = at - self.start - k * self.period
        return jnp.where((since >= 0) & (since < self.width), self.high, self.low)

    def edges(self):
        k = jnp.arange(self.capacity)
        first = self.start + k * self.period
        pairs = jnp.stack([first, first + self.width], axis=-1)
        return jnp.where((k < self.count)[:, None], pairs, jnp.inf).ravel()

    def corners(self):
        times = np.repeat(self.finite_edges(), 2)
        pulse = _numbers(self.low, self.high, self.high, self.low)
        return times, np.tile(pulse, len(times) // 4)

    def before(self):
        return self.low


class Triangle(AbstractWaveform):
    """Cyclic voltammetry: straight lines through `vertices` at `rate`, over `cycles` cycles.

    From the first vertex through the others and back to the first, each leg at |dV/dt| = rate;
    `Triangle([0, 1, -1], rate)` scans 0, 1, -1, 0. Afterwards the first vertex holds.
    """

    vertices: Float[Array, "k"] = quantity("A or V", "turning values", positive=False)
    rate: Scalar = quantity("V/s or A/s", "scan rate")
    cycles: int = eqx.field(static=True, default=1)
    start: Scalar = quantity("s", "time of the start", positive=False, default=0.0)

    def __check_init__(self):
        if self.vertices.ndim != 1 or self.vertices.shape[0] < 2:
            raise ValueError(
                f"Triangle: give at least two vertices, got shape {self.vertices.shape}"
            )
        _check_repeats("Triangle: cycles", self.cycles)

    def _vertices(self):
        """Times and values of the vertices in the order of the scan."""
        values = jnp.concatenate([jnp.tile(self.vertices, self.cycles), self.vertices[:1]])
        legs = jnp.abs(jnp.diff(values)) / self.rate
        times = self.start + jnp.concatenate([jnp.zeros(1), jnp.cumsum(legs)])
        return times, values

    @property
    def period(self) -> Scalar:
        """Duration of one cycle [s]."""
        return jnp.sum(jnp.abs(jnp.diff(self.vertices, append=self.vertices[:1]))) / self.rate

    def piece(self, at):
        return _line(*self._vertices(), at)

    def value(self, t, at):
        return self.piece(at).value(t, at)

    def edges(self):
        return self._vertices()[0]

    def corners(self):
        times, values = self._vertices()
        return np.asarray(times, dtype=float), np.asarray(values, dtype=float)

    def before(self):
        return self.vertices[0]


class Sine(AbstractWaveform):
    """`offset + amplitude sin(2 pi freq (t - start) + phase)` from `start` on; offset before."""

    amplitude: Scalar = quantity("A or V", "amplitude", positive=False)
    freq: Scalar = quantity("Hz", "frequency")
    offset: Scalar = quantity("A or V", "mean value", positive=False, default=0.0)
    phase: Scalar = quantity("rad", "phase at the start", positive=False, default=0.0)
    start: Scalar = quantity("s", "time of the start", positive=False, default=0.0)

    @property
    def period(self) -> Scalar:
        """1/freq [s]."""
        return 1 / self.freq

    def value(self, t, at):
        angle = 2 * jnp.pi * self.freq * (t - self.start) + self.phase
        return self.offset + jnp.where(at >= self.start, self.amplitude * jnp.sin(angle), 0.0)

    def edges(self):
        return self.start[None]

    def before(self):
        return self.offset


class Sampled(AbstractWaveform):
    """Samples joined by straight lines; the first and the last value hold outside.

    Two samples at the same time are a jump.
    """

    t: Float[Array, "k"] = quantity("s", "times of the samples", positive=False)
    values: Float[Array, "k"] = quantity("A or V", "samples", positive=False)

    def __check_init__(self):
        if self.t.ndim != 1 or self.t.shape != self.values.shape or self.t.shape[0] < 2:
            raise ValueError(
                "Sampled: t and values must be vectors of one length, at least 2, got shapes "
                f"{self.t.shape} and {self.values.shape}"
            )
        require(np.isfinite, self.t, message="Sampled: times must be finite")
        require(lambda t: np.diff(t) >= 0, self.t, message="Sampled: times must ascend")

    def piece(self, at):
        return _line(self.t, self.values, at)

    def value(self, t, at):
        return self.piece(at).value(t, at)

    def edges(self):
        return self.t

    def corners(self):
        return np.asarray(self.t, dtype=float), np.asarray(self.values, dtype=float)

    def before(self):
        return self.values[0]


class Sum(AbstractWaveform):
    """Several waveforms added."""

    parts: tuple[AbstractWaveform, ...]

    def piece(self, at):
        return Sum(tuple(part.piece(at) for part in self.parts))

    def value(self, t, at):
        return reduce(add, (part.value(t, at) for part in self.parts))

    def edges(self):
        return jnp.sort(jnp.concatenate([part.edges() for part in self.parts]))

    def corners(self):
        parts = [part.corners() for part in self.parts]
        lines = [part for part in parts if part is not None]
        if len(lines) < len(parts):
            return None
        # The one corner of a constant is no place where anything changes.
        places = [t for t, _ in lines if len(t) > 1] or [lines[0][0]]
        times = np.unique(np.concatenate(places))
        before = reduce(add, (_at(*line, times, "left") for line in lines))
        after = reduce(add, (_at(*line, times, "right") for line in lines))
        # A corner where nothing jumps stands once.
        jumps = np.abs(after - before) > 1e-12 * max(np.abs(before).max(), np.abs(after).max())
        kept = np.stack([jumps, np.ones_like(jumps)], axis=1).ravel()
        return np.repeat(times, 2)[kept], np.stack([before, after], axis=1).ravel()[kept]

    def before(self):
        return reduce(add, (part.before() for part in self.parts))


class _Line(AbstractWaveform):
    """A straight line through `level` at the time `begin`."""

    level: Scalar
    slope: Scalar
    begin: Scalar

    def value(self, t, at):
        del at
        return self.level + self.slope * (t - self.begin)

    def edges(self):
        return jnp.zeros((0,))

    def before(self):
        return self.level


def _line(times, values, at):
    """The leg between corners that holds `at`; constant outside."""
    k = jnp.searchsorted(times, at, side="right") - 1
    first, last = k < 0, k >= times.shape[0] - 1
    k = jnp.clip(k, 0, times.shape[0] - 2)
    (t0, t1), (v0, v1) = (jax.lax.dynamic_slice(a, (k,), (2,)) for a in (times, values))
    span = t1 - t0
    slope = (v1 - v0) / jnp.where(span > 0, span, 1.0)
    level = jnp.where(first, values[0], jnp.where(last, values[-1], v0))
    return _Line(level, jnp.where(first | last, 0.0, slope), t0)


def _check_repeats(what: str, count: Any) -> None:
    """Refuse what is no whole number from 1 on, or more than memory and patience allow."""
    numbers = np.asarray(count)
    fine = numbers.dtype.kind in "iuf" and np.all((numbers >= 1) & (numbers <= MOST_REPEATS))
    if not fine or np.any(numbers != np.floor(numbers)):
        raise ValueError(
            f"{what} must be a whole number from 1 to {MOST_REPEATS:,}, got {count}; the answer to "
            "more of them settles: see periodic_state"
        )


def _numbers(*values) -> np.ndarray:
    return np.array([float(value) for value in values])


def _at(times, values, t, side) -> np.ndarray:
    """A polyline at the times t: at a jump its `left` or its `right` value."""
    k = np.searchsorted(times, t, side=side) - 1
    a, b = (np.clip(j, 0, len(times) - 1) for j in (k, k + 1))
    span = times[b] - times[a]
    share = np.where(span > 0, t - times[a], 0.0) / np.where(span > 0, span, 1.0)
    return values[a] + share * (values[b] - values[a])
