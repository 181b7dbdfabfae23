"""The command line: what it writes, what it refuses, and that it takes nothing of the user's."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import jaxmem as jm
from fitting.examples import FOLDER
from jaxmem.apps.cli import app
from jaxmem.output.provenance import command_line

pytestmark = pytest.mark.usefixtures("no_other_models", "not_rendered")
THREE = str(FOLDER / "three_biases.csv")


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.quick
def test_help_does_not_wait_for_jax():
    code = (
        "import sys; sys.argv = ['jaxmem', 'fit', '--help']\n"
        "from jaxmem.apps.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('JAX' if 'jax' in sys.modules or 'matplotlib' in sys.modules else 'light')"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stdout.rstrip().endswith("light"), ran.stdout + ran.stderr
    assert "--max-freq" in ran.stdout


@pytest.mark.quick
def test_the_package_runs_as_the_command_does():
    ran = subprocess.run(
        [sys.executable, "-m", "jaxmem", "fit", "none.csv"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 2 and ran.stderr.startswith("jaxmem: none.csv: there is no such file")


@pytest.mark.quick
def test_the_record_names_the_command_that_was_typed(monkeypatch):
    for typed, kept in (("/venv/bin/jaxmem", "jaxmem"), ("jaxmem/__main__.py", "python -m jaxmem")):
        monkeypatch.setattr(sys, "argv", [typed, "fit", "a b.csv"])
        assert command_line() == f"{kept} fit 'a b.csv'"


def test_a_folder_of_the_users_is_never_replaced(inductor, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years")
    ran = run("fit", inductor, "--out", mine, "--force")
    assert ran.exit_code == 2 and "did not write" in ran.output
    assert [p.name for p in tmp_path.rglob("*")] == ["mine", "thesis.tex"]
    ran = run("fit", inductor, "--out", mine / "thesis.tex")
    assert ran.exit_code == 2 and "this is a file" in ran.output


GOOD = "freq_Hz,Re,Im\n" + "".join(f"{10.0**k},{5 - k},{-k}\n" for k in range(5))
BAD_FILES = {
    "empty.csv": ("", "empty"),
    "words.csv": ("hello world\nthis is no spectrum\n", ""),
    "semicolon.csv": ("f|Re|Im\n1|2|3\n2|3|4\n3|4|5\n4|5|6\n", ""),
    "nan.csv": (GOOD + "1e6,nan,-1\n", "line 7"),
    "one_column.csv": ("1\n2\n3\n4\n5\n", "column"),
    "zero.csv": (GOOD.replace("1.0,5,0", "0.0,5,0"), "line 2"),
    "negative.csv": (GOOD.replace("1.0,5,0", "-1.0,5,0"), "line 2"),
    "three.csv": ("freq_Hz,Re,Im\n1,2,-3\n2,3,-4\n3,4,-5\n", "3"),
    "truncated.npz": (b"PK\x03\x04 cut off", ""),
    "noise.bin": (bytes(range(256)) * 20, ""),
}


@pytest.mark.parametrize("name", [*BAD_FILES, "none.csv", "folder"])
def test_bad_files_get_one_sentence(name, tmp_path):
    path = tmp_path / name
    text, word = BAD_FILES.get(name, ("", ""))
    if name == "folder":
        path.mkdir()
    elif name != "none.csv":
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = sorted(p.name for p in tmp_path.rglob("*"))
    ran = run("fit", path, "--out", tmp_path / "out")
    assert ran.exit_code == 2, ran.output
    lines = [line for line in ran.output.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith(f"jaxmem: {path}"), ran.output
    assert (
        word in lines[0] and "Traceback" not in ran.output and len(lines[0]) > len(str(path)) + 25
    )
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


BAD_OPTIONS = [
    (("--add", "capacitor"), "cpe"),
    (("--without", "wires"), "lead"),
    (("--device", "4d"), "rc, 2d, 3d"),
    (("--min-freq", "1e9"), "frequencies"),
    (("--min-freq", "10", "--max-freq", "1"), "no frequencies"),
    (("--starts", "0"), "starts"),
    (("--together",), "without a bias"),
    (("--together", "--bias", "0.8", "--device", "rc"), "R-C"),
    (("--solver", "descent", "--optimiser", "adamm"), "did you mean adam"),
    (("--solver", "descent", "--optimiser", "sgd(x=1)"), "optax says"),
    (("--solver", "descent", "--schedule", "chain"), "schedule"),
    (("--solver", "descent", "--rate", "0"), "positive"),
    (("--bias", "nan"), "finite"),
]


@pytest.mark.quick
@pytest.mark.parametrize("options, word", BAD_OPTIONS)
def test_bad_options_get_one_sentence(options, word, inductor, tmp_path):
    ran = run("fit", inductor, *options, "--out", tmp_path / "out")
    assert ran.exit_code == 2, ran.output
    assert word in ran.output and "This is a bug" not in ran.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.quick
@pytest.mark.parametrize("command", ["fit", "simulate", "spike", "sweep"])
def test_no_command_runs_what_a_device_file_names_unless_told(command, tmp_path, monkeypatch):
    ran_marker = tmp_path / "was_run"
    (tmp_path / f"of_{command}.py").write_text(f"open({str(ran_marker)!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(tmp_path)
    device = tmp_path / "device.toml"
    device.write_text(
        f'kind = "Device"\nC_m = 1e-8\n[branches.a]\nkind = "of_{command}:Mine"\nR_b = 1e4\n'
    )
    (tmp_path / "sweep.toml").write_text('device = "device.toml"\n[[axis]]\nparameter = "C_m"\n')
    arguments = {
        "fit": (THREE, "--device", device),
        "simulate": (device, "--drive", "I = 1"),
        "spike": (device,),
        "sweep": (tmp_path / "sweep.toml",),
    }[command]
    refused = run(command, *arguments, "--out", tmp_path / "out")
    assert refused.exit_code == 2 and "--allow-import" in refused.output, refused.output
    assert not ran_marker.exists()
    # With leave it is run, and has no such class.
    ran = run(command, *arguments, "--out", tmp_path / "out", "--allow-import")
    assert ran.exit_code == 2 and "cannot be imported" in ran.output, ran.output
    assert ran_marker.exists()


@pytest.mark.quick
def test_an_option_that_would_do_nothing_is_refused(inductor, tmp_path):
    loop = tmp_path / "loop.csv"
    loop.write_text("t,V,I\n" + "".join(f"{k},{k % 9},{k % 7}\n" for k in range(40)))
    for option, value, file, words in (
        ("--loop-freq", 5, inductor, "for loops, steps and pulses, and there are only spectra"),
        ("--units", "I=uA", inductor, "for loops, steps and pulses and steady curves, and"),
        ("--bias", 0.5, loop, "for spectra, and there are only loops, steps and pulses (loop.csv)"),
        ("--drop", "50Hz", loop, "for spectra"),
    ):
        ran = run("fit", file, option, value, "--out", tmp_path / "out")
        assert ran.exit_code == 2 and words in ran.output.replace("\n", " "), ran.output
    ran = run("fit", f"{inductor}:V=1,V=2", "--out", tmp_path / "out")
    assert ran.exit_code == 2 and "V is given twice" in ran.output


@pytest.mark.usefixtures("rendered")
def test_simulate(tmp_path):
    made = run("device", "si")
    device = tmp_path / "device.toml"
    device.write_text(made.stdout)
    out = tmp_path / "out"
    ran = run("simulate", device, "--drive", "I = Step(3.3e-4)", "--until", 0.02, "--out", out,
              "--points", 201)  # fmt: skip
    assert ran.exit_code == 0, ran.output
    data = np.genfromtxt(out / "transient.csv", delimiter=",", names=True, encoding="utf-8")
    run_here = jm.solve(
        jm.Circuit(jm.si_device(), jm.CurrentDrive(jm.Step(3.3e-4))), np.linspace(0, 0.02, 201)
    )
    np.testing.assert_allclose(data["u_V"], run_here.u, rtol=1e-12, atol=1e-12)
    assert "conductionf_1" in data.dtype.names and data["conductionf_1"].max() > 0.5
    assert (out / "transient.png").stat().st_size > 10_000
    assert jm.device_to_toml(jm.read_device(out / "device.toml")) == made.stdout
    record = json.loads((out / "simulation.json").read_text())
    assert record["extrema"]["u"]["max"] == data["u_V"].max()


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("none.toml", "--drive", "I = 1"), "no such file"),
        (("device.toml", "--drive", "I = Stp(1)"), "did you mean Step"),
        (("device.toml", "--drive", "I = 1", "--until", "-3"), "end time"),
        (("device.toml", "--drive", "I = 1", "--points", "1"), "points"),
        (("device.toml", "--drive", "I = 1", "--points", "99999999999"), "2 to 1,000,000"),
        (("device.toml", "--drive", "I = 1", "--rtol", "0"), "rtol"),
        (("device.toml", "--drive", "I = PulseTrain(1, 1, 2, count=1000000000)"), "1 to 20,000"),
        (("bad.toml", "--drive", "I = 1"), "did you mean tau_d"),
    ],
)
def test_simulate_refuses(arguments, word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("device.toml").write_text(run("device", "paper-3d").stdout)
    Path("bad.toml").write_text('kind = "Memristor2D"\ntau_x = 1\n')
    ran = run("simulate", *arguments, "--out", "out")
    assert ran.exit_code == 2 and word in ran.output, ran.output
    assert len(ran.output.strip().splitlines()) == 1 and not Path("out").exists()


def test_an_interrupt_before_anything_is_done_leaves_nothing(inductor, tmp_path, monkeypatch):
    import fitting.study.run

    def stop(*arguments, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(fitting.study.run, "fit", stop)
    ran = run("fit", inductor, "--device", "rc", "--out", tmp_path / "out")
    assert ran.exit_code == 130 and "nothing was written" in ran.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("mathtext"), MemoryError])
def test_numbers_are_there_whatever_becomes_of_the_figures(inductor, tmp_path, monkeypatch, error):
    def broken(*arguments, **more):
        assert (tmp_path / "out/fit.json").is_file() and (tmp_path / "out/data.csv").is_file()
        raise error

    monkeypatch.setattr("jaxmem.plots.figure_files.save", broken)
    ran = run("fit", inductor, "--device", "rc", "--out", tmp_path / "out")
    words = "was interrupted" if error is KeyboardInterrupt else "could not be drawn"
    assert ran.exit_code == 0 and words in ran.output, ran.output
    assert words in (tmp_path / "out/report.html").read_text()
    assert json.loads((tmp_path / "out/fit.json").read_text())["parameters"]


def test_an_edited_specification_is_not_lost(inductor, tmp_path):
    out = tmp_path / "out"
    assert run("fit", inductor, "--device", "rc", "--out", out).exit_code == 0
    edited = (out / "fit.toml").read_text() + "# my own thoughts\n"
    (out / "fit.toml").write_text(edited)
    ran = run("fit", out / "fit.toml", "--out", out, "--force")
    assert ran.exit_code == 0 and "fit.toml was edited since it was written" in ran.output
    assert (out / "fit.edited.toml").read_text() == edited
    assert "thoughts" not in (out / "fit.toml").read_text()


def test_a_bug_is_no_traceback(inductor, tmp_path, monkeypatch):
    import fitting.study.run

    def broken(*arguments, **more):
        raise TypeError("something inside")

    monkeypatch.setattr(fitting.study.run, "write_fit", broken)
    ran = run("fit", inductor, "--device", "rc", "--out", tmp_path / "out")
    assert ran.exit_code == 1 and "unexpected TypeError: something inside" in ran.output
    assert "Traceback" not in ran.output
    # The numbers were on disk before.
    assert (tmp_path / "out/fit.json").exists() and not (tmp_path / "out/report.html").exists()


def test_the_wheel_holds_templates_and_example(tmp_path):
    """What an installed package needs besides its modules."""
    build = pytest.importorskip("hatchling.build")
    import os

    root = Path(__file__).parents[2]
    here = os.getcwd()
    os.chdir(root)
    try:
        wheel = build.build_wheel(str(tmp_path))
    finally:
        os.chdir(here)
    names = zipfile.ZipFile(tmp_path / wheel).namelist()
    for needed in (
        "jaxmem/__init__.pyi", "fitting/report/templates/fit.html",
        "fitting/report/templates/series.html",
        "jaxmem/output/templates/base.html", "jaxmem/apps/templates/spike.html",
        "fitting/examples/three_biases.csv",
    ):  # fmt: skip
        assert needed in names


@pytest.mark.slow
def test_a_command_leaves_drawing_to_a_second_process(tmp_path):
    code = (
        f"import sys; sys.argv = ['jaxmem', 'fit', {str(FOLDER / 'three_biases.csv')!r}, '--alone',"
        f" '--device', '2d', '--together', '--out', {str(tmp_path / 'fit')!r}]\n"
        "from jaxmem.apps.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'matplotlib' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert ran.stdout.rstrip().endswith("0 False"), ran.stdout + ran.stderr
    for name in ("spectra.png", "spectra.svg", "origins.png"):
        assert (tmp_path / "fit" / name).stat().st_size > 10_000
