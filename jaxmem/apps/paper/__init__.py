"""The paper of Bisquert and Guerrero (2022), figure for figure, from the live code."""

from jaxmem.apps.paper.panel import Check as Check
from jaxmem.apps.paper.panel import PaperPanel as PaperPanel
from jaxmem.apps.paper.report import PANELS as PANELS
from jaxmem.apps.paper.report import reproduce as reproduce
