"""Read a DICOM file as a viewer first shows it: rescaled, windowed, from black to white.

The sections in brackets are those of the DICOM standard, PS3.3.
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing, pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian

SAMPLES = {"MONOCHROME1": 1, "MONOCHROME2": 1, "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_ICT": 3, "YBR_RCT": 3}


def grey(path: str | Path, *, max_pixels: int) -> Image.Image:
    """Read the single frame of a DICOM file as mode L, Columns × Rows, 0 black to 255 white.

    1. The stored values go through the modality LUT or the rescale (C.11.1).
    2. They go through the first VOI LUT, or else through the first window (C.11.2); its whole output range becomes 0 to
       255. Without either, the image's minimum and maximum become 0 and 255.
    3. MONOCHROME1 is inverted (C.7.6.3.1.2), and padding (C.7.5.1.1.2) is made black.

    An image of one value is black. Colour becomes luminance. Raises ValueError for a file deflated as a whole, no pixel
    data, several frames, more than `max_pixels` pixels (checked in the header, before decoding) and an unsupported
    photometric interpretation; OSError, and what pydicom raises for files that are broken or need a missing codec.
    """
    with warnings.catch_warnings():
        # pydicom warns of harmless faults, several per file; numpy of the far ends of a sigmoid.
        warnings.simplefilter("ignore")
        if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            raise ValueError("a file deflated as a whole")  # it may be small and inflate to gigabytes
        dataset = dcmread(path)
        _refuse_unsupported(dataset, max_pixels)
        pixels = pixel_array(dataset, index=0)
        return _from_colour(pixels, dataset) if pixels.ndim == 3 else Image.fromarray(_from_grey(pixels, dataset))


def _refuse_unsupported(dataset: Dataset, max_pixels: int) -> None:
    """Raise ValueError for an image that we do not read, from its header alone."""
    if not dataset.get("PixelData"):  # pydicom drops compressed pixel data that are cut off
        raise ValueError("no pixel data, or a file cut short")
    if (frames := int(dataset.get("NumberOfFrames") or 1)) > 1:
        raise ValueError(f"{frames} frames")
    if dataset.Rows * dataset.Columns > max_pixels:
        raise ValueError(f"{dataset.Columns}×{dataset.Rows} pixels")
    interpretation, samples = dataset.get("PhotometricInterpretation"), dataset.get("SamplesPerPixel")
    if SAMPLES.get(interpretation, 0) != samples:
        raise ValueError(f"photometric interpretation {interpretation} with {samples} samples a pixel")


def _from_colour(pixels: np.ndarray, dataset: Dataset) -> Image.Image:
    """Return the luminance of pixels (Rows, Columns, 3), which pydicom has converted to RGB."""
    scaled = pixels * (255 / (2**dataset.BitsStored - 1))
    return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("L")


def _from_grey(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return the grey levels, uint8 (Rows, Columns), of the stored values."""
    padding = _padding(pixels, dataset)
    # int64, because pydicom's lookup in a modality LUT overflows in the type of the pixels.
    values, low, high = _displayed(apply_modality_lut(pixels.astype(np.int64), dataset), padding, dataset)
    if low == high:
        return np.zeros(pixels.shape, np.uint8)
    levels = np.rint((values - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        levels = 255 - levels
    levels[padding] = 0
    return levels


def _padding(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return which pixels are padding, bool (Rows, Columns)."""
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if value is None:
        return np.zeros(pixels.shape, bool)
    ends = (value, value if limit is None else limit)
    return (pixels >= min(ends)) & (pixels <= max(ends))


def _displayed(values: np.ndarray, padding: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, float, float]:
    """Return the values as the file wants them shown, and the values of black and of white."""
    if dataset.get("VOILUTSequence"):
        return _looked_up(values, dataset)
    if (ends := _window_ends(dataset)) is not None:
        return apply_windowing(values, dataset), *ends
    seen = values[~padding]
    return (values, seen.min(), seen.max()) if seen.size else (values, 0, 0)


def _looked_up(values: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, float, float]:
    """Return the values through the first VOI LUT, and the range of its nominal depth."""
    table = dataset.VOILUTSequence[0]
    entries, first, bits = table.LUTDescriptor
    entries = entries or 2**16  # the standard writes 65,536, too large for two bytes, as 0
    if len(table.LUTData) < entries:
        raise ValueError(f"a VOI LUT of fewer than its {entries} entries")
    # pydicom 3.0 indexes in the type of the entries: 8 bits, or values outside the table, would wrap around.
    table.LUTDescriptor[2] = 16
    inside = np.rint(values).clip(first, first + entries - 1).astype(np.int64)
    return apply_voi(inside, dataset), 0, 2**bits - 1


def _window_ends(dataset: Dataset) -> np.ndarray | None:
    """Return the first window's output for -∞ and ∞, or None if there is no window that pydicom accepts."""
    if not dataset.get("VOILUTFunction"):
        dataset.VOILUTFunction = "LINEAR"  # pydicom assumes this for an absent function, not for an empty one
    try:
        ends = apply_windowing(np.array([-np.inf, np.inf]), dataset)
    except (LookupError, TypeError, ValueError):
        return None
    return ends if np.isfinite(ends).all() else None
