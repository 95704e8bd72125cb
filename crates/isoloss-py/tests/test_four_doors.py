"""The package, the command line, a study's report and the explorer's page answer one question alike."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import isoloss
import pytest
from conftest import ROOT

STUDY = """
name = "doors"
title = "Four doors"
logs = ["data/first-light/runs.jsonl"]
validate = false

[fit]
bootstrap = 200

[[plan]]
title = "own"
flops = 1e14
serve_tokens = 1e9

[[plan]]
title = "published"
law = "besiroglu"
flops = 1e24
serve_tokens = 2e12
"""


@pytest.fixture(scope="module")
def report(binary: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study's report."""
    folder = tmp_path_factory.mktemp("doors")
    study = folder / "doors.toml"
    study.write_text(STUDY)
    subprocess.run([binary, "study", str(study), "-o", str(folder / "report"), "--quiet"], check=True, cwd=ROOT)
    return folder / "report"


@pytest.fixture(scope="module")
def explorer(binary: str, report: Path) -> Iterator[str]:
    """The address of an explorer that has the study's fit."""
    command = [binary, "serve", str(report / "fit.json"), "--no-open", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as page:
        assert page.stdout is not None
        try:
            yield json.loads(page.stdout.readline())["address"]
        finally:
            page.terminate()


def asked(address: str, question: dict[str, Any] | None = None) -> Any:
    """A question to the explorer, as its page asks."""
    body = None if question is None else json.dumps(question).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data=body), timeout=60) as answer:
        return json.load(answer)


@pytest.mark.parametrize(
    ("place", "flops", "serve_tokens"), [(0, 1e14, 1e9), (1, 1e24, 2e12)], ids=["own", "published"]
)
def test_four_doors_give_one_number(
    cli: Any, report: Path, explorer: str, place: int, flops: float, serve_tokens: float
) -> None:
    law = [str(report / "fit.json"), "besiroglu"][place]
    shelf = asked(explorer + "api/start")["laws"]
    page = asked(
        explorer + "api/plan",
        {"law": shelf[0]["id"] if place == 0 else law, "flops": flops, "serve_tokens": serve_tokens},
    )
    printed = cli("plan", "--law", law, "--flops", str(flops), "--serve-tokens", str(serve_tokens))
    package = isoloss.plan(law, flops=flops, serve_tokens=serve_tokens).to_dict()
    written = json.loads((report / "plan.json").read_text())[place]
    for answer in (page, json.loads(json.dumps(package)), written):
        assert answer["plans"] == printed["plans"]
        assert answer["recommended"] == printed["recommended"]
    html = (report / "index.html").read_text()
    assert f'{printed["recommended"][0]["loss"]:.4f}' in html
