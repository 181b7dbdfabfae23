"""The main job: files of impedance spectra in, a folder with report and numbers out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fitting.estimate.result import Fit
from fitting.estimate.series import fit_series
from fitting.estimate.single import fit as fit_terms
from fitting.models.elements import element_model
from fitting.models.memristor import memristor_model
from fitting.models.setup import Setup, device_model
from fitting.problem.space import MultiStart
from fitting.report.page import flags_of, write_fit, write_series
from fitting.selection.lag_verdict import about_3d
from fitting.solvers.levenberg_marquardt import AbstractSolver, Code, LeastSquares
from fitting.study.analyses import Questions
from fitting.study.load import Loaded, Tell, load
from fitting.study.spec import Entry, Spec
from fitting.terms.checked import Checked
from fitting.terms.spectrum import Spectrum
from jaxmem.devices import AbstractDevice
from jaxmem.output.provenance import provenance
from jaxmem.output.results_folder import check_folder, new_folder

LEFT_OUT = {"lead": "L_s", "series": "R_s"}


class Outcome(NamedTuple):
    """What a study wrote: the page, its findings in words, whether every fit converged."""

    report: Path
    lines: list[str]
    ok: bool
    fits: tuple[Fit, ...]

    @property
    def interrupted(self) -> bool:
        """Whether a fit was interrupted and holds the best until then."""
        return any(f.code == Code.INTERRUPTED for f in self.fits)


@dataclass(frozen=True)
class Study:
    """How spectra are fitted.

    **Arguments:**

    - `kind`, `add`, `without`: the model, see `element_model`; `without` names `"lead"` (L_s)
      or `"series"` (R_s).
    - `device`: a device to start from, in their place: see `device_model`.
    - `together`: one device with the paper's parameters for all spectra, see `memristor_model`;
      else each spectrum gets the elements of its circuit.
    - `min_freq`, `max_freq`: points outside are shown, but not fitted [Hz].
    - `solver`, `starts`, `seed`: see `fit`.
    - `questions`: what is asked beyond the fit, of one device.
    """

    kind: str = "2d"
    add: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    together: bool = False
    min_freq: float = 0.0
    max_freq: float = np.inf
    solver: AbstractSolver = field(default_factory=LeastSquares)
    starts: int = 24
    seed: int = 0
    device: AbstractDevice | None = None
    questions: Questions = field(default_factory=Questions)

    def __post_init__(self):
        unknown = set(self.without) - set(LEFT_OUT)
        if unknown:
            raise ValueError(f"cannot go without {sorted(unknown)}; there are {list(LEFT_OUT)}")
        if not 0 <= self.min_freq < self.max_freq:
            raise ValueError(f"no frequencies from {self.min_freq:g} to {self.max_freq:g} Hz")
        if self.starts < 1:
            raise ValueError(f"starts must be at least 1, got {self.starts}")
        if self.device is not None:
            if self.add or self.without:
                raise ValueError("a device from a file is fitted as it is: no --add, no --without")
            return
        # A dry run says what is wrong with kind or add.
        self._elements(self.kind)(spectrum=Spectrum([1.0, 10.0], [2.0 - 1j, 1.0 - 1j]))

    @property
    def words(self) -> str:
        """The model, in words."""
        if self.device is not None:
            return f"{type(self.device).__name__} of a file"
        name = {"rc": "R-C circuit", "2d": "2D model", "3d": "3D model"}.get(self.kind, self.kind)
        parts = [f"with {', '.join(self.add)}" if self.add else ""]
        parts += [f"without {', '.join(LEFT_OUT[w] for w in self.without)}"] if self.without else []
        return " ".join([name, *filter(None, parts)])

    def run(
        self,
        files: Sequence[str | Path],
        out: str | Path,
        *,
        bias: float | None = None,
        force: bool = False,
        command: str = "",
        say: Callable[[str], None] = lambda line: None,
        progress: Tell = lambda stage, done, total: None,
    ) -> Outcome:
        """Read, check, fit, and write the folder `out`, whole or not at all.

        `bias` is the applied voltage of all spectra [V]; `force` replaces earlier results.

        **Raises:** `ReadError`, `FolderError`, `ValueError` for input that cannot be used;
        `RuntimeError` if no search gave a finite residual.
        """
        check_folder(out, force=force)
        options = {} if bias is None else {"bias": bias}
        limits = {"min_freq": self.min_freq, "max_freq": self.max_freq}
        entries = tuple(Entry("spectra", Path(f), options | limits) for f in files)
        loaded = load(Spec(entries=entries), progress)
        return self.write(
            loaded, out, files, force=force, command=command, say=say, progress=progress
        )

    def write(
        self,
        loaded: Loaded,
        out: str | Path,
        files: Sequence[str | Path],
        *,
        text: str = "",
        force: bool = False,
        command: str = "",
        say: Callable[[str], None] = lambda line: None,
        progress: Tell = lambda stage, done, total: None,
    ) -> Outcome:
        """Fit what was read and write the folder; `text` is what `fit.toml` will hold."""
        measured, notes = loaded.measured, loaded.notes
        for note in notes:
            say(f"note: {note}")
        one = self.together or len(measured) == 1
        if self.questions.any:
            if not one:
                raise ValueError(
                    "rivals, profiles, bootstrap and posterior are asked of one device: give one "
                    "spectrum, or --together"
                )
            setup = self._setup(self.kind, [m.fitted for m in measured])
            self.questions.check(setup.model, setup.space.names(setup.model))
        origin = provenance(command, files, self.seed)
        with new_folder(out, force=force) as folder:
            if one:
                lines, fits = self._one(folder, measured, notes, origin, say, progress)
            else:
                lines, fits = self._each(folder, measured, notes, origin, progress)
            if text:
                (folder / "fit.toml").write_text(text, encoding="utf-8")
        if not self.together and _biases(measured) >= 3:
            lines.append(
                f"These spectra have {_biases(measured)} biases: --together fits one device to all."
            )
        return Outcome(Path(out) / "report.html", lines, all(f.ok for f in fits), tuple(fits))

    @property
    def _parts(self) -> dict[str, bool]:
        return dict(lead="lead" not in self.without, series="series" not in self.without)

    def _elements(self, kind: str) -> Callable[..., Setup]:
        """What makes model, space and start box of one spectrum."""
        if self.device is not None:
            setup = device_model(self.device)
            return lambda spectrum: setup
        return partial(element_model, kind, self.add, **self._parts)

    def _setup(self, kind: str, spectra: Sequence[Spectrum]) -> Setup:
        if self.together and self.device is None:
            return memristor_model(kind, spectra, self.add, **self._parts)
        return self._elements(kind)(spectrum=spectra[0])

    def _fit(self, kind: str, spectra: Sequence[Spectrum]) -> Fit:
        setup = self._setup(kind, spectra)
        return fit_terms(
            list(spectra), setup.model, setup.space, solver=self.solver,
            starts=MultiStart(self.starts, setup.box), seed=self.seed, throw=False,
        )  # fmt: skip

    def _one(self, folder, measured, notes, origin, say, progress):
        """One fit to all spectra, and the other of the paper's models to judge by."""
        spectra = [m.fitted for m in measured]
        progress("fitting", 0, 2)
        found = self._fit(self.kind, spectra)
        progress("fitting", 1, 2)
        verdict = ""
        if self.kind != "rc" and self.device is None:
            rival = self._fit("2d" if self.kind == "3d" else "3d", spectra)
            verdict = about_3d(*((found, rival) if self.kind == "3d" else (rival, found)))
        progress("fitting", 2, 2)
        asked = self.questions.answers(found, spectra, folder, seed=self.seed, say=say)
        write_fit(
            folder, found, measured, words=self.words, provenance=origin, verdict=verdict,
            remarks=notes, sections=asked,
        )  # fmt: skip
        lines = [
            f"{self.words}: relative rms residual {100 * found.relative_rms_residual:.3g} %",
            *flags_of(found, measured),
            *([verdict] if verdict else []),
            *(line for section in asked for line in section.told),
        ]
        return lines, [found]

    def _each(self, folder, measured, notes, origin, progress):
        """Each spectrum by itself, also from its neighbours' optimum."""
        spectra = [m.fitted for m in measured]
        series = fit_series(
            spectra, self._elements(self.kind), solver=self.solver, starts=self.starts,
            seed=self.seed, groups=_series(spectra), progress=partial(progress, "fitting"),
        )  # fmt: skip
        width = len(str(len(spectra) - 1))
        names = [f"spectra/{k:0{width}d}" for k in range(len(spectra))]
        for k, (m, f, name) in enumerate(zip(measured, series.fits, names, strict=True)):
            progress("writing", k, len(names))
            write_fit(
                folder / name, f, [m], words=self.words, provenance=origin,
                remarks=[f"Outlier of its series: {r}." for r in series.reasons[k]], images=False,
            )  # fmt: skip
        flags = write_series(
            folder, series, measured, names, words=self.words, provenance=origin, remarks=notes
        )
        progress("writing", len(names), len(names))
        return [f"{self.words}, {len(spectra)} spectra", *flags], list(series.fits)


def _series(spectra: Sequence[Spectrum]) -> list[str] | None:
    """Files that hold several spectra are a series each; files of one are a series together."""
    files = [s.source for s in spectra]
    return None if len(set(files)) == len(files) else files


def _biases(measured: Sequence[Checked]) -> int:
    return len({m.fitted.bias for m in measured if m.fitted.bias[0] is not None})
