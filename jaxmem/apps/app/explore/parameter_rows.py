"""A slider and a number field for each parameter of a device."""

import math
from collections.abc import Callable

from nicegui import ui

from jaxmem.apps.app.explore.exploration import (
    Exploration,
    ShownParameter,
    number_of,
    parameters_of,
)
from jaxmem.apps.app.frame import tell
from jaxmem.output.numbers import SYMBOLS

# A logarithmic slider goes so many decades to both sides, in so many steps each.
DECADES, STEPS = 2.0, 100
DIGITS = 4


class Scale:
    """What a slider's place means: the value's logarithm, or a linear range."""

    def __init__(self, parameter: ShownParameter, like: float | None):
        v = parameter.value
        self.log = parameter.positive and v > 0
        if self.log:
            self.low, self.high = math.log10(v) - DECADES, math.log10(v) + DECADES
        elif parameter.positive:
            self.low, self.high = 0.0, 2 * (like or 0.0)
        else:
            reach = max(abs(v), 0.5)
            self.low, self.high = v - reach, v + reach
        self.step = (self.high - self.low) / (2 * DECADES * STEPS)

    @property
    def slides(self) -> bool:
        """Whether there is a range to slide over."""
        return self.high > self.low

    def value(self, place: float) -> float:
        """The value at a place of the slider, with few digits."""
        return float(f"{10**place if self.log else place:.{DIGITS}g}")

    def place(self, value: float) -> float:
        """The place of a value; the end, where it lies beyond."""
        at = math.log10(value) if self.log else value
        return min(max(at, self.low), self.high)


class ParameterRows:
    """The rows of a device's parameters.

    **Arguments:**

    - `state`: gives the state of the page. `change`: is called with the next one.
    """

    def __init__(self, state: Callable[[], Exploration], change: Callable[[Exploration], None]):
        self.state, self.change = state, change
        self.sliders: dict[str, ui.slider] = {}
        self.numbers: dict[str, ui.input] = {}
        self.scales: dict[str, Scale] = {}
        self._setting = False
        self.home = ui.element("div").classes("side")
        self.build()

    def build(self) -> None:
        """Make the rows of the state's device."""
        self.sliders, self.numbers, self.scales = {}, {}, {}
        known = parameters_of(self.state().base)
        self.home.clear()
        with self.home:
            for parameter in known.values():
                like = next((p.value for p in known.values()
                             if p.unit == parameter.unit and p.value > 0), None)  # fmt: skip
                self._row(parameter, Scale(parameter, like))

    def _row(self, p: ShownParameter, scale: Scale) -> None:
        value, unit = self.state().value(p.name), SYMBOLS.get(p.unit, p.unit)
        words = f"{p.name}, {p.meaning}, in {p.unit}"
        self.scales[p.name] = scale
        with ui.element("div").classes("param"):
            with ui.label(p.name).classes("name"):
                ui.tooltip(p.meaning)
            if scale.slides:
                slider = ui.slider(
                    min=scale.low, max=scale.high, step=scale.step,
                    value=scale.place(value) if not scale.log or value > 0 else scale.low,
                    on_change=lambda e, n=p.name: self._slid(n, e.value),
                ).props(f'aria-label="{words}" data-parameter="{p.name}"')  # fmt: skip
                self.sliders[p.name] = slider
            else:
                ui.label(p.meaning).classes("weak")
            number = ui.input(value=_text(value)).props(
                f'dense outlined suffix="{unit}" aria-label="{words}" '
                f'data-number="{p.name}" input-class="text-right"'
            )
            number.mark(f"number-{p.name}")
            number.on("change", lambda _, n=p.name: self._typed(n))
            self.numbers[p.name] = number

    def _slid(self, name: str, place: float | None) -> None:
        if self._setting or place is None:
            return
        value = self.scales[name].value(place)
        self.numbers[name].value = _text(value)
        self._changed(name, value)

    def _typed(self, name: str) -> None:
        try:
            value = number_of(str(self.numbers[name].value), name)
            parameters_of(self.state().base)[name].check(value)
        except ValueError as error:
            tell(str(error))
            self.numbers[name].value = _text(self.state().value(name))
            return
        self._place(name, value)
        self._changed(name, value)

    def _place(self, name: str, value: float) -> None:
        scale = self.scales[name]
        if name in self.sliders and (value > 0 or not scale.log):
            self._setting = True
            self.sliders[name].value = scale.place(value)
            self._setting = False

    def _changed(self, name: str, value: float) -> None:
        if value != self.state().value(name):
            self.change(self.state().with_value(name, value))

    def follow(self) -> None:
        """Show the values of a state that something else has set."""
        if set(self.numbers) != set(parameters_of(self.state().base)):
            self.build()
            return
        for name in self.numbers:
            value = self.state().value(name)
            self.numbers[name].value = _text(value)
            self._place(name, value)


def _text(value: float) -> str:
    return f"{value:.10g}"
