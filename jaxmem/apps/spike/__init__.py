"""Will it spike? The answer for one device, as numbers, words and a page."""

from jaxmem.apps.spike.answer import Answer as Answer
from jaxmem.apps.spike.answer import spike_answer as spike_answer
from jaxmem.apps.spike.report import write_report as write_report
