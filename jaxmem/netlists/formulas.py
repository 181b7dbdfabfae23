"""Formulas of numbers: what a branch computes, as a tree in which what is shared stands once."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

# What a formula is made of, beside constants and symbols, with what it means in Python.
MEANS: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b else math.copysign(math.inf, b) * a if a else math.nan,
    "neg": lambda a: -a,
    "min": min,
    "max": max,
    "pow": lambda a, b: abs(a) ** b,
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": lambda a: math.exp(a) if a < 709 else math.inf,
    "ln": lambda a: math.log(a) if a > 0 else -math.inf if a == 0 else math.nan,
    "logistic": lambda a: 1 / (1 + math.exp(-a)) if a > -709 else 0.0,
    "sign": lambda a: float((a > 0) - (a < 0)),
    "floor": math.floor,
    "ceil": math.ceil,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "and": lambda a, b: bool(a and b),
    "or": lambda a, b: bool(a or b),
    "not": lambda a: not a,
    "select": lambda c, a, b: a if c else b,
} | {
    name: getattr(math, name)
    for name in (
        "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
        "acosh", "atanh",
    )
}  # fmt: skip


class Formula:
    """A constant (`value`), a symbol (`name`), or an operation on others (`parts`)."""

    __slots__ = ("name", "parts", "symbols", "value")

    def __init__(self, name: str, parts: tuple["Formula", ...] = (), value: Any = None):
        self.name, self.parts, self.value = name, parts, value
        own = frozenset([name]) if name not in MEANS and value is None else frozenset()
        # On which symbols it depends.
        self.symbols: frozenset[str] = own.union(*(part.symbols for part in parts))

    def below(self) -> list["Formula"]:
        """Itself and all that it is made of, each once, parts before what is made of them."""
        found: dict[int, Formula] = {}
        waiting: list[tuple[Formula, bool]] = [(self, False)]
        while waiting:
            one, parts_done = waiting.pop()
            if id(one) in found:
                continue
            if parts_done:
                found[id(one)] = one
            else:
                waiting.append((one, True))
                waiting += [(part, False) for part in reversed(one.parts)]
        return list(found.values())


class Formulas:
    """What makes formulas, each only once, and does at once what can be done."""

    def __init__(self):
        self._made: dict[Any, Formula] = {}

    def constant(self, value: Any) -> Formula:
        """A number, or a truth value."""
        value = bool(value) if isinstance(value, bool) or _is_bool(value) else float(value)
        return self._one("constant", (), value)

    def symbol(self, name: str) -> Formula:
        """Something with a name: a parameter, the voltage, a node."""
        return self._one(name, (), None)

    def __call__(self, name: str, *parts: Formula) -> Formula:
        """An operation of `MEANS`."""
        if all(part.name == "constant" for part in parts):
            value = MEANS[name](*(part.value for part in parts))
            if isinstance(value, bool) or math.isfinite(value):
                return self.constant(value)
        return self._simpler(name, parts) or self._one(name, parts, None)

    def _one(self, name, parts, value):
        key = name, tuple(map(id, parts)), value, type(value), str(value)
        return self._made.setdefault(key, Formula(name, parts, value))

    def _simpler(self, name, parts) -> Formula | None:
        """An equal formula that is shorter, where there is one. Nothing is rounded differently."""
        known = [part.value if part.name == "constant" else None for part in parts]
        match name, known:
            case ("add", [0.0, None]) | ("mul", [1.0, None]):
                return parts[1]
            case ("add" | "sub", [None, 0.0]) | ("mul" | "div" | "pow", [None, 1.0]):
                return parts[0]
            case ("mul", [0.0, None] | [None, 0.0]) | ("div", [0.0, None]):
                return self.constant(0.0)
            case ("sub", [0.0, None]) | ("mul", [-1.0, None]):
                return self("neg", parts[1])
            case "mul", [None, -1.0]:
                return self("neg", parts[0])
            case "select", [True | False as condition, _, _]:
                return parts[1] if condition else parts[2]
        if name == "neg" and parts[0].name == "neg":
            return parts[0].parts[0]
        if name == "add" and any(v is not None and v < 0 for v in known):
            first, second = parts if known[0] is None else parts[::-1]
            return self("sub", first, self.constant(-second.value))
        # a + (-b) and a - (-b) read better with one sign.
        if name in ("add", "sub") and parts[1].name == "neg":
            return self("sub" if name == "add" else "add", parts[0], parts[1].parts[0])
        if name == "select" and parts[1] is parts[2]:
            return parts[1]
        return None


def _is_bool(value: Any) -> bool:
    return getattr(getattr(value, "dtype", None), "kind", "") == "b"


def computed(formula: Formula, values: dict[str, float]) -> float:
    """What a formula is with these symbols, as a simulator computes it."""
    known: dict[int, Any] = {}
    for one in formula.below():
        if one.name == "constant":
            known[id(one)] = one.value
        elif not one.parts:
            known[id(one)] = values[one.name]
        else:
            try:
                known[id(one)] = MEANS[one.name](*(known[id(part)] for part in one.parts))
            except (ArithmeticError, ValueError):
                known[id(one)] = math.nan
    return float(known[id(formula)])


def shared(
    formulas: Iterable[Formula], always: Callable[[Formula], bool] = lambda _: False
) -> list[Formula]:
    """What is used more than once in these formulas, and is more than a number or a sign of one.

    Parts come before what is made of them. What is `always` to have a name is among them.
    """
    uses: Counter[int] = Counter()
    order: dict[int, Formula] = {}
    for formula in formulas:
        for one in formula.below():
            if id(one) not in order:
                order[id(one)] = one
                uses.update(id(part) for part in one.parts)
        uses[id(formula)] += 1
    worth = lambda one: len(one.below()) > 3 or one.name in ("exp", "logistic", "ln", "pow")
    named = lambda one: always(one) or (uses[id(one)] > 1 and worth(one))
    return [one for one in order.values() if one.parts and named(one)]
