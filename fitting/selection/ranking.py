"""Rivals ranked by BIC, and what the differences say in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitting.diagnosis.verdict import grade_of, verdict_lines
from fitting.estimate.bic import STRONG, bic_sentence, size_in_words
from fitting.estimate.result import Fit
from fitting.selection.families import Rival


@dataclass(frozen=True)
class Ranked:
    """A rival with its fit, or with the reason why there is none; `gap` is its BIC over the best.

    `undetermined`: parameters that the data leave open or that lie at the end of their range: if
    there are any, the rival is degenerate, larger than the data can tell.
    """

    rival: Rival
    fit: Fit | None
    failure: str = ""
    gap: float = math.nan

    @property
    def usable(self) -> bool:
        """Whether there is a BIC to rank by."""
        return self.fit is not None and math.isfinite(self.fit.bic)

    @property
    def describes(self) -> str:
        """Whether it describes the data, as `Fit.describes`."""
        return "no" if self.fit is None else grade_of(self.fit.terms)

    @property
    def undetermined(self) -> tuple[str, ...]:
        """Names of parameters that the data leave open, or that ran to the end of their range."""
        if self.fit is None:
            return ()
        lost = {n for n, ok in zip(self.fit.names, self.fit.identifiable, strict=True) if not ok}
        return tuple(n for n in self.fit.names if n in lost or n in self.fit.at_bound)


@dataclass(frozen=True)
class Comparison:
    """Rivals of one set of data, the best first, those that failed last.

    Differences of BIC from 6 on count (Kass and Raftery 1995). `winner` is the entry that the data
    choose, None if they cannot tell.
    """

    entries: tuple[Ranked, ...]

    @property
    def best(self) -> Ranked:
        """The one of lowest BIC, chosen or not."""
        return self.entries[0]

    @property
    def leaders(self) -> tuple[Ranked, ...]:
        """The best of each idea, the best first."""
        first: dict[str, Ranked] = {}
        for entry in self.entries:
            if entry.usable:
                first.setdefault(entry.rival.words, entry)
        return tuple(first.values())

    @property
    def winner(self) -> Ranked | None:
        """What the data choose among the ideas: better by 6 in BIC than every other one.

        One that contains the best as a special case need not be beaten: that it gains nothing is
        enough, because it cannot lose by more than the price of its parameters. One that does not
        describe the data is not chosen.
        """
        top, *others = self.leaders
        if top.describes == "no":
            return None
        return None if any(self._open(top, e) for e in others) else top

    @property
    def not_excluded(self) -> tuple[Ranked, ...]:
        """What may be true beside the best: ideas within 6 in BIC, or that contain it."""
        top, *others = self.leaders
        may = lambda e: e.gap < STRONG or top.rival.name in e.rival.contains
        return tuple(e for e in others if may(e))

    def _open(self, top: Ranked, other: Ranked) -> bool:
        return other.gap < STRONG and top.rival.name not in other.rival.contains

    def of(self, name: str) -> Ranked:
        """The entry of this name.

        **Raises:** `KeyError`.
        """
        for entry in self.entries:
            if entry.rival.name == name:
                return entry
        raise KeyError(f"{name}; there are {', '.join(e.rival.name for e in self.entries)}")

    def gain(self, name: str, over: str) -> float:
        """By how much the BIC of one rival is below that of another."""
        one, two = self.of(name).fit, self.of(over).fit
        if one is None or two is None:
            return math.nan
        return two.bic - one.bic

    @property
    def sentence(self) -> str:
        """Who wins and by how much, in one sentence."""
        top, *others = self.leaders
        if not others:
            return (
                f"{_begin(top.rival.words)} is the only idea that could be fitted ({_size(top)})."
            )
        apart = [e for e in others if top.rival.name not in e.rival.contains]
        rest = [e for e in others if top.rival.name in e.rival.contains]
        shown = [e for e in apart if e.gap < STRONG] or apart
        if shown:
            others = [(e.rival.words, e.gap) for e in shown]
            return bic_sentence(top.rival.words, others, _sizes([top, *shown]))
        e = rest[0]
        return (
            f"{_begin(top.rival.words)} is enough: {e.rival.words}, which contains it, is worse by "
            f"{e.gap:.1f} in BIC ({_sizes([top, e])})."
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """The verdict, then what else must be known of it."""
        top, *others = self.leaders
        lines = [self.sentence]
        if top.describes == "no":
            lines.insert(
                0, f"None of these rivals describes the data, not even {top.rival.name}, which is "
                "the nearest: the BIC ranks wrong models, and decides nothing.",
            )  # fmt: skip
        elif top.describes != "yes" and top.fit is not None:
            lines += verdict_lines(top.fit.terms)[:1]
        for e in others:
            if top.rival.name in e.rival.contains and e.rival.words not in lines[0]:
                lines.append(
                    f"{_begin(e.rival.words)} is neither needed nor excluded: {_price(top, e)}."
                )
            elif self.winner is None and e.gap >= STRONG and top.describes != "no":
                lines.append(f"{_begin(e.rival.words)} is worse by {e.gap:.0f} in BIC.")
        if top.undetermined:
            lines.append(
                f"{top.rival.name} is degenerate: the data leave {', '.join(top.undetermined)} "
                "open, so that something simpler may do."
            )
            sound = [e for e in self.entries if e.usable and not e.undetermined]
            if sound:
                lines.append(
                    "The best rival with every parameter determined is "
                    f"{sound[0].rival.name}, worse by {sound[0].gap:.1f} in BIC."
                )
        near = [e for e in self.entries[1:] if e.usable and e.gap < STRONG]
        alike = [e.rival.name for e in near if e.rival.words == top.rival.words]
        if alike:
            lines.append(
                f"Of the same idea {' and '.join(alike)} {'is' if len(alike) == 1 else 'are'} "
                f"within {STRONG:g} in BIC of {top.rival.name}: the data do not choose between "
                "these surroundings."
            )
        for e in self.entries:
            if not e.usable:
                lines.append(f"{e.rival.name} could not be fitted: {e.failure}.")
            elif e.fit is not None and not e.fit.ok:
                lines.append(f"{e.rival.name} did not converge: {e.fit.outcome}.")
        lone = lambda fit: fit is not None and any(t.high_leverage for t in fit.terms)
        hanging = [e.rival.name for e in self.entries if lone(e.fit)]
        if hanging:
            lines.append(
                f"Single samples decide parameters of {', '.join(hanging)}: a model that switches "
                "between two samples may have an optimum for each pair of them, and a lower BIC "
                "from other starts."
            )
        structured = [t.name for t in top.fit.terms if t.structured] if top.fit else []
        if structured:
            lines.append(
                f"What {top.rival.name} leaves of {', '.join(structured)} has a structure that "
                "noise does not have: even the best of these rivals is not the whole truth, and a "
                "BIC counts its samples as independent."
            )
        return tuple(lines)

    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a rival, the best first: plain data for tables and JSON."""
        return [_row(rank, entry, self.winner) for rank, entry in enumerate(self.entries, 1)]

    def __str__(self) -> str:
        width = max(len(e.rival.name) for e in self.entries)
        head = f"{'':{width}}  k      chi2       BIC  over best  rel. rms"
        lines = [head, *(_line(e, width) for e in self.entries), "", *self.sentences]
        return "\n".join(line.rstrip() for line in lines)


def second_lag_verdict(three: Fit, two: Fit) -> str:
    """What the data say of the second lag, in words.

    **Arguments:**

    - `three`, `two`: the 3D and the 2D model fitted to the same data.
    """
    if grade_of(three.terms) == "no" and grade_of(two.terms) == "no":
        sizes = " and ".join(
            f"{100 * fit.relative_rms_residual:.3g} % ({title})"
            for fit, title in ((two, "2D"), (three, "3D"))
        )
        return (
            "Neither the 2D nor the 3D model describes these data"
            + ("" if "nan" in sizes else f" (relative rms residual {sizes})")
            + ": whether there is a second lag, they cannot say."
        )
    lags = [name for name in ("tau_d", "tau_2", "tau_k") if name in three.names]
    lost = [name for name in lags if not three.identifiable[three.names.index(name)]]
    needed = two.bic - three.bic > STRONG
    if needed and not lost:
        said = f"they need its second lag, and determine {' and '.join(lags)}."
    elif needed:
        said = (
            f"they need a second lag, but leave {' and '.join(lost)} open. Spectra at other biases "
            "tell which is which."
        )
    else:
        said = (
            "it explains them no better than 2D. That does not exclude a second lag that is faster "
            "than they resolve."
        )
    identified = "is identifiable" if needed and not lost else "is not identifiable"
    return f"The 3D model {identified} from these data: {said} {three.against(two, '3D', '2D')}"


def _begin(words: str) -> str:
    return words[:1].upper() + words[1:]


def _size(entry: Ranked) -> str:
    return size_in_words(entry.rival.name, len(entry.fit.names) if entry.fit else 0)


def _sizes(entries: Sequence[Ranked]) -> str:
    first, *rest = map(_size, entries)
    return f"{first} against {' and '.join(rest)}"


def _price(top: Ranked, larger: Ranked) -> str:
    one, two = top.fit, larger.fit
    assert one is not None and two is not None
    more = len(two.names) - len(one.names)
    return (
        f"{larger.rival.name} contains {top.rival.name}, and {more} more "
        f"parameter{'s make' if more > 1 else ' makes'} the BIC worse by {larger.gap:.1f}"
    )


def _row(rank: int, e: Ranked, winner: Ranked | None) -> dict[str, Any]:
    plain = lambda x: float(x) if math.isfinite(x) else None
    row: dict[str, Any] = {"rank": rank, "name": e.rival.name, "idea": e.rival.words}
    row |= {"contains": list(e.rival.contains), "chosen": e is winner, "failure": e.failure}
    row |= {"describes": e.describes}
    if e.fit is None:
        return row
    f = e.fit
    return row | {
        "parameters": len(f.names), "points": f.quality.points, "chi2": plain(f.chi2),
        "bic": plain(f.bic), "delta_bic": plain(e.gap),
        "relative_rms_residual": plain(f.relative_rms_residual), "converged": f.ok,
        "starts_converged": f.searches.converged, "degenerate": bool(e.undetermined),
        "undetermined": list(e.undetermined),
        "terms": [{"name": t.name, "rms": plain(t.rms), "unit": t.unit, "runs_p": plain(t.runs_p),
                   "structured": t.structured} for t in f.terms],
        "values": dict(zip(f.names, map(plain, np.asarray(f.values)), strict=True)),
    }  # fmt: skip


def _line(e: Ranked, width: int) -> str:
    if e.fit is None:
        return f"{e.rival.name:{width}}  failed: {e.failure}"
    f = e.fit
    rms = f"{100 * f.relative_rms_residual:.2f} %" if math.isfinite(f.relative_rms_residual) else ""
    flags = [] if f.ok else [f.outcome]
    flags += [f"leaves {', '.join(e.undetermined)} open"] if e.undetermined else []
    return (
        f"{e.rival.name:{width}}  {len(f.names):<2} {f.chi2:9.4g} {f.bic:9.1f}  {e.gap:9.1f}"
        f"  {rms:>8}  {'; '.join(flags)}"
    )
