"""Whether a device spikes under one kind of drive, how, and what would have to change."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER, UNIT
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.results import RESULTS
from jaxmem.stability import (
    ONSETS,
    Change,
    CycleBranch,
    FoldPoints,
    HopfPoints,
    LoopGain,
    Rheobase,
    SecondLag,
    cycle_branch,
    fold_points,
    hopf_points,
    least_margin,
    loop_gain,
    second_lag,
    smallest_change,
)
from jaxmem.stability.driven.onset_kinds import name_of
from jaxmem.stability.driven.onsets import onset_of

# Steps along a branch that make its figures smooth; intervals for numbers that are reported.
SMOOTH, INTERVALS = 0.15, 80


@dataclass(frozen=True)
class Answer:
    """What is known of a device under a constant current, or a voltage through R_s.

    - `impossible`: why there is nothing to ask (an imposed voltage), or empty.
    - `u_range`: the voltages that were looked at [V]; None: all.
    - `hopf`: its Hopf points; `branches`: the cycles that grow from them, each branch once, from
      the Hopf points number `starts`.
    - `folds`: where two equilibria meet; `rheobase`: where spiking begins, and how.
    - `u`: the voltage [V] where it oscillates most readily; `gain` there, of the paper's devices.
    - `change`: the smallest change that starts it, or stops it.
    - `lag`: of a 2D device, what a second lag would have to be; `lag_change`: the smallest change
      of the device with the best one.
    - `R_s_needed`: of a device without R_s under voltage, how much would let it spike [ohm].
    """

    drive: DriveKind
    impossible: str = ""
    hopf: HopfPoints | None = None
    branches: tuple[CycleBranch, ...] = ()
    u: float = float("nan")
    gain: LoopGain | None = None
    change: Change | None = None
    lag: SecondLag | None = None
    lag_change: Change | None = None
    R_s_needed: float | None = None
    folds: FoldPoints | None = None
    rheobase: Rheobase | None = None
    u_range: tuple[float, float] | None = None
    starts: tuple[int, ...] = ()

    @property
    def spikes(self) -> bool:
        """Whether there is a Hopf point."""
        return self.hopf is not None and int(self.hopf.found) > 0

    @property
    def unit(self) -> str:
        """Of the drive."""
        return UNIT[self.drive]

    @property
    def letter(self) -> str:
        """Of the drive."""
        return LETTER[self.drive]

    def onsets(self) -> np.ndarray:
        """The drive's values at the Hopf points [A] or [V]."""
        if self.hopf is None:
            return np.zeros(0)
        return np.asarray(getattr(self.hopf, self.letter))[: int(self.hopf.found)]

    def record(self) -> dict[str, Any]:
        """The numbers, ready for JSON; what is not a number is None."""
        if self.impossible:
            return {
                "drive": self.drive, "spikes": False, "impossible": self.impossible,
                "R_s_needed_ohm": _plain(self.R_s_needed),
            }  # fmt: skip
        assert self.hopf is not None and self.change is not None
        return {
            "drive": self.drive,
            "spikes": self.spikes,
            "hopf_points": _hopf_rows(self.hopf),
            "folds": _fold_rows(self.folds),
            "rheobase": _rheobase_record(self.rheobase),
            "branches": [branch_record(b) for b in self.branches],
            "u_most_ready_V": _plain(self.u),
            "loop_gain": None if self.gain is None else _plain(self.gain.gain),
            "loop_gain_bound": None if self.gain is None else _plain(self.gain.bound),
            "smallest_change": change_record(self.change),
            "second_lag": self.lag and {
                "tau_k_low_s": _plain(self.lag.low), "tau_k_high_s": _plain(self.lag.high),
                "tau_k_best_s": _plain(self.lag.best),
                "smallest_change_with_it": self.lag_change and change_record(self.lag_change),
            },
        }  # fmt: skip


def _hopf_rows(hopf: HopfPoints) -> list[dict[str, Any]]:
    rows = np.stack([hopf.I, hopf.V, hopf.u, hopf.omega / 2 / np.pi, hopf.l1])
    names = ("I_A", "V_V", "u_V", "frequency_Hz", "l1_per_V2")
    return [
        dict(zip(names, row, strict=True)) | {"onset": "soft" if row[-1] < 0 else "hard"}
        for row in rows.T[: int(hopf.found)].tolist()
    ]


def _fold_rows(folds: FoldPoints | None) -> list[dict[str, Any]]:
    if folds is None:
        return []
    rows = np.stack([folds.I, folds.V, folds.u]).T[: int(folds.found)].tolist()
    steady = np.asarray(folds.stable_node).tolist()
    return [
        dict(zip(("I_A", "V_V", "u_V"), row, strict=True)) | {"rest_vanishes": node}
        for row, node in zip(rows, steady, strict=False)
    ]


def _rheobase_record(found: Rheobase | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "rest": _plain(found.rest), "kept": _plain(found.kept), "onset": name_of(found.onset),
        "sentence": ONSETS[found.onset],
    }  # fmt: skip


def spike_answer(
    device: AbstractDevice, drive: DriveKind, u_range: tuple[float, float] | None = None
) -> Answer:
    """Everything that the report says of a device under one kind of drive.

    `u_range`: voltages to look in [V], as in `hopf_points`.
    """
    own = isinstance(device, Memristor2D | Memristor3D) and not device.extra
    if drive == "voltage" and float(device.R_s) == 0:
        return Answer(
            drive,
            "Under an ideal voltage, R_s = 0, u is imposed and cannot oscillate.",
            R_s_needed=_resistance_needed(device),
        )
    hopf = hopf_points(device, drive=drive, u_range=u_range)
    folds = fold_points(device, drive=drive, u_range=u_range)
    all_branches = _branches(device, drive, hopf, u_range)
    known = jax.tree.map(lambda *a: jnp.stack(a), *all_branches) if all_branches else None
    # A 2D device has no margin to speak of: it is readiest where its gain is largest.
    ready = own and device.size == 1
    u = device.windows()[0][0] if ready else least_margin(device, drive, u_range=u_range).u
    lag = second_lag(device, drive) if isinstance(device, Memristor2D) else None
    starts = _each_once(all_branches)
    return Answer(
        drive, "", hopf, tuple(jax.device_get(all_branches[k]) for k in starts), float(u),
        loop_gain(device, u, drive) if own else None,  # pyright: ignore[reportArgumentType]
        smallest_change(device, drive=drive, u_range=u_range), lag,
        smallest_change(lag.device, drive=drive) if lag else None, None, folds,
        onset_of(device, drive, u_range, hopf, folds, known), u_range, starts,
    )  # fmt: skip


def _branches(device, drive, hopf, u_range) -> list[CycleBranch]:
    """The branches of cycles from each Hopf point."""
    found = []
    follow = lambda **how: cycle_branch(
        device, drive=drive, u_range=u_range, intervals=INTERVALS, **how
    )
    for k in range(min(int(hopf.found), len(hopf.u))):
        branch = follow(start=k, largest=SMOOTH)
        found.append(branch if bool(branch.complete) else follow(start=k))
    return found


def _each_once(branches: list[CycleBranch]) -> tuple[int, ...]:
    """Which of them are not the way back along another one."""
    kept, ends = [], set()
    for k, branch in enumerate(branches):
        if k not in ends:
            kept.append(k)
            ends.add(int(branch.end_hopf))
    return tuple(kept)


def _resistance_needed(device) -> float | None:
    """The least R_s behind which a device without one spikes under voltage, if any does [ohm].

    A series resistance loads the device as one in parallel to its leak does: R_b R_s/(R_b + R_s).
    """
    if not isinstance(device, Memristor2D | Memristor3D):
        return None
    change = smallest_change(device, lambda d: d.R_b)
    factor = float(change.alone[0, 0])
    if not bool(change.spikes) or not np.isfinite(factor):
        return None
    return factor * float(device.R_b) / (1 - factor)


def branch_record(branch: CycleBranch) -> dict[str, Any]:
    """The ranges of a branch over its stable cycles."""
    stable = np.asarray(branch.stable)
    span = lambda a: (
        [_plain(np.min(a[stable])), _plain(np.max(a[stable]))] if stable.any() else None
    )
    return {
        "complete": bool(branch.complete),
        "cycles": int(branch.count),
        "drive": span(np.asarray(branch.drive)),
        "frequency_Hz": span(1 / np.asarray(branch.period)),
        "swing_V": span(np.asarray(branch.u_max - branch.u_min)),
        "u_max_V": span(np.asarray(branch.u_max)),
        "u_min_V": span(np.asarray(branch.u_min)),
        "energy_J": span(np.asarray(branch.energy)),
        "folds": int(branch.folds.found),
        "bistable": [_plain(branch.low), _plain(branch.high)] if np.isfinite(branch.low) else None,
    }


def change_record(change: Change) -> dict[str, Any]:
    """The table of what must change."""
    rows = zip(change.names, change.units, change.values, change.factors, change.alone, strict=True)
    return {
        "starts": not bool(change.spikes),
        "found": bool(change.result == RESULTS.successful),
        "log_distance": _plain(change.distance),
        "u_V": _plain(change.u),
        "frequency_Hz": _plain(change.omega / 2 / np.pi),
        "parameters": [
            {
                "name": name, "unit": unit, "value": _plain(value),
                "factor_together": _plain(factor),
                "factor_alone_down": _plain(alone[0]), "factor_alone_up": _plain(alone[1]),
            }
            for name, unit, value, factor, alone in rows
        ],
    }  # fmt: skip


def _plain(x: Any) -> float | None:
    return float(x) if x is not None and np.isfinite(x) else None
