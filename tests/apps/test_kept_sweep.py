"""`jaxmem sweep` that is kept, resumed and shared; quantities of cycles; the border of the map."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import jaxmem as jm
from jaxmem.apps.cli import app
from jaxmem.apps.oscillations import folder
from jaxmem.apps.oscillations.kept import what_a_sweep_keeps
from jaxmem.sweeps import open_sweep

SPEC = """
device = "device.toml"
[[axis]]
parameter = "C_m"
low = 1e-9
high = 1e-5
points = {n}
[[axis]]
parameter = "i_c0"
low = 1e-4
high = 1e-2
points = {n}
"""


def run(path, spec, *options, device=None):
    (path / "spec.toml").write_text(spec)
    jm.write_device(path / "device.toml", device or jm.si_device())
    arguments = ["sweep", path / "spec.toml", "--out", path / "out", *options]
    return CliRunner().invoke(app, [str(a) for a in arguments])


def arrays(path):
    return xr.load_dataset(path / "sweep.nc", engine="scipy")


@pytest.fixture
def small_tiles(monkeypatch):
    """Kept from few points on, and in many tiles."""
    monkeypatch.setattr(folder, "KEPT_FROM", 10)
    of = folder.SweepFile.functions.fget
    monkeypatch.setattr(folder.SweepFile, "functions", property(lambda s: of(s)._replace(batch=9)))


@pytest.mark.slow
def test_parts_and_what_writes_the_folder(small_tiles, tmp_path):
    spec = SPEC.format(n=9)
    whole = run(tmp_path, spec)
    assert whole.exit_code == 0 and not (tmp_path / "out.zarr").exists(), whole.output
    want = arrays(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    first = run(tmp_path, spec, "--shard", "1/2")
    assert first.exit_code == 0 and "5 of 9 tiles" in first.output, first.output
    again = run(tmp_path, spec)
    assert again.exit_code == 2 and "--resume goes on" in again.output
    assert not (tmp_path / "out").exists()
    # A part is missing: it is computed, and no more.
    rest = run(tmp_path, spec, "--resume")
    assert rest.exit_code == 0, rest.output
    found = arrays(tmp_path / "out")
    for name in want:
        np.testing.assert_array_equal(found[name], want[name])
    record = json.loads((tmp_path / "out/sweep.json").read_text())
    assert record["layout"]["tile"] == [1, 9] and record["layout"]["lanes"] == 9
    wrong = run(tmp_path, spec, "--shard", "3/2")
    assert wrong.exit_code == 2 and "K/N" in wrong.output


def test_what_is_left_of_an_interrupted_sweep_is_said(small_tiles, tmp_path):
    assert what_a_sweep_keeps(tmp_path / "out", 0.0) == "nothing was written"
    assert run(tmp_path, SPEC.format(n=9), "--shard", "1/2").exit_code == 0
    assert "out.zarr; --resume goes on" in what_a_sweep_keeps(tmp_path / "out", 0.0)
    later = time.time() + 10
    assert what_a_sweep_keeps(tmp_path / "out", later) == "nothing was written"
    # The same axes under the other drive are another sweep.
    voltage = 'drive = "voltage"\n' + SPEC.format(n=9)
    other = run(tmp_path, voltage, "--resume", device=jm.si_device(R_s=1e4))
    assert other.exit_code == 2 and "another sweep" in other.output


def test_another_sweep_is_not_resumed(small_tiles, tmp_path):
    assert run(tmp_path, SPEC.format(n=9), "--shard", "1/2").exit_code == 0
    other = run(tmp_path, SPEC.format(n=9).replace("1e-5", "2e-5"), "--resume")
    assert other.exit_code == 2 and "another sweep (the values of C_m)" in other.output
    assert open_sweep(tmp_path / "out.zarr").attrs["tiles_done"] == 5


def test_the_border_is_where_the_margin_vanishes(tmp_path):
    """Against the ring's formula, g = q - 1 at the most dangerous f, in NumPy."""
    ran = run(tmp_path, SPEC.format(n=12), "--quantity", "margin")
    assert ran.exit_code == 0 and list(arrays(tmp_path / "out")) == ["margin", "margin_u"]
    d = {n: float(getattr(jm.si_device(), n)) for n in ("R_b", "V_m", "tau_d", "tau_k")}
    f = 1 / (1 + np.exp(-np.linspace(-12, 12, 200_001)))
    with (tmp_path / "out/boundary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 10
    for row in rows:
        C_m, i_c0 = float(row["C_m"]), float(row["i_c0"])
        T = d["R_b"] * C_m, d["tau_d"], f * d["tau_k"]
        q = sum(T) * sum(1 / t for t in T)
        g = d["R_b"] * i_c0 / d["V_m"] * f * (1 - f)
        assert np.max((1 + g) / q) == pytest.approx(1, abs=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("quantity", "at"), [("frequency", "window = 0.3"), ("energy", "I = 3e-4")]
)
def test_quantities_of_cycles(quantity, at, tmp_path):
    spec = f'device = "device.toml"\nat = {{ {at} }}\nquantity = "{quantity}"\n'
    spec += '[[axis]]\nparameter = "C_m"\nvalues = [1e-7, 2e-7, 1e-4]\n'
    ran = run(tmp_path, spec)
    assert ran.exit_code == 0, ran.output
    data = arrays(tmp_path / "out")
    assert np.isnan(data[quantity][2]) and data.margin[2] > 0
    for C_m in (1e-7, 2e-7):
        device, row = jm.si_device(C_m=C_m), data.sel(C_m=C_m)
        low, high = jm.hopf_points(device).I[:2]
        I = float(low + 0.3 * (high - low)) if "window" in at else 3e-4
        one = jm.limit_cycle(jm.Circuit(device, jm.CurrentDrive(I)))
        want = {"frequency": 1 / one.period, "energy": one.energy}[quantity]
        np.testing.assert_allclose(row.drive, I, rtol=1e-9)
        np.testing.assert_allclose(row[quantity], want, rtol=1e-6)
    assert json.loads((tmp_path / "out/sweep.json").read_text())["without_a_cycle"] == {}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('quantity = "colour"', '"window", "margin"'),
        ('quantity = "frequency"\nat = { window = 2 }', "between 0 and 1"),
        ('quantity = "frequency"\nat = { V = 2 }', "at has no 'V'; there are window, threshold, I"),
        ('quantity = "frequency"\nat = 0.5', "write at = {window = 0.5}"),
        ("u_range = [1, 0]", "u_range wants [low, high]"),
        ("at = { window = 0.5 }", "at says where a cycle is taken"),
    ],
)
def test_what_makes_no_sense_is_said(line, words, tmp_path):
    ran = run(tmp_path, f"{line}\n{SPEC.format(n=3)}")
    assert ran.exit_code == 2 and words in " ".join(ran.output.split()), ran.output
    assert not (tmp_path / "out").exists() and not (tmp_path / "out.zarr").exists()


def test_a_sweep_looks_where_it_is_told(tmp_path):
    everywhere, far = tmp_path / "all", tmp_path / "far"
    for path, line in ((everywhere, ""), (far, "u_range = [0.0, 0.1]")):
        path.mkdir()
        ran = run(path, f"{line}\n{SPEC.format(n=4)}", "--quantity", "margin")
        assert ran.exit_code == 0, ran.output
    # So far below the threshold voltage there is no loop gain, and nothing oscillates.
    assert (arrays(everywhere / "out").margin < 0).any()
    assert (arrays(far / "out").margin > 0).all()
    assert (arrays(far / "out").margin_u <= 0.1).all()


def command(folder, *options):
    """The command in a process of its own: jobs do not know the checks that tests put in."""
    words = [sys.executable, "-m", "jaxmem", "sweep", "spec.toml", "--out", "out", *options]
    return subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True)


def workers(folder):
    """The processes of the jobs whose records lie in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words and "submitit.core._submit" in words:
            found.append(int(process.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for its jobs in /proc")
def test_jobs_of_a_cluster_of_which_one_is_killed(tmp_path):
    """By submitit's executor of local processes; a folder of its own holds what they said."""
    pytest.importorskip("submitit")
    (tmp_path / "spec.toml").write_text(SPEC.format(n=700))
    jm.write_device(tmp_path / "device.toml", jm.si_device())
    whole = command(tmp_path)
    said = whole.communicate()[1]
    assert whole.returncode == 0, said
    want = arrays(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    jobs = "--executor", "local", "--jobs", "2"
    first = command(tmp_path, *jobs)
    store = tmp_path / "out.zarr"
    while not (store.exists() and open_sweep(store).attrs["tiles_done"]):
        assert first.poll() is None
        time.sleep(0.02)
    os.kill(workers(tmp_path / "out.jobs")[0], signal.SIGKILL)
    about = open_sweep(store).attrs
    assert 0 < about["tiles_done"] < about["tiles"]
    said = first.communicate()[1]
    assert first.returncode == 1 and "1 of 2 jobs failed" in said and "--resume" in said, said
    second = command(tmp_path, *jobs, "--resume")
    said = second.communicate()[1]
    assert second.returncode == 0, said
    found = arrays(tmp_path / "out")
    for name in want:
        np.testing.assert_array_equal(found[name], want[name])


def test_another_executor_is_refused(tmp_path):
    none = run(tmp_path, SPEC.format(n=9), "--executor", "cloud")
    assert none.exit_code == 2
