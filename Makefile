# All set-up and every check. A fresh Debian 12 needs `make` and a Rust toolchain; the rest is installed or named here.

.DEFAULT_GOAL := help
.PHONY: help setup models demo test test-long lint bench bench-dedup origins clean-build

MEDCORPUS := $(or $(CARGO_TARGET_DIR),target)/release/medcorpus

# For `make bench`; tests/bench/bench.py says what they mean.
MMEDC ?=
BENCH_DATA ?=
BENCH_MB ?= 200
BENCH_MEDICAL ?= 0.01
BENCH_REPS ?= 3
BENCH_FLAGS ?=

# For `make origins`; tests/bench/origins.py says what it means.
LABELLED ?=

# For `make bench-dedup`: documents of the smallest size, and sentences of a document.
DEDUP_DOCUMENTS ?= 62500
DEDUP_SENTENCES ?= 24

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 14

setup: ## install what is missing on Debian 12, or name it
	@bash tests/setup/setup.sh

models: setup ## fetch models and the libraries that are loaded at run time into models/
	@python3 tests/setup/fetch_model.py

demo: setup models ## build the program and a small corpus in six languages
	cargo build --release --locked
	$(MEDCORPUS) build pipelines/sample.toml --out build/sample

test: setup models ## the whole suite but for slow tests
	cargo test --workspace --locked

test-long: setup models ## the whole suite
	cargo test --workspace --locked -- --include-ignored

lint: setup ## formatting and clippy, warnings refused
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

bench: setup models ## measure the speed, beside the published filter with MMEDC=its checkout
	cargo build --release --locked
	python3 tests/bench/bench.py --medcorpus $(MEDCORPUS) --mmedc '$(MMEDC)' --data '$(BENCH_DATA)' \
	    --mb $(BENCH_MB) --medical $(BENCH_MEDICAL) --reps $(BENCH_REPS) $(BENCH_FLAGS)

bench-dedup: setup ## how the removal of duplicates grows, to DEDUP_DOCUMENTS x 16
	cargo build --release --locked
	python3 tests/bench/dedup.py --medcorpus $(MEDCORPUS) --documents $(DEDUP_DOCUMENTS) \
	    --sentences $(DEDUP_SENTENCES) --out build/bench-dedup

origins: setup ## how well the languages judge origins they were not tuned on, with LABELLED=a folder of labelled/CODE.jsonl.gz
	cargo build --release --locked
	python3 tests/bench/origins.py --medcorpus $(MEDCORPUS) --data '$(LABELLED)'

clean-build: ## remove build/ (corpora, bench data); what cargo built stays
	rm -rf build
