"""What a series over the bias gives to the joint fit: a device to start from, and the command."""

from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from fitting.estimate.element_laws import BiasLaws, bias_laws
from fitting.estimate.series import Series
from fitting.report.laws import laws_section, write_laws
from fitting.report.section import Section
from fitting.study.describing import command_of
from fitting.study.loading import Loaded
from fitting.study.setups import setup_of
from fitting.study.spec import Spec, SpecError
from jaxmem.devices import AbstractDevice, device_to_toml
from jaxmem.lens import put
from jaxmem.output.results_folder import ResultsFolder


def laws_sections(
    spec: Spec, loaded: Loaded, series: Series, results: ResultsFolder
) -> list[Section]:
    """The laws of each group of a series over the bias, with start.toml for the joint fit.

    **Arguments:**

    - `spec`, `loaded`: what was asked, and what was read. `series`: the fits.
    - `results`: the folder, published once, so that its place is known.
    """
    if spec.circuit or spec.device not in ("2d", "3d"):
        return []
    sections = []
    for number, members in enumerate(series.members):
        measured = [loaded.measured[k] for k in members]
        spectra, fits = [m.fitted for m in measured], [series.fits[k] for k in members]
        laws = bias_laws(spectra, fits, series.outlier[list(members)].tolist())
        if laws is None:
            continue
        end = "" if len(series.members) == 1 else f"-{number}"
        whose = "" if not end else f", {Path(spectra[0].source).name}"
        write_laws(results.path / f"laws{end}.csv", laws)
        sources = {s.source for s in spectra}
        own = replace(spec, entries=tuple(e for e in spec.entries if str(e.file) in sources))
        start = joint_start(own, loaded._replace(measured=measured), laws, fits)
        lines = []
        if start is not None:
            name = f"start{end}.toml"
            (results.path / name).write_text(_commented(start, laws), encoding="utf-8")
            joint = replace(
                own, device=str(results.place / name), add=(), without=(), together=True, ranges={},
                fixed={k: v for k, v in own.fixed.items() if k in ("R_s", "L_s", "C_m", "R_b")},
            )  # fmt: skip
            how = command_of(joint)
            if spec.source is not None:
                place = (results.place / name).absolute()
                how = (
                    f'write device = "{place}" and together = true into {spec.source}, and leave '
                    "out add and without"
                )
            lines = [f"From these values on, one device for all biases: {how}"]
        title = f"The elements over the bias, and the paper's laws{whose}"
        sections.append(laws_section(laws, f"laws{end}", title, lines))
    return sections


def joint_start(spec: Spec, loaded: Loaded, laws: BiasLaws, fits) -> AbstractDevice | None:
    """The device whose letters are those of the laws, and the middle of the series for the rest.

    **Arguments:**

    - `spec`, `loaded`: of the series. `laws`: what its elements say. `fits`: of each spectrum.

    None where no such device can be made.
    """
    try:
        setup = setup_of(replace(spec, together=True, ranges={}), loaded, lenient=True)
    except (ValueError, SpecError):
        return None
    known = {p.name: p.value for p in laws.parameters}
    good = [f for f in fits if f.describes != "no"]
    model = setup.model
    for free, name in zip(setup.space.frees, setup.space.names(model), strict=True):
        found = [f[name] for f in good if name in f.names]
        value = known.get(name, float(np.median(found)) if found else np.nan)
        if np.isfinite(value):
            model = put(free.lens, model, jnp.asarray(value))
    return model


def _commented(device: AbstractDevice, laws: BiasLaws) -> str:
    """The device as TOML, with what its values are worth."""
    said = ["A start for --together, from the elements over the bias; no result of a fit."]
    said += laws.statements()
    return "".join(f"# {line}\n" for line in said) + device_to_toml(device)
