"""The answer in sentences that a laboratory can act on."""

from collections.abc import Sequence

import numpy as np

from jaxmem.apps.spike.answer import Answer, branch_record, change_record
from jaxmem.devices import AbstractDevice, Memristor2D, Memristor3D
from jaxmem.output.numbers import engineering
from jaxmem.results import RESULTS
from jaxmem.stability import ONSETS, loop_gain

DRIVES = {"current": "a constant current", "voltage": "a constant voltage through R_s"}


def sentences(device: AbstractDevice, found: Answer) -> list[str]:
    """The verdict first, then what it rests on."""
    if found.impossible:
        more = ""
        if found.R_s_needed is not None:
            more = f" It would spike behind R_s above {engineering(found.R_s_needed, 'ohm')}."
        return [found.impossible + more]
    lines = [_verdict(device, found), *(_branch(found, k) for k in range(len(found.branches)))]
    lines += [line for line in (_begins(found), _onset(found), _gain(found)) if line]
    return [*lines, *_change(device, found), *_lag(device, found)]


def _verdict(device: AbstractDevice, found: Answer) -> str:
    where = f"under {DRIVES[found.drive]}"
    values = found.onsets()
    if not values.size:
        if isinstance(device, Memristor2D | Memristor3D) and not device.extra:
            return f"It does not spike {where}."
        return f"It has no Hopf point {where}: no oscillation begins at rest."
    hopf = found.hopf
    assert hopf is not None
    ends = " and ".join(
        f"{found.letter} = {engineering(value, found.unit)} (u = {engineering(u, 'V')}, "
        f"{engineering(omega / 2 / np.pi, 'Hz')})"
        for value, u, omega in zip(
            values, np.asarray(hopf.u).tolist(), np.asarray(hopf.omega).tolist(), strict=False
        )
    )
    folds = 0 if found.folds is None else int(found.folds.found)
    if values.size == 2 and not folds:
        low, high = np.sort(values)
        return (
            f"It spikes {where} from {engineering(low, found.unit)} to "
            f"{engineering(high, found.unit)}: rest is unstable between {ends}."
        )
    begins = found.rheobase
    if begins is not None and np.isfinite(begins.rest):
        least = engineering(float(begins.rest), found.unit)
        return (
            f"It spikes {where} from {found.letter} = {least} on: rest gives way there, and an "
            f"equilibrium changes its stability at {ends}."
        )
    return f"It oscillates {where}: an equilibrium changes its stability at {ends}."


def _branch(found: Answer, k: int) -> str:
    row, name = branch_record(found.branches[k]), f"Cycles from Hopf point {found.starts[k] + 1}"
    if not row["cycles"]:
        return f"{name} could not be followed; simulate it between the Hopf points."
    if row["frequency_Hz"] is None:
        return f"{name}: no stable one was met."
    if found.branches[k].result == RESULTS.period_too_long:
        end = engineering(float(_last(found.branches[k])), found.unit)
        return (
            f"{name}: up to {engineering(row['frequency_Hz'][1], 'Hz', 3)}, swing of u up to "
            f"{engineering(row['swing_V'][1], 'V')}; the period grows without bound at "
            f"{found.letter} = {end}."
        )
    text = (
        f"{name}: {_span(row['frequency_Hz'], 'Hz')}, swing of u up to "
        f"{engineering(row['swing_V'][1], 'V')}, {_span(row['energy_J'], 'J')} per spike."
    )
    if not row["complete"]:
        last = engineering(row["drive"][1], found.unit)
        text += f" The branch was followed to {found.letter} = {last} and not to its end."
    return text


def _last(branch) -> float:
    """The drive of the last cycle that was met."""
    return np.asarray(branch.drive)[int(branch.count) - 1]


def _begins(found: Answer) -> str:
    begins = found.rheobase
    if begins is None or not np.isfinite(begins.rest):
        return ""
    rest, kept = float(begins.rest), float(begins.kept)
    at = f"{found.letter} = {engineering(rest, found.unit)}"
    if begins.onset == ONSETS.unknown:
        text = f"As the {found.drive} rises rest gives way at {at}; {ONSETS[begins.onset]}."
    else:
        text = f"As the {found.drive} rises rest gives way at {at}: {ONSETS[begins.onset]}."
    if kept < rest:
        text += f" Spiking that has begun goes on down to {engineering(kept, found.unit)}."
    return text


def _onset(found: Answer) -> str:
    values = found.onsets()
    if not values.size or found.hopf is None:
        return ""
    l1 = np.asarray(found.hopf.l1)[: values.size]
    kinds = []
    for value, x in zip(values, l1, strict=False):
        soft = "soft (the amplitude grows from zero)" if x < 0 else "hard (it jumps)"
        kinds.append(f"at {engineering(value, found.unit)} {soft}")
    text = f"At its Hopf points the onset is {', '.join(kinds)}."
    for branch in found.branches:
        if np.isfinite(branch.low):
            low, high = (engineering(float(x), found.unit) for x in (branch.low, branch.high))
            text += (
                f" Between {low} and {high} both rest and spiking are stable, and the device "
                "remembers which it was."
            )
    return text


def _gain(found: Answer) -> str:
    if found.gain is None:
        return ""
    gain, bound = float(found.gain.gain), float(found.gain.bound)
    text = f"Where it is readiest, at u = {engineering(found.u, 'V')}, the loop gain is {gain:.3g}"
    if np.isinf(bound):
        return f"{text}; with two lags no gain suffices."
    return f"{text}, and {bound:.3g} {'is' if gain > bound else 'would be'} needed."


def _change(device: AbstractDevice, found: Answer) -> list[str]:
    change = found.change
    assert change is not None
    row = change_record(change)
    verb = "makes it spike" if row["starts"] else "stops it"
    if change.result == RESULTS.saddle:
        return [f"No change was found that {verb}: {RESULTS[change.result]}."]
    if not row["found"]:
        if isinstance(device, Memristor2D) and device.size < 2:
            return [f"No change of its parameters {verb}."]
        return [f"No change of its parameters was found that {verb}, each within a million."]
    alone = [f"{p['name']} {options}" for p in row["parameters"] if (options := _alone(p))]
    never = [p["name"] for p in row["parameters"] if not _alone(p)]
    lines = [f"The smallest change that {verb}, of all together: {_together(row)}."]
    if alone:
        lines.append(f"One parameter alone: {'; '.join(alone)}.")
    if never:
        lines.append(f"Impossible (within a factor of a million) with {', '.join(never)} alone.")
    return lines


def _together(row: dict) -> str:
    steps = sorted(row["parameters"], key=lambda p: -abs(np.log(p["factor_together"])))
    main = [p for p in steps if abs(np.log(p["factor_together"])) > 0.02] or steps[:1]
    return ", ".join(_step(p, p["factor_together"]) for p in main)


def _step(p: dict, factor: float) -> str:
    to = engineering(p["value"] * factor, p["unit"], 3)
    way = "up" if factor > 1 else "down"
    return f"{p['name']} {way} from {engineering(p['value'], p['unit'], 3)} to {to}"


def _alone(p: dict) -> str:
    return " or ".join(
        f"{'below' if factor < 1 else 'above'} {engineering(p['value'] * factor, p['unit'], 3)}"
        for factor in (p["factor_alone_down"], p["factor_alone_up"])
        if factor is not None
    )


def _lag(device: AbstractDevice, found: Answer) -> list[str]:
    if found.lag is None:
        return []
    no = "Two lags in a ring turn the phase by less than half a turn: the 2D model never spikes."
    low, high = float(found.lag.low), float(found.lag.high)
    lines = [] if device.size > 1 else [no]
    if np.isfinite(low):
        return [
            *lines,
            f"A second lag, an activation time tau_k between {engineering(low, 's')} and "
            f"{engineering(high, 's')}, would make it spike.",
        ]
    text = "No second lag alone makes it spike"
    three = found.lag.device
    if not three.extra:
        gain, needed = loop_gain(three, three.V_T, found.drive)  # at f = 1/2 it is largest
        best = engineering(float(found.lag.best), "s", 3)
        text += (
            f": with the best one, tau_k = {best}, a loop gain of {float(needed):.3g} would be "
            f"needed, and it is {float(gain):.3g} at most"
        )
    lines.append(f"{text}.")
    if found.lag_change is not None and found.lag_change.result == RESULTS.successful:
        lines.append(f"With that lag, {_together(change_record(found.lag_change))} would.")
    return lines


def _span(ends: Sequence[float], unit: str) -> str:
    return f"{engineering(ends[0], unit, 3)} to {engineering(ends[1], unit, 3)}"
