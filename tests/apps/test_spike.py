"""`jaxmem spike`: the answer, its words and its page, against closed forms."""

import csv
import json

import numpy as np
import pytest
from oracles.spiking import least_gap
from scipy.stats import norm
from typer.testing import CliRunner

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots
from jaxmem.apps.cli import app
from jaxmem.apps.spike.answer import spike_answer
from jaxmem.apps.spike.chance import spike_chance
from jaxmem.apps.spike.words import sentences

NAMES = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def written(folder, device, *options):
    path = folder / "device.toml"
    jm.write_device(path, device)
    ran = run("spike", path, "--out", folder / "out", *options)
    assert ran.exit_code == 0, ran.output
    return ran.output, folder / "out", json.loads((folder / "out/spike.json").read_text())


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """The paper's units with all time constants 1, behind nothing."""
    return written(tmp_path_factory.mktemp("paper"), jm.paper_device(1.0, 1.0, 1.0))


def letters(device):
    return {n: float(getattr(device, n)) for n in NAMES}


def test_the_window_is_that_of_the_cubic(paper):
    output, _, record = paper
    f = cubic_roots(**letters(jm.paper_device(1.0, 1.0, 1.0)))
    u = 1 + 0.05 * np.log(f / (1 - f))
    I = u + 10 * f
    found = record["answers"][0]
    assert found["spikes"] and len(found["hopf_points"]) == 2
    np.testing.assert_allclose([h["I_A"] for h in found["hopf_points"]], I, rtol=1e-10)
    np.testing.assert_allclose([h["u_V"] for h in found["hopf_points"]], u, rtol=1e-10)
    assert all(h["onset"] == "soft" for h in found["hopf_points"])
    assert f"from {I[0]:.4g} A to {I[1]:.4g} A" in " ".join(output.split())


def test_branches_are_written_with_their_energy(paper):
    _, out, record = paper
    with (out / "cycles_current.csv").open() as file:
        rows = list(csv.DictReader(file))
    I, energy, period = (np.array([float(r[k]) for r in rows])
                         for k in ("I_A", "energy_J", "period_s"))  # fmt: skip
    assert all(int(r["stable"]) for r in rows) and len(rows) > 20
    # Energy and period per spike of this set at I = 6, from outside.
    assert np.interp(6.0, I, energy) == pytest.approx(20.654, rel=5e-3)
    assert np.interp(6.0, I, period) == pytest.approx(2.5962, rel=5e-3)
    branch = record["answers"][0]["branches"][0]
    assert branch["complete"] and branch["bistable"] is None
    np.testing.assert_allclose(branch["frequency_Hz"], [1 / period.max(), 1 / period.min()])


def test_the_table_of_changes_is_on_the_page(paper):
    _, out, record = paper
    rows = {p["name"]: p for p in record["answers"][0]["smallest_change"]["parameters"]}
    case = letters(jm.paper_device(1.0, 1.0, 1.0))
    for name in ("i_c0", "C_m", "tau_k"):
        factor = rows[name]["factor_alone_down"]
        assert least_gap(case | {name: factor * case[name]}) == pytest.approx(0, abs=1e-6)
    assert rows["i_c0"]["factor_alone_up"] is None
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 3 and "What stops it" in page
    for name in ("map_current.nc", "map_current.png", "bifurcation_current.svg", "device.toml"):
        assert (out / name).stat().st_size > 0


def test_a_resistance_makes_a_voltage_spike(paper):
    _, _, record = paper
    needed = record["answers"][1]["R_s_needed_ohm"]
    assert not record["answers"][1]["spikes"]
    for factor, count in ((0.999, 0), (1.001, 2)):
        behind = jm.paper_device(1.0, 1.0, 1.0, R_s=factor * needed)
        assert int(jm.hopf_points(behind, drive="voltage").found) == count


@pytest.mark.slow
def test_a_hard_onset_names_its_bistable_window():
    case = dict(R_b=1e5, C_m=1e-8, i_c0=6e-4, V_T=0.8, V_m=0.03, tau_d=1e-3, tau_k=1.2e-4)
    found = spike_answer(jm.Memristor3D(**case), "current")
    low, high = found.record()["branches"][0]["bistable"]
    assert high == pytest.approx(found.onsets()[0], rel=1e-9) and low < high
    text = " ".join(sentences(jm.Memristor3D(**case), found))
    assert "hard (it jumps)" in text and "both rest and spiking are stable" in text


@pytest.mark.slow
def test_2d_is_told_what_it_lacks(tmp_path):
    output, out, record = written(tmp_path, jm.paper_device(0.01, 1.0), "--map", "R_b,tau_k")
    found = record["answers"][0]
    assert not found["spikes"] and not found["smallest_change"]["found"]
    assert all(p["factor_alone_up"] is None for p in found["smallest_change"]["parameters"])
    lag = found["second_lag"]
    # The gain is 50 at most, and (1 + 1.01/0.1)^2 - 1 = 122.2 is needed with the best lag.
    assert lag["tau_k_low_s"] is None
    text = " ".join(output.split())
    assert "the 2D model never spikes" in text and "loop gain of 122 would be needed" in text
    rows = lag["smallest_change_with_it"]["parameters"]
    case = letters(jm.paper_device(0.01, 1.0, lag["tau_k_best_s"]))
    case |= {p["name"]: p["value"] * p["factor_together"] for p in rows}
    assert least_gap(case) == pytest.approx(0, abs=1e-5)
    assert "impossible with this one" in (out / "report.html").read_text()


@pytest.mark.slow
def test_a_model_of_the_literature_without_a_window_begins_by_a_snic(tmp_path):
    """Morris-Lecar as a user's branch in a file: the fold is that of its steady curve."""
    from oracles import morris_lecar as ml

    output, out, record = written(tmp_path, ml.device(ml.SNIC), "--allow-import")
    found, text = record["answers"][0], " ".join(output.split())
    u = np.linspace(-40.0, -20.0, 200_001)
    assert found["rheobase"]["onset"] == "snic"
    top = ml.steady(ml.SNIC, u).max()
    assert found["rheobase"]["rest"] == found["rheobase"]["kept"] == pytest.approx(top, rel=1e-8)
    assert [fold["rest_vanishes"] for fold in found["folds"]] == [True, False]
    assert "It spikes under a constant current from I = 39.96 A on" in text
    assert "saddle-node on the cycle (SNIC)" in text and "could not be drawn" not in text
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 3 and "fold of rest 1" in page


def record_of(device, spread, identifiable=None):
    """What a fit would have written, with these relative standard errors of some parameters."""
    names = list(spread)
    fine = [name not in (identifiable or ()) for name in names]
    return {
        "parameters": [
            {"name": n, "value": float(getattr(device, n)), "identifiable": ok}
            for n, ok in zip(names, fine, strict=True)
        ],
        "covariance": {
            "paths": names, "log": [n != "V_T" for n in names],
            "matrix": np.diag([s**2 for s in spread.values()]).tolist(),
        },
    }  # fmt: skip


@pytest.mark.parametrize("sigmas", [-1.5, 0.0, 1.0])
def test_probability_in_closed_form(sigmas):
    # Only i_c0 is uncertain: it spikes above the value at which the window opens.
    edge = 1.76365995
    spread = 0.05
    device = jm.paper_device(1.0, 1.0, 1.0, i_c0=edge * np.exp(sigmas * spread))
    fit = record_of(device, {"i_c0": spread, "R_b": 1e-9, "V_T": 1e-9})
    found = spike_chance(device, fit, "current")
    expected = norm.cdf(sigmas)
    assert found.open == () and found.low == found.high
    assert found.low == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 2000))
    assert f"with probability {found.low:.2g}" in found.sentence()
    assert spike_chance(device, fit, "voltage") is None


def test_intervals_of_the_onset_follow_the_covariance():
    # dI_H/dV_T = 1/R_b: the onset is as uncertain as the threshold.
    device = jm.paper_device(1.0, 1.0, 1.0)
    fit = record_of(device, {"V_T": 0.02, "i_c0": 1e-9})
    found = spike_chance(device, fit, "current")
    I = float(jm.hopf_points(device).I[0])
    assert found.low == 1.0
    np.testing.assert_allclose(found.onset, [I - 1.96 * 0.02, I + 1.96 * 0.02], atol=0.012)
    np.testing.assert_allclose(np.diff(found.frequency), 0, atol=1e-6)


def test_what_is_open_gives_a_range():
    device = jm.paper_device(1.0, 1.0, 1.0)
    fit = record_of(device, {"i_c0": 1e-9, "R_b": 1e-9, "L_s": 1.0}, ["i_c0", "L_s"])
    found = spike_chance(device, fit, "current")
    assert found.open == ("i_c0",) and found.low == 0.0 and found.high == 1.0
    assert "leave i_c0 open" in found.sentence() and found.onset is None
    # Far inside the window a decade changes nothing.
    device = jm.paper_device(1.0, 1.0, 1.0, i_c0=300.0)
    found = spike_chance(device, record_of(device, {"i_c0": 1e-9}, ["i_c0"]), "current")
    assert (found.low, found.high) == (1.0, 1.0)


@pytest.mark.slow
def test_a_constant_phase_element_is_no_obstacle(tmp_path):
    """As fits of measured spectra have it in the place of C_m."""
    cpe = jm.ConstantPhase(2e-7, 0.95, band=(1.0, 1e5), accuracy=0.05)
    output, out, record = written(tmp_path, jm.si_device(C_m=0.0, extra={"cpe": cpe}))
    found = record["answers"][0]
    assert found["spikes"] and found["branches"][0]["complete"]
    assert "R-C pairs" in " ".join(output.split())
    # The same device with the capacitance that the element has near the Hopf frequency.
    omega = 2 * np.pi * found["hopf_points"][0]["frequency_Hz"]
    plain = jm.hopf_points(jm.si_device(C_m=2e-7 * omega**-0.05))
    assert found["hopf_points"][0]["u_V"] == pytest.approx(float(plain.u[0]), abs=0.02)
    row = next(p for p in found["smallest_change"]["parameters"] if p["name"] == "R_b")
    stopped = jm.si_device(
        C_m=0.0, R_b=0.99 * row["value"] * row["factor_alone_down"], extra={"cpe": cpe}
    )
    assert int(jm.hopf_points(stopped).found) == 0
    assert (out / "map_current.png").is_file()


@pytest.mark.slow
def test_a_2d_device_with_a_constant_phase_element_is_told_what_it_lacks(tmp_path):
    cpe = jm.ConstantPhase(2e-7, 0.95, band=(1.0, 1e5), accuracy=0.05)
    letters_2d = dict(R_b=1e4, i_c0=5e-4, V_T=0.8, V_m=0.04, tau_d=2e-3)
    device = jm.Memristor2D(C_m=0.0, **letters_2d, extra={"cpe": cpe})
    output, _, record = written(tmp_path, device)
    text = " ".join(output.split())
    assert "the 2D model never spikes" in text and "would make it spike" in text
    lag = record["answers"][0]["second_lag"]
    three = jm.Memristor3D(C_m=0.0, tau_k=lag["tau_k_best_s"], **letters_2d, extra={"cpe": cpe})
    assert lag["tau_k_low_s"] < lag["tau_k_best_s"] < lag["tau_k_high_s"]
    assert int(jm.hopf_points(three).found) == 2


def test_wrong_files_are_refused(tmp_path):
    linear = tmp_path / "linear.toml"
    jm.write_device(linear, jm.Device(1e-8, {"leak": jm.Leak(1e4)}))
    device = tmp_path / "device.toml"
    jm.write_device(device, jm.si_device())
    ladder = tmp_path / "ladder.toml"
    wide = jm.ConstantPhase(1e-7, 0.9, accuracy=1e-4)
    jm.write_device(ladder, jm.si_device(extra={"surface": wide}))
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "broken.json").write_text("{")
    for file, options, words in (
        (linear, (), "--together"), (linear, (), "steep at any voltage"),
        (ladder, (), "at most 20"), (device, ("--u-range", "1"), "LOW:HIGH"),
        (device, ("--u-range", "1:0"), "low < high"),
        (tmp_path / "list.json", (), "holds no fitted device"),
        (tmp_path / "broken.json", (), "no JSON"), (tmp_path / "none.json", (), "no such file"),
        (device, ("--map", "R_b"), "two parameters"), (device, ("--map", "R_b,R_b"), "twice"),
        (device, ("--map", "R_b,tau"), "it has R_b"),
        (device, ("--map", "R_b,R_s"), "not positive"),
    ):  # fmt: skip
        ran = run("spike", file, "--out", tmp_path / "no", *options)
        assert ran.exit_code == 2 and words in " ".join(ran.output.split()), ran.output
        assert not (tmp_path / "no").exists()
