"""Which of a few models describes data that the asked one does not."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fitting.diagnosis.description import GRADES
from fitting.estimate.result import Fit
from fitting.estimate.single import fit
from fitting.problem.space import MultiStart
from fitting.solvers.solver import RESULTS
from fitting.study.loading import Loaded
from fitting.study.setups import model_in_words, setup_of, solver_of, start_at
from fitting.study.spec import KINDS, MODELS, Entry, Spec
from jaxmem.networks import circuit_of
from jaxmem.output.reporter import Reporter

# What is added, from the least to the most: a constant-phase element, a second arc, a slow branch
# of either sign.
FAMILY = (
    (), ("cpe",), ("polarisation",), ("slow",), ("cpe", "polarisation"), ("cpe", "slow"),
)  # fmt: skip
# What a circuit of the user's own may lack.
ARCS = ("p(R,C)", "p(R,CPE)")
BIAS_KEYS = ("bias", "u", "I", "V")


def describing_model(
    spec: Spec, loaded: Loaded, terms: Sequence[Any], found: Fit, report: Reporter
) -> list[str]:
    """A sentence on which model describes data that this one does not; none if it does, or if no
    others are to be tried.

    Tried are the model of the specification, and an R-C circuit's successor 2D, with and without
    a constant-phase element, a second arc and a slow branch; of a circuit of the user's own also
    itself with another arc; of data in time, where each costs, the second lag and a slow branch.
    Chosen is the best grade, of equal ones the fewest parameters.

    **Arguments:**

    - `spec`, `loaded`: what was asked, and what was read. `terms`: what was fitted.
    - `found`: the fit. `report`: hears of the stages.
    """
    if found.describes != "no" or spec.device not in MODELS or spec.alone:
        return []
    if found.result == RESULTS.interrupted:
        return []
    tried = _rivals(spec)
    fits: list[tuple[Spec, Fit]] = []
    for k, rival in enumerate(tried):
        report.step("trying other models", k, len(tried))
        try:
            setup = setup_of(rival, loaded, lenient=True)
            first = start_at(found, setup)
            starts = MultiStart(spec.number_of_starts - 1, setup.box, extra=(first,))
            other = fit(
                terms, setup.model, setup.space, solver=solver_of(spec), starts=starts,
                seed=spec.seed, thin=spec.thin or None, throw=False,
            )  # fmt: skip
        except (ValueError, RuntimeError):
            # A model that cannot be fitted to so few points is none that describes them.
            continue
        fits.append((rival, other))
        if spec.joint and other.describes == "yes":
            break
    report.step("trying other models", len(tried), len(tried))
    if not fits:
        return []
    where = "" if len(loaded.measured) > 1 else f" ({loaded.measured[0].fitted.name})"
    good = [row for row in fits if row[1].describes != "no"]
    names = ", ".join(model_in_words(s, loaded) for s, _ in fits)
    if not good:
        nearest = min((f for _, f in fits), key=lambda f: f.bic)
        own = spec.circuit or not all(e.kind == "spectra" for e in spec.entries)
        way_out = "" if own else " A circuit of your own can be fitted with --circuit."
        return [
            f"None of the others that were tried describes them either{where}: {names}; the "
            f"nearest leaves {_left(nearest)}.{way_out}"
        ]
    rank = lambda row: (GRADES.index(row[1].describes), len(row[1].names))
    best, other = min(good, key=rank)
    grade = {"yes": "", "but_for": " but for a stretch", "roughly": " roughly"}[other.describes]
    return [
        f"{model_in_words(best, loaded)} describes them{grade}{where}, with "
        f"{_left(other)}: {command_of(best)}"
    ]


def _left(fit: Fit) -> str:
    """What a fit leaves, of what it describes worst."""
    judged = [t.description for t in fit.terms if t.description is not None]
    worst = max(judged, key=lambda d: (GRADES.index(d.grade), d.share))
    return f"{100 * worst.share:.2g} % of {worst.scale}"


def _rivals(spec: Spec) -> list[Spec]:
    """Specifications of other models; of a circuit also itself with another arc."""
    if spec.circuit:
        network = circuit_of(spec.circuit).network
        # Another arc only where the text keeps its meaning: what it prints is impedance.py's.
        keeps = network.notation == "impedance.py"
        arcs = [replace(spec, circuit=f"{network.text}-{arc}") for arc in ARCS if keeps]
        # What is fixed of a circuit's elements is nothing to a device.
        device = replace(spec, circuit=None, fixed={}, ranges={})
        return [*arcs, *(replace(device, add=add) for add in FAMILY)]
    if spec.joint:
        slow = () if "slow" in spec.add else ("slow",)
        tried = [replace(spec, device="3d"), replace(spec, add=(*spec.add, *slow))]
        return [s for s in tried if (s.device, s.add) != (spec.device, spec.add)]
    kind = "2d" if spec.device == "rc" else spec.device
    tried = [replace(spec, device=kind, add=add) for add in FAMILY]
    return [s for s in tried if (s.device, set(s.add)) != (spec.device, set(spec.add))]


def command_of(spec: Spec) -> str:
    """The command that fits this specification's model to its files, or what to write into the
    specification where that is a file."""
    if spec.source is not None:
        added = f" and add = {json.dumps(list(spec.add))}" if spec.add else ""
        wanted = f'circuit = "{spec.circuit}"' if spec.circuit else f'device = "{spec.device}"'
        return f"write {wanted}{added} into {spec.source}"
    spectra = [e for e in spec.entries if e.kind == "spectra"]
    # Together each spectrum counts with its bias; else a few files show how it is done.
    whole = spec.together or len(spec.files) <= 4
    dealt = _dealt_biases(spectra) if whole else []
    alike = _said_alike(spec)
    own = {e.file: _own_options(e, alike[e.kind] | (set(BIAS_KEYS) if dealt else set()))
           for e in spec.entries if e.file is not None}  # fmt: skip
    files = [shlex.quote(f"{path}{own.get(path, '')}") for path in spec.files]
    shown = files if whole else [*files[:3], "..."]
    device = shlex.quote(spec.device)
    model = f"--circuit {shlex.quote(spec.circuit)}" if spec.circuit else f"--device {device}"
    parts = ["jaxmem fit", *shown, model]
    parts += [f"--add {add}" for add in spec.add] + [f"--without {x}" for x in spec.without]
    parts += ["--together"] if spec.together else []
    parts += [f"--fix {name}={_short(value)}" for name, value in spec.fixed.items()]
    parts += [
        f"--range {name}={_short(low)}:{_short(high)}" for name, (low, high) in spec.ranges.items()
    ]
    parts += [f"--area {spec.area}"] if spec.area else []
    parts += [f"--bias {','.join(map(_short, dealt))}"] if dealt else []
    options: dict[str, None] = {}
    for kind, names in alike.items():
        first = next(e.options for e in spec.entries if e.kind == kind)
        for name in sorted(names - (set(BIAS_KEYS) if dealt else set())):
            value, option = first[name], KINDS[kind].settings[name].option
            many = value if isinstance(value, tuple) else (value,)
            options |= {f"--{option} {shlex.quote(_short(v))}": None for v in many}
    return " ".join([*parts, *options])


def _short(value: Any) -> str:
    """A setting as one would type it: 6e+06 for 6000000.0, if nothing is lost."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _said_alike(spec: Spec) -> dict[str, set[str]]:
    """For each kind of file the settings that have an option and are said of all files alike."""
    found = {}
    for kind in dict.fromkeys(e.kind for e in spec.entries):
        said = [e.options for e in spec.entries if e.kind == kind]
        found[kind] = {
            name for name, s in KINDS[kind].settings.items()
            if s.option and all(name in o and o[name] == said[0][name] for o in said)
        }  # fmt: skip
    return found


def _dealt_biases(said: Sequence[Entry]) -> list[float]:
    """The applied voltage of each spectrum for `--bias`, where a file has several of them."""
    biases = [e.options.get("bias", e.options.get("V")) for e in said]
    if not any(isinstance(b, tuple) for b in biases):
        return []
    if not all(isinstance(b, tuple | float) for b in biases):
        return []
    return [x for b in biases for x in (b if isinstance(b, tuple) else [b])]


def _own_options(entry: Entry, elsewhere: set[str]) -> str:
    """What stands behind a file's name: numbers and words that are said of it by itself."""
    said = [
        f"{name}={_short(value)}"
        for name, value in entry.options.items()
        # A comma separates settings there: lists and waveforms have no place.
        if name not in elsewhere and isinstance(value, str | float) and "," not in str(value)
    ]
    return f":{','.join(said)}" if said else ""
