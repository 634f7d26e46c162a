"""The smallest preset of every network learns a handful of phantoms by heart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from napari_medseg.engine.card import LabelClass
from napari_medseg.engine.cases import to_target
from napari_medseg.engine.metrics import dice
from napari_medseg.engine.objective import objective_of
from napari_medseg.networks import architectures, create_network
from napari_medseg.samples import SAMPLES

SAMPLE = {2: "dermoscopy", 3: "hippocampus"}
COUNT = {2: 8, 3: 2}
LOSS = {"gladnet": "dice_focal", "msa2net": "boundary"}  # their papers'; the others' is dice_ce
STEPS = 120
RATE = {("lgmsnet", 3): 1e-2}  # with the others' it needs more steps


def phantoms(dims):
    """Return images ``(B, C, *S)`` of 32 voxels a side, labels ``(B, *S)``, number of classes."""
    images, labels = [], []
    for seed in range(COUNT[dims]):
        phantom = SAMPLES[SAMPLE[dims]].make(seed=seed)
        image = torch.from_numpy(phantom.volume.array.astype(np.float32))
        truth = torch.from_numpy(phantom.labels)
        if dims == 2:
            image = F.interpolate(image[None], (32, 32), mode="area")[0]
            truth = F.interpolate(truth[None, None], (32, 32), mode="nearest-exact")[0, 0]
        else:
            middle = tuple(slice((n - 32) // 2, (n - 32) // 2 + 32) for n in truth.shape)
            image, truth = image[(slice(None), *middle)], truth[middle]
        images.append((image - image.mean()) / image.std())
        labels.append(truth.numpy())
    return torch.stack(images), np.stack(labels), len(phantom.classes)


@pytest.mark.slow
@pytest.mark.timeout(1200)  # MSD-KMamba takes a minute and a half on a quiet core
@pytest.mark.parametrize(
    ("name", "dims"), [(n, d) for n, a in architectures().items() for d in a.spatial_dims]
)
def test_the_smallest_preset_learns_some_phantoms_by_heart(name, dims):
    images, labels, classes = phantoms(dims)
    activation = "sigmoid" if classes == 1 else "softmax"
    shape = {"in_channels": images.shape[1], "num_classes": classes + (activation == "softmax")}
    torch.manual_seed(0)
    network = create_network(name, preset="small", spatial_dims=dims, **shape).train()
    objective = objective_of(name, LOSS.get(name, "dice_ce"), activation)
    label_classes = tuple(LabelClass(value=v + 1, name=f"class {v}") for v in range(classes))
    target = torch.stack(
        [torch.from_numpy(to_target(one, label_classes, activation)) for one in labels]
    )
    optimiser = torch.optim.AdamW(network.parameters())
    for step in range(STEPS):
        rate = RATE.get((name, dims), 3e-3) * min(1, (step + 1) / 10) * (1 - step / STEPS)
        optimiser.param_groups[0]["lr"] = rate
        optimiser.zero_grad()
        objective(network, images, target, progress=step / STEPS).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        logits = network.eval()(images)
    found = (logits[:, 0] > 0).int() if activation == "sigmoid" else logits.argmax(1)
    scores = [dice(found.numpy() == v, labels == v) for v in range(1, classes + 1)]
    assert min(scores) >= 0.98
