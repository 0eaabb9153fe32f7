import pytest
import torch

from pcvae.models.lion import blocks

BLOCKS = {
    "adagn1d": lambda: blocks.AdaGN(16, 8),
    "adagn2d": lambda: blocks.AdaGN(16, 8),
    "adagn3d": lambda: blocks.AdaGN(24, 8),
    "se": lambda: blocks.SqueezeExcite(16),
    "attn": lambda: blocks.LinearAttention(24, 4),
    "attn8": lambda: blocks.LinearAttention(16, 8),
    "pvconv_attn": lambda: blocks.PVConv(6, 16, 8, 8, attention=True),
    "pvconv_plain": lambda: blocks.PVConv(3, 16, 8, 0, attention=True),
    "sa": lambda: blocks.SetAbstraction(6, 48, 0.35, 8, (16, 24), 8),
    "sa_plain": lambda: blocks.SetAbstraction(6, 48, 0.35, 8, (16, 24), 0),
    "fp": lambda: blocks.FeaturePropagation(30, (16, 16), 8),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_against_the_reference(reference, filled, name):
    block = filled(BLOCKS[name](), f"block.{name}.")
    given = {
        what: reference.get(f"block/{name}/in_{what}")
        for what in ("x", "coords", "style", "points", "centers", "cfeat", "skip")
    }
    for what in ("coords", "points", "centers"):
        if given[what] is not None:
            given[what] = given[what].transpose(1, 2).contiguous()
    if name == "fp":
        order = ("points", "centers", "cfeat", "skip", "style")
    elif name.startswith("adagn"):
        order = ("x", "style")
    elif name.startswith(("pvconv", "sa")):
        order = ("x", "coords", "style")
    else:
        order = ("x",)
    found = block(*[given[what] for what in order])
    if name.startswith("sa"):
        found, centers = found
        assert torch.equal(centers.transpose(1, 2), reference[f"block/{name}/out_centers"])
    torch.testing.assert_close(found, reference[f"block/{name}/out_y"], atol=1e-5, rtol=0)


def test_adaptive_norm_starts_as_plain_norm_but_for_a_little_of_z():
    norm = blocks.AdaGN(16, 8)
    x = torch.randn(2, 16, 50)
    torch.testing.assert_close(norm(x, torch.zeros(2, 8)), torch.nn.GroupNorm(8, 16)(x))
    bound = (3 * 0.1 / 32) ** 0.5
    assert 0.9 * bound < norm.emd.weight.abs().max() <= bound


def test_norm_is_exact_with_channels_last():
    """torch's own kernel for features that lie so is off by more than 1e-5 here."""
    x = 5 + torch.randn(1, 16, 24, 24, 24, generator=torch.Generator().manual_seed(0))
    exact = torch.nn.GroupNorm(8, 16).double()(x.double()).float()
    found = blocks.GroupNorm(8, 16)(x.to(memory_format=torch.channels_last_3d))
    torch.testing.assert_close(found, exact, atol=5e-6, rtol=0)


def test_attention_does_not_care_for_the_order_of_points():
    attention = blocks.LinearAttention(16, 2).eval()
    x, order = torch.randn(2, 16, 30), torch.randperm(30)
    torch.testing.assert_close(attention(x)[..., order], attention(x[..., order]))
