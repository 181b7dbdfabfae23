"""`jaxmem sweep`: the map of oscillations against the cubic, and files that are refused."""

import csv
import json

import numpy as np
import pytest
import xarray as xr
from typer.testing import CliRunner

import jaxmem as jm
from benchmarks.oracles.hopf_cubic import cubic_roots
from jaxmem.apps.cli import app

NAMES = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
SPEC = """
device = "device.toml"
[[axis]]
parameter = "C_m"
low = 1e-9
high = 1e-5
points = 7
[[axis]]
parameter = "i_c0"
low = 1e-4
high = 1e-2
points = 6
"""


def run(folder, spec, *options):
    (folder / "spec.toml").write_text(spec)
    jm.write_device(folder / "device.toml", jm.si_device())
    arguments = ["sweep", folder / "spec.toml", "--out", folder / "out", *options]
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_each_point_is_what_the_cubic_says(tmp_path):
    ran = run(tmp_path, SPEC)
    assert ran.exit_code == 0, ran.output
    data = xr.load_dataset(tmp_path / "out/sweep.nc", engine="scipy")
    assert data.sizes == {"C_m": 7, "i_c0": 6} and data.drive_low.attrs["units"] == "A"
    base = {n: float(getattr(jm.si_device(), n)) for n in NAMES}
    open_ = 0
    for C_m in data.C_m.values:
        for i_c0 in data.i_c0.values:
            case = base | {"C_m": C_m, "i_c0": i_c0}
            f, row = cubic_roots(**case), data.sel(C_m=C_m, i_c0=i_c0)
            assert int(row.found) == f.size and (float(row.margin) < 0) == (f.size == 2)
            if not f.size:
                assert np.isnan(row.drive_low) and np.isnan(row.frequency_high)
                continue
            u = case["V_T"] + case["V_m"] * np.log(f / (1 - f))
            I = u / case["R_b"] + i_c0 * f
            np.testing.assert_allclose([row.drive_low, row.drive_high], I, rtol=1e-9)
            open_ += 1
    assert 5 < open_ < 40 and f"{100 * open_ / 42:.3g} % oscillate" in ran.output
    with (tmp_path / "out/sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 42 and sum(int(r["found"]) > 0 for r in rows) == open_
    record = json.loads((tmp_path / "out/sweep.json").read_text())
    assert record["axes"] == {"C_m": 7, "i_c0": 6}
    assert (tmp_path / "out/map.png").stat().st_size > 10_000
    again = run(tmp_path, SPEC)
    assert again.exit_code == 2 and "--force" in again.output


@pytest.mark.slow
def test_one_axis_and_a_voltage(tmp_path):
    start = 'device = "device.toml"\ndrive = "voltage"\n[[axis]]\nparameter = '
    ran = run(tmp_path, start + '"C_m"\nvalues = [1e-9, 1e-8]\n')
    assert ran.exit_code == 2 and "R_s" in ran.output  # the device has none, and no axis gives it
    ran = run(tmp_path, start + '"R_s"\nvalues = [1e3, 2e4, 1e5]\n')
    assert ran.exit_code == 0, ran.output
    data = xr.load_dataset(tmp_path / "out/sweep.nc", engine="scipy")
    assert data.found.values.tolist() == [0, 2, 2] and data.drive_low.attrs["units"] == "V"
    one = jm.hopf_points(jm.si_device(R_s=2e4), drive="voltage")
    np.testing.assert_allclose(data.drive_low[1], one.V[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('parameter = "C_m"', 'parameter = "C"'), "it has R_b"),
        (("low = 1e-9", "low = -1.0"), "must be positive"),
        (("low = 1e-9", 'low = "1e-9"'), "low is a number"),
        (("low = 1e-9", "low = true"), "low is a number"),
        (("low = 1e-9", "low = nan"), "low must be a finite number"),
        (("low = 1e-9\n", ""), "C_m needs low and high"),
        (("points = 7", "points = 7000000000"), "points must be at most 1,000,000"),
        (("points = ", "points = 10000"), "10,001,300,042 points, and 1,000,000,000 are the most"),
        (("low = 1e-9", "values = [1]"), "give values, or low"),
        (('parameter = "C_m"', ""), "[[axis]] 1: parameter is missing"),
        (("points = 7", "points = 1"), "at least 2"),
        (("points = 7", 'spacing = "square"'), '"log" or "linear"'),
        (("points = 7", "step = 7"), "no key 'step'"),
        (('device = "device.toml"', 'drive = "current"'), "device is missing"),
        (('device = "device.toml"', 'device = "no.toml"'), "no such file"),
        (('"device.toml"\n', '"device.toml"\ndrive = "light"\n'), "current"),
        (('"i_c0"', '"C_m"'), "same parameter"), ((SPEC[24:], ""), "no [[axis]]"),
        (("low", "low low"), "not TOML"),
    ],
)  # fmt: skip
def test_wrong_files_say_what_to_do(tmp_path, change, words):
    ran = run(tmp_path, SPEC.replace(*change))
    assert ran.exit_code == 2 and words in " ".join(ran.output.split()), ran.output
    assert not (tmp_path / "out").exists()
