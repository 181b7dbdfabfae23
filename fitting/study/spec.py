"""What a user may say of a fit: the one declaration of all settings, with those in `kinds`.

From it are made the check of a specification, its TOML file (`spec_file`), the options of
`jaxmem fit` and their documentation (`settings_page`).
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fitting.study.area import parse_area
from fitting.study.kinds import KINDS, Kind
from fitting.study.masks import parse_mask
from jaxmem.settings import Setting, SpecError, setting, settings_of

MODELS = ("rc", "2d", "3d")
# Samples of a trace that a search uses; fewer than the second number say little of a loop.
THIN, LEAST_THIN = 250, 50
# Starts of a search: of a fit done in one go, and of one that integrates in time.
STARTS, STARTS_IN_TIME = 24, 64
# Of a circuit nothing is read off the data but sizes.
STARTS_OF_CIRCUIT = 128


@dataclass(frozen=True)
class Entry:
    """One file, a prior, or what was measured of spikes.

    **Arguments:**

    - `kind`: one of `KINDS`.
    - `file`: the file, where the kind has one.
    - `options`: what else is said, by the names of the kind's settings.
    - `content`: what was read from the file already, if it was (see `fitting.readers.detect`).

    **Raises:** `SpecError` for what the kind has not, lacks, or cannot be.
    """

    kind: str
    file: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    content: Any = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        kind = KINDS[self.kind]
        given = dict(self.options) | ({} if self.file is None else {"file": str(self.file)})
        unknown = sorted(set(given) - set(kind.settings))
        if unknown:
            raise self._error(f"no key {unknown[0]!r}{near(unknown[0], kind.settings)}")
        if any(s.required and s.name not in given for s in kind.settings.values()):
            raise self._error(f"needs {kind.needs}")
        try:
            values = {name: kind.settings[name].checked(value) for name, value in given.items()}
        except SpecError as error:
            raise self._error(str(error)) from None
        values.pop("file", None)
        self._check_together(kind, values)
        object.__setattr__(self, "options", values)

    def shares_data(self, other: "Entry") -> bool:
        """Whether another entry says the same, or chooses by `index` what this one has, too."""
        if self == other or (self.kind, self.file) != (other.kind, other.file):
            return self == other
        mine, its = self.options.get("index"), other.options.get("index")
        if mine is None or its is None:
            return mine is not its
        return not {*mine}.isdisjoint(its)

    def _check_together(self, kind: Kind, values: Mapping[str, Any]) -> None:
        """What several settings say together."""
        given = [name for name in kind.one_of if name in values]
        if len(given) > 1:
            raise self._error(f"{' and '.join(given)} say the same; give one of them")
        if kind.some_of and not any(name in values for name in kind.some_of):
            raise self._error(f"needs one of {', '.join(kind.some_of)}")
        if self.kind == "spectra":
            ends = ("min_freq", "max_freq")
            low, high = (values.get(k, kind.settings[k].default) for k in ends)
            if not low < high:
                raise self._error(f"no frequencies from {low:g} to {high:g} Hz")
            if {"weight", "sigma"} <= {*values}:
                raise self._error(
                    "weight and sigma both say how large the noise is; give weight for its shape "
                    "alone, or sigma for its size"
                )
        if "units" in values:
            # The readers wait until they are needed: the command line imports this file first.
            from fitting.readers.in_time.meanings import given_units

            try:
                given_units(values["units"])
            except ValueError as error:
                raise self._error(str(error)) from None
        for mask in values.get("drop", ()) if self.kind == "spectra" else ():
            try:
                parse_mask(mask)
            except SpecError as error:
                raise self._error(str(error)) from None
        if self.kind == "spikes" and "I" not in values and {"frequency", "amplitude"} & {*values}:
            raise self._error("needs I, the current at which frequency and amplitude were measured")
        sigma, features = values.get("sigma"), [n for n in kind.some_of if n in values]
        if self.kind == "spikes" and isinstance(sigma, list) and len(sigma) != len(features):
            raise self._error(
                f"sigma has {len(sigma)} numbers for {len(features)} features "
                f"({', '.join(features)}); give one for each, or one share of all"
            )
        if self.kind == "prior" and "factor" in values and values["mean"] == 0:
            raise self._error("a factor needs a mean other than 0; give sd")

    def _error(self, problem: str) -> SpecError:
        """An error that names the entry."""
        file = None if self.file is None else self.file.name
        return SpecError(f"[[{self.kind}]]{f' of {file}' if file else ''}: {problem}")


@dataclass(frozen=True)
class Spec:
    """Everything that decides a fit: what is fitted (`entries`), which model, and how.

    `source` is the file that says so, for messages; None for what a command line says.

    **Raises:** `SpecError` for a value that a setting cannot have.
    """

    device: str = setting(
        "2d", "rc, 2d, 3d, or DEVICE.toml: that device, from its values", option="device"
    )
    circuit: str | None = setting(
        None, "In the place of a device: a circuit of your own, L-R-p(CPE,R)-p(R,C) or LR(QR)(RC), "
        "with values R{R=50F}(C{C=1e-6/1e-9/1e-3}R{:ct}), or circuit.toml", option="circuit",
    )  # fmt: skip
    area: str | None = setting(
        None, "Of the electrode, 0.1cm2: for columns per area, and results per area as well",
        option="area",
    )  # fmt: skip
    add: tuple[str, ...] = setting(
        (),
        "What is added to the model",
        choices=("cpe", "polarisation", "slow", "photocurrent"),
        option="add",
    )
    without: tuple[str, ...] = setting(
        (), "What is left out, L_s or R_s", choices=("lead", "series"), option="without"
    )
    together: bool = setting(
        False, "One device for all spectra, at their biases: i_c0, V_T, V_m and so on",
        option="together",
    )  # fmt: skip
    fixed: Mapping[str, float] = setting({}, "A parameter that is known: R_s=47e3", option="fix")
    ranges: Mapping[str, tuple[float, float]] = setting(
        {}, "Where starts of a parameter are drawn: R_s=10:1e3", option="range"
    )
    solver: str = setting(
        "lm", "Least squares, or an optax optimiser", choices=("lm", "descent"), option="solver"
    )
    optimiser: str = setting(
        "adam", "For descent: any of optax", option="optimiser", only=("solver", "descent")
    )
    schedule: str = setting(
        "cosine_decay_schedule", "For descent: a schedule of optax, or constant",
        option="schedule", only=("solver", "descent"),
    )  # fmt: skip
    rate: float = setting(
        0.3, "For descent: the first learning rate", above=0, option="rate",
        only=("solver", "descent"),
    )  # fmt: skip
    steps: int | None = setting(
        None, "Most steps from one start", low=1, high=1_000_000, option="steps"
    )
    starts: int | None = setting(
        None, f"How many starts are drawn: {STARTS}, with loops, steps, pulses or spikes "
        f"{STARTS_IN_TIME}, of a circuit {STARTS_OF_CIRCUIT}", low=1, high=100_000,
        option="starts",
    )  # fmt: skip
    thin: int = setting(
        THIN, "Samples of a trace that the search uses at most, edges and extrema kept; in the end "
        "all are fitted. 0: all at once", low=0, high=1_000_000, option="thin",
    )  # fmt: skip
    seed: int = setting(0, "Of the starts", low=0, high=2**32 - 1, option="seed")
    alone: bool = setting(
        False, "Try no other models where this one does not describe the data", option="alone"
    )
    compare: bool = setting(False, "Also fit other models, and rank all by BIC", option="compare")
    profile: tuple[str, ...] = setting(
        (), "Profile likelihood of a parameter, or all", option="profile"
    )
    bootstrap: int = setting(
        0, "Refits of data drawn around the fit", low=0, high=100_000, option="bootstrap"
    )
    posterior: bool = setting(False, "Draws by NUTS; needs jaxmem[bayes]", option="posterior")
    xlsx: bool = setting(
        False, "Also a workbook of the tables, tables.xlsx; needs jaxmem[xlsx]", option="xlsx"
    )
    entries: tuple[Entry, ...] = ()
    source: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self):
        for name, declared in SETTINGS.items():
            value = getattr(self, name)
            # A default need not be a value that one may say.
            if value != declared.default:
                object.__setattr__(self, name, declared.checked(value))
        if self.device not in MODELS and self.device_file is None:
            raise SpecError(
                f"no device {self.device!r}; there are {', '.join(MODELS)}, and devices in files, "
                "DEVICE.toml"
            )
        if self.area:
            parse_area(self.area)
        if self.circuit:
            self._check_circuit()
        if "photocurrent" in self.add and self.entries and not self.one_device:
            raise SpecError(
                "add photocurrent: a constant current has no impedance, so that a spectrum by "
                "itself says nothing of it; give loops or curves beside the spectra, or --together "
                "of spectra at currents"
            )
        if self.device_file is not None and (self.add or self.without):
            raise SpecError("a device from a file is fitted as it is: no add, no without")
        if 0 < self.thin < LEAST_THIN:
            raise SpecError(f"thin must be 0 (all samples) or at least {LEAST_THIN}")
        both = sorted(set(self.fixed) & set(self.ranges))
        if both:
            raise SpecError(f"{both[0]} stands in fixed and in ranges; what is fixed has no range")
        for k, entry in enumerate(self.entries):
            if entry.file is not None and any(map(entry.shares_data, self.entries[:k])):
                raise SpecError(f"{entry.file} is given twice; its data would count twice")

    def _check_circuit(self) -> None:
        """A circuit has an impedance only, and is what it is.

        **Raises:** `SpecError` if it cannot be read, or is asked for more.
        """
        given = [name for name in ("add", "without") if getattr(self, name)]
        if given or self.device != SETTINGS["device"].default:
            raise SpecError(
                f"circuit: it is the whole model; leave out {given[0] if given else 'device'}, and "
                "write what is wanted into the circuit"
            )
        if self.one_device:
            raise SpecError(
                "circuit: an impedance circuit describes one spectrum at its bias; it has no "
                "equation in time and none for the bias, so that it fits no loops, steps, curves, "
                "spikes, and not all spectra together. Fit a device to them"
            )
        # JAX waits until a circuit is named: the command line imports this file first.
        from jaxmem.networks import circuit_of

        try:
            circuit_of(str(self.circuit))
        except FileNotFoundError:
            raise SpecError(
                f"circuit: {self.circuit}: there is no such file; check the path"
            ) from None
        except (ValueError, OSError) as error:
            raise SpecError(f"circuit: {error}") from None

    @classmethod
    def of(cls, said: Mapping[str, Any], entries: Iterable[Entry] = ()) -> "Spec":
        """A specification of values as a file or a command line holds them.

        **Arguments:**

        - `said`: the values by the names of the settings.
        - `entries`: what is fitted.

        **Raises:** `SpecError` for a value that a setting cannot have.
        """
        values = {name: SETTINGS[name].checked(value) for name, value in said.items()}
        return cls(**values, entries=tuple(entries))

    @property
    def area_m2(self) -> float | None:
        """The electrode's area [m^2], None where it is not said."""
        return parse_area(self.area) if self.area else None

    @property
    def circuit_file(self) -> Path | None:
        """The file of the circuit to start from, if it comes from one."""
        said = self.circuit or ""
        return Path(said) if said.lower().endswith(".toml") else None

    @property
    def device_file(self) -> Path | None:
        """The file of the device to start from, if it comes from one."""
        return Path(self.device) if Path(self.device).suffix.lower() == ".toml" else None

    @property
    def files(self) -> list[Path]:
        """Every data file, once, in order."""
        return list(dict.fromkeys(e.file for e in self.entries if e.file is not None))

    @property
    def joint(self) -> bool:
        """Whether more than spectra are fitted."""
        return any(e.kind != "spectra" for e in self.entries)

    @property
    def one_device(self) -> bool:
        """Whether one device with the paper's parameters is fitted to all."""
        return self.together or self.joint

    @property
    def asks(self) -> bool:
        """Whether anything is asked beyond the fit."""
        return bool(self.compare or self.profile or self.bootstrap or self.posterior)

    @property
    def number_of_starts(self) -> int:
        """How many starts are drawn: what was said, else by what is fitted."""
        in_time = any(e.kind in ("trace", "spikes") for e in self.entries)
        return self.starts or (
            STARTS_IN_TIME if in_time else STARTS_OF_CIRCUIT if self.circuit else STARTS
        )


SETTINGS = settings_of(Spec)


def options() -> dict[str, Setting]:
    """The settings that the command line has, by the name of the option without dashes."""
    declared = [*SETTINGS.values(), *(s for kind in KINDS.values() for s in kind.settings.values())]
    return {s.option: s for s in declared if s.option}


def near(key: str, known: Iterable[str]) -> str:
    """What was probably meant by an unknown key, or where it belongs, or else what there is."""
    homes = [f"[[{name}]]" for name, kind in KINDS.items() if key in kind.settings]
    homes += ["the lines above the first [[...]]"] if key in SETTINGS else []
    if homes:
        return f" there; it is a key of {' and '.join(homes)}"
    close = difflib.get_close_matches(key, list(known), 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
