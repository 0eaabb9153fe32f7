# The course's two commands are `make lab` and `make test`; CONTRIBUTING.md explains the others.
# Variables: PYTHON=python3.12, PIP_ARGS="--extra-index-url ADDRESS", PYTEST_ARGS="-k furniture".

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
START := notebooks/00_start_here.ipynb
NOTEBOOKS ?= notebooks/*.ipynb

# Without a display there is no browser to open: the address is printed instead.
LAB_ARGS := $(shell [ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser)
# JupyterLab refuses to run as root unless told; containers often have no other user.
LAB_ARGS += $(shell [ "$$(id -u)" != 0 ] || echo --allow-root)

.DEFAULT_GOAL := help
.PHONY: help env lab test lint format notebooks checkpoints lock clean

help:  ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

env:  ## Make or update the environment in .venv
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer," \
	  "or name yours: make lab PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) bootstrap.py $(PIP_ARGS)

lab: env  ## Open the course in JupyterLab
	$(BIN)/jupyter lab $(LAB_ARGS) --LabApp.default_url=/lab/tree/$(START)

test: env  ## Run every test: unit, notebooks, browser
	$(BIN)/pytest --nbval $(PYTEST_ARGS)

lint: env  ## Check style, notebooks included
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: env  ## Mend what ruff can mend by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

notebooks: env  ## Execute every notebook anew, in place
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.timeout=600 \
	  --ExecutePreprocessor.store_widget_state=False --ExecutePreprocessor.record_timing=False $(NOTEBOOKS)

checkpoints: runs/furniture/model.safetensors  ## Train the shipped models anew (resumes what was stopped)
	cp $< data/checkpoints/furniture.safetensors
	$(BIN)/pcvae diagnose furniture --out data/checkpoints/furniture.json

runs/furniture/model.safetensors: | env
	if [ -f $(@D)/last.ckpt ]; then $(BIN)/pcvae train --resume $(@D); else \
	  $(BIN)/pcvae train --recipe one_shot --mirror true --stretch 0.1 --max_epochs 300 \
	    --validate_every 20 --out $(@D); fi

# The lock names torch without its CUDA parts, so that whichever build is installed brings its own.
lock:  ## Write requirements.lock anew (needs uv; newest versions: UV_ARGS=--upgrade)
	$(UV) pip compile --quiet --universal --python-version 3.11 --extra dev --no-header --no-annotate \
	  $(UV_ARGS) pyproject.toml -o requirements.lock
	sed -E -e '/^(nvidia-|cuda-|triton)/d' -e 's/^(torch==[0-9.]+).*/\1/' requirements.lock | uniq > .lock.tmp
	mv .lock.tmp requirements.lock

clean:  ## Remove what was made here, .venv and training runs excepted
	rm -rf artifacts build dist *.egg-info .pytest_cache .ruff_cache
	find pcvae tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
