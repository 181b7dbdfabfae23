"""Whether a model describes all that was fitted, in words."""

import math
from collections.abc import Sequence

from fitting.diagnosis.description import GRADES, Description, worst
from fitting.diagnosis.term_report import TermReport

# From this grade on a model says something of its parameters.
SAYS = ("yes", "but_for", "roughly")
HOLDS = {
    "yes": "describes {what}",
    "but_for": "describes {what} but for {where}",
    "roughly": "describes {what} roughly",
    "no": "does not describe {what}",
}
OF_WRONG = "of a model that does not describe the data"
# At most so many measurements are told one by one.
MOST = 6


def grade_of(terms: Sequence[TermReport]) -> str:
    """The worst grade of the measurements among the terms, `"yes"` where there are none."""
    return worst(t.description.grade for t in terms if t.description is not None)


def verdict_lines(terms: Sequence[TermReport]) -> list[str]:
    """What comes before any parameter: whether the model describes the data, where it does not,
    and by how much."""
    judged = [(t.name, t.description) for t in terms if t.description is not None]
    if not judged:
        return []
    grade = grade_of(terms)
    if len(judged) == 1:
        return [described_in_words(judged[0][1], "the data")]
    apart = [(name, d) for name, d in judged if d.grade != "yes"]
    if not apart:
        far = max(d.excess for _, d in judged if not math.isnan(d.excess)) if any(
            not math.isnan(d.excess) for _, d in judged
        ) else math.nan  # fmt: skip
        size = "" if math.isnan(far) else f", residuals at most {far:.3g} times the noise"
        return [f"The model describes the data: all {len(judged)} measurements{size}."]
    counts = [(g, sum(d.grade == g for _, d in judged)) for g in GRADES]
    said = {"yes": "described", "but_for": "described but for a stretch",
            "roughly": "described roughly", "no": "not described"}  # fmt: skip
    parts = ", ".join(f"{n} {said[g]}" for g, n in counts if n)
    what = "the data but for parts of them" if grade == "but_for" else "the data"
    phrase = HOLDS[grade].format(what=what, where="")
    phrase = f"describes {what}" if grade == "but_for" else phrase
    lines = [f"The model {phrase}: of {len(judged)} measurements {parts}."]
    apart.sort(key=lambda row: -GRADES.index(row[1].grade))
    lines += [f"{name}: {described_in_words(d, 'it')}" for name, d in apart[:MOST]]
    if len(apart) > MOST:
        lines.append(f"And {len(apart) - MOST} more of the same kind.")
    return lines


def described_in_words(d: Description, what: str) -> str:
    """The verdict on one measurement: how large, beside which noise, and where."""
    phrase = HOLDS[d.grade].format(what=what, where=d.where)
    known = "" if d.consistent or d.grade == "no" else ", as far as they are consistent"
    size = f"residual {100 * d.share:.2g} % of {d.scale}"
    if math.isnan(d.excess):
        size += ", and too few numbers to tell how large the noise is"
    else:
        size += f", {d.excess:.3g} times the noise ({100 * d.floor:.2g} %, {d.source})"
    tail = ""
    if d.grade == "but_for" and d.where is not None:
        tail = f"; {100 * d.where.share:.0f} % of chi2 is there"
    elif d.grade != "yes" and d.where is not None:
        tail = f"; {100 * d.where.share:.0f} % of chi2 is at {d.where}"
    if not d.consistent and d.grade == "no":
        tail += "; the data are not quite consistent in themselves, either"
    return f"The model {phrase}{known}: {size}{tail}."
