"""What all tests run under, kernels and commands included: see conftest.py above."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

CONNECT = 'import socket; socket.create_connection(("192.0.2.1", 9), timeout=1)'
RESOLVE = 'import socket; socket.getaddrinfo("example.org", 443)'


@pytest.mark.parametrize("code", [CONNECT, RESOLVE])
def test_tests_commands_and_kernels_cannot_leave_this_machine(code):
    with pytest.raises(AssertionError, match="this machine only"):
        exec(code)
    command = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "this machine only" in command.stderr
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with pytest.raises(CellExecutionError, match="this machine only"):
        NotebookClient(notebook, kernel_name="python3").execute()


def test_a_training_needs_no_network(tmp_path):
    settings = "--data procedural:mug --num_shapes 8 --num_points 32 --batch_size 4 --width 8"
    options = f"{settings} --style_dim 4 --max_epochs 1 --out {tmp_path / 'run'}"
    command = [sys.executable, "-m", "pcvae", "train", *options.split()]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize("name", ["MPLCONFIGDIR", "IPYTHONDIR", "JUPYTER_DATA_DIR", "PCVAE_CACHE"])
def test_caches_and_settings_are_not_the_readers(name):
    folder = Path(os.environ[name])
    assert folder.is_dir()
    assert "pcvae-tests-" in str(folder)


def test_a_damaged_font_cache_at_home_is_not_read(tmp_path):
    """As a deleted environment leaves it: findfont's warnings would be outputs of notebooks."""
    cache = tmp_path / ".cache" / "matplotlib"
    cache.mkdir(parents=True)
    code = "import matplotlib, matplotlib.font_manager as f; print(matplotlib.get_cachedir())"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(answer.stdout.strip()) == Path(os.environ["MPLCONFIGDIR"])
    assert list(cache.iterdir()) == []


def test_patterns_of_what_may_differ_are_found_from_every_folder(pytestconfig):
    path = Path(pytestconfig.getoption("nbval_sanitize_with"))
    assert path.is_absolute()
    path.read_bytes().decode("ascii")  # nbval reads it in the encoding of the reader's locale


def test_several_workers_take_whole_files(pytestconfig):
    """A notebook's cells belong together, and so do the tests of one page."""
    assert "--dist=loadfile" in pytestconfig.getini("addopts")
