"""How a setting is declared: its name, type, default, range, unit and meaning, in one place."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from jaxmem.encoding import text_of


class SpecError(ValueError):
    """A specification that is not well made. Its message names the setting and says what to do."""


# Types that a file may write in more than one way.
Sigma = float | Mapping[str, float]
SpikeSigma = float | list[float]
Units = str | Mapping[str, str]
Biases = float | tuple[float, ...]
Places = int | tuple[int, ...]
NOISE = {"estimated": bool, "floor": float, "relative": float}


def _plain(kind: Any, value: Any) -> Any:
    # A bool is an int to Python.
    if isinstance(value, bool) and kind is not bool:
        raise TypeError
    if not isinstance(value, (int, float) if kind is float else kind):
        raise TypeError
    return float(value) if kind is float else value


def _names(value: Any) -> tuple[str, ...]:
    value = [value] if isinstance(value, str) else value
    # What is said twice is said once.
    return tuple(dict.fromkeys(_text(name) for name in _plain((list, tuple), value)))


def _finite(value: Any) -> float:
    number = _plain(float, value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _text(value: Any) -> str:
    # An operating system ends a path at a zero character.
    if not _plain(str, value).strip() or "\0" in value:
        raise ValueError
    return value


def _numbers(value: Any) -> dict[str, float]:
    return {k: _finite(v) for k, v in _plain(Mapping, value).items()}


def _ranges(value: Any) -> dict[str, tuple[float, float]]:
    found = {}
    for name, ends in _plain(Mapping, value).items():
        low, high = (_finite(end) for end in _plain((list, tuple), ends))
        if not low < high:
            raise ValueError
        found[name] = (low, high)
    return found


def _sigma(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _plain(float, value)
    parts = {k: _plain(NOISE[k], v) for k, v in value.items()}
    sizes = [_finite(v) for k, v in parts.items() if k != "estimated"]
    if min(sizes, default=0.0) < 0 or max(sizes, default=0.0) == 0:
        raise ValueError
    return parts


def _spike_sigma(value: Any) -> Any:
    if not isinstance(value, list):
        return _plain(float, value)
    found = [_finite(v) for v in value]
    if not found or min(found) <= 0:
        raise ValueError
    return found


def _units(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return _text(value)
    return {k: _text(v) for k, v in value.items()}


def _list_of_numbers(value: Any) -> list[float]:
    found = [_finite(v) for v in _plain((list, tuple), value)]
    if not found:
        raise ValueError
    return found


def _biases(value: Any) -> Any:
    several = isinstance(value, list | tuple)
    return tuple(_list_of_numbers(value)) if several else _plain(float, value)


def _places(value: Any) -> tuple[int, ...]:
    found = [_plain(int, v) for v in (value if isinstance(value, list | tuple) else [value])]
    # What is chosen twice would count twice.
    if not found or min(found) < 0 or len({*found}) < len(found):
        raise ValueError
    return tuple(found)


# How each type is said in words, and what makes a value of it from what a file holds.
TYPES: dict[Any, tuple[str, Any]] = {
    str: ("a text that is not empty", _text),
    bool: ("true or false", lambda value: _plain(bool, value)),
    int: ("a whole number", lambda value: _plain(int, value)),
    float: ("a number", lambda value: _plain(float, value)),
    list[float]: ("a list of finite numbers", _list_of_numbers),
    tuple[str, ...]: ("a list of names", _names),
    Mapping[str, float]: ("a table {name = number}, each finite", _numbers),
    Mapping[str, tuple[float, float]]: (
        "a table {name = [low, high]} with low < high, both finite", _ranges
    ),
    Sigma: (f"a number or a table of {', '.join(NOISE)}, the numbers not negative and not all 0",
            _sigma),
    SpikeSigma: ("a number or a list of positive numbers", _spike_sigma),
    Biases: ("a number, or a list of finite numbers, one for each spectrum", _biases),
    Places: ("a whole number from 0, or a list of such, each once", _places),
    Units: ('a text as "t=ms,I=uA" or a table of such', _units),
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What a user may say in a specification or on the command line, declared once.

    - `name`: the key in a specification; `type`: one of `TYPES`; `help`: what it means.
    - `default`: what holds if nothing is said; `unit` of a number; `required` or not.
    - `choices`: the only values, or elements of a list. `low`, `high`: the least and the largest
      value of a number; `above`: a number that it must exceed. It is finite unless `infinite`.
    - `option`: how the command line calls it, without dashes; empty if it does not.
    - `only`: another setting and the value it must have for this one to matter.
    """

    name: str
    type: Any
    help: str
    default: Any = None
    unit: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    above: float | None = None
    infinite: bool = False
    option: str = ""
    only: tuple[str, str] | None = None

    @property
    def repeated(self) -> bool:
        """Whether the command line takes the option several times."""
        return self.type not in (str, bool, int, float, Units, Biases, Places)

    @property
    def words(self) -> str:
        """What a value is, in words."""
        return _listed(self.choices) if self.choices else TYPES[self.type][0]

    def checked(self, value: Any) -> Any:
        """The value in its type.

        **Raises:** `SpecError` if it is of another type or out of range.
        """
        says, read = TYPES[self.type]
        try:
            value = read(value)
        except (TypeError, ValueError, KeyError, OverflowError):
            raise SpecError(
                f"{self.name} = {_short(value)} makes no sense there: {self.name} is {says}"
            ) from None
        for part in value if isinstance(value, tuple) else (value,):
            if self.choices and part not in self.choices:
                raise SpecError(f"{self.name} is {_listed(self.choices)}, got {_short(part)}")
            if isinstance(part, int | float):
                self._check_range(part)
        return value

    def _check_range(self, value: float) -> None:
        if isinstance(value, float) and not self.infinite and not math.isfinite(value):
            raise SpecError(f"{self.name} must be a finite number, got {value}")
        # What is not a number (nan) is in no range.
        if self.low is not None and not value >= self.low:
            raise SpecError(f"{self.name} must be at least {self.low:g}, got {_short(value)}")
        if self.high is not None and not value <= self.high:
            raise SpecError(f"{self.name} must be at most {self.high:,}, got {_short(value)}")
        if self.above is not None and not value > self.above:
            least = "be positive" if self.above == 0 else f"exceed {self.above:g}"
            raise SpecError(f"{self.name} must {least}, got {value}")


def setting(default: Any, help: str, **more: Any) -> Any:
    """A field of a dataclass that declares a setting; its name and type are the field's."""
    if isinstance(default, dict):
        return field(default_factory=dict, metadata={"help": help, **more})
    return field(default=default, metadata={"help": help, **more})


def settings_of(cls: Any) -> dict[str, Setting]:
    """The settings that the fields of a dataclass declare, by name."""
    found = {}
    for f in fields(cls):
        if f.metadata:
            kinds = [kind for kind in get_args(f.type) if kind is not type(None)]
            optional = len(kinds) < len(get_args(f.type))
            default = {} if f.default is MISSING else f.default
            found[f.name] = Setting(
                f.name, kinds[0] if optional else f.type, default=default, **f.metadata
            )
    return found


def _short(value: Any) -> str:
    """A value as a message quotes it: on one line and not too long."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than some thousand digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:77]}..."


def _listed(choices: tuple[str, ...]) -> str:
    *first, last = (f'"{choice}"' for choice in choices)
    return f"{', '.join(first)} or {last}" if first else last


def toml_table(path: Path) -> dict[str, Any]:
    """What stands in a TOML file.

    **Raises:** `SpecError` that names the file and says why it cannot be read.
    """
    try:
        return tomllib.loads(text_of(path))
    except FileNotFoundError:
        raise SpecError(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise SpecError(f"{path}: the file cannot be read ({error.strerror})") from None
    # Python's limits on the digits of a number and on nested lists are errors of other kinds.
    except (ValueError, RecursionError) as error:
        raise SpecError(f"{path}: this is not TOML ({error})") from None


def checked_table(where: str, entry: Any, declared: Mapping[str, Setting]) -> dict[str, Any]:
    """The values of a table of a file, with the defaults of what it leaves out.

    **Raises:** `ValueError` that says where, which key, and what may stand there.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"{where}: write its keys below, {', '.join(declared)}")
    unknown = sorted(set(entry) - set(declared))
    if unknown:
        raise ValueError(f"{where}: no key {unknown[0]!r}; there are {', '.join(declared)}")
    missing = [s.name for s in declared.values() if s.required and s.name not in entry]
    if missing:
        raise ValueError(f"{where}: {missing[0]} is missing ({declared[missing[0]].help.lower()})")
    try:
        given = {name: declared[name].checked(value) for name, value in entry.items()}
    except SpecError as error:
        raise ValueError(f"{where}: {error}") from None
    defaults = {s.name: s.default for s in declared.values() if s.default is not None}
    return defaults | given


def cycle_at(where: str, said: Any, letter: str) -> tuple[str, float]:
    """Where a cycle is meant: `{window = 0.5}`, which is the default, `{threshold = 1.2}`, or the
    drive by its letter, `{I = 1e-4}`.

    **Raises:** `ValueError` for anything else.
    """
    if said is None:
        return "window", 0.5
    known = ("window", "threshold", letter)
    number = next(iter(said.values()), None) if isinstance(said, dict) and len(said) == 1 else None
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise ValueError(f"{where}: write at = {{window = 0.5}}, or one of {', '.join(known)}")
    (name,) = said
    if name not in known:
        raise ValueError(f"{where}: at has no {name!r}; there are {', '.join(known)}")
    if name == "window" and not 0 < number < 1:
        raise ValueError(f"{where}: at: a place in the window lies between 0 and 1, got {number:g}")
    return name, float(number)
