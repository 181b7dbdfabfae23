"""Transients: what a circuit does in time."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Real

from jaxmem.circuits.circuit import Circuit
from jaxmem.fields import check_single, is_complex, is_concrete
from jaxmem.printed import Printed
from jaxmem.responses.failure import cause, check_call
from jaxmem.responses.forward import integrate_forward
from jaxmem.responses.integration import integrate
from jaxmem.responses.rosenbrock import tolerances
from jaxmem.responses.start import about_rest, at_rest, given
from jaxmem.responses.steady import OperatingPoint
from jaxmem.responses.unstable import stays_unseen
from jaxmem.results import RESULTS

# Up to this many samples a program does not depend on how they lie between the edges.
LEAST_WINDOW = 256


class Transient(Printed):
    """What `solve` found, sampled at `t`; every array has the time as its first axis.

    `u` voltage over the memristor [V], `x` the branches' states (in the order of `state_names`,
    in `state_units`), `I` terminal current [A], `V` applied voltage [V]. At a jump the values
    are those after it. `steps` counts accepted steps, `result` says how it ended, and `notes`
    says in words what was approximated, and of a start at rest that it is unstable.
    """

    t: Float[Array, "t"]
    u: Float[Array, "t"]
    x: Float[Array, "t n"]
    I: Float[Array, "t"]
    V: Float[Array, "t"]
    steps: Int[Array, ""]
    result: RESULTS
    state_names: tuple[str, ...] = eqx.field(static=True)
    state_units: tuple[str, ...] = eqx.field(static=True)
    notes: tuple[str, ...] = eqx.field(static=True)

    def state(self, name: str) -> Float[Array, "... t"]:
        """One state by its name, `"conduction.f"` or, where that is enough, `"f"`."""
        hits = [i for i, s in enumerate(self.state_names) if name in (s, s.split(".")[-1])]
        if len(hits) != 1:
            raise ValueError(
                f"state {name!r} names {len(hits)} states; there are {', '.join(self.state_names)}"
            )
        return self.x[..., hits[0]]

    @property
    def successful(self) -> Array:
        """Whether the integration reached the last time."""
        return self.result == RESULTS.successful


def solve(
    circuit: Circuit,
    t: Real[ArrayLike, "t"],
    *,
    start: OperatingPoint | tuple[Any, Any] | None = None,
    solver: diffrax.AbstractSolver | None = None,
    rtol: Real[ArrayLike, ""] | None = None,
    atol: Real[ArrayLike, ""] | None = None,
    max_steps: int = 100_000,
    adjoint: diffrax.AbstractAdjoint | None = None,
    window: int | None = None,
    throw: bool = True,
) -> Transient:
    """Integrate a circuit from t[0] and sample it at the ascending times t [s].

    **Arguments:**

    - `start`: where it starts, an operating point or `(u, x)`. By default it has rested at the
      value that the drive has before its first edge.
    - `solver`: any diffrax solver; Rodas5P by default. Explicit ones need C_m > 0 and, under
      voltage drive, R_s > 0, and are wrong or slow where the device is stiff.
    - `rtol`, `atol`: in the device's own units (V_m, i_c0, logit f); 1e-7, or 1e-4 in float32.
      `Circuit.weights` says how each state uses them. For small signals on a bias take 1e-9.
    - `max_steps`: the most steps between two edges of the drive.
    - `adjoint`: how to differentiate. By default all derivatives are made in forward mode,
      which serves `jvp`, `jacfwd` and, for up to 64 perturbed numbers, `grad`. Give
      `diffrax.RecursiveCheckpointAdjoint()` for reverse mode with more of them.
    - `window`: the most samples between two edges of the drive. It is found where the times are
      known; under `jit`, with many edges, giving it saves work.
    - `throw`: raise if the integration fails; otherwise see `result` (values are NaN).

    **Returns:** a `Transient`. Constant-phase elements act as ladders and the lead inductance
    is left out: `notes` says so.

    **Raises:** `ValueError` on times that do not ascend, or without `start` where the drive begins
    at no equilibrium or at one of several; `RuntimeError` if the integration fails, or if under
    a drive that moves it has followed an equilibrium that is unstable (`unstable_followed`; looked
    at where all values are known). Under `jit` or `vmap` failures are NaN, and `result` says why.

    Under `vmap` over circuits, and without derivatives, it is `solve_ensemble`.
    """
    if not isinstance(circuit, Circuit):
        raise ValueError(f"solve: wants a Circuit first, got {type(circuit).__name__}")
    check_single("solve", circuit)
    if is_complex(t) or isinstance(t, str):
        raise ValueError(f"solve: the times t must be real numbers, got {t!r}")
    t = jnp.asarray(t, dtype=jnp.result_type(float))
    if t.ndim != 1 or t.shape[0] < 2:
        raise ValueError(f"solve: t must be a vector of at least 2 times, got shape {t.shape}")
    for name, count in (("max_steps", max_steps), ("window", 1 if window is None else window)):
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"solve: {name} must be a whole number of at least 1, got {count!r}")
    if not (solver is None or isinstance(solver, diffrax.AbstractSolver)):
        raise ValueError(f"solve: solver wants a solver of diffrax, got {solver!r}")
    default_r, default_a = tolerances(t.dtype)
    rtol = default_r if rtol is None else rtol
    atol = default_a if atol is None else atol
    check_call(circuit, t, rtol, atol)
    notes = approximations(circuit, t)
    circuit = circuit.in_time()
    # Where the circuit is known now, a separate program finds its rest, one for all drives.
    begin = (
        given(circuit, start, throw)
        if start is not None
        else at_rest(circuit)
        if is_concrete(circuit)
        else None
    )
    notes += about_rest(circuit, begin, start)
    wave = circuit.drive.wave
    window = _window(t, wave) if window is None else min(window, t.shape[0])
    primal = (circuit, t, begin, jnp.asarray(rtol, t.dtype), jnp.asarray(atol, t.dtype))
    settings = (solver, max_steps, window)
    if adjoint is None:
        out, steps, result, ending = integrate_forward(primal, settings)
    else:
        out, steps, result, ending = integrate(primal, settings, adjoint)
    u, I, V, x = out
    known = is_concrete(circuit, t, u, x, result) and bool(result == RESULTS.successful)
    stayed = stays_unseen(circuit, t, u, x) if known else None
    if stayed is not None:
        if throw:
            raise RuntimeError(f"solve: {stayed}")
        notes, result = (*notes, stayed), RESULTS.unstable_followed
    if throw and is_concrete(u, result) and not bool(result == RESULTS.successful):
        raise RuntimeError(f"solve: {cause(circuit, result, ending, steps, max_steps)}")
    names, units = circuit.device.state_names, circuit.device.state_units
    return Transient(t, u, x, I, V, steps, result, names, units, notes)


def approximations(circuit: Circuit, t: Float[Array, "t"]) -> tuple[str, ...]:
    """What an integration over the times t [s] leaves out or approximates, in words."""
    notes = []
    for name, branch in circuit.device.branches.items():
        if getattr(branch, "exact_only_in_frequency", False):
            _, ladder = branch.in_time()  # pyright: ignore[reportAttributeAccessIssue]
            notes.append(
                f"{name}: constant-phase element as a ladder of {ladder.size} branches, "
                f"{branch.accuracy:g} over {branch.band[0]:g} to {branch.band[1]:g} Hz"  # pyright: ignore
            )
    device = circuit.device
    if is_concrete(device.L_s, device.R_s, t) and np.any(np.asarray(device.L_s) > 0):
        gaps = np.diff(np.asarray(t))
        fastest = min((float(gap) for gap in gaps if gap > 0), default=np.inf)
        L_s = float(np.max(np.asarray(device.L_s, dtype=float)))
        R_s = float(np.min(np.asarray(device.R_s, dtype=float)))
        lag = L_s / R_s if R_s > 0 else np.inf
        small = "far below" if lag < 0.1 * fastest else "NOT far below"
        notes.append(
            f"lead inductance left out: L_s/R_s = {lag:.3g} s is {small} the fastest sample "
            f"interval, {fastest:.3g} s"
        )
    if (
        circuit.is_voltage is True
        and is_concrete(device.R_s)
        and np.all(np.asarray(device.R_s) == 0)
    ):
        notes.append("R_s = 0: the charge C_m dV at a jump of V passes as an impulse, not shown")
    return tuple(notes)


def _window(t, wave):
    """How many samples a segment between two edges may hold, a static shape.

    Each segment looks at a window of the times and no more. It is all of them, so that a train
    of any length is one program, unless there are many samples and many edges.
    """
    n, window, edges = t.shape[0], LEAST_WINDOW, wave.edges()
    if n <= window or edges.shape[0] == 0 or not is_concrete(t, edges):
        return n
    # One more, where a sample lies on an edge to rounding, and is taken for one behind it.
    most = wave.most_samples(t) + 1
    while window < most:
        window *= 8
    return min(n, window)
