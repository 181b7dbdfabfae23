"""How far a search has come, kept beside its folder until it has ended."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from fitting.estimate.two_stage import Progress
from fitting.study.loading import Loaded
from fitting.study.spec import Spec, SpecError
from fitting.study.spec_file import spec_to_toml
from jaxmem.devices import device_to_toml


@dataclass(frozen=True)
class SearchRecord:
    """The file `out.search.json`; `key` says of which specification and data the search is."""

    place: Path
    key: str

    @classmethod
    def beside(cls, out: Path, spec: Spec, loaded: Loaded) -> "SearchRecord":
        """The record of the search for the results in `out`."""
        # What is asked beyond the fit does not change the search.
        bare = replace(spec, compare=False, profile=(), bootstrap=0, posterior=False)
        device = "" if loaded.device is None else device_to_toml(loaded.device)
        said = json.dumps([spec_to_toml(bare, out), device, list(loaded.hashes.values())])
        key = hashlib.sha256(said.encode()).hexdigest()
        return cls(out.with_name(f"{out.name}.search.json"), key)

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
        try:
            kept = json.loads(self.place.read_text())
        except FileNotFoundError:
            raise SpecError(
                f"{self.place}: nothing to resume; a search that was interrupted leaves this file"
            ) from None
        except json.JSONDecodeError:
            raise SpecError(f"{self.place}: this is no record of a search; start again") from None
        if kept.get("specification") != self.key:
            raise SpecError(
                f"{self.place}: this search was of other data or options; start again without "
                "--resume, or give the same ones"
            )
        return Progress(*kept["progress"])

    def remove(self) -> None:
        """Remove the record of a search that has ended."""
        self.place.unlink(missing_ok=True)
