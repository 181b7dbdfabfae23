"""Transients: what a circuit does in time."""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int, Real

from jaxmem.circuits.circuit import Circuit
from jaxmem.circuits.drive import LETTER, choose
from jaxmem.fields import is_concrete, require
from jaxmem.responses.rosenbrock import Rodas5P, tolerances
from jaxmem.responses.steady import OperatingPoint, operating_point, rest_at
from jaxmem.results import RESULTS

SPLIT = (diffrax.KenCarp3, diffrax.KenCarp4, diffrax.KenCarp5, diffrax.Sil3)

# For more perturbed numbers than this, only the derivative in the direction asked for is made.
MOST_COLUMNS = 64
# Up to this many samples a program does not depend on how they lie between the edges.
LEAST_WINDOW = 256


class Transient(eqx.Module):
    """What `solve` found, sampled at `t`; every array has the time as its first axis.

    `u` voltage over the memristor [V], `x` the branches' states (in the order of `state_names`,
    in `state_units`), `I` terminal current [A], `V` applied voltage [V]. At a jump the values
    are those after it. `steps` counts accepted steps, `result` says how it ended, and `notes`
    says in words what was approximated.
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

    def state(self, name: str) -> Float[Array, "t"]:
        """One state by its name, `"conduction.f"` or, where that is enough, `"f"`."""
        hits = [i for i, s in enumerate(self.state_names) if name in (s, s.split(".")[-1])]
        if len(hits) != 1:
            raise ValueError(
                f"state {name!r} names {len(hits)} states; there are {', '.join(self.state_names)}"
            )
        return self.x[:, hits[0]]

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
    at no equilibrium or at one of several; `RuntimeError` if the integration fails. Under `jit`
    or `vmap` failures are NaN, and `result` says why.
    """
    if not isinstance(circuit, Circuit):
        raise ValueError(f"solve: wants a Circuit first, got {type(circuit).__name__}")
    t = jnp.asarray(t, dtype=jnp.result_type(float))
    if t.ndim != 1 or t.shape[0] < 2:
        raise ValueError(f"solve: t must be a vector of at least 2 times, got shape {t.shape}")
    require(
        lambda t: np.all(np.isfinite(t)) and np.all(np.diff(t) >= 0),
        t,
        message="solve: the times t must be finite and ascend",
    )
    notes = approximations(circuit, t)
    circuit = circuit.in_time()
    default_r, default_a = tolerances(t.dtype)
    rtol = default_r if rtol is None else rtol
    atol = default_a if atol is None else atol
    if start is not None:
        begin = _start(circuit, start)
    else:
        # Where the circuit is known now, a separate program finds its rest, one for all drives.
        begin = _rest(circuit) if is_concrete(circuit) else None
    wave = circuit.drive.wave
    window = _window(t, wave) if window is None else min(window, t.shape[0])
    primal = (circuit, t, begin, jnp.asarray(rtol, t.dtype), jnp.asarray(atol, t.dtype))
    settings = (solver, max_steps, window)
    if adjoint is None:
        out, steps, result = _forward(primal, settings)
    else:
        out, steps, result = _run(primal, settings, adjoint)
    u, I, V, x = out
    if throw and is_concrete(u, result) and not bool(result == RESULTS.successful):
        raise RuntimeError(
            f"solve: the integration stopped early ({RESULTS[result]}). "
            "Raise max_steps or loosen rtol, or pass throw=False to see how far it came"
        )
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


def _start(circuit, start):
    u, x = (start.u, start.x) if isinstance(start, OperatingPoint) else start
    x = jnp.asarray(x, dtype=jnp.result_type(float))
    size = circuit.device.size
    if x.shape != (size,):
        raise ValueError(
            f"solve: start wants (u, x) with {size} states "
            f"{circuit.device.state_names}, got x of shape {x.shape}"
        )
    u = jnp.asarray(u, dtype=jnp.result_type(float))
    return u, circuit.device.chart(x), jnp.zeros_like(u)


def _rest(circuit):
    """Voltage, states in their charts and current before the drive's first edge."""
    before = circuit.drive.wave.before()
    begin, count = _at_rest(circuit.device, before, circuit.is_voltage)
    if is_concrete(count) and np.any(np.asarray(count) != 1):
        name = LETTER[circuit.drive.kind]
        try:
            operating_point(circuit.device, **{name: before})  # says that there is none, or several
        except ValueError as error:
            raise ValueError(
                "solve: before the drive's first edge there is no one equilibrium to start from "
                f"({error}); give start=(u, x), or start=operating_point(device, u=...)"
            ) from None
    return begin


@eqx.filter_jit
def _at_rest(device, before, is_voltage):
    point = rest_at(device, before, is_voltage)
    z = device.chart_rest(point.u) if device.curve is None else device.chart(point.x)
    return (point.u, z, point.I), point.count


def _window(t, wave):
    """How many samples a segment between two edges may hold, a static shape.

    Each segment looks at a window of the times and no more. It is all of them, so that a train
    of any length is one program, unless there are many samples and many edges.
    """
    n, window, edges = t.shape[0], LEAST_WINDOW, wave.edges()
    if n <= window or edges.shape[0] == 0 or not is_concrete(t, edges):
        return n
    most = wave.most_samples(t)
    while window < most:
        window *= 8
    return min(n, window)


def _run(primal, settings, adjoint):
    return _integrate(primal, settings, adjoint)


@eqx.filter_jit
def _forward(primal, settings):
    return _columns(primal, settings)


@eqx.filter_custom_jvp
def _columns(primal, settings):
    return _integrate(primal, settings, diffrax.ForwardMode())


@_columns.def_jvp
def _columns_jvp(primals, tangents):
    """All columns of the derivative in forward mode, then the combination asked for.

    The combination is linear and can be transposed, so that `grad` works as well, at a cost
    that grows with the number of perturbed numbers.
    """
    primal, settings = primals
    tangent, _ = tangents
    moved = jax.tree.map(lambda _: True, tangent)
    moved = jax.tree.map(
        lambda p, v: v is not None, primal, tangent, is_leaf=lambda leaf: leaf is None
    )
    active, rest = eqx.partition(primal, moved)
    flat, unravel = ravel_pytree(active)

    def outputs(vector):
        result = _integrate(eqx.combine(unravel(vector), rest), settings, diffrax.ForwardMode())
        return result[0], result

    direction, _ = ravel_pytree(tangent)
    if flat.size > MOST_COLUMNS:
        _, change, result = jax.jvp(outputs, (flat,), (direction,), has_aux=True)
    else:
        jacobian, result = jax.jacfwd(outputs, has_aux=True)(flat)
        change = jax.tree.map(lambda J: J @ direction, jacobian)
    empty = jax.tree.map(lambda _: None, result[1:])
    return result, (change, *empty)


@eqx.filter_jit
def _integrate(primal, settings, adjoint):
    """Scan over the segments between edges; each is one `diffeqsolve`."""
    circuit, t, begin, rtol, atol = primal
    solver, max_steps, window = settings
    wave = circuit.drive.wave
    bounds = _bounds(t, wave.edges())
    amplitude = _amplitude(wave, bounds)
    scale = circuit.scale(amplitude)
    y, V_old = _initial(circuit, begin, scale)
    mass = circuit.mass()
    if solver is None:
        # The middle of a step is checked in rows with a mass other than 1: voltage drives have one.
        solver = Rodas5P(middle_check=0.0 if circuit.is_voltage is False else 1.0)
    implicit = isinstance(solver, Rodas5P)
    if implicit:
        solver = eqx.tree_at(lambda s: s.mass, solver, mass, is_leaf=lambda m: m is None)
    relative, absolute = circuit.weights(amplitude)
    controller = diffrax.PIDController(
        # With a tolerance near rounding no step would be accepted.
        rtol=jnp.maximum(rtol * relative, 100 * jnp.finfo(t.dtype).eps),
        atol=atol * absolute,
        norm=lambda e: jnp.max(jnp.abs(e)),
        error_order=5 if implicit else None,
    )

    # A segment looks at the samples from its start on, and a sample is seen by the last segment
    # that starts at it or earlier: at a jump that is the value after it.
    starts = bounds[:-1]
    firsts = jnp.searchsorted(t, starts, side="left")
    padded = jnp.concatenate([t, jnp.full((window,), t[-1])])

    def segment(carry, ends):
        y, V_old, bad = carry
        a, b, first = ends
        at = a + (b - a) / 2
        times = jnp.clip(jax.lax.dynamic_slice(padded, (first,), (window,)), a, b)
        here = eqx.tree_at(lambda c: c.drive.wave, circuit, wave.piece(at))
        y = here.edge(y, V_old, a, at, scale)

        def field(s, y, at):
            F = _field(here, s, y, at, scale)
            return F if implicit else F / mass

        def run(y):
            term = diffrax.ODETerm(field)
            if isinstance(solver, SPLIT):
                # Implicit-explicit methods: all of it is their implicit part. (In diffrax 0.7
                # they then stall, and say so by a code, on problems as mild as y' = -y.)
                term = diffrax.MultiTerm(diffrax.ODETerm(lambda s, y, at: jnp.zeros_like(y)), term)
            solution = diffrax.diffeqsolve(
                term,
                solver,
                a,
                b,
                _first_step(field, a, b, y, at, mass if implicit else jnp.ones_like(mass)),
                y,
                args=at,
                saveat=diffrax.SaveAt(
                    subs=(diffrax.SubSaveAt(ts=times), diffrax.SubSaveAt(t1=True))
                ),
                stepsize_controller=controller,
                adjoint=adjoint,
                max_steps=max_steps,
                throw=False,
            )
            samples, end = solution.ys  # pyright: ignore[reportGeneralTypeIssues]
            return samples, end[0], solution.stats["num_accepted_steps"], solution.result

        def skip(y):
            return jnp.broadcast_to(y, (window, y.shape[0])), y, 0, diffrax.RESULTS.successful

        samples, y_end, steps, result = jax.lax.cond((b > a) & ~bad, run, skip, y)
        seen = jax.vmap(lambda s, v: here.observe(s, v, at, scale))(times, samples)
        failed = bad | (result != diffrax.RESULTS.successful)
        return (y_end, wave.value(b, at), failed), (seen, steps, result, failed)

    fine = circuit.device.allowed()
    lost_at_start = ~jnp.all(jnp.isfinite(y)) | ~fine
    carry = (y, V_old, lost_at_start)
    _, (seen, steps, results, failed) = jax.lax.scan(segment, carry, (starts, bounds[1:], firsts))
    k = jnp.searchsorted(starts, t, side="right") - 1
    place = jnp.arange(t.shape[0]) - firsts[k]
    lost = failed[k]

    def pick(array):
        value = array[k, place]
        return jnp.where(lost.reshape((-1,) + (1,) * (value.ndim - 1)), jnp.nan, value)

    out = jax.tree.map(pick, seen)
    worst = jax.tree.map(lambda r: r[jnp.argmax(failed)], results)
    diverged: Any = diffrax.RESULTS.nonlinear_divergence
    worst = diffrax.RESULTS.where(lost_at_start, diverged, worst)
    result = RESULTS.where(fine, RESULTS.promote(worst), RESULTS.value_not_allowed)
    return out, jnp.sum(steps), result


@eqx.filter_jit
def _field(circuit, t, y, at, scale):
    # A program within the program: traced and differentiated once, and called at every stage.
    return circuit.field(t, y, at, scale)


def _bounds(t, edges):
    """Ends of the segments: the drive's edges between the first and the last sample.

    Edges that differ by rounding only (the last corner of a triangle and the last sample) are
    one: no step fits between them.
    """
    near = 16 * jnp.finfo(t.dtype).eps * jnp.max(jnp.abs(t))
    edges = jnp.clip(edges.astype(t.dtype), t[0], t[-1])
    edges = jnp.where(edges > t[-1] - near, t[-1], edges)
    before = jnp.concatenate([t[:1], edges[:-1]])
    edges = jnp.where(edges - before < near, before, edges)
    return jnp.concatenate([t[:1], edges, t[-1:]])


def _amplitude(wave, bounds):
    """The largest value of the drive: at rest, and at both ends and inside of each piece."""
    middles = bounds[None, :-1] + jnp.diff(bounds)[None, :] * jnp.linspace(0, 1, 9)[:, None]
    at = bounds[:-1] + jnp.diff(bounds) / 2
    values = jax.vmap(jax.vmap(wave.value), in_axes=(0, None))(middles, at)
    top = jnp.maximum(jnp.max(jnp.abs(values)), jnp.abs(wave.before()))
    return jax.lax.stop_gradient(top)


def _initial(circuit, begin, scale):
    """y and the drive's value before t[0]."""
    device, before = circuit.device, circuit.drive.wave.before()
    u, z, I = _rest(circuit) if begin is None else begin
    # Under voltage drive `edge` makes from here the current that the first piece asks for.
    first = choose(circuit.is_voltage, lambda: I, lambda: u)
    old = choose(circuit.is_voltage, lambda: device.R_s * I + u, lambda: before)
    return jnp.concatenate([(first / scale)[None], z]), old


def _first_step(field, a, b, y, at, mass):
    """A first step in which no state moves by more than a hundredth of its unit."""
    rate = jnp.max(jnp.where(mass > 0, jnp.abs(field(a, y, at)) / jnp.where(mass > 0, mass, 1), 0))
    step = 0.01 / jnp.maximum(rate, 0.01 / jnp.where(b > a, b - a, 1.0))
    return jax.lax.stop_gradient(jnp.clip(step, 1e-12 * (b - a), b - a))
