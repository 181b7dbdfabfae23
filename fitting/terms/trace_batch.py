"""Traces stacked for the compiled programs."""

from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fitting.solvers.residual_parts import value_and_jacobian
from fitting.terms.batch import AbstractBatch
from jaxmem.circuits import Circuit, EitherDrive, Sampled
from jaxmem.devices import AbstractDevice
from jaxmem.responses import periodic_state, solve

UNITS = {"I": "A", "V": "V", "u": "V"}


class TraceBatch(AbstractBatch):
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
    def key(trace: Any) -> tuple:
        """Traces of equal keys may be in one batch."""
        wave = trace.wave
        shape = 0 if isinstance(wave, Sampled) else str(jax.tree.map(jnp.shape, wave))
        return (type(wave), shape, jax.tree.structure(trace.begin), trace.start, trace.rtol)

    @classmethod
    def of(cls, traces: Sequence[Any]) -> "TraceBatch":
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
            waves = [Sampled(jnp.asarray(last(w.t)), jnp.asarray(last(w.values))) for w in waves]
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

    # Each trace is an integration in time.
    integrates = True

    def residual(self, model: AbstractDevice) -> Float[Array, "m"]:
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

    def members(self, model: Any) -> np.ndarray:
        """Which trace each residual belongs to, -1 where it has no weight; shape `(k*m,)`."""
        k = np.arange(self.t.shape[0])[:, None]
        return np.where(np.asarray(self.weight) > 0, k, -1).ravel()


@eqx.filter_jit
def batch_signal(batch, model):
    return batch.signal(model)
