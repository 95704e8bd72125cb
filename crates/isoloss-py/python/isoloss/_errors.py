"""Exceptions and the warning category."""

from __future__ import annotations


class Error(ValueError):
    """No usable value: the message says where, what was found, what is expected and how to fix it.

    ``hint`` is what to write in Python to fix it, or ``None``.
    """

    hint: str | None

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}\nhint: {hint}")
        self.hint = hint


class DataError(Error):
    """Logs or frames that cannot become a table of runs."""


class FitError(Error):
    """A table that no law can be fitted to, or a file that holds no fit."""


class LawError(Error):
    """An unknown law, or coefficients outside its domain."""


class CostError(Error):
    """An unknown model or device, or a price or shape that cannot be."""


class PlanError(Error):
    """A plan that does not exist, for example a loss below the entropy of the text."""


class StudyError(Error):
    """A question that cannot be asked as it stands."""


class IsolossWarning(UserWarning):
    """The answer itself is in doubt; lesser warnings are in ``.warnings`` of the result alone."""
