# Every target sets up what it needs in .venv: a machine with Python >= 3.11 and pip is enough.
# make PYTHON=python3.13 ... uses another interpreter; make JOBS=8 test runs on more cores.

PYTHON ?= python3
JOBS   ?= 2
VENV   := .venv
RUN    := $(VENV)/bin/python
PIP    := $(RUN) -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
PYTEST := $(RUN) -m pytest --numprocesses $(JOBS) --dist worksteal --durations 10 --durations-min 5

UNPOLISHED := JAX_DISABLE_MOST_OPTIMIZATIONS=1 XLA_FLAGS="--xla_cpu_use_fusion_emitters=false $(XLA_FLAGS)"

export KERAS_BACKEND := jax

.PHONY: help demo test test-long lint bench docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    train an LSTM on handwritten digits; writes its curves to demo/"
	@echo "make test    the quick tests, then the slow ones and the examples"
	@echo "make test-long  what takes minutes: runs killed at fifty moments, every round trip of files"
	@echo "make lint    ruff and pyright"
	@echo "make bench   speed and memory beside Keras, PyTorch and JAX by hand; writes benchmarks/RESULTS.md"
	@echo "make docs    the reference as HTML in site/"
	@echo "make clean   remove .venv and everything else that was made here"

demo: $(VENV)/.demo
	$(RUN) examples/digits_lstm.py

# The quick stage compiles thousands of small programs once each: it asks XLA not to polish them
# (half the time). The slow stage trains for real, with the optimizations that users get.
# Status 5 is pytest's word for "no such tests".
test: $(VENV)/.test
	$(UNPOLISHED) $(PYTEST) -m "not slow and not long"
	$(PYTEST) -m "slow and not long" || [ $$? -eq 5 ]

test-long: $(VENV)/.test
	$(PYTEST) -m long

lint: $(VENV)/.dev
	$(RUN) -m ruff check .
	$(RUN) -m pyright

bench: $(VENV)/.bench
	$(RUN) benchmarks/run.py

docs: $(VENV)/.docs
	$(RUN) -m pdoc --math --output-directory site fkeras
	@echo "open site/index.html"

clean:
	rm -rf $(VENV) demo site build dist .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp for each extra of pyproject.toml: installed again only when the requirements change.
$(VENV)/.%: pyproject.toml constraints.txt | $(RUN)
	$(PIP) --editable '.[$*]'
	@touch $@

# Some systems ship Python without `ensurepip`: then the system's own pip fills the new environment.
$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit("fkeras needs Python 3.11 or newer, and $(PYTHON) is %s. Try make PYTHON=python3.12" \
	% sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV) || \
	{ $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(VENV) install --quiet pip; }
