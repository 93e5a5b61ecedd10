"""Put the page, its libraries and a model into web/site: `python -m web.assemble data/models/student.onnx`.

The libraries come from web/node_modules, where `npm ci` puts them. Browsers cannot import a package by its name, so
such imports are replaced by imports by path; the page needs no bundler.
"""

import json
import re
import shutil
import sys
from pathlib import Path

from rayling.common.errors import BadInput
from rayling.predict.model import OnnxModel

WEB = Path(__file__).parent
PACKAGES = WEB / "node_modules"
COPIES = {  # path in node_modules: name in site/vendor
    "onnxruntime-web/dist/ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
    "fflate/esm/browser.js": "fflate.js",
}
FOLDERS = {"fast-png/lib": "fast-png", "iobuffer/lib": "iobuffer"}
BY_NAME = {"fflate": "../fflate.js", "iobuffer": "../iobuffer/iobuffer.js"}
LICENCES = ("dicom-parser", "fast-png", "fflate", "iobuffer")  # onnxruntime-web (MIT) has no licence file

# dicom-parser is a CommonJS module. Without zlib it refuses deflated files, which we refuse before it.
ES_MODULE = """const module = {{ exports: {{}} }}, exports = module.exports, require = () => {{}};
{}
export default module.exports;
"""


def assemble(model: Path, site: Path) -> None:
    """Write the folder `site` anew, whole or not at all: the page, its libraries, model.onnx, and its facts as JSON.

    Raises BadInput if the model is not an exported network, OSError if a file is missing or the disk is full.
    """
    facts = json.dumps(OnnxModel(model).facts, ensure_ascii=False, allow_nan=False)
    partial = site.with_name(f".{site.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(WEB / "page", partial)
    shutil.copy(WEB / "serve.py", partial)
    shutil.copy(model, partial / "model.onnx")
    (partial / "model.json").write_text(facts, "utf-8")
    _copy_libraries(partial / "vendor")
    shutil.rmtree(site, ignore_errors=True)
    partial.rename(site)


def _copy_libraries(vendor: Path) -> None:
    vendor.mkdir()
    for source, name in COPIES.items():
        shutil.copy(PACKAGES / source, vendor / name)
    for source, name in FOLDERS.items():
        shutil.copytree(PACKAGES / source, vendor / name, ignore=shutil.ignore_patterns("*.map", "*.d.ts"))
        for script in (vendor / name).rglob("*.js"):
            script.write_text(_import_by_path(script.read_text("utf-8")), "utf-8")
    parser = (PACKAGES / "dicom-parser/dist/dicomParser.min.js").read_text("utf-8")
    (vendor / "dicom-parser.js").write_text(ES_MODULE.format(parser), "utf-8")
    for package in LICENCES:
        shutil.copy(PACKAGES / package / "LICENSE", vendor / f"{package}.LICENSE")


def _import_by_path(script: str) -> str:
    """Replace imports by name with imports by path; the files of both folders lie one level deep."""
    return re.sub(r"(?<=from ')(\w+)(?=')", lambda found: BY_NAME[found[1]], script)


def main(model: str) -> None:
    """Assemble web/site, or exit with a line that names what is missing."""
    if not Path(model).is_file():
        sys.exit(f"{model} is not there: run `make` first")
    try:
        assemble(Path(model), WEB / "site")
    except BadInput as error:
        sys.exit(str(error))
    except OSError as error:
        hint = "" if PACKAGES.is_dir() else "; `npm ci --prefix web` installs the libraries"
        sys.exit(f"{WEB / 'site'}: {error}{hint}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "data/models/student.onnx")
