"""Typical wrong answers to the exercises of chapter 07: each gets a message of its own."""

import copy
import math

import pytest
import torch

from pcvae.exercises import SmallRun, check

# 07.1: rates that follow the steps


def falling(progress, rate, last=0.01):
    return rate * (last + (1 - last) * 0.5 * (1 + math.cos(math.pi * progress)))


def rising(progress, weight, ratio=0.5):
    return min(1e-7 + (weight - 1e-7) * progress / ratio, weight)


def rates(batch, batches, accumulate, rate, weight):
    progress = (batch // accumulate) / (batches // accumulate)
    return falling(progress, rate), rising(progress, weight)


def by(progress_of, fall=falling, rise=rising):
    """An answer with another idea of progress, or of what falls and rises."""

    def answer(batch, batches, accumulate, rate, weight):
        progress = progress_of(batch, batches, accumulate)
        return fall(progress, rate), rise(progress, weight)

    return answer


def right(batch, batches, accumulate):
    return (batch // accumulate) / (batches // accumulate)


def batches_over_steps(batch, batches, accumulate):
    return min(batch / (batches // accumulate), 1.0)


# 07.4: averaged weights


def average_by(change):
    def answer(average, weights, decay):
        with torch.no_grad():
            for a, w in zip(average, weights, strict=True):
                change(a, w, decay)

    return answer


def rebound(average, weights, decay):
    for a, w in zip(average, weights, strict=True):
        a = decay * a + (1 - decay) * w


def aliased(average, weights, decay):
    average[:] = weights


def with_graph(average, weights, decay):
    for a, w in zip(average, weights, strict=True):
        a.mul_(decay).add_((1 - decay) * w)


def spoils_weights(average, weights, decay):
    with torch.no_grad():
        for a, w in zip(average, weights, strict=True):
            a.mul_(decay).add_(w.mul_(1 - decay))


def plain_mean():
    seen = []

    def answer(average, weights, decay):
        if not seen:
            seen.append([a.clone() for a in average])
        seen.append([w.detach().clone() for w in weights])
        for k, a in enumerate(average):
            a.copy_(torch.stack([row[k] for row in seen]).mean(dim=0))

    return answer


# 07.2: what belongs in a checkpoint


def whole(run):
    return copy.deepcopy(
        {
            "weights": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "average": run.average,
            "noise": run.noise.get_state(),
            "step": run.step,
        }
    )


def without(part):
    return lambda run: {k: v for k, v in whole(run).items() if k != part}


def but(**changes):
    return lambda run: whole(run) | {k: change(run) for k, change in changes.items()}


def settings_only(run):
    state = run.optimizer.state_dict()
    return {"state": {}, "param_groups": state["param_groups"]}


def names_of(run):
    return [weight.detach().clone() for weight in run.model.parameters()]


# 07.3: dead or alive?


def by_displacement(found):
    return tuple(found[f"swap_{latent}_displacement"] < 0.05 for latent in "zh")


def by_comparison(found):
    """Right unless both are dead."""
    z, h = (found[f"swap_{latent}_displacement"] for latent in "zh")
    return z < 0.1 * h, h < 0.1 * z


def as_weights(run):
    return dict(zip(run.model.state_dict(), map(torch.clone, run.average), strict=True))


# 07.5: a loop without Lightning


def loop(
    model, loss, batches, learning_rate, accumulate, decay, state=None, stop_after=None, **wrong
):
    """The walk-through's loop; `wrong` names the mistakes that it is to make."""
    optimizer = torch.optim.Adam(model.parameters(), betas=wrong.get("betas", (0.9, 0.99)))
    average = [weight.detach().clone() for weight in model.parameters()]
    step, steps = 0, len(batches) // accumulate
    if state is not None:
        step = state["step"]
        for name in wrong.get("restored", ("weights", "optimizer", "average")):
            if name == "average":
                average = [one.clone() for one in state[name]]
            else:
                {"weights": model, "optimizer": optimizer}[name].load_state_dict(state[name])
    while step < (stop_after or steps):
        share = wrong.get("share", lambda p: 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * p)))
        optimizer.param_groups[0]["lr"] = learning_rate * share(step / steps)
        if wrong.get("zero", True):
            optimizer.zero_grad()
        for batch in batches[step * accumulate : (step + 1) * accumulate]:
            value = loss(model, batch) / accumulate
            if wrong.get("looks", True) and not value.isfinite():
                if wrong.get("late"):
                    value.backward()
                    optimizer.step()
                raise FloatingPointError
            value.backward()
        optimizer.step()
        kept = wrong.get("kept", lambda d: d)(decay)
        with torch.no_grad():
            for a, w in zip(average, model.parameters(), strict=True):
                a.mul_(kept).add_((1 - kept) * w)
        step += 1
    end = {
        "weights": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average,
        "step": step,
    }
    return copy.deepcopy(end)


def looping(**wrong):
    return lambda *inputs, **named: loop(*inputs, **named, **wrong)


def with_end(change):
    """The right loop, with something done to what it returns."""
    return lambda *inputs, **named: change(loop(*inputs, **named), inputs[0])


def never_stops(*inputs, stop_after=None, **named):
    return loop(*inputs, **named)


def does_nothing(*inputs, **named):
    return {}


WRONG = [
    ("07.1", by(lambda b, n, a: b / n), "change inside a step"),
    ("07.1", by(batches_over_steps), "You compared batches with steps"),
    ("07.1", by(lambda b, n, a: b // a / n), "it never gets far"),
    ("07.1", by(lambda b, n, a: (b // a + 1) / (n // a)), "one step too many"),
    ("07.1", lambda *run: rates(*run)[::-1], "are exchanged"),
    ("07.1", by(right, fall=lambda p, r: falling(p, r, last=0.0)), "falls to 0"),
    ("07.1", by(right, fall=lambda p, r: r * (1 - 0.99 * p)), "along a line"),
    ("07.1", by(right, fall=lambda p, r: falling(2 * p, r)), "down and up again"),
    ("07.1", by(right, fall=lambda p, r: r), "The learning rate does not change"),
    ("07.1", by(right, rise=lambda p, w: 2 * w * p), "goes on rising after the ramp"),
    ("07.1", by(right, rise=lambda p, w: rising(p, w, 1.0)), "over the whole run"),
    ("07.1", by(right, rise=lambda p, w: w), "The KL weight does not rise"),
    ("07.1", lambda *run: rates(*run)[0], "Return both"),
    ("07.4", rebound, "The averages have not changed"),
    ("07.4", average_by(lambda a, w, d: a.mul_(1 - d).add_(d * w)), "are exchanged"),
    ("07.4", average_by(lambda a, w, d: a.mul_(d).add_(w)), "grows and grows"),
    ("07.4", average_by(lambda a, w, d: a.copy_(w)), "That is the last weight"),
    ("07.4", average_by(lambda a, w, d: a.lerp_(w, 0.5)), "mean of average and weights"),
    ("07.4", average_by(lambda a, w, d: a.add_((1 - d) * (a - w))), "subtracted"),
    ("07.4", aliased, "are now the same tensor"),
    ("07.4", with_graph, "memory grows"),
    ("07.4", spoils_weights, "changed the weights themselves"),
    ("07.4", plain_mean(), "the plain mean of all steps"),
    ("07.1", lambda *run: (7.0, 7.0), "index [1] for `rates(0, 400, 4, 0.8, 0.5)` should be"),
    ("07.2", without("weights"), "random weights"),
    ("07.2", without("optimizer"), "running means begin again at 0"),
    ("07.2", without("average"), "averaged weights begin again"),
    ("07.2", without("noise"), "a second time"),
    ("07.2", without("step"), "begins to fall anew"),
    ("07.2", lambda run: whole(run) | {"model": 1}, "knows no model"),
    ("07.2", lambda run: list(whole(run).values()), "Return a dict"),
    ("07.2", but(weights=lambda run: run.model.state_dict()), "went with it"),
    ("07.2", but(average=lambda run: run.average), "`average` in your checkpoint went"),
    ("07.2", but(optimizer=lambda run: run.optimizer.state_dict()), "`optimizer` in your"),
    ("07.2", but(weights=lambda run: copy.deepcopy(run.model)), "more than numbers"),
    ("07.2", but(weights=names_of), "could not take your checkpoint over"),
    ("07.2", but(step=lambda run: run.step + 1), "checkpoint says 7"),
    ("07.2", but(noise=lambda run: SmallRun().noise.get_state()), "at its beginning again"),
    ("07.2", but(optimizer=settings_only), "only its settings"),
    ("07.2", but(weights=as_weights), "You kept the averaged weights as the weights"),
    ("07.2", but(average=names_of), "You kept the weights as the average"),
    (
        "07.3",
        lambda f: (by_displacement(f)[0] or f["kl_z_nats"] < 5, by_displacement(f)[1]),
        "of 2.5 nats only",
    ),
    ("07.3", lambda f: (f["kl_z_nats"] < 1, f["kl_h_nats_per_point"] < 0.01), "whether the deco"),
    ("07.3", lambda f: (f["z_variance_share_1"] > 0.9, False), "the cloud stays its own"),
    ("07.3", by_comparison, "neither latent moves"),
    (
        "07.3",
        lambda f: tuple(
            f[f"swap_{k}_chamfer_to_own"] < f[f"swap_{k}_chamfer_to_donor"] for k in "zh"
        ),
        "h dead where it is alive. In this model",
    ),
    (
        "07.3",
        lambda f: (
            by_displacement(f)[0] or f["swap_z_chamfer_to_own"] < f["swap_z_chamfer_to_donor"],
            by_displacement(f)[1],
        ),
        "does not win over h",
    ),
    ("07.3", lambda f: (by_displacement(f)[0], False), "all comes from z"),
    ("07.3", lambda f: tuple(not dead for dead in by_displacement(f)), "either latent moves"),
    ("07.3", lambda f: by_displacement(f)[0], "should have shape (2,)"),
    ("07.5", does_nothing, "The weights have not changed"),
    ("07.5", looping(zero=False), "gradients of earlier steps"),
    ("07.5", looping(share=lambda p: 1.0), "stays as it was given"),
    ("07.5", looping(share=lambda p: 0.5 * (1 + math.cos(math.pi * p))), "It ends at 1%"),
    ("07.5", looping(share=lambda p: 1 - 0.99 * p), "not along half a cosine"),
    ("07.5", looping(betas=(0.9, 0.999)), "LION's are (0.9, 0.99)"),
    ("07.5", looping(kept=lambda d: 1 - d), "The decay is upside down"),
    (
        "07.5",
        with_end(lambda end, model: end | {"average": [w.data for w in model.parameters()]}),
        "Your averages are the last weights",
    ),
    ("07.5", with_end(lambda end, model: {"step": end["step"]}), "Return a dict that has"),
    ("07.5", never_stops, "does not stop"),
    ("07.5", looping(restored=("weights", "average")), "equal to the last bit"),
    ("07.5", looping(restored=("weights", "optimizer")), "but with other averages"),
    ("07.5", with_end(lambda end, model: end | {"model": model}), "holds more than numbers"),
    ("07.5", looping(looks=False), "A loss was NaN"),
    ("07.5", looping(late=True), "too late"),
]


@pytest.mark.parametrize(("id", "answer", "words"), WRONG)
def test_wrong_answer(rejects, id, answer, words):
    rejects(id, answer, words)


def averaged_by_lerp(average, weights, decay):
    for a, w in zip(average, weights, strict=True):
        a.lerp_(w.detach(), 1 - decay)


OTHER_WAYS = [
    ("07.1", rates),
    ("07.1", lambda *run: torch.tensor(rates(*run), dtype=torch.float64)),
    ("07.4", averaged_by_lerp),
    ("07.4", average_by(lambda a, w, d: a.copy_(d * a + (1 - d) * w))),
    ("07.2", whole),
    ("07.2", but(weights=lambda run: {k: v.clone() for k, v in run.model.state_dict().items()})),
    ("07.3", by_displacement),
    (
        "07.3",
        lambda f: tuple(f[f"swap_{k}_displacement"] < 0.1 * f["error_from_means"] for k in "zh"),
    ),
]


@pytest.mark.parametrize(("id", "answer"), OTHER_WAYS)
def test_other_right_ways_pass(id, answer):
    assert check(id, answer).status == "done", check(id, answer)


@pytest.mark.parametrize("part", SmallRun.PARTS)
def test_each_part_of_the_small_run_matters(part):
    """Otherwise the exercise would ask for something that changes nothing."""
    run, resumed = SmallRun(), SmallRun()
    run.advance(6)
    resumed.restore(without(part)(run))
    for one in (run, resumed):
        one.advance(6)
    pairs = zip(run.average, resumed.average, strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs)


def test_the_small_run_learns():
    run = SmallRun()
    run.advance(100)
    torch.testing.assert_close(run.average[0], torch.ones(1, 3), atol=0.1, rtol=0)
