# Every target sets up what it needs by itself, on a machine with Python 3.11 or newer.
#
#   make run       bus, poller and one gateway on http://127.0.0.1:8080
#   make cluster   bus, poller, four gateways and HAProxy on http://127.0.0.1:8080 (FRONT=nginx, envoy, direct)
#   make load      100 Locust users for a minute, against the cluster that is up or one started for it
#   make bench     the fan-out measured against its baselines
#   make test      lint, types and tests, side by side; those that take minutes are left to test-long
#   make coverage  what the quick tests, and a few with real programs, reach of the code: at least 95 % of each package
#                  (make test COVERAGE=1: all tests, and that on the way)
#   make test-long the tests that take minutes (LONG=changed: those whose subject has changed since they passed)
#   make conformance   every WebSocket conformance case, compression too: some minutes
#   make foreign   clients made with other people's libraries; wants Go, Java with Maven, Rust, Node, and downloads
#   make deployment-files   what is in deploy/docker and deploy/helm, by hadolint, Compose, Helm and kubeconform; wants Go
#   make fuzz      a million bad inputs to parser, session and socket
#   make soak      ten minutes of churn, faults and slow readers; then nothing may be left (MINUTES=10)
#   make dist      the wheel and source archive of the last commit, in dist/, tried (docs/releasing.md)
#   make audit     known weaknesses of what we depend on, asked of a public database; fails where that cannot be asked
#   make npm       what clients, examples and some tests need of npm, by their lock files (test does it)
#   make reference  the tables in docs/ that are made of the code, made anew
#   make site       the pages of docs/ as a site, in build/site; every link checked
#   make chaos     faults in the deployment that runs on this machine, such as make cluster; ARGS='--report faults.html'
#   make dev       one gateway that reloads when its code changes, with `adev` (wants a bus: BUS_URL)
#
# `tickgate` does the first two without a tree, from the wheel: tickgate run, tickgate cluster.
# Settings are environment variables (docs/configuration.md): SYMBOLS=BTCUSDT FEED=simulated make run
# A poller of each of several exchanges: VENUES=binance,coinbase make cluster
# Another bus than one Valkey server: make cluster BUS=sentinel (docs/operating.md)
# PYTHON names the Python to use; ARGS goes to pytest, bench or Locust: make test ARGS='-k haproxy -n0 -s'
# (-n0: one test after the other in one process, which is what -s and a debugger need)

VENV ?= .venv
LOAD_VENV ?= .venv-load
BINANCE_VENV ?= .venv-binance
export BINANCE_VENV
export PYTHON
# Bytecode is kept, whatever a shell says otherwise: each worker would compile some thousand files, each program hundreds.
export PYTHONDONTWRITEBYTECODE :=
# Modules of this tree come before an installed copy.
export PYTHONPATH := $(CURDIR)

HOST ?= http://127.0.0.1:8080
USERS ?= 100
DURATION ?= 1m
MINUTES ?= 10
LONG ?= all
UPGRADE ?= --upgrade

# What the front needs of the system (FRONT=nginx make cluster, or make cluster FRONT=nginx).
PROGRAM_OF_haproxy := haproxy
PROGRAM_OF_nginx := nginx=nginx-light
PROGRAM_OF_envoy :=
PROGRAM_OF_direct :=
ifdef FRONT
export FRONT
endif

.PHONY: compiled npm run cluster load bench test coverage test-long check conformance foreign deployment-files fuzz soak chaos dist audit dev reference site constraints clean

run: $(VENV)/.ready
	@$(VENV)/bin/python -m deploy run

cluster: $(VENV)/.ready
	@deploy/system.sh $(PROGRAM_OF_$(or $(FRONT),haproxy))
	@$(VENV)/bin/python -m deploy cluster

load: $(VENV)/.ready $(LOAD_VENV)/.ready
	@deploy/system.sh haproxy
	@$(VENV)/bin/python -m deploy cluster --during \
		$(LOAD_VENV)/bin/locust -f loadtest --headless --host $(HOST) --users $(USERS) --spawn-rate $(USERS) \
		--run-time $(DURATION) $(ARGS)

bench: $(VENV)/.ready
	@$(VENV)/bin/python -m bench $(ARGS)

# pytest last: its summary is what one looks for. Beside the checks, which use one core, tests are compiled once for all
# workers. Locust's environment is there for the tests of loadtest/.
# Tests run side by side, handed out one by one; those that measure are alone and last (tests/side_by_side.py).
test:
	@$(MAKE) --no-print-directory --jobs 2 check npm compiled
	@deploy/system.sh haproxy nginx=nginx-light chromium ip=iproute2 systemd-analyze=systemd /usr/share/nodejs/ws=node-ws java=default-jre-headless mvn=maven \
		node=nodejs npm promtool=prometheus nft=nftables
	@tests/foreign/binance/setup.sh $(VENV)/bin/python $(BINANCE_VENV)
	$(if $(COVERAGE),rm -f .coverage .coverage.*)
	LOCUST=$(abspath $(LOAD_VENV))/bin/locust \
		$(VENV)/bin/python $(if $(COVERAGE),-m coverage run) -m pytest -n auto --dist load --maxschedchunk 1 $(ARGS)
	$(if $(COVERAGE),$(REPORT))

# As pytest compiles them. What is wrong with one is said when it is to run.
compiled: $(VENV)/.ready
	@$(VENV)/bin/python -m pytest --collect-only -qq -p no:cacheprovider >/dev/null 2>&1 || true

# Lines and branches. Tests with real programs take long, and those that are alone measure time: few of the former count
# (tests/measured.py), and none of the latter.
coverage:
	$(MAKE) test COVERAGE=1 ARGS="-m '(not integration or measured) and not alone' $(ARGS)"

define REPORT
$(VENV)/bin/python -m coverage combine --quiet
for package in market poller gateway; do \
	$(VENV)/bin/python -m coverage report --include="$$package/*" --fail-under=95 || exit 1; \
done
endef

# What passes is recorded in tests/long_runs.txt, which is to be committed.
test-long: $(VENV)/.ready
	@deploy/system.sh haproxy nginx=nginx-light ip=iproute2 node=nodejs npm systemd-nspawn=systemd-container promtool=prometheus bwrap=bubblewrap nft=nftables
	@tests/foreign/binance/setup.sh $(VENV)/bin/python $(BINANCE_VENV) long
	$(VENV)/bin/python -m pytest -m long --long $(LONG) $(ARGS)

# loadtest/ is looked at twice: the second time with Locust's own types.
check: $(VENV)/.ready $(LOAD_VENV)/.ready
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/mypy --python-executable $(LOAD_VENV)/bin/python loadtest

conformance: $(VENV)/.ready
	$(VENV)/bin/python -m pytest tests/gateway/test_conformance.py --long all $(ARGS)

foreign: $(VENV)/.ready
	FOREIGN=1 $(VENV)/bin/python -m pytest tests/foreign $(ARGS)

deployment-files: $(VENV)/.ready
	@tests/deployment_tools.sh .cache/deployment-tools $(VENV)/bin/python
	DEPLOYMENT_TOOLS=$(CURDIR)/.cache/deployment-tools $(VENV)/bin/python -m pytest \
		tests/integration/test_deployment_tools.py tests/deploy/test_docker.py tests/deploy/test_helm.py $(ARGS)

fuzz: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.fuzz $(ARGS)

soak: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.soak --minutes $(MINUTES) $(ARGS)

audit: $(VENV)/.ready
	@deploy/release/tools.sh $(VENV)/bin/python .venv-tools
	@deploy/release/audit.sh .venv-tools constraints.txt deploy/release/tools.txt

dist: $(VENV)/.ready
	@deploy/release/release.sh $(abspath $(VENV))/bin/python

chaos: $(VENV)/.ready
	@deploy/system.sh nft=nftables ss=iproute2
	@$(VENV)/bin/python -m deploy chaos $(ARGS)

dev: $(VENV)/.ready
	$(VENV)/bin/adev runserver gateway

reference: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.reference

site: $(VENV)/.ready
	@$(VENV)/bin/python -m tests.reference.site build/site-pages
	@$(VENV)/bin/zensical build --clean --strict

$(VENV)/.ready: setup.cfg constraints.txt deploy/venv.sh deploy/locked.py
	@deploy/venv.sh $(VENV) cluster,dashboard,dev,docs,embedded,envoy,kafka,notebook,test
	@touch $@

# Apart from the rest: Locust brings a web framework and a patched standard library, and caps pytest.
$(LOAD_VENV)/.ready: setup.cfg constraints.txt deploy/venv.sh deploy/locked.py
	@deploy/venv.sh $(LOAD_VENV) load
	@touch $@

NPM := $(patsubst %,%/node_modules/.ready,clients/js examples/react tests/asyncapi tests/axe)

npm: $(NPM)

# Without npm the tests that need it are skipped, and say so.
$(NPM): %/node_modules/.ready: %/package-lock.json
	@deploy/system.sh node=nodejs npm
	@if command -v npm >/dev/null; then cd $* && npm ci --silent --no-progress && touch node_modules/.ready; fi

# All versions anew, and the hashes of every file of theirs, for every supported Python, system and processor at once.
# UPGRADE= keeps the versions. Wants `uv` on PATH.
constraints:
	echo 'setuptools>=77' | uv pip compile setup.cfg - --all-extras --universal --python-version 3.11 \
		$(UPGRADE) --generate-hashes --custom-compile-command 'make constraints' --output-file constraints.txt
	cd tests/foreign/binance && for list in requirements connector long; do uv pip compile $$list.in --universal \
		--python-version 3.11 --generate-hashes --custom-compile-command 'make constraints' --output-file $$list.txt \
		$$([ $$list != connector ] || echo --no-deps) || exit 1; done
	cd deploy/release && uv pip compile tools.in --universal --python-version 3.11 $(UPGRADE) --generate-hashes \
		--custom-compile-command 'make constraints' --output-file tools.txt

clean:
	rm -rf $(VENV) $(LOAD_VENV) .venv-tools .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* .cache build dist *.egg-info
