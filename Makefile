# Two commands set everything up on a machine with Python 3.11 or newer and make:  make demo   make test
PYTHON = python3
VENV = .venv
DEMO = demo
BIN = $(VENV)/bin
PEER = bench/results/peer
SIGNING = bench/results/signing
CLIENTS = tests/foreign/node_modules/.ready
PIP = $(BIN)/python -m pip --disable-pip-version-check --quiet install --constraint constraints.txt
# What decides whether an environment is still the right one; a second run that finds nothing changed installs nothing.
PINS = pyproject.toml constraints.txt

.PHONY: demo test check coverage bench docs vectors tamper fuzz kernel-agreement foreign clients bench-links bench-proof bench-newbytes bench-get bench-imports recall clean
.DELETE_ON_ERROR:

demo: $(VENV)/.run
	rm -rf $(addprefix $(DEMO)/,institution auditor-1 auditor-2 trust.json trust.seen.json published)
	$(BIN)/release demo $(DEMO)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto

check: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_import_rules.py tests/test_docs.py

coverage: $(VENV)/.test
	$(BIN)/python -m pytest -q -n auto tests/unit/audit_logs tests/conformance --cov=audit_logs --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered

bench: $(VENV)/.run $(PEER)/.ready
	$(BIN)/python -m bench --peer $(PEER)/bin/python

bench-links: $(VENV)/.test
	$(BIN)/python -m bench.links --readme

bench-proof: $(VENV)/.run $(SIGNING)/.ready
	PYTHONPATH=tests $(BIN)/python -m bench.proof --peer $(SIGNING)/bin/python

bench-newbytes: $(VENV)/.run
	$(BIN)/python -m bench.newbytes

bench-get: $(VENV)/.run
	PYTHONPATH=tests $(BIN)/python -m bench.get

bench-imports: $(VENV)/.run
	PYTHONPATH=tests $(BIN)/python -m bench.imports --readme

recall: $(VENV)/.run
	$(BIN)/python -m bench.recall --write

docs: $(VENV)/.run
	$(BIN)/python scripts/make_command_docs.py
	$(BIN)/python scripts/make_error_docs.py
	$(BIN)/python scripts/make_step_docs.py
	$(BIN)/python scripts/make_verify_page.py

vectors: $(VENV)/.run
	$(BIN)/python scripts/make_vectors.py --check
	$(BIN)/python scripts/run_vectors.py

tamper: $(VENV)/.run
	PYTHONPATH=tests $(BIN)/python -m tamper

kernel-agreement: $(VENV)/.test
	PYTHONPATH=tests $(BIN)/python -m agreement

fuzz: $(VENV)/.run
	PYTHONPATH=tests $(BIN)/python -m fuzz.mutation

# Stock clients, from npm and PyPI, on bundles of both kinds of key and on the release that the demo makes.
foreign: $(VENV)/.test $(CLIENTS)
	$(BIN)/python -m pytest -q -k 'sigstore or securesystemslib or stock_clients or slsa' tests/conformance tests/e2e/test_whole_story.py

clients: $(CLIENTS)

$(VENV)/.run: $(PINS)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.test: $(VENV)/.run
	$(PIP) --editable '.[test,dev]'
	touch $@

$(PEER)/.ready: bench/peer-requirements.txt
	$(PYTHON) -m venv $(PEER)
	$(PEER)/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	touch $@

$(SIGNING)/.ready: bench/signing-requirements.txt
	$(PYTHON) -m venv $(SIGNING)
	$(SIGNING)/bin/python -m pip --disable-pip-version-check --quiet install --requirement $<
	touch $@

$(CLIENTS): tests/foreign/package-lock.json
	npm ci --prefix tests/foreign --silent --no-audit --no-fund
	touch $@

clean:
	rm -rf $(VENV) tests/foreign/node_modules
