"""The plane of the voltage and a slow current: nullclines, trajectory, limit cycle."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxmem import plots
from jaxmem.circuits import DriveKind
from jaxmem.devices import AbstractDevice
from jaxmem.responses import Transient
from jaxmem.stability import LimitCycle

POINTS = 241


def phase_plane_panel(
    device: AbstractDevice, drive: DriveKind, level: float, run: Transient,
    cycle: LimitCycle | None = None,
) -> plots.Panel | None:  # fmt: skip
    """u and the first state that is a current: where each is at rest, and the way between.

    The state's nullcline is its value at rest, i_c0 f_ss(u) (2, 5); that of u is the current that
    the other branches leave of what is imposed, all other states at rest: I - u/R_b (1), under a
    voltage (V - u)/R_s - u/R_b, and none where u itself is imposed.

    **Arguments:**

    - `drive`: what is imposed, at the constant `level` [A] or [V]. `run`: a trajectory.
    - `cycle`: the limit cycle at this level, if there is one.

    **Returns:** None for a device without such a state.
    """
    names, units = run.state_names, run.state_units
    k = next((n for n, unit in enumerate(units) if unit == "A"), None)
    if k is None or device.curve is not None or device.size != len(names):
        return None
    u_run, x_run = np.asarray(run.u), np.asarray(run.x[:, k])
    spread = [u_run]
    if cycle is not None and bool(np.isfinite(cycle.period)):
        spread.append(np.asarray(cycle.u))
    low, high = min(float(np.min(a)) for a in spread), max(float(np.max(a)) for a in spread)
    centres = [float(c + s * 4 * w) for c, w in device.windows() for s in (-1, 1)]
    low, high = min([0.0, low, *centres]), max([high, *centres])
    u = np.linspace(low - 0.05 * (high - low), high + 0.05 * (high - low), POINTS)
    rest, left = (np.asarray(a) for a in _nullclines(device, drive, k, jnp.asarray(level),
                                                      jnp.asarray(u)))  # fmt: skip
    name = names[k].split(".")[-1]
    marks: list[plots.AbstractMark] = [
        plots.Curve(u, rest, "dashed", label=f"{name} at rest", colour=plots.COLOURS[2])
    ]
    top = max(float(rest.max()), float(x_run.max()))
    bottom = min(float(rest.min()), float(x_run.min()))
    margin = 0.08 * (top - bottom)
    if np.isfinite(left).any():
        inside = np.where((left > bottom - margin) & (left < top + margin), left, np.nan)
        marks.append(plots.Curve(u, inside, "dashed", label="u at rest", colour=plots.COLOURS[3]))
    marks.append(plots.Curve(u_run, x_run, "thin", label="transient", colour=plots.DATA))
    if len(spread) > 1 and cycle is not None:
        marks.append(
            plots.Curve(np.asarray(cycle.u), np.asarray(cycle.x[:, k]), size=2.4,
                        label="limit cycle", colour=plots.COLOURS[0])
        )  # fmt: skip
    return plots.Panel(
        marks, plots.PlotAxis("u", "V"), plots.PlotAxis(name, "A"), "Phase plane and nullclines"
    )


@eqx.filter_jit
def _nullclines(device, drive, k, level, u):
    def one(u):
        x = device.rest(u)
        # What the state itself carries is taken out of the sum: its share is its own value.
        others = device.current(u, x.at[k].set(0.0))
        given = level if drive == "current" else (level - u) / device.R_s
        return x[k], given - others

    rest, left = jax.vmap(one)(u)
    return rest, jnp.where(jnp.isfinite(left), left, jnp.nan)
