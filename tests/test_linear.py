"""The linear approximation: the released procedure by hand, exactness, ridge against the obvious loop."""

import numpy as np
import pytest

from pinpoint.errors import PinpointError
from pinpoint.linear import (
    LinearMap,
    draws,
    explained,
    loo_errors,
    released_fit,
    ridge_fit,
    sample,
    unit,
)
from pinpoint.linear_prediction import TEMPERATURES, combined, predicted_map, temperature_errors

OPTIONS = [
    dict(affine=affine, toward_identity=identity) for affine in (False, True) for identity in (False, True)
]  # every kind of ridge


def rows(rng: np.random.Generator, n: int, dim: int) -> np.ndarray:
    return unit(rng.normal(size=(n, dim)))


def rotation(rng: np.random.Generator, dim: int) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(dim, dim)))[0]


def order(scores: np.ndarray) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")


# --- the released procedure -------------------------------------------------------------------------------------------


def test_the_released_procedure_worked_by_hand() -> None:
    # Two images in three dimensions, the paper's columns:
    #   U = [1 .6; 0 .8; 0 0],  V = [0 0; 1 0; 0 1].
    # UᵀU = [1 .6; .6 1], its determinant .64, so (UᵀU)⁻¹ = [1 -.6; -.6 1] / .64 and
    #   U⁺ = (UᵀU)⁻¹ Uᵀ = [.64 -.48 0; 0 .8 0] / .64 = [1 -.75 0; 0 1.25 0],
    #   W = V U⁺ = [0 0 0; 1 -.75 0; 0 1.25 0].
    fitted = released_fit(np.array([[1, 0, 0], [0.6, 0.8, 0]]), np.array([[0.0, 1, 0], [0, 0, 1]]))
    assert np.allclose(fitted.matrix, [[0, 0, 0], [1, -0.75, 0], [0, 1.25, 0]])
    # q = (0, .6, .8): Wᵀq = .6 (1, -.75, 0) + .8 (0, 1.25, 0) = (.6, .55, 0), of length √(.36 + .3025).
    q = np.array([[0, 0.6, 0.8]])
    assert np.allclose(fitted.query(q), np.array([[0.6, 0.55, 0]]) / np.sqrt(0.6625))
    # A third image u = (0, 1, 0): W u = (0, -.75, 1.25). cos(q', u) leaves ‖W u‖ in, cos(q, W u) divides it out.
    u = np.array([[0.0, 1, 0]])
    assert np.isclose((fitted.query(q) @ u.T).item(), 0.55 / np.sqrt(0.6625))
    assert np.isclose((q @ fitted.image(u).T).item(), 0.55 / np.sqrt(0.75**2 + 1.25**2))


@pytest.mark.parametrize("n", [8, 9, 40])
def test_an_orthogonal_map_is_recovered_from_d_images(rng: np.random.Generator, n: int) -> None:
    r, u = rotation(rng, 8), rows(rng, n, 8)
    fitted = released_fit(u, u @ r.T)
    assert np.allclose(fitted.matrix, r, atol=1e-8)
    gallery, q = rows(rng, 50, 8), rows(rng, 6, 8)
    assert np.array_equal(order(fitted.query(q) @ gallery.T), order(q @ (gallery @ r.T).T))


def test_a_sample_that_is_the_gallery_gives_the_prompted_ranking_up_to_d_images(rng: np.random.Generator) -> None:
    q = rows(rng, 6, 16)
    for n in (5, 15):  # in general position: unrelated V is interpolated
        u, v = rows(rng, n, 16), rows(rng, n, 16)
        fitted = released_fit(u, v)
        assert np.allclose(fitted.apply(u), v)
        assert np.array_equal(order(fitted.query(q) @ u.T), order(q @ v.T))
        assert np.array_equal(order(q @ fitted.image(u).T), order(q @ v.T))
    u, v = rows(rng, 40, 16), rows(rng, 40, 16)  # more images than dimensions: least squares, and no identity
    fitted = released_fit(u, v)
    assert not np.array_equal(order(fitted.query(q) @ u.T), order(q @ v.T))
    assert np.allclose((fitted.apply(u) - v).T @ u, 0, atol=1e-9)  # the normal equations: nothing linear is left


def test_factored_equals_dense_and_costs_less(rng: np.random.Generator) -> None:
    u, v, q = rows(rng, 5, 16), rows(rng, 5, 16), rows(rng, 4, 16)
    thin = released_fit(u, v)
    dense = LinearMap((thin.matrix,))
    assert [f.shape for f in thin.factors] == [(16, 5), (5, 16)]
    assert (thin.flops, dense.flops) == (2 * 16 * 5, 16 * 16)
    assert np.allclose(thin.query(q), dense.query(q))
    assert np.allclose(thin.image(u), dense.image(u))
    assert [f.shape for f in released_fit(rows(rng, 16, 16), rows(rng, 16, 16)).factors] == [(16, 16)]


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_query_side_is_the_transpose_and_its_norm_and_bias_move_no_rank(
    rng: np.random.Generator, kind: dict[str, bool]
) -> None:
    u, v, q = rows(rng, 12, 8), rows(rng, 12, 8), rows(rng, 5, 8)
    fitted = ridge_fit(u, v, **kind)
    moved = fitted.query(q)
    assert np.allclose(np.linalg.norm(moved, axis=1), 1)
    gallery = rows(rng, 30, 8)
    assert np.array_equal(order(moved @ gallery.T), order(q @ fitted.apply(gallery).T))


def test_shapes_that_do_not_belong_together_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(PinpointError, match=r"\(5, 8\), \(4, 8\)"):
        released_fit(rows(rng, 5, 8), rows(rng, 4, 8))


# --- the sample -------------------------------------------------------------------------------------------------------


def test_samples_are_seeded_without_replacement_and_nested() -> None:
    first, again = (sample(50, 20, draws(3)[0]) for _ in range(2))
    assert np.array_equal(first, again)
    assert len(set(first)) == 20 and first.max() < 50
    assert np.array_equal(sample(50, 5, draws(3)[0]), first[:5])
    assert sorted(sample(50, 50, draws(3)[0])) == list(range(50))


def test_draws_differ_from_one_another() -> None:
    drawn = {tuple(sample(1000, 10, rng)) for seed in (0, 1) for rng in draws(seed)}
    assert len(drawn) == 20


@pytest.mark.parametrize("n", [0, 51])
def test_a_sample_larger_than_the_gallery_is_an_error_that_says_so(n: int) -> None:
    with pytest.raises(PinpointError, match=f"sample of {n} images out of 50"):
        sample(50, n, np.random.default_rng(0))


# --- ridge ------------------------------------------------------------------------------------------------------------


def solved(u: np.ndarray, v: np.ndarray, penalty: float, affine: bool, toward_identity: bool) -> np.ndarray:
    """The normal equations, written out: [W b] (D, D + 1) with only W penalised."""
    prior = np.eye(u.shape[1]) if toward_identity else np.zeros((u.shape[1], u.shape[1]))
    x = np.c_[u, np.ones(len(u)) if affine else np.zeros(len(u))]
    weights = np.diag([penalty] * u.shape[1] + [0.0 if affine else 1.0])
    wanted = x.T @ v + np.r_[penalty * prior, np.zeros((1, u.shape[1]))]
    return np.linalg.solve(x.T @ x + weights, wanted).T


@pytest.mark.parametrize("n", [6, 30])
@pytest.mark.parametrize("kind", OPTIONS)
def test_leave_one_out_and_the_fit_equal_the_obvious_loop(
    rng: np.random.Generator, n: int, kind: dict[str, bool]
) -> None:
    u, v = rows(rng, n, 10), rows(rng, n, 10)
    penalties = [0.01, 0.3, 5.0]
    looped = []
    for penalty in penalties:
        left_out = []
        for i in range(n):
            rest = np.arange(n) != i
            wb = solved(u[rest], v[rest], penalty, **kind)
            left_out.append(np.sum((v[i] - wb @ np.r_[u[i], 1.0 if kind["affine"] else 0.0]) ** 2))
        looped.append(np.mean(left_out))
    assert np.allclose(loo_errors(u, v, penalties, **kind), looped)
    fitted = ridge_fit(u, v, penalties, **kind)
    best = penalties[int(np.argmin(looped))]
    assert fitted.penalty == best
    assert np.allclose(np.c_[fitted.matrix, np.zeros(10) if fitted.bias is None else fitted.bias],
                       solved(u, v, best, **kind))  # fmt: skip


def test_ridge_beats_the_pseudo_inverse_on_new_images_when_the_sample_is_noisy(rng: np.random.Generator) -> None:
    r = rotation(rng, 32)
    u, new = rows(rng, 32, 32), rows(rng, 200, 32)  # N = D, where the pseudo-inverse is at its worst
    v = unit(u @ r.T + 0.05 * rng.normal(size=u.shape))
    assert explained(ridge_fit(u, v), new, new @ r.T) > explained(released_fit(u, v), new, new @ r.T) + 0.2


def test_the_identity_prior_keeps_what_the_sample_says_nothing_about(rng: np.random.Generator) -> None:
    u = np.eye(6)[:2]
    fitted = ridge_fit(u, np.eye(6)[[1, 0]], [1e-9], toward_identity=True)
    assert np.allclose(fitted.apply(np.eye(6)[2:]), np.eye(6)[2:])
    assert np.allclose(fitted.apply(u), np.eye(6)[[1, 0]])
    assert np.allclose(released_fit(u, np.eye(6)[[1, 0]]).image(np.eye(6)[2:]), 0)  # the paper's map drops it


@pytest.mark.parametrize("penalties", [[], [0.0, 1.0], [-1.0]])
def test_penalties_that_cannot_be_left_out_are_refused(rng: np.random.Generator, penalties: list[float]) -> None:
    with pytest.raises(PinpointError, match="greater than 0"):
        ridge_fit(rows(rng, 4, 8), rows(rng, 4, 8), penalties)


def test_explained_is_one_for_an_exact_map_and_refuses_embeddings_without_variance(rng: np.random.Generator) -> None:
    u, r = rows(rng, 20, 4), rotation(rng, 4)
    assert np.isclose(explained(LinearMap((r,)), u, u @ r.T), 1)
    mean = LinearMap((np.zeros((4, 4)),), bias=(u @ r.T).mean(axis=0))
    assert np.isclose(explained(mean, u, u @ r.T), 0)
    with pytest.raises(PinpointError, match="all equal"):
        explained(mean, u, np.ones((20, 4)))


# --- a map predicted from text ----------------------------------------------------------------------------------------


def test_a_prediction_goes_from_the_nearest_map_to_the_mean_of_all(rng: np.random.Generator) -> None:
    maps = [LinearMap((rotation(rng, 6),)) for _ in range(3)]
    known = np.eye(6)[:3]
    near = unit(np.array([0.1, 0.9, 0.2, 0, 0, 0]))
    assert np.allclose(predicted_map(near, known, maps, 1e-3).matrix, maps[1].matrix)
    assert np.allclose(predicted_map(near, known, maps, 1e9).matrix, np.mean([m.matrix for m in maps], axis=0))
    # Cosines of .6 and .8 at τ = .5: the logits are .4 apart, so the weights are 1 / (1 + e^.4) and the rest.
    p, tau = np.array([0.6, 0.8, 0, 0, 0, 0]), 0.5
    share = 1 / (1 + np.exp(0.4))
    mixed = predicted_map(p, known[:2], maps[:2], tau).matrix
    assert np.allclose(mixed, share * maps[0].matrix + (1 - share) * maps[1].matrix)


@pytest.mark.parametrize("n", [3, 7, 30])
@pytest.mark.parametrize("kind", OPTIONS)
def test_combined_maps_act_as_the_sum_of_what_each_does(
    rng: np.random.Generator, n: int, kind: dict[str, bool]
) -> None:
    u = rows(rng, n, 16)
    maps = [ridge_fit(u, rows(rng, n, 16), **kind) for _ in range(3)]
    weights, x = np.array([0.5, 0.2, 0.3]), rows(rng, 9, 16)
    mixed = combined(maps, weights)
    assert np.allclose(mixed.apply(x), sum(a * m.apply(x) for a, m in zip(weights, maps, strict=True)))
    assert len(mixed.factors) == (2 if 3 * n < 16 else 1)
    with pytest.raises(PinpointError, match="3 maps and 2 weights"):
        combined(maps, weights[:2])


def test_the_temperature_is_chosen_by_leaving_a_prompt_out(rng: np.random.Generator) -> None:
    # Two families of two equal maps; prompts of one family have near texts. Copying the nearest is then exact.
    a, b = rotation(rng, 8), rotation(rng, 8)
    maps = [LinearMap((m,)) for m in (a, a, b, b)]
    texts = unit(np.array([[1, 0.1, 0], [1, -0.1, 0], [0, 0.1, 1], [0, -0.1, 1]], dtype=float))
    u = rows(rng, 20, 8)
    errors = temperature_errors(texts, maps, u, [m.image(u) for m in maps])
    assert errors.shape == (len(TEMPERATURES),)
    assert errors[0] == pytest.approx(0, abs=1e-9) and np.argmin(errors) == 0 and errors[-1] > 0.05
    # By hand for one prompt and one temperature: equal weights for the three others.
    guess = unit((u @ a.T + 2 * u @ b.T) / 3)
    by_hand = 1 - np.mean(np.sum(guess * (u @ a.T), axis=1))
    guess = unit((u @ b.T + 2 * u @ a.T) / 3)
    by_hand = (by_hand + 1 - np.mean(np.sum(guess * (u @ b.T), axis=1))) / 2
    assert temperature_errors(texts, maps, u, [m.image(u) for m in maps], [1e9])[0] == pytest.approx(by_hand)


def test_prediction_refuses_what_it_cannot_do(rng: np.random.Generator) -> None:
    one = [LinearMap((np.eye(3),))]
    with pytest.raises(PinpointError, match="at least two"):
        temperature_errors(np.eye(3)[:1], one, np.eye(3), [np.eye(3)])
    with pytest.raises(PinpointError, match="greater than 0"):
        predicted_map(np.eye(3)[0], np.eye(3)[:1], one, 0.0)
