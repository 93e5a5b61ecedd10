"""A decoder plugin of pydicom for JPEG Extended of 12 bits, which gdcm decodes and pydicom 3.0 does not ask it for."""

from pydicom.pixels.decoders.base import DecodeRunner
from pydicom.uid import JPEGExtended12Bit

try:
    import gdcm
except ImportError:  # `predict` runs without it
    gdcm = None

DECODER_DEPENDENCIES = {JPEGExtended12Bit: ("gdcm>=3.0.10",)}


def is_available(uid: str) -> bool:
    """Return whether the plugin can decode a transfer syntax."""
    return gdcm is not None and uid in DECODER_DEPENDENCIES


def decode(frame: bytes, runner: DecodeRunner) -> bytes:
    """Return the pixels of a grey frame, two bytes each.

    Raises what gdcm raises, AttributeError among it, for a damaged frame; NotImplementedError for colour.
    """
    if runner.samples_per_pixel != 1 or runner.bits_allocated != 16:
        raise NotImplementedError("JPEG Extended of 12 bits is read in grey and in 16 bits")
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((runner.columns, runner.rows, 1))
    image.SetDataElement(_pixel_data(frame))
    grey = gdcm.PhotometricInterpretation.GetPIType(runner.photometric_interpretation)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    # 12 bits allocated let gdcm take its decoder of 12 bits at once; with 16 it tries another and prints an error.
    image.SetPixelFormat(gdcm.PixelFormat(1, 12, 12, 11, runner.pixel_representation))
    return image.GetBuffer().encode("utf-8", "surrogateescape")[: 2 * runner.rows * runner.columns]


def _pixel_data(frame: bytes) -> "gdcm.DataElement":
    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(frame)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    return element
