"""How fast a corpus is built from a crawl: one parquet crawl a language, one core, CPU seconds of whole processes.

Three builds are measured in turns, so that a busy machine hurts all alike, and the median of the turns is told:
  ours        `medcorpus build --jobs 1`, parquet to kept parquet, with the stages of pipelines/sample.toml
  published   MMedC's filter.py on the same files, parquet to kept JSON; keywords alone, no other stage (needs --mmedc)
  10 × terms  ours again, with nine made-up terms beside each keyword
Then the steps of the judgement alone, on text in memory (crates/medcorpus/examples/rates.rs): the keyword scan, the
classifier as if it were asked about everything, both with the scan's floor between them, and the share of the text that
passes the floor.
Start-up is in all of the builds, so a small corpus flatters nobody.

A megabyte is 10⁶ bytes of UTF-8 text. The corpus is made by crates/source/examples/make_crawl.rs, and kept in build/bench,
unless --data names a folder of <language>_part_*.parquet with a column `text`. Made text packs better than a real crawl
and uses fewer words; run with --data before you quote a rate. Standard library only; the published filter gets a
virtual environment of its own.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tomllib
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "bench"
PEER_PACKAGES = ["numpy==2.4.6", "pandas==3.1.1", "pyarrow==26.0.1", "tqdm==4.70.1"]


def main():
    options = parse_arguments()
    pipeline = tomllib.loads((ROOT / "pipelines/sample.toml").read_text(encoding="utf-8"))
    data = pathlib.Path(options.data).resolve() if options.data else make_crawl(options.mb, options.medical)
    wanted = options.languages.split(",") if options.languages else pipeline["languages"]
    files = {language: sorted(data.glob(f"{language}_part_*.parquet")) for language in wanted}
    files = {language: paths for language, paths in files.items() if paths}
    if not files:
        sys.exit(f"bench: no <language>_part_*.parquet of {', '.join(wanted)} in {data}")
    peer = find_peer(options.mmedc) if options.mmedc else None
    if not peer:
        print("bench: no MMEDC=checkout is given, so the published filter is not measured", file=sys.stderr)

    command = ["cargo", "build", "--release", "--locked", "--quiet", "--example", "rates"]
    if subprocess.run(command, cwd=ROOT).returncode != 0:
        sys.exit("bench: the example that times single steps could not be built; cargo's message is above")
    rows = [measure(language, paths, data, pipeline, peer, options) for language, paths in files.items()]
    corpus = {"data": str(data)} if options.data else {"data": "made", "mb": options.mb, "medical": options.medical}
    result = {"machine": machine(), "version": version(options.medcorpus), "corpus": corpus, "reps": options.reps,
              "languages": rows}
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medcorpus", default="target/release/medcorpus", type=pathlib.Path, help="the program")
    parser.add_argument("--mmedc", help="a checkout of MAGIC-AI4Med/MMedLM, or a folder with its filter and keywords")
    parser.add_argument("--data", help="a folder of <language>_part_*.parquet, instead of made text")
    parser.add_argument("--mb", type=float, default=200, help="megabytes of made text a language")
    parser.add_argument("--medical", type=float, default=0.01, help="share of made documents that are medical")
    parser.add_argument("--reps", type=int, default=3, help="turns")
    parser.add_argument("--languages", help="codes with commas [default: those of pipelines/sample.toml]")
    parser.add_argument("--json", action="store_true", help="print JSON, with the CPU seconds of every turn")
    options = parser.parse_args()
    options.medcorpus = options.medcorpus.resolve()
    return options


def make_crawl(megabytes, medical):
    """The folder of the made corpus of this size and share; it is made once, and again when what makes it has changed."""
    folder = HOME / f"{megabytes:g}-{medical:g}"
    makers = [ROOT / "sources/samples/passages.jsonl", ROOT / "crates/source/examples/make_crawl.rs"]
    made_from = hashlib.sha256(b"".join(maker.read_bytes() for maker in makers)).hexdigest()
    if not folder.exists() or (folder / "made_from").read_text() != made_from:
        part = folder.with_name(folder.name + ".tmp")
        shutil.rmtree(part, ignore_errors=True)
        print(f"bench: making {megabytes:g} MB of text a language in {folder.relative_to(ROOT)}", file=sys.stderr)
        command = ["cargo", "run", "--release", "--locked", "--quiet", "--example", "make_crawl", "--"]
        if subprocess.run([*command, part, str(megabytes), str(medical)], cwd=ROOT).returncode != 0:
            sys.exit("bench: the text could not be made; cargo's message is above")
        (part / "made_from").write_text(made_from)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    return folder


def find_peer(checkout):
    """The published filter's folder, and a Python that has what it imports."""
    checkout = pathlib.Path(checkout).resolve()
    folders = [checkout, checkout / "data_collection" / "filtering"]
    folder = next((folder for folder in folders if (folder / "filter.py").exists()), None)
    if not folder or not (folder / "keywords.py").exists():
        sys.exit(f"bench: {checkout} has no filter.py and keywords.py, neither has data_collection/filtering in it")
    home = HOME / "venv"
    python, done = home / "bin" / "python", home / "packages.txt"
    if not done.exists() or done.read_text() != "\n".join(PEER_PACKAGES):
        print(f"bench: installing {' '.join(PEER_PACKAGES)} into {home.relative_to(ROOT)}", file=sys.stderr)
        shutil.rmtree(home, ignore_errors=True)
        if subprocess.run([sys.executable, "-m", "venv", home]).returncode != 0:
            sys.exit("bench: Python cannot make a virtual environment; on Debian: apt-get install python3-venv")
        if subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES]).returncode != 0:
            sys.exit("bench: pip could not install what the published filter imports; its message is above")
        done.write_text("\n".join(PEER_PACKAGES))
    return folder, python


def measure(language, files, data, pipeline, peer, options):
    for file in files:  # into the page cache, so that the first turn has no disadvantage
        file.read_bytes()
    work = HOME / "work" / language
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    crowded = work / "filters"
    shutil.copytree(ROOT / "filters", crowded)
    terms = crowd(crowded / language / "keywords.txt", language)
    plain = write_pipeline(work / "plain.toml", pipeline, language, data, ROOT / "filters")
    ten_fold = write_pipeline(work / "ten_fold.toml", pipeline, language, data, crowded)

    settings = tomllib.loads((ROOT / "filters" / language / "language.toml").read_text(encoding="utf-8"))
    commands = {
        "ours": [options.medcorpus, "build", plain, "--out", work / "out", "--jobs", "1", "--json"],
        "ten_fold": [options.medcorpus, "build", ten_fold, "--out", work / "out", "--jobs", "1", "--json"],
    }
    if peer and "mmedc" in settings:
        folder, python = peer
        driver = pathlib.Path(__file__).with_name("published_filter.py")
        boundaries, prefix = settings["word_boundaries"], settings["mmedc"]["list_prefix"]
        commands["published"] = [python, driver, folder, prefix, boundaries, work / "out", *files]

    cpu = {name: [] for name in commands}
    answers = {}
    for turn in range(options.reps):
        for name, command in commands.items():
            if sys.stderr.isatty():
                print(f"bench: {language}, turn {turn + 1} of {options.reps}, {name:<12}", end="\r", file=sys.stderr)
            shutil.rmtree(work / "out", ignore_errors=True)
            (work / "out").mkdir()
            seconds, answers[name] = run(command, work)
            cpu[name].append(seconds)
    shutil.rmtree(work / "out")
    rates = options.medcorpus.parent / "examples" / "rates"
    steps = [json.loads(run([rates, ROOT / "filters", language, *files], work)[1]) for _ in range(options.reps)]

    documents, megabytes, kept = read_totals(answers["ours"])
    row = {"language": language, "documents": documents, "megabytes": megabytes, "terms": terms, "cpu_seconds": cpu,
           "kept": {"ours": kept, "ten_fold": read_totals(answers["ten_fold"])[2]}}
    rates = {name: megabytes / statistics.median(seconds) for name, seconds in cpu.items()}
    row["megabytes_per_cpu_second"] = {name: round(rate, 2) for name, rate in rates.items()}
    row["steps"] = {
        name: statistics.median(step[name] for step in steps) if steps[0][name] is not None else None
        for name in ("scan", "classifier", "scan_and_classify", "asked_share")
    }
    row["rate_with_ten_fold_terms"] = round(rates["ten_fold"] / rates["ours"], 3)
    if "published" in commands:
        said = json.loads(answers["published"].splitlines()[-1])
        if said["documents"] != documents:
            sys.exit(f"bench: {language}: ours read {documents} documents, the published filter {said['documents']}")
        row["kept"]["published"] = said["kept"]
        row["times_published"] = round(rates["ours"] / rates["published"], 1)
    return row


def run(command, work):
    """User and system seconds of a process and all that it waited for, and its standard output."""
    with open(work / "stdout", "w+b") as out, open(work / "stderr", "w+b") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            err.seek(0)
            tail = err.read().decode(errors="replace")[-2000:]
            sys.exit(f"bench: exit code {process.returncode} of {' '.join(map(str, command))}:\n{tail}")
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, out.read().decode()


def read_totals(answer):
    """Documents read, megabytes of text read, documents kept, of `build --json`."""
    outcomes = [
        (name, counts)
        for source in json.loads(answer)["sources"]
        for by_name in source["outcomes"].values()
        for name, counts in by_name.items()
    ]
    kept = sum(counts["documents"] for name, counts in outcomes if name == "kept")
    documents, bytes_read = (sum(counts[unit] for _, counts in outcomes) for unit in ("documents", "bytes"))
    return documents, bytes_read / 1e6, kept


def write_pipeline(path, sample, language, data, filters):
    """The sample's stages and settings for one language of one crawl; of what is rejected, a sample is listed."""
    pipeline = dict(sample, languages=[language], filters=str(filters), sources=str(ROOT / "sources"))
    pipeline["source"] = [{"name": "sample_crawl", "path": str(data)}]
    pipeline["stage"] = [
        dict(stage, model=str(ROOT / "pipelines" / stage["model"])) if "model" in stage else stage
        for stage in sample["stage"]
    ]
    pipeline["rejected"] = {"list": "sample", "sample_share": 0.001}
    lines = []
    write_table(lines, "", pipeline)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_table(lines, name, table):
    """Appends a table, its tables behind its values."""
    lines.extend(f"{key} = {json.dumps(value)}" for key, value in table.items() if not is_table(value))
    for key, value in table.items():
        for below in (value if isinstance(value, list) else [value]) if is_table(value) else []:
            whole = f"{name}.{key}" if name else key
            lines.append(f"\n[[{whole}]]" if isinstance(value, list) else f"\n[{whole}]")
            write_table(lines, whole, below)


def is_table(value):
    return isinstance(value, dict) or isinstance(value, list) and isinstance(value[0], dict)


def crowd(path, language):
    """Puts nine made-up terms beside each, and gives the number of terms then.

    Half of them are a term with its letters shuffled, half the head of one term with the tail of another. Left out are
    those that the passages have, be it with another ending: made-up terms shall cost time and change no verdict.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line for line in lines if line.startswith("#")]
    listed = [line for line in lines if not line.startswith("#")]
    terms = [line.split("\t")[0] for line in listed]
    passages = (ROOT / "sources/samples/passages.jsonl").read_text(encoding="utf-8").splitlines()
    passages = [passage["text"] for passage in map(json.loads, passages) if passage["language"] == language]
    text = "\n".join(passages).lower()
    plain_text = without_marks(text)
    chance = random.Random(1)

    def shuffled(term):
        return re.sub(r"\w+", lambda word: "".join(chance.sample(word[0], len(word[0]))), term)

    def joined(term):
        tail = chance.choice(terms)
        return term[: (len(term) + 1) // 2] + tail[len(tail) // 2 :]

    def occurs(term):
        stem = without_marks(term.lower())
        return (stem[:-2] if len(stem) > 4 else stem) in plain_text

    seen = {term.lower() for term in terms}
    made = []
    for number in range(9 * len(terms)):
        for _ in range(100):
            make = shuffled if number % 2 else joined
            term = unicodedata.normalize("NFC", make(terms[number % len(terms)]).strip(" -'’"))
            if len(term) > 1 and term.lower() not in seen and not occurs(term):
                seen.add(term.lower())
                made.append(term)
                break
    path.write_text("\n".join([*comments, *sorted(listed + made)]) + "\n", encoding="utf-8")
    return len(terms) + len(made)


def without_marks(text):
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def machine():
    names = re.findall(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{names[0] if names else 'unknown processor'}, {os.cpu_count()} cores, {memory:.0f} GiB"


def version(program):
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout
    return f"{said} ({commit.strip() or 'no git'})"


def show(result):
    rows = result["languages"]
    corpus = result["corpus"]
    what = corpus["data"] if "mb" not in corpus else f"{corpus['mb']:g} MB a language, {corpus['medical']:.1%} medical"
    print(f"{result['version']} on {result['machine']}")
    print(f"text: {what}; median of {result['reps']} turns; MB/s is megabytes of text per CPU second, one core\n")
    table = [["language", "documents", "MB", "kept", "CPU s", "MB/s", "published: kept", "CPU s", "MB/s", "ratio",
              "10 × terms: kept", "MB/s", "rate", "scan alone", "classifier alone", "both", "asked of"]]
    for row in rows:
        cpu = {name: f"{statistics.median(seconds):.2f}" for name, seconds in row["cpu_seconds"].items()}
        rate = {name: f"{rate:.1f}" for name, rate in row["megabytes_per_cpu_second"].items()}
        kept = {name: f"{number:,}" for name, number in row["kept"].items()}
        table.append([
            row["language"], f"{row['documents']:,}", f"{row['megabytes']:.0f}", kept["ours"], cpu["ours"], rate["ours"],
            kept.get("published", "-"), cpu.get("published", "-"), rate.get("published", "-"),
            f"{row['times_published']:.1f}" if "times_published" in row else "-",
            kept["ten_fold"], rate["ten_fold"], f"{row['rate_with_ten_fold_terms']:.2f}",
            f"{row['steps']['scan']:.0f}", f"{row['steps']['classifier']:.1f}" if row["steps"]["classifier"] else "-",
            f"{row['steps']['scan_and_classify']:.0f}", f"{row['steps']['asked_share']:.1%}",
        ])
    widths = [max(map(len, column)) for column in zip(*table)]
    for line in table:
        print("  ".join(cell.ljust(width) if place == 0 else cell.rjust(width)
                        for place, (cell, width) in enumerate(zip(line, widths))))
    compared = [row for row in rows if "times_published" in row]
    print()
    if compared:
        slowest = min(compared, key=lambda row: row["times_published"])
        print(f"lowest ratio to the published filter: {slowest['times_published']:.1f} ({slowest['language']})")
    slowest = min(rows, key=lambda row: row["rate_with_ten_fold_terms"])
    rate = slowest["rate_with_ten_fold_terms"]
    print(f"lowest rate with 10 times the terms: {rate:.2f} of the plain one ({slowest['language']})")


if __name__ == "__main__":
    main()
