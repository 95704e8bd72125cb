"""The command line beside the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: The repository: tests read the runs that come with the source.
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in messages and JSON are those of the command line."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="session")
def binary() -> str:
    """The program ``isoloss``, by ``ISOLOSS_BIN`` or the path."""
    found = os.environ.get("ISOLOSS_BIN") or shutil.which("isoloss")
    if not found:
        pytest.skip("set ISOLOSS_BIN to the program isoloss to compare with it")
    return str(Path(found).resolve())


@pytest.fixture
def cli(binary: str) -> Callable[..., Any]:
    """Runs the program and gives its JSON."""

    def run(*args: str) -> Any:
        done = subprocess.run([binary, *args, "--json"], capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def cli_text(binary: str) -> Callable[..., str]:
    """Runs the program and gives its text."""

    def run(*args: str) -> str:
        done = subprocess.run([binary, *args], capture_output=True, text=True, check=True, cwd=ROOT)
        return done.stdout

    return run
