"""What a user types, in the form of a specification."""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fitting.study.spec import KINDS, SETTINGS, Entry, Spec, near
from jaxmem.settings import Biases, Places, Setting, SpecError

# What may be said of a file by itself: text and numbers of spectra and traces.
PER_FILE: dict[str, Setting] = {
    # A comma separates settings there, so that one file has one bias.
    s.name: replace(s, type=float) if s.type is Biases else s
    for kind in ("spectra", "trace")
    for s in KINDS[kind].settings.values()
    if s.type in (float, str, Biases, Places) and s.name != "file"
} | {"sigma": Setting("sigma", float, "Standard deviation of the noise", above=0)}
# What holds each kind of entry, in words.
FILES_OF = {"spectra": "spectra", "trace": "loops, steps and pulses", "curve": "steady curves"}
# A part without a name is one more value of what stands before it: index=0,24,47.
OWN = re.compile(r"(.+?):((?:[\w-]+=[^,:=]+(?:,[^,:=]+)*,?)+)")


def file_and_own(text: str | Path) -> tuple[Path, dict[str, Any]]:
    """`eis.csv:index=0,24,max_freq=1e6` as the file, and what is said of it by itself.

    **Raises:** `SpecError` for a key that no kind of file has, or a value of another type.
    """
    path = Path(text)
    parts = OWN.fullmatch(str(text))
    if parts is None or path.exists():
        return path, {}
    file, said = Path(parts[1]), {}
    for pair in re.split(r",(?=[\w-]+=)", parts[2].rstrip(",")):
        key, _, value = pair.partition("=")
        key = key.replace("-", "_")
        if key in said:
            raise SpecError(f"{file}: {key} is given twice")
        if key not in PER_FILE:
            raise SpecError(f"{file}: no key {key!r}{near(key, PER_FILE)}")
        said[key] = PER_FILE[key].checked(_typed(PER_FILE[key], value))
    return file, said


def _typed(declared: Setting, text: str) -> Any:
    """A value as it is typed behind a file's colon; the text itself where it is no such value."""
    try:
        if declared.type is Places:
            return [int(part) for part in text.split(",")]
        return float(text) if declared.type is float else text
    except ValueError:
        return text


def with_own(kind: str, all_files: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """What is said of all files, with what is said of one in its place.

    **Arguments:**

    - `kind`: `"spectra"` or `"trace"`. `all_files`, `own`: settings of all files, and of the one.
    """
    alike = KINDS[kind].one_of
    replaced = alike if set(own) & set(alike) else ()
    return {k: v for k, v in all_files.items() if k not in replaced} | own


def listed(values: list[str] | None) -> tuple[str, ...]:
    """`--add cpe --add slow` and `--add cpe,slow` are the same."""
    return tuple(part.strip() for value in values or [] for part in value.split(",") if part)


def value_of(declared: Setting, value: Any) -> Any:
    """The value of an option.

    **Raises:** `ValueError` for what is no pair of a name and a number.
    """
    if declared.type is Biases:
        return _biases(declared, value)
    if not declared.repeated:
        return value
    if declared.type == tuple[str, ...]:
        return listed(value)
    return (_ranges if declared.option == "range" else _numbers)(value)


def _biases(declared: Setting, text: str) -> Any:
    """`0.7` as a number, `0.5,0.6,0.7` as a list."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise SpecError(
            f"--{declared.option} wants a number, or one for each spectrum separated by commas "
            f"and no blanks, 0.5,0.6,0.7; got {text!r}"
        ) from None
    return found if len(found) > 1 else found[0]


def dealt(entries: list[Entry]) -> list[Entry]:
    """The entries of spectra with the list of biases that was said of all files dealt to them.

    Each takes as many as its file has spectra, in the order of the files.

    **Raises:** `SpecError` if there are not as many as spectra.
    """
    spectra = [e for e in entries if e.kind == "spectra"]
    lists = [e.options.get("bias") for e in spectra]
    biases = next((b for b in lists if isinstance(b, tuple)), None)
    if biases is None:
        return entries
    counts = [len(e.content.found) for e in spectra]
    if not all(b is biases or b == biases for b in lists):
        raise SpecError(
            "--bias has a list, and a file has a bias of its own behind its colon; give either "
            "all in the list or each behind its file"
        )
    if len(biases) != sum(counts):
        each = ", ".join(f"{e.file.name} {n}" for e, n in zip(spectra, counts, strict=True)
                         if e.file is not None)  # fmt: skip
        raise SpecError(
            f"--bias has {len(biases)} numbers, and the files have {sum(counts)} spectra ({each}); "
            "give one for each spectrum in the order of the files, or one for all"
        )
    left, found = list(biases), []
    for e in entries:
        if e.kind == "spectra":
            n = len(e.content.found)
            own, left = left[:n], left[n:]
            e = replace(e, options=dict(e.options) | {"bias": own[0] if n == 1 else own})
        found.append(e)
    return found


def require_use(said: Iterable[str], entries: list[Entry]) -> None:
    """Refuse options of kinds of files of which there is none: they would do nothing.

    **Raises:** `SpecError` that names the option and what it is of.
    """
    there = {e.kind for e in entries}
    for option in said:
        homes = [k for k, kind in KINDS.items() for s in kind.settings.values()
                 if s.option == option]  # fmt: skip
        if homes and not there & {*homes}:
            files = ", ".join(e.file.name for e in entries if e.file is not None)
            of, are = (
                " and ".join(FILES_OF[k] for k in homes),
                " and ".join(FILES_OF[k] for k in KINDS if k in there),
            )
            raise SpecError(f"--{option} is for {of}, and there are only {are} ({files})")


def specification_of(files: list[Path], curves: list[Path], said: dict[str, Any]) -> Spec:
    """What the command line says: one specification, or files and options (by their names).

    **Raises:** `ValueError` for what does not go together.
    """
    from fitting.study.loading import entry_of
    from fitting.study.spec_file import read_spec

    if any(f.suffix.lower() == ".toml" for f in files):
        if len(files) > 1 or curves:
            raise ValueError("give one specification (.toml) and nothing else, or data files")
        if said:
            raise ValueError(
                f"{files[0]} is the whole specification: write options there; beside it only "
                "--out, --force and --resume"
            )
        return read_spec(files[0])
    if not files and not curves:
        raise ValueError("nothing to fit; give files of spectra or traces, or FIT.toml")
    pick = lambda settings: {s.name: said[s.option] for s in settings.values() if s.option in said}
    of = {kind: pick(KINDS[kind].settings) for kind in ("spectra", "trace", "curve")}
    spec = Spec.of(pick(SETTINGS))
    entries = []
    for f, own in map(file_and_own, files):
        options = {kind: with_own(kind, of[kind], own) for kind in ("spectra", "trace")}
        entries.append(entry_of(f, options["spectra"], options["trace"], spec.area_m2))
    entries += [Entry("curve", f, of["curve"]) for f in curves]
    require_use(said, entries)
    return replace(spec, entries=tuple(dealt(entries)))


def _numbers(pairs: list[str] | None) -> dict[str, float]:
    """`--fix R_s=47e3 --fix C_m=1e-8` as a dictionary."""
    found = {}
    for pair in listed(pairs):
        name, _, value = pair.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise ValueError(f"--fix wants NAME=NUMBER, got {pair!r}") from None
    return found


def ends_of(option: str, text: str | None) -> tuple[float, float] | None:
    """`--u-range -0.08:0.06` as two numbers."""
    if text is None:
        return None
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        raise ValueError(f"{option} wants LOW:HIGH, got {text!r}") from None
    return low, high


def _ranges(pairs: list[str] | None) -> dict[str, tuple[float, float]]:
    """`--range R_s=10:1e3` as a dictionary."""
    found = {}
    for pair in listed(pairs):
        name, _, ends = pair.partition("=")
        try:
            low, high = map(float, ends.split(":"))
        except ValueError:
            raise ValueError(f"--range wants NAME=LOW:HIGH, got {pair!r}") from None
        found[name.strip()] = (low, high)
    return found
