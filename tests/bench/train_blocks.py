"""Learns the trees by which `extract` judges the blocks of a page that is no plain article.

    python tests/bench/train_blocks.py WCXB --out crates/extract/src/blocks.trees

WCXB is the folder of the Web Content Extraction Benchmark (CC BY 4.0: dev/html/*.html.gz, dev/ground-truth/*.json,
metadata.json). Pages of a third of the domains, by the hash of the name, are measured and never learned from. Needs
numpy and lightgbm, and cargo for the program that writes the numbers of the blocks."""

import argparse
import collections
import gzip
import hashlib
import json
import pathlib
import re
import subprocess
import tempfile

import lightgbm
import numpy

SETTINGS = dict(objective="cross_entropy", num_leaves=20, learning_rate=0.1, min_data_in_leaf=200, feature_fraction=0.5,
                bagging_fraction=0.7, bagging_freq=1, seed=7, deterministic=True, num_threads=2, verbose=-1)
TREES = 120
GRAM = 4
# As in crates/extract/src/learned.rs.
LEAST = 0.2


def words(text):
    return re.findall(r"\w+", (text or "").lower())


def is_held_out(domain):
    return int(hashlib.sha256(domain.encode()).hexdigest(), 16) % 3 == 0


def labels(texts, gold):
    """How much of each block the gold text holds, 0 to 1, and the blocks' numbers of words."""
    gold_words = words(gold)
    grams = [collections.Counter(tuple(gold_words[at:at + size]) for at in range(len(gold_words) - size + 1))
             for size in range(GRAM + 1)]
    lines = collections.Counter(tuple(words(line)) for line in gold.split("\n"))
    used, shares, sizes = collections.Counter(), [], []
    for text in texts:
        block = tuple(words(text))
        sizes.append(len(block))
        if len(block) > GRAM:
            places = range(len(block) - GRAM + 1)
            shares.append(sum(block[at:at + GRAM] in grams[GRAM] for at in places) / len(places))
        elif block:
            # A short block counts as often as the gold text has it, as a line if it can be.
            found = used[block] < (lines[block] or grams[len(block)][block])
            used[block] += 1
            shares.append(0.5 * found if len(block) == 1 and not lines[block] else float(found))
        else:
            shares.append(0.0)
    return shares, sizes


def kept(likely, sizes):
    """As `threshold` in crates/extract/src/learned.rs."""
    order = numpy.argsort(-likely, kind="stable")
    right, all_kept = numpy.cumsum((likely * sizes)[order]), numpy.cumsum(sizes[order])
    f1 = 2 * right / numpy.maximum(all_kept + (likely * sizes).sum(), 1)
    return likely >= max(likely[order][f1.argmax()], LEAST)


def word_f1(text, gold):
    one, other = collections.Counter(words(text)), collections.Counter(words(gold))
    if not one or not other:
        return float(not one and not other)
    return 2 * (one & other).total() / (one.total() + other.total())


def write_trees(model, path):
    def branch(node, out):
        if "leaf_value" in node and "split_feature" not in node:
            out.append("%.4g" % node["leaf_value"])
            return
        threshold = numpy.float32(node["threshold"])
        if float(threshold) > node["threshold"]:
            threshold = numpy.nextafter(threshold, numpy.float32(-numpy.inf))
        out.extend([f"f{node['split_feature']}", "%.9g" % threshold])
        branch(node["left_child"], out)
        branch(node["right_child"], out)

    lines = ["# Decision trees over the numbers of a block (features.rs), made by tests/bench/train_blocks.py; see learned.rs."]
    for tree in model.dump_model()["tree_info"]:
        out = []
        branch(tree["tree_structure"], out)
        lines.append(" ".join(out))
    path.write_text("\n".join(lines) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("wcxb", type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, required=True)
    arguments = arguments.parse_args()
    domains = {name: file["domain"] for name, file in json.loads((arguments.wcxb / "metadata.json").read_text())["files"].items()}
    with tempfile.TemporaryDirectory() as folder:
        pages = pathlib.Path(folder, "pages")
        pages.mkdir()
        for path in (arguments.wcxb / "dev/html").glob("*.html.gz"):
            (pages / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        subprocess.run(["cargo", "run", "--release", "-p", "extract", "--example", "blocks", "--", f"{folder}/blocks", pages], check=True)
        pages = [json.loads(line) for line in open(f"{folder}/blocks.jsonl")]
        count = sum(len(page["texts"]) for page in pages)
        numbers = numpy.fromfile(f"{folder}/blocks.f32", dtype="<f4").reshape(count, -1)
    golds, kinds = {}, {}
    for page in pages:
        truth = json.loads((arguments.wcxb / f"dev/ground-truth/{page['id']}.json").read_text())
        golds[page["id"]] = truth["ground_truth"].get("main_content") or ""
        kinds[page["id"]] = truth["_internal"]["page_type"]["primary"]
    shares, sizes, weights, owners = [], [], [], []
    for number, page in enumerate(pages):
        page_shares, page_sizes = labels(page["texts"], golds[page["id"]])
        shares += page_shares
        sizes += page_sizes
        # Each page counts alike, whatever its length.
        total = max(50, len(words(golds[page["id"]])))
        weights += [min(1, size / total) for size in page_sizes]
        owners += [number] * len(page_shares)
    owners, sizes = numpy.array(owners), numpy.array(sizes)
    held = numpy.array([is_held_out(domains[page["id"]]) for page in pages])
    learned = ~held[owners]
    data = lightgbm.Dataset(numbers[learned], numpy.array(shares)[learned], weight=numpy.array(weights)[learned] + 1e-4)
    model = lightgbm.train(SETTINGS, data, TREES)
    likely = model.predict(numbers)
    f1 = collections.defaultdict(list)
    for number, page in enumerate(pages):
        if held[number] and page["texts"]:
            own = owners == number
            flags = kept(likely[own], sizes[own])
            text = "\n".join(text for text, flag in zip(page["texts"], flags) if flag)
            f1[kinds[page["id"]]].append(word_f1(text, golds[page["id"]]))
    f1["all"] = [value for values in list(f1.values()) for value in values]
    for kind, values in sorted(f1.items()):
        print(f"{kind:14} {len(values):5} {sum(values) / len(values):.4f}")
    write_trees(model, arguments.out)


if __name__ == "__main__":
    main()
