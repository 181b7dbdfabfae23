"""What a user may say of a fit is declared once, and all else follows from the declaration."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fitting.models.setup import ADDITIONS
from fitting.models.setup import KINDS as CIRCUITS
from fitting.study.spec import KINDS, MODELS, SETTINGS, Entry, Spec, SpecError, settings_table
from fitting.study.spec_file import read_spec, spec_to_toml
from jaxmem.apps.cli import app
from jaxmem.settings import Sigma, SpikeSigma, Units

# Of each type a value that it has, and values that it has not.
GOOD = {
    str: "a", bool: True, int: 30, float: 1.5, tuple[str, ...]: ["a", "b"],
    Mapping[str, float]: {"R_s": 1}, Mapping[str, tuple[float, float]]: {"R_s": [1, 2.5]},
    Sigma: {"relative": 0.01, "estimated": True}, SpikeSigma: [0.1, 0.2], Units: "t=ms",
}  # fmt: skip
WRONG = {
    str: [1, True, ["a"]], bool: [1, "yes", "true"], int: [1.5, True, "1"],
    float: ["1", True, [1.0]], tuple[str, ...]: [1, [1], {"a": 1}],
    Mapping[str, float]: [1, {"R_s": "1"}, {"R_s": True}],
    Mapping[str, tuple[float, float]]: [{"R_s": 1}, {"R_s": [2, 1]}, {"R_s": [1, 2, 3]}],
    Sigma: ["1", {}, {"rel": 1}, {"estimated": 1}, True], SpikeSigma: ["1", ["a"], {"a": 1}],
    Units: [1, True],
}  # fmt: skip
# What each kind of entry must say, so that one more value may be wrong.
LEAST = {
    "spectra": {"file": "a.csv"}, "trace": {"file": "a.csv"}, "curve": {"file": "a.csv"},
    "spikes": {}, "prior": {"parameter": "R_s", "mean": 1.0},
}  # fmt: skip
DECLARED = [(None, s) for s in SETTINGS.values()]
DECLARED += [(kind, s) for kind, found in KINDS.items() for s in found.settings.values()]
NAMES = [f"{kind or 'fit'}-{s.name}" for kind, s in DECLARED]


def made(kind, name, value):
    """A specification in which one setting has a value; the value that it then has."""
    if kind is None:
        return getattr(Spec.of({name: value}), name)
    options = LEAST[kind] | {name: value}
    return Entry(kind, None, options).options.get(name, value)


def a_value(s):
    if s.choices:
        return [s.choices[0]] if s.type is tuple[str, ...] else s.choices[0]
    if s.name == "device":
        return "3d"
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
    if s.type is float:
        out_of_range += [float("nan")] + ([] if s.infinite else [float("inf")])
    for value in out_of_range:
        with pytest.raises(SpecError, match=rf"^{s.name} (is|must) .*got"):
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
        file = tmp_path / "b.csv" if "file" in LEAST[kind] else None
        spec = Spec(entries=(data, Entry(kind, file, options)))
    (tmp_path / "fit.toml").write_text(spec_to_toml(spec, tmp_path))
    back = read_spec(tmp_path / "fit.toml")
    assert back.entries == spec.entries
    assert all(
        getattr(back, n) == getattr(spec, n) for n in SETTINGS if n not in ("starts", "together")
    )
    assert back.number_of_starts == spec.number_of_starts and back.one_device == spec.one_device


def test_what_a_file_says_wrongly_is_said_with_the_file(tmp_path):
    path = tmp_path / "fit.toml"
    path.write_text("[[trace]]\nfile = 'a.csv'\nrate = -1")
    with pytest.raises(SpecError, match=r"fit\.toml: rate must be positive, got -1"):
        read_spec(path)


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
