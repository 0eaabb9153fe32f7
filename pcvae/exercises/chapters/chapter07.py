"""Checks of chapter 07: schedules by steps, checkpoints, diagnostics, averages, a whole loop."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pcvae.exercises.comparing import Wrong, compare, expect, numbers
from pcvae.exercises.open_tasks import BATCH, SEEDS, beside, small_chairs, small_vae
from pcvae.exercises.registry import exercise
from pcvae.exercises.small_run import SmallRun
from pcvae.objective import KLSchedule, Objective
from pcvae.randomness import generator_for

# 07.1: batches of a run, four of them to a step. Some lie within a step, some after the ramp.
BATCHES, ACCUMULATE = 400, 4
LOOKED_AT = np.array([0, 3, 4, 50, 99, 100, 101, 199, 200, 202, 300, 396, 399])
RATE, WEIGHT = 0.8, 0.5


@exercise("07.1", "Rates that follow the steps", difficulty=2, importance=3, minutes=15)
def check_rates(answer: Callable) -> None:
    """Compare both rates at some batches of a run that accumulates gradients."""
    got = np.stack(
        [
            numbers(
                answer(int(batch), BATCHES, ACCUMULATE, RATE, WEIGHT),
                (2,),
                what="The answer",
                shapes={(): "Return both: the learning rate and the KL weight."},
            )
            for batch in LOOKED_AT
        ]
    )
    steps = LOOKED_AT // ACCUMULATE
    total = BATCHES // ACCUMULATE
    expected = _rates(steps / total)
    mistakes = _rates_mistakes(LOOKED_AT, steps, total, expected)
    cases = [f"`rates({k}, {BATCHES}, {ACCUMULATE}, {RATE}, {WEIGHT})`" for k in LOOKED_AT]
    compare(got, expected, mistakes, what="The answer", tolerance=1e-5, cases=cases)


def _rates(progress: np.ndarray) -> np.ndarray:
    """Return learning rates and KL weights (K, 2) at shares of a run."""
    return np.stack([_falling(progress), _rising(progress)], axis=1)


def _falling(progress: np.ndarray, last: float = 0.01) -> np.ndarray:
    return RATE * (last + (1 - last) * 0.5 * (1 + np.cos(math.pi * progress)))


def _rising(progress: np.ndarray, ratio: float = 0.5) -> np.ndarray:
    schedule = KLSchedule(end=WEIGHT, ratio=ratio)
    return np.clip(
        schedule.start + (schedule.end - schedule.start) * progress / ratio, 0, schedule.end
    )


def _rates_mistakes(
    batches: np.ndarray, steps: np.ndarray, total: int, expected: np.ndarray
) -> dict[str, np.ndarray]:
    share = steps / total
    early = np.minimum(batches / total, 1.0)
    unbounded = WEIGHT * 2 * share
    return {
        f"The rates change inside a step: batches 0 to {ACCUMULATE - 1} belong to the same one. "
        "Round down to whole steps.": _rates(batches / BATCHES),
        "You compared batches with steps: your ramp is over, and the cosine at its end, after a "
        f"{ACCUMULATE}th of the run. Divide batches by `accumulate` first.": _rates(early),
        "You divided by the number of batches: nobody has told the schedule that there are fewer "
        "steps, and it never gets far.": _rates(steps / BATCHES),
        "You count one step too many: while batch 0 is computed, no step has been made "
        "yet.": _rates((steps + 1) / total),
        "Learning rate and KL weight are exchanged. The learning rate comes first.": expected[
            :, ::-1
        ],
        "Your learning rate falls to 0. It should end at 1% of what it began with.": np.stack(
            [_falling(share, last=0.0), expected[:, 1]], axis=1
        ),
        "Your learning rate falls along a line. It should follow half a cosine.": np.stack(
            [RATE * (1 - 0.99 * share), expected[:, 1]], axis=1
        ),
        "Your cosine goes down and up again: half of one is `cos(pi * progress)`.": np.stack(
            [_falling(2 * share), expected[:, 1]], axis=1
        ),
        "The learning rate does not change.": np.stack(
            [np.full(len(share), RATE), expected[:, 1]], axis=1
        ),
        "Your KL weight goes on rising after the ramp. It ends at `kl_weight`.": np.stack(
            [expected[:, 0], unbounded], axis=1
        ),
        "Your KL weight rises over the whole run. The ramp takes the first half of it.": np.stack(
            [expected[:, 0], _rising(share, ratio=1.0)], axis=1
        ),
        "The KL weight does not rise.": np.stack(
            [expected[:, 0], np.full(len(share), WEIGHT)], axis=1
        ),
    }


# What a resumed run does that lacks a part of its checkpoint.
LACKING = {
    "weights": "the resumed run begins again with random weights.",
    "optimizer": "Adam's running means begin again at 0, so its first steps are as long as those "
    "of a new run.",
    "average": "the averaged weights begin again at the random weights of a new run.",
    "noise": "the resumed run draws the random numbers of the first steps a second time.",
    "step": "the learning rate begins to fall anew, from the top.",
}


MORE_THAN_NUMBERS = (
    "The checkpoint holds objects that are more than numbers, and a file with those can run code "
    "when it is opened: `torch.load(..., weights_only=True)` refuses it. Keep `state_dict()` of "
    "the model and of the optimizer, and `get_state()` of the generator."
)


@exercise("07.2", "What belongs in a checkpoint", difficulty=3, importance=5, minutes=20)
def check_checkpoint(answer: Callable) -> None:
    """Stop a small run, resume it from the answer, and compare with one that was not stopped."""
    run = SmallRun()
    run.advance(6)
    state = answer(run)
    _expect_parts(state)
    kept = through_a_file(dict(state), MORE_THAN_NUMBERS)
    run.advance(6)
    _expect_unchanged(kept, through_a_file(dict(state), MORE_THAN_NUMBERS))
    resumed = SmallRun()
    _restore(resumed, kept)
    _expect_where_it_stopped(resumed)
    resumed.advance(6)
    compare(_numbers(resumed), _numbers(run), what="The resumed run's weights and averages")


def _expect_parts(state: object) -> None:
    if not isinstance(state, Mapping):
        raise Wrong(f"Return a dict; yours is of type `{type(state).__name__}`.")
    unknown = [str(key) for key in state if key not in SmallRun.PARTS]
    expect(
        not unknown,
        f"`restore` knows no {', '.join(unknown)}. It looks for {', '.join(SmallRun.PARTS)}.",
    )
    for part, consequence in LACKING.items():
        expect(part in state, f"The checkpoint lacks `{part}`: {consequence}")


def _expect_unchanged(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """The checkpoint must not have moved on with the run."""
    for part in ("weights", "average", "optimizer"):
        same = _flat(before[part]) == _flat(after[part])
        expect(
            same,
            f"The run went on, and `{part}` in your checkpoint went with it. `state_dict()` and "
            "lists hand out the run's own tensors, not copies. Use `copy.deepcopy`.",
        )


def _flat(state: Any) -> list[float]:
    """Return all numbers of a nested state, in order."""
    if isinstance(state, Tensor):
        return state.detach().double().flatten().tolist()
    if isinstance(state, Mapping):
        return [number for value in state.values() for number in _flat(value)]
    if isinstance(state, list | tuple):
        return [number for value in state for number in _flat(value)]
    return [float(state)] if isinstance(state, int | float) else []


def _restore(run: SmallRun, state: Mapping[str, Any]) -> None:
    try:
        with torch.no_grad():
            run.restore(state)
    except Exception as error:  # the answer decides what is in there
        raise Wrong(
            "`restore` could not take your checkpoint over: "
            f"`{type(error).__name__}: {str(error).splitlines()[0]}`. It loads `weights` and "
            "`optimizer` by `load_state_dict`, `noise` by `set_state`, and copies `average`."
        ) from error


def _expect_where_it_stopped(resumed: SmallRun) -> None:
    """Compare each part with that of a run that stopped at the same place."""
    there = SmallRun()
    there.advance(6)
    expect(
        resumed.step == there.step,
        f"The run stopped after {there.step} steps, but your checkpoint says {resumed.step}.",
    )
    fresh = torch.equal(resumed.noise.get_state(), SmallRun().noise.get_state())
    expect(
        not fresh,
        "The generator is at its beginning again. The seed alone does not say how many numbers "
        "were drawn; `run.noise.get_state()` does.",
    )
    expect(
        torch.equal(resumed.noise.get_state(), there.noise.get_state()),
        "The generator is not where the run left it. Does making the checkpoint draw numbers?",
    )
    _compare_weights(resumed, there)
    expect(
        _flat(resumed.optimizer.state_dict()["state"])
        == _flat(there.optimizer.state_dict()["state"]),
        "The optimizer's running means are not those of the run. `param_groups` alone are only "
        "its settings; `run.optimizer.state_dict()` has both.",
    )


def _compare_weights(resumed: SmallRun, there: SmallRun) -> None:
    weights, averages = (
        [_flat(list(run.model.parameters())), _flat(run.average)] for run in (resumed, there)
    )
    expect(
        weights[0] != averages[1],
        "You kept the averaged weights as the weights. Those are for whoever uses the model; "
        "training goes on with the others.",
    )
    expect(
        weights[1] != averages[0],
        "You kept the weights as the average. Until it has caught up, the resumed run's average "
        "says nothing.",
    )
    compare(weights, averages, what="Weights and averages in the checkpoint")


def _numbers(run: SmallRun) -> list[float]:
    return _flat([list(run.model.parameters()), run.average])


# 07.3: what `diagnose` might say of seven models: which latents are dead, and what tells.
MODELS = {
    "healthy": (
        (False, False),
        {"swap_z": (1.18, 1.34, 0.67), "swap_h": (1.58, 0.68, 1.38), "kl": (99.0, 1.26)},
        "In this model either latent moves the points when it is swapped",
    ),
    "lion": (
        (True, False),
        {"swap_z": (0.002, 0.01, 1.40), "swap_h": (2.29, 1.40, 0.01), "kl": (0.6, 11.9)},
        "Here a donor's z moves the points by 0.002 only, and the cloud stays its own",
    ),
    "unread": (
        (True, False),
        {"swap_z": (0.011, 0.43, 0.61), "swap_h": (1.39, 0.58, 0.43), "kl": (31.0, 1.40)},
        "Here z has a KL of 31 nats, but a donor's z moves the points by 0.011 only. The KL says "
        "what the encoder writes into z, not whether the decoder reads it",
    ),
    "all in z": (
        (False, True),
        {"swap_z": (1.40, 1.52, 0.31), "swap_h": (0.004, 0.31, 1.52), "kl": (120.0, 0.002)},
        "Here a donor's h moves the points by 0.004 only: all comes from z",
    ),
    "noise": (
        (True, True),
        {"swap_z": (0.003, 1.10, 1.12), "swap_h": (0.006, 1.11, 1.10), "kl": (0.01, 0.001)},
        "Here neither latent moves the points when it is swapped",
    ),
    "shy": (
        (False, False),
        {"swap_z": (0.45, 0.43, 0.50), "swap_h": (1.59, 0.45, 0.42), "kl": (29.7, 1.45)},
        "Here a donor's z moves the points by 0.45: it does not win over h, but it is alive",
    ),
    "cheap": (
        (False, False),
        {"swap_z": (0.62, 0.90, 0.55), "swap_h": (1.10, 0.60, 0.95), "kl": (2.5, 0.03)},
        "Here z has a KL of 2.5 nats only and h of 0.03 a point, but swapped they move the points "
        "by 0.62 and 1.1. A few nats that are read are alive",
    ),
}
# Equal for all: somebody who looks at these alone cannot tell the models apart.
SHARED = {
    "shapes": 40.0,
    "error_from_means": 0.3,
    "error_from_samples": 0.38,
    "sigma_xyz": 0.6,
    "sigma_feat": 1.0,
    "chamfer_from_z_alone": 0.19,
    "resampling_floor": 0.1,
    **{f"z_variance_share_{k + 1}": 0.6 / 2**k for k in range(5)},
}


@exercise("07.3", "Dead or alive?", difficulty=2, importance=4, minutes=15)
def check_dead(answer: Callable) -> None:
    """Ask about models that single numbers would misjudge."""
    for expected, measured, reason in MODELS.values():
        verdict = answer(_diagnostics(**measured))
        got = numbers(verdict, (2,), what="The answer") != 0
        for latent, dead, said in zip("zh", expected, got, strict=True):
            expect(
                bool(said) == dead,
                f"You call {latent} {'dead' if said else 'alive'} where it is "
                f"{'dead' if dead else 'alive'}. {reason}.",
            )


def _diagnostics(
    swap_z: tuple[float, float, float], swap_h: tuple[float, float, float], kl: tuple[float, float]
) -> dict[str, float]:
    """Return numbers under the names that `pcvae.diagnostics.diagnose` gives them."""
    names = ("displacement", "chamfer_to_own", "chamfer_to_donor")
    found = dict(SHARED)
    for latent, values in (("z", swap_z), ("h", swap_h)):
        found |= {f"swap_{latent}_{n}": v for n, v in zip(names, values, strict=True)}
    return found | {"kl_z_nats": kl[0], "kl_h_nats_per_point": kl[1]}


@exercise("07.4", "Averaged weights", difficulty=2, importance=3, minutes=15, in_place=True)
def check_average(answer: Callable) -> None:
    """Compare after four updates, and look at what else was changed."""
    decay = 0.9
    history = [[torch.randn(3, 2), torch.randn(2)] for _ in range(5)]
    average = [tensor.clone() for tensor in history[0]]
    handles = list(average)  # whoever replaces the list's entries leaves these behind
    for weights in history[1:]:
        given = [tensor.clone().requires_grad_() for tensor in weights]
        answer(average, given, decay)
        _expect_weights_kept(given, weights, average)
    _expect_no_graph(average)
    got = torch.cat([tensor.flatten() for tensor in handles])
    flat = torch.stack([torch.cat([t.flatten() for t in weights]) for weights in history])
    compare(got, _averaged(flat, decay), _average_mistakes(flat, decay), what="The average")


def _expect_weights_kept(given: list[Tensor], weights: list[Tensor], average: list[Tensor]) -> None:
    unchanged = all(torch.equal(a, b) for a, b in zip(given, weights, strict=True))
    expect(
        unchanged,
        "Your function changed the weights themselves. The average only watches: the training "
        "goes on as if it were not there.",
    )
    shared = any(a.data_ptr() == b.data_ptr() for a, b in zip(average, given, strict=False))
    expect(
        not shared,
        "Average and weights are now the same tensor, so the next step of the optimizer changes "
        "both. Copy the numbers: `a.copy_(w)`.",
    )


def _expect_no_graph(average: list[Tensor]) -> None:
    expect(
        not any(tensor.requires_grad for tensor in average),
        "Your average keeps the way back to the weights of every step, so memory grows with each "
        "of them. Write it under `torch.no_grad()`, or take `w.detach()`.",
    )


def _averaged(history: Tensor, decay: float) -> Tensor:
    average = history[0]
    for weights in history[1:]:
        average = decay * average + (1 - decay) * weights
    return average


def _average_mistakes(history: Tensor, decay: float) -> dict[str, Tensor]:
    summed = history[0]
    for weights in history[1:]:
        summed = decay * summed + weights
    return {
        "The averages have not changed. `a = ...` gives a new tensor a name and leaves the old one "
        "as it was. Work in place: `a.mul_(...)`, `a.add_(...)`, `a.lerp_(...)`.": history[0],
        "Decay and 1 - decay are exchanged: your average forgets everything within a few steps. "
        "It keeps the share `decay` of itself.": _averaged(history, 1 - decay),
        "The weights are not multiplied by 1 - decay, so the average grows and grows.": summed,
        "That is the last weight, not an average.": history[-1],
        "That is the plain mean of all steps. The first steps, which know nothing, count as much "
        "as the last; an exponential average forgets them.": history.mean(dim=0),
        "You took the plain mean of average and weights. `decay` says how much of the average is "
        "kept.": _averaged(history, 0.5),
        "You subtracted where you should add: a + (1 - decay) * (w - a).": _averaged(
            history, 2 - decay
        ),
    }


# 07.5: a loop without Lightning, for a line that is fitted to noisy data and for a small VAE
COUNT, STOP, DECAY, LEARNING_RATE = 24, 3, 0.8, 0.02
HELD_OUT_LOSS = (131.8, 131.9, 132.4)  # of the walk-through's averaged weights, over the seeds
NOT_BACK = (
    "Your state does not come back from `torch.load(..., weights_only=True)`: it holds more than "
    "numbers, tensors, lists and dicts of them."
)
Batches = list[tuple[Tensor, Tensor]]


def _small_network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def _small_batches() -> Batches:
    torch.manual_seed(4)
    inputs = torch.randn(COUNT, 8, 3)
    noise = torch.randn(COUNT, 8, 1)
    return list(zip(inputs, 10 * inputs.sum(dim=2, keepdim=True) + noise, strict=True))


def _squared(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).square().mean()


@exercise(
    "07.5", "Open task: a training loop without Lightning", difficulty=4, importance=5, minutes=45
)
def check_loop(answer: Callable) -> str:
    """Its weights, its averages, a stop and a return, a loss that is no number, and a VAE."""
    for accumulate in (1, 4):
        _check_weights(answer, accumulate)
    _check_average(answer)
    _check_return(answer)
    _check_no_number(answer)
    scores = [held_out_loss(answer, seed) for seed in SEEDS]
    return beside("The loss of held-out chairs, with averaged weights,", scores, HELD_OUT_LOSS)


def _run(answer: Callable, accumulate: int = 4, **more: Any) -> tuple[np.ndarray, Any]:
    """Return all weights after a run, and what the answer returned."""
    model = _small_network()
    state = answer(model, _squared, _small_batches(), LEARNING_RATE, accumulate, DECAY, **more)
    return _vector(model.parameters()), state


def _vector(weights: Any) -> np.ndarray:
    return torch.cat([weight.detach().flatten() for weight in weights]).numpy()


def _check_weights(answer: Callable, accumulate: int) -> None:
    """Compare with the loop, and with loops that make known mistakes."""
    got, _ = _run(answer, accumulate)
    expected, mistakes = _loop(accumulate)[0], {}
    for message, change in _LOOPS.items():
        mistakes[message] = _loop(accumulate, **change)[0]
    start = _vector(_small_network().parameters())
    mistakes["The weights have not changed."] = start
    what = f"After {COUNT} batches with `accumulate={accumulate}`, the vector of all weights"
    compare(got, expected, mistakes, what=what)


_LOOPS: dict[str, dict[str, Any]] = {
    "The gradients of earlier steps are still there: `zero_grad` once for each step.": {
        "zero": False
    },
    "You moved the weights after each batch. They move once for each `accumulate` batches.": {
        "move_always": True
    },
    "Your learning rate stays as it was given. It falls along half a cosine.": {"falling": "no"},
    "Your learning rate falls to 0. It ends at 1% of its start.": {"falling": "to 0"},
    "Your learning rate falls along a line, not along half a cosine.": {"falling": "line"},
    "Your learning rate follows the batches. It follows the steps, and is the same within one.": {
        "falling": "batches"
    },
    "You are one step ahead: while the first step is made, none has been.": {"ahead": 1},
    "Adam has its usual betas with you. LION's are (0.9, 0.99).": {"betas": (0.9, 0.999)},
    "That is plain gradient descent. Adam is asked for.": {"kind": torch.optim.SGD},
}


def _loop(
    accumulate: int = 4,
    *,
    zero: bool = True,
    move_always: bool = False,
    falling: str = "cosine",
    ahead: int = 0,
    betas: tuple[float, float] = (0.9, 0.99),
    kind: Any = torch.optim.Adam,
    decay: float = DECAY,
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and averaged weights of a loop, right or with one mistake."""
    model, batches = _small_network(), _small_batches()
    options = {} if kind is torch.optim.SGD else {"betas": betas}
    optimizer = kind(model.parameters(), lr=LEARNING_RATE, **options)
    average = [weight.detach().clone() for weight in model.parameters()]
    with torch.enable_grad():
        for number, batch in enumerate(batches):
            if zero and (number % accumulate == 0 or move_always):
                optimizer.zero_grad()
            (_squared(model, batch) / accumulate).backward()
            if (number + 1) % accumulate == 0 or move_always:
                progress = (number // accumulate + ahead) / (COUNT // accumulate)
                if falling == "batches":
                    progress = number / COUNT
                optimizer.param_groups[0]["lr"] = LEARNING_RATE * _share(progress, falling)
                optimizer.step()
                for a, w in zip(average, model.parameters(), strict=True):
                    a.lerp_(w.detach(), 1 - decay)
    return _vector(model.parameters()), _vector(average)


def _share(progress: float, falling: str) -> float:
    """Return the share of the learning rate that is left."""
    last = 0.0 if falling == "to 0" else 0.01
    shapes = {"no": 1.0, "line": 1 - 0.99 * progress}
    return shapes.get(falling, last + (1 - last) * 0.5 * (1 + math.cos(math.pi * progress)))


def _check_average(answer: Callable) -> None:
    """The returned averages must be those of all steps."""
    weights, state = _run(answer)
    _, expected = _loop()
    expect(
        isinstance(state, Mapping) and isinstance(state.get("average"), list | tuple),
        'Return a dict that has the averaged weights, a list of tensors, under "average".',
    )
    start = _vector(_small_network().parameters())
    mistakes = {
        "Your averages are the last weights: copy the weights once, at the start.": weights,
        "Your averages are the weights of the start. Are they brought up to date?": start,
        "The decay is upside down: it is the share of the *old* average that stays.": (
            _loop(decay=1 - DECAY)[1]
        ),
    }
    compare(_vector(state["average"]), expected, mistakes, what="The vector of averaged weights")


def _check_return(answer: Callable) -> None:
    """A run that was stopped, kept in a file and gone on with must end with the same bits."""
    whole, state = _run(answer)
    part, kept = _run(answer, stop_after=STOP)
    expect(
        not np.array_equal(part, whole),
        f"`stop_after={STOP}` does not stop: the weights are those of the whole run.",
    )
    model = _small_network()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()  # another start: what counts must come from the state
    inputs = (model, _squared, _small_batches(), LEARNING_RATE, 4, DECAY)
    with torch.enable_grad():
        end = answer(*inputs, state=through_a_file(kept, NOT_BACK))
    resumed, average = _vector(model.parameters()), _vector(end["average"])
    off = float(np.abs(resumed - whole).max())
    expect(
        off == 0,
        f"Stopped after {STOP} steps and gone on with, the weights end {off:.2g} from those of a "
        "run that was never stopped. They should be equal to the last bit. What does the state "
        "lack: weights, optimizer, or the number of the step?",
    )
    expect(
        np.array_equal(average, _vector(state["average"])),
        "Gone on with, the run ends with the same weights, but with other averages.",
    )


def through_a_file(kept: Any, refusal: str) -> Any:
    """Save a state and load it as numbers only, or say why that cannot be."""
    file = io.BytesIO()
    try:
        torch.save(kept, file)
        file.seek(0)
        return torch.load(file, weights_only=True)
    except Exception as error:  # of pickle's, of torch's: whatever cannot be written or read
        raise Wrong(refusal) from error


def _check_no_number(answer: Callable) -> None:
    """A loss that is no number must stop the run before a weight is spoiled."""
    batches = _small_batches()
    batches[9][0][0] = math.nan  # in the third step
    model = _small_network()
    try:
        answer(model, _squared, batches, LEARNING_RATE, 4, DECAY)
    except FloatingPointError:
        expect(
            np.isfinite(_vector(model.parameters())).all(),
            "You raise the error, but too late: a step was made with a loss that is no number, and "
            "now all weights are NaN.",
        )
        return
    raise Wrong(
        "A loss was NaN, and your loop went on. Raise a `FloatingPointError` before the step."
    )


def held_out_loss(answer: Callable, seed: int, steps: int = 120) -> float:
    """Train a small VAE by the answer; return the loss of chairs it has not seen, averaged."""
    vae = small_vae(seed, skip_weight=0.1, sigma_offset=1.0)
    train, held_out = small_chairs()
    noise = generator_for(seed)
    batches = [train[torch.randint(len(train), (BATCH,), generator=noise)] for _ in range(steps)]
    objective = Objective("l1", "shape", style_weight=0.1)

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        return objective(x, model(x), 0.5).loss

    with torch.enable_grad():
        state = answer(vae, loss, batches, 1e-2, 1, 0.9)
    with torch.no_grad():
        for weight, average in zip(vae.parameters(), state["average"], strict=True):
            weight.copy_(average)
        torch.manual_seed(0)
        return float(np.mean([loss(vae, held_out) for _ in range(8)]))
