"""Functions of many models at once: what follows from samples of the parameters."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

import jaxmem as jm
from fitting.inference.intervals import quantile
from fitting.problem.problem import Problem

# A quantity that fewer samples than this share have gets no interval.
LEAST_SHARE = 0.05
# Functions of so many samples are one program.
BLOCK = 256


class Summary(NamedTuple):
    """A quantity over samples of the parameters.

    - `samples`: in the order of the samples, NaN where it does not exist (no oscillation), shape
      `(n,)`. `share`: of the samples in which it exists.
    - `median`, `low`, `high`: median and central interval of `level` over those; NaN if fewer than
      a twentieth have it.
    """

    samples: Float[np.ndarray, "n"]
    unit: str
    level: float
    share: float
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Float[np.ndarray, "n"], unit: str = "", level: float = 0.95) -> "Summary":
        """Of samples, NaN where there is nothing."""
        quantile(level)
        samples = np.asarray(samples, dtype=float)
        there = samples[np.isfinite(samples)]
        share = len(there) / max(len(samples), 1)
        if share < LEAST_SHARE:
            return cls(samples, unit, level, share, np.nan, np.nan, np.nan)
        ends = np.quantile(there, [0.5, 0.5 - level / 2, 0.5 + level / 2])
        return cls(samples, unit, level, share, *map(float, ends))

    def statement(self, name: str) -> str:
        """In words."""
        if self.share < LEAST_SHARE:
            return f"{name}: exists in {100 * self.share:.3g} % of the samples."
        where = "" if self.share == 1 else f", in the {100 * self.share:.3g} % that have one"
        ends = f"{self.low:.4g} to {self.high:.4g}"
        return f"{name}: {self.median:.4g} {self.unit}, {ends} ({100 * self.level:.4g} %{where})."


def summaries(
    problem: Problem,
    z: Float[np.ndarray, "n p"],
    fn: Callable[[Any], Any],
    units: Any = "",
    level: float = 0.95,
    lanes: int | None = None,
) -> Any:
    """A function of the model at each search vector, as a `Summary`, or a dict of them.

    **Arguments:**

    - `fn`: a pure function of the model that returns a number or a dict of numbers; NaN where the
      quantity does not exist. One that is kept and given again does not compile again.
    - `units`: of the number, or a dict of units.
    - `lanes`: how many models side by side; default 1 on a CPU, where loops that end at different
      times wait for the slowest, else all.

    **Raises:** `ValueError` if `fn` returns something else.
    """
    if lanes is None:
        lanes = 1 if jax.default_backend() == "cpu" else BLOCK
    blocks = []
    for k in range(0, len(z), BLOCK):
        part = np.asarray(z[k : k + BLOCK])
        padded = np.concatenate([part, np.repeat(part[-1:], BLOCK - len(part), axis=0)])
        count = jnp.asarray(len(part))
        found = _each(fn, problem.model, problem.coordinates, jnp.asarray(padded), count, lanes)
        blocks.append(jax.tree.map(np.asarray, found))
    whole = jax.tree.map(lambda *rows: np.concatenate(rows)[: len(z)], *blocks)
    leaves = whole.values() if isinstance(whole, dict) else [whole]
    if any(np.shape(leaf) != (len(z),) for leaf in leaves):
        raise ValueError("derived: the function must return a number, or a dict of numbers")
    unit_of = lambda name: units.get(name, "") if isinstance(units, dict) else units
    if isinstance(whole, dict):
        return {name: Summary.of(row, unit_of(name), level) for name, row in whole.items()}
    return Summary.of(whole, unit_of(""), level)


@eqx.filter_jit
def _each(fn, model, coordinates, z, count, lanes):
    one = lambda z: fn(coordinates.unpack(z, model))
    if lanes > 1:
        return jax.lax.map(one, z, batch_size=lanes)
    shapes = jax.eval_shape(one, z[0])
    empty = jax.tree.map(lambda a: jnp.full((len(z), *a.shape), jnp.nan), shapes)
    # Only as many as are asked for: the rest fills up the block.
    step = lambda k, found: jax.tree.map(lambda a, x: a.at[k].set(x), found, one(z[k]))
    return jax.lax.fori_loop(0, count, step, empty)


@lru_cache(maxsize=16)
def hopf_window(drive: str = "current") -> Callable[[Any], dict[str, Any]]:
    """The function of a device that returns its window of oscillation, for `derived`.

    A dict: `low` and `high`, the first and last Hopf point [A] or [V], and `frequency` at the first
    [Hz]; NaN where there is none.
    """

    def window(device):
        hopf = jm.hopf_points(device, drive=drive)  # pyright: ignore[reportArgumentType]
        at = hopf.I if drive == "current" else hopf.V
        last = jnp.clip(hopf.found, 1, at.size) - 1
        return {"low": at[0], "high": at[last], "frequency": hopf.omega[0] / (2 * jnp.pi)}

    return window


@lru_cache(maxsize=64)
def spike_frequency(I: float) -> Callable[[Any], Any]:
    """The function of a device that returns the frequency of its spikes [Hz] at a current I [A].

    By `limit_cycle`, for `derived`; NaN where there is no stable cycle.
    """

    def frequency(device):
        circuit = jm.Circuit(device, jm.CurrentDrive(jm.Constant(jnp.asarray(I, dtype=float))))
        return 1 / jm.limit_cycle(circuit, throw=False).period

    return frequency
