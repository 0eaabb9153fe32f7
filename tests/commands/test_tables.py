"""What is printed can be read, whatever the output and its encoding."""

import io

import pytest
from rich.table import Table

from pcvae.commands.tables import show, value_table


@pytest.mark.parametrize(
    ("encoding", "signs"), [("utf-8", "× 10³ ↓ ±"), ("cp1252", "x 10^3 v +-"), ("ascii", "v +-")]
)
def test_signs_are_those_of_the_output(monkeypatch, encoding, signs):
    written = io.BytesIO()
    output = io.TextIOWrapper(written, encoding, write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr("sys.stdout", output)
        show("a title", Table(), "CD × 10³ ↓ ±")
    assert signs in written.getvalue().decode(encoding)


def test_no_name_is_too_long_and_brackets_are_no_markup(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    name = "[bold]a name that is longer than the screen[/bold] :smile:"
    show(name, value_table({name: 0.5}), name)
    assert capsys.readouterr().out.count(name) == 3
