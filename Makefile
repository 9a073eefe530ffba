# Two commands do all the set-up: `make run` serves, `make test` tests.
.PHONY: run demo up down logs test check bench
.SILENT:

LYFTR = PATH="$(CURDIR)/node_modules/.bin:$$PATH" node bin/lyftr.js
# Ctrl-C ends the service gracefully, and make with its exit code. Without perl, make ends with its
# own exit code.
FOREGROUND = $$(command -v perl >/dev/null && echo scripts/foreground.pl)

run: node_modules/.installed ## serve on the embedded database; creates a secret if none is set
	$(LYFTR) init
	exec $(FOREGROUND) npm start --silent

demo: node_modules/.installed ## serve on a throw-away database with a few thousand messages in it
	exec $(FOREGROUND) env PATH="$(CURDIR)/node_modules/.bin:$$PATH" node bin/lyftr.js demo

up: ## build the image and start it with compose
	docker compose up --build --detach --wait

down:
	docker compose down

logs:
	docker compose logs --follow

test: node_modules/.installed ## everything that can be tested on this machine; with CI=true, everything
	scripts/install-debian.sh chromium:chromium strace:strace gcc:build-essential faketime:faketime wrk:wrk python3:python3 openssl:openssl curl:curl pgbouncer:pgbouncer haproxy:haproxy redis-server:redis-server prometheus:prometheus promtool:prometheus prometheus-alertmanager:prometheus-alertmanager amtool:prometheus-alertmanager kubectl:kubernetes-client nginx:nginx systemd-analyze:systemd pg_createcluster:postgresql
	npm run --silent lint
	npm test --silent

check: node_modules/.installed ## the quick part: types, format, layout and the tests that need no server and no process
	npm run --silent check

bench: node_modules/.installed
	npm run --silent bench

node_modules/.installed: package.json package-lock.json
	echo "Installing the dependencies of Lyftr into node_modules/ …" >&2
	scripts/install-debian.sh npm:npm >&2
	npm ci --no-audit --no-fund >&2
	touch $@
