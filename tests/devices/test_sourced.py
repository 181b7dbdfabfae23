"""A device given as its file, as the folder of a fit, or as JSON."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxmem as jm
from fitting.designs.goals_file import read_goals
from jaxmem.apps.cli import app
from jaxmem.apps.oscillations.specification import read_sweep
from jaxmem.devices import device_to_toml, read_sourced

pytestmark = pytest.mark.usefixtures("not_rendered")
DEVICE = jm.si_device(C_m=3e-8)


@pytest.fixture
def fit(tmp_path):
    """A folder as `jaxmem fit` leaves it."""
    folder = tmp_path / "cell"
    folder.mkdir()
    jm.write_device(folder / "device.toml", DEVICE)
    record = {"describes": "yes", "parameters": [], "device": device_to_toml(DEVICE)}
    (folder / "fit.json").write_text(json.dumps(record))
    return folder


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def given(fit):
    return fit, fit / "fit.json", fit / "device.toml"


def same(device):
    return device_to_toml(device) == device_to_toml(DEVICE)


@pytest.mark.quick
def test_all_three_hold_the_device(fit):
    folder, record, alone = (read_sourced(source) for source in given(fit))
    assert same(folder.device) and same(record.device) and same(alone.device)
    assert folder.fit == record.fit == json.loads((fit / "fit.json").read_text())
    assert alone.fit is None and not (folder.edited or record.edited or alone.edited)
    assert [f.name for f in folder.files] == ["device.toml", "fit.json"]
    assert record.files == [fit / "fit.json"] and alone.files == [fit / "device.toml"]


@pytest.mark.quick
def test_a_device_that_was_changed_in_a_folder_is_taken_and_said_to_be(fit):
    jm.write_device(fit / "device.toml", jm.si_device(C_m=4e-8))
    folder = read_sourced(fit)
    assert folder.edited and float(folder.device.C_m) == 4e-8
    assert not read_sourced(fit / "fit.json").edited
    # A comment changes the text and not the device.
    text = device_to_toml(DEVICE)
    (fit / "device.toml").write_text(f"# mine\n{text}")
    assert not read_sourced(fit).edited


@pytest.mark.quick
def test_what_is_no_fits_folder_is_refused_with_what_to_give(fit, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: no device.toml; give a device as TOML, the fol"):
        read_sourced(tmp_path / "empty")
    (tmp_path / "fit.json").write_text(json.dumps({"spectra": []}))
    with pytest.raises(ValueError, match=r"several devices: give the folder of one, .*cell$"):
        read_sourced(tmp_path)
    with pytest.raises(ValueError, match=r"fit.json: this JSON holds no fitted device; give a d"):
        read_sourced(tmp_path / "fit.json")
    (fit / "fit.json").write_text("{")
    for source in (fit, fit / "fit.json"):
        with pytest.raises(ValueError, match=r"fit.json: this is no JSON"):
            read_sourced(source)
    with pytest.raises(ValueError, match=r"none\.json: there is no such file"):
        read_sourced(fit / "none.json")


@pytest.mark.quick
def test_files_that_name_a_device_name_any_of_the_three(fit, tmp_path):
    for source in given(fit):
        name = source.relative_to(tmp_path).as_posix()
        goals, sweep = tmp_path / "goals.toml", tmp_path / "map.toml"
        goals.write_text(f'device = "{name}"\n[[goal]]\nquantity = "threshold"\ntarget = 1e-4\n')
        sweep.write_text(f'device = "{name}"\n[[axis]]\nparameter = "C_m"\nlow = 1e-9\n'
                         "high = 1e-6\n")  # fmt: skip
        for asked in (read_goals(goals), read_sweep(sweep)):
            assert same(asked.device) and asked.device_file.is_file()


def test_simulate_and_export_take_a_fits_folder(fit, tmp_path):
    tables = []
    for k, source in enumerate(given(fit)):
        out = tmp_path / f"out{k}"
        ran = run("simulate", source, "--drive", "I = Step(3.3e-4)", "--until", "1e-3",
                  "--points", "50", "--out", out)  # fmt: skip
        assert ran.exit_code == 0, ran.output
        tables.append((out / "transient.csv").read_text())
    assert tables[0] == tables[1] == tables[2]
    # The numbers are those of this device, and not of the preset.
    u = np.genfromtxt(tmp_path / "out0" / "transient.csv", delimiter=",", names=True)["u_V"]
    assert u[1] == pytest.approx(3.3e-4 * (1e-3 / 49) / 3e-8, rel=0.1)
    ran = run("export", fit / "fit.json", "--format", "csv", "--out", tmp_path / "deck")
    assert ran.exit_code == 0, ran.output
    assert same(jm.read_device(tmp_path / "deck" / "device.toml"))


@pytest.mark.quick
def test_commands_refuse_a_folder_without_a_device(tmp_path):
    (tmp_path / "dev").mkdir()
    for command in (("spike",), ("simulate", "--drive", "I = Step(1e-4)"), ("export",),
                    ("next", "--budget", "1min")):  # fmt: skip
        ran = run(command[0], tmp_path / "dev", *command[1:], "--out", tmp_path / "out")
        words = " ".join(ran.output.split())
        assert ran.exit_code == 2 and "the folder of a fit of one device" in words, words
