"""Docstrings, which are Markdown, as the reStructuredText that autodoc reads; and the quantities
of a class, which its fields declare, as a list with units."""

import re

SPAN = re.compile(r"(`[^`]+`|\*\*[^*]+\*\*)")
ITEM = re.compile(r"\s*([-*]|\d+\.) ")


def in_rst(text):
    """A text in Markdown as docstrings here use it: lists, code, bold words, equations."""
    lines, out, k = text.split("\n"), [], 0
    in_list = False
    while k < len(lines):
        line = lines[k]
        if not line.strip():
            out.append("")
            k += 1
            continue
        if line.startswith("```"):
            end = next((n for n in range(k + 1, len(lines)) if lines[n].startswith("```")), k)
            out += ["", ".. code-block:: python", "", *(f"    {x}" for x in lines[k + 1 : end]), ""]
            k = end + 1
            continue
        if ITEM.match(line):
            in_list = True
            if (
                out
                and out[-1].strip()
                and not ITEM.match(out[-1])
                and not lines[k - 1][:1].isspace()
            ):
                out.append("")
        elif line.strip() and not line.startswith(" "):
            in_list = False
        if line.startswith("    ") and not in_list and (not out or not out[-1].strip()):
            # An equation: as it stands.
            out += ["::", ""]
            while k < len(lines) and (lines[k].startswith("    ") or not lines[k].strip()):
                out.append(lines[k])
                k += 1
            out.append("")
            continue
        # A span of code may go on in the next line: the paragraph is taken together.
        end = k + 1
        while end < len(lines) and lines[end].strip() and not ITEM.match(lines[end]):
            end += 1
        paragraph = "\n".join(lines[k:end])
        lead = ITEM.match(paragraph)
        head = lead.group(0) if lead else ""
        out += (head + _inline(paragraph[len(head) :])).split("\n")
        k = end
    return out


def _inline(text):
    """Code and bold words marked as reStructuredText marks them; all else as it stands."""
    parts = []
    for k, part in enumerate(SPAN.split(text)):
        if k % 2 == 0:
            part = re.sub(r"([\\*|`])", r"\\\1", part)
            # What ends with an underscore would be a reference.
            parts.append(re.sub(r"_(?=\W|$)", r"\\_", part))
            continue
        # Markup ends only before a blank or a sign.
        parts.append(rf"\ `{part}`\ " if part.startswith("`") else rf"\ {part}\ ")
    return re.sub(r"(^|\s)\\ ", r"\1", re.sub(r"\\ (\s|$)", r"\1", "".join(parts)))


def quantity_list(thing):
    """The quantities that a class declares, each with unit and meaning."""
    fields = getattr(thing, "__dataclass_fields__", {})
    found = [(name, f.metadata) for name, f in fields.items() if "unit" in f.metadata]
    if not found:
        return []
    lines = ["", "**Quantities:**", ""]
    for name, meta in found:
        unit = "no unit" if meta["unit"] == "1" else meta["unit"]
        lines.append(f"- ``{name}`` [{unit}]: {_inline(meta['meaning'])}")
    return [*lines, ""]


def _process(app, what, name, thing, options, lines):
    del app, name, options
    lines[:] = in_rst("\n".join(lines))
    if what == "class":
        lines += quantity_list(thing)


def setup(app):
    """Told to Sphinx."""
    app.connect("autodoc-process-docstring", _process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
