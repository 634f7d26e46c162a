"""A convolution of single voxels."""

from __future__ import annotations

from torch import Tensor, nn


class Pointwise(nn.Linear):
    """A 1x1 convolution: ``(B, C_in, *S) -> (B, C_out, *S)``, in the input's memory format."""

    def forward(self, x: Tensor) -> Tensor:
        if not x.is_contiguous():
            return super().forward(x.movedim(1, -1)).movedim(-1, 1)
        y = (self.weight @ x.flatten(2)).unflatten(2, x.shape[2:])
        return y if self.bias is None else y + self.bias.view(-1, *[1] * (x.ndim - 2))
