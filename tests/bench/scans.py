"""How well scanned pages are read, beside Tesseract's command line in the same run: a Markdown table.

FOLDER holds CODE.pdf, whose pages are images, and CODE.gt.jsonl with an object a page: text, running_header, page_number.
Errors are edit distances over the gold's length: of characters (white space left out, NFKC), and of the sequence of numbers,
units and comparison signs apart, since there a misreading changes what a text says. Needs poppler's pdfimages and
Tesseract with its packs; otherwise the standard library only.
"""

import argparse
import json
import os
import pathlib
import re
import resource
import subprocess
import tempfile
import time
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKS = {"en": "eng", "fr": "fra", "es": "spa", "ru": "rus", "zh": "chi_sim", "ja": "jpn", "it": "ita", "de": "deu"}
UNITS = "mmol mmHg mOsm mEq mIU mcg mSv kcal µmol μmol mg µg μg ng pg kg ml mL dl dL µl μl cm mm nm µm g l L m UI IU U h min s"
UNITS += " мкмоль ммоль мкг мг кг мл дл г л см мм ч мин 毫克 微克 毫升 毫米 厘米 克"
NUMBER = r"\d+(?:[.,:/]\d+)*"
DOSE = re.compile(rf"[<>≤≥±=~]|{NUMBER}|(?<=\d)\s?(?:[%°℃‰]|(?:{'|'.join(UNITS.split())})(?![^\W\d_]))")


def distance(left, right):
    """Edit distance of two sequences, a word of bits for each element (Myers 1999, in Hyyrö's form)."""
    if not left:
        return len(right)
    places = {}
    for index, element in enumerate(left):
        places[element] = places.get(element, 0) | 1 << index
    mask, last = (1 << len(left)) - 1, 1 << len(left) - 1
    up, down, score = mask, 0, len(left)
    for element in right:
        match = places.get(element, 0)
        diagonal = ((match & up) + up ^ up) | match | down
        gain, loss = down | ~(diagonal | up) & mask, up & diagonal
        score += bool(gain & last) - bool(loss & last)
        gain, loss = (gain << 1 | 1) & mask, loss << 1 & mask
        up, down = (loss | ~(diagonal | gain)) & mask, gain & diagonal
    return score


def characters(text):
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def doses(text):
    text = unicodedata.normalize("NFKC", text)
    spaced = sum("\u3040" <= it <= "\u9fff" for it in text) < 0.2 * len(text)
    text = " ".join(text.split()) if spaced else "".join(text.split())
    return [it.group().strip() for it in DOSE.finditer(text)]


def without_furniture(text, gold):
    """The command line's text less its first and last line, where these are the running head and the page number."""
    lines = [line for line in text.splitlines() if line.strip()]
    def is_like(line, furniture):
        line, furniture = characters(line), characters(furniture)
        return distance(line, furniture) < 0.5 * max(len(line), len(furniture), 1)
    if lines and is_like(lines[0], gold["running_header"]):
        lines = lines[1:]
    if lines and len(characters(lines[-1])) < 5 and is_like(lines[-1], gold["page_number"]):
        lines = lines[:-1]
    return "\n".join(lines)


class Errors:
    def __init__(self):
        self.wrong, self.all = {}, {}

    def add(self, gold, read):
        for kind, of in [("characters", characters), ("numbers", doses)]:
            self.wrong[kind] = self.wrong.get(kind, 0) + distance(of(gold), of(read))
            self.all[kind] = self.all.get(kind, 0) + len(of(gold))

    def share(self, kind):
        return f"{100 * self.wrong[kind] / max(1, self.all[kind]):.2f} %"


def timed(command, **options):
    """Output, wall seconds and CPU seconds of a program and the processes that it waits for."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, **options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if ran.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: {ran.stderr.strip()}")
    return ran.stdout, time.monotonic() - started, cpu


def ours(medcorpus, pdf, ocr, more):
    command = [medcorpus, "extract", pdf, "--ocr", ocr, "--no-cache", "--pages", "all", *more]
    out, wall, cpu = timed(command, cwd=ROOT)
    pages = [json.loads(line) for line in out.splitlines()]
    return [page["text"] for page in pages], max((page["method"] for page in pages), key=len), wall, cpu


def command_line(pdf, language, keep, count):
    folder = keep or tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    names = [pathlib.Path(folder) / f"{language}-{page:03}" for page in range(count)]
    wall = cpu = None
    if not all(name.with_suffix(".txt").exists() for name in names):
        subprocess.run(["pdfimages", "-j", pdf, f"{folder}/{language}"], check=True)
        wall = cpu = 0.0
        for name in names:
            command = ["tesseract", name.with_suffix(".jpg"), name, "-l", PACKS[language]]
            _, page_wall, page_cpu = timed(command, env={**os.environ, "OMP_THREAD_LIMIT": "1"})
            wall, cpu = wall + page_wall, cpu + page_cpu
    return [name.with_suffix(".txt").read_text() for name in names], wall, cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medcorpus", required=True)
    parser.add_argument("--data", required=True, help="FOLDER")
    parser.add_argument("--languages", default="en,fr,es,ru,zh,ja")
    parser.add_argument("--pages", type=int, default=1_000, help="of each language, from the first")
    parser.add_argument("--keep", help="folder that keeps the command line's texts for the next run, which then measures no time")
    parser.add_argument("--state", action="store_true", help="state the language, instead of finding it")
    options = parser.parse_args()
    medcorpus = pathlib.Path(options.medcorpus).resolve()
    print("| language | pages | engine | characters wrong | Tesseract alone | its command line | numbers and units | wrong | Tesseract alone "
          "| its command line | CPU s a page | Tesseract alone | its command line |")
    print("| --- | ---: | --- |" + " ---: |" * 10)
    for language in options.languages.split(","):
        pdf = pathlib.Path(options.data).resolve() / f"{language}.pdf"
        gold = [json.loads(line) for line in open(pdf.with_suffix(".gt.jsonl"))][: options.pages]
        more = ["--language", language] if options.state else []
        best, engine, _, best_cpu = ours(medcorpus, pdf, "best", more)
        pages = len(best)
        alone, _, _, alone_cpu = (best, engine, 0, best_cpu) if engine == "tesseract" else ours(medcorpus, pdf, "tesseract", more)
        texts, _, cpu = command_line(pdf, language, options.keep, len(gold))
        errors = [Errors() for _ in range(3)]
        for page, fact in enumerate(gold):
            for error, text in zip(errors, [best[page], alone[page], without_furniture(texts[page], fact)]):
                error.add(fact["text"], text)
        cells = [language, len(gold), engine, *(it.share("characters") for it in errors), errors[0].all["numbers"]]
        cells += [it.share("numbers") for it in errors] + [f"{best_cpu / pages:.2f}", f"{alone_cpu / pages:.2f}"]
        cells.append("" if cpu is None else f"{cpu / len(gold):.2f}")
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
