"""Images in every format that the page reads, and files that it refuses; each a function of the path to write."""

from zlib import compress

import numpy as np
from PIL import Image, PngImagePlugin
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.images.dicom_files import encode, lut, packed_lut, recode
from tests.images.dicom_files import write as write_dicom

TURNS = range(1, 9)


def soft_shadows(generator, height, width):
    """A few soft shadows, uint8 (height, width): the networks of these tests are trained on such images."""
    shadows = Image.fromarray(generator.integers(0, 256, (5, 4)).astype(np.uint8))
    return np.asarray(shadows.resize((width, height), Image.Resampling.BICUBIC))


def xray(height=90, width=70, seed=0):
    return soft_shadows(np.random.default_rng(seed), height, width)


def turned(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    return {"exif": exif}


def colour(height=50, width=80, channels=3, depth=np.uint8):
    """Three or four different X-rays as channels, the fourth as opacity."""
    return np.stack([xray(height, width, seed) for seed in range(channels)], 2).astype(depth)


def save(path, pixels, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(path, **{"format": "PNG"} | options)
    return path


def png(path, pixels, rows, *, bits, interlaced=False):
    """Write a PNG from rows of bytes, for formats that Pillow reads but does not write."""
    height, width = pixels.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[pixels[0, 0].size]
    header = np.array([width, height], ">u4").tobytes() + bytes([bits, kind, 0, 0, interlaced])
    content = compress(b"".join(b"\0" + row for row in rows))
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for name, chunk in ((b"IHDR", header), (b"IDAT", content), (b"IEND", b"")):
            PngImagePlugin.putchunk(file, name, chunk)
    return path


def png_of_16_bits(path, pixels):
    return png(path, pixels, (row.astype(">u2").tobytes() for row in pixels), bits=16)


def interlaced(path, pixels, bits=8):
    """Write with Adam7: seven passes, each a smaller image."""
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    passes = [pixels[y::down, x::right] for y, x, down, right in starts]
    rows = (row.astype(">u2" if bits == 16 else "u1").tobytes() for rows in passes if rows.size for row in rows)
    return png(path, pixels, rows, bits=bits, interlaced=True)


def sixteen_bits(low=300, high=41_000, **shape):
    return (low + xray(**shape).astype(float) / 255 * (high - low)).astype(np.uint16)


def palette(bits=8):
    colours = np.random.default_rng(1).integers(0, 256, (2**bits, 3)).astype(np.uint8)
    image = Image.fromarray(xray() >> (8 - bits)).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(colours.tobytes())
    return image


PNGS = {
    "grey": lambda path: save(path, xray()),
    "grey, wide": lambda path: save(path, xray(40, 300)),
    "grey, tall": lambda path: save(path, xray(700, 60)),
    "grey, one pixel": lambda path: save(path, xray(1, 1)),
    "grey, larger than the preview": lambda path: save(path, xray(1500, 1300)),
    "grey, transparent colour": lambda path: save(path, xray(), transparency=int(xray()[0, 0])),
    "grey and opacity": lambda path: save(path, Image.merge("LA", [Image.fromarray(xray(seed=n)) for n in range(2)])),
    "16 bits": lambda path: save(path, sixteen_bits()),
    "16 bits, faint": lambda path: save(path, sixteen_bits(1000, 1020)),
    "16 bits, constant": lambda path: save(path, np.full((30, 40), 7000, np.uint16)),
    "1 bit": lambda path: save(path, Image.fromarray(xray() > 99)),
    "colour": lambda path: save(path, colour()),
    "colour and opacity": lambda path: save(path, colour(channels=4)),
    "colour, 16 bits": lambda path: png_of_16_bits(path, colour(depth=np.uint16) * 250 + 77),
    "colour and opacity, 16 bits": lambda path: png_of_16_bits(path, colour(channels=4, depth=np.uint16) * 250 + 77),
    "grey and opacity, 16 bits": lambda path: png_of_16_bits(path, colour(channels=2, depth=np.uint16) * 250 + 77),
    "palette": lambda path: save(path, palette()),
    "palette of 16": lambda path: save(path, palette(4), bits=4),
    "palette of 4": lambda path: save(path, palette(2), bits=2),
    "palette and opacity": lambda path: save(path, palette(), transparency=bytes(range(256))),
    "interlaced": lambda path: interlaced(path, xray()),
    "interlaced, 16 bits": lambda path: interlaced(path, sixteen_bits(), bits=16),
    "interlaced, colour": lambda path: interlaced(path, colour()),
    "turned": lambda path: save(path, xray(), **turned(6)),
}

JPEGS = {
    "grey": lambda path: save(path, xray(), format="JPEG"),
    "grey, coarse": lambda path: save(path, xray(200, 331), format="JPEG", quality=20),
    "colour": lambda path: save(path, colour(), format="JPEG", subsampling=0),
    "colour, subsampled": lambda path: save(path, colour(101, 203), format="JPEG", quality=60),
    "progressive": lambda path: save(path, colour(101, 203), format="JPEG", progressive=True),
    "large": lambda path: save(path, xray(2000, 1800), format="JPEG"),
} | {f"turned {turn}": lambda path, turn=turn: save(path, xray(), format="JPEG", **turned(turn)) for turn in TURNS}

NOISE = np.random.default_rng(3).integers(0, 4096, (60, 45)).astype("u2")
PADDED = np.where(np.arange(45) < 9, 63_536, NOISE).astype("u2")
WINDOW = {"WindowCenter": [1500, 9], "WindowWidth": [900, 9]}
FILM = sixteen_bits(0, 4095)
RESCALED = {"RescaleSlope": 1.5, "RescaleIntercept": -900}


def implicit(path, pixels, **attributes):
    dataset = dcmread(write_dicom(path, pixels, **attributes))
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return path


def with_unsigned_padding(path, pixels):
    dataset = dcmread(write_dicom(path, pixels))
    dataset.add_new("PixelPaddingValue", "US", 63_536)
    dataset.save_as(path)
    return path


def dicom(pixels=NOISE, write=write_dicom, **attributes):
    return lambda path: write(path, pixels, **attributes)


DICOMS = {
    "8 bits": dicom(xray()),
    "12 bits": dicom(BitsStored=12),
    "16 bits, signed": dicom((NOISE.astype(int) - 2000).astype("i2")),
    "12 bits, signed": dicom((NOISE.astype(int) - 2048).astype("i2"), BitsStored=12, **WINDOW),
    "32 bits": dicom(NOISE.astype("u4") * 1000),
    "overlaid": dicom(NOISE | (np.arange(45) % 16 << 12).astype("u2"), BitsStored=12),
    "overlaid, signed": dicom((NOISE | (np.arange(45) % 16 << 12).astype("u2")).view("i2"), BitsStored=12),
    "window": dicom(**WINDOW, **RESCALED),
    "window, exact": dicom(**WINDOW, VOILUTFunction="LINEAR_EXACT"),
    "window, sigmoid": dicom(**WINDOW, **RESCALED, VOILUTFunction="SIGMOID"),
    "window, negative slope": dicom(**WINDOW, RescaleSlope=-1, RescaleIntercept=3000),
    "invalid window": dicom(WindowCenter=5, WindowWidth=0),
    "window of an unknown function": dicom(**WINDOW, VOILUTFunction="FLAT"),
    "rescaled": dicom(**RESCALED),
    "inverted": dicom(PhotometricInterpretation="MONOCHROME1", **WINDOW),
    "constant": dicom(np.full((9, 9), 700, "u2"), PhotometricInterpretation="MONOCHROME1"),
    "padding": dicom(PADDED, PixelPaddingValue=63_536, PhotometricInterpretation="MONOCHROME1"),
    "padding, a range": dicom(NOISE, PixelPaddingValue=700, PixelPaddingRangeLimit=200),
    "padding, signed": dicom(PADDED.astype("i2"), write=implicit, PixelPaddingValue=-2000),
    "table": dicom(VOILUTSequence=[lut(100, 12, range(0, 4000, 2))], **RESCALED, **WINDOW),
    "table, signed": dicom(NOISE.astype("i2"), VOILUTSequence=[lut(-50, 8, [n % 256 for n in range(900)], "SS")]),
    "table, implicit": dicom(write=implicit, VOILUTSequence=[lut(0, 16, range(0, 60_000, 15))]),
    "modality table": dicom(ModalityLUTSequence=[lut(30, 16, range(60_000, 0, -17))], **WINDOW),
    "modality table, 8 bits": dicom(xray(), ModalityLUTSequence=[lut(0, 8, [n * 37 % 233 for n in range(256)])]),
    "implicit": dicom(write=implicit, **WINDOW, **RESCALED),
    "left-justified": dicom(FILM << 4, BitsStored=12, HighBit=15, **WINDOW),
    "left-justified, signed": dicom(((FILM.astype("i2") - 2048) << 4).astype("i2"), BitsStored=12, HighBit=15),
    "a high bit that is belied": dicom(FILM, BitsStored=12, HighBit=15, **WINDOW),
    "padding, signed, written as unsigned": dicom(PADDED.astype("i2"), write=with_unsigned_padding),
    "padding in bits that are not stored": dicom(PADDED, BitsStored=12, PixelPaddingValue=63_536, **WINDOW),
    "empty rescale": dicom(RescaleSlope="", RescaleIntercept="-90", **WINDOW),
    "empty window before a whole one": dicom(WindowCenter=["", "2000"], WindowWidth=["", "1000"]),
    "empty table": dicom(VOILUTSequence=[Dataset()], ModalityLUTSequence=[Dataset()], **WINDOW),
    "packed table": dicom(xray(), VOILUTSequence=[packed_lut([n * 37 % 256 for n in range(255)])]),
    "modality table, 12 bits": dicom(ModalityLUTSequence=[lut(0, 12, range(4095, -1, -1))], **WINDOW),
}

LOSSLESS = ("JPEGLosslessProcess14", "JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless")
KINDS = {
    "8 bits": dicom(xray()),
    "12 bits": dicom(BitsStored=12, **WINDOW),
    "16 bits": dicom(sixteen_bits(), **WINDOW),
    "signed": dicom((NOISE.astype(int) - 2000).astype("i2"), **WINDOW),
}
PACKED = {
    f"{codec}, {kind}": lambda path, codec=codec, write=write: recode(write(path), codec)
    for codec in LOSSLESS
    for kind, write in KINDS.items()
}
PACKED |= {
    f"big endian, {kind}": lambda path, write=write: encode(write(path), ExplicitVRBigEndian)
    for kind, write in KINDS.items()
}
DICOMS |= PACKED

FILES = {
    f"{kind}: {name}": write
    for kind, files in {"PNG": PNGS, "JPEG": JPEGS, "DICOM": DICOMS}.items()
    for name, write in files.items()
}


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def written(content):
    def write(path):
        path.write_bytes(content)
        return path

    return write


def overstated(path):
    """A small PNG whose header declares 12,000 × 9,000 pixels."""
    content = bytearray(save(path, xray()).read_bytes())
    content[16:24] = np.array([12_000, 9_000], ">u4").tobytes()
    path.write_bytes(content)
    return path


def overstated_jpeg(path):
    content = bytearray(save(path, xray(), format="JPEG").read_bytes())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = np.array([9_000, 12_000], ">u2").tobytes()
    path.write_bytes(content)
    return path


def wrong_bit(path):
    """An uncompressed PNG with one wrong bit in its pixels, which only the checksum reveals."""
    content = bytearray(save(path, xray(), compress_level=0).read_bytes())
    content[content.index(b"IDAT") + 40] ^= 64
    path.write_bytes(content)
    return path


def half_compressed(path):
    """A film whose one fragment of JPEG 2000 ends too early, in a whole file."""
    packed = dcmread(recode(dicom(FILM)(path), "JPEG2000Lossless"))
    frame = generate_fragments(packed.PixelData)
    packed.PixelData = encapsulate([b"".join(frame)[:900]])
    packed.save_as(path)
    return path


BROKEN = {
    "a text": (written(b"Pleural effusion on the left.\n" * 9), "is not a PNG, JPEG or DICOM image"),
    "nothing": (written(b""), "is not a PNG, JPEG or DICOM image"),
    "a GIF": (lambda path: save(path, xray(), format="GIF"), "is not a PNG, JPEG or DICOM image"),
    "a PNG's first bytes": (written(b"\x89PNG\r\n\x1a\n"), "is a damaged PNG"),
    "half a PNG": (lambda path: cut(save(path, xray())), "is a damaged PNG"),
    "a PNG with a wrong bit": (wrong_bit, "is a damaged PNG"),
    "half a JPEG": (lambda path: cut(save(path, xray(), format="JPEG")), "cut short"),
    "a JPEG's first bytes": (written(b"\xff\xd8\xff\xe0"), "JPEG"),
    "a JPEG for print": (
        lambda path: save(path, Image.fromarray(colour(channels=4), "CMYK"), format="JPEG"),
        "printing colours",
    ),
    "half a DICOM": (lambda path: cut(dicom()(path)), "cut short"),
    "a DICOM's first bytes": (written(bytes(128) + b"DICM"), "damaged DICOM"),
    "half a compressed DICOM": (half_compressed, "cannot be decoded, damaged or cut short"),
    "a JPEG of 12 bits": (lambda path: recode(dicom(BitsStored=12)(path), "JPEGExtendedProcess2_4"), "of 12 bits"),
    "a DICOM of two frames": (dicom(NumberOfFrames=2, PixelData=bytes(4 * NOISE.size)), "has 2 frames"),
    "a DICOM of more bits than it says": (dicom(FILM, BitsStored=11), "values of more than the 11 bits"),
    "a DICOM in colour": (dicom(colour()), "in RGB"),
    "a DICOM without pixels": (dicom(PixelData=b""), "without its pixels"),
    "a DICOM with a short table": (dicom(VOILUTSequence=[lut(0, 8, range(9), length=20)]), "damaged look-up table"),
    "a huge PNG": (overstated, "has 12000 × 9000 pixels; this page reads at most 100 megapixels"),
    "a huge JPEG": (overstated_jpeg, "has 12000 × 9000 pixels"),
    "a huge DICOM": (dicom(Rows=9_000, Columns=12_000), "has 12000 × 9000 pixels"),
}
