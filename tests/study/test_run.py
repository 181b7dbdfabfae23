"""Joint fits from files: one command, a specification that does it again, interruption, errors."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from listening import CtrlC, files_opened
from typer.testing import CliRunner

from benchmarks.problems import studies
from fitting import Recording, write_recording_csv, write_spectra_csv
from fitting.study.loading import load_terms
from fitting.study.run import run_study
from fitting.study.spec import Entry, Spec, SpecError
from fitting.study.spec_file import read_spec, spec_to_toml
from jaxmem.apps.arguments import specification_of
from jaxmem.apps.cli import app
from jaxmem.output.provenance import provenance_of

pytestmark = pytest.mark.usefixtures("not_rendered")

runner = CliRunner()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Spectra at three biases, two loops and a step of one synthetic device, in a folder."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng([41, 3])
    terms, device = studies.draw_study(rng)
    for k, s in enumerate(terms[:3]):
        write_spectra_csv(folder / f"eis{k}.csv", [s])
    for k, t in enumerate(terms[3:]):
        applied = np.asarray(t.drive.wave(t.t))
        V, I = (applied, t.observed) if t.observe == "I" else (t.observed, applied)
        write_recording_csv(folder / f"trace{k}.csv", Recording(t.t, V, I))
    names = [*(f"eis{k}.csv" for k in range(3)), *(f"trace{k}.csv" for k in range(3))]
    return SimpleNamespace(folder=folder, device=device, paths=[str(folder / n) for n in names])


@pytest.fixture(scope="module")
def fitted(files):
    """The folder that one command wrote."""
    out = files.folder / "out"
    known = f"R_s={float(files.device.R_s)}"
    options = ["--device", "3d", "--starts", "16", "--without", "lead", "--fix", known]
    done = runner.invoke(app, ["fit", *files.paths, *options, "--out", str(out)])
    assert done.exit_code == 0, done.output
    return out


@pytest.mark.slow
def test_one_command_fits_spectra_loops_and_a_step(files, fitted):
    record = json.loads((fitted / "fit.json").read_text())
    assert [t["kind"] for t in record["terms"]] == ["Spectrum"] * 3 + ["Trace"] * 3
    for row in record["parameters"]:
        truth = float(getattr(files.device, row["name"]))
        low, high = row["interval_68"]
        assert abs(row["value"] - truth) < 5 * (high - low), row["name"]
    assert "R_s" not in [row["name"] for row in record["parameters"]]
    for name in ("report.html", "device.toml", "data.csv", "samples.csv", "traces.png"):
        assert (fitted / name).stat().st_size > 100
    page = (fitted / "report.html").read_text()
    assert "runs test" in page and "3 spectra, 3 traces, one device" in page
    data = xr.load_dataset(fitted / "fit.nc", engine="scipy")
    assert data["trace_3_fit"].shape == data["trace_3_observed"].shape == (64,)
    np.testing.assert_allclose(data["trace_3_fit"], data["trace_3_observed"], atol=0.05 * float(
        abs(data["trace_3_observed"]).max()))  # fmt: skip
    assert not fitted.with_name("out.search.json").exists()


@pytest.mark.slow
def test_the_specification_gives_the_same_bits(files, fitted):
    again = files.folder / "elsewhere/again"
    done = runner.invoke(app, ["fit", str(fitted / "fit.toml"), "--out", str(again)])
    assert done.exit_code == 0, done.output
    assert (again / "device.toml").read_text() == (fitted / "device.toml").read_text()
    # From another folder the paths are other ones, and the rest is the same.
    assert read_spec(again / "fit.toml").starts == read_spec(fitted / "fit.toml").starts == 16
    one, two = (read_spec(f / "fit.toml").files for f in (again, fitted))
    assert [f.resolve() for f in one] == [f.resolve() for f in two]


@pytest.mark.slow
@pytest.mark.usefixtures("every_step")
def test_an_interrupted_fit_is_written_as_such_and_resumed(files, fitted):
    spec = read_spec(fitted / "fit.toml")
    out = files.folder / "part"
    outcome = run_study(spec, out, progress=CtrlC(lambda line: "step 2" in line))
    assert outcome.interrupted and not outcome.ok
    assert "interrupted" in json.loads((out / "fit.json").read_text())["result"]
    kept = out.with_name("part.search.json")
    assert kept.is_file()
    with pytest.raises(SpecError, match="other data or options"):
        run_study(read_spec(_changed(spec, files.folder)), out, resume=True, force=True)
    whole = run_study(spec, out, resume=True, force=True)
    assert whole.ok and not kept.exists()
    first = json.loads((fitted / "fit.json").read_text())
    assert whole.fits[0].bic == pytest.approx(first["bic"], abs=0.05)
    with pytest.raises(SpecError, match="nothing to resume"):
        run_study(spec, out, resume=True, force=True)


def _changed(spec, folder):
    text = (folder / "out/fit.toml").read_text().replace("seed = 0", "seed = 1")
    path = folder / "out/other.toml"
    path.write_text(text)
    return path


@pytest.mark.quick
@pytest.mark.parametrize(
    "text, message",
    [
        ("devise = '3d'", "no key 'devise'; did you mean device"),
        ("device = '3d'", "nothing to fit"),
        ("device = 3", "makes no sense"),
        ("device = '5d'\n[[spectra]]\nfile = 'eis0.csv'", "there are rc, 2d, 3d"),
        ("[[spectra]]\nbias = 1", "needs file"),
        ("[[trace]]\nfile = 'a.csv'\nspeed = 1", "no key 'speed'"),
        ("[[spectra]]\nfile = 'eis0.csv'\nsigma = {rel = 1}", "sigma is a number or a table"),
        ("ranges = {V_T = [2, 1]}\n[[spectra]]\nfile = 'eis0.csv'", "low < high"),
        ("starts = 0\n[[spectra]]\nfile = 'eis0.csv'", "starts must be at least 1"),
        ("[[prior]]\nparameter = 'R_s'", "needs parameter, mean"),
        ("device = ", "not TOML"),
    ],
)
def test_a_bad_specification_gets_one_sentence(files, text, message):
    path = files.folder / "bad.toml"
    path.write_text(text)
    done = runner.invoke(app, ["fit", str(path), "--out", str(files.folder / "none")])
    assert done.exit_code == 2 and message in done.output.replace("\n", " "), done.output
    assert not (files.folder / "none").exists()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--fix", "R_q=1"], "no parameter 'R_q'"),
        (["--fix", "R_s"], "wants NAME=NUMBER"),
        (["--device", "rc"], "need the paper's parameters"),
        (["--resume"], "nothing to resume"),
        (["--imposed", "W"], 'imposed is "current" or "voltage"'),
    ],
)
def test_bad_options_of_a_joint_fit_get_one_sentence(files, options, message):
    out = ["--out", str(files.folder / "none")]
    done = runner.invoke(app, ["fit", *files.paths[:1], files.paths[3], *options, *out])
    assert done.exit_code == 2 and message in done.output.replace("\n", " "), done.output


def test_each_file_is_opened_once_and_starts_are_those_of_a_hand_written_file(files, monkeypatch):
    opened = files_opened(monkeypatch)
    spec = specification_of([Path(p) for p in files.paths], [], {"device": "3d"})
    loaded = load_terms(spec)
    origin = provenance_of("", loaded.hashes)
    assert [opened.count(path) for path in files.paths] == [1] * 6
    assert [row["sha256"] for row in origin["data"]] == [
        hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in files.paths
    ]
    kinds = ["spectra"] * 3 + ["trace"] * 3
    text = "".join(f"[[{k}]]\nfile = '{p}'\n" for k, p in zip(kinds, files.paths, strict=True))
    by_hand = files.folder / "by_hand.toml"
    by_hand.write_text("device = '3d'\n" + text)
    assert read_spec(by_hand).number_of_starts == spec.number_of_starts == 64
    assert spec_to_toml(read_spec(by_hand), files.folder) == spec_to_toml(spec, files.folder)


def test_nothing_and_too_much_to_fit(files):
    done = runner.invoke(app, ["fit"])
    assert done.exit_code == 2 and "nothing to fit" in done.output
    written = files.folder / "other.toml"
    written.write_text("")
    done = runner.invoke(app, ["fit", str(written), files.paths[0]])
    assert done.exit_code == 2 and "one specification" in done.output


def test_a_steady_curve_may_be_short(tmp_path):
    path = tmp_path / "curve.csv"
    path.write_text("V (V),I (A)\n0.1,1e-6\n0.2,2.1e-6\n0.4,4.5e-6\n0.6,8e-6\n0.8,2e-5\n")
    curve = load_terms(Spec(entries=(Entry("curve", path),))).terms[0]
    np.testing.assert_array_equal(curve.given, [0.1, 0.2, 0.4, 0.6, 0.8])
    path.write_text("V (V),I (A)\n0.1,1e-6\n0.2,2.1e-6\n")
    with pytest.raises(ValueError, match="2 samples, and 3 are the least"):
        load_terms(Spec(entries=(Entry("curve", path),)))
