"""The memory that `pcvae train` takes, measured as the benchmark measures it."""

import runpy
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "training_step.py"
LIMIT = 1.2  # GB


@pytest.fixture(scope="module")
def benchmark():
    """What the benchmark defines."""
    return runpy.run_path(str(BENCHMARK))


@pytest.mark.parametrize("megabytes", [64, 512])
def test_a_process_is_charged_for_what_it_holds_itself(benchmark, megabytes):
    held = bytearray(2**30)  # of this process, and none of the other's
    command = [sys.executable, "-c", f"bytearray(b'1') * {megabytes}_000_000"]
    assert benchmark["peak_memory"](command) == pytest.approx(megabytes / 1e3, abs=0.05)
    del held


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    ["--recipe simplified", "--recipe one_shot", "--recipe joint_flow", "--error chamfer"],
)
def test_training_at_full_size_takes_less_than_the_limit(benchmark, flags):
    assert benchmark["training_memory"](16, 2048, *flags.split()) < LIMIT
