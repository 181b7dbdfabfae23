"""What a file is, told by what is in it."""

import os
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from fitting.readers.recordings import recordings_in
from fitting.readers.source import NotARecording, NotASpectrum, ReadError, Source
from fitting.readers.spectra import spectra_in

# What `read_recordings` takes beside the path.
READING = ("units", "rate", "freq", "compliance")


class Content(NamedTuple):
    """What was read from a file.

    - `kind`: `"spectra"`, or `"trace"` for recordings in time.
    - `found`: each `Spectrum`, or each `Recording`.
    - `notes`: what had to be assumed of spectra, in words; recordings carry their own.
    - `sha256`: the hash of the file that was read.
    """

    kind: Literal["spectra", "trace"]
    found: list[Any]
    notes: list[str]
    sha256: str

    @classmethod
    def of_spectra(cls, source: Source) -> "Content":
        """A file read as spectra."""
        return cls("spectra", spectra_in(source), source.notes, source.sha256)

    @classmethod
    def of_recordings(cls, source: Source, options: Mapping[str, Any], **more: Any) -> "Content":
        """A file read as recordings, with those of the options that `read_recordings` has."""
        reading = {name: options[name] for name in READING if name in options}
        return cls("trace", recordings_in(source, **reading, **more), [], source.sha256)


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
