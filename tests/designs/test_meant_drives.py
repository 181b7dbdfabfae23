"""The drive at which goals are meant: in words, and the commands that show a device there."""

import math
import shlex
from pathlib import Path

import numpy as np
import pytest

import jaxmem as jm
from fitting import DesignGoal, Knob, design
from fitting.designs.goals.knob import Knobs
from fitting.designs.search.meant_drives import MeantDrive, goals_at_the_drive, where_driven
from fitting.designs.search.task import Task
from jaxmem.apps.designing.record import drive_record
from jaxmem.apps.designing.to_see_it import next_commands

NAN = math.nan


@pytest.mark.quick
@pytest.mark.parametrize(
    "at, ends, said",
    [
        (("window", 0.5), (1e-4, 3e-4), "I = 200 µA, the middle of the window from 100 µA to 300"),
        (("window", 0.2), (1e-4, 3e-4), "0.2 of the way through the window from 100 µA"),
        (("threshold", 2.0), (1e-4, 3e-4), "2 times the first Hopf point's; the window is 100 µA"),
        (("I", 2e-4), (1e-4, 3e-4), "I = 200 µA, in the window from"),
        (("I", 2e-4), (3e-4, 4e-4), "outside of the window"),
        (("I", 2e-4), (NAN, NAN), "I = 200 µA"),
    ],
)
def test_a_drive_in_words(at, ends, said):
    driven = MeantDrive("I", 2e-4, *ends, at, ("energy",))
    assert driven.known and said in driven.place()
    assert drive_record(driven)["I"] == 2e-4


@pytest.mark.quick
def test_without_a_window_no_drive_is_made_up():
    none = MeantDrive("V", NAN, NAN, NAN, ("window", 0.5), ("energy",))
    assert not none.known and "no two Hopf points" in none.place()
    assert drive_record(none) == {
        "V": None, "window": [None, None], "period": None, "goals": ["energy"]
    }  # fmt: skip
    assert drive_record(None) is None
    assert next_commands(jm.si_device(), Path("d.toml"), none) == []
    assert next_commands(jm.si_device(), Path("d.toml"), None) == []


@pytest.mark.quick
def test_commands_show_some_periods_at_that_drive():
    driven = MeantDrive("V", 1.25, 1.0, 2.0, ("V", 1.25), ("energy",), 0.02)
    first, second = next_commands(jm.si_device(), Path("my own/d.toml"), driven, allow_import=True)
    for line, word in ((first, "simulate"), (second, "export")):
        assert shlex.split(line) == [
            "jaxmem", word, "my own/d.toml", "--drive", "V = Step(1.25)", "--until", "0.2",
            "--allow-import",
        ]  # fmt: skip


@pytest.mark.quick
def test_only_what_is_meant_at_the_drive_names_it():
    """Also of a design: goals of the device alone leave it without one."""
    device, knob = jm.si_device(), Knob(lambda d: d.R_b)
    goals = (
        DesignGoal("frequency", 50.0), DesignGoal("threshold", 1e-4), DesignGoal("latency", 1e-2),
        DesignGoal("latency", 1e-2, where={"I": 3e-4}, name="own"),
    )  # fmt: skip
    task = Task(goals, device, Knobs((knob,), device), "current", ("window", 0.5))
    assert goals_at_the_drive(task) == ("frequency", "latency")
    found = design([DesignGoal("resistance", 8e3, where={"freq": 10.0, "u": 0.1})], device, [knob])
    assert found.driven is None and not any("meant at" in line for line in found.statements())


@pytest.mark.slow
def test_the_drive_lies_where_the_hopf_points_say():
    device, knob = jm.si_device(), Knob(lambda d: d.R_b)
    at = ("threshold", 1.3)
    task = Task((DesignGoal("frequency", 50.0),), device, Knobs((knob,), device), "current", at)
    z = np.array([0.1])
    driven = where_driven(task, z, cycle=False)
    points = jm.hopf_points(task.moved(z))
    assert driven.level == pytest.approx(1.3 * float(points.I[0]), rel=1e-6)
    assert (driven.low, driven.high) == pytest.approx(tuple(map(float, points.I[:2])), rel=1e-6)
    assert math.isnan(driven.period)


@pytest.mark.quick
def test_searches_are_counted_as_they_are_shown():
    """With values that can be bought the ends of searches are replaced; their number is not."""
    steps = []

    class Heard:
        def say(self, line):
            pass

        def step(self, stage, done, total):
            if stage == "searches":
                steps.append((done, total))

    device = jm.si_device()
    lag = DesignGoal(lambda d: d.R_b * d.C_m, 1.7e-3, name="lag", unit="s", tolerance=1e-4)
    knobs = [Knob(lambda d: d.R_b, series="E6"), Knob(lambda d: d.C_m, series="E6")]
    found = design([lag], device, knobs, progress=Heard())
    assert not found.met and steps[-1] == (found.starts, found.starts)
    assert found.starts == len(steps) - 1
    assert f"Not found in {found.starts} searches" in found.statements()[0]
