# The course's two commands are `make lab` and `make test`; CONTRIBUTING.md explains the others.
# Variables: PYTHON=python3.12, PIP_ARGS="--extra-index-url ADDRESS", PYTEST_ARGS="-k furniture".
# ANEW=yes makes the environment anew, whatever .venv is.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
EXECUTED := notebooks/.executed
START := notebooks/00_start_here.ipynb
NOTEBOOKS ?= notebooks/*.ipynb
# How many processes test beside each other, whole files each; 0 to test in one, as --pdb needs it.
WORKERS ?= 2
# Where `make site-serve` answers.
PORT ?= 8000

# Without a display there is no browser to open: the address is printed instead.
LAB_ARGS := $(shell [ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser)
# JupyterLab refuses to run as root unless told; containers often have no other user.
LAB_ARGS += $(shell [ "$$(id -u)" != 0 ] || echo --allow-root)

.DEFAULT_GOAL := help
.PHONY: help env lab test quick lint format notebooks site site-serve checkpoints wheel lock clean

help:  ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

env:  ## Make or update the environment in .venv
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or newer," \
	  "or name yours: make lab PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) bootstrap.py $(if $(filter yes,$(ANEW)),--anew) $(PIP_ARGS)

lab: env  ## Open the course in JupyterLab
	$(BIN)/jupyter lab $(LAB_ARGS) --LabApp.default_url=/lab/tree/$(START)

test: env  ## Run every test: unit, notebooks, browser
	$(BIN)/pytest --nbval -n $(WORKERS) --durations 10 $(PYTEST_ARGS)

quick: env  ## Test a change in under two minutes: all but notebooks, browser and what is slow
	$(BIN)/pytest tests -n $(WORKERS) -m "not slow" $(PYTEST_ARGS)

lint: env  ## Check style, notebooks included
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: env  ## Mend what ruff can mend by itself
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Each is written beside and then moved: a failure or Ctrl-C leaves the old one whole.
notebooks: env  ## Execute every notebook anew, in place
	@for notebook in $(NOTEBOOKS); do \
	  $(BIN)/jupyter nbconvert --to notebook --execute --output-dir $(EXECUTED) \
	    --ExecutePreprocessor.timeout=600 --ExecutePreprocessor.store_widget_state=False \
	    --ExecutePreprocessor.record_timing=False "$$notebook" \
	  && mv "$(EXECUTED)/$$(basename "$$notebook")" "$$notebook" || exit 1; \
	done; rm -rf $(EXECUTED)

# Where the repository can be read, for links to its files: SITE_ARGS="--repository ADDRESS"
site: env  ## Build the course as a static site, in build/site/html
	$(BIN)/python site/build.py $(SITE_ARGS)

site-serve: site  ## Build the site and serve it to a browser on this computer
	@echo "The site is at http://127.0.0.1:$(PORT)/ until Ctrl-C."
	@$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site/html $(PORT)

# Each run goes on where it was stopped; the settings of a stopped run are in its folder.
TRAIN = if [ -f $(@D)/last.ckpt ]; then set -- --resume $(@D); else set -- --out $(@D) $(1); fi; \
	$(BIN)/pcvae train "$$@"
# Mixed precision is fast on processors with AMX or AVX-512 BF16 only: make checkpoints PRECISION=32-true
PRECISION ?= bf16-mixed
PROCEDURAL := --data procedural --num_shapes 15000
MORE := --data procedural --num_shapes 43000 --seed 2
SHARP := --kl_weight 0.0078 --style_kl_weight 1
AUGMENTED := --data furniture --mirror true --stretch 0.1
FLOW := --recipe joint_flow --precision $(PRECISION) --max_epochs 100000 --validate_every 20
STYLE := $(FLOW) --fit style_prior --batch_size 64 --learning_rate 1e-3

checkpoints: $(addprefix data/checkpoints/,shapes.json shapes-slopes.json furniture.json one_shot.json lion.json)  ## Train the shipped models anew (resumes what was stopped)

data/checkpoints/shapes.json: data/checkpoints/shapes.safetensors
	$(BIN)/pcvae evaluate shapes --count 200 --cache runs/distances --out $@

data/checkpoints/shapes-slopes.json: data/checkpoints/shapes.safetensors
	$(BIN)/python tests/benchmarks/slopes.py shapes --out $@

data/checkpoints/furniture.json: data/checkpoints/furniture.safetensors
	$(BIN)/pcvae evaluate furniture --cache runs/distances --out $@

data/checkpoints/lion.json: data/checkpoints/lion.safetensors
	$(BIN)/pcvae evaluate lion --count 50 --emd false --cache runs/distances --out $@

data/checkpoints/one_shot.json: data/checkpoints/one_shot.safetensors
	$(BIN)/pcvae diagnose one_shot --out $@

data/checkpoints/one_shot.safetensors: runs/one_shot/model.safetensors
	cp $< $@

data/checkpoints/shapes.safetensors: runs/shapes-told-prior/model.safetensors
	cp $< $@

data/checkpoints/furniture.safetensors: runs/furniture-style/model.safetensors
	cp $< $@

data/checkpoints/lion.safetensors: runs/lion/model.safetensors
	cp $< $@

runs/shapes/model.safetensors: | env
	$(call TRAIN,$(FLOW) $(PROCEDURAL) --learning_rate 1.5e-3 --max_steps 14000)

# The flow of z once more, on latents that no longer move.
runs/shapes-style/model.safetensors: runs/shapes/model.safetensors
	$(call TRAIN,$(STYLE) $(PROCEDURAL) --max_steps 4000 --start_from $<)

# All of it again, on other shapes.
runs/shapes-longer/model.safetensors: runs/shapes-style/model.safetensors
	$(call TRAIN,$(FLOW) $(PROCEDURAL) --seed 1 --start_from $< --learning_rate 1e-3 --max_steps 14000)

runs/shapes-longer-style/model.safetensors: runs/shapes-longer/model.safetensors
	$(call TRAIN,$(STYLE) $(PROCEDURAL) --max_steps 6000 --start_from $<)

# On more shapes, whose factors z is told; h copies them with less noise. Then both flows once more.
runs/shapes-told/model.safetensors: runs/shapes-longer-style/model.safetensors
	$(call TRAIN,$(FLOW) $(MORE) $(SHARP) --factor_weight 5 --start_from $< --learning_rate 1e-3 --max_steps 11000)

runs/shapes-told-prior/model.safetensors: runs/shapes-told/model.safetensors
	$(call TRAIN,$(FLOW) --fit prior $(MORE) --start_from $< --learning_rate 1e-3 --max_steps 3500)

# Shape from random things and stretched furniture first, then the furniture.
runs/mixture.npz: | env
	$(BIN)/python data/make_mixture.py --out $@

runs/furniture-mixture/model.safetensors: runs/shapes-longer-style/model.safetensors runs/mixture.npz
	$(call TRAIN,$(FLOW) --data runs/mixture.npz --mirror true --stretch 0.1 $(SHARP) --start_from $< --learning_rate 1e-3 --max_steps 8000)

runs/furniture/model.safetensors: runs/furniture-mixture/model.safetensors
	$(call TRAIN,$(FLOW) $(AUGMENTED) $(SHARP) --start_from $< --learning_rate 3e-4 --max_steps 600)

runs/furniture-style/model.safetensors: runs/furniture/model.safetensors
	$(call TRAIN,$(STYLE) $(AUGMENTED) --max_steps 2500 --start_from $<)

runs/one_shot/model.safetensors: | env
	$(call TRAIN,--recipe one_shot $(AUGMENTED) --max_epochs 300 --validate_every 20)

runs/lion/model.safetensors: | env
	$(call TRAIN,--recipe lion $(PROCEDURAL) --num_points 512 --max_steps 3000 --validate_every 20)

# What was built before would stay in it.
wheel: env  ## Write a wheel to dist/, the shipped models and the furniture inside
	rm -rf build
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# The lock names torch without its CUDA parts, so that whichever build is installed brings its own.
lock:  ## Write requirements.lock anew (needs uv; newest versions: UV_ARGS=--upgrade)
	$(UV) pip compile --quiet --universal --python-version 3.11 --extra dev --no-header --no-annotate \
	  $(UV_ARGS) pyproject.toml -o requirements.lock
	sed -E -e '/^(nvidia-|cuda-|triton)/d' -e 's/^(torch==[0-9.]+).*/\1/' requirements.lock | uniq > .lock.tmp
	mv .lock.tmp requirements.lock

clean:  ## Remove what was made here, .venv and training runs excepted
	rm -rf artifacts build dist *.egg-info .pytest_cache .ruff_cache
	find pcvae tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
