"""From a specification to what `fit` takes: the model, what is free in it, priors, the solver."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.estimate.result import Fit
from fitting.models.elements import element_model
from fitting.models.memristor import memristor_model
from fitting.models.network import network_lenses, network_model
from fitting.models.setup import Setup, device_model
from fitting.problem.space import MultiStart, Space
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.solver import AbstractSolver
from fitting.study.loading import Loaded
from fitting.study.spec import Spec, SpecError
from fitting.terms.spectrum import Spectrum
from fitting.terms.term import Prior
from jaxmem.devices import AbstractDevice
from jaxmem.lens import Lens, describe, lenses, put
from jaxmem.networks import Network, circuit_of

LEFT_OUT = {"lead": "L_s", "series": "R_s"}


def setup_of(
    spec: Spec, loaded: Loaded, spectrum: Spectrum | None = None, *, lenient: bool = False
) -> Setup:
    """Model, space and start box of a specification, with what it fixes and where it starts.

    **Arguments:**

    - `spec`, `loaded`: the specification, and what was read of its files.
    - `spectrum`: of several spectra fitted each by itself, which one; default the first.
    - `lenient`: pass over what is fixed or ranged and the model has not.

    **Raises:** `SpecError` if a parameter is named that the model has not.
    """
    for part in spec.without:
        if LEFT_OUT[part] in {*spec.fixed, *spec.ranges}:
            raise SpecError(
                f"without: {part} leaves out {LEFT_OUT[part]}, and fixed or ranges gives it; say "
                "one of them"
            )
    parts = dict(lead="lead" not in spec.without, series="series" not in spec.without)
    if spec.circuit:
        one: Any = loaded.measured[0].fitted if spectrum is None else spectrum
        own = spec.circuit.lower().endswith(".toml")
        circuit = circuit_of(spec.circuit)
        setup = network_model(circuit.network, spectrum=one, own=own, given=circuit.given)
    elif loaded.device is not None:
        setup = device_model(loaded.device)
    elif not spec.one_device:
        one: Any = loaded.measured[0].fitted if spectrum is None else spectrum
        setup = element_model(spec.device, spec.add, spectrum=one, **parts)
    elif spec.joint and spec.device == "rc":
        raise SpecError(
            'traces, curves and spikes need the paper\'s parameters: device = "2d", "3d" or a '
            "device file"
        )
    else:
        setup = memristor_model(spec.device, loaded.terms, spec.add, **parts)
    return _constrained(setup, spec, lenient)


def _constrained(setup: Setup, spec: Spec, lenient: bool) -> Setup:
    model, frees, box = setup.model, list(setup.space.frees), dict(setup.box)
    names = list(setup.space.names(model))
    known = lenses(model) | (network_lenses(model) if isinstance(model, Network) else {})
    for name, value in spec.fixed.items():
        if name in names:
            k = names.index(name)
            _check_value("fixed", name, value, frees[k].lens, model)
            model = put(frees[k].lens, model, jnp.asarray(value))
            del frees[k], names[k]
            box.pop(name, None)
        elif name in known:
            _check_value("fixed", name, value, known[name], model)
            model = put(known[name], model, jnp.asarray(value))
        elif not lenient:
            there = ", ".join(dict.fromkeys([*names, *known]))
            why = "; R_a is 1/g, and L_d is tau_d/g" if name in ("R_a", "L_d") else ""
            raise SpecError(f"fixed: no parameter {name!r}; there are {there}{why}")
    if not frees:
        raise SpecError(f"fixed: {', '.join(spec.fixed)} are all that is free; leave one free")
    for name, ends in spec.ranges.items():
        if name in names:
            # A range of what is searched in its logarithm does not begin at 0.
            for end in ends:
                _check_value("ranges", name, end, frees[names.index(name)].lens, model, zero=False)
            box[name] = ends
            middle = np.sqrt(ends[0]) * np.sqrt(ends[1]) if ends[0] > 0 else sum(ends) / 2
            model = put(frees[names.index(name)].lens, model, jnp.asarray(middle))
        elif not lenient:
            raise SpecError(f"ranges: {name!r} is not free; free are {', '.join(names)}")
    try:
        # What was put into the model was not checked as its constructor does.
        if isinstance(model, AbstractDevice):
            model.__check_init__()
    except ValueError as error:
        raise SpecError(f"fixed: {error}") from None
    return Setup(model, Space(*frees), box)


def _check_value(
    key: str, name: str, value: float, lens: Lens, model: Any, *, zero: bool = True
) -> None:
    """Refuse a value that the parameter cannot have.

    **Raises:** `SpecError` that says what is allowed.
    """
    meta = describe(lens, model)
    low, high = meta.get("bounds", (-np.inf, np.inf))
    positive, zero = meta["positive"], zero and meta.get("zero_allowed", False)
    fine = value > 0 or (zero and value == 0) or not positive
    if fine and low <= value <= high:
        return
    allowed = ("0 or more" if zero else "positive") if positive else ""
    if np.isfinite([low, high]).any():
        allowed = f"{low:g} to {high:g}"
    unit = "" if meta["unit"] == "1" else f" {meta['unit']}"
    raise SpecError(
        f"{key}: {name} = {value:g}{unit} is not allowed; {name} ({meta['meaning']}) is {allowed}"
    )


def priors_of(spec: Spec, model: Any) -> list[Prior]:
    """The priors of a specification.

    **Raises:** `SpecError` for one of a parameter that the model has not.
    """
    known, priors = lenses(model), []
    for entry in spec.entries:
        if entry.kind == "prior":
            o = entry.options
            if o["parameter"] not in known:
                raise SpecError(
                    f"prior: no parameter {o['parameter']!r}; there are {', '.join(known)}"
                )
            lens = known[o["parameter"]]
            priors.append(Prior(lens, o["mean"], o.get("sd"), factor=o.get("factor")))
    return priors


def start_at(found: Fit, setup: Setup) -> np.ndarray:
    """A start of a model at the values that the fit of another one found, shape `(p,)`.

    What that one has not is at the lower end of its range, where a lag or a further arc hardly
    counts: a model that holds another one then ends no higher than that.
    """
    c = setup.space.resolve(setup.model)
    low, _ = MultiStart(box=setup.box).ranges(c, setup.model)
    there = {p.name: p.value for p in found.parameters}
    known = c.to_search([there.get(name, 1.0) for name in c.names])
    return np.where([name in there for name in c.names], known, low)


def solver_of(spec: Spec) -> AbstractSolver:
    """The solver that a specification names.

    **Raises:** `SpecError` if there is none of that name.
    """
    if spec.solver == "lm":
        return LeastSquares(max_steps=spec.steps or 300)
    from fitting.solvers.optimisers import descent

    try:
        return descent(spec.optimiser, spec.schedule, spec.rate, spec.steps or 3000)
    except ValueError as error:
        raise SpecError(str(error)) from None


def model_in_words(spec: Spec, loaded: Loaded) -> str:
    """The model, in words."""
    if spec.circuit:
        network = circuit_of(spec.circuit).network
        return f"circuit {network.text} ({network.notation})"
    if loaded.device is not None:
        return f"{type(loaded.device).__name__} of a file"
    words = {"rc": "R-C circuit", "2d": "2D model", "3d": "3D model"}[spec.device]
    words += f" with {', '.join(spec.add)}" if spec.add else ""
    left_out = [LEFT_OUT[part] for part in spec.without]
    return words + (f" without {', '.join(left_out)}" if left_out else "")
