"""Answers: what the command line prints, as values."""

from __future__ import annotations

import json
import os
import warnings as python_warnings
from collections.abc import Iterator
from typing import Any

from . import _frames, _html
from ._errors import IsolossWarning
from ._isoloss import Answer


class Record(dict[str, Any]):
    """An object of the JSON output: a dict whose keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"no field {name!r}; there are {', '.join(self)}") from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self]


class Warned(Record):
    """One warning: ``code``, ``message``, ``severity``."""

    code: str
    message: str
    severity: str

    def __str__(self) -> str:
        return f"warning[{self.code}]: {self.message}"


class Picture:
    """A chart as SVG; a notebook shows it."""

    def __init__(self, answer: Answer, name: str | None = None) -> None:
        self._answer = answer
        self._name = name
        #: The SVG text.
        self.svg: str = answer.svg(name)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the chart to ``.svg`` or ``.png``."""
        self._answer.save_chart(os.fspath(path), self._name)

    def __repr__(self) -> str:
        return f"<isoloss.Picture, {len(self.svg)} characters of SVG; .save('chart.svg') or .png>"


class Result:
    """An answer. Its attributes are the fields of the command line's ``--json`` object."""

    #: The field whose rows ``to_frame`` gives.
    _rows: str = ""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._fields: Record | None = None

    def _record(self) -> Record:
        if self._fields is None:
            self._fields = json.loads(self._answer.json(), object_hook=Record)
        return self._fields

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._record()[name]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__} has no field {name!r}; there are {', '.join(self._record())}"
            ) from None

    def __getitem__(self, name: str) -> Any:
        return self._record()[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._record()]

    @property
    def warnings(self) -> list[Warned]:
        """Every warning, the most serious first."""
        return [Warned(one) for one in json.loads(self._answer.warnings())]

    @property
    def text(self) -> str:
        """What the command line prints; of an answer that it does not print, the table."""
        return self._answer.text() or _html.plain(self.to_rows())

    def to_dict(self) -> dict[str, Any]:
        """The object that the command line prints under ``--json``."""
        return json.loads(self._answer.json())  # type: ignore[no-any-return]

    def to_json(self) -> str:
        """The same as text."""
        return self._answer.json()

    def to_rows(self) -> list[dict[str, Any]]:
        """The table of the answer as flat dicts; the ends of an interval are ``…_lo`` and ``…_hi``."""
        return _frames.flat(self._table())

    def _table(self) -> list[dict[str, Any]]:
        return list(self._record()[self._rows])

    def to_frame(self) -> Any:
        """The table of the answer as a frame of pandas where it is installed, else of polars."""
        return _frames.frame_of(self.to_rows())

    def to_arrow(self) -> Any:
        """The table of the answer as a ``pyarrow.Table``."""
        return _frames.arrow_of(self.to_rows())

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any:
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def plot(self, name: str | None = None) -> Picture:
        """The chart of the answer, where it has one: of runs their design, of a plan or curve its plane.

        Args:
            name: Of a fit, ``"frontier"`` (the usual one), ``"valleys"``, ``"plane"`` or ``"design"``.
        """
        return Picture(self._answer, name)

    def __repr__(self) -> str:
        return self.text.rstrip("\n")

    def _repr_html_(self) -> str:
        lead = self.text.split("\n\n", 1)[0].rstrip()
        return _html.page(lead, self.to_rows(), self.warnings, self.text)


class Runs(Result):
    """A table of runs: what ``isoloss logs`` makes of logs.

    ``runs`` (``run``, ``n``, ``d``, ``c``, ``loss_nats``, …), ``files``, ``skipped``, ``assumptions``,
    ``notes``, ``design``, ``seed_noise``, ``digest``.
    """

    _rows = "runs"

    def fit(self, law: str = "chinchilla", **keywords: Any) -> Fit:
        """As :func:`isoloss.fit` of these runs; the keywords about reading were given before."""
        from ._verbs import fit

        return fit(self, law, **keywords)

    def __len__(self) -> int:
        return len(self._record()["runs"])


class Fit(Result):
    """A fitted law.

    ``law``, ``coefficients``, ``intervals``, ``level``, ``certificate``, ``allocation``, ``decisions``,
    ``held_out``, ``n_points``, ``objective_value``, ….
    """

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the fit, draws included, as ``isoloss fit -o`` does; :func:`isoloss.load_fit` reads it."""
        self._answer.save(os.fspath(path))

    def _table(self) -> list[dict[str, Any]]:
        fields = self._record()
        return [
            {
                "coefficient": name,
                "value": value,
                "interval": fields.get("intervals", {}).get(name),
                "std_error": (fields.get("std_errors") or {}).get(name),
            }
            for name, value in fields["coefficients"].items()
        ]

    def predict(self, points: Any, **keywords: Any) -> Prediction:
        """As :func:`isoloss.predict` under this fit."""
        from ._verbs import predict

        return predict(self, points, **keywords)

    def plan(self, **keywords: Any) -> Plan:
        """As :func:`isoloss.plan` under this fit."""
        from ._verbs import plan

        return plan(self, **keywords)

    def curve(self, **keywords: Any) -> Curve:
        """As :func:`isoloss.curve` under this fit."""
        from ._verbs import curve

        return curve(self, **keywords)

    def compare(self, **keywords: Any) -> Comparison:
        """As :func:`isoloss.compare` under this fit."""
        from ._verbs import compare

        return compare(self, **keywords)

    def explain(self, model: str | None = None, **keywords: Any) -> Explanation:
        """As :func:`isoloss.explain` under this fit."""
        from ._verbs import explain

        return explain(model, law=self, **keywords)


class Fits(Result):
    """A fit for each kind of runs, by a column: ``column``, ``kinds``, ``without``."""

    def _table(self) -> list[dict[str, Any]]:
        return [
            {
                "kind": kind.kind,
                "runs": kind.runs,
                "refused": kind.get("refused"),
                **(kind.report.coefficients if "report" in kind else {}),
            }
            for kind in self._record()["kinds"]
        ]

    def fits(self) -> dict[str, Fit]:
        """The fits by kind, without the kinds that fix no law."""
        return {kind: Fit(answer) for kind, answer in self._answer.parts()}


class Plan(Result):
    """Plans: ``plans`` (a row per law and strategy), ``recommended`` (one per law), ``goal``, …."""

    _rows = "plans"


class Prediction(Result):
    """Predicted losses: ``rows`` (``run``, ``params``, ``tokens``, ``loss``, ``interval``, ``outside``)."""

    _rows = "rows"


class Curve(Result):
    """An iso-loss curve: ``loss``, ``optimum``, ``wall_params``, ``points``; several in ``curves``."""

    def _table(self) -> list[dict[str, Any]]:
        fields = self._record()
        curves = fields.get("curves", [fields])
        return [
            {"law": curve["law"], "loss": curve["loss"], **point}
            for curve in curves
            for point in curve["points"]
        ]


class Comparison(Result):
    """Sizes at one loss: ``optimum``, ``rows``, ``wall_params``; several laws in ``comparisons``."""

    def _table(self) -> list[dict[str, Any]]:
        fields = self._record()
        comparisons = fields.get("comparisons", [fields])
        return [{"law": one["law"], **row} for one in comparisons for row in one["rows"]]


class Explanation(Result):
    """A model against the optimum: ``overtraining_ratio``, ``overhead``, ``optimum``, ….

    Under several laws, one in each of ``explanations``.
    """

    def _table(self) -> list[dict[str, Any]]:
        fields = self._record()
        return list(fields.get("explanations", [fields]))


class Serving(Result):
    """Memory, speed and price by batch: ``models``, each with ``rows``; ``accuracy``, ``device``."""

    def _table(self) -> list[dict[str, Any]]:
        return [{"model": m["model"], **row} for m in self._record()["models"] for row in m["rows"]]


class Forecast(Result):
    """The final loss of a run: ``loss``, ``interval``, ``run``, …."""

    def _table(self) -> list[dict[str, Any]]:
        scalars = {k: v for k, v in self._record().items() if not isinstance(v, dict)}
        return [{k: v for k, v in scalars.items() if _frames.is_cell(v)}]


class Recipe(Result):
    """A run written out: shape, hyper-parameters, layout, days, dollars."""

    def _table(self) -> list[dict[str, Any]]:
        return [self._record()]


class Tuning(Result):
    """Laws of the best learning rate and batch: ``settings`` at the sizes asked for, and the fit."""

    _rows = "settings"


class Gains(Result):
    """Recipes compared: ``verdict``, ``methods`` and ``chosen`` of two; ``gains`` of more, each like that."""

    def _table(self) -> list[dict[str, Any]]:
        record = self._record()
        if "gains" in record:
            return [{"b": gain["b"], "verdict": gain["verdict"]} for gain in record["gains"]]
        return [
            {"way": method["name"], "held_out_error": method["held_out_error"], **row}
            for method in record["methods"]
            for row in method["budgets"]
        ]


class Mixture(Result):
    """The best mixture: ``best`` by domain, ``shares`` with intervals, and how well its law ranks."""

    _rows = "shares"


class Listing(Result):
    """What is on record, with sources; iterates over its rows."""

    def _table(self) -> list[dict[str, Any]]:
        return list(next(iter(v for k, v in self._record().items() if k in ("laws", "models", "devices"))))

    def __iter__(self) -> Iterator[Record]:
        return iter(self._table())  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self._table())


def told(result: Result) -> Any:
    """The result, after Python has been warned where the answer itself is in doubt."""
    for one in result.warnings:
        if one.severity == "wrong":
            python_warnings.warn(f"{one.message} [{one.code}]", IsolossWarning, stacklevel=4)
    return result
