"""isoloss: training-run logs in, a pretraining plan out.

>>> import isoloss
>>> plan = isoloss.plan("besiroglu", flops=1e24)
>>> plan.plans[1].strategy
'chinchilla'
>>> round(plan.plans[1].params / 1e9, 1)
95.9

The functions are the verbs of the command line, with the same names for what they take and the same
numbers, to the bit. Numbers may be written as people write them: ``"7B"``, ``"1.4T"``, ``"30d"``,
``"$2M"``. Logs are paths, or tables in memory: pandas and polars frames, arrays, anything with the Arrow
PyCapsule interface.
"""

from ._doors import from_mlflow, from_wandb
from ._errors import (
    CostError,
    DataError,
    Error,
    FitError,
    IsolossWarning,
    LawError,
    PlanError,
    StudyError,
)
from ._isoloss import __version__
from ._results import (
    Comparison,
    Curve,
    Explanation,
    Fit,
    Fits,
    Forecast,
    Gains,
    Listing,
    Mixture,
    Picture,
    Plan,
    Prediction,
    Recipe,
    Record,
    Result,
    Runs,
    Serving,
    Tuning,
    Warned,
)
from ._verbs import (
    compare,
    curve,
    devices,
    explain,
    fit,
    forecast,
    gain,
    laws,
    load_fit,
    mix,
    models,
    plan,
    predict,
    read_logs,
    recipe,
    serving,
    tune,
)

__all__ = [
    "Comparison",
    "CostError",
    "Curve",
    "DataError",
    "Error",
    "Explanation",
    "Fit",
    "FitError",
    "Fits",
    "Forecast",
    "Gains",
    "IsolossWarning",
    "LawError",
    "Listing",
    "Mixture",
    "Picture",
    "Plan",
    "PlanError",
    "Prediction",
    "Recipe",
    "Record",
    "Result",
    "Runs",
    "Serving",
    "StudyError",
    "Tuning",
    "Warned",
    "__version__",
    "compare",
    "curve",
    "devices",
    "explain",
    "fit",
    "forecast",
    "gain",
    "from_mlflow",
    "from_wandb",
    "laws",
    "load_fit",
    "mix",
    "models",
    "plan",
    "predict",
    "read_logs",
    "recipe",
    "serving",
    "tune",
]
