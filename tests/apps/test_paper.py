"""The paper's panels: every check passes, by numbers that SciPy gives too, and can fail."""

import csv
import json
from functools import lru_cache, partial

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from typer.testing import CliRunner

from jaxmem.apps.cli import app
from jaxmem.apps.paper import errata, impedance, report, transients
from jaxmem.apps.paper.panel import Check

RUNNER = CliRunner()


BUILDERS = dict(report.EVERYTHING)


@lru_cache
def built(name):
    return BUILDERS[name]()


# Those with a branch of cycles take half a minute each, these of transients a third of it.
LONG = ("5b", "5c", "b2", "b3", "b4", "c1", "c2", "c5", "e5")
# Of the pulses, those that every run looks at: a spike, an RC rise, ringing, the action potential.
SAMPLE = ("2c", "2e", "2h", "2j")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            n,
            marks=[pytest.mark.slow] * (n in LONG or (n in transients.PULSES and n not in SAMPLE)),
        )
        for n in BUILDERS
    ],
)
def test_what_the_text_describes_is_there(name):
    panel = built(name)
    assert panel.checks and panel.name == name
    for check in panel.checks:
        assert check.passed, (name, check)


def test_there_are_25_panels_and_each_is_in_a_figure():
    assert len(report.PANELS) == 25
    drawn = [n for mosaic, _ in report.FIGURES.values() for row in mosaic for n in row if n != "."]
    assert sorted(drawn) == sorted(report.PANELS)


# One figure of several panels, one of one, and parts without drawings; `make slow` draws all.
FEW = ("1", "3", "q1", "e1")


@pytest.mark.parametrize("names", [FEW, pytest.param((), marks=pytest.mark.slow)])
def test_everything_is_drawn_and_written(names, tmp_path, monkeypatch):
    monkeypatch.setattr(report, "EVERYTHING", {n: partial(built, n) for n in BUILDERS})
    made = report.reproduce(tmp_path / "paper", names)
    wanted = [n for n in BUILDERS if not names or n in names or n[:-1] in names]
    assert made.passed and [p.name for p in made.panels] == wanted
    drawn = [p.name for p in made.panels if p.drawn is not None]
    panels = set(report.PANELS) & set(wanted)
    assert panels <= set(drawn)
    whole = [t for t, (rows, _) in report.FIGURES.items() if set().union(*rows) - {"."} <= panels]
    for name in [*drawn, *(title.replace(" ", "_") for title in whole)]:
        assert (tmp_path / "paper" / f"{name}.png").stat().st_size > 3000
        assert "<svg" in (tmp_path / "paper" / f"{name}.svg").read_text()
    page = made.page.read_text()
    assert all(words in page for words in errata.IN_WORDS)
    assert all(f"<b>{name}</b>" in page for name in wanted)
    record = json.loads((tmp_path / "paper" / "reproduce.json").read_text())
    assert list(record["panels"]) == wanted and record["failed"] == 0


def test_a_panel_that_cannot_be_computed_has_failed(tmp_path, monkeypatch):
    def broken():
        raise ValueError("no root")

    monkeypatch.setattr(report, "EVERYTHING", {"1a": partial(built, "1a"), "1b": broken})
    made = report.reproduce(tmp_path / "paper")
    assert not made.passed and made.panels[0].passed
    assert "no root" in made.page.read_text()


def by_scipy(tau_m, tau_d, dt):
    """u under the pulse of figure 2 on a fine grid, from the equations typed by hand."""

    def field(I):
        def rates(t, y):
            u, i = y
            f = 1 / (1 + np.exp(-np.clip((u - 1) / 0.05, -700, 700)))
            return [(I - u - i) / tau_m, (10 * f - i) / tau_d]

        return rates

    how = dict(method="Radau", rtol=1e-10, atol=1e-12, dense_output=True)
    on = solve_ivp(field(6.0), (0, dt), [0.0, 0.0], max_step=dt / 200, **how)
    off = solve_ivp(field(0.0), (0, 5 * dt), on.y[:, -1], max_step=dt / 50, **how)
    t = np.unique(np.concatenate([np.linspace(0, 1, 20001), np.geomspace(1e-6, 1, 20001)]))
    return on.sol(dt * t)[0], off.sol(5 * dt * t)[0]


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n not in SAMPLE)) for n in transients.PULSES],
)
def test_expected_numbers_are_those_of_scipy(name):
    """The table of expectations against a program that shares nothing with ours."""
    during, after = by_scipy(*transients.PULSES[name])
    turns = np.flatnonzero(np.diff(np.sign(np.diff(during))) != 0) + 1
    seen = {
        "peak of u": during.max(), "u at the end of the pulse": during[-1],
        "minimum of u after the pulse": after.min(),
    } | {f"extremum {k + 1} of u": during[at] for k, at in enumerate(turns)}  # fmt: skip
    judged = 0
    for check in transients.pulse_panel(name).checks:
        if check.says in seen:
            assert seen[check.says] == pytest.approx(check.expected, abs=check.tolerance), check
            assert check.value == pytest.approx(seen[check.says], abs=check.tolerance)
            judged += 1
    assert judged


@pytest.mark.quick
def test_expected_impedance_by_hand():
    """Equations 6, 13 and 14."""
    s = 1j * impedance.OMEGA
    for name, (u, (tau_m, tau_d, tau_k)) in impedance.BIASES.items():
        f = 1 / (1 + np.exp(-(u - 1) / 0.05))
        R_a = 0.05 / (10 * f * (1 - f))
        Z_c = (1 + s * tau_d) * R_a * (1 + s * f * tau_k) if tau_k else R_a * (1 + s * tau_d)
        Z = 1 / (tau_m * s + 1 + 1 / Z_c)
        curve = impedance.plane_panel(name).curves[""]
        np.testing.assert_allclose(curve["Re_Z"] + 1j * curve["Im_Z"], Z, rtol=1e-11)


def test_the_command_writes_what_it_says(tmp_path):
    out = tmp_path / "paper"
    done = RUNNER.invoke(app, ["reproduce", "--panel", "2k", "--panel", "3,4", "--out", str(out)])
    assert done.exit_code == 0, done.output
    record = json.loads((out / "reproduce.json").read_text())
    assert list(record["panels"]) == ["2k", "3", "4a", "4b"] and record["passed"]
    assert record["checks"] == sum(len(p["checks"]) for p in record["panels"].values())
    for name in ("2k", "3", "4a", "4b", "figure_3", "figure_4"):
        assert (out / f"{name}.png").stat().st_size > 5000
        assert "<svg" in (out / f"{name}.svg").read_text()
    assert not (out / "figure_2.png").exists()  # not all of it was asked for
    with (out / "2k.csv").open() as file:
        rows = list(csv.DictReader(file))
    inside = [float(r["u"]) for r in rows if 0 <= float(r["t"]) < 10]
    assert max(inside) == pytest.approx(2.6672, abs=1e-3)
    page = (out / "index.html").read_text()
    assert "The parameter sets are ours" in page and "-0.747" in page
    again = RUNNER.invoke(app, ["reproduce", "--panel", "2k", "--out", str(out)])
    assert again.exit_code == 2 and "--force" in again.output


def test_a_panel_that_fails_is_the_exit_status(tmp_path, monkeypatch):
    monkeypatch.setitem(transients.PULSES, "2k", (10.0, 21.0, 10.0))
    out = tmp_path / "paper"
    done = RUNNER.invoke(app, ["reproduce", "--panel", "2k", "--out", str(out)])
    assert done.exit_code == 1
    assert "expected 2.6671" in done.output
    assert not json.loads((out / "reproduce.json").read_text())["passed"]
    assert "✗" in (out / "index.html").read_text()


@pytest.mark.quick
def test_a_check_of_what_is_no_number_fails():
    assert not Check("a period", float("nan"), 1.0, 0.1).passed
    assert Check("a period", float("nan"), 1.0, 0.1).record()["value"] is None
    assert Check("a statement", True, True).passed and not Check("one", False, True).passed


def test_unknown_panels_are_named(tmp_path):
    done = RUNNER.invoke(app, ["reproduce", "--panel", "2z", "--out", str(tmp_path / "x")])
    assert done.exit_code == 2 and "there is no panel 2z" in done.output
    assert not (tmp_path / "x").exists()
