"""What is said and drawn of a yield: how devices are driven, what loses them, and what helps."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import jaxmem as jm
from fitting import DesignGoal
from fitting.designs.goals_file import read_goals
from fitting.designs.outcome import Design
from fitting.yields.counting import Yield
from fitting.yields.limits import how_driven
from fitting.yields.pictures import IN, OUT, yield_figure
from fitting.yields.scatter_file import made_devices
from jaxmem.apps.designing.counting import Counted
from jaxmem.apps.designing.report import NO_YIELD, Designed, write_design

GOALS = """
device = "device.toml"

[[goal]]
quantity = "frequency"
target = 50.0

[[goal]]
quantity = "amplitude"
at_least = 0.4

[[goal]]
quantity = "energy"
at_most = 4e-6

[scatter]
relative = 0.05
"""


@pytest.fixture
def made(tmp_path):
    """A hundred devices of which 40 miss the energy and 2 the amplitude; the design at its end."""
    jm.write_device(tmp_path / "device.toml", jm.si_device())
    (tmp_path / "goals.toml").write_text(GOALS)
    asked = read_goals(tmp_path / "goals.toml")
    values = np.tile([50.0, 0.42, 3.9e-6], (100, 1))
    values[:40, 2], values[40:42, 1] = 4.2e-6, 0.3
    nominal = Yield(
        0.58, 0.47, 0.68, 58, 100, 0, 0,
        {"frequency": (0, 0), "amplitude": (2, 0), "energy": (0, 40)}, {}, (), (),
        np.empty((100, 0)), values, np.arange(100) >= 42, np.empty((100, 0)),
        how_driven(asked.goals, asked.at),
    )  # fmt: skip
    said, fine = dict.fromkeys(nominal.missed, ""), dict.fromkeys(nominal.missed, 0.0)
    reached = {"frequency": 50.0, "amplitude": 0.42, "energy": 3.9999e-6}
    design = Design(
        asked.device, True, reached, said, fine, {}, 0.0, np.empty((3, 0)), (), False, (), 1, said,
    )  # fmt: skip
    return Counted(made_devices("", asked), nominal, None, None, design)


@pytest.mark.quick
def test_how_made_devices_are_driven_is_said(made):
    goal = DesignGoal("frequency", 50.0)
    assert "58 of 100 devices, each driven in the middle of its own window." in made.statements[0]
    assert (
        how_driven([goal], ("window", 0.3)) == "each driven 0.3 of the way through its own window"
    )
    assert "1.2 times the drive of its own first" in how_driven([goal], ("threshold", 1.2))
    assert how_driven([goal], ("I", 2e-4)) == "all driven at I = 200 µA"
    assert how_driven([goal], ("V", 2.0)) == "all driven at V = 2 V"
    alone = DesignGoal("resistance", 8e3, where={"freq": 10.0, "u": 0.1})
    assert how_driven([alone], ("window", 0.5)) == ""


@pytest.mark.quick
def test_a_design_at_its_limit_is_told_to_move(made):
    assert made.statements[-1].startswith("Most are lost by energy, which the design has just at")
    assert "maximise = true" in made.statements[-1]
    # Not where it stands away from the limit, where no goal loses most, or all are within.
    inside = replace(made.design, values=made.design.values | {"energy": 3.5e-6})
    none = {"frequency": (0, 0), "amplitude": (0, 0), "energy": (0, 0)}
    both = {"frequency": (10, 10), "amplitude": (20, 0), "energy": (0, 2)}
    for other in (
        made._replace(design=inside),
        made._replace(nominal=replace(made.nominal, missed=both)),
        made._replace(nominal=replace(made.nominal, missed=none, count=100)),
    ):
        assert not any("maximise" in line for line in other.statements)


@pytest.mark.quick
def test_the_figure_shows_the_goals_that_lose_most(made):
    figure = yield_figure(made.asked.specification, "current", {"design": made.nominal})
    panel = figure.rows[0][0]
    assert (panel.x.label, panel.y.label) == ("amplitude", "energy")
    out, inside = panel.marks[:2]
    assert len(out.x) == 42 and len(inside.x) == 58
    assert (out.colour, inside.colour) == (OUT, IN) and out.role != inside.role
    assert (out.label, inside.label) == ("out of specification", "in specification")
    assert min(out.y.min(), inside.y.max()) < 4.04e-6 < out.y.max()


@pytest.mark.quick
def test_a_missing_yield_is_among_what_is_said(made):
    told = Designed(Path("report.html"), made.design, None, NO_YIELD, ["jaxmem x"], [])
    assert told.statements[-3:] == [NO_YIELD, "To see it:", "jaxmem x"]


@pytest.mark.slow
def test_that_no_yield_was_counted_is_said(tmp_path):
    jm.write_device(tmp_path / "device.toml", jm.si_device())
    (tmp_path / "goals.toml").write_text(
        'device = "device.toml"\n[[goal]]\nquantity = "resistance"\ntarget = 8e5\nu = 0.1\n'
        'freq = 10.0\n[[knob]]\nparameter = "R_b"\nwithin = 1.1\n[scatter]\nrelative = 0.1\n'
    )
    found = write_design(tmp_path / "goals.toml", tmp_path / "out")
    assert not found.design.met and found.counted is None and NO_YIELD in found.statements
    assert NO_YIELD in (tmp_path / "out/design.json").read_text()
