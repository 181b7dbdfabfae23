"""Names in signatures lead to the page of what both packages offer under that name."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def offered(package):
    """The names of a package's door."""
    door = (ROOT / package / "__init__.pyi").read_text(encoding="utf-8")
    return re.findall(r"^from \S+ import \w+ as (\w+)$", door, re.MULTILINE)


def resolve(app, env, node, contnode):
    """A class of ours is looked for at the door, by its own name; others are no link.

    What a page writes as a function or a method must be there: that is left to Sphinx.
    """
    if node.get("refdomain") != "py" or node.get("reftype") not in ("class", "obj", "data", "exc"):
        return None
    target = node["reftarget"]
    name = target.rsplit(".", 1)[-1]
    home = "fitting" if target.startswith("fitting") else "jaxmem"
    domain = env.domains["py"]
    for package in dict.fromkeys((home, "jaxmem", "fitting")):
        full = f"{package}.{name}"
        if full in domain.objects and full != target and name in offered(package):
            made = domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", full, node, contnode
            )
            if made is not None:
                return made
    return contnode


def setup(app):
    """Told to Sphinx."""
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
