"""[scatter] and [yield] of a file of goals: what they say, what they may not, and the command."""

import csv
import json

import pytest
from typer.testing import CliRunner

import jaxmem as jm
from fitting.designs.goals_file import read_goals
from fitting.yields.scatter_file import made_devices
from jaxmem.apps.cli import app

GOALS = """
device = "device.toml"

[[goal]]
quantity = "current"
target = 1e-4
u = 0.7

[[goal]]
quantity = "resistance"
target = 8e3
u = 0.5
freq = 10.0

[[knob]]
parameter = "R_b"

[[knob]]
parameter = "i_c0"

[scatter]
relative = 0.1
absolute = {V_T = 0.01}
correlation = [["R_b", "i_c0", -0.5]]

[yield]
tolerance = {current = 0.4}
devices = 400
maximise = true
"""


@pytest.fixture
def write(tmp_path):
    jm.write_device(tmp_path / "device.toml", jm.si_device())

    def written(text):
        (tmp_path / "goals.toml").write_text(text)
        return tmp_path / "goals.toml"

    return written


@pytest.mark.quick
def test_what_a_file_says(write):
    asked = made_devices("goals.toml", read_goals(write(GOALS)))
    assert asked.scatter.relative == 0.1 and asked.scatter.absolute == {"V_T": 0.01}
    assert asked.scatter.correlation == {("R_b", "i_c0"): -0.5}
    assert [goal.tolerance for goal in asked.specification] == [0.4, 0.01]
    assert asked.devices == 400 and asked.maximise
    some = GOALS.replace("relative = 0.1", "relative = {C_m = 0.2}").replace("correlation", "#")
    assert made_devices("", read_goals(write(some))).scatter.relative == {"C_m": 0.2}
    none = GOALS[: GOALS.index("[scatter]")]
    assert made_devices("", read_goals(write(none))) is None


@pytest.mark.quick
@pytest.mark.parametrize(
    "old, new, said",
    [
        ("relative = 0.1", "relative = -0.1", r"\[scatter\]: a width is positive"),
        ("relative = 0.1", "width = 0.1", "no key 'width'"),
        ("relative = 0.1", "relative = {R_x = 0.1}", "no parameter 'R_x'"),
        ("relative = 0.1", "relative = true", "relative is a table"),
        ('[["R_b", "i_c0", -0.5]]', '["R_b", "i_c0"]', "list of pairs"),
        ('[["R_b", "i_c0", -0.5]]', '[["R_b", "R_s", 0.5]]', "does not scatter"),
        ("{current = 0.4}", "{amplitude = 0.4}", "no goal 'amplitude'"),
        ("{current = 0.4}", "{current = 4.0}", "between 0 and 1"),
        ("devices = 400", "devices = 3", "at least 100"),
    ],
)
def test_what_it_may_not_say_is_named(write, old, new, said):
    with pytest.raises(ValueError, match=said):
        made_devices("goals.toml", read_goals(write(GOALS.replace(old, new))))


def test_a_yield_wants_a_scatter(write):
    text = GOALS[: GOALS.index("[scatter]")] + GOALS[GOALS.index("[yield]") :]
    with pytest.raises(ValueError, match=r"wants a \[scatter\]"):
        made_devices("goals.toml", read_goals(write(text)))


@pytest.mark.slow
def test_the_command_counts_what_is_made(write, tmp_path):
    text = GOALS.replace("u = 0.5", "u = 0.5\ntolerance = 0.02")
    out = tmp_path / "out"
    ran = CliRunner().invoke(app, ["design", str(write(text)), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    said = " ".join(ran.output.split())
    assert "Yield before" in said and "resistance too" in said
    told = json.loads((out / "design.json").read_text())["yield"]
    before, after = told["nominal"], told["centred"]
    assert after["devices"] == 400 and after["share"] >= before["share"]
    assert after["interval"][0] < after["share"] < after["interval"][1]
    with (out / "devices.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 400 and sum(int(row["within"]) for row in rows) == after["within"]
    for row in rows[:20]:
        ok = all(
            abs(float(row[name]) / target - 1) <= tolerance
            for name, target, tolerance in (("current", 1e-4, 0.4), ("resistance", 8e3, 0.02))
        )
        assert int(row["within"]) == ok
    assert (out / "yield.png").stat().st_size > 10_000
    assert (out / "nearest.toml").exists() and "Made devices" in (out / "report.html").read_text()
