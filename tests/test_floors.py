"""The house has floors: a module imports only from its own floor or below, never in a circle.

Read from the source with `ast`, so that an import that only runs later counts as well.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fkeras"

FLOORS = {  # module or package under fkeras -> floor; the longest name decides
    0: "arguments registry config spec masking recording tree atomic packed boxes auxiliary traced logits"
    " threefry parts",
    1: "activations initializers regularizers constraints policies dtype_policies random stream variable"
    " losses metrics optimizers schedules input_spec reading mixed_precision forms windows convolve pool attention"
    " product data placement",
    2: "surface graph lending ops layer storey stored sharing binding facade compiled",
    3: "layers",
    4: "train callbacks",
    5: "models saving",
    6: "preprocessing datasets utils backend wrappers applications distillation distribution legacy scopes absent"
    " visualization",
    7: "compat",  # and the package itself, a table of contents
}
FLOOR = {f"fkeras.{name}": floor for floor, names in FLOORS.items() for name in names.split()} | {"fkeras": 7}

# Too heavy to load with the package: these, and only these, are imported inside functions.
LATE = ("jax.experimental.jax2tf",)  # which loads TensorFlow
LAZY = set("flax h5py rich matplotlib sklearn scipy PIL pandas torch tensorflow orbax pydot graphviz IPython".split())
LAZY |= {"jax2onnx", "onnx"}


def module_of(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def floor_of(module: str) -> int | None:
    """The floor of a module: that of its longest ancestor in the table."""
    parts = module.split(".")
    named = (".".join(parts[:n]) for n in range(len(parts), 1, -1))
    return FLOOR["fkeras"] if module == "fkeras" else next((FLOOR[name] for name in named if name in FLOOR), None)


def targets(node: ast.Import | ast.ImportFrom, module: str) -> list[str]:
    """The modules that an import statement loads by name."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    source = node.module or ""
    if node.level:
        package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
        parts = package.split(".")
        source = ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])
    inner = [f"{source}.{alias.name}" for alias in node.names]
    return list(dict.fromkeys(name if name in MODULES else source for name in inner))


@cache
def imports(module: str) -> tuple[tuple[str, int, bool], ...]:
    """(what, line, whether inside a function) for every import of a module."""
    found: list[tuple[str, int, bool]] = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found.extend((name, node.lineno, inside) for name in targets(node, module))
        called = getattr(getattr(node, "func", None), "attr", getattr(getattr(node, "func", None), "id", None))
        if called in ("import_module", "__import__") and isinstance(node, ast.Call):
            name = node.args[0] if node.args else None
            found.append((name.value if isinstance(name, ast.Constant) else "a computed name", node.lineno, True))
        for child in ast.iter_child_nodes(node):
            visit(child, inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(ast.parse(MODULES[module].read_text()), False)
    return tuple(found)


def test_every_module_has_a_floor():
    homeless = [m for m in MODULES if floor_of(m) is None]
    assert not homeless, f"give these a floor in FLOORS: {homeless}"


@pytest.mark.parametrize("module", MODULES)
def test_imports_come_from_the_same_floor_or_below(module):
    mine = floor_of(module) or 0
    up = [(what, line) for what, line, _ in imports(module) if what in MODULES and (floor_of(what) or 0) > mine]
    assert not up, f"{module} (floor {mine}) imports upward: " + ", ".join(f"{w} (line {n})" for w, n in up)


@pytest.mark.parametrize("module", MODULES)
def test_inside_functions_only_heavy_packages_are_imported(module):
    late = [(w, n) for w, n, inside in imports(module) if inside and w.partition(".")[0] not in LAZY and w not in LATE]
    assert not late, f"{module} imports inside a function: " + ", ".join(f"{w} (line {n})" for w, n in late)


@pytest.mark.parametrize("module", MODULES)
def test_heavy_packages_are_imported_only_inside_functions(module):
    early = [(w, n) for w, n, inside in imports(module) if not inside and w.partition(".")[0] in LAZY]
    assert not early, f"{module} imports at its top: " + ", ".join(f"{w} (line {n})" for w, n in early)


def circle(edges: dict[str, list[str]]) -> list[str]:
    """The first circle of a graph, as the path around it, or nothing."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for after in edges.get(node, ()):
            if found := walk(after, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in edges if (found := walk(node, []))), [])


def test_no_circles():
    edges = {m: [what for what, _, _ in imports(m) if what in MODULES and what != m] for m in MODULES}
    assert not (found := circle(edges)), " -> ".join(found)


def test_a_circle_is_found():
    assert circle({"a": ["b"], "b": ["c"], "c": ["b"]}) == ["b", "c", "b"]
    assert circle({"a": ["b", "c"], "b": ["c"], "c": []}) == []
