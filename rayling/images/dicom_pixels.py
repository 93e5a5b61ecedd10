"""From the pixel data of a DICOM file to its stored values: what the header says of the bits, checked against them.

The sections in brackets are those of the DICOM standard.
"""

import numpy as np
from pydicom import Dataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.pixels.decoders import JPEGExtended12BitDecoder
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLossless,
    JPEGLosslessSV1,
)

from rayling.images import decoder_messages
from rayling.images.dicom_values import number, whole

JPEGExtended12BitDecoder.add_plugin("rayling", ("rayling.images.jpeg_extended", "decode"))

ROWS_COMPARED = 256  # of an image, to tell values of more bits from other content of those bits


def decoded(dataset: Dataset) -> np.ndarray:
    """Return the words of a file of one frame, (Rows, Columns) or (Rows, Columns, 3) in RGB, of BitsAllocated bits.

    Raises ValueError, which names the transfer syntax, for one that is not read and for pixels that cannot be decoded
    or are damaged; NotImplementedError for other numbers of bits than pydicom reads.
    """
    syntax = _transfer_syntax(dataset)
    found = f"pixels in the transfer syntax {syntax.name} ({syntax})"
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise ValueError(f"{found}, which is not read") from error
    more = "; python-gdcm, which reads more, is not installed" if "gdcm" in str(decoder.missing_dependencies) else ""
    if not decoder.is_available:
        raise ValueError(f"{found}, for which no decoder is installed{more}")
    # gdcm would cut what a lossless JPEG holds above BitsStored, for which `stored` looks.
    options = {"bits_stored": dataset.BitsAllocated} if syntax in (JPEGLossless, JPEGLosslessSV1) else {}
    try:
        with decoder_messages.kept() as said:
            words = pixel_array(dataset, index=0, correct_unused_bits=False, **options)
    except RuntimeError as error:  # its text is a list of what every decoder said
        raise ValueError(f"{found} that cannot be decoded, damaged or cut short{more}") from error
    if damage := next((line for line in said if line.startswith("Corrupt")), None):
        raise ValueError(f"{found} that are damaged: {damage}")  # libjpeg makes up the rest of such an image
    return words.astype(words.dtype.newbyteorder("="), copy=False)


def _transfer_syntax(dataset: Dataset) -> UID:
    """Return the transfer syntax, which without file meta information is the encoding of the data set."""
    if not dataset.file_meta.get("TransferSyntaxUID"):
        if dataset["PixelData"].is_undefined_length:
            raise ValueError("compressed pixels and no TransferSyntaxUID")
        implicit, little_endian = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little_endian else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset.file_meta.TransferSyntaxUID


def stored(words: np.ndarray, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Return the stored values and which of them are padding, bool, both in the shape of the words.

    Bits outside of BitsStored are ignored (PS3.5, 8.1.1), but padding may use them. Raises ValueError if values go on
    in them, so that BitsStored is wrong.
    """
    bits = whole(dataset, "BitsStored")
    padding = _padding(words, dataset)
    shift = _shift(words, padding, bits=bits, high_bit=whole(dataset, "HighBit", bits - 1))
    above = 8 * words.itemsize - bits - shift
    values = (words << above) >> (above + shift)
    _refuse_more_bits(words >> shift, values, padding, bits)
    return values, padding | _padding(values, dataset)


def _shift(words: np.ndarray, padding: np.ndarray, *, bits: int, high_bit: int) -> int:
    """Return how many bits lie below the stored values: HighBit says so (PS3.5, 8.1.1) unless the words belie it."""
    shift = high_bit + 1 - bits
    if not 0 < shift <= 8 * words.itemsize - bits:
        return 0
    used = int(np.bitwise_or.reduce(words.view(f"u{words.itemsize}"), axis=None, where=~padding))
    belied = used % 2**shift and not used >> bits
    return 0 if belied else shift


def _refuse_more_bits(whole_words: np.ndarray, values: np.ndarray, padding: np.ndarray, bits: int) -> None:
    """Raise ValueError if the words vary less than their stored bits, which then are the remainder of larger values.

    An overlay, or anything else in the other bits, makes words vary more.
    """
    if np.array_equal(whole_words, values):
        return
    rows = slice(None, None, max(1, len(values) // ROWS_COMPARED))
    of_words, of_values = (_variation(np.where(padding[rows], 0, each[rows])) for each in (whole_words, values))
    if of_words < of_values:
        raise ValueError(f"values of more than BitsStored, {bits}")


def _variation(values: np.ndarray) -> int:
    return int(np.abs(np.diff(values.astype(np.int64), axis=1)).sum())


def _padding(values: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Return which values are padding (PS3.3, C.7.5.1.1.2), whose sign may be written otherwise than theirs."""
    value, limit = number(dataset, "PixelPaddingValue"), number(dataset, "PixelPaddingRangeLimit")
    ends = [] if value is None else [_fitting(end, values.dtype) for end in (value, value if limit is None else limit)]
    if not ends or None in ends:
        return np.zeros(values.shape, bool)
    return (values >= min(ends)) & (values <= max(ends))


def _fitting(value: float, dtype: np.dtype) -> int | None:
    """Return a number of 16 bits as one that pixels can have, None if none can."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    return next((int(each) for each in (value, value - 2**16, value + 2**16) if low <= each <= high), None)
