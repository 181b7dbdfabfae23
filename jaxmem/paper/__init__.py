"""The paper of Bisquert and Guerrero (2022), figure for figure, from the live code."""

from jaxmem.paper.panel import Check as Check
from jaxmem.paper.panel import Panel as Panel
from jaxmem.paper.report import PANELS as PANELS
from jaxmem.paper.report import reproduce as reproduce
