# Targets for people and for CI. `make` alone lists them. Needs Python 3.11 to 3.13 and make; all else goes into .venv.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCH := $(VENV)/bench
FIND_PYTHON := for p in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
  "$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && command -v "$$p" && break; done

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DAGSTER_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help install run up test crash drill bench lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv from the locked requirements (done by the others when the lock changed)

$(INSTALLED): requirements.txt
	@python="$$($(FIND_PYTHON))"; \
	if [ -z "$$python" ]; then \
	  echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make PYTHON=/path/to/python run" >&2; \
	  python3 --version >&2 2>/dev/null || true; exit 1; fi; \
	echo "Installing the locked requirements into $(VENV) with $$python; the first time takes some minutes."; \
	"$$python" -m venv $(VENV) || { echo "venv failed; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install -qq --no-compile --require-hashes -r requirements.txt
# pip would compile one file after the other. Some packages hold files for other Pythons, which cannot be compiled.
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	@$(BIN)/pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

run: $(INSTALLED) ## Run the main job on the stand-in agencies: pull, archive, check, commit, build, give out
	@$(BIN)/ssp run

up: $(INSTALLED) ## Keep it running: Dagster with its schedules, and the stand-ins (Ctrl-C ends it)
	@$(BIN)/ssp up

# The one list of checks. CI calls this target and has no list of its own; pytest's summary closes it.
test: $(INSTALLED) ## Run everything that CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/ssp contract lint
# A process for each core runs tests, so that threads of Polars' and NumPy's own would only take turns with them. Tests
# wait now and then: the types are looked at meanwhile.
	nice $(BIN)/mypy & types=$$!; \
	POLARS_MAX_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder; tests=$$?; \
	wait $$types || { echo "make test: mypy found what it says above" >&2; exit 1; }; \
	exit $$tests

crash: $(INSTALLED) ## Kill the job at random instants and at each named step, and see that nothing is lost
	@$(BIN)/python -m tests.crash

drill: $(INSTALLED) ## Delete all but the archive, rebuild from it, compare table by table
	@$(BIN)/python -m tests.drill

bench: $(INSTALLED) $(BENCH)/.installed ## Measure speed and memory (docs/benchmarks.md has the method)
	@$(BIN)/python -m benchmarks --dlt $(BENCH)/bin/python

# What ours is compared with has requirements of its own, which must not bend ours.
$(BENCH)/.installed: benchmarks/requirements.txt $(INSTALLED)
	@$(BIN)/python -m venv $(BENCH)
	@$(BENCH)/bin/pip install -qq --require-hashes -r benchmarks/requirements.txt
	@touch $@

lock: ## Write requirements.txt anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo "uv is needed: pip install uv" >&2; exit 1; }
	uv pip compile pyproject.toml --extra dev --extra postgres --extra s3 --generate-hashes --no-strip-extras \
	  --no-emit-index-url --no-emit-find-links --python-version 3.11 --universal --no-header --no-annotate \
	  -o requirements.txt

clean: ## Remove .venv and caches; the data in var/ stays
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
