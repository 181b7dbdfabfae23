"""How far a search has come, kept beside its folder until it has ended."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import equinox as eqx
import numpy as np

from fitting.estimate.two_stage import Progress
from fitting.solvers.solver import RESULTS, Search
from fitting.study.kept import search_files
from fitting.study.loading import Loaded
from fitting.study.spec import Spec, SpecError
from fitting.study.spec_file import spec_to_toml
from jaxmem.devices import device_to_toml


@dataclass(frozen=True)
class SearchRecord:
    """The file `out.search.json`; `key` says of which specification and data the search is.

    A series of spectra has `out.search.jsonl` in its place, with a line for each spectrum.
    """

    place: Path
    key: str

    @property
    def lines(self) -> Path:
        """Where a series is kept."""
        return self.place.with_suffix(".jsonl")

    @classmethod
    def beside(cls, out: Path, spec: Spec, loaded: Loaded) -> "SearchRecord":
        """The record of the search for the results in `out`."""
        # What is asked beyond the fit does not change the search.
        bare = replace(spec, compare=False, profile=(), bootstrap=0, posterior=False)
        device = "" if loaded.device is None else device_to_toml(loaded.device)
        said = json.dumps([spec_to_toml(bare, out), device, list(loaded.hashes.values())])
        key = hashlib.sha256(said.encode()).hexdigest()
        return cls(search_files(out)[0], key)

    def keep(self, progress: Progress) -> None:
        """Write how far the search has come."""
        text = json.dumps({"specification": self.key, "progress": list(progress)})
        # Whole or not at all: an interruption may come at any time.
        self.place.parent.mkdir(parents=True, exist_ok=True)
        beside = self.place.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.place)

    def read(self) -> Progress:
        """How far the search had come.

        **Raises:** `SpecError` if there is no record, or one of another specification.
        """
        return Progress(*self._kept(self.place)[0]["progress"])

    def keep_spectrum(self, search: Search) -> None:
        """Add the searches of one more spectrum of a series."""
        fresh = not self.lines.exists()
        self.lines.parent.mkdir(parents=True, exist_ok=True)
        if not fresh:
            # A line that was cut off while it was written would spoil the one after it.
            whole = self.lines.read_bytes()
            self.lines.write_bytes(whole[: whole.rfind(b"\n") + 1])
        with self.lines.open("a", encoding="utf-8") as file:
            if fresh:
                file.write(json.dumps({"specification": self.key}) + "\n")
            result: Any = search.result
            numbers = (search.z, search.chi2, result._value, search.steps, search.failed)
            file.write(json.dumps([np.asarray(part).tolist() for part in numbers]) + "\n")

    def read_spectra(self) -> list[Search]:
        """The searches of the first spectra of a series.

        **Raises:** `SpecError` as `read` does.
        """
        found = []
        for z, chi2, result, *counts in self._kept(self.lines)[1:]:
            codes = np.asarray(result, np.int32)
            item = eqx.tree_at(lambda r: r._value, RESULTS.successful, codes)
            found.append(Search(np.asarray(z), np.asarray(chi2), item, *map(np.asarray, counts)))
        return found

    def _kept(self, place: Path) -> list[Any]:
        """The lines of a file, of which the last may be half written."""
        try:
            lines = place.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise SpecError(
                f"{place}: nothing to resume; a search that was interrupted leaves this file"
            ) from None
        kept = []
        for k, line in enumerate(lines):
            try:
                kept.append(json.loads(line))
            except json.JSONDecodeError:
                if k == 0 or k + 1 < len(lines):
                    raise SpecError(
                        f"{place}: this is no record of a search; start again"
                    ) from None
        if not kept or not isinstance(kept[0], dict) or kept[0].get("specification") != self.key:
            raise SpecError(
                f"{place}: this search was of other data or options; start again without "
                "--resume, or give the same ones"
            )
        return kept

    def remove(self) -> None:
        """Remove the record of a search that has ended."""
        self.place.unlink(missing_ok=True)
        self.lines.unlink(missing_ok=True)
