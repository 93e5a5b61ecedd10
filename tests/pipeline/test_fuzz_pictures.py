"""Whatever an image file holds: grey pixels or one clear line."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from rayling.images import reading
from tests.pipeline.fuzzing import PIXELS, Whole, broken, cases, outcome


def picture(kind: str, mode: str) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (24, 20, 4), np.uint8)
    image = Image.fromarray(noise).convert("RGB")
    image = Image.fromarray(noise[..., 0].astype(np.uint16) * 200) if mode == "I;16" else image.convert(mode)
    image.save(file, kind)
    return Whole(file.getvalue())


def xray(**tags) -> bytes:
    """A DICOM file of 8 × 6 pixels."""
    dataset, file = Dataset(), io.BytesIO()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3"
    about = {"Rows": 8, "Columns": 6, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME1"}
    about |= {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0}
    about |= {"WindowCenter": 100, "WindowWidth": 50, "RescaleSlope": 2, "RescaleIntercept": -7}
    for name, value in (about | tags).items():
        setattr(dataset, name, value)
    dataset.PixelData = np.arange(48, dtype=np.uint16).tobytes()
    dataset.save_as(file, enforce_file_format=True)
    return Whole(file.getvalue())


PICTURES = [picture("PNG", mode) for mode in ("1", "L", "P", "RGB", "I;16")]
PICTURES += [picture("JPEG", mode) for mode in ("L", "RGB", "CMYK")]
PICTURES += [xray(), xray(PhotometricInterpretation="MONOCHROME2", PixelPaddingValue=3)]


@cases
@given(broken(*PICTURES), st.booleans())
def test_pictures(content, keep_aspect):
    with TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "picture"
        path.write_bytes(content)
        image = outcome(reading.grey_inside, reading.File(path, inside=path.parent), most=PIXELS)
    if image is not None:
        assert image.mode == "L"
        assert reading.square(image, size=16, keep_aspect=keep_aspect).shape == (16, 16)
