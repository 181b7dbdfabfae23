"""What the figure of a series shows of parameters that no spectrum tells."""

import numpy as np
import pytest

from fitting import Fit, Spectrum
from fitting.report.figures.spectra import series_figure
from jaxmem.plots import Note

pytestmark = pytest.mark.quick


class Said(Fit):
    """A fit that says what it is told to."""

    relative_rms_residual = 0.01
    describes = property(lambda self: self.said_grade)

    def rows(self):
        return self.said_rows


def drawn(describes, known):
    freq = np.geomspace(1, 1e4, 9)
    spectra = [Spectrum(freq, 1 / (1e-3 + 1e-6j * freq), label=f"{k}") for k in range(3)]
    row = lambda name, fine: {
        "name": name, "unit": "ohm", "value": 1.0, "low": 0.9, "high": 1.1, "identifiable": fine,
    }  # fmt: skip
    rows = [row("R_b", known), row("R_s", False)]
    fit = object.__new__(Said)
    for name, value in (("said_rows", rows), ("said_grade", describes)):
        object.__setattr__(fit, name, value)
    figure = series_figure(spectra, [fit] * 3, np.zeros(3, bool))
    panels = [panel for line in figure.rows for panel in line if panel is not None]
    titles = [panel.title for panel in panels]
    words = [mark.text for mark in panels[-1].marks if isinstance(mark, Note)]
    return titles, " ".join(" ".join(words).split())


def test_one_panel_names_what_no_spectrum_tells():
    titles, words = drawn("yes", known=True)
    assert titles[2:] == ["R_b", "Not drawn"]
    assert words == "R_s: not identifiable in any of the spectra"


def test_of_a_wrong_model_it_says_so():
    titles, words = drawn("no", known=False)
    assert titles[2:] == ["Not drawn"]
    assert words == "R_b, R_s: values of a model that does not describe the data"
