"""Points that a click or a box on the figure leaves out, as a specification names them."""

from collections.abc import Iterable, Mapping, Sequence

from fitting.study.masks import parse_mask


def touched(
    points: Sequence[tuple[str, Sequence[int]]], seen: Iterable[Mapping[str, int]]
) -> dict[str, list[int]]:
    """The files and numbers of points that a figure says were clicked or boxed.

    **Arguments:**

    - `points`: of each curve the file, and the numbers of its points.
    - `seen`: curve and place in it, as plotly.js gives them (`curveNumber`, `pointNumber`).
    """
    found: dict[str, list[int]] = {}
    for one in seen:
        curve, place = one.get("curveNumber"), one.get("pointNumber", one.get("pointIndex"))
        if not isinstance(curve, int) or not isinstance(place, int):
            continue
        if 0 <= curve < len(points) and 0 <= place < len(points[curve][1]):
            file, numbers = points[curve]
            if numbers[place] not in found.setdefault(file, []):
                found[file].append(numbers[place])
    return found


def toggled(drop: Sequence[str], numbers: Iterable[int]) -> tuple[str, ...]:
    """The masks of a file with points left out that were not, and taken back that were.

    Ranges of frequencies stay as they are; single points and ranges of points are written anew.

    **Arguments:** `drop`: masks as they are. `numbers`: of points, counted from 1.
    """
    out: set[int] = set()
    others = []
    for text in drop:
        kind, low, high = parse_mask(text)
        if kind == "#":
            out |= set(range(int(low), int(high) + 1))
        else:
            others.append(text)
    out ^= set(numbers)
    return (*others, *_ranges_of(sorted(out)))


def _ranges_of(numbers: list[int]) -> list[str]:
    found: list[list[int]] = []
    for n in numbers:
        if found and n == found[-1][1] + 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return [f"#{a}" if a == b else f"#{a}:{b}" for a, b in found]
