"""A bank of images is what the encoder says, image by image, and is encoded once."""

from typing import Any

import numpy as np
import pytest
import torch

from pinpoint.diorama.scene import sample_split
from pinpoint.diorama.world import DioramaImages
from pinpoint.encoders import load
from pinpoint.errors import PinpointError
from pinpoint.image_bank import encode_bank
from pinpoint.store import Store


def test_a_bank_holds_embeddings_and_patches_and_reads_them_from_the_store(tmp_path: Any) -> None:
    encoder: Any = load("diorama-clip", device="cpu")
    images = DioramaImages(sample_split(7, "dev", 1))
    ids = list(images.scenes)
    bank = encode_bank(encoder, Store(tmp_path), images, [*ids, ids[0]], 96)
    v, patches = encoder.encode_patches([images.load(i, 96) for i in ids])
    assert bank.ids == tuple(ids) and len(bank) == 7  # named twice, encoded once
    np.testing.assert_allclose(bank.v.numpy(), v, atol=1e-6)
    np.testing.assert_allclose(bank.patches.numpy(), patches, atol=1e-5)
    assert bank.patches.shape == (7, 36, 192)

    class Blind:
        record, dim = encoder.record, encoder.dim

        def encode_patches(self, some: Any) -> Any:
            assert len(list(some)) == 1  # the shape alone is asked for
            return v[:1], patches[:1]

    again = encode_bank(Blind(), Store(tmp_path), images, ids, 96)
    assert torch.equal(again.v, bank.v) and torch.equal(again.patches, bank.patches)
    some = bank.of([ids[4], ids[2], ids[4]])
    assert torch.equal(some.v, bank.v[[4, 2, 4]]) and torch.equal(some.patches[1], bank.patches[2])
    joined = some.of([ids[4], ids[2]]).joined(bank)
    assert joined.ids == (ids[4], ids[2], *(i for i in ids if i not in (ids[4], ids[2])))
    assert torch.equal(joined.patches[3], bank.patches[1])
    with pytest.raises(PinpointError, match="image 'no-such' is not among the 7"):
        bank.rows(["no-such"])
