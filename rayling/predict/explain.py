"""Draw what the answer for one X-ray rests on: `rayling explain student.onnx image.png why.png`."""

import argparse

from rayling.predict import __main__ as predict

EPILOG = """example:
  rayling explain student.onnx image.png why.png --beside teacher.onnx

exit status: 0; 1 if the image cannot be read; 2 if a network cannot be used or the picture cannot be written.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status, as `rayling predict --explain` does.

    Raises SystemExit with 2 for a wrong command line.
    """
    about = {"description": __doc__.partition(":")[0] + ".", "epilog": EPILOG}
    parser = argparse.ArgumentParser("rayling explain", formatter_class=argparse.RawDescriptionHelpFormatter, **about)
    parser.add_argument("model", help="an ONNX file that `export` wrote")
    parser.add_argument("image", help="PNG, JPEG or DICOM")
    parser.add_argument("picture", metavar="OUT.PNG", help="the image, and a map of each finding")
    parser.add_argument("--beside", metavar="MODEL", action="append", default=[], help="draw another model's maps too")
    parser.add_argument("--even-if-unfamiliar", action="store_true", help="draw what is no chest X-ray as in training")
    options = parser.parse_args(arguments)
    anyway = ["--even-if-unfamiliar"] * options.even_if_unfamiliar
    beside = [part for model in options.beside for part in ("--beside", model)]
    return predict.main([options.model, options.image, "--explain", options.picture, *beside, *anyway])
