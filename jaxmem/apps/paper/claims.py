"""What the paper claims of its models, each as a computed check."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.apps.paper.impedance import BIASES, impedance_of, near_bias
from jaxmem.apps.paper.oscillation import TAUS, spiking_device
from jaxmem.apps.paper.panel import Builder, PaperPanel, true
from jaxmem.apps.paper.transients import PULSES
from jaxmem.circuits import Circuit, Constant, CurrentDrive, Step
from jaxmem.devices import paper_device
from jaxmem.responses import solve, steady_curve
from jaxmem.stability import hopf_points, limit_cycle, unstable_count

U = jnp.linspace(0, 2, 2001)


def two_dimensions() -> PaperPanel:
    """The 2D model has no Hopf point, whatever the voltage."""
    found = most = 0
    for tau_m, tau_d, _ in PULSES.values():
        flat = paper_device(tau_m=tau_m, tau_d=tau_d)
        found += int(hopf_points(flat).found)
        most = max(most, int(jax.vmap(lambda u, d=flat: unstable_count(d, u))(U).max()))
    checks = (
        true("no Hopf point for any of the 13 sets of figure 2", found == 0),
        true("no unstable eigenvalue at 2,001 voltages from 0 to 2", most == 0),
    )
    shows = "2D has no Hopf point for any voltage"
    return PaperPanel("c1", shows, {"sets": "those of figure 2"}, checks)


def no_negative_resistance() -> PaperPanel:
    """The dc curve rises everywhere, and yet the 3D device oscillates."""
    device = spiking_device()
    I = np.asarray(steady_curve(device, U).I)
    cycle = limit_cycle(Circuit(device, CurrentDrive(Constant(device.steady_current(1.0)))))
    checks = (
        true("dI/du > 0 everywhere on the dc curve", np.all(np.diff(I) > 0)),
        true("under I(1) there is a stable limit cycle", bool(cycle.stable)),
    )
    shows = "no negative resistance in the dc curve, and yet 3D oscillates"
    return PaperPanel("c2", shows, TAUS, checks)


def only_in_between() -> PaperPanel:
    """Re Z is negative at finite frequencies only."""
    u, (tau_m, tau_d, tau_k) = BIASES["4b"]
    Z = impedance_of(near_bias("4b"))
    negative = np.flatnonzero(Z.real < 0)
    checks = (
        true("Re Z > 0 at the lowest frequency", Z[0].real > 0),
        true("Re Z > 0 at the highest frequency", Z[-1].real > 0),
        true("Re Z < 0 on one range of frequencies between",
             negative.size > 1 and np.all(np.diff(negative) == 1)),
    )  # fmt: skip
    given = {"u": u, "tau_m": tau_m, "tau_d": tau_d, "tau_k": tau_k}
    return PaperPanel("c3", "Re Z < 0 at finite frequency only", given, checks)


def one_window() -> PaperPanel:
    """Two Hopf points bound one window of instability."""
    hopf = hopf_points(spiking_device())
    low, high = (float(u) for u in hopf.u[:2])
    count = np.asarray(jax.vmap(lambda u: unstable_count(spiking_device(), u))(U))
    inside = (np.asarray(U) > low) & (np.asarray(U) < high)
    checks = (
        true("there are two Hopf points", int(hopf.found) == 2),
        true("two unstable eigenvalues everywhere between them", np.all(count[inside] == 2)),
        true("none outside", np.all(count[~inside] == 0)),
        true("both onsets are soft", np.all(np.asarray(hopf.l1)[:2] < 0)),
    )
    return PaperPanel("c4", "two Hopf points bound one window", TAUS, checks)


def to_two_dimensions() -> PaperPanel:
    """As tau_k goes to zero, 3D goes to 2D, in proportion to tau_k."""
    taus = [1e-4, 1e-5, 1e-6]
    flat = dict(tau_m=0.01, tau_d=2.0)
    t = jnp.linspace(-0.5, 10, 2001)

    def answer(**extra):
        circuit = Circuit(paper_device(**flat, **extra), CurrentDrive(Step(jnp.asarray(6.0))))
        return np.asarray(solve(circuit, t, rtol=1e-9).u)

    want = answer()
    off = [float(np.abs(answer(tau_k=tau) - want)[np.asarray(t) > 0.5].max()) for tau in taus]
    checks = (
        true("u(t) comes nearer as tau_k falls from 1e-4 to 1e-6", off[0] > off[1] > off[2]),
        true("in proportion to tau_k within a third",
             all(6.7 < a / b < 13.3 for a, b in pairwise(off))),
    )  # fmt: skip
    curves = {"": {"tau_k": np.array(taus), "largest_difference_of_u": np.array(off)}}
    return PaperPanel("c5", "3D goes to 2D as tau_k goes to zero", flat, checks, curves)


CLAIMS: dict[str, Builder] = {
    "c1": two_dimensions, "c2": no_negative_resistance, "c3": only_in_between, "c4": one_window,
    "c5": to_two_dimensions,
}  # fmt: skip
