"""Answers as notebooks show them: the answer first, a small table, what to mind, all of it behind."""

from __future__ import annotations

import html
from typing import Any

#: Rows and columns of the table; the frame has all.
ROWS, COLUMNS = 12, 8

STYLE = "font-family:inherit;font-size:90%;border-collapse:collapse;margin:0.5em 0"
CELL = "padding:2px 10px;text-align:right;border-bottom:1px solid rgba(128,128,128,0.3)"


def page(lead: str, rows: list[dict[str, Any]], warnings: list[Any], text: str) -> str:
    """The answer as HTML."""
    parts = [f'<pre style="margin:0;white-space:pre-wrap"><b>{html.escape(lead)}</b></pre>'] if lead else []
    parts.append(table(rows))
    for one in warnings:
        color = "#b03030" if one["severity"] == "wrong" else "inherit"
        parts.append(
            f'<div style="color:{color};font-size:90%">&#9888; {html.escape(one["message"])} '
            f'<code>{html.escape(one["code"])}</code></div>'
        )
    if text:
        parts.append(
            "<details><summary>all of it</summary>"
            f'<pre style="overflow-x:auto">{html.escape(text)}</pre></details>'
        )
    return '<div class="isoloss">' + "".join(parts) + "</div>"


def said(rows: list[dict[str, Any]]) -> list[str]:
    """The columns that say something."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if any(row.get(name) is not None for row in rows)]


def plain(rows: list[dict[str, Any]]) -> str:
    """The first rows and columns as text."""
    names = said(rows)[: COLUMNS - 2]
    lines = [names, *([cell(row.get(name)) for name in names] for row in rows[:ROWS])]
    widths = [max(len(line[at]) for line in lines) for at in range(len(names))]
    return "\n".join("  ".join(text.rjust(width) for text, width in zip(line, widths)) for line in lines)


def table(rows: list[dict[str, Any]]) -> str:
    """The first rows and columns that say something."""
    names = said(rows)
    if not names:
        return ""
    shown = names[:COLUMNS]
    head = "".join(f'<th style="{CELL}">{html.escape(name)}</th>' for name in shown)
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{html.escape(cell(row.get(name)))}</td>' for name in shown) + "</tr>"
        for row in rows[:ROWS]
    )
    more = [f"{len(rows) - ROWS} more rows"] if len(rows) > ROWS else []
    more += [f"{len(names) - COLUMNS} more columns"] if len(names) > COLUMNS else []
    note = f'<div style="font-size:80%">and {" and ".join(more)} in <code>.to_frame()</code></div>' if more else ""
    return f'<table style="{STYLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}'


def cell(value: Any) -> str:
    """A value with the digits that people read."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:.4g}"
