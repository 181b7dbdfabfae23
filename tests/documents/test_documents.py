"""What the documents name is there: files, folders, benchmarks; and the map is a map."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.quick

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / f"{name}.md" for name in ("README", "ARCHITECTURE", "CONTRIBUTING")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
ROOMS = r"`((?:jaxmem|fitting|tests|benchmarks|docs|notebooks)/[\w./]*)`"
# Made by running, or lent: not in the repository.
MADE = ("benchmarks/results/NAME.json",)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_what_is_named_is_there(document):
    text = document.read_text()
    links = re.findall(r"\]\(([\w./-]+\.md)\)", text)
    assert [link for link in links if not (document.parent / link).is_file()] == []
    paths = [path for path in re.findall(ROOMS, text) if path not in MADE]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    names = set(re.findall(r"python -m benchmarks (\w+)", text)) - {"NAME"}
    modules = {path.stem for path in (ROOT / "benchmarks").rglob("*.py")}
    assert names - modules == set()


def test_the_map_is_a_map():
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 100


def test_each_decision_is_in_the_index():
    index = (ROOT / "docs/decisions/README.md").read_text()
    pages = sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))
    assert re.findall(r"\]\((0.*?\.md)\)", index) == pages
