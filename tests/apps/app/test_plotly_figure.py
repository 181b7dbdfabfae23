"""Panels as the browser draws them: each mark of the reports' figures, in their units."""

import json

import numpy as np
import pytest

from jaxmem import plots
from jaxmem.apps.app.plotly_figure import as_plotly

pytestmark = pytest.mark.quick
X = np.geomspace(1.0, 1e4, 30)


def panel(*marks, log=True):
    scale = "log" if log else "linear"
    return plots.Panel(marks, plots.PlotAxis("f", "Hz", scale), plots.PlotAxis("|Z|", "ohm", scale))


def test_every_mark_that_is_interactive_is_drawn():
    grid = np.outer(np.linspace(-1, 1, 30), np.ones(30))
    marks = [
        plots.Curve(X, X, label="line"), plots.Curve(X, X, "star"),
        plots.Rule("y", 3.0, label="at"),
        plots.Rule("x", 2.0, 3.0), plots.Band(X, X, 2 * X), plots.Map(X, X, grid, kind="signed"),
        plots.Contour(X, X, grid), plots.Note("here", (10.0, 100.0), (3, 4)),
        plots.Arrow((1.0, 10.0), (100.0, 1000.0)), plots.Curve(X, X, colour=0.5),
    ]  # fmt: skip
    made = as_plotly(panel(*marks))
    json.dumps(made, allow_nan=False)
    kinds = [trace["type"] for trace in made["data"]]
    assert kinds.count("heatmap") == 1 and kinds.count("contour") == 1 and len(kinds) == 8
    # On a logarithmic axis annotations are placed by logarithms, shapes by values.
    note, arrow = made["layout"]["annotations"]
    assert (note["x"], note["y"]) == (1.0, 2.0)
    assert (arrow["ax"], arrow["ay"], arrow["x"], arrow["y"]) == (0.0, 1.0, 2.0, 3.0)
    assert made["layout"]["shapes"][0]["y0"] == 3.0


def test_units_and_limits_are_those_of_the_figure():
    spec = plots.Panel(
        [plots.Curve(X, X)], plots.PlotAxis("t", "s", limits=(0.0, 2.0)),
        plots.PlotAxis("Q", "S s^n", "log", (1e-3, 10.0)),
    )  # fmt: skip
    layout = as_plotly(spec)["layout"]
    assert layout["xaxis"]["ticksuffix"] == "s" and layout["xaxis"]["range"] == [0.0, 2.0]
    # A unit with powers takes no prefix: it stands in the label.
    assert layout["yaxis"]["title"]["text"] == "Q (S·sⁿ)"
    assert layout["yaxis"]["range"] == [-3.0, 1.0]


def test_equal_axes_of_the_complex_plane():
    made = as_plotly(plots.Panel([plots.Curve(X, X)], **plots.nyquist_axes()), select=True)
    assert made["layout"]["yaxis"]["scaleanchor"] == "x"
    assert made["layout"]["dragmode"] == "select"


def test_what_is_not_finite_is_left_out_and_digits_are_those_of_a_screen():
    made = as_plotly(panel(plots.Curve([1.0, np.nan, np.inf, 1 / 3], [1e-300, 0.0, -2e5, 1.0])))
    x, y = made["data"][0]["x"], made["data"][0]["y"]
    assert x == [1.0, None, None, 0.3333333]
    np.testing.assert_allclose(y, [1e-300, 0.0, -2e5, 1.0], rtol=1e-6)


def test_on_a_dark_ground_nothing_is_black():
    made = as_plotly(panel(plots.Curve(X, X, colour=plots.BLACK)), dark=True)
    assert made["data"][0]["line"]["color"] == "#FFFFFF"
    assert as_plotly(panel(plots.Curve(X, X)))["data"][0]["line"]["color"] == plots.COLOURS[0]


def test_a_name_in_the_legend_stands_there_once():
    made = as_plotly(panel(*[plots.Curve(X, k * X, label="pinned") for k in (1, 2)]))
    assert [t["showlegend"] for t in made["data"]] == [True, False]


def test_what_has_no_interactive_form_is_refused():
    with pytest.raises(TypeError, match="CircuitDiagram has no interactive form"):
        as_plotly(panel(plots.CircuitDiagram({})))
