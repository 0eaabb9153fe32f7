import pytest
import torch

from pcvae.models import DiagonalGaussian, LionConfig, LionVAE, Normalization
from pcvae.models.lion import SIZES
from pcvae.objective import Objective

CASES = ["small/ordinary", "small/coincident", "small/tiny", "full/cloud2_coincident"]


@pytest.fixture(scope="module")
def models(filled):
    return {size: filled(LionVAE(size)) for size in SIZES}


def test_weights_have_lions_number_and_nothing_else_is_in_the_state(models):
    counts = {
        size: (len(model.state_dict()), sum(w.numel() for w in model.state_dict().values()))
        for size, model in models.items()
    }
    assert counts == {"full": (867, 22_402_731), "small": (827, 1_602_811)}


@pytest.mark.parametrize("case", CASES)
@torch.no_grad()
def test_against_the_reference(models, reference, case):
    model = models[case.partition("/")[0]]
    given = {n: reference[f"{case}/{n}"][None] for n in ("x", "z", "h", "z_mean", "z_logsigma")}
    h = given["h"].view(1, -1, 4)
    raw = 3e-4 if case.endswith("tiny") else 1e-4  # nearly every ball is over-full there
    style = model.style_encoder(given["x"])
    near(style.mean, given["z_mean"], 1e-4)
    near(style.log_sigma, given["z_logsigma"], 1e-4)
    near(model.encoder(given["x"], given["z"])[0, ::8], reference[f"{case}/enc_raw"], raw)
    near(model.decoder(h, given["z"])[0, ::8], reference[f"{case}/dec_raw"], raw)
    near(model.decode(h, given["z"])[0, ::8], reference[f"{case}/recon"], 1e-5)


def near(found, expected, tolerance):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def test_loss_and_gradients_against_the_reference(models, reference):
    model = models["small"]
    given = {name: reference[f"small_loss/{name}"] for name in ("x", "eps_z", "eps_h")}
    output = model(given["x"], given["eps_z"], given["eps_h"].view(2, -1, 4))
    near(output.points, reference["small_loss/recon"], 1e-5)
    terms = Objective(reduction="batch")(given["x"], output, 0.5)
    assert terms.loss.item() == pytest.approx(reference["small_loss/loss"].mean().item(), rel=1e-5)
    kl = reference["small_loss/kl_global"].mean().item()
    assert terms.kl_style.item() == pytest.approx(kl, rel=1e-5)
    model.zero_grad()
    terms.loss.backward()
    for name in (n for n in reference if n.startswith("small_loss/grad/")):
        found = model.get_parameter(name.removeprefix("small_loss/grad/")).grad
        size = reference[name].square().mean().sqrt().item()
        near(found, reference[name], 1e-3 * size)


def test_clouds_of_a_batch_do_not_see_each_other(models):
    x, z = torch.randn(2, 300, 3), torch.randn(2, 16)
    model = models["small"]
    with torch.no_grad():
        together = model.encoder(x, z)
        for k in range(2):
            near(model.encoder(x[k : k + 1], z[k : k + 1])[0], together[k], 1e-4)


def test_it_is_asked_as_the_courses_model_is(models):
    model, x = models["small"], torch.randn(2, 200, 3)
    with torch.no_grad():
        encoding = model.encode(x)
        assert isinstance(encoding.style, DiagonalGaussian)
        assert encoding.points.mean.shape == (2, 200, 4)
        cloud = model.decode(encoding.points.mean, encoding.style.mean)
        near(model.reconstruct(x), cloud, 1e-5)
        assert model.draw_points(torch.randn(2, 50, 4), encoding.style.mean).shape == (2, 50, 3)
        # By construction h is a copy of the shape, and so is what is decoded.
        near(cloud, x, 0.2)


def test_a_new_model_starts_near_the_identity():
    torch.manual_seed(0)
    model, x = LionVAE("small").eval(), torch.randn(1, 128, 3)
    with torch.no_grad():
        near(model.reconstruct(x), x, 0.1)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_new_model_is_not_too_unsure_of_z_to_be_trained(seed):
    torch.manual_seed(seed)
    model, x = LionVAE("full"), 2.5 * torch.randn(2, 600, 3)
    with torch.no_grad():
        assert model.encode_style(x).log_sigma.max() < 2


def test_a_configuration_that_cannot_be_is_told():
    with pytest.raises(ValueError, match="full, small"):
        LionVAE("large")
    with pytest.raises(ValueError, match="as many up as down"):
        LionConfig(ups=())
    with pytest.raises(ValueError, match="normalization"):
        LionVAE(SIZES["small"], Normalization(mode="box"))
    assert LionVAE("small", Normalization(mode="box")).config.normalization == "box"
