# Commands that do all their own set-up: a virtual environment in the checkout, then the run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXAMPLE := fitting/examples/three_biases.csv

.PHONY: demo paper notebooks test slow lint gpu picture clean

demo: $(VENV)/installed
	$(BIN)/jaxmem fit $(EXAMPLE) --device 3d --together --out out/demo --force

paper: $(VENV)/installed
	$(BIN)/jaxmem reproduce --out out/paper --force

notebooks: $(VENV)/installed
	mkdir -p out/notebooks
	cd out/notebooks && for n in ../../notebooks/0*.py; do ../../$(BIN)/python $$n || exit 1; done

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests

slow: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow tests

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

# CUDA's libraries are gigabytes: they are installed where there is a GPU to use them.
gpu: $(VENV)/installed
	if command -v nvidia-smi >/dev/null; then $(BIN)/python -m pip install --quiet --editable ".[cuda12]"; fi
	$(BIN)/python -m benchmarks gpu

picture: $(VENV)/installed
	$(BIN)/python notebooks/picture.py

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

clean:
	rm -rf $(VENV)
