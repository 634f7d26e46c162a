# make demo | test | lint | bench; each makes its own environment first, the second time at once.
#   make test QT=pyqt6              another Qt binding: pyqt5 (default), pyqt6 or pyside6
#   make test ARGS="-k cancel -x"   more words for pytest
#   make test WORKERS=0             tests in one process (2 by default), for a debugger
#   make test PYTHON=python3.12     another interpreter, 3.11 or newer

QT ?= pyqt5
WORKERS ?= 2
VENV := $(if $(filter pyqt5,$(QT)),.venv,.venv-$(QT))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export QT_API := $(QT)
export PYTEST_QT_API := $(QT)

# A virtual screen only where there is no real one.
ifeq ($(shell uname -s)$(DISPLAY)$(WAYLAND_DISPLAY),Linux)
SCREEN := xvfb-run -a -s "-screen 0 1920x1200x24"
endif

.PHONY: help demo test lint bench libraries clean distclean

help:
	@head -5 Makefile | sed 's/^# //'

demo: $(READY) | libraries
ifdef SCREEN
	@echo "No screen here: the viewer runs on a virtual one and leaves a screenshot and the labels:"
	@$(SCREEN) $(BIN)/napari-medseg demo --output demo_output $(ARGS)
else
	@$(BIN)/napari-medseg demo $(ARGS)
endif

test: $(READY) | libraries
	PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} \
	$(SCREEN) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $$($(BIN)/qtpy mypy-args)
	$(BIN)/lint-imports
	$(BIN)/npe2 validate napari-medseg
	$(BIN)/validate-pyproject pyproject.toml
	$(BIN)/typos --force-exclude .

bench: $(READY) | libraries
	$(SCREEN) $(BIN)/python -m benchmarks $(ARGS)

libraries:
	@scripts/system_libraries.sh

$(READY): pyproject.toml constraints.txt scripts/environment.sh
	@scripts/environment.sh $(VENV) $(QT)
	@touch $@

clean:
	rm -rf build dist demo_output .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find napari_medseg tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venv-pyqt6 .venv-pyside6
