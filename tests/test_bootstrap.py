"""bootstrap.py: says what is wrong in plain words, and does nothing when nothing is to be done."""

import ast
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "bootstrap.py"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with what bootstrap.py reads; its lock file names one package that is nowhere."""
    for name in ("bootstrap.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "requirements.lock").write_text("pcvae-no-such-package==1.0\n")
    return tmp_path


@pytest.fixture
def script(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    """bootstrap.py as a module, whose commands are noted down instead of run."""
    spec = importlib.util.spec_from_file_location("bootstrap", checkout / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.commands = []
    module.answer = 0  # what every command of pip returns, or raises

    def run(command):
        module.commands.append(" ".join(command))
        if "venv" in command:
            python = Path(module.python_of(checkout / ".venv"))
            python.parent.mkdir(parents=True, exist_ok=True)
            python.unlink(missing_ok=True)
            python.symlink_to(sys.executable)
            return 0
        if isinstance(module.answer, BaseException):
            raise module.answer
        return module.answer

    monkeypatch.setattr(module, "run", run)
    return module


def call(command: list, **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def run_as(prelude: str, folder: Path) -> subprocess.CompletedProcess:
    """Run the script in a Python of its own that `prelude` has altered."""
    script = str(folder / "bootstrap.py")
    code = f"{prelude}\nimport runpy; runpy.run_path({script!r}, None, '__main__')"
    return call([sys.executable, "-c", code])


def made(script) -> bool:
    """Whether the last run made the environment anew, rather than bringing it up to date."""
    return any(" -m venv " in command for command in script.commands)


def installed(script) -> bool:
    return Path(script.HERE, ".venv", ".installed").exists()


# What is wrong is said, not traced back


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13)])
def test_an_old_python_is_told_which_one_is_needed(checkout, version):
    answer = run_as(f"import sys; sys.version_info = (*{version}, 'final', 0)", checkout)
    assert answer.returncode == 1
    assert "needs Python 3.11 or newer" in answer.stderr
    assert ".".join(map(str, version)) in answer.stderr
    assert "PYTHON=" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_real_old_pythons_get_as_far_as_the_message(checkout):
    names = ["python2", "python2.7", *(f"python3.{minor}" for minor in range(4, 11))]
    # Where versions are switched by shims, a shim may stand there without its Python.
    found = [n for n in names if shutil.which(n) and call([n, "-c", ""]).returncode == 0]
    if not found:
        pytest.skip("there is no Python older than 3.11 here")
    for name in found:
        answer = call([name, checkout / "bootstrap.py"])
        assert answer.returncode == 1
        assert "needs Python 3.11 or newer" in answer.stderr
        assert "Traceback" not in answer.stderr


def test_the_syntax_is_as_old_as_python_2():
    source = SCRIPT.read_bytes().decode("ascii")
    newer = (
        *(ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Nonlocal, ast.YieldFrom, ast.Starred),
        *(ast.AsyncFunctionDef, ast.Await, ast.MatMult),
    )
    for node in ast.walk(ast.parse(source)):
        assert not isinstance(node, newer), ast.unparse(node)
        if isinstance(node, ast.FunctionDef):
            hints = [argument.annotation for argument in node.args.args] + [node.returns]
            assert hints == [None] * len(hints)
            assert not node.args.kwonlyargs
        if isinstance(node, ast.Raise):
            assert node.cause is None
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) != "print"


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_python_without_venv_is_told_what_to_install(checkout, module):
    answer = run_as(f"import sys; sys.modules[{module!r}] = None", checkout)
    assert answer.returncode == 1
    assert f"python3.{sys.version_info.minor}-venv" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (checkout / ".venv").exists()


def test_without_a_network_the_message_says_so(checkout):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        closed = f"http://127.0.0.1:{held.getsockname()[1]}/simple"
        offline = {
            name: text for name, text in os.environ.items() if not name.startswith("PIP_")
        } | {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": closed,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
        }
        answer = call([sys.executable, checkout / "bootstrap.py"], env=offline)
    assert answer.returncode == 1
    assert "no network" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (checkout / ".venv" / ".installed").exists()


def test_another_failure_of_pip_is_not_blamed_on_the_network(script, tmp_path, capsys):
    script.answer = 1
    with pytest.raises(script.Failure) as failure:
        script.pip_install(str(tmp_path), ["-r", "requirements.lock"])
    assert "network" not in str(failure.value)
    assert "pip.log" in str(failure.value)


# What is there is kept, what is not is made


def test_the_second_run_does_nothing(script):
    script.bootstrap([])
    assert [("venv" in c.split(), "install" in c.split()) for c in script.commands] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert installed(script)
    script.commands.clear()
    script.bootstrap([])
    assert script.commands == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_changed_inputs_are_installed_into_the_same_environment(script, name):
    script.bootstrap([])
    script.commands.clear()
    with Path(script.HERE, name).open("a") as file:
        file.write("# changed\n")
    script.bootstrap([])
    assert script.commands
    assert not made(script)
    assert installed(script)


def test_an_update_that_fails_keeps_the_environment(script):
    script.bootstrap([])
    Path(script.HERE, "requirements.lock").write_text("pcvae-other-package==1.0\n")
    script.answer = 1
    for _ in range(2):
        script.commands.clear()
        with pytest.raises(script.Failure):
            script.bootstrap([])
        assert not made(script)
    script.answer = 0
    script.bootstrap([])
    assert installed(script)


@pytest.mark.parametrize("after", ["nothing", "an installation"])
def test_an_interrupted_installation_is_begun_anew(script, after):
    if after == "an installation":
        script.bootstrap([])
        Path(script.HERE, "requirements.lock").write_text("pcvae-other-package==1.0\n")
    script.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        script.bootstrap([])
    assert not installed(script)
    script.answer = 0
    script.commands.clear()
    script.bootstrap([])
    assert made(script)
    assert installed(script)


def test_an_environment_that_was_moved_is_made_anew(script, tmp_path):
    script.bootstrap([])
    stamp = Path(script.HERE, ".venv", ".installed")
    stamp.write_text(stamp.read_text().replace(str(tmp_path), "/elsewhere"))
    script.commands.clear()
    script.bootstrap([])
    assert made(script)


def test_an_environment_whose_python_is_gone_is_made_anew(script):
    script.bootstrap([])
    Path(script.python_of(Path(script.HERE, ".venv"))).unlink()
    script.commands.clear()
    script.bootstrap([])
    assert made(script)


def test_options_for_pip_are_remembered_and_other_ones_make_it_anew(script):
    cpu = ["--extra-index-url", "file:///cpu"]
    script.bootstrap(cpu)
    assert "--extra-index-url file:///cpu" in script.commands[1]
    script.commands.clear()
    script.bootstrap(cpu)
    script.bootstrap([])
    assert script.commands == []
    script.bootstrap(["--extra-index-url", "file:///cuda"])
    assert made(script)
    assert "file:///cuda" in script.commands[1]


def test_remaking_leaves_nothing_of_the_old_one(script):
    script.bootstrap(["--old"])
    old = Path(script.HERE, ".venv", "lib", "old.py")
    old.parent.mkdir()
    old.touch()
    script.bootstrap(["--new"])
    assert not old.parent.exists()


# What the course did not make is not the course's to empty


def folder_of_another_tool(venv: Path, elsewhere: Path) -> Path:
    venv.mkdir()
    return venv


def link_to_another_environment(venv: Path, elsewhere: Path) -> Path:
    elsewhere.mkdir()
    venv.symlink_to(elsewhere)
    return elsewhere


def link_to_the_environment_of_another_checkout(venv: Path, elsewhere: Path) -> Path:
    link_to_another_environment(venv, elsewhere)
    for name in (".installed", ".made-by-the-course"):
        (elsewhere / name).write_text(f"0\n{elsewhere} python3.11\n\n")
    return elsewhere


OTHERS = (
    folder_of_another_tool,
    link_to_another_environment,
    link_to_the_environment_of_another_checkout,
)


@pytest.fixture(params=OTHERS, ids=lambda make: make.__name__)
def others(request, script, tmp_path) -> Path:
    """The folder of somebody else's environment, which is, or is linked to from, .venv."""
    folder = request.param(Path(script.HERE, ".venv"), tmp_path / "elsewhere")
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    (folder / "precious.txt").write_text("mine")
    return folder


def test_an_environment_of_somebody_else_is_left_alone(script, others):
    for options in ([], ["--extra-index-url", "file:///cpu"]):
        with pytest.raises(script.Failure, match=r"left as it is.\n.*ANEW=yes") as failure:
            script.bootstrap(options)
    if others.name != ".venv":
        assert f"a link to {others}" in str(failure.value)
    assert script.commands == []
    assert (others / "precious.txt").read_text() == "mine"


def test_asked_to_the_course_makes_its_own_and_spares_what_a_link_leads_to(script, others):
    script.bootstrap([], anew=True)
    venv = Path(script.HERE, ".venv")
    assert made(script)
    assert installed(script)
    assert not venv.is_symlink()
    assert (others / "precious.txt").exists() == (others != venv)


@pytest.mark.parametrize("kind", ["file", "dead link"])
def test_a_file_and_a_dead_link_are_left_alone(script, kind):
    venv = Path(script.HERE, ".venv")
    venv.symlink_to("nowhere") if kind == "dead link" else venv.write_text("elsewhere")
    with pytest.raises(script.Failure, match=kind[-4:]):
        script.bootstrap([])
    assert os.path.lexists(venv)
    script.bootstrap([], anew=True)
    assert installed(script)


def test_make_hands_the_word_on(checkout):
    shutil.copy(ROOT / "Makefile", checkout)
    folder_of_another_tool(checkout / ".venv", checkout)
    (checkout / ".venv" / "precious.txt").touch()
    make = ["make", "env", f"PYTHON={sys.executable}"]
    answer = call(make, cwd=checkout)
    assert answer.returncode != 0
    assert "make env ANEW=yes" in answer.stderr
    assert "--anew" in call([*make, "ANEW=yes", "--dry-run"], cwd=checkout).stdout
