"""A bar for what takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

#: Called with parts done and all parts.
Report = Callable[[int, int], None]

#: Seconds before a bar appears.
PATIENCE = 1.0

#: Seconds between two pictures of it.
PACE = 0.1


class Bar:
    """A line of text: below the cell of a notebook, or on a terminal; nothing elsewhere."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.begun = time.monotonic()
        self.shown = 0.0
        self.cell: Any = None
        self.drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Shows that ``done`` of ``total`` parts are done."""
        now = time.monotonic()
        if now - self.begun < PATIENCE or now - self.shown < PACE or total <= 0:
            return
        self.shown = now
        filled = 30 * min(done, total) // total
        line = f"{self.what} {'#' * filled:.<30} {done}/{total} {int(now - self.begun)} s"
        if in_notebook():
            self._below_the_cell(line)
        elif sys.stderr is not None and sys.stderr.isatty():
            self.drawn = True
            sys.stderr.write(f"\r{line}")
            sys.stderr.flush()

    def _below_the_cell(self, line: str) -> None:
        from IPython.display import display

        page = {"text/plain": line}
        if self.cell is None:
            self.cell = display(page, raw=True, display_id=True)
        else:
            self.cell.update(page, raw=True)

    def close(self) -> None:
        """Takes the bar away."""
        if self.cell is not None:
            self.cell.update({"text/plain": ""}, raw=True)
        elif self.drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def in_notebook() -> bool:
    """Whether a notebook runs this."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def report_of(progress: bool | Report, what: str) -> tuple[Report | None, Callable[[], None]]:
    """What to call with parts done and all parts, and what to call at the end."""
    if progress is True:
        bar = Bar(what)
        return bar, bar.close
    return (progress or None), lambda: None
