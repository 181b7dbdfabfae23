"""The border between devices that oscillate and that do not, finer than the grid of the map."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr

from jaxmem.devices import AbstractDevice
from jaxmem.sweeps import Axis
from jaxmem.sweeps.axis import positions_of
from jaxmem.sweeps.chunks import Program

HALVINGS = 40


class Boundary(NamedTuple):
    """Lines of margin zero over two axes: for each vertex its line's number and its place."""

    line: np.ndarray
    x: np.ndarray
    y: np.ndarray


def boundary_of(
    margin: xr.DataArray,
    of: Callable[[AbstractDevice], jax.Array],
    device: AbstractDevice,
    axes: tuple[Axis, Axis],
) -> Boundary:
    """Where the margin vanishes on the lines of the grid, each place found by halvings.

    What lies between two lines of the grid and touches neither is not seen.

    **Arguments:**

    - `margin`: its values on the grid, of shape `(first, second)`.
    - `of`: the margin of a device.
    - `device`, `axes`: what was swept.
    """
    # Marching squares, as matplotlib does it, in units of the grid: a vertex lies on one of its
    # lines, between two neighbours of opposite sign.
    import contourpy

    values = margin.values
    lines = contourpy.contour_generator(z=np.where(np.isfinite(values), values, 1.0)).lines(0.0)
    lines = [np.asarray(line) for line in lines]
    if not lines:
        return Boundary(np.zeros(0, int), np.zeros(0), np.zeros(0))
    at = np.concatenate(lines)[:, ::-1]  # first axis, second axis
    grids = [np.asarray(axis.values, float) for axis in axes]
    low, high = np.floor(at).astype(int), np.ceil(at).astype(int)
    ends = [np.stack([g[low[:, k]], g[high[:, k]]]) for k, g in enumerate(grids)]
    program = Program(of, device, positions_of(device, axes), 256, 16)
    sign = np.sign(values[low[:, 0], low[:, 1]])
    a = np.stack([e[0] for e in ends])
    b = np.stack([e[1] for e in ends])
    for _ in range(HALVINGS):
        middle = _between(a, b)
        (here,) = program(tuple(middle))
        same = np.sign(here) == sign
        a, b = np.where(same, middle, a), np.where(same, b, middle)
    number = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    return Boundary(number, *_between(a, b))


def _between(a, b):
    """The middle of two values, of their logarithms where both are positive."""
    positive = (a > 0) & (b > 0)
    safe = lambda v: np.where(positive, v, 1.0)
    return np.where(positive, np.sqrt(safe(a)) * np.sqrt(safe(b)), (a + b) / 2)
