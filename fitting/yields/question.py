"""What is asked of each of many devices."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from fitting.designs.goals.goal import DesignGoal
from fitting.designs.goals.what_is_asked import Meant, Quantity
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.lens import put_leaves


class Question(NamedTuple):
    """What is asked of each device.

    - `goals`; `drive`: "current" or "voltage"; `at`: where the cycle is meant (see `design`).
    - `device`: of which the others have the structure; `moved`: leaves in which they differ; a
      number beyond them is the drive, or the place in the window, that `at` gives.
    """

    goals: tuple[DesignGoal, ...]
    device: AbstractDevice
    moved: tuple[int, ...]
    drive: DriveKind
    at: tuple[str, float]

    @property
    def kinds(self) -> tuple[Quantity, ...]:
        return tuple(goal.kind for goal in self.goals)

    @property
    def meant(self) -> tuple[Meant, ...]:
        return tuple(goal.meant(self.drive) for goal in self.goals)

    @property
    def asked(self) -> "Asked":
        """As the compiled program takes it."""
        place = jnp.asarray(self.at[1], dtype=float)
        return Asked(self.kinds, self.meant, self.device, self.moved, self.drive, self.at[0], place)

    def at_row(self, row: Any) -> tuple[AbstractDevice, tuple[str, Any]]:
        """The device with these numbers, and where its cycle is meant."""
        place = jnp.asarray(self.at[1], dtype=float)
        device, place = made_at(self.device, self.moved, row, place)
        return device, (self.at[0], place)


class Asked(NamedTuple):
    """A question without its targets, so that one program serves all of them."""

    kinds: tuple[Quantity, ...]
    meant: tuple[Meant, ...]
    device: AbstractDevice
    moved: tuple[int, ...]
    drive: DriveKind
    how: str
    place: Any


def made_at(
    device: AbstractDevice, moved: tuple[int, ...], row: Any, place: Any
) -> tuple[AbstractDevice, Any]:
    """The device with other numbers in its moved leaves, and the drive or place, moved or not."""
    beyond = len(jax.tree.leaves(device))
    changes = dict(zip(moved, row, strict=True))
    place = changes.pop(beyond, place)
    return put_leaves(device, [((k,), value) for k, value in changes.items()]), place
