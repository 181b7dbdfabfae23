"""The log of the steps of many lanes, and the samples that are read out of it."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.responses.lanes.lane import in_lanes

# So many steps are logged before samples are read; and so many samples are read at once.
STEPS, WINDOW = 64, 16


class Log(eqx.Module):
    """Ends of steps since the segment's start, states there, and the dense output of each step.

    Row 0 is where the log begins. A step that was not accepted ends where it began.
    """

    s: Float[Array, "k1 lanes"]
    y: Float[Array, "k1 n lanes"]
    bend: Float[Array, "k m lanes"]

    @classmethod
    def begin(cls, s, y) -> "Log":
        """An empty log. Rows that are not used end at infinity."""
        n, lanes = len(y), s.shape[0]
        ends = jnp.full((STEPS + 1, lanes), jnp.inf, s.dtype).at[0].set(s)
        states = jnp.zeros((STEPS + 1, n, lanes), s.dtype).at[0].set(jnp.stack(y))
        return cls(ends, states, jnp.zeros((STEPS, 3 * n, lanes), s.dtype))

    def put(self, k, s, y, bend) -> "Log":
        """The log with the step number k."""
        row = lambda a, value, at: jax.lax.dynamic_update_index_in_dim(a, value, at, 0)
        flat = jnp.stack([part for parts in bend for part in parts])
        return Log(row(self.s, s, k + 1), row(self.y, jnp.stack(y), k + 1), row(self.bend, flat, k))

    def at(self, since: Float[Array, "w lanes"]) -> Float[Array, "w n lanes"]:
        """The states at times since the segment's start, by the dense output of the steps."""
        fixed = jax.lax.stop_gradient((self.s, since))
        # The first step that ends there or later.
        place = jnp.sum(fixed[0][1:, None] < fixed[1][None], axis=0)
        place = jnp.minimum(place, self.bend.shape[0] - 1)
        n = self.y.shape[1]

        def read(s, y, bend, place, since):
            begin, end = s[place], s[place + 1]
            share = (since - begin) / jnp.where(end > begin, end - begin, 1.0)
            share = share[:, None]
            a, b, c = (bend[place][:, k * n : (k + 1) * n] for k in range(3))
            rest = 1 - share
            return rest * y[place] + share * (y[place + 1] + rest * (a + share * (b + share * c)))

        return in_lanes(read, self.s, self.y, self.bend, place, since)


def room_for(t, states: int, lanes: int):
    """u, I, V and x, all NaN; with room for a window beyond the end."""
    rows = t.shape[0] + WINDOW
    line = jnp.full((rows, lanes), jnp.nan, t.dtype)
    return line, line, line, jnp.full((rows, states, lanes), jnp.nan, t.dtype)


def without_room(out, t, lost):
    """Without that room, and NaN where the integration did not come."""
    hide = lambda a: jnp.where(lost.reshape(lost.shape[0], *[1] * (a.ndim - 2), -1), jnp.nan, a)
    return tuple(hide(a[: t.shape[0]]) for a in out)


def put_samples(out, log, reached, there):
    """`out` with the samples between the log's begin and what was reached."""
    t, owner = there.t, there.owner
    # A lane whose times are no numbers is not to hide the samples of the others.
    known = jax.lax.stop_gradient((there.a + log.s[0], there.a + reached))
    begin = jnp.maximum(jnp.sum(t < jnp.nanmin(known[0])) - 1, 0)
    end = jnp.minimum(jnp.sum(t <= jnp.nanmax(known[1])) + 1, t.shape[0])
    padded = jnp.concatenate([t, jnp.broadcast_to(t[-1:], (WINDOW,))])
    owners = jnp.concatenate([owner, jnp.full((WINDOW, owner.shape[1]), -1, owner.dtype)])
    window = lambda a, k: jax.lax.dynamic_slice_in_dim(a, k, WINDOW, 0)

    def fill(carry):
        k, out = carry
        times = window(padded, k)
        since = times[:, None] - there.a[None]
        mine = (window(owners, k) == there.number) & (since >= log.s[:1])
        mine = mine & (since <= reached[None])
        found = in_lanes(
            lambda c, y, at, scale: jax.vmap(lambda t, y: c.observe(t, y, at, scale))(times, y),
            there.circuits, log.at(since), there.at, there.ready.scale,
        )  # fmt: skip

        def put(whole, new):
            place = mine.reshape(WINDOW, *[1] * (new.ndim - 2), -1)
            new = jnp.where(place, new, window(whole, k))
            return jax.lax.dynamic_update_slice_in_dim(whole, new, k, 0)

        return k + WINDOW, tuple(put(a, b) for a, b in zip(out, found, strict=True))

    return jax.lax.while_loop(lambda c: c[0] < end, fill, (begin, out))[1]
