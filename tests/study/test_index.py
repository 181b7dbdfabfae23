"""Some of the spectra of a file, chosen by their place, and what they are called."""

from pathlib import Path

import numpy as np
import pytest

from fitting.readers import ReadError
from fitting.study.loading import load_terms
from fitting.study.spec import Entry, Spec, SpecError
from fitting.study.spec_file import read_spec, spec_to_toml
from jaxmem.apps.arguments import file_and_own, specification_of

FREQ = np.geomspace(1e5, 1, 20)
# Each spectrum has another resistance at low frequencies, so that none is taken for another.
R = np.array([100.0, 200.0, 300.0, 400.0, 500.0])
Z = 10 + R / (1 + 2j * np.pi * FREQ[:, None] * 1e-4)


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "cell 0.7V.npz"
    np.savez(path, freq=FREQ, Z=Z)
    return path


@pytest.fixture
def stacked(tmp_path):
    """Five sweeps one below the other, without a column that tells them apart."""
    path = tmp_path / "stack.csv"
    rows = [
        f"{f:.9g},{z.real:.9g},{z.imag:.9g}"
        for k in range(5)
        for f, z in zip(FREQ, Z[:, k], strict=True)
    ]
    path.write_text("\n".join(["freq_Hz,Re_Z_ohm,Im_Z_ohm", *rows]))
    return path


def resistances(spec):
    """The names of the spectra that are fitted, and their resistances."""
    fitted = load_terms(spec).terms
    return [s.name for s in fitted], [round(float(np.real(s.Z[-1]))) - 10 for s in fitted]


@pytest.mark.parametrize("kind", ["archive", "stacked"])
def test_spectra_of_a_file_are_named_and_chosen_by_their_place(kind, request):
    path = request.getfixturevalue(kind)
    every = resistances(specification_of([path], [], {}))
    assert every == ([f"{path.stem}[{k}]" for k in range(5)], R.tolist())
    one = resistances(specification_of([Path(f"{path}:index=3")], [], {}))
    assert one == ([f"{path.stem}[3]"], [400])
    some = specification_of([Path(f"{path}:index=4,0,2,max-freq=1e4")], [], {})
    assert resistances(some) == ([f"{path.stem}[{k}]" for k in (4, 0, 2)], [500, 100, 300])
    assert max(load_terms(some).terms[0].freq) < 1.01e4
    # The bias in the name of a file is of all its spectra or of none of them.
    assert load_terms(some).terms[0].bias[0] is None


def test_a_list_of_biases_is_dealt_to_the_chosen(archive):
    files = [Path(f"{archive}:index=1,2"), Path(f"{archive}:index=4")]
    spec = specification_of(files, [], {"bias": (0.5, 0.6, 0.9)})
    assert [s.V for s in load_terms(spec).terms] == [0.5, 0.6, 0.9]
    with pytest.raises(SpecError, match="2 numbers, and the files have 3 spectra"):
        specification_of(files, [], {"bias": (0.5, 0.6)})


def test_a_place_that_is_not_there_is_refused(archive, stacked, tmp_path):
    for path in (archive, stacked):
        with pytest.raises(ReadError, match="none at index 5; the file holds 5 spectra, 0 to 4"):
            specification_of([Path(f"{path}:index=0,5")], [], {})
    with pytest.raises(ReadError, match="none at index 7"):
        load_terms(Spec.of({}, [Entry("spectra", archive, {"index": 7})]))
    for text in ("-1", "x", "1.5", "0,0", "0,x"):
        with pytest.raises(SpecError, match="index is a whole number from 0, or a list"):
            file_and_own(f"{archive}:index={text}")
    single = tmp_path / "one.npz"
    np.savez(single, freq=FREQ, Z=Z[:, 0])
    assert resistances(specification_of([Path(f"{single}:index=0")], [], {})) == (["one"], [100])
    with pytest.raises(ReadError, match="the file holds one, which is at 0"):
        specification_of([Path(f"{single}:index=1")], [], {})


@pytest.mark.quick
def test_no_spectrum_counts_twice(archive):
    chosen = lambda *index: [Entry("spectra", archive, {"index": list(k)} if k else {})
                             for k in index]  # fmt: skip
    Spec.of({}, chosen([0, 1], [2, 3]))
    for twice in (chosen([0, 1], [1, 2]), chosen([0], ()), chosen((), [3])):
        with pytest.raises(SpecError, match="given twice"):
            Spec.of({}, twice)


def test_the_choice_is_kept_in_the_specification(archive, tmp_path):
    spec = specification_of([Path(f"{archive}:index=3,1")], [], {})
    (tmp_path / "fit.toml").write_text(spec_to_toml(spec, tmp_path))
    assert "index = [3, 1]" in (tmp_path / "fit.toml").read_text()
    assert resistances(read_spec(tmp_path / "fit.toml"))[1] == [400, 200]


def test_recordings_are_chosen_as_well(tmp_path):
    path = tmp_path / "loops.csv"
    V = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0, 20)])
    loop = lambda k: "".join(f"{t:g},{v:.6g},{k * v * 1e-6:.6g}\n" for t, v in enumerate(V))
    path.write_text("".join(f"t_s,V_V,I_A\n{loop(k)}" for k in (1, 2, 3)))
    every = load_terms(specification_of([path], [], {})).terms
    one, two = load_terms(specification_of([Path(f"{path}:index=2,0")], [], {})).terms
    assert [r.name for r in every] == ["loops[0]", "loops[1]", "loops[2]"]
    assert [one.name, two.name] == ["loops[2]", "loops[0]"]
    assert np.max(one.observed) == pytest.approx(3 * np.max(two.observed), rel=1e-4)
    with pytest.raises(ReadError, match="the file holds 3 recordings, 0 to 2"):
        specification_of([Path(f"{path}:index=3")], [], {})


def test_of_measured_spectra_three_are_taken(shared):
    path = shared / "data/perovskite_eis/pero_l300.npz"
    if not path.is_file():
        pytest.skip("measured spectra are not there")
    with np.load(path) as data:
        Re = data["Re"]
    spec = specification_of([Path(f"{path}:index=0,24,47")], [], {})
    terms = load_terms(spec).terms
    assert [s.name for s in terms] == [f"pero_l300[{k}]" for k in (0, 24, 47)]
    for s, k in zip(terms, (0, 24, 47), strict=True):
        np.testing.assert_array_equal(np.real(s.Z), Re[:, k])
