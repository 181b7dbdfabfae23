# Two commands that do all their own set-up: a virtual environment in the checkout, then the run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: test slow lint clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable . --group dev
	touch $@

test: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests

slow: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow tests

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV)
