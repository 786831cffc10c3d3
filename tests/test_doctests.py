"""Every example in a docstring or a Markdown page runs and prints what it says.

In Markdown a ```python block is run: as a doctest where it holds `>>>`, else as a program.
The blocks of one page share their names. A block in another language (```py, ```text) is only read.
"""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
BLOCK = re.compile(r"^```python[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    """The dotted name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = [path for path in sorted((ROOT / "fkeras").rglob("*.py")) if ">>>" in path.read_text()]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def check(test: doctest.DocTest) -> None:
    """Runs one doctest and fails with its report."""
    report: list[str] = []
    failed, _ = doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append, clear_globs=False)
    assert not failed, "".join(report)


def is_long(path: Path) -> bool:
    """Whether its examples take long: those of images compile most."""
    return "image" in path.parts


@pytest.mark.parametrize(
    "path", [pytest.param(p, marks=[pytest.mark.long] * is_long(p), id=name_of(p)) for p in SOURCES]
)
def test_docstrings(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name_of(path))
    tests = [t for t in doctest.DocTestFinder(exclude_empty=True).find(module) if t.examples]
    assert tests, f"{path} holds '>>>' outside of docstrings"
    for test in tests:
        test.globs = {**vars(module), "__name__": "__main__"}  # what an example defines is user code
        check(test)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_pages(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, names = page.read_text(), {"__name__": "__main__"}
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        if ">>>" in block[1]:
            test = doctest.DocTestParser().get_doctest(block[1], names, page.name, str(page), line)
            check(test)
            names = test.globs
        else:
            exec(compile("\n" * line + block[1], str(page), "exec", dont_inherit=True), names)
