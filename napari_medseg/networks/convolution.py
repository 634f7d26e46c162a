"""Convolution of one volume on a CPU, as fast as that of two."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Conv3d(nn.Conv3d):
    """`torch.nn.Conv3d`, which for one volume of float32 on a CPU takes the kernels of oneDNN.

    PyTorch leaves these to larger batches: a single volume of few channels and rows is unfolded and
    multiplied instead, which takes up to several times as long (`benchmarks/convolution.py`). The
    result differs by rounding, and no longer depends on the size of the batch.

    Shapes: ``(B, C_in, D, H, W) -> (B, C_out, D', H', W')``.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  # the name is that of torch
        """Convolve."""
        if isinstance(self.padding, str) or not self._by_hand(input):
            return super().forward(input)
        return torch.mkldnn_convolution(
            input,
            self.weight,
            self.bias,
            self.padding,
            self.stride,
            self.dilation,
            self.groups,
        )

    def _by_hand(self, x: Tensor) -> bool:
        """Whether PyTorch would not take oneDNN by itself although it can."""
        return (
            x.device.type == "cpu"
            and x.dtype == self.weight.dtype == torch.float32
            and x.ndim == 5
            and len(x) == 1
            and self.groups == 1
            and max(self.kernel_size) > 1
            and self.padding_mode == "zeros"
            and not torch.is_autocast_enabled("cpu")
            and torch.backends.mkldnn.is_available()
        )
