"""Runs notebooks and compares their outputs; `.ci/notebooks` calls it."""

import base64
import difflib
import os
import re
import struct
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
# A warning names the cell's file, which is another each time.
CELL_FILE = re.compile(r"\S*ipykernel_\d+/\d+\.py")
# A picture that was drawn has more bytes than an empty panel.
SMALLEST_PICTURE = 5_000


def executed(path):
    """The notebook with fresh outputs, and nothing in it that changes from run to run."""
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": path.parent}}
    NotebookClient(notebook, kernel_name="python3", timeout=300, record_timing=False, resources=where).execute()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({})
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [steady(output) for output in merged(cell.outputs)]
    return notebook


def merged(outputs):
    """Outputs with pieces of one stream put together: how a stream is cut is chance."""
    whole = []
    for output in outputs:
        last = whole[-1] if whole else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            whole.append(output)
    return whole


def steady(output):
    if output.output_type == "stream":
        output.text = CELL_FILE.sub("<cell>", output.text)
    if "execution_count" in output:
        output.execution_count = None
    # How a picture would print as text is of no use, and in part its address.
    data = output.get("data", {})
    if "image/png" in data or "image/svg+xml" in data:
        data.pop("text/plain", None)
    return output


def differences(stored, fresh):
    """What differs, a line each."""
    told = []
    for number, (was, now) in enumerate(zip(stored.cells, fresh.cells), 1):
        if now.cell_type != "code":
            continue
        where = f"cell {number}"
        if len(was.outputs) != len(now.outputs):
            told.append(f"{where}: {len(was.outputs)} outputs are checked in, {len(now.outputs)} came")
            continue
        for one, other in zip(was.outputs, now.outputs):
            told += [f"{where}: {line}" for line in of_output(one, other)]
    return told


def of_output(was, now):
    if was.output_type != now.output_type:
        return [f"{was.output_type} is checked in, {now.output_type} came"]
    if was.output_type == "stream":
        return of_text(was.text, now.text)
    kinds, new = set(was.data), set(now.data)
    if kinds != new:
        return [f"{sorted(kinds)} are checked in, {sorted(new)} came"]
    told = []
    for kind in sorted(kinds):
        compare = of_picture if kind == "image/png" else of_text
        told += compare(was.data[kind], now.data[kind])
    return told


def of_text(was, now):
    if was == now:
        return []
    lines = difflib.unified_diff(was.splitlines(), now.splitlines(), "checked in", "now", lineterm="", n=0)
    return [line[:300] for line in lines]


def of_picture(was, now):
    """Pixels depend on the build of the font renderer: size in pixels, and about as many bytes."""
    (size, length), (new_size, new_length) = picture(was), picture(now)
    if size != new_size:
        return [f"a picture of {size} pixels is checked in, of {new_size} came"]
    if new_length < SMALLEST_PICTURE:
        return [f"a picture of {new_length} bytes: is it empty?"]
    if abs(new_length / length - 1) > 0.1:
        return [f"a picture of {length} bytes is checked in, of {new_length} came"]
    return []


def picture(text):
    data = base64.b64decode(text)
    return struct.unpack(">II", data[16:24]), len(data)


def main():
    bless = os.environ.get("BLESS") == "1"
    paths = [Path(name).resolve() for name in sys.argv[1:]] or sorted((ROOT / "notebooks").glob("*.ipynb"))
    # Warnings of other packages' insides are not part of a page.
    os.environ["PYTHONWARNINGS"] = "ignore::DeprecationWarning,ignore::ResourceWarning"
    passed = failed = 0
    for path in paths:
        began = time.monotonic()
        try:
            fresh = executed(path)
        except CellExecutionError as error:
            print(f"{path.name}: {error}")
            failed += 1
            continue
        stored = nbformat.read(path, as_version=4)
        told = [] if bless else differences(stored, fresh)
        if bless:
            nbformat.write(fresh, path)
        for line in told:
            print(f"{path.name}: {line}")
        passed, failed = passed + (not told), failed + bool(told)
        verdict = "written" if bless else "differs" if told else "as checked in"
        print(f"{path.name}: {verdict}, {time.monotonic() - began:.0f} s", flush=True)
    if failed:
        print("if the new outputs are right, BLESS=1 .ci/notebooks writes them")
    print(f"notebooks: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


main()
