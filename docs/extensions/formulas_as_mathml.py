"""Formulas as MathML, made with the site: browsers draw it themselves, and no page loads a script
from elsewhere."""

import re

from latex2mathml.converter import convert

NUMBERED = re.compile(r"\\tag\{([^}]*)\}")


def inline(translator, node):
    """A formula in a line."""
    from docutils.nodes import SkipNode

    translator.body.append(convert(node.astext()))
    raise SkipNode


def block(translator, node):
    """A formula by itself, with its number if it has one."""
    from docutils.nodes import SkipNode

    number = node.get("number")
    said = f'<span class="eqno">({number})</span>' if number else ""
    formula = convert(_aligned(node.astext()), display="block")
    identity = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    translator.body.append(f'<div class="math"{identity}>{said}{formula}</div>\n')
    raise SkipNode


def _aligned(text):
    """Several lines want an environment of lines; the paper's number stands a little apart."""
    text = NUMBERED.sub(r"\\qquad\\text{(\1)}", text)
    several = r"\\" in text and r"\begin{" not in text
    return rf"\begin{{aligned}}{text}\end{{aligned}}" if several else text


def setup(app):
    """Told to Sphinx."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    app.connect("config-inited", lambda _, config: setattr(config, "html_math_renderer", "mathml"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
