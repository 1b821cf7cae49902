"""The code behind a record, as a digest: editing a strategy must not be answered from the cache.

Comments, docstrings and layout do not count. What a module imports from its own package, or from honesty, does.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_digest(record: object) -> str:
    """Return the sha256 (first 32 hex digits) of the module that defines ``record``'s class and of what it imports.

    Imports are followed within the top-level package of that module and within honesty. A class without a source file
    (made in a notebook) has the digest of its name: there the cache cannot see a change.
    """
    module = type(record).__module__
    sources = _closure(module)
    text = "\n".join(f"{name}\n{source}" for name, source in sorted(sources.items()))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@functools.cache
def _closure(module: str) -> dict[str, str]:
    packages = {module.partition(".")[0], "honesty"}
    found: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and name.partition(".")[0] in packages:
            found[name], imports = _read(name)
            waiting += imports
    return found


@functools.cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """Return a module's code without comments and docstrings, and what it imports; nothing for what is no source file."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # "from package import name", where name is no module
        return "", ()
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return "", ()
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    imports = tuple(_imports(tree))
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree), imports


def _imports(tree: ast.Module) -> Iterator[str]:
    """Yield the modules a module names at its top level (what it imports inside functions it need not have run)."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
