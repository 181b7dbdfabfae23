"""What a file is, told by what is in it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from fitting.readers.recordings import recordings_in
from fitting.readers.source import NotARecording, NotASpectrum, ReadError, Source
from fitting.readers.spectra import spectra_in

# What `read_recordings` takes beside the path.
READING = ("units", "rate", "freq", "compliance")


class Content(NamedTuple):
    """What was read from a file.

    - `kind`: `"spectra"`, or `"trace"` for recordings in time.
    - `found`: each `Spectrum`, or each `Recording`, of those that were chosen.
    - `notes`: what had to be assumed of spectra, in words; recordings carry their own.
    - `sha256`: the hash of the file that was read.
    - `places`: where each stands in the file, counted from 0; `held`: how many the file holds.
    """

    kind: Literal["spectra", "trace"]
    found: list[Any]
    notes: list[str]
    sha256: str
    places: tuple[int, ...]
    held: int

    @classmethod
    def of_spectra(cls, source: Source) -> "Content":
        """A file read as spectra."""
        found = spectra_in(source)
        places = tuple(range(len(found)))
        return cls("spectra", found, source.notes, source.sha256, places, len(found))

    @classmethod
    def of_recordings(cls, source: Source, options: Mapping[str, Any], **more: Any) -> "Content":
        """A file read as recordings, with those of the options that `read_recordings` has."""
        reading = {name: options[name] for name in READING if name in options}
        found = recordings_in(source, **reading, **more)
        return cls("trace", found, [], source.sha256, tuple(range(len(found))), len(found))

    def at_places(self, path: str | os.PathLike, index: Sequence[int] | None) -> "Content":
        """Those at some places of the file, counted from 0; None for all.

        **Arguments:** `path`: names the file in messages. `index`: the places, in their order.

        **Raises:** `ReadError` for a place that the file has not.
        """
        if index is None:
            return self
        beyond = [k for k in index if not 0 <= k < self.held]
        if beyond:
            what = "spectra" if self.kind == "spectra" else "recordings"
            holds = f"{self.held} {what}, 0 to {self.held - 1}"
            if self.held == 1:
                holds = "one, which is at 0"
            raise ReadError(f"{path}: there is none at index {beyond[0]}; the file holds {holds}")
        return self._replace(found=[self.found[k] for k in index], places=tuple(index))


def sniff(
    path: str | os.PathLike,
    trace: Mapping[str, Any] | None = None,
    area: float | None = None,
) -> Content:
    """What a file holds: spectra if it can be read as such, else recordings in time.

    **Arguments:**

    - `path`: the file, which is opened once.
    - `trace`: options of a file that holds recordings, by the keys of `[[trace]]`. If any is given,
      a file that is no spectrum for whatever reason is tried as a recording too.
    - `area`: of the electrode [m^2], for columns in ohm cm2 or mA/cm2.

    **Raises:** `ReadError` with the reason of the reader that the file was meant for.
    """
    source = Source.open(path, area)
    try:
        return Content.of_spectra(source)
    except ReadError as error:
        looks_recorded = isinstance(error, NotASpectrum)
        if not (looks_recorded or trace):
            raise
        try:
            return Content.of_recordings(Source(source.path, source.data, area), trace or {})
        except ReadError as other:
            # The advice to use the other reader is no help to who gave a file.
            says_more = looks_recorded and not isinstance(other, NotARecording)
            raise (other if says_more else error) from None
