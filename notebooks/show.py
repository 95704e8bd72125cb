"""How the notebooks write numbers and draw: the same in all five."""

from pathlib import Path

import matplotlib.pyplot as plt

plt.style.use(Path(__file__).with_name("isoloss.mplstyle"))


def short(count: float) -> str:
    """`7.2e9` as `7.20B`: three digits and the letter that people say."""
    for size, letter in ((1e15, "Q"), (1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size * 0.9995:
            return f"{count / size:.3g}{letter}"
    return f"{count:.3g}"


def dollars(usd: float) -> str:
    """`2174976` as `$2.17M`."""
    return "$" + short(usd)


def count_axis(axis) -> None:
    """Ticks of a log axis as counts, `10B`, at 1, 2 and 5 of each decade where few decades show."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    low, high = axis.get_view_interval()
    few = high / low < 50
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axis.set_minor_formatter(NullFormatter())
    if few:
        axis.set_minor_locator(NullLocator())
