"""Every exercise in its notebook: the solution passes, the stub does not, and both are there."""

import importlib.util
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from pcvae.exercises import check, exercises, find
from pcvae.exercises.cards import DONE, NOT_DONE

TESTS = Path(__file__).resolve().parent
IDS = [exercise.id for exercise in exercises()]


@pytest.mark.parametrize("id", [id for id in IDS if not find(id).is_open])
def test_solution_passes(posed, id):
    found = posed(id)
    card = check(id, found.answer(found.solution))
    assert card.status == DONE, card


@pytest.mark.parametrize("id", [id for id in IDS if find(id).is_open])
def test_an_open_task_says_what_its_walk_through_scores(posed, id):
    """The reference on the card is the walk-through's; another processor may round otherwise."""
    found = posed(id)
    message = check(id, found.answer(found.solution)).message
    ours, theirs = re.search(r"three \w+: (.*); the walk-through's: (.*)\.$", message).groups()
    ours, theirs = ([float(value) for value in values.split(", ")] for values in (ours, theirs))
    np.testing.assert_allclose(ours, theirs, rtol=0.15, atol=0.05)


@pytest.mark.parametrize("id", IDS)
def test_stub_is_not_done_yet_and_is_stored_as_such(posed, id):
    found = posed(id)
    card = check(id, found.answer(found.stub))
    assert card.status == NOT_DONE, card
    (output,) = found.outputs
    assert output.data["text/plain"] == repr(card)
    assert output.data["text/html"] == card._repr_html_()


@pytest.mark.parametrize("exercise", exercises(), ids=IDS)
def test_notebook_announces_the_exercise(posed, exercise):
    assert exercise.announcement in posed(exercise.id).prose


@pytest.mark.parametrize("exercise", exercises(), ids=IDS)
def test_numbers_follow_each_other(exercise):
    mates = [other.id for other in exercises() if other.chapter == exercise.chapter]
    assert mates == [f"{exercise.chapter}.{k + 1}" for k in range(len(mates))]
    assert 2 <= len(mates) <= 6


@pytest.mark.parametrize("id", IDS)
def test_five_wrong_answers_get_messages_of_their_own(id):
    """Looks at the table WRONG, which the chapter's own tests go through."""
    path = TESTS / "chapters" / f"test_chapter{id[:2]}.py"
    spec = importlib.util.spec_from_file_location(f"wrong_answers_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    words = [words for of, _, words in module.WRONG if of == id]
    assert len(words) >= 5
    assert len(set(words)) == len(words)


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ["01", "02"])
def test_a_chapter_with_all_answers_filled_in_runs_to_its_end(posed, chapter):
    """Those two are the ones that try the reader's answers in their last cells."""
    (path,) = (TESTS.parents[1] / "notebooks").glob(f"{chapter}_*.ipynb")
    notebook = nbformat.read(path, as_version=4)
    ids = [id for id in IDS if id.startswith(chapter)]
    for id in ids:
        found = posed(id)
        (cell,) = [c for c in notebook.cells if f'check("{id}", ' in c.source]
        cell.source = f'{found.solution}\n\ncheck("{id}", {found.name})'
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": path.parent}}).execute()
    shown = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    texts = [o.get("text") or o.get("data", {}).get("text/plain", "") for o in shown]
    assert sum(": done. That is right." in text for text in texts) == len(ids)
    assert any("equal to the package's" in text for text in texts)
    assert not any("waits for your answer" in text for text in texts)
