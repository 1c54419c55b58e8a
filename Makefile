# Everything runs in the project's own environment, .venv; only python3 (3.11 to 3.13), git and
# make have to be there. PYTHON=python3.12 chooses another interpreter; JOBS=2, that two tests run
# at once; four keep two processors busy, because tests wait for the disk and for browsers.

PYTHON ?= python3
JOBS   ?= 4
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Python keeps its bytecode. Tests start many programs, each of which would compile all it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo app tour test test-long test-toolkits test-arm coverage programs fuzz bench bench-app check lint types \
        check-page build format lock notebook picture clean

help:  ## what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | \
	  while IFS='|' read -r name what; do printf '  make %-14s %s\n' "$$name" "$$what"; done

demo: $(VENV)/run  ## teach a ConvNet X from O, and try it on ten thousand unseen ones
	@$(BIN)/piecewise demo

app: $(VENV)/run  ## open the app in the browser
	@$(BIN)/piecewise app

tour: $(VENV)/run  ## walk through the deck in the terminal
	@$(BIN)/piecewise tour

test: $(VENV)/test  ## the tests a newcomer runs
	$(BIN)/python -m pytest -m "not long and not serial" --ignore tests/toolkits \
	  -n $(JOBS) --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m pytest -m "serial and not long" $$(grep -l "pytest.mark.serial" tests/*.py)

test-long: $(VENV)/test  ## the tests that take minutes
	$(BIN)/python -m pytest -m long --ignore tests/toolkits --durations=0

test-toolkits: $(VENV)/toolkits  ## the tests judged by other toolkits (installs them)
	PYTHON=$(PYTHON) sh scripts/toolkits/all.sh; made=$$?; \
	  $(BIN)/python -m pytest tests/toolkits && exit $$made

test-arm: $(VENV)/test  ## the same bits on an emulated ARM processor (Debian; as root)
	sh scripts/arm.sh

coverage: $(VENV)/toolkits  ## which lines the tests run (dist/coverage/index.html); takes a while
	@$(PIP) install coverage==7.17.5
	@mkdir -p dist/coverage
	$(BIN)/python -m coverage erase
	-$(BIN)/python -m coverage run -m pytest -m "not long and not serial" \
	  -n $(JOBS) --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage html --quiet
	$(BIN)/python -m coverage report --sort=cover --skip-covered

programs:  ## Chromium, LibreOffice and node, which some tests and checks need (Debian; as root)
	sh scripts/programs.sh

fuzz: $(VENV)/test  ## two million changed files, for readers to read or refuse (some minutes)
	$(BIN)/python scripts/fuzz_readers.py --count 2000000

bench: $(VENV)/toolkits  ## how fast it is beside five other toolkits (installs them)
	for name in openvino jax tensorflow; do PYTHON=$(PYTHON) sh scripts/toolkits/$$name.sh || exit 1; done
	$(BIN)/python -m benchmarks --threads 1,2,8 --json dist/speed.json

bench-app: $(VENV)/test  ## how fast the app answers, beside its budgets (needs Chromium)
	$(BIN)/python -m benchmarks.app
	$(BIN)/python -m benchmarks.app_many

check: lint types check-page  ## formatting, lint and types

lint: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/test
	$(BIN)/mypy

check-page:  ## formatting and types of the pages' JavaScript (left out where there is no npm)
	@sh scripts/page/check.sh

build: $(VENV)/test  ## build the sdist and the wheel into dist/ and test both
	$(BIN)/python scripts/build_dist.py

format: $(VENV)/test  ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@sh scripts/page/check.sh format

lock: $(VENV)/test  ## choose the newest versions of all dependencies and write them down
	PYTHON=$(BIN)/python sh scripts/lock.sh

notebook: $(VENV)/toolkits  ## run the example notebook and write its outputs into it
	$(BIN)/python scripts/run_notebook.py

picture: $(VENV)/test  ## draw the pictures of the documentation anew (needs Chromium)
	$(BIN)/python scripts/draw_picture.py docs/pixels-to-votes.svg
	$(BIN)/python scripts/app_pictures.py docs/pictures

clean:  ## remove the environment and what tools left behind
	rm -rf $(VENV) scripts/page/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

# A file in the environment stands for each set of packages installed in it. Versions and hashes
# come from requirements/, so an installation gives the same tomorrow.

$(VENV)/made:
	@$(PYTHON) scripts/check_python.py
	@echo "Making an environment in $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/run: requirements/run.txt pyproject.toml | $(VENV)/made
	@echo "Installing what piecewise runs on ..."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test: requirements/test.txt $(VENV)/run
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

# PyTorch has builds of its own for some machines, so it goes by its version alone.
$(VENV)/toolkits: requirements/toolkits.txt $(VENV)/test
	@echo "Installing the toolkits that judge ..."
	@$(PIP) install -r requirements/toolkits.txt
	@touch $@
