"""Work for a page beside its event loop: of what is asked while it works, the newest is done."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from nicegui import background_tasks

Asked = TypeVar("Asked")
log = logging.getLogger(__name__)
# Closed forms wait for nothing; what takes seconds is done for one page at a time.
QUICK = ThreadPoolExecutor(3, "quick")
SLOW = ThreadPoolExecutor(1, "slow")


class Latest(Generic[Asked]):
    """Does `work` in a thread for the newest that was asked, and shows what came of it.

    **Arguments:**

    - `work`: from what is asked to what is shown. It runs in `pool`.
    - `show`: called with it in the page's loop, unless something newer was asked meanwhile.
    - `failed`: called with an error's sentence.
    - `pause`: how long nothing newer may come before it begins [s].
    - `always`: whether it is shown when something newer was asked: while a slider moves, say.
    """

    def __init__(
        self, work: Callable[[Asked], Any], show: Callable[[Any], None],
        failed: Callable[[str], None], *, pool: ThreadPoolExecutor = QUICK, pause: float = 0.0,
        always: bool = True,
    ):  # fmt: skip
        self.work, self.show, self.failed = work, show, failed
        self.pool, self.pause, self.always = pool, pause, always
        self._asked: list[Asked] = []
        self._task: asyncio.Task | None = None
        self._number = 0
        self.closed = False

    @property
    def busy(self) -> bool:
        """Whether it works, or waits to."""
        return self._task is not None and not self._task.done()

    def ask(self, what: Asked) -> None:
        """Do this next, in the place of what waits."""
        self._asked = [what]
        self._number += 1
        if not self.busy and not self.closed:
            self._task = background_tasks.create(self._until_done())

    def close(self) -> None:
        """Begin nothing more, and show nothing more."""
        self.closed, self._asked = True, []

    async def _until_done(self) -> None:
        while self._asked and not self.closed:
            if self.pause:
                number = -1
                while number != self._number:
                    number = self._number
                    await asyncio.sleep(self.pause)
            if not self._asked:
                return
            number, what = self._number, self._asked.pop()
            try:
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self.pool, self.work, what)
            except (ValueError, RuntimeError, ArithmeticError) as error:
                if number == self._number and not self.closed:
                    self.failed(str(error))
                continue
            except Exception as error:
                log.exception("work for a page failed")
                if not self.closed:
                    self.failed(f"This could not be computed ({type(error).__name__}: {error}).")
                continue
            if not self.closed and (self.always or number == self._number):
                self.show(found)
