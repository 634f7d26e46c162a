"""Start a training from an encoder that has seen ImageNet: from a file or downloaded by name."""

from __future__ import annotations

import logging
from pathlib import Path

from napari_medseg.engine.checkpoint import file_hash
from napari_medseg.engine.published_file import read_published
from napari_medseg.networks.base import SegmentationNetwork
from napari_medseg.networks.import_weights import tensors_of

IMAGENET = "imagenet"
_URL = (
    "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights-maxx/"
    "maxvit_rmlp_small_rw_224_sw-6ef0ae4f.pth"
)
_SHA256 = "6ef0ae4f"  # how it begins: as much as its makers publish, in the file's name
_LOG = logging.getLogger(__name__)


def load_encoder_weights(network: SegmentationNetwork, source: str | Path) -> None:
    """Give the encoder of an MSA²Net the ImageNet weights its paper starts from.

    Parameters
    ----------
    network : SegmentationNetwork
        Changed in place.
    source : str or Path
        A file of timm's ``maxvit_rmlp_small_rw_224.sw_in1k``, ``.safetensors`` or ``.pth``, or
        "imagenet", which downloads it once (260 MB).

    Raises
    ------
    ValueError
        If the network is another one, or the file does not fit.
    OSError
        If the file cannot be read or downloaded.
    """
    from napari_medseg.networks.msa2net.imagenet import load_imagenet
    from napari_medseg.networks.msa2net.network import MSA2Net

    if not isinstance(network, MSA2Net):
        raise ValueError(
            "ImageNet weights are for the encoder of MSA²Net; leave encoder_weights empty for "
            "other networks"
        )
    path = _download() if str(source) == IMAGENET else Path(source)
    load_imagenet(network.encoder, tensors_of(read_published(path)))
    _LOG.info("the encoder starts from %s", path.name)


def _download() -> Path:
    import pooch

    folder, name = Path(pooch.os_cache("napari-medseg")), _URL.rsplit("/", 1)[-1]
    try:
        path = Path(pooch.retrieve(_URL, known_hash=None, fname=name, path=folder))
    except OSError as error:
        raise OSError(
            f"the ImageNet weights could not be downloaded ({type(error).__name__}): connect to "
            f"the internet, or fetch {name} elsewhere and give its file to --encoder-weights"
        ) from error
    if not file_hash(path).startswith(_SHA256):
        path.unlink()
        raise OSError(f"the download of {name} is damaged or was replaced; not used, try again")
    return path
