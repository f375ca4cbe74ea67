"""The promises that the tree makes (ARCHITECTURE.md, "The tree"), read from the sources alone."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sluicegate"
TESTS = ROOT / "tests"
JOURNEY = SOURCE / "journey"
MODULES = sorted(SOURCE.rglob("*.py"))

FORBIDDEN_NAMES = {"utils", "util", "helpers", "common", "base", "misc", "types", "manager"}
FILE_LINES, FUNCTION_LINES = 400, 70
OWN_TESTS = {
    "chaos",
    "contracts",
    "deploy",
    "docs",
    "examples",
    "golden",
    "journeys",
    "money",
    "outages",
    "rehearsal",
    "support",
    "truth",
}
"""Folders and files of tests that mirror no single source file."""

PURE_CALLS = {
    # builtins and methods that only make a value out of values
    "bytes", "dict", "enumerate", "float", "frozenset", "globals", "int", "isinstance", "len",
    "list", "max", "min", "object", "range", "set", "slice", "sorted", "str", "sum", "tuple",
    "type", "zip", "capitalize", "staticmethod", "classmethod",
    "bit_length", "decode", "encode", "format", "fromkeys", "index", "items", "join", "keys",
    "lower", "maketrans", "removeprefix", "removesuffix", "replace", "split", "strip", "to_bytes",
    "union", "upper", "values", "chr", "ord", "ip_network",
    # declarations of the standard library and of msgspec
    "NewType", "compile", "datetime", "desc", "field", "namedtuple", "cast", "timedelta",
    "with_variant", "Option", "Argument", "get_args",
}  # fmt: skip
PURE_DECORATORS = {
    "delete", "get", "patch", "post", "put",  # Litestar's, of handlers
    "abstractmethod", "asynccontextmanager", "cache", "classmethod", "contextmanager", "dataclass",
    "final", "lru_cache", "mypyc_attr", "overload", "property", "runtime_checkable", "setter",
    "staticmethod", "total_ordering", "unique", "wraps",
}  # fmt: skip
LIVE_CLASSES = {
    "Barrier", "Condition", "Event", "Future", "Lock", "Metrics", "Popen", "Process",
    "ProcessPoolExecutor", "Queue", "Random", "RLock", "Semaphore", "SystemRandom", "Thread",
    "ThreadPoolExecutor",
}  # fmt: skip
"""Classes whose objects are state, or do something: never at import."""


TIME_CALLS = {
    "monotonic", "monotonic_ns", "now", "perf_counter", "perf_counter_ns", "sleep", "time",
    "time_ns", "today", "utcnow",
}  # fmt: skip


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_named(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


@cache
def imports_of(path: Path) -> frozenset[str]:
    """Return every module that a file imports, anywhere in it, names of `from` imports too."""
    found: set[str] = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name_of(path)}:{node.lineno}: a relative import"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@cache
def policies() -> tuple[Path, ...]:
    """Return the files of the journey that hold a policy."""
    return tuple(
        path
        for path in JOURNEY.glob("*/*.py")
        if any(isinstance(n, ast.ClassDef) and n.name == "Policy" for n in tree_of(path).body)
    )


# --- every file has its test --------------------------------------------------------------------


def mirrored() -> list[Path]:
    return [path for path in MODULES if path.name not in {"__init__.py", "__main__.py"}]


def test_every_source_file_has_its_mirrored_test() -> None:
    wrong = []
    for path in mirrored():
        expected = TESTS / path.relative_to(SOURCE).with_name(f"test_{path.name}")
        if not expected.exists():
            wrong.append(f"{name_of(path)} is tested by no {name_of(expected)}")
            continue
        functions = (n for n in ast.walk(tree_of(expected)) if isinstance(n, ast.FunctionDef))
        if not any(function.name.startswith("test_") for function in functions):
            wrong.append(f"{name_of(expected)} tests nothing")
    assert not wrong, "\n".join(wrong)


def test_a_test_in_a_mirrored_folder_has_its_source_file() -> None:
    orphans = []
    for path in TESTS.glob("*/**/test_*.py"):
        inner = path.relative_to(TESTS)
        source = SOURCE / inner.with_name(inner.name.removeprefix("test_"))
        if inner.parts[0] not in OWN_TESTS and not source.exists():
            orphans.append(name_of(path))
    assert not orphans


# --- the journey --------------------------------------------------------------------------------


def test_a_folder_of_the_journey_is_a_stage() -> None:
    from sluicegate.journey import STAGES  # noqa: PLC0415 - the other tests need no import

    folders = {path.parent.name for path in JOURNEY.glob("*/__init__.py")}
    assert folders <= set(STAGES)


def test_a_policys_name_is_its_file_name() -> None:
    from sluicegate.snapshot.policies import PolicyCatalog  # noqa: PLC0415 - same

    catalog = PolicyCatalog()
    files = {path.stem: path.parent.name for path in policies()}
    assert len(files) == len(policies()), "two policies have one name"
    assert files
    assert {name: catalog.find(name).stage for name in files} == files
    for path in policies():
        classes = {n.name for n in tree_of(path).body if isinstance(n, ast.ClassDef)}
        assert "Config" in classes, f"{name_of(path)} has a Policy and no Config"


def test_policies_never_import_each_other() -> None:
    names = {module_named(path) for path in policies()}
    for path in policies():
        others = imports_of(path) & (names - {module_named(path)})
        assert not others, f"{name_of(path)} imports {sorted(others)}"


def test_stages_know_neither_store_nor_control_plane_nor_processes() -> None:
    above = re.compile(r"sluicegate\.(store|admin|process|cli|assemble)\b")
    for path in JOURNEY.rglob("*.py"):
        wrong = sorted(name for name in imports_of(path) if above.match(name))
        assert not wrong, f"{name_of(path)} imports {wrong}"


# --- nothing runs at import ---------------------------------------------------------------------


def called(node: ast.Call) -> str:
    function = node.func
    if isinstance(function, ast.Subscript):
        function = function.value
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else "?"


def is_pure(call: ast.Call) -> bool:
    """Say whether a call makes a constant: a pure function, or a class that holds no state."""
    name = called(call)
    if name in PURE_CALLS:
        return True
    return bool(re.match(r"_?[A-Z]", name)) and name not in LIVE_CLASSES


def calls_in(node: ast.AST | None) -> Iterator[ast.Call]:
    """Yield calls that happen when `node` is evaluated; the inside of a lambda does not."""
    if node is None or isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.Call):
        yield node
    for child in ast.iter_child_nodes(node):
        yield from calls_in(child)


def is_main_guard(node: ast.If) -> bool:
    return ast.unparse(node.test) in {"TYPE_CHECKING", "__name__ == '__main__'"}


def is_import_without(node: ast.With) -> bool:
    """Say whether a block only imports, while something that would come along is absent."""
    imports = all(isinstance(inner, ast.Import | ast.ImportFrom) for inner in node.body)
    guards = [item.context_expr for item in node.items]
    return imports and all(isinstance(g, ast.Call) and called(g) == "absent" for g in guards)


def run_at_import(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    """Yield (line, what) for everything that does something when the module is imported."""
    own = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Pass):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.If) and is_main_guard(node):
            continue
        if isinstance(node, ast.With) and is_import_without(node):
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from run_by_definition(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from run_by_value(node.value, own)
        else:
            yield node.lineno, type(node).__name__


def run_by_value(
    value: ast.AST | None, own: dict[str, ast.FunctionDef]
) -> Iterator[tuple[int, str]]:
    """Look at every call in a value; into functions of the same file, one level deep."""
    for call in calls_in(value):
        function = own.get(called(call))
        inner = [call] if function is None else [c for n in function.body for c in calls_in(n)]
        for one in inner:
            if not is_pure(one):
                yield call.lineno, f"calls {called(one)}()"


def run_by_definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
) -> Iterator[tuple[int, str]]:
    for decorator in node.decorator_list:
        bare = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = bare.attr if isinstance(bare, ast.Attribute) else getattr(bare, "id", "?")
        if name not in PURE_DECORATORS:
            yield decorator.lineno, f"decorator {name}"
    if isinstance(node, ast.ClassDef):
        yield from run_at_import(node.body)
        return
    for default in [*node.args.defaults, *node.args.kw_defaults]:
        for call in calls_in(default):
            if not is_pure(call):
                yield call.lineno, f"calls {called(call)}() for a default"


def test_nothing_runs_at_import() -> None:
    found = [
        f"{name_of(path)}:{line}: {what}"
        for path in MODULES
        for line, what in run_at_import(tree_of(path).body)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "import os\nHOME = os.getcwd()",
        "from threading import Lock\nLOCK = Lock()",
        "print('hello')",
        "for x in (): y = x",
        "def made(): return open('x')\nX = made()",
        "@app.command()\ndef run(): ...",
        "class A:\n    here = open('x')",
        "with open('x'):\n    import y",
        "with absent('x'):\n    y()",
        "def f(x=now()): ...",
    ],
)
def test_the_check_of_imports_sees_what_runs(text: str) -> None:
    assert list(run_at_import(ast.parse(text).body))


def reads_time(node: ast.AST) -> bool:
    """Say whether a call asks for the time or waits; `asyncio.sleep(0)` only yields."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    if ast.unparse(node) == "asyncio.sleep(0)":
        return False
    owner, name = ast.unparse(node.func.value), node.func.attr
    return owner in {"time", "datetime", "datetime.datetime", "asyncio"} and name in TIME_CALLS


def test_only_the_clock_reads_time() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}: {ast.unparse(node)}"
        for path in MODULES
        if path != SOURCE / "clock.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and reads_time(node)
    ]
    assert not found, "\n".join(found)


# --- names, sizes, words ------------------------------------------------------------------------


def files() -> list[Path]:
    """Return the project's text files: what is, or would be, committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    found = [ROOT / name for name in done.stdout.splitlines()]
    return [path for path in found if path.is_file()]


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    wrong = [
        name_of(path)
        for path in files()
        if {part.partition(".")[0] for part in path.relative_to(ROOT).parts} & FORBIDDEN_NAMES
        or re.search(r"_v[0-9]+$", path.stem)
    ]
    assert not wrong


def test_no_package_is_empty() -> None:
    for folder in {path.parent for path in MODULES}:
        files = {path.name for path in folder.rglob("*.py")}
        assert files != {"__init__.py"}, f"{name_of(folder)} holds nothing"


def test_files_and_functions_stay_within_their_ceilings() -> None:
    wrong = []
    for path in [*MODULES, *(ROOT / "bench").glob("*.py"), *(TESTS / "support").glob("*.py")]:
        lines = len(path.read_text().splitlines())
        if lines > FILE_LINES:
            wrong.append(f"{name_of(path)} has {lines} lines")
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    wrong.append(f"{name_of(path)}: {node.name} has {length} lines")
    assert not wrong, "\n".join(wrong)


def test_the_tree_speaks_of_itself_only() -> None:
    """No working notes, and no paths of the machine that it was written on."""
    home = re.escape(os.environ.get("HOME", "/root").rstrip("/") or "/root")
    words = re.compile(
        rf"{re.escape(str(ROOT))}\b|{home}/|\bissue \d+|\bsession \d+|\bsub-?agents?\b"
        r"|\bthe (lead|brief)\b|\bco-authored-by\b|\b(TODO|FIXME)\b",
        re.IGNORECASE,
    )
    wrong = []
    for path in files():
        if path in {Path(__file__), ROOT / "LICENSE"}:
            continue
        text = path.read_text(errors="replace")
        if not words.search(text):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if words.search(line):
                wrong.append(f"{name_of(path)}:{number}: {line.strip()[:80]}")
    assert not wrong, "\n".join(wrong)
