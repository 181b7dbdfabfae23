"""Formulas as text, in the words of a simulator."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from jaxmem.netlists.formulas import Formula

# How tightly what is written binds; what binds less than its surroundings gets parentheses.
OPERATORS = {
    "add": (" + ", 5), "sub": (" - ", 5), "mul": ("*", 6), "div": ("/", 6),
    "lt": (" < ", 4), "le": (" <= ", 4), "gt": (" > ", 4), "ge": (" >= ", 4),
    "eq": (" == ", 3), "ne": (" != ", 3),
}  # fmt: skip
UNARY, ATOM = 7, 9
# An exponential beyond exp(this) is not followed: Newton's iterations would overflow.
LARGEST = 200.0


class Words(NamedTuple):
    """A simulator's words: what a function is called, how a choice and a number are written.

    `bounded_exp` is the exponential where nothing else bounds its argument. `inverted` says of
    which divisors 1/b is written as a factor.
    """

    functions: Mapping[str, str]
    bounded_exp: str
    choice: Callable[[str, str, str], str]
    number: Callable[[float], str]
    inverted: Callable[[Formula], bool] = lambda _: False


def written(formula: Formula, words: Words, symbols: Mapping[str, str], known: Mapping[int, str]):
    """The text of a formula.

    **Arguments:**

    - `words`: of which simulator.
    - `symbols`: how a symbol is written, where not by its name.
    - `known`: texts of parts that have a name of their own, by their identity.
    """
    return _written(formula, words, symbols, known, top=True)[0]


def _written(formula, words, symbols, known, top=False) -> tuple[str, int]:
    if not top and id(formula) in known:
        return known[id(formula)], ATOM
    if formula.name == "constant":
        if isinstance(formula.value, bool):
            return ("1" if formula.value else "0"), ATOM
        return words.number(formula.value), ATOM if formula.value >= 0 else 0
    if not formula.parts:
        return symbols.get(formula.name, formula.name), ATOM
    name = formula.name
    parts = [_written(part, words, symbols, known) for part in formula.parts]
    if name in OPERATORS:
        sign, binds = OPERATORS[name]
        (a, left), (b, right) = parts
        if name == "div" and words.inverted(formula.parts[1]):
            sign, b, right = "*", f"(1/{b if right > binds else f'({b})'})", ATOM
        a = a if left >= binds else f"({a})"
        # a - (b - c) and a/(b*c) keep their parentheses, and a sum keeps its order.
        b = b if right > binds else f"({b})"
        return f"{a}{sign}{b}", binds
    texts = [text for text, _ in parts]
    if name == "neg":
        return f"-{texts[0] if parts[0][1] > UNARY else f'({texts[0]})'}", UNARY - 1
    if name == "select":
        return words.choice(*texts), ATOM
    if is_unbounded(formula):
        return f"{words.bounded_exp}({texts[0]})", ATOM
    return f"{words.functions.get(name, name)}({', '.join(texts)})", ATOM


def is_unbounded(formula: Formula) -> bool:
    """Whether it is an exponential that nothing keeps from overflowing."""
    return formula.name == "exp" and not interval(formula.parts[0])[1] <= LARGEST


def interval(formula: Formula) -> tuple[float, float]:
    """Between what a formula lies as far as it says so itself: by min, max and constants."""
    if formula.name == "constant":
        return float(formula.value), float(formula.value)
    parts = [interval(part) for part in formula.parts]
    match formula.name:
        case "min" | "max" as name:
            choose = min if name == "min" else max
            (a, b), (c, d) = parts
            return choose(a, c), choose(b, d)
        case "neg":
            return -parts[0][1], -parts[0][0]
        case "add":
            return parts[0][0] + parts[1][0], parts[0][1] + parts[1][1]
        case "sub":
            return parts[0][0] - parts[1][1], parts[0][1] - parts[1][0]
        case "logistic":
            return 0.0, 1.0
        case "abs" | "exp":
            return 0.0, math.inf
        case "select":
            return min(parts[1][0], parts[2][0]), max(parts[1][1], parts[2][1])
    return -math.inf, math.inf


def shortest(value: float) -> str:
    """A number by the fewest digits that say it."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text
