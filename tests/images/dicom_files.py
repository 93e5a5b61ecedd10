"""DICOM files for tests, written by pydicom and compressed by gdcm."""

import gdcm
import numpy as np
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from rayling.images import dicom


def write(path, pixels, **attributes):
    """A DICOM file of (Rows, Columns) grey or (Rows, Columns, 3) colour pixels."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.BitsAllocated = dataset.BitsStored = pixels.itemsize * 8
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.SamplesPerPixel, dataset.PlanarConfiguration = (1 if pixels.ndim == 2 else 3), 0
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    dataset.add_new("PixelData", "OW", pixels.tobytes())
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.HighBit = attributes.get("HighBit", dataset.BitsStored - 1)
    dataset.save_as(path, enforce_file_format=True)
    return path


def encode(path, syntax):
    """The file, changed to an uncompressed transfer syntax."""
    little, dataset = dcmread(path), Dataset()
    dataset.update(little)
    dataset.file_meta, little.file_meta.TransferSyntaxUID = little.file_meta, syntax
    if not syntax.is_little_endian:
        dataset.PixelData = np.frombuffer(little.PixelData, f"u{little.BitsAllocated // 8}").byteswap().tobytes()
    dataset.save_as(path, enforce_file_format=True)
    return path


def recode(path, codec):
    """The same image, compressed by gdcm."""
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, codec)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(path.with_suffix(".packed")))
    assert writer.Write()
    return path.with_suffix(".packed")


def read(path):
    """The grey levels (Rows, Columns) of a file, as integers."""
    image = dicom.grey(path, max_pixels=600)
    assert image.mode == "L"
    return np.asarray(image).astype(int)


def noise(low, high, dtype):
    """Random pixels (20, 30), `low` and `high` among them."""
    pixels = np.random.default_rng(0).integers(low, high, (20, 30), endpoint=True)
    pixels[0, :2] = low, high
    return pixels.astype(dtype)


def lut(first, bits, entries, kind="US", length=None):
    """A modality or VOI LUT; with `length` its descriptor declares that many entries."""
    item = Dataset()
    item.add_new("LUTDescriptor", kind, [(length or len(entries)) % 2**16, first, bits])
    item.add_new("LUTData", "US" if length else "OW", list(entries) if length else np.array(entries, "<u2").tobytes())
    return item


def packed_lut(entries, kind="OW"):
    """A modality or VOI LUT of 8 bits from 0 with two entries to a word, the first in the lower byte."""
    item, content = lut(0, 8, []), bytes(entries) + bytes(len(entries) % 2)
    item.LUTDescriptor[0] = len(entries)
    item.add_new("LUTData", kind, content if kind == "OW" else np.frombuffer(content, "<u2").tolist())
    return item
