"""The pages of the site: what they say to type runs as it is pasted, and the reference has every
public name."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from jaxmem.apps.cli import app

DOCS = Path(__file__).parents[2] / "docs"
FENCED = re.compile(r"^```(.*)\n((?:(?!```).*\n)*)```$", re.MULTILINE)
# Pages with fits, cycles or maps take from half a minute to some minutes.
LONG = {
    "guides/experimentalist", "guides/theorist", "guides/designer", "how-to/sweep-on-a-cluster",
    "how-to/not-identifiable", "how-to/own-device", "command-line/spike", "command-line/design",
    "command-line/sweep", "command-line/fit", "command-line/export", "command-line/simulate",
    "command-line/reproduce", "command-line/next", "physics/identifiability", "physics/ring",
    "start",
}  # fmt: skip


def blocks(page):
    """The fenced blocks of a page, each its kind and its text."""
    return [(kind.strip(), text) for kind, text in FENCED.findall(page.read_text())]


def runs(page):
    return any(kind in ("python", "sh") for kind, _ in blocks(page))


# The seven examples, each by itself, are run by test_readme.py.
ELSEWHERE = ("decisions", "seven-examples.md")
PAGES = [p for p in sorted(DOCS.rglob("*.md")) if not set(ELSEWHERE) & set(p.parts) and runs(p)]


def name_of(page):
    return page.relative_to(DOCS).with_suffix("").as_posix()


def type_in(line):
    """One command of a page, its output into a file where it says so."""
    words = shlex.split(line)
    into = words[words.index(">") + 1] if ">" in words else None
    words = words[: words.index(">")] if into else words
    assert words[0] == "jaxmem", line
    ran = CliRunner().invoke(app, words[1:])
    assert ran.exit_code == 0, f"{line}\n{ran.output}"
    if into:
        Path(into).write_text(ran.stdout)


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=pytest.mark.slow if name_of(p) in LONG else ()) for p in PAGES],
    ids=name_of,
)
def test_page_runs_as_pasted(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    session = {}
    for kind, text in blocks(page):
        if kind == "python":
            exec(compile(text, f"{name_of(page)}.md", "exec"), session)
        elif kind == "sh":
            for line in text.splitlines():
                type_in(line)
        elif kind == "{code-block} toml":
            caption, body = text.split("\n", 1)
            Path(caption.removeprefix(":caption: ")).write_text(body)
    assert "nan" not in capsys.readouterr().out.lower().split()


@pytest.mark.quick
def test_long_pages_are_there():
    assert {name_of(page) for page in PAGES} >= LONG


@pytest.mark.quick
@pytest.mark.parametrize("package", ["jaxmem", "fitting"])
def test_the_reference_has_every_public_name_once(package):
    door = (DOCS.parent / package / "__init__.pyi").read_text()
    names = re.findall(r"^from \S+ import \w+ as (\w+)$", door, re.MULTILINE)
    text = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))
    written = re.findall(rf"^\.\. auto\w+:: {package}\.(\w+)$", text, re.MULTILINE)
    assert sorted(written) == sorted(names)


@pytest.mark.quick
def test_each_command_has_its_page():
    commands = {command.name for command in app.registered_commands}
    pages = {page.stem for page in (DOCS / "command-line").glob("*.md")} - {
        "index",
        "tour",
        "recipes",
    }
    assert pages == commands


@pytest.mark.quick
def test_docstrings_become_restructured_text(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS / "extensions"))
    from markdown_docstrings import in_rst, quantity_list

    import jaxmem as jm

    made = in_rst("Says `x_` and *y*.\n\n    a = b\n\n**Arguments:**\n- `u`: a `span\n  of` two\n")
    assert made == [
        "Says ``x_`` and \\*y\\*.", "", "::", "", "    a = b", "", "", "**Arguments:**", "",
        "- ``u``\\ : a ``span", "  of`` two", "",
    ]  # fmt: skip
    lines = quantity_list(jm.Leak)
    assert any(line.startswith("- ``R_b`` [ohm]: ") for line in lines)
    assert quantity_list(SimpleNamespace) == []


@pytest.mark.slow
@pytest.mark.parametrize("pictures", [0, 1])
def test_the_site_is_made_without_a_warning(pictures, tmp_path):
    """With the gallery's programs run, and without."""
    pytest.importorskip("sphinx_gallery")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D",
         f"plot_gallery={pictures}", "-d", str(tmp_path / "d"), str(DOCS), str(tmp_path / "html")],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    page = (tmp_path / "html/reference/responses.html").read_text()
    assert "jaxmem.operating_point" in page
