"""Learns the trees by which `extract` judges the blocks of a page that is no plain article.

    python tests/bench/train_blocks.py WCXB --out crates/extract/src

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

SETTINGS = dict(objective="cross_entropy", learning_rate=0.1, min_data_in_leaf=300, feature_fraction=0.3, bagging_fraction=0.7,
                bagging_freq=1, lambda_l2=5, path_smooth=5, max_bin=63, seed=7, deterministic=True, num_threads=2, verbose=-1)
FIRST = dict(num_leaves=12), 200
SECOND = dict(num_leaves=8), 100
GRAM = 4
CONTEXT = 5
FOLDS = 5
# Of a page with more blocks so many are learned from.
MOST_BLOCKS = 200
# As in crates/extract/src/learned.rs and neighbours.rs.
LEAST = 0.2
NEAR, WINDOWS = 4, (8, 30)


def words(text):
    return re.findall(r"\w+", (text or "").lower())


def part(salt, domain, parts):
    return int(hashlib.sha256((salt + domain).encode()).hexdigest(), 16) % parts


def labels(texts, gold):
    """How much of each block the gold text holds, 0 to 1, and the blocks' numbers of words. Of blocks that are equal as many
    count as the gold has, those first that stand in it among the same words."""
    gold_words = words(gold)
    grams = [collections.Counter(tuple(gold_words[at:at + size]) for at in range(len(gold_words) - size + 1))
             for size in range(GRAM + 1)]
    lines = collections.Counter(tuple(words(line)) for line in gold.split("\n"))
    runs = {tuple(gold_words[at:at + CONTEXT]) for at in range(len(gold_words) - CONTEXT + 1)}
    blocks = [tuple(words(text)) for text in texts]
    stream = [word for block in blocks for word in block]
    is_run = numpy.zeros(len(stream))
    for at in range(len(stream) - CONTEXT + 1):
        if tuple(stream[at:at + CONTEXT]) in runs:
            is_run[at:at + CONTEXT] = 1
    shares, fits, places, at = [], [], collections.defaultdict(list), 0
    for index, block in enumerate(blocks):
        fits.append(is_run[at:at + len(block)].mean() if block else 0.0)
        at += len(block)
        inside = [block[at:at + GRAM] in grams[GRAM] for at in range(len(block) - GRAM + 1)]
        shares.append(sum(inside) / len(inside) if len(block) > GRAM else 0.0)
        places[block].append(index)
    for block, alike in places.items():
        alike.sort(key=lambda index: (-fits[index], index))
        if len(block) > GRAM:
            if len(alike) > 1 and shares[alike[0]] >= 0.5:
                count = max(1, min(grams[GRAM][block[at:at + GRAM]] for at in range(len(block) - GRAM + 1)))
                for index in alike[count:]:
                    shares[index] = 0.0
        elif block:
            value = 1.0 if lines[block] or len(block) > 1 else 0.5
            for index in alike[:lines[block] or grams[len(block)][block]]:
                shares[index] = max(value, fits[index])
    return shares, [len(block) for block in blocks]


def neighbours(likely, sizes, groups):
    """As `rows` in crates/extract/src/neighbours.rs, for one page."""
    count, index = len(likely), numpy.arange(len(likely))
    padded = numpy.pad(likely, NEAR, constant_values=-1)
    columns = [likely] + [padded[NEAR + step:NEAR + step + count] for step in range(-NEAR, NEAR + 1) if step]
    weighed = numpy.append(0, numpy.cumsum(likely * sizes))
    plain = numpy.append(0, numpy.cumsum(sizes))

    def mean(begin, end):
        return (weighed[end] - weighed[begin]) / numpy.maximum(plain[end] - plain[begin], 1)

    for window in WINDOWS:
        columns += [mean(numpy.maximum(index - window, 0), index), mean(index + 1, numpy.minimum(index + window + 1, count))]
    for whole in (weighed[-1] / max(plain[-1], 1), likely.max()):
        columns.append(numpy.full(count, whole))
    columns += [weighed[index] / max(weighed[-1], 1e-9), numpy.full(count, weighed[-1])]
    for group in groups.T:
        _, place = numpy.unique(group, return_inverse=True)
        right = numpy.bincount(place, likely * sizes)[place] - likely * sizes
        text = numpy.bincount(place, sizes)[place] - sizes
        columns.append(numpy.where(text > 0, right / numpy.maximum(text, 1), -1))
    return numpy.stack(columns, 1).astype("f4")


class Pages:
    """The blocks of all pages, one below the other, and where each page's begin."""

    def __init__(self, folder, wcxb):
        with open(f"{folder}/blocks.jsonl") as lines:
            self.pages = [json.loads(line) for line in lines]
        counts = [len(page["texts"]) for page in self.pages]
        self.begin = numpy.append(0, numpy.cumsum(counts))
        self.numbers = numpy.fromfile(f"{folder}/blocks.f32", dtype="<f4").reshape(self.begin[-1], -1)
        self.groups = numpy.fromfile(f"{folder}/blocks.u32", dtype="<u4").reshape(self.begin[-1], -1)
        self.sizes = self.numbers[:, 0].astype(float)
        domains = {name: file["domain"] for name, file in json.loads((wcxb / "metadata.json").read_text())["files"].items()}
        self.domains = [domains[page["id"]] for page in self.pages]
        self.golds, self.kinds, shares, weights = [], [], [], []
        for page in self.pages:
            truth = json.loads((wcxb / f"dev/ground-truth/{page['id']}.json").read_text())
            gold = truth["ground_truth"].get("main_content") or ""
            self.golds.append(gold)
            self.kinds.append(truth["_internal"]["page_type"]["primary"])
            page_shares, sizes = labels(page["texts"], gold)
            shares += page_shares
            # Each page counts alike, whatever its length.
            total = max(50, len(words(gold)))
            weights += [min(1, size / total) for size in sizes]
        self.shares, self.weights = numpy.array(shares), numpy.array(weights)

    def of(self, page):
        return slice(self.begin[page], self.begin[page + 1])

    def learn(self, rows, pages, settings):
        """A model of the blocks of some pages; `rows` has the numbers of all."""
        chance, chosen, scale = numpy.random.default_rng(1), [], []
        for page in pages:
            blocks = numpy.arange(self.begin[page], self.begin[page + 1])
            most = min(len(blocks), MOST_BLOCKS)
            chosen.append(blocks if most == len(blocks) else numpy.sort(chance.choice(blocks, most, replace=False)))
            scale.append(numpy.full(most, len(blocks) / max(most, 1)))
        chosen, scale = numpy.concatenate(chosen), numpy.concatenate(scale)
        settings, trees = settings
        data = lightgbm.Dataset(rows[chosen], self.shares[chosen], weight=self.weights[chosen] * scale + 1e-4)
        return lightgbm.train({**SETTINGS, **settings}, data, trees)

    def second_rows(self, likely):
        return numpy.concatenate([neighbours(likely[self.of(page)], self.sizes[self.of(page)], self.groups[self.of(page)])
                                  for page in range(len(self.pages)) if len(self.pages[page]["texts"])])

    def train(self, pages):
        """Both models. The second learns from what the first says of pages that it has not seen."""
        likely = numpy.zeros(len(self.numbers))
        folds = numpy.array([part("fold ", self.domains[page], FOLDS) for page in pages])
        for fold in range(FOLDS):
            model = self.learn(self.numbers, pages[folds != fold], FIRST)
            for page in pages[folds == fold]:
                if len(self.pages[page]["texts"]):
                    likely[self.of(page)] = model.predict(self.numbers[self.of(page)])
        return self.learn(self.numbers, pages, FIRST), self.learn(self.second_rows(likely), pages, SECOND)

    def judge(self, first, second):
        likely = first.predict(self.numbers)
        return (likely + second.predict(self.second_rows(likely))) / 2


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


def write_trees(model, path, numbers):
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

    lines = [f"# Decision trees over {numbers}, made by tests/bench/train_blocks.py; see learned.rs."]
    for tree in model.dump_model()["tree_info"]:
        out = []
        branch(tree["tree_structure"], out)
        lines.append(" ".join(out))
    path.write_text("\n".join(lines) + "\n")


def report(name, pages, likely, numbers):
    f1 = collections.defaultdict(list)
    for number in numbers:
        own = pages.of(number)
        texts = pages.pages[number]["texts"]
        flags = kept(likely[own], pages.sizes[own]) if texts else []
        text = "\n".join(text for text, flag in zip(texts, flags) if flag)
        f1[pages.kinds[number]].append(word_f1(text, pages.golds[number]))
    f1["all"] = [value for values in list(f1.values()) for value in values]
    for kind, values in sorted(f1.items()):
        print(f"{name} {kind:14} {len(values):5} {sum(values) / len(values):.4f}", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("wcxb", type=pathlib.Path)
    arguments.add_argument("--out", type=pathlib.Path, required=True, help="folder for blocks.trees and neighbours.trees")
    arguments.add_argument("--all", action="store_true", help="learn from the held-out domains, too: only --cross measures then")
    arguments.add_argument("--cross", action="store_true", help="measure by cross-validation over the domains that are learned from; write nothing")
    arguments.add_argument("--blocks", help="the program `blocks`, where it is built already")
    arguments = arguments.parse_args()
    program = [arguments.blocks] if arguments.blocks else ["cargo", "run", "--release", "-p", "extract", "--example", "blocks", "--"]
    with tempfile.TemporaryDirectory() as folder:
        html = pathlib.Path(folder, "pages")
        html.mkdir()
        for path in (arguments.wcxb / "dev/html").glob("*.html.gz"):
            (html / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
        subprocess.run([*program, f"{folder}/blocks", html], check=True)
        pages = Pages(folder, arguments.wcxb)
    held = numpy.array([part("", domain, 3) == 0 for domain in pages.domains])
    learned = numpy.arange(len(held)) if arguments.all else numpy.flatnonzero(~held)
    if arguments.cross:
        folds = numpy.array([part("cross ", pages.domains[page], FOLDS) for page in learned])
        likely = numpy.zeros(len(pages.numbers))
        for fold in range(FOLDS):
            judged = pages.judge(*pages.train(learned[folds != fold]))
            for page in learned[folds == fold]:
                likely[pages.of(page)] = judged[pages.of(page)]
        report("cross-validated", pages, likely, learned)
        return
    first, second = pages.train(learned)
    if not arguments.all:
        report("held out", pages, pages.judge(first, second), numpy.flatnonzero(held))
    write_trees(first, arguments.out / "blocks.trees", "the numbers of a block (features.rs)")
    write_trees(second, arguments.out / "neighbours.trees", "what is judged around a block (neighbours.rs)")


if __name__ == "__main__":
    main()
