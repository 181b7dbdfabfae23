"""A figure as data, what matplotlib makes of it, and that nothing imports matplotlib before."""

import subprocess
import sys

import numpy as np
import pytest

from jaxmem.plots import (
    AbstractMark,
    Arrow,
    Band,
    CircuitDiagram,
    Contour,
    Curve,
    Figure,
    Inset,
    Map,
    NetworkDiagram,
    Note,
    Panel,
    PlotAxis,
    Rule,
    draw,
    draw_panel,
    grid,
    overlay,
    save,
    save_all,
)

X = np.linspace(1.0, 3.0, 5)
VALUES = np.subtract.outer(X, X + 0.5)
ELEMENTS = {"R_b": 1.0, "C_m": 0.01, "R_a": 0.05, "L_d": 0.05}

FIT = """
import sys
import jax
jax.config.update("jax_enable_x64", True)
import fitting, jaxmem
import fitting.report.page, fitting.study.run, jaxmem.apps.paper, jaxmem.apps.spike
import jaxmem.apps.oscillations.folder, jaxmem.apps.simulation
from jaxmem import plots
from fitting.examples import three_biases
from fitting.report.figures.spectra import impedance_figure

jaxmem.Memristor3D, plots.Figure
spectra, truth = three_biases()
setup = fitting.element_model("rc", spectrum=spectra[0])
found = fitting.fit(spectra[:1], setup.model, setup.space, starts=fitting.MultiStart(0))
figure = impedance_figure(spectra[:1], found.model)
before = "matplotlib" in sys.modules
plots.draw(figure)
print(before, "matplotlib" in sys.modules)
"""


@pytest.mark.slow
def test_matplotlib_is_imported_when_something_is_drawn():
    ran = subprocess.run([sys.executable, "-c", FIT], capture_output=True, text=True, timeout=400)
    assert ran.stdout.split() == ["False", "True"], ran.stdout + ran.stderr


def test_each_kind_of_mark_is_drawn():
    marks = [
        Curve(X, X, label="a"), Rule("x", 2.0), Rule("y", 1.0, 2.0), Band(X, X - 1, X),
        Contour(X, X, VALUES), Note("here", (1.0, 1.0)), Note("middle"),
        Arrow((1.0, 1.0), (2.0, 2.0)),
        Inset((0.1, 0.1, 0.3, 0.3), Panel([Curve(X, X)])),
    ]  # fmt: skip
    maps = [Map(X, X, VALUES, label="v"), Map(X, X, VALUES, kind="signed"),
            Map(X, X, np.abs(VALUES) + 1, unit="Hz", kind="log")]  # fmt: skip
    network = NetworkDiagram(
        ("series", "R1", ("parallel", "C1", "Y1")), dict(R1="a", C1="b", Y1="c")
    )
    circuits = [CircuitDiagram(ELEMENTS), network]
    every = [[m] for m in (*marks, *maps, *circuits)]
    kinds = {type(m) for m in (*marks, *maps, *circuits)}
    assert kinds == set(AbstractMark.__subclasses__())
    for part in every:
        assert draw(Figure([[Panel(part)]], (3, 3))).axes[0].get_children()


def test_a_mark_that_nobody_draws_is_an_error():
    with pytest.raises(TypeError, match="no drawing of a AbstractMark"):
        draw(Figure([[Panel([AbstractMark()])]], (3, 3)))


def test_axes_are_what_the_panel_says():
    panel = Panel(
        [Curve(X, X, label="a", colour="#D55E00"), Curve(X, 2 * X, "data", label="a")],
        PlotAxis("frequency", "Hz", "log", (0.5, None)), PlotAxis("capacitance", "S s^n"), "title",
    )  # fmt: skip
    figure = draw(Figure([[panel, None]], (8, 3)))
    (ax,) = figure.axes
    assert ax.get_xscale() == "log" and ax.get_yscale() == "linear"
    assert ax.get_xlim()[0] == 0.5
    assert ax.get_xlabel() == "frequency" and ax.get_ylabel() == "capacitance  (S·sⁿ)"
    assert ax.xaxis.get_major_formatter()(1e3) == "1 kHz"
    line, dots = ax.lines
    assert (line.get_color(), line.get_linestyle()) == ("#D55E00", "-")
    assert (dots.get_color(), dots.get_linestyle()) == (panel.colour, "None")
    np.testing.assert_array_equal(dots.get_ydata(), 2 * X)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a"]  # once


@pytest.mark.parametrize(
    "unit, said", [("1", "0.94"), ("V", "940 mV"), ("", "0.940"), ("mV", "940 µV")]
)
def test_a_number_has_at_most_one_prefix(unit, said):
    figure = draw(Figure([[Panel([Curve([0, 1], [0.93, 0.96])], y=PlotAxis(unit=unit))]], (3, 3)))
    figure.canvas.draw()
    assert said in [tick.get_text() for tick in figure.axes[0].get_yticklabels()]


def test_names_stand_in_the_place_of_numbers():
    figure = draw(Figure([[Panel([Curve([0, 1], [0, 1])], y=PlotAxis(names=["p", "q"]))]], (3, 3)))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["p", "q"]


def test_panels_laid_over_each_other_keep_their_colours_and_show_all():
    one = Panel([Curve(X, X)], PlotAxis("x", limits=(1.0, 3.0)), colour="#000001")
    other = Panel(
        [Curve(X, X, colour="#000003")], PlotAxis("x", limits=(None, 5.0)), colour="#000002"
    )
    both = overlay([one, other])
    assert [mark.colour for mark in both.marks] == ["#000001", "#000003"]
    assert both.x.limits == (1.0, 5.0)
    assert both.y.limits == (None, None)


def test_a_grid_is_filled_up():
    panel = Panel([])
    assert grid([panel] * 3, 2) == [[panel, panel], [panel, None]]


def test_a_panel_is_drawn_into_axes_of_ones_own():
    from matplotlib.figure import Figure as Drawn

    ax = Drawn().subplots()
    draw_panel(ax, Panel([Curve(X, X)], equal=True))
    assert ax.get_aspect() == 1 and len(ax.lines) == 1


@pytest.mark.parametrize("formats", [(), ("svg",), ("png", "svg", "pdf")])
def test_what_is_saved(tmp_path, formats):
    text = save(Figure([[Panel([Curve(X, X)])]], (3, 3)), tmp_path, "figure", formats)
    assert text.startswith("<svg")
    assert {p.name for p in tmp_path.iterdir()} == {f"figure.{ending}" for ending in formats}


def test_an_interrupted_figure_ends_the_drawing(tmp_path):
    def wrong():
        raise ZeroDivisionError("no")

    def stop():
        raise KeyboardInterrupt

    good = lambda: Figure([[Panel([Curve([0, 1], [0, 1])])]], (2, 2))
    saved = save_all({"a": wrong, "b": good, "c": stop, "d": good}, tmp_path, ("svg",))
    assert saved.cut and saved.drawn["b"] and not saved.drawn["d"]
    assert [p.name for p in tmp_path.iterdir()] == ["b.svg"]
    assert saved.problems == [
        "The figure a could not be drawn (ZeroDivisionError: no).",
        "The figure c was interrupted, and 1 more not drawn.",
    ]
