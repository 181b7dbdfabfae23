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
    no_states = "there is none: u alone, without states of branches, cannot oscillate"
    no_hopf_point = (
        "no Hopf point was found at which a cycle could begin, and rest at this drive is stable"
    )
    no_cycle = (
        "no cycle on the branches that begin at its Hopf points, all followed to their ends, has "
        "this drive, and rest is stable there"
    )
    branch_lost = (
        "a branch of cycles could not be followed to its end, and transients come to rest: "
        "no cycle was found, which does not say that there is none"
    )
    settles_elsewhere = (
        "rest is unstable, or was not found, where it was looked for, and no cycle was found: "
        "transients come to rest elsewhere"
    )
    not_settled = (
        "rest is unstable, or was not found, where it was looked for, and no cycle was found: "
        "transients neither repeat themselves nor come to rest in the steps that they have"
    )
    cycle_not_converged = (
        "Newton's method did not converge to the cycle that a branch or a transient came near to: "
        "give more intervals (or the drive is just beyond a fold, where there is none)"
    )
    next_to_hopf = (
        "so near to a Hopf point that rounding of the distance makes its amplitude uncertain by "
        "more than `rtol`"
    )
    mesh_too_coarse = "two meshes differ by more than `rtol`; give more intervals"
    # A curve of Hopf points, or a branch of cycles.
    no_start = "there is no Hopf point, or fold, of this number to start from"
    pair_lost = "no pair of eigenvalues is on the imaginary axis any more, and no fold tells why"
    curve_too_long = "the points that are kept were used up before it ended"
    step_too_short = "no step along it succeeded, however short"
    period_too_long = (
        "the period grows without bound: towards a homoclinic orbit, or a saddle-node on the cycle"
    )
    end_unknown = "the amplitude vanished, but not at another Hopf point"
    turned_back = "it turned back to its own beginning, where a step was too long"
    # A transient.
    call_not_allowed = (
        "the times are not finite or do not ascend, or a tolerance is not positive and finite"
    )
    unstable_followed = (
        "it follows an unstable equilibrium, which a device leaves at the least disturbance: from "
        " there on the values are not determined"
    )
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


def item_name(item: Any) -> str:
    """The name of one item of an enumeration, `"successful"`."""
    known = item._enumeration._name_to_item.items()
    return next(name for name, other in known if int(other._value) == int(item._value))
