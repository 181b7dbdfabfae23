"""A drive from a line of text, as the command line takes it."""

import ast
import difflib
from typing import Any

from jaxmem.circuits.drive import AbstractDrive, CurrentDrive, VoltageDrive
from jaxmem.circuits.waveform import (
    AbstractWaveform,
    Constant,
    Pulse,
    PulseTrain,
    Sampled,
    Sine,
    Step,
    Sum,
    Triangle,
)

WAVES = {w.__name__: w for w in (Constant, Step, Pulse, PulseTrain, Triangle, Sine, Sampled)}
FINITE = 1e300
EXAMPLES = '"I = Step(3.3e-4)" or "V = Triangle([0, 1.2, -0.5], rate=0.1) + Sine(0.01, 1e3)"'


def parse_drive(text: str) -> AbstractDrive:
    """The drive that a text writes as in Python: `"V = Triangle([0, 1.2], rate=0.1, cycles=2)"`.

    On the left stands what is imposed, `I` [A] or `V` [V]; on the right a number, a waveform
    with the arguments of its class, or a sum of these. Nothing is executed.

    **Raises:** `ValueError` that says what was not understood.
    """
    try:
        statement = ast.parse(text.strip(), mode="exec").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _error(text, "this cannot be read") from None
    match statement:
        case [ast.Assign(targets=[ast.Name(id="I" | "V" as side)], value=right)]:
            wave = _wave(right, text)
        case _:
            raise _error(text, "write what is imposed, I or V, then = and a waveform")
    return CurrentDrive(wave) if side == "I" else VoltageDrive(wave)


def _wave(node: ast.expr, text: str) -> AbstractWaveform:
    parts = []
    # A sum of many is a tree as deep as it is long.
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts.append(_part(node.right, text))
        node = node.left
    parts = [_part(node, text), *reversed(parts)]
    return Sum(tuple(parts)) if len(parts) > 1 else parts[0]


def _part(node: ast.expr, text: str) -> AbstractWaveform:
    match node:
        case ast.BinOp(op=ast.Add()):
            return _wave(node, text)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            kinds = {k.lower(): k for k in WAVES}
            if name.lower() not in kinds:
                close = difflib.get_close_matches(name.lower(), kinds, 1)
                hint = f"did you mean {kinds[close[0]]}?" if close else f"there are {_list(WAVES)}"
                raise _error(text, f"no waveform {name!r}; {hint}")
            kind = WAVES[kinds[name.lower()]]
            named = {k.arg: _value(k.value, text) for k in keywords if k.arg is not None}
            if len(named) < len(keywords):
                raise _error(text, "** is not understood")
            values = [_value(a, text) for a in args]
            try:
                return kind(*values, **named)
            except TypeError as error:
                # Python names the argument; the class's constructor is no word for a user.
                said = str(error).split("__init__() ")[-1]
                raise _error(text, f"{kind.__name__}: {said}") from None
            except ValueError as error:
                raise _error(text, str(error)) from None
        case _:
            level = _value(node, text)
            if isinstance(level, list):
                raise _error(text, f"{ast.unparse(node)!r} is no number and no waveform")
            return Constant(level)


def _value(node: ast.expr, text: str) -> Any:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise _error(text, f"{ast.unparse(node)!r} is no number and no waveform") from None
    numbers = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in numbers):
        raise _error(text, f"{ast.unparse(node)!r} is no number")
    if not all(-FINITE < x < FINITE for x in numbers):
        raise _error(text, "a number is too large, or not finite")
    return list(value) if isinstance(value, tuple) else value


def _list(names) -> str:
    return ", ".join(names)


def _error(text: str, problem: str) -> ValueError:
    text = text if len(text) <= 80 else f"{text[:77]}..."
    return ValueError(f"drive {text!r}: {problem}; for example {EXAMPLES}")
