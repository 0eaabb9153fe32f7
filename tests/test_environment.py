"""pyproject.toml, requirements.lock, environment.yml and what containers read tell one story."""

import ast
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())

# conda-forge's name -> the name on Python's package index, where the two differ.
CONDA_NAMES = {
    "pytorch": "torch",
    "matplotlib-base": "matplotlib",
    "playwright-python": "playwright",
    "docstring_parser": "docstring-parser",
    "mapbox_earcut": "mapbox-earcut",
}
# What jsonargparse's extra "signatures" installs: conda knows no extras, so it is named there.
INDIRECT = {"docstring-parser", "typeshed-client"}


def direct_dependencies() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"]
    lines = PROJECT["project"]["dependencies"] + [
        line for extra in extras.values() for line in extra
    ]
    return [Requirement(line) for line in lines if not line.startswith("pcvae[")]


def locked(python: str) -> dict[str, str]:
    """Versions that the lock file gives to one Python on Linux."""
    here = default_environment() | {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "sys_platform": "linux",
        "os_name": "posix",
    }
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    requirements = [Requirement(line) for line in lines]
    chosen = [r for r in requirements if r.marker is None or r.marker.evaluate(here)]
    versions = {r.name: str(r.specifier).removeprefix("==") for r in chosen}
    assert len(versions) == len(chosen), "the lock file names a package twice for one Python"
    return versions


def by_pip() -> list[str]:
    """What environment.yml leaves to pip."""
    (found,) = [line["pip"] for line in CONDA["dependencies"] if isinstance(line, dict)]
    return found


def conda_versions() -> dict[str, str]:
    """environment.yml's versions under the package index's names, python among them."""
    pairs = [line.split("=") for line in CONDA["dependencies"] if isinstance(line, str)]
    pairs += [line.split("==") for line in by_pip() if "==" in line]
    return {CONDA_NAMES.get(p[0], p[0]): p[1] if len(p) > 1 else "" for p in pairs}


@pytest.mark.parametrize("python", ["3.11.7", "3.12.1", "3.13.0"])
@pytest.mark.parametrize("requirement", direct_dependencies(), ids=lambda r: r.name)
def test_lock_has_each_direct_dependency_inside_its_range(requirement, python):
    versions = locked(python)
    assert requirement.name in versions, "run `make lock`"
    assert requirement.specifier.contains(versions[requirement.name])


def test_every_line_of_the_lock_pins_one_version():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z0-9.-]+==[^\s;*]+( ; .+)?", line) for line in lines)


def test_lock_leaves_the_choice_of_torch_build_open():
    names = locked("3.12.1")
    assert not [name for name in names if name.startswith(("nvidia", "cuda", "triton"))]
    assert names["torch"] == "2.13.0"


def test_environment_yml_has_the_direct_dependencies_and_no_others():
    names = set(conda_versions()) - {"python", "pip"}
    assert names - INDIRECT == {requirement.name for requirement in direct_dependencies()}


def test_environment_yml_has_the_versions_of_the_lock():
    conda = conda_versions()
    versions = locked(conda["python"] + ".5")
    ours = {name: version for name, version in conda.items() if name not in {"python", "pip"}}
    assert ours == {name: versions[name] for name in ours}


def test_environment_yml_installs_the_package_by_pip():
    assert "-e ." in by_pip()


def test_a_dev_container_has_the_makefiles_environment():
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    container = json.loads(text)
    assert container["image"] == "python:" + conda_versions()["python"]
    assert container["postCreateCommand"] == "make env"  # of bootstrap.py, from the lock
    assert "PIP_ARGS" in container["containerEnv"]
    for path in re.findall(r"\bnotebooks/[^\"]+", text):
        assert (ROOT / path).is_file(), path


def test_binder_installs_the_lock_and_then_the_package():
    folder = ROOT / ".binder"
    lock, package = (folder / "requirements.txt").read_text().splitlines()
    assert (folder / lock.removeprefix("-r ")).samefile(ROOT / "requirements.lock")
    assert package == "-e ."  # pip looks from where it is started, which is the repository
    assert (folder / "runtime.txt").read_text() == f"python-{conda_versions()['python']}\n"


def test_the_python_range_is_told_alike_everywhere():
    supported = SpecifierSet(PROJECT["project"]["requires-python"])
    tree = ast.parse((ROOT / "bootstrap.py").read_text())
    (minimum,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "MINIMUM"
    )
    oldest = ".".join(map(str, minimum))
    assert supported == SpecifierSet(f">={oldest}")
    assert PROJECT["tool"]["ruff"]["target-version"] == "py" + oldest.replace(".", "")
    assert supported.contains(conda_versions()["python"])


def test_a_clone_with_other_line_ends_stays_runnable(tmp_path):
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no clone, or there is no git")

    def run(*words: str, where: Path = ROOT) -> str:
        return subprocess.run(words, cwd=where, capture_output=True, text=True, check=True).stdout

    # What `git clone -c core.autocrlf=true` writes, which is what Git for Windows does.
    files = (".ci/run", "Makefile", "bootstrap.py")
    prefix = f"--prefix={tmp_path}/"
    run("git", "-c", "core.autocrlf=true", "checkout-index", prefix, *files)
    assert not [name for name in files if b"\r" in (tmp_path / name).read_bytes()]
    run("bash", "-n", ".ci/run", where=tmp_path)
    assert "make lab" in run("make", "help", where=tmp_path)
    run(sys.executable, "-m", "py_compile", "bootstrap.py", where=tmp_path)


WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text())
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
WORKFLOW = WORKFLOWS["checks"]


def commands(job: dict) -> list[str]:
    """All shell commands of a job of the workflow, those of its matrix among them."""
    runs = [step["run"] for step in job["steps"] if "run" in step]
    matrix = job.get("strategy", {}).get("matrix", {})
    return runs + [case["run"] for case in matrix.get("include", [])]


def test_the_workflow_runs_every_kind_of_check_and_drift_by_night():
    names = {case["name"] for case in WORKFLOW["jobs"]["check"]["strategy"]["matrix"]["include"]}
    assert names == {"lint", "tests", "notebooks", "browser"}
    assert "schedule" in WORKFLOW[True]  # YAML 1.1 takes the key `on` for true
    assert {"lowest-direct", "highest"} == set(
        WORKFLOW["jobs"]["drift"]["strategy"]["matrix"]["resolution"]
    )


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_workflow_calls_what_there_is(name):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for job in WORKFLOWS[name]["jobs"].values():
        assert job["timeout-minutes"]
        for command in commands(job):
            assert set(re.findall(r"\bmake ([a-z-]+)", command)) <= set(targets)
            for path in re.findall(r"\b(?:tests|notebooks)(?:/\w+)?\b", command):
                assert (ROOT / path).exists(), path
