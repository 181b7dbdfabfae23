"""Measured loops of a W/Ge2Se3 memristor, and the conductance memristors that may explain them.

The files hold the voltage over device and series resistor and the current, one period of a steady
cycle each, without times. Nothing is read of the device's own voltage.
"""

from functools import partial

import numpy as np

import jaxmem as jm
from fitting import Free, Rival, Setup, Space, Trace, absolute, estimated, read_trace
from fitting.models.conductance import STEEPEST

FREQS = (1, 10, 100)
SERIES = 47e3
LETTERS = ("g_on", "g_off", "k_on", "k_off", "V_on", "V_off")


def loop(folder, freq, resistor="47kohm") -> Trace:
    """The loop at a frequency [Hz], under the sine that fits its total voltage."""
    path = folder / f"{resistor}_0.8V_{freq}Hz_M2_total.csv"
    (raw,) = read_trace(path, units="I=uA", freq=freq, start="periodic", imposed="voltage")
    V = np.asarray(raw.drive.wave(raw.t))
    angle = 2 * np.pi * freq * raw.t
    columns = np.stack([np.sin(angle), np.cos(angle), np.ones_like(angle)], axis=1)
    s, c, offset = np.linalg.lstsq(columns, V, rcond=None)[0]
    wave = jm.Sine(np.hypot(s, c), freq, offset=offset, phase=np.arctan2(c, s))
    # Half a microampere is the shape of a guess; the fit finds the scale of each loop.
    return Trace(
        raw.t, jm.VoltageDrive(wave), raw.observed, start="periodic", rtol=1e-5,
        sigma=estimated(absolute(5e-7)), label=f"{freq} Hz",
    )  # fmt: skip


def loops(folder, freqs=FREQS) -> list[Trace]:
    """The loops at several frequencies."""
    return [loop(folder, freq) for freq in freqs]


def ends(terms):
    """The least and the largest total resistance V/I that the loops show [ohm]."""
    found = []
    for term in terms:
        V = np.asarray(term.drive.wave(term.t))
        high = np.abs(V) > 0.5 * np.abs(V).max()
        R = V[high] / term.observed[high]
        found.append(np.quantile(R[R > 0], [0.05, 0.95]))
    return tuple(np.median(found, axis=0))


def conductance(terms, *, tied=False, leak=False, second=False, capacitor=False) -> Setup:
    """The conductance memristor behind a free R_s, with starts read off the total loops.

    `tied`: one steepness for on and off. `leak`: beside a rectifying leak. `second`: a second
    population of switches. `capacitor`: C_m is free, else it is 10 pF, which no loop feels.
    """
    on, off = ends(terms)
    top = max(float(np.abs(np.asarray(t.drive.wave(t.t))).max()) for t in terms)
    # Part of the least resistance is R_s, the rest that of the switched device.
    box = {"R_s": (0.4 * on, 1.1 * on), "g_on": (1.5 / on, 15 / on), "g_off": (0.5 / off, 2 / off)}
    box |= {"k_on": (1e-4, 1e-1), "k_off": (1e-2, 10.0)}
    box |= {"V_on": (top / 50, top / 15), "V_off": (top / 50, top / 15)}
    start = {name: float(np.sqrt(a * b)) for name, (a, b) in box.items()}
    branches = {"switch": jm.SwitchingConductance(**{name: start[name] for name in LETTERS})}
    at = lambda branch, name: lambda d: getattr(d.branches[branch], name)
    least = {"V_on": top / STEEPEST, "V_off": top / STEEPEST}
    frees = [Free(at("switch", name), name=name, low=least.get(name)) for name in LETTERS]
    if tied:
        both = lambda d: (at("switch", "V_on")(d), at("switch", "V_off")(d))
        frees = [*frees[:4], Free(both, name="V_on", low=least["V_on"])]
        del box["V_off"]
    if leak:
        branches["leak"] = jm.RectifyingLeak(0.02 * top / off, top / 10, top / 4)
        frees += [Free(at("leak", name), name=name) for name in ("I_0", "V_f", "V_r")]
        box |= {"I_0": (1e-3 * top / off, 0.1 * top / off)}
        box |= {name: (top / 20, top) for name in ("V_f", "V_r")}
    if second:
        branches["second"] = jm.SwitchingConductance(0.3 / on, 0.0, 1e-2, 1.0, top / 10, top / 10)
        own = [name for name in LETTERS if name != "g_off"]
        frees += [Free(at("second", name), name=f"{name}_2", low=least.get(name)) for name in own]
        box |= {"g_on_2": (0.1 / on, 3 / on), "k_on_2": (1e-3, 10.0), "k_off_2": (1e-2, 100.0)}
        box |= {"V_on_2": (top / 40, top / 4), "V_off_2": (top / 40, top / 4)}
    frees.append(Free(lambda d: d.R_s, name="R_s"))
    if capacitor:
        frees.append(Free(lambda d: d.C_m, name="C_m"))
        box["C_m"] = (1e-11, 1e-8)
    return Setup(jm.Device(1e-11, branches, start["R_s"]), Space(*frees), box)


def _rival(name, idea, contains=(), **options) -> Rival:
    return Rival(name, partial(conductance, **options), idea, contains)


RIVALS = (
    _rival("one steepness", "switching with one steepness for on and off", tied=True),
    _rival("two steepnesses", "switching with a steepness for each direction", ("one steepness",)),
    _rival("with C_m", "switching beside a capacitor",
           ("two steepnesses", "one steepness"), capacitor=True),
    _rival("with a rectifying leak", "switching beside a rectifying leak",
           ("two steepnesses", "one steepness"), leak=True),
    _rival("two populations", "two populations of switches",
           ("two steepnesses", "one steepness"), second=True),
)  # fmt: skip
