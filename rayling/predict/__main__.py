"""Run an exported network on X-rays, without torch: `rayling predict data/models/student.onnx image.png`."""

import argparse
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from rayling.common import command
from rayling.common.atomic import name_in_errors
from rayling.common.errors import BadInput, print_error, printable
from rayling.common.parallel import prefetch
from rayling.images import reading
from rayling.predict import explanation
from rayling.predict.answers import FORMATS, Answer, Csv, Json, Table, answer
from rayling.predict.model import OnnxModel

EPILOG = """example:
  rayling predict student.onnx films/ --csv > answers.csv

exit status: 0 if every image was read; 1 if at least one could not be; 2 if the network cannot be used, there is no
image, or an output cannot be written.
"""
NO_IMAGE = "found no image, expected PNG, JPEG or DICOM files"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status.

    It is that of `EPILOG`, or of `command.status_of`. Raises SystemExit with 2 for a wrong command line.
    """
    return command.status_of(lambda: predict(parse(arguments)))


def predict(options: argparse.Namespace) -> int:
    """Print the answers, and draw the explanation if it is asked for; return 1 if an image could not be read, else 0.

    Raises BadInput if a model cannot be used or no image was named, OSError if an output cannot be written.
    """
    model = OnnxModel(options.model, operating_point=options.operating_point)
    models, paths = models_to_explain(options.model, model, options.beside), list_images(options.images)
    ask_anyway = options.even_if_unfamiliar
    if options.explain and isinstance(first := answer_or_error(model, paths[0]), Answer):
        if ask_anyway or not first.unfamiliar:
            # drawn before the answer is printed: the reader of the output may close it at any line
            explanation.save(options.explain, reading.grey(paths[0]), models)
        else:
            print(printable(f"{options.explain}: not drawn, as there is no answer"), file=sys.stderr)
    with name_in_errors("standard output"):
        failed = print_answers(model, paths, FORMATS[options.format](model, sys.stdout, ask_anyway=ask_anyway))
    return 1 if failed else 0


def print_answers(model: OnnxModel, paths: list[str | BadInput], writer: Table | Json | Csv) -> int:
    """Run the model on all images, on all cores, and print the answers in order; return how many could not be read."""
    failed = 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    results = prefetch(partial(answer_or_error, model), paths, depth=cores)
    with tqdm(total=len(paths), unit="image", disable=None, leave=False) as bar:  # None: drawn on a terminal only
        for path, result in zip(paths, results, strict=True):
            if isinstance(result, Answer):
                with bar_cleared(sys.stdout):
                    writer.write(path, result)
            else:
                failed += 1
                with bar_cleared(sys.stderr):
                    print_error(type(result), result, result.__traceback__)
            bar.update()
    writer.end()
    sys.stdout.flush()
    return failed


def bar_cleared(stream: TextIO) -> AbstractContextManager:
    """While lines are printed to `stream`, take the progress bar away if that is a terminal too."""
    return tqdm.external_write_mode() if stream.isatty() else nullcontext()


def answer_or_error(model: OnnxModel, path: str | BadInput) -> Answer | BadInput | OSError:
    """The model's answer for an image, or the error if it cannot be read; a path that is an error is returned."""
    try:
        if isinstance(path, BadInput):
            return path
        if os.path.exists(path) and not os.path.isfile(path):  # noqa: PTH110, PTH113 - pathlib raises for some names
            raise BadInput(f"{path}: found a pipe or a device, expected a file")
        return answer(model, path)
    except (BadInput, OSError) as error:
        return error


def list_images(names: list[str]) -> list[str | BadInput]:
    """The files that were named: also those in folders, and for `-` those listed on standard input, one a line.

    A folder without an image is an error among them. DICOM files in folders that hold no image are counted on standard
    error. Raises BadInput if there is no file at all.
    """
    paths = []
    for name in names:
        if name == "-":
            lines = sys.stdin.buffer.read().split(b"\n")  # names of files can be any bytes
            paths += [os.fsdecode(line.removesuffix(b"\r")) for line in lines if line.strip()]
        elif os.path.isdir(name):  # noqa: PTH112 - pathlib raises for some names
            found = reading.listing(name)
            if line := found.passed_over():
                print(printable(f"{name}: {line}"), file=sys.stderr)
            paths += [str(Path(name, image)) for image in found.images] or [BadInput(f"{name}: {NO_IMAGE}")]
        else:
            paths.append(name)
    if not any(isinstance(path, str) for path in paths):
        raise BadInput(f"{' '.join(names)}: {NO_IMAGE}")
    return paths


def models_to_explain(path: str, model: OnnxModel, others: list[str]) -> dict[str, OnnxModel]:
    """The model and those of `--beside`, by the names of their files without suffix.

    Raises BadInput if two have the same name, or if they differ in labels or in how images are made square.
    """
    models = {Path(path).stem: model}
    for other_path in others:
        name, other = Path(other_path).stem, OnnxModel(other_path, threads=0)
        if name in models:
            raise BadInput(f"{other_path}: found a second model named {name!r}, expected different names")
        for key in ("labels", "keep_aspect"):
            if other.facts[key] != model.facts[key]:
                expected = f"expected {model.facts[key]} as in {path}"
                raise BadInput(f"{other_path}: found {key} {other.facts[key]}, {expected}")
        models[name] = other
    return models


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line. Exits with status 2 if it is wrong."""
    about = {"description": __doc__.partition(":")[0] + ".", "epilog": EPILOG}
    parser = argparse.ArgumentParser("rayling predict", formatter_class=argparse.RawDescriptionHelpFormatter, **about)
    parser.add_argument("model", help="an ONNX file that `export` wrote")
    parser.add_argument("images", nargs="+", help="PNG, JPEG or DICOM; folders; - for a list on standard input")
    group = parser.add_mutually_exclusive_group()
    for name, what in {"json": "print one JSON object for each image", "csv": "print one line for each image"}.items():
        group.add_argument(f"--{name}", dest="format", action="store_const", const=name, default="table", help=what)
    parser.add_argument(
        "--operating-point", metavar="NAME", help="decide by the thresholds of this point of the file: sensitivity=0.95"
    )
    parser.add_argument(
        "--even-if-unfamiliar", action="store_true", help="answer even for what is no chest X-ray as those of training"
    )
    parser.add_argument("--explain", metavar="OUT.PNG", help="draw occlusion maps of the findings in the one image")
    parser.add_argument(
        "--beside", metavar="MODEL", action="append", default=[], help="with --explain: draw another model's maps too"
    )
    options = parser.parse_args(arguments)
    if options.explain and (len(options.images) > 1 or options.images[0] == "-" or Path(options.images[0]).is_dir()):
        parser.error("--explain draws one image")
    if options.beside and not options.explain:
        parser.error("--beside goes with --explain")
    if options.explain:
        check_target(parser, Path(options.explain), [options.model, *options.images, *options.beside])
    return options


def check_target(parser: argparse.ArgumentParser, target: Path, sources: list[str]) -> None:
    """Exit with status 2 unless the picture may be written to `target`."""
    if target.suffix.lower() != ".png":
        parser.error(f"--explain writes a PNG, found {str(target)!r}")
    if target.is_dir():
        parser.error(f"--explain writes a PNG, found a folder {str(target)!r}")
    if not target.parent.is_dir():
        parser.error(f"--explain: there is no folder {str(target.parent)!r}")
    if target.exists() and any(Path(source).exists() and target.samefile(source) for source in sources):
        parser.error(f"--explain would overwrite {str(target)!r}, which it reads")


if __name__ == "__main__":
    command.run(main)
