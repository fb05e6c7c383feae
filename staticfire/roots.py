"""Terraform roots on disk: which directories are one, what they refer to, which variables they need.

A root is where somebody runs `terraform`. Of the directories with Terraform files, those are none that another one uses
as a module, nor those that by their name hold modules, examples or tests.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from . import hcl

DEPTH = 4
DIRECTORIES = 4000  # so many are looked into
NO_ROOTS = {"modules", "module", "examples", "example", "tests", "test", "fixtures", "node_modules", "__pycache__"}
# What nothing that Terraform does depends on, and what is staticfire's own.
NEVER_READ = {
    *(".staticfire", ".terraform", ".git", ".hg", ".svn", "__pycache__"),
    *(".venv", "venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea", ".vscode"),
}
UPWARD = re.compile(r"(?<![.\w])(?:\.\./)*\.\.(?=[/\"\s,)}]|$)")
TO_PACKAGES = re.compile(r"(?:\.\./)+\.staticfire/")  # they are linked into the copy anyway
TFVARS = ("terraform.tfvars", "terraform.tfvars.json")
AUTO_TFVARS = (".auto.tfvars", ".auto.tfvars.json")


def find_roots(directory: Path) -> list[Path]:
    """The root at `directory`; without Terraform files there, every root below it."""
    if hcl.files_in(directory):
        return [directory]
    looked_into = islice(_directories(directory, DEPTH), DIRECTORIES)
    modules = {path: hcl.module_in(path) for path in looked_into if hcl.files_in(path)}
    used = {used for path in modules for used in _local_modules(path)}
    roots = [path for path in modules if path.resolve() not in used]
    with_provider = [path for path in roots if _is_sure(modules[path])]
    return sorted(with_provider or roots)


def _directories(directory: Path, depth: int) -> Iterator[Path]:
    for path in sorted(directory.iterdir()) if os.access(directory, os.R_OK | os.X_OK) else ():
        if path.is_dir() and not path.is_symlink() and not path.name.startswith(".") and path.name not in NO_ROOTS:
            yield path
            if depth > 1:
                yield from _directories(path, depth - 1)


def _is_sure(module: hcl.Block) -> bool:
    """A provider or a backend is configured where Terraform is run."""
    terraform = [inner.type for block in module.of_type("terraform") for inner in block.blocks]
    return any(module.of_type("provider")) or "backend" in terraform or "cloud" in terraform


def _local_modules(directory: Path) -> Iterator[Path]:
    for block in hcl.module_in(directory).of_type("module"):
        source = block.text("source") or ""
        if source.startswith(("./", "../")) or source in (".", ".."):
            yield (directory / source).resolve()


def modules_of(root: Path) -> list[Path]:
    """The root and every module on this disk that it uses, by whatever other."""
    modules = [root.resolve()]
    for path in modules:
        modules += [
            module for module in dict.fromkeys(_local_modules(path)) if module not in modules and module.is_dir()
        ]
    return modules


def tree_of(root: Path) -> Path:
    """The directory that the root, its modules and all that they name by a relative path lie in."""
    root = root.resolve()
    top = _repository(root)
    tree = root
    for module in modules_of(root):
        tree = _above(tree, module, top)
        for file in (*hcl.files_in(module), *module.glob("*.tfvars")):
            text = TO_PACKAGES.sub("", file.read_text(encoding="utf-8", errors="replace"))
            ups = max((match[0].count("..") for match in UPWARD.finditer(text)), default=0)
            for start in {module, root} if "path.root" in text or "path.cwd" in text else {module}:
                tree = _above(tree, _parent(start, ups), top)
    return tree


def _above(tree: Path, other: Path, top: Path) -> Path:
    """What holds both; never more than `top` holds."""
    common = Path(os.path.commonpath([tree, other]))
    return common if common.is_relative_to(top) else tree


def _parent(path: Path, ups: int) -> Path:
    for _ in range(ups):
        path = path.parent
    return path


def _repository(root: Path) -> Path:
    """The repository's top directory; without one, three above the root, and below the user's own directory."""
    above = [root, *root.parents]
    for path in above:
        if (path / ".git").exists():
            return path
    ends = {Path(os.path.realpath(os.environ.get("HOME") or "/")), Path("/")}
    inside = [path for path in above[:4] if path not in ends and path.parent not in {Path("/")}]
    return inside[-1] if inside else root


def missing_variables(
    root: Path, assigned: Sequence[str], var_files: Sequence[Path], variables: Mapping[str, str] = os.environ
) -> list[str]:
    """The root's variables that have no default and are set nowhere."""
    required = {
        block.labels[0]
        for block in hcl.module_in(root).of_type("variable")
        if block.labels and "default" not in block.arguments
    }
    if not required:
        return []
    automatic = [path for path in root.iterdir() if path.name in TFVARS or path.name.endswith(AUTO_TFVARS)]
    there = {*assigned, *(name.removeprefix("TF_VAR_") for name in variables if name.startswith("TF_VAR_"))}
    for file in (*automatic, *var_files):
        text = file.read_text(encoding="utf-8-sig", errors="replace")
        there |= (hcl.parse_json(text) if file.name.endswith(".json") else hcl.parse(text)).arguments.keys()
    return sorted(required - there)


def other_tfvars(root: Path) -> list[Path]:
    """Files of variables that Terraform does not read by itself."""
    return sorted(
        path
        for path in root.glob("**/*.tfvars")
        if path.name not in TFVARS and not path.name.endswith(AUTO_TFVARS) and ".terraform" not in path.parts
    )
