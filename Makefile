# For contributors. Users need ./hoga only.

PYTHON = .venv/bin/python
FAST = -m "not slow and not faults and not soak"

.PHONY: help check test bench bench-peers faults soak scenarios week docs reference wheel

help:
	@echo "make check    ruff, mypy, import rules, fast tests: about a minute"
	@echo "make test     every test (the same as ./hoga test)"
	@echo "make bench    the benchmarks on this machine, kept in docs/results"
	@echo "make bench-peers  install the programs that hoga bench measures hoga beside"
	@echo "make faults   kills, full disks, clock steps"
	@echo "make soak     long runs at a fast clock"
	@echo "make scenarios  ten minutes of charts, slow consumers and cuts for the hub"
	@echo "make week     a week of faults for the hub on a clock that jumps"
	@echo "make docs     the pages that are made from tables"
	@echo "make reference  the API reference, from the docstrings, into build/reference"
	@echo "make wheel    what is installed elsewhere, wheel and sdist, into dist"

.venv/.ready-test:
	./hoga test --collect-only -q >/dev/null

check: .venv/.ready-test
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTHON) -m pytest -n logical --dist loadfile --no-loadscope-reorder -q $(FAST)

test:
	./hoga test

bench: .venv/.ready-test
	.venv/bin/hoga bench --save

bench-peers:
	bench/peers/install.sh

faults: .venv/.ready-test
	$(PYTHON) -m pytest -m "slow or faults"
	$(PYTHON) -m pytest -n logical -q --hypothesis-profile=thorough $(FAST) $$(grep -rl hypothesis tests --include="test_*.py")
	$(PYTHON) -m tests.campaign.faults --save docs/results/faults.md
	$(PYTHON) -m tests.campaign.union --minutes 10
	$(PYTHON) -m tests.campaign.mirror --kills 50 --save docs/results/mirror.md
	$(PYTHON) -m tests.campaign.scale --minutes 10 --kills 50
	$(PYTHON) -m tests.campaign.flatten --runs 1000 --save docs/results/flatten.md

soak: .venv/.ready-test
	$(PYTHON) -m tests.campaign.soak --minutes 30 --clock 60 --save docs/results/soak.md
	$(PYTHON) -m tests.campaign.trader_soak --minutes 30 --save docs/results/trader-soak.md
	$(PYTHON) -m tests.campaign.proof --minutes 30 --save docs/results/proof.md

scenarios: .venv/.ready-test
	$(PYTHON) -m tests.campaign.hub_scenarios --minutes 10 --save docs/results/hub-scenarios.md

week: .venv/.ready-test
	$(PYTHON) tests/campaign/hub_week.py --save docs/results/hub-week.md

docs: .venv/.ready-test
	$(PYTHON) -c "from hoga.app.config.render import reference; print(reference(), end='')" > docs/configuration.md
	$(PYTHON) -m tests.house.stub

reference: .venv/.ready-test
	$(PYTHON) -m tests.house.reference build/reference

wheel: .venv/.ready-test
	$(PYTHON) -m hatchling build -d dist
