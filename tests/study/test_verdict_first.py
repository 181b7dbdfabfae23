"""What stands before parameters where a model does not describe the data."""

import csv
import json

import numpy as np
import pytest

from benchmarks.problems import described
from fitting import MultiStart, element_model, fit, write_spectra_csv
from fitting.study import describing
from fitting.study.run import run_study
from fitting.study.setups import start_at
from fitting.study.spec import Entry, Spec
from jaxmem.output.reporter import Silent

pytestmark = pytest.mark.usefixtures("not_rendered")


def two_arcs(seed, count=1):
    rng = np.random.default_rng(seed)
    freq, Z, _ = described.draw("two arcs", np.random.default_rng(171))
    return [described.noisy(freq, Z * (1 + 0.01 * k), 0.003, rng) for k in range(count)]


@pytest.fixture
def small(monkeypatch):
    """One model to try beside the asked one, for the time."""
    monkeypatch.setattr(describing, "FAMILY", (("polarisation",),))


def spec_of(path, spectra, **said):
    write_spectra_csv(path, spectra)
    return Spec(entries=(Entry("spectra", path),), **said)


def test_a_rival_begins_at_the_fit_that_it_extends():
    (spectrum,) = two_arcs(1)
    two, three = (element_model(kind, spectrum=spectrum) for kind in ("2d", "3d"))
    found = fit(spectrum, two.model, two.space, starts=MultiStart(8, two.box), throw=False)
    z = start_at(found, three)
    begin = three.space.unpack(z, three.model)
    values = dict(zip(three.space.names(three.model), np.exp(z), strict=True))
    for name in found.names:
        assert abs(values[name]) == pytest.approx(abs(found[name]), rel=1e-12)
    (lag,) = set(values) - set(found.names)
    assert values[lag] == pytest.approx(three.box[lag][0])
    # The 3D model holds the 2D one: with a lag that short it is the same impedance, or nearly.
    ours, theirs = spectrum.impedance(begin), spectrum.impedance(found.model)
    np.testing.assert_allclose(ours, theirs, rtol=0.05)


def test_no_other_is_tried_where_that_is_asked(tmp_path):
    (spectrum,) = two_arcs(1)
    setup = element_model("2d", spectrum=spectrum)
    found = fit(spectrum, setup.model, setup.space, starts=MultiStart(0), throw=False)
    spec = spec_of(tmp_path / "cell.csv", [spectrum], alone=True)
    # Nothing was loaded: another model would have to be fitted to it.
    assert found.describes == "no"
    assert describing.describing_model(spec, None, [], found, Silent()) == []


@pytest.mark.usefixtures("small")
def test_the_verdict_comes_first_and_names_the_model_that_holds(tmp_path):
    outcome = run_study(spec_of(tmp_path / "cell.csv", two_arcs(1), starts=8), tmp_path / "out")
    first, second, *rest = outcome.lines
    assert first.startswith("The model does not describe the data: residual ")
    assert second.startswith("2D model with polarisation describes them")
    assert second.endswith("--device 2d --add polarisation") and "cell.csv" in second
    assert not any("simplify it" in line or "identifiable" in line for line in rest)
    record = json.loads((tmp_path / "out/fit.json").read_text())
    # What is decided where the model is off says so beside its value.
    careful = [row["name"] for row in record["origins"]["rows"] if row["doubtful"]]
    page = (tmp_path / "out/report.html").read_text()
    assert careful and page.count("decided where the residuals are") == len(careful)
    assert record["describes"] == "no" and record["description"] == [first]
    assert not any(row["identifiable"] for row in record["parameters"])
    assert not any("identifiable" in line for line in record["statements"])
    page = (tmp_path / "out/report.html").read_text()
    assert page.index("does not describe the data") < page.index("<h2>Parameters")
    assert "Where each parameter comes from" in page
    right = spec_of(tmp_path / "cell.csv", two_arcs(1), add=("polarisation",), starts=8)
    good = run_study(right, tmp_path / "good")
    assert good.lines[0].startswith("The model describes the data: residual ")
    assert json.loads((tmp_path / "good/fit.json").read_text())["describes"] == "yes"


@pytest.mark.parametrize("value, said", [(6e6, "6e+06"), (123456.75, "123456.75")])
def test_a_command_has_numbers_as_they_are_typed(tmp_path, value, said):
    spec = Spec(entries=(Entry("spectra", tmp_path / "a.csv", {"max_freq": value}),))
    assert describing.command_of(spec).endswith(f"--max-freq {said}")


def test_if_none_of_them_describes_the_data_there_is_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(describing, "FAMILY", (("cpe",),))
    outcome = run_study(spec_of(tmp_path / "cell.csv", two_arcs(1), starts=4), tmp_path / "out")
    assert outcome.lines[1].startswith("None of the others") and "--circuit" in outcome.lines[1]


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_series_of_a_wrong_model_has_no_trend(tmp_path):
    spec = spec_of(tmp_path / "series.csv", two_arcs(2, 9), starts=4)
    outcome = run_study(spec, tmp_path / "out")
    said = " ".join(outcome.lines)
    assert "does not describe the data of 9 of 9 spectra" in said
    assert "rises by" not in said and "no trend" not in said and "identifiable" not in said
    with (tmp_path / "out/summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["describes"] for row in rows] == ["no"] * 9
    assert all(row["g identifiable"] == "0" for row in rows)
    assert not (tmp_path / "out/trends.csv").exists()
