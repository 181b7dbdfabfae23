"""Whether a device spikes under one kind of drive, how, and what would have to change."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from jaxmem.circuits import DriveKind
from jaxmem.circuits.drive import LETTER, UNIT
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.results import RESULTS
from jaxmem.stability import (
    Change,
    CycleBranch,
    HopfPoints,
    LoopGain,
    SecondLag,
    cycle_branch,
    hopf_points,
    least_margin,
    loop_gain,
    second_lag,
    smallest_change,
)

# Steps along a branch that make its figures smooth; intervals for numbers that are reported.
SMOOTH, INTERVALS = 0.15, 80


@dataclass(frozen=True)
class Answer:
    """What is known of a device under a constant current, or a voltage through R_s.

    - `impossible`: why there is nothing to ask (an imposed voltage), or empty.
    - `hopf`: its Hopf points; `branches`: the cycles that grow from them, each branch once.
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


def spike_answer(device: AbstractDevice, drive: DriveKind) -> Answer:
    """Everything that the report says of a device under one kind of drive.

    **Raises:** `ValueError` if no branch of the device says where it is steep (`window`).
    """
    own = isinstance(device, Memristor2D | Memristor3D) and not device.extra
    if drive == "voltage" and float(device.R_s) == 0:
        return Answer(
            drive,
            "Under an ideal voltage, R_s = 0, u is imposed and cannot oscillate.",
            R_s_needed=_resistance_needed(device),
        )
    hopf = hopf_points(device, drive=drive)
    # A 2D device has no margin to speak of: it is readiest where its gain is largest.
    u = float(least_margin(device, drive).u if device.size > 1 else device.windows()[0][0])
    lag = second_lag(device, drive) if isinstance(device, Memristor2D) else None
    return Answer(
        drive, "", hopf, _branches(device, drive, hopf), u,
        loop_gain(device, u, drive) if own else None,  # pyright: ignore[reportArgumentType]
        smallest_change(device, drive=drive), lag,
        smallest_change(lag.device, drive=drive) if lag else None,
    )  # fmt: skip


def _branches(device, drive, hopf) -> tuple[CycleBranch, ...]:
    """The branches from all Hopf points, without those on which another one ended."""
    found, ends = [], set()
    for k in range(min(int(hopf.found), len(hopf.u))):
        if k not in ends:
            branch = cycle_branch(device, drive=drive, start=k, largest=SMOOTH, intervals=INTERVALS)
            if not bool(branch.complete):
                branch = cycle_branch(device, drive=drive, start=k, intervals=INTERVALS)
            found.append(jax.device_get(branch))
            ends.add(int(branch.end_hopf))
    return tuple(found)


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
        "folds": int(branch.folds),
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
