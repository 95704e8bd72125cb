"""A bar for what takes longer than a moment."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

Report = Callable[[int, int], None]

#: Seconds before a bar appears.
PATIENCE = 1.0


class Bar:
    """A bar of tqdm where it is installed, else a line of text on stderr."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.begun = time.monotonic()
        self.shown = 0.0
        self.bar: object | None = None
        self.drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Shows that ``done`` of ``total`` parts are done."""
        now = time.monotonic()
        if now - self.begun < PATIENCE or now - self.shown < 0.1 or total <= 0:
            return
        self.shown = now
        if self.bar is None and not self.drawn:
            try:
                from tqdm.auto import tqdm

                self.bar = tqdm(total=total, desc=self.what, leave=False)
            except Exception:  # not installed, or a notebook without widgets
                self.bar = None
        if self.bar is not None:
            self.bar.total = total  # type: ignore[attr-defined]
            self.bar.n = done  # type: ignore[attr-defined]
            self.bar.refresh()  # type: ignore[attr-defined]
            return
        if not (sys.stderr and sys.stderr.isatty()):
            return
        self.drawn = True
        filled = 30 * min(done, total) // total
        seconds = int(now - self.begun)
        sys.stderr.write(f"\r{self.what} {'#' * filled:.<30} {done}/{total} {seconds} s")
        sys.stderr.flush()

    def close(self) -> None:
        """Takes the bar away."""
        if self.bar is not None:
            self.bar.close()  # type: ignore[attr-defined]
        elif self.drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def report_of(progress: bool | Report, what: str) -> tuple[Report | None, Callable[[], None]]:
    """What to call with parts done and all parts, and what to call at the end."""
    if progress is True:
        bar = Bar(what)
        return bar, bar.close
    return (progress or None), lambda: None
