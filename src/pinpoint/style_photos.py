"""Style without training, on real pictures: Gram statistics of a real VGG-19, K-means, and how pure the clusters are.

The network is a VGG-19 of a sixteenth of the channels, distilled for style transfer (Wang et al. 2020), whose weights
are a plain array file. Gram matrices are those of ReLU2_1, the layer that FreestyleRet reads.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from pinpoint.benchmark import Images
from pinpoint.errors import PinpointError
from pinpoint.freestyle import gram

LAYERS = ("conv0", "conv11", "conv12", "conv21")
SIDE = 176


def small_vgg(path: Path) -> nn.Sequential:
    """ReLU2_1 of the distilled VGG-19: RGB in 0..1, (B, 3, S, S) -> (B, 32, S / 2, S / 2). Arrays only, no pickle."""
    if not path.is_file():
        raise PinpointError(f"there is no {path}; put the distilled VGG-19's arrays (.npz) there")
    with np.load(path, allow_pickle=False) as arrays:
        missing = [f"{name}.{kind}" for name in LAYERS for kind in ("weight", "bias") if f"{name}.{kind}" not in arrays]
        if missing:
            raise PinpointError(f"{path} has no {missing[0]!r}; it is no distilled VGG-19")
        convs = []
        for name in LAYERS:
            weight, bias = (torch.from_numpy(arrays[f"{name}.{kind}"]) for kind in ("weight", "bias"))
            out, inner, size, _ = weight.shape
            conv = nn.Conv2d(inner, out, size, padding=size // 2, padding_mode="reflect" if size > 1 else "zeros")
            conv.load_state_dict({"weight": weight, "bias": bias})
            convs.append(conv)
    first, conv11, conv12, conv21 = convs
    network = nn.Sequential(first, conv11, nn.ReLU(), conv12, nn.ReLU(), nn.MaxPool2d(2), conv21, nn.ReLU())
    return network.eval().requires_grad_(False)


def gram_statistics(network: nn.Module, images: Images, ids: Sequence[str], side: int = SIDE) -> np.ndarray:
    """Unit rows (N, C (C + 1) / 2): the upper triangle of each picture's Gram matrix, over its positions."""
    rows = []
    for start in range(0, len(ids), 64):
        batch = np.stack([images.load(i, side) for i in ids[start : start + 64]])
        with torch.no_grad():
            features = network(torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255).flatten(2)
        matrix = gram(features) / features.shape[2]
        upper = torch.triu_indices(*matrix.shape[1:])
        rows.append(nn.functional.normalize(matrix[:, upper[0], upper[1]], dim=1))
    return torch.cat(rows).numpy()


def clusters(statistics: np.ndarray, k: int = 4, components: int = 64, seed: int = 0) -> np.ndarray:
    """Cluster numbers (N,) by PCA and K-means, as one would without any label."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    reduced = PCA(min(components, *statistics.shape), random_state=seed).fit_transform(statistics)
    found: np.ndarray = KMeans(k, n_init=10, random_state=seed).fit_predict(reduced)
    return found


def nearest_labels(statistics: np.ndarray, labels: np.ndarray, k: int = 5) -> np.ndarray:
    """1 where the majority of a picture's k nearest others has its label, (N,): what the statistics could tell."""
    scores = statistics @ statistics.T
    np.fill_diagonal(scores, -np.inf)
    votes = labels[np.argpartition(-scores, k, axis=1)[:, :k]]
    won = np.array([np.bincount(row).argmax() for row in votes])
    return (won == labels).astype(float)
