"""Will it spike? The answer for one device, as numbers, words and a page."""

from jaxmem.spike.answer import Answer as Answer
from jaxmem.spike.answer import answer as answer
from jaxmem.spike.report import write_report as write_report
