"""Exercises that the notebooks set: checks that compare numbers, cards that say how it went.

In a notebook the code cell of an exercise is a stub, and its last line is the check:

    def kl_to_standard_normal(mean, log_sigma):
        raise NotImplementedError  # your turn: delete this line and write yours

    check("02.1", kl_to_standard_normal)

`check` returns a card: gray and "not done yet" while the stub raises its NotImplementedError, green
if the answer is right, orange with a message if it is not. Whatever an answer raises is told on the
card; only the reader's own interrupt goes through. What is done is kept in `.progress.json` beside
the notebooks; `progress()` shows it, `reset()` forgets it.

Writing an exercise
-------------------

1. The check goes into the chapter's module, `pcvae/exercises/chapters/chapterNN.py`, where it is
   found by the module's name:

       @exercise("02.1", "The KL divergence", difficulty=2, importance=5, minutes=15)
       def check_kl(answer):
           mean, log_sigma = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
           got = numbers(answer(mean, log_sigma), shape=(2,), what="the KL")
           expected = DiagonalGaussian(mean, log_sigma).kl()
           compare(got, expected, {
               "Your KL is twice what it should be. Is the 1/2 missing?": 2 * expected,
           })

   `answer` is what the reader wrote: a function, a class, anything. Call it with inputs made here;
   give it copies of what you compare with later. The check passes if it returns, and fails by
   `expect(condition, message)`, `numbers(...)`, `compare(...)` or `raise Wrong(message)`. Test the
   mistakes people make one by one, each with a message in terms of the subject, and the general
   comparison last. Text in `backticks` is shown as code. Random numbers: torch's, NumPy's and
   Python's generators are seeded before every check and put back after it.
   An error raised by the answer becomes a card by itself; so does a None, an input changed in
   place (unless the exercise is `in_place=True`), and an answer that never comes to an end.

2. In the notebook, in this order:
   - a markdown cell that begins with the lines `exercise.heading` and `exercise.effort` (print
     `find("02.1").announcement`) and then says what to do;
   - a code cell with the stub (its body is a docstring and `raise NotImplementedError`) and, as its
     last line, `check("02.1", name)`;
   - a markdown cell that holds
     `<details><summary>Solution of exercise 02.1</summary>`, an empty line, one fenced block of
     python that defines the same name, an empty line, and `</details>`; explanations may stand
     around the block.
   Solutions may use what the notebook's first code cell imports, and what cells tagged "setup"
   define. No later cell may need the reader's answer: go on with the package's own function.
   Figures get their alt text by `described(figure, alt)` of pcvae.figures.

3. An *open task* (30 minutes or more, the last exercise of its chapter) asks for a whole module, a
   loop or an experiment. Its check repeats the experiment over `SEEDS`, small enough for a laptop,
   and returns `beside(what, scores, reference)`, which puts the answer's scores beside those of the
   walk-through. `pcvae/exercises/open_tasks.py` has chairs, a VAE and a fit of that size. Diagnose
   cheaply first, train last. `tests/benchmarks/open_tasks.py` makes what a walk-through compares.

4. `tests/exercises/test_notebooks.py` finds the exercise by itself: its solution must pass, its
   stub must not, and a walk-through must score what its reference says. Five wrong answers or more
   go to `tests/exercises/chapters/test_chapterNN.py`, into a list `WRONG` of (id, answer, some
   words of the message that this answer alone must get), with a test that goes through it by the
   fixture `rejects`:

       @pytest.mark.parametrize(("id", "answer", "words"), WRONG)
       def test_wrong_answer(rejects, id, answer, words):
           rejects(id, answer, words)
"""

from pcvae.exercises.checking import check
from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.installation import check_installation
from pcvae.exercises.records import progress, reset
from pcvae.exercises.registry import Exercise, exercise, exercises, find
from pcvae.exercises.reports import collect, report
from pcvae.exercises.small_run import SmallRun

__all__ = [
    "Exercise",
    "SmallRun",
    "Wrong",
    "check",
    "check_installation",
    "collect",
    "compare",
    "exercise",
    "exercises",
    "expect",
    "find",
    "numbers",
    "progress",
    "report",
    "reset",
]
