"""The grid of a sweep in tiles: what is computed, kept and marked as done in one go."""

from math import prod
from typing import NamedTuple

import numpy as np


class Tiles(NamedTuple):
    """Equal rectangles that cover a grid, numbered in its order; those at an edge may be smaller.

    - `grid`: how many values each axis has; `size`: how many of them a tile takes.
    """

    grid: tuple[int, ...]
    size: tuple[int, ...]

    @classmethod
    def of(cls, grid: tuple[int, ...], most: int) -> "Tiles":
        """Tiles of at most so many points, all of an axis before a second value of the one before.

        Their points are then neighbours in memory; and an axis is divided evenly, so that tiles
        have nearly as many points as a program is compiled for.
        """
        size, room = [], most
        for n in reversed(grid):
            parts = -(-n // max(min(n, room), 1))
            size.append(-(-n // parts))
            room = room // size[-1] if parts == 1 else 1
        return cls(grid, tuple(reversed(size)))

    @property
    def counts(self) -> tuple[int, ...]:
        """How many tiles lie along each axis."""
        return tuple(-(-n // s) for n, s in zip(self.grid, self.size, strict=True))

    @property
    def number(self) -> int:
        """How many tiles there are."""
        return prod(self.counts)

    def place(self, tile: int) -> tuple[slice, ...]:
        """Where a tile lies in the grid."""
        at = np.unravel_index(tile, self.counts)
        starts = [int(k) * s for k, s in zip(at, self.size, strict=True)]
        return tuple(
            slice(a, min(a + s, n)) for a, s, n in zip(starts, self.size, self.grid, strict=True)
        )

    def points(self, tile: int) -> tuple[np.ndarray, ...]:
        """The indices of a tile's points along each axis, each of shape `(points,)`."""
        ranges = [np.arange(part.start, part.stop) for part in self.place(tile)]
        return tuple(index.ravel() for index in np.meshgrid(*ranges, indexing="ij"))
