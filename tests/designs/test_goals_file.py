"""A file of goals: read, or refused in a sentence; and the command that does what it says."""

import inspect
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxmem as jm
from fitting.designs.goals_file import read_goals
from jaxmem.apps.cli import app
from jaxmem.apps.designing.command import design_command

GOALS = """
device = "device.toml"
at = {threshold = 1.3}

[[goal]]
quantity = "frequency"
target = 100.0
tolerance = 0.02

[[goal]]
quantity = "amplitude"
at_least = 0.2

[[goal]]
quantity = "onset"
target = "soft"

[[knob]]
parameter = "C_m"
low = 1e-8
high = 1e-6
cost = 0.1

[[knob]]
parameter = ["tau_d", "tau_k"]
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
    asked = read_goals(write(GOALS))
    assert asked.drive == "current" and asked.at == ("threshold", 1.3)
    assert [goal.wanted() for goal in asked.goals] == ["100 Hz", "at least 0.2 V", "soft"]
    assert asked.goals[0].tolerance == 0.02
    first, second = asked.knobs
    assert (first.low, first.high, first.cost, second.within) == (1e-8, 1e-6, 0.1, 5.0)
    assert second.lens(asked.device) == (asked.device.tau_d, asked.device.tau_k)
    # Without knobs all that a factor makes sense of are some, and none of them twice.
    asked = read_goals(write(GOALS.split("[[knob]]")[0]))
    assert len(asked.knobs) == 6


@pytest.mark.quick
def test_the_examples_of_readme_and_help_are_files_of_goals(write):
    readme = (Path(__file__).parents[2] / "docs/command-line/tour.md").read_text()
    shown = re.search(r"`goals.toml` says\n\n(.*?)\n\n\S", readme, re.DOTALL).group(1)
    told = inspect.getdoc(design_command).split("\n\n", 2)[2].replace("\b\n", "")
    for text in (inspect.cleandoc(shown), told):
        asked = read_goals(write(text))
        names = [goal.called for goal in asked.goals]
        assert names == ["frequency", "energy", "amplitude", "onset", "impedance"]
        assert asked.goals[-1].where == {"freq": 10.0, "u": 0.3}
        assert asked.front == ("frequency", "amplitude") and asked.knobs[0].series == "E12"
        assert len(asked.knobs) == 3 and asked.at == ("window", 0.5) and asked.designs == 1


@pytest.mark.quick
@pytest.mark.parametrize(
    "old, new, said",
    [
        ('quantity = "frequency"', 'quantity = "rate"', r"\[\[goal\]\] 1.*quantity.*frequency"),
        ("target = 100.0", 'target = "high"', r"\[\[goal\]\] 1.*target"),
        ("target = 100.0", "aim = 100.0", r"no key 'aim'"),
        ("at_least = 0.2", "at_least = -0.2", r"\[\[goal\]\] 2.*not positive"),
        ('target = "soft"', 'target = "hard"', r"\[\[goal\]\] 3.*soft"),
        ('parameter = "C_m"', 'parameter = "C"', r"\[\[knob\]\] 1.*no parameter 'C'.*C_m"),
        ("low = 1e-8", "low = 1e-5", r"goals.*range"),
        ("low = 1e-8", "within = 2.0", r"\[\[knob\]\] 1.*not both"),
        ("cost = 0.1", "cost = 0.0", r"\[\[knob\]\] 1.*cost"),
        ("cost = 0.1", 'series = "E13"', r"\[\[knob\]\] 1.*series.*E12"),
        ('parameter = "C_m"', 'parameter = "I"', r"goals.*at = \{I"),
        ("at_least = 0.2", "at_least = 0.2\nfreq = 1.0", r"\[\[goal\]\] 2.*no 'freq'"),
        ("at = {threshold = 1.3}", 'front = ["frequency"]', "names of two goals"),
        ("{threshold = 1.3}", "{window = 2.0}", "between 0 and 1"),
        ('device = "device.toml"', 'device = "none.toml"', "none.toml"),
        ('device = "device.toml"', "", "device is missing"),
        ("[[goal]]", "[[axis]]", "a sweep, which `jaxmem sweep` takes"),
    ],
)
def test_what_it_may_not_say_is_named(write, old, new, said):
    path = write(GOALS.replace(old, new))
    with pytest.raises(ValueError, match=said):
        read_goals(path)


@pytest.mark.slow
def test_the_command_writes_the_device_and_says_what_it_did(write, tmp_path):
    path, out = write(GOALS), tmp_path / "design"
    done = CliRunner().invoke(app, ["design", str(path), "--out", str(out)])
    assert done.exit_code == 0 and "frequency: 10" in done.stderr, done.stderr
    record = json.loads((out / "design.json").read_text())
    assert record["met"] and record["goals"]["onset"]["value"] < 0
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 2 and "What each knob buys" in page
    device = jm.read_device(out / "device.toml")
    assert 1e-8 <= float(device.C_m) <= 1e-6
    points = jm.hopf_points(device)
    cycle = jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(1.3 * points.I[0])))
    assert 1 / float(cycle.period) == pytest.approx(100, rel=0.02)
    assert float(cycle.u_max - cycle.u_min) > 0.198 and float(points.l1[0]) < 0
    # The drive is told, and the command that is printed shows that frequency.
    I = 1.3 * float(points.I[0])
    assert record["driven"]["I"] == pytest.approx(I, rel=1e-4)
    assert record["driven"]["period"] == pytest.approx(float(cycle.period), rel=1e-3)
    assert record["driven_today"]["I"] == pytest.approx(1.3 * float(jm.hopf_points(
        jm.si_device()).I[0]), rel=1e-4)  # fmt: skip
    assert "frequency and amplitude are meant at I =" in done.stderr and "Driven at I =" in page
    (line,) = [one for one in done.stderr.splitlines() if one.startswith("jaxmem simulate")]
    shown = CliRunner().invoke(app, [*shlex.split(line)[1:], "--out", str(tmp_path / "shown")])
    assert shown.exit_code == 0, shown.stderr
    table = np.genfromtxt(tmp_path / "shown/transient.csv", delimiter=",", names=True)
    t, u = table["t_s"], table["u_V"]
    late = t > t[-1] / 2
    up = np.flatnonzero(np.diff((u[late] > u[late].mean()).astype(int)) == 1)
    assert (len(up) - 1) / np.ptp(t[late][up]) == pytest.approx(100, rel=0.03)
    # A goal that no device in the ranges can meet ends with a sentence and a status.
    text = GOALS.replace("at_least = 0.2", "at_least = 5000.0")
    done = CliRunner().invoke(app, ["design", str(write(text)), "--out", str(tmp_path / "none")])
    assert done.exit_code == 1 and "amplitude: impossible" in done.stderr
    assert not (tmp_path / "none/device.toml").exists()
