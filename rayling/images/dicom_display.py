"""From stored values to grey levels as a viewer first shows them. The sections are those of DICOM, PS3.3."""

from collections.abc import Callable

import numpy as np
from pydicom import Dataset

from rayling.images.dicom_values import look_up_table, number, numbers, text


def levels(values: np.ndarray, padding: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return the grey levels, uint8 (Rows, Columns), of stored values; the steps are those of `dicom.grey`.

    Raises ValueError, which names the attribute, for a damaged table or rescale.
    """
    signed = values.dtype.kind == "i"
    shown, low, high = _shown(_modality(values, dataset, signed=signed), padding, dataset, signed=signed)
    if low == high:
        return np.zeros(values.shape, np.uint8)
    grey = np.rint((shown - low) * (255 / (high - low))).clip(0, 255).astype(np.uint8)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        grey = 255 - grey
    grey[padding] = 0
    return grey


def _modality(values: np.ndarray, dataset: Dataset, *, signed: bool) -> np.ndarray:
    """Return the values through the modality LUT or the rescale (C.11.1); an empty number changes nothing."""
    if table := look_up_table(dataset, "ModalityLUTSequence", signed=signed):
        return table(values)
    slope, intercept = number(dataset, "RescaleSlope"), number(dataset, "RescaleIntercept")
    if slope == 0:
        raise ValueError("RescaleSlope 0")
    if slope is None and intercept is None:
        return values.astype(np.int64)
    return values * (1.0 if slope is None else slope) + (intercept or 0.0)


def _shown(
    values: np.ndarray, padding: np.ndarray, dataset: Dataset, *, signed: bool
) -> tuple[np.ndarray, float, float]:
    """Return the values as the file wants them shown (C.11.2), and which of them are black and white."""
    if table := look_up_table(dataset, "VOILUTSequence", signed=signed):
        return table(values), 0, 2**table.bits - 1
    if window := _window(dataset):
        return window(values.astype(float)), 0, 1
    seen = values[~padding]
    return (values, seen.min(), seen.max()) if seen.size else (values, 0, 0)


def _window(dataset: Dataset) -> Callable[[np.ndarray], np.ndarray] | None:
    """Return the first valid window, which maps black to 0 and white to 1; None if there is none."""
    function = text(dataset, "VOILUTFunction").upper() or "LINEAR"
    try:
        pairs = zip(numbers(dataset, "WindowCenter"), numbers(dataset, "WindowWidth"), strict=False)
    except ValueError:
        return None
    least = 1 if function == "LINEAR" else np.finfo(float).tiny
    valid = ((center, width) for center, width in pairs if None not in (center, width) and width >= least)
    center, width = next(valid, (None, None))
    if center is None or function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        return None
    if function == "SIGMOID":  # C.11.2.1.3.1
        return lambda values: 1 / (1 + np.exp(-4 * (values - center) / width))
    if function == "LINEAR":  # C.11.2.1.2.1
        center, width = center - 0.5, width - 1
    return lambda values: _ramp(values, center, width)


def _ramp(values: np.ndarray, center: float, width: float) -> np.ndarray:
    """Return 0 up to half a width below the center, 1 above half a width over it, and a line between (C.11.2.1.3.2)."""
    line = (values - center) / width + 0.5 if width else np.zeros(values.shape)
    return np.where(values <= center - width / 2, 0, np.where(values > center + width / 2, 1, line))
