"""The compiled part: each function takes plain values and hands back an Answer."""

from collections.abc import Callable, Sequence
from typing import Any, final

__all__ = [
    "__version__",
    "Answer",
    "Table",
    "read_logs",
    "forecast",
    "gain",
    "mix",
    "tune",
    "fit",
    "predict",
    "load_fit",
    "plan",
    "recipe",
    "curve",
    "compare",
    "explain",
    "serving",
    "laws",
    "models",
    "devices",
]

__version__: str

_Report = Callable[[int, int], None]

@final
class Answer:
    """What a verb found: text, JSON, page, chart and warnings."""

    def json(self) -> str:
        """The object that the command line prints under ``--json``."""
    def text(self) -> str:
        """What the command line prints."""
    def warnings(self) -> str:
        """The warnings as JSON, the most serious first, none twice."""
    def svg(self, name: str | None = None) -> str:
        """The chart as SVG."""
    def save_chart(self, path: str, name: str | None = None) -> None:
        """Writes the chart to .svg or .png."""
    def save(self, path: str) -> None:
        """Writes a fit, draws included."""
    def parts(self) -> list[tuple[str, Answer]]:
        """The answers by kind."""
    def renamed(self, folder: str, shown: str) -> Answer:
        """The same runs, called by the place that people know."""

@final
class Table:
    """A table in memory, as text that the readers take."""

    def __new__(cls, name: str, columns: Sequence[tuple[str, Any]], nan_is_empty: bool) -> Table: ...

def read_logs(sources: list[Any], keywords: dict[str, Any], report: _Report | None) -> Answer: ...
def fit(
    sources: Any, law: str | None, test: list[Any] | None, keywords: dict[str, Any], report: _Report | None
) -> Answer: ...
def predict(fit: Any, sources: list[Any], keywords: dict[str, Any]) -> Answer: ...
def plan(law: list[Any], keywords: dict[str, Any]) -> Answer: ...
def curve(law: list[Any], keywords: dict[str, Any]) -> Answer: ...
def compare(law: list[Any], keywords: dict[str, Any]) -> Answer: ...
def explain(law: list[Any] | None, keywords: dict[str, Any]) -> Answer: ...
def serving(keywords: dict[str, Any]) -> Answer: ...
def forecast(sources: list[Any], keywords: dict[str, Any], report: _Report | None) -> Answer: ...
def gain(
    names: list[str], sources: list[Any], keywords: dict[str, Any], report: _Report | None
) -> Answer: ...
def mix(
    sources: list[Any], test: list[Any], keywords: dict[str, Any], report: _Report | None
) -> Answer: ...
def recipe(keywords: dict[str, Any]) -> Answer: ...
def tune(sources: list[Any], keywords: dict[str, Any]) -> Answer: ...
def load_fit(path: str) -> Answer: ...
def laws() -> Answer: ...
def models() -> Answer: ...
def devices() -> Answer: ...
