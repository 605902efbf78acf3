#!/usr/bin/env python3
"""Measures `medcorpus dedup` beside other programs for near duplicates, in turns, on the same made-up documents.

    dedup_peers.py --medcorpus target/release/medcorpus --python venv/bin/python --documents 5000 --out FOLDER
    venv: pip install rensa daft numpy 'datatrove[io,processing]' spacy

What `--python` cannot import is left out. CPU seconds are user + system of a whole process and its children, imports included.
datatrove reads, signs, buckets, clusters and writes the survivors, as medcorpus does; it runs in one process, so that all of it is
counted. rensa and Daft only print the ids that stay. Peak memory is that of the process and its children together, and scratch the
most that lay in the output folder besides the survivors, both looked at twenty times a second, so short runs read low. All have 14 bands of 8 values and 5-grams; medcorpus has its own defaults.
"""
import argparse
import glob
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from dedup import bytes_below

BANDS, ROWS, WORDS = 14, 8, 5


def documents(folder):
    for path in sorted(glob.glob(folder + "/*.jsonl")):
        with open(path, encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def rensa(folder, _):
    import rensa

    index = rensa.RMinHashLSH(threshold=0.75, num_perm=BANDS * ROWS, num_bands=BANDS)
    for number, document in enumerate(documents(folder)):
        words = document["text"].lower().split()
        sketch = rensa.RMinHash(num_perm=BANDS * ROWS, seed=42)
        sketch.update([" ".join(words[i:i + WORDS]) for i in range(max(1, len(words) - WORDS + 1))])
        if not index.query(sketch):
            print(document["id"])
            index.insert(number, sketch)


def daft(folder, _):
    import daft
    import numpy

    text = daft.col("text").normalize(remove_punct=True, lowercase=True, white_space=True)
    frame = daft.read_json(folder + "/*.jsonl")
    frame = frame.with_column("sketch", text.minhash(num_hashes=BANDS * ROWS, ngram_size=WORDS, seed=42))
    frame = frame.select("id", "sketch").to_pydict()
    seen = set()
    for name, sketch in zip(frame["id"], frame["sketch"]):
        values = numpy.asarray(sketch, dtype=numpy.uint32)
        keys = [(band, values[band * ROWS:(band + 1) * ROWS].tobytes()) for band in range(BANDS)]
        if not any(key in seen for key in keys):
            print(name)
        seen.update(keys)


def datatrove(folder, out):
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.typeshelper import Languages

    settings = MinhashConfig(n_grams=WORDS, num_buckets=BANDS, hashes_per_bucket=ROWS)
    english = Languages.english
    steps = [
        [JsonlReader(folder), MinhashDedupSignature(output_folder=out + "/signatures", config=settings, language=english)],
        [MinhashDedupBuckets(input_folder=out + "/signatures", output_folder=out + "/buckets", config=settings)],
        [MinhashDedupCluster(input_folder=out + "/buckets", output_folder=out + "/remove", config=settings)],
        [JsonlReader(folder), MinhashDedupFilter(input_folder=out + "/remove"), JsonlWriter(out + "/survivors")],
    ]
    for number, step in enumerate(steps):
        tasks = BANDS if number == 1 else 1
        LocalPipelineExecutor(pipeline=step, tasks=tasks, workers=1, logging_dir=f"{out}/log{number}").run()


PEERS = {"rensa": rensa, "daft": daft, "datatrove": datatrove}


def resident(process):
    """Bytes in memory of a process and of all below it, shared pages counted once each."""
    total, waiting = 0, [process]
    while waiting:
        process = waiting.pop()
        try:
            with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as rollup:
                total += sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/children", encoding="ascii") as children:
                    waiting.extend(children.read().split())
        except OSError:
            pass  # It has ended in the meantime.
    return total * 1024


def measure(command, scratch):
    """CPU seconds, peak memory and peak scratch in bytes; nothing, if the command failed."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=messages)
        memory = disk = 0
        while process.poll() is None:
            memory, disk = max(memory, resident(process.pid)), max(disk, bytes_below(scratch, without="survivors"))
            time.sleep(0.05)
        if process.returncode:
            messages.seek(0)
            sys.stderr.write(messages.read().decode(errors="replace")[-2000:])
            return None
    return used() - before, memory, disk


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--medcorpus")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--documents", type=int, default=5000)
    parser.add_argument("--peers", default="rensa,daft,datatrove")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--out", required=True)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    data, scratch = f"{options.out}/peers-{options.documents}", os.path.abspath(f"{options.out}/peers-scratch")
    if options.run:
        return PEERS[options.run](os.path.abspath(data), scratch)
    if not os.path.isdir(data):
        maker = os.path.join(os.path.dirname(os.path.abspath(__file__)), "make_documents.py")
        subprocess.run([sys.executable, maker, "--documents", str(options.documents), "--out", data], check=True)
    megabytes = sum(len(document["text"].encode()) for document in documents(data)) / 1e6
    commands = {"medcorpus": [options.medcorpus, "dedup", data, "--out", scratch]}
    for peer in filter(None, options.peers.split(",")):
        module = subprocess.run([options.python, "-c", f"import {peer}"], capture_output=True)
        if module.returncode:
            print(f"{peer} is not installed in {options.python}, so it is left out", file=sys.stderr)
            continue
        own = [os.path.abspath(__file__), "--run", peer, "--documents", str(options.documents), "--out", options.out]
        commands[peer] = [options.python] + own
    found = {name: [] for name in commands}
    for _ in range(options.reps):
        for name, command in commands.items():
            shutil.rmtree(scratch, ignore_errors=True)
            found[name].append(measure(command, scratch))
    print(f"{options.documents} documents, {megabytes:.1f} MB of text, median of {options.reps}")
    print("| program | CPU s | MB / CPU s | medcorpus is faster by | peak MiB | scratch / text |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    medians = {name: statistics.median(each[0] for each in runs) for name, runs in found.items() if None not in runs}
    for name, median in medians.items():
        times = median / medians["medcorpus"] if "medcorpus" in medians else float("nan")
        memory, disk = (max(run[place] for run in found[name]) for place in (1, 2))
        row = f"{median:.2f} | {megabytes / median:.2f} | {times:.1f} | {memory / 2**20:.0f} | {disk / 1e6 / megabytes:.2f}"
        print(f"| {name} | {row} |")


if __name__ == "__main__":
    main()
