"""What may be said of each kind of file, of spikes, and of what is known before."""

from typing import Any, NamedTuple

from jaxmem.settings import Biases, Places, Setting, Sigma, SpikeSigma, Units

# As in ZView and pyimpspec; the last is a column of the file.
WEIGHTS = ("modulus", "unit", "proportional", "sigma")


class Kind(NamedTuple):
    """A kind of entry: what it is, what it must say, and all it may say.

    `one_of`: settings of which one at most is given; `some_of`: of which one at least is.
    """

    help: str
    needs: str
    settings: dict[str, Setting]
    one_of: tuple[str, ...] = ()
    some_of: tuple[str, ...] = ()


def _kind(help: str, needs: str, *settings: Setting, **more: tuple[str, ...]) -> Kind:
    return Kind(help, needs, {s.name: s for s in settings}, **more)


# No cell stands more; what exceeds it is a slip of units or of the keyboard.
_BIASES: Any = {"low": -10_000, "high": 10_000}
_FILE = Setting("file", str, "The file; its path is relative to the specification", required=True)
_SIGMA = Setting("sigma", Sigma, "Standard deviation of the noise, or its parts", above=0)
_INDEX = Setting("index", Places, "Of a file with several, these only, by their places, counted "
                 "from 0 as reports name them: cell[0]")  # fmt: skip
_UNITS = Setting("units", Units, "Of traces and curves: t=ms,I=uA", option="units")

KINDS = {
    "spectra": _kind(
        "Impedance spectra in a file.",
        "file = a path",
        _FILE,
        _INDEX,
        Setting("bias", Biases, "Applied voltage of all spectra, or one for each in their order: "
                "0.5,0.6,0.7", unit="V", option="bias", **_BIASES),
        Setting("u", Biases, "The bias as the voltage over the memristor", unit="V", **_BIASES),
        Setting("I", Biases, "The bias as a current", unit="A", **_BIASES),
        Setting("V", Biases, "The bias as the applied voltage", unit="V", **_BIASES),
        Setting("temperature", Biases, "The temperature, for a series along it", unit="K", above=0),
        Setting("time", Biases, "When it was measured, for a series in time", unit="s"),
        _SIGMA,
        Setting("min_freq", float, "Leave out points below", 0.0, "Hz", low=0, option="min-freq"),
        Setting("max_freq", float, "Leave out points above", float("inf"), "Hz", above=0,
                infinite=True, option="max-freq"),
        Setting("drop", tuple[str, ...], "Points that are left out: 50Hz (what lies within 3 %), "
                "40Hz:60Hz, #3:7",
                option="drop"),
        Setting("weight", str, "What residuals are divided by: |Z| (modulus), one number (unit), "
                "Re Z and Im Z each by itself (proportional), or the file's column of standard "
                "deviations (sigma); by default sigma where the file has it, else modulus",
                choices=WEIGHTS, option="weight"),
        one_of=("bias", "u", "I", "V"),
    ),
    "trace": _kind(
        "Loops, steps or pulses in a file.",
        "file = a path",
        _FILE,
        _INDEX,
        _UNITS,
        Setting("rate", float, "Of loops without a time column", unit="V/s", above=0,
                option="scan-rate"),
        Setting("freq", float, "Of loops without a time column: one period a file", unit="Hz",
                above=0, option="loop-freq"),
        Setting("start", str, "Where traces start: rest, or periodic for a loop that goes round",
                "rest", choices=("rest", "periodic"), option="start"),
        Setting("imposed", str, "What was imposed in traces, else found out",
                choices=("current", "voltage"), option="imposed"),
        Setting("compliance", float, "Current compliance of traces, else found out", unit="A",
                above=0, infinite=True, option="compliance"),
        Setting("drive", str, 'What was applied, if not the samples: "V = Triangle(...)"'),
        _SIGMA,
        one_of=("rate", "freq"),
    ),
    "curve": _kind(
        "A steady current-voltage curve in a file.", "file = a path", _FILE, _INDEX, _UNITS, _SIGMA
    ),
    "spikes": _kind(
        "What was measured of spikes under a constant current.",
        "what was measured",
        Setting("I", float, "The current", unit="A"),
        Setting("frequency", float, "One over the period", unit="Hz", above=0),
        Setting("amplitude", float, "From the least to the largest voltage", unit="V", above=0),
        Setting("threshold", float, "The current at which rest becomes unstable", unit="A",
                above=0),
        Setting("sigma", SpikeSigma, "A share of each, or their standard deviations", above=0),
        some_of=("frequency", "amplitude", "threshold"),
    ),
    "prior": _kind(
        "What is known of a parameter before.",
        "parameter, mean, and one of sd and factor",
        Setting("parameter", str, "Its name", required=True),
        Setting("mean", float, "Its expected value, in its unit", required=True),
        Setting("sd", float, "The standard deviation, in its unit", above=0),
        Setting("factor", float, "Instead of sd: known within this factor", above=1),
        one_of=("sd", "factor"),
        some_of=("sd", "factor"),
    ),
}  # fmt: skip
