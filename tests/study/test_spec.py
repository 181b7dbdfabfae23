"""What a user may say of a fit is declared once, and all else follows from the declaration."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from fitting import Spectrum, write_spectra_csv
from fitting.models.setup import ADDITIONS
from fitting.models.setup import KINDS as CIRCUITS
from fitting.study.settings_page import settings_table
from fitting.study.spec import KINDS, MODELS, SETTINGS, Entry, Spec, SpecError
from fitting.study.spec_file import _spec, read_spec, spec_to_toml
from jaxmem.apps.cli import app
from jaxmem.settings import Biases, Places, Sigma, SpikeSigma, Units

# Of each type a value that it has, and values that it has not.
GOOD = {
    str: "a", bool: True, int: 60, float: 1.5, tuple[str, ...]: ["a", "b"],
    Mapping[str, float]: {"R_s": 1}, Mapping[str, tuple[float, float]]: {"R_s": [1, 2.5]},
    Sigma: {"relative": 0.01, "estimated": True}, SpikeSigma: [0.1, 0.2], Units: "t=ms",
    Biases: [0.5, 0.6],
    Places: [24, 0],
}  # fmt: skip
WRONG = {
    str: [1, True, ["a"], "", "a\0b"], bool: [1, "yes", "true"], int: [1.5, True, "1"],
    float: ["1", True, [1.0], 10**400], tuple[str, ...]: [1, [1], {"a": 1}, [""], "\0"],
    Mapping[str, float]: [1, {"R_s": "1"}, {"R_s": True}, {"R_s": math.nan}],
    Mapping[str, tuple[float, float]]: [
        {"R_s": 1}, {"R_s": [2, 1]}, {"R_s": [1, 2, 3]}, {"R_s": [1, math.inf]}
    ],
    Sigma: ["1", [0.1], {}, {"rel": 1}, {"estimated": 1}, True, {"relative": -0.1}, {"floor": 0}],
    Places: ["1", True, [], 0.5, -1, [0, -1], [3, 3], {"at": 1}],
    Biases: ["1", True, [], ["a"], [0.1, math.nan], {"V": 1}],
    SpikeSigma: ["1", ["a"], {"a": 1}, [], [0.1, -0.1]], Units: [1, True, {"t": 1}, ""],
}  # fmt: skip
# What each kind of entry must say, so that one more value may be wrong.
LEAST = {
    "spectra": {"file": "a.csv"}, "trace": {"file": "a.csv"}, "curve": {"file": "a.csv"},
    "spikes": {"I": 1e-4, "amplitude": 0.3, "threshold": 1e-4},
    "prior": {"parameter": "R_s", "mean": 1.0, "sd": 0.1},
}  # fmt: skip
DECLARED = [(None, s) for s in SETTINGS.values()]
DECLARED += [(kind, s) for kind, found in KINDS.items() for s in found.settings.values()]
NAMES = [f"{kind or 'fit'}-{s.name}" for kind, s in DECLARED]


def made(kind, name, value):
    """A specification in which one setting has a value; the value that it then has."""
    if kind is None:
        return getattr(Spec.of({name: value}), name)
    options = LEAST[kind] | {name: value}
    if name == "factor":
        options.pop("sd")
    return Entry(kind, None, options).options.get(name, value)


def a_value(s):
    if s.choices:
        return [s.choices[0]] if s.type is tuple[str, ...] else s.choices[0]
    special = {"device": "3d", "circuit": "R-p(R,C)", "area": "0.1cm2", "drop": ["50Hz", "#3"]}
    if s.name in special:
        return special[s.name]
    return s.choices[0] if s.choices else GOOD[s.type]


@pytest.mark.parametrize("kind, s", DECLARED, ids=NAMES)
def test_each_setting_takes_its_type_and_no_other(kind, s):
    made(kind, s.name, a_value(s))
    for value in WRONG[s.type]:
        with pytest.raises(SpecError, match=rf"{s.name} = .* makes no sense there: {s.name} is "):
            made(kind, s.name, value)


@pytest.mark.parametrize("kind, s", DECLARED, ids=NAMES)
def test_each_setting_keeps_to_its_range(kind, s):
    number = s.type in (int, float, Sigma, SpikeSigma)
    out_of_range = []
    if s.choices:
        out_of_range = [["none"]] if s.type is tuple[str, ...] else ["none"]
    elif number and s.low is not None:
        out_of_range = [s.type(s.low - 1)]
    elif number and s.above is not None:
        out_of_range = [s.above, s.above - 1.0]
    if s.high is not None:
        out_of_range.append(s.high + 1)
    if s.type is float:
        out_of_range += [float("nan")] + ([] if s.infinite else [float("inf")])
    for value in out_of_range:
        with pytest.raises(SpecError, match=rf"(^|: ){s.name} (is|must) .*got"):
            made(kind, s.name, value)
    assert s.choices or s.type is not int or out_of_range, "every whole number has a least value"


@pytest.mark.parametrize("kind, s", DECLARED, ids=NAMES)
def test_each_setting_survives_its_file(kind, s, tmp_path):
    data = Entry("spectra", tmp_path / "a.csv")
    only = dict([s.only]) if s.only else {}
    if kind is None:
        spec = Spec.of({s.name: a_value(s)} | only, [data])
    elif s.name == "file":
        spec = Spec(entries=(data,))
    else:
        options = {k: v for k, v in LEAST[kind].items() if k != "file"} | {s.name: a_value(s)}
        if s.name == "factor":
            options.pop("sd")
        file = tmp_path / "b.csv" if "file" in LEAST[kind] else None
        spec = Spec(entries=(data, Entry(kind, file, options)))
    (tmp_path / "fit.toml").write_text(spec_to_toml(spec, tmp_path))
    back = read_spec(tmp_path / "fit.toml")
    assert back.entries == spec.entries
    assert all(
        getattr(back, n) == getattr(spec, n)
        for n in SETTINGS
        # Of spectra alone nothing is thinned, and the file does not say it.
        if n not in ("starts", "together", "thin")
    )
    assert back.number_of_starts == spec.number_of_starts and back.one_device == spec.one_device


def test_what_a_file_says_wrongly_is_said_with_the_file(tmp_path):
    path = tmp_path / "fit.toml"
    path.write_text("[[trace]]\nfile = 'a.csv'\nrate = -1")
    with pytest.raises(SpecError, match=r"fit\.toml: \[\[trace\]\] of a\.csv: rate must be posi"):
        read_spec(path)


# Each was a full report, or "unexpected ... This is a bug", or memory eaten, once.
SAID = {
    "bias = true\n[[spectra]]": "no key 'bias' there; it is a key of [[spectra]]",
    "[[spectra]]\nbias = true": "bias = True makes no sense there: bias is a number",
    "[[spectra]]\nbias = 1e9": "bias must be at most 10,000, got",
    "[[spectra]]\nV = [0.5, -1e9]": "V must be at least -10000, got",
    'area = "1e12cm2"\n[[spectra]]': "area: 1e12cm2 is no electrode",
    '[[spectra]]\nbias = "0.8V"': "bias = '0.8V' makes no sense there: bias is a number",
    "[[spectra]]\nsigma = [0.1]": "sigma = [0.1] makes no sense there",
    "[[spectra]]\nu = 1\nV = 1": "u and V say the same",
    "[[trace]]\nrate = 1\nfreq = 1": "rate and freq say the same",
    "[[trace]]\nunits = 'I=kg'": "[[trace]] of data.csv: units must name t, V or I",
    "circuit = 'none.toml'\n[[spectra]]": "circuit: none.toml: there is no such file",
    "circuit = ''\n[[spectra]]": "circuit is a text that is not empty",
    "[[trace]]\nmax_freq = 1": "no key 'max_freq' there; it is a key of [[spectra]]",
    "steps = 0\n[[spectra]]": "steps must be at least 1, got 0",
    "starts = 1000000000\n[[spectra]]": "starts must be at most 100,000, got 1000000000",
    "seed = -1\n[[spectra]]": "seed must be at least 0",
    "fixed = {C_m = nan}\n[[spectra]]": "makes no sense there: fixed is a table",
    "ranges = {C_m = [1, 2]}\nfixed = {C_m = 1}\n[[spectra]]": "C_m stands in fixed and in ranges",
    "[[prior]]\nparameter = 'C_m'\nmean = 1\n[[spectra]]": "needs one of sd, factor",
    "[[spikes]]\nI = 1e-4\n[[spectra]]": "needs one of frequency, amplitude, threshold",
    "[[spikes]]\namplitude = 1\n[[spectra]]": "needs I, the current",
    "seed = " + "1" * 5000 + "\n[[spectra]]": "this is not TOML",
    "add = " + "[" * 5000: "this is not TOML",
    "spectra = 1\n[[trace]]": "write [[spectra]] and its keys below",
    "[[spectra]]\nfile = 'data.csv'\n[[spectra]]": "data.csv is given twice",
}  # fmt: skip


@pytest.mark.parametrize("text, message", SAID.items(), ids=range(len(SAID)))
def test_what_makes_no_sense_is_one_sentence_with_file_and_key(text, message, tmp_path):
    path = tmp_path / "fit.toml"
    path.write_text(f"{text}\nfile = 'data.csv'\n")
    with pytest.raises(SpecError) as raised:
        read_spec(path)
    said = str(raised.value)
    assert said.startswith(f"{path}: ") and message in said and "\n" not in said
    assert len(said) < len(str(path)) + 250


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats() | st.dates()
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["2d", "lm", "rest", "cpe", "all", 0, 1, 0.5, 1e-9]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["C_m", "relative", "estimated", "t"]), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=400)
@given(st.sampled_from(DECLARED), ANY)
def test_any_value_of_any_setting_is_taken_as_it_is_or_refused(which, value):
    kind, s = which
    table = {"file": "data.csv"} if kind is None else dict(LEAST[kind])
    if s.name == "factor":
        table.pop("sd")
    text = {s.name: value} | {"spectra": [table]} if kind is None else {kind: [table]}
    if kind is not None:
        table[s.name] = value
    if kind in ("spikes", "prior"):
        text["spectra"] = [{"file": "data.csv"}]
    try:
        spec = _spec(Path("."), text)
    except SpecError as error:
        assert s.name in str(error) or s.name == "device"
        assert "\n" not in str(error).replace(str(value), "") and len(str(error)) < 400
        return
    taken = getattr(spec, s.name) if kind is None else spec.entries[0].options.get(s.name)
    if s.name == "file":
        assert isinstance(value, str) and spec.entries[0].file == Path(value)
    elif isinstance(value, bool | int | float):
        # A number stays what it is, and within its range; only a switch takes true.
        assert float(taken) == float(value) and isinstance(value, bool) == (s.type is bool)
        assert s.low is None or value >= s.low
        assert s.high is None or value <= s.high
        assert s.above is None or value > s.above
        assert math.isfinite(value) or s.infinite
    elif isinstance(value, str):
        assert taken in (value, (value,)) and value.strip()
        assert not s.choices or value in s.choices
    elif isinstance(value, list) and s.type in (Biases, SpikeSigma):
        assert list(taken) == list(map(float, value))
    elif isinstance(value, list):
        assert list(taken) == list(dict.fromkeys(value)) and len(value) == len(list(value))
    else:
        assert isinstance(value, dict) and set(taken) == set(value)


# What a model says of values, which a file does not know.
VALUES = {
    "fixed = {C_m = -1e-8}": "fixed: C_m = -1e-08 F is not allowed; C_m",
    "fixed = {C_m = 0}": "C_m = 0 leaves the voltage without dynamics",
    "fixed = {C_x = 1}": "fixed: no parameter 'C_x'; there are R_b",
    "ranges = {C_m = [-2, -1]}": "ranges: C_m = -2 F is not allowed; C_m",
    "fixed = {R_a = 1e4}": "R_a is 1/g, and L_d is tau_d/g",
    "add = 'cpe'\nfixed = {n = 1.5}": "fixed: n = 1.5 is not allowed; n",
    "without = ['series']\nfixed = {R_s = 5}": "series leaves out R_s, and fixed or ranges",
    "ranges = {R_b = [0, 1]}": "is positive",
    "fixed = {R_b = 1, C_m = 1e-8, g = 1e-4, tau_d = 1, R_s = 1, L_s = 0}": "leave one free",
    "solver = 'descent'\noptimiser = 'adamm'": "did you mean adam",
    "bootstrap = 3": "a bootstrap of 3 says nothing",
    "profile = 'R_q'": "no profile of R_q",
}


@pytest.mark.parametrize("text, message", VALUES.items())
def test_values_that_a_model_cannot_have_are_refused_before_the_fit(text, message, tmp_path):
    freq = np.geomspace(1, 1e5, 20)
    Z = 100 + 1 / (1e-8 * 2j * np.pi * freq + 1e-5)
    write_spectra_csv(tmp_path / "a.csv", [Spectrum(freq, Z)])
    path = tmp_path / "fit.toml"
    path.write_text(f"{text}\n[[spectra]]\nfile = 'a.csv'\n")
    done = CliRunner().invoke(app, ["fit", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2 and message in done.output.replace("\n", " "), done.output
    assert f"jaxmem: {path}: " in done.output and "This is a bug" not in done.output
    assert not (tmp_path / "out").exists()


def test_the_choices_are_those_of_the_models():
    assert SETTINGS["add"].choices == ADDITIONS and MODELS == CIRCUITS


def test_the_command_line_and_its_documentation_have_every_option(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = CliRunner().invoke(app, ["fit", "--help"]).output
    table = settings_table()
    for kind, s in DECLARED:
        assert f"| `{s.name}` |" in table and s.help in table
        if s.option:
            assert f"--{s.option} " in shown and f"`--{s.option}`" in table, (kind, s.name)


def test_starts_depend_on_what_is_fitted():
    spectra, trace = Entry("spectra", Path("a.csv")), Entry("trace", Path("b.csv"))
    curve, spikes = Entry("curve", Path("c.csv")), Entry("spikes", None, {"threshold": 1e-4})
    assert Spec(entries=(spectra,)).number_of_starts == 24
    assert Spec(entries=(spectra, curve)).number_of_starts == 24
    assert Spec(entries=(spectra, trace)).number_of_starts == 64
    assert Spec(entries=(spectra, spikes)).number_of_starts == 64
    assert Spec(entries=(trace,), starts=3).number_of_starts == 3
