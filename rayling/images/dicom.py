"""Read a DICOM file as a viewer first shows it: rescaled, windowed, from black to white.

The sections in brackets are those of the DICOM standard, PS3.3.
"""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.filereader import read_dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from rayling.images import dicom_display, dicom_pixels
from rayling.images.dicom_values import text, whole
from rayling.images.formats import has_preamble

SAMPLES = {"MONOCHROME1": 1, "MONOCHROME2": 1, "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_ICT": 3, "YBR_RCT": 3}

REQUIRED = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")


def grey(path: str | Path, *, max_pixels: int) -> Image.Image:
    """Read the single frame of a DICOM file as mode L, Columns × Rows, 0 black to 255 white.

    1. The stored values go through the modality LUT or the rescale (C.11.1).
    2. They go through the first VOI LUT that is not empty, or else through the first valid window (C.11.2); its whole
       output range becomes 0 to 255. Without either, the image's minimum and maximum become 0 and 255.
    3. MONOCHROME1 is inverted (C.7.6.3.1.2), and padding (C.7.5.1.1.2) is made black.

    An image of one value is black. Colour becomes luminance. A preamble may be missing. Raises ValueError for a file
    deflated as a whole, no image or no pixel data, several frames, more than `max_pixels` pixels (checked in the
    header, before decoding), an unsupported photometric interpretation or transfer syntax, and attributes that are
    damaged; OSError, and what pydicom raises for files that are broken.
    """
    with warnings.catch_warnings():
        # pydicom warns of harmless faults, several per file; numpy of the far ends of a sigmoid.
        warnings.simplefilter("ignore")
        if _file_meta(path).get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            raise ValueError("a file deflated as a whole")  # it may be small and inflate to gigabytes
        dataset = dcmread(path, force=True)
        _refuse_other_content(dataset)
        _make_plain(dataset)
        _refuse_unsupported(dataset, max_pixels)
        values, padding = dicom_pixels.stored(dicom_pixels.decoded(dataset), dataset)
        if values.ndim == 3:
            return _from_colour(values, dataset)
        return Image.fromarray(dicom_display.levels(values, padding, dataset))


def without_image(path: str | Path) -> str | None:
    """Return the kind of a DICOM file that holds no image, as a report, a plan or a directory; else None.

    None also for a file that cannot be read, which its reader reports. Raises OSError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            meta = _file_meta(path)
            if "Image Storage" in UID(text(meta, "MediaStorageSOPClassUID")).name:
                return None  # of many, without a look at the rest
            if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
                return None
            return _kind_without_image(dcmread(path, force=True, stop_before_pixels=True))
        except OSError:
            raise
        except Exception:  # pydicom raises some twenty types for broken files
            return None


def _file_meta(path: str | Path) -> Dataset:
    """Return the file meta information (PS3.10, 7.1), without the data set."""
    with Path(path).open("rb") as file:
        file.seek(132 if has_preamble(file.read(132)) else 0)
        return read_dataset(file, False, True, stop_when=lambda tag, *_: tag >> 16 != 2)


def _kind_without_image(dataset: Dataset) -> str | None:
    kind = UID(text(dataset.file_meta, "MediaStorageSOPClassUID") or text(dataset, "SOPClassUID"))
    if not kind or "Image Storage" in kind.name or "Rows" in dataset:
        return None
    return kind.name.removesuffix(" Storage")


def _refuse_other_content(dataset: Dataset) -> None:
    """Raise ValueError for a file without the pixel data of an image."""
    if kind := _kind_without_image(dataset):
        raise ValueError(f"a DICOM file that holds no image ({kind})")
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ValueError("pixels of floating point")
    if not dataset.get("PixelData"):  # pydicom drops compressed pixel data that are cut off
        raise ValueError("no pixel data, or a file cut short")


def _make_plain(dataset: Dataset) -> None:
    """Give the header, of which values may be doubled or of another type, the form that pydicom's decoders take.

    Raises ValueError, which names it, for a number that is absent, empty or no integer.
    """
    header = {keyword: whole(dataset, keyword) for keyword in REQUIRED}
    header |= {"NumberOfFrames": whole(dataset, "NumberOfFrames", 1)}
    header |= {"PhotometricInterpretation": text(dataset, "PhotometricInterpretation").upper()}
    for keyword, value in header.items():
        if keyword in dataset:
            del dataset[keyword]  # with its type
        setattr(dataset, keyword, value)


def _refuse_unsupported(dataset: Dataset, max_pixels: int) -> None:
    """Raise ValueError for an image that we do not read, from its header alone."""
    if dataset.NumberOfFrames > 1:
        raise ValueError(f"{dataset.NumberOfFrames} frames")
    if dataset.Rows * dataset.Columns > max_pixels:
        raise ValueError(f"{dataset.Columns}×{dataset.Rows} pixels")
    interpretation, samples = dataset.PhotometricInterpretation, dataset.SamplesPerPixel
    if SAMPLES.get(interpretation, 0) != samples:
        raise ValueError(f"photometric interpretation {interpretation or 'empty'} with {samples} samples a pixel")
    if not 1 <= dataset.BitsStored <= dataset.BitsAllocated:
        raise ValueError(f"BitsStored {dataset.BitsStored} of BitsAllocated {dataset.BitsAllocated}")


def _from_colour(values: np.ndarray, dataset: Dataset) -> Image.Image:
    """Return the luminance of RGB values (Rows, Columns, 3)."""
    scaled = np.rint(values * (255 / (2**dataset.BitsStored - 1))).clip(0, 255)
    return Image.fromarray(scaled.astype(np.uint8)).convert("L")
