"""How a computation ended: one enumeration for transients, cycles, curves, designs and fits."""

from typing import Any

import diffrax
import numpy as np


class RESULTS(diffrax.RESULTS):  # pyright: ignore[reportGeneralTypeIssues]
    """How a computation ended, each with a sentence; that of `successful` is empty.

    An `equinox.Enumeration`, with the members of diffrax's, optimistix' and lineax' beside its own:
    `found.result == RESULTS.successful` compares, also element by element where there are many,
    and `RESULTS[found.result]` is the sentence. It goes through `jit`, `vmap` and `lax.map`;
    `RESULTS.where(condition, a, b)` chooses.
    """

    successful = ""
    value_not_allowed = "a value of the device is not finite, or not positive where it must be"
    # A search for the least sum of squares.
    steps_exhausted = "still descending when its steps ran out"
    stalled = "no step reduced the sum of squares though its gradient is not zero"
    start_not_finite = "the residual is not finite at the start"
    interrupted = "interrupted; this is the best point until then"
    # A limit cycle.
    no_hopf_point = "there is no Hopf point at any voltage, so that no cycle begins"
    no_cycle = "no cycle on the branches that begin at its Hopf points has this drive"
    cycle_not_converged = "Newton's method did not converge on the fine mesh; give more intervals"
    mesh_too_coarse = "two meshes differ by more than `rtol`; give more intervals"
    # A curve of Hopf points, or a branch of cycles.
    no_start = "there is no Hopf point, or fold, of this number to start from"
    pair_lost = "no pair of eigenvalues is on the imaginary axis any more, and no fold tells why"
    curve_too_long = "the points that are kept were used up before it ended"
    step_too_short = "no step along it succeeded, however short"
    period_too_long = "the period grew a million times that at the Hopf point"
    end_unknown = "the amplitude vanished, but not at another Hopf point"
    # A transient.
    rates_not_finite = "the device's current or rates are not finite where a piece begins"
    # The settled answer to a periodic drive.
    not_periodic = "the state does not close over a period of the drive"
    not_locked = (
        "the state does not return after `most` periods or fewer: it drifts against the "
        "drive, or wants more periods to settle"
    )
    not_located = "a special point between two orbits of the branch could not be located"
    integration_failed = "an integration failed"
    # The smallest change of a device.
    no_change = "no change of these parameters brings it to the boundary of oscillation"
    saddle = "what comes first is a saddle (negative differential resistance), not an oscillation"


def messages(item: Any) -> tuple[str, ...]:
    """The messages of an array of items of an enumeration, one after the other."""
    known = item._enumeration._index_to_message
    return tuple(known[k] for k in np.ravel(np.asarray(item._value)))
