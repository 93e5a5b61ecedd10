"""A DICOM file -> one grey picture as a radiologist's screen shows it first: rescaled, windowed, black to white."""

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
    """Read the one frame of a DICOM file as mode L, Columns × Rows, 0 black to 255 white.

    Stored values go through the modality LUT or the rescale (PS3.3 C.11.1), then through the first VOI LUT, else
    the first window (C.11.2), whose whole output range becomes 0 to 255; without either the least and the
    greatest value become 0 and 255. Then MONOCHROME1 is inverted (C.7.6.3.1.2) and padding (C.7.5.1.1.2) made
    black. A picture with nothing between its least and greatest is black. Colour becomes luminance.

    Raises ValueError for a file deflated as a whole, no pixel data, more than one frame, more than `max_pixels`
    pixels (told from the header, before anything is decoded) and an unsupported photometric interpretation;
    OSError, and what pydicom raises for files that are broken or compressed by what is not installed.
    """
    with warnings.catch_warnings():
        # pydicom warns about harmless faults, several a file; numpy about a sigmoid's far ends.
        warnings.simplefilter("ignore")
        if read_file_meta_info(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            raise ValueError("a file deflated as a whole")  # a small one may hold gigabytes
        dataset = dcmread(path)
        _check(dataset, max_pixels)
        pixels = pixel_array(dataset, index=0)
        return _from_colour(pixels, dataset) if pixels.ndim == 3 else Image.fromarray(_from_grey(pixels, dataset))


def _check(dataset: Dataset, max_pixels: int) -> None:
    """Refuse by the header alone."""
    if not dataset.get("PixelData"):  # pydicom drops compressed pixel data that the file's end cuts
        raise ValueError("no pixel data, or a file cut short")
    if (frames := int(dataset.get("NumberOfFrames") or 1)) > 1:
        raise ValueError(f"{frames} frames")
    if dataset.Rows * dataset.Columns > max_pixels:
        raise ValueError(f"{dataset.Columns}×{dataset.Rows} pixels")
    interpretation, samples = dataset.get("PhotometricInterpretation"), dataset.get("SamplesPerPixel")
    if SAMPLES.get(interpretation, 0) != samples:
        raise ValueError(f"photometric interpretation {interpretation} with {samples} samples a pixel")


def _from_colour(pixels: np.ndarray, dataset: Dataset) -> Image.Image:
    """Luminance of (Rows, Columns, 3), which pydicom has made RGB."""
    scaled = pixels * (255 / (2**dataset.BitsStored - 1))
    return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("L")


def _from_grey(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Grey levels, uint8 (Rows, Columns), of the stored values."""
    padding = _padding(pixels, dataset)
    # int64, for pydicom's lookup in a modality LUT overflows in the type of the pixels.
    values, low, high = _displayed(apply_modality_lut(pixels.astype(np.int64), dataset), padding, dataset)
    if low == high:
        return np.zeros(pixels.shape, np.uint8)
    levels = np.rint((values - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        levels = 255 - levels
    levels[padding] = 0
    return levels


def _padding(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Where the stored value says that there is no picture, bool (Rows, Columns)."""
    value, limit = dataset.get("PixelPaddingValue"), dataset.get("PixelPaddingRangeLimit")
    if value is None:
        return np.zeros(pixels.shape, bool)
    ends = (value, value if limit is None else limit)
    return (pixels >= min(ends)) & (pixels <= max(ends))


def _displayed(values: np.ndarray, padding: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, float, float]:
    """Values as the file wants them shown, and which of them are black and white."""
    if dataset.get("VOILUTSequence"):
        return _looked_up(values, dataset)
    if (ends := _window_ends(dataset)) is not None:
        return apply_windowing(values, dataset), *ends
    seen = values[~padding]
    return (values, seen.min(), seen.max()) if seen.size else (values, 0, 0)


def _looked_up(values: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, float, float]:
    """Values through the first VOI LUT, and the range of its nominal depth."""
    table = dataset.VOILUTSequence[0]
    entries, first, bits = table.LUTDescriptor
    entries = entries or 2**16  # which two bytes cannot say
    if len(table.LUTData) < entries:
        raise ValueError(f"a VOI LUT of fewer than its {entries} entries")
    # pydicom 3.0 indexes in the entries' own type: 8 bits, or values outside the table, would wrap around.
    table.LUTDescriptor[2] = 16
    inside = np.rint(values).clip(first, first + entries - 1).astype(np.int64)
    return apply_voi(inside, dataset), 0, 2**bits - 1


def _window_ends(dataset: Dataset) -> np.ndarray | None:
    """What the first window makes of the least and the greatest number; None without a window that pydicom takes."""
    if not dataset.get("VOILUTFunction"):
        dataset.VOILUTFunction = "LINEAR"  # pydicom knows this of an absent function, not of an empty one
    try:
        ends = apply_windowing(np.array([-np.inf, np.inf]), dataset)
    except (LookupError, TypeError, ValueError):
        return None
    return ends if np.isfinite(ends).all() else None
