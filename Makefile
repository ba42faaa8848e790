# `make run` serves a chat; `make test` is what every change must pass.

PREFIX = /usr/local
DESTDIR =
TARGET = $(or $(CARGO_TARGET_DIR),target)
NPM = tests/browser/node_modules/.bin
BUNDLED = assets/js/app.js assets/js/conversation.js assets/js/door.js assets/js/later.js assets/js/signals.js assets/js/worker.js assets/css/pages.css assets/css/later.css assets/css/find.css assets/css/docs.css
FORMATTED = 'assets/css/*' 'assets/js/*'

# Where rustup installs cargo; a shell opened before that does not have it in its PATH yet.
export PATH := $(PATH):$(HOME)/.cargo/bin

# What a person can make: the targets that have a description behind two number signs.
help:
	@sed -n 's/^\([a-z-]*\):.*## /make \1 # /p' $(firstword $(MAKEFILE_LIST)) | awk -F ' # ' '{ printf "%-20s %s\n", $$1, $$2 }'

.PHONY: help build run test lint format bundles load figures browser-figures bench install deb image need-npm need-rust

build: need-rust ## build the program: target/release/snug
	@.ci/need cc
	cargo build --release --locked

run: build ## build it and serve, with a PostgreSQL of its own
	@.ci/need postgresql
	@exec $(TARGET)/release/snug serve

test: need-rust ## everything that a change must pass
	@.ci/need cc postgresql venv node chromium systemd openssl nginx haproxy caddy pgbouncer promtool debootstrap lintian umoci curl
	$(MAKE) --no-print-directory lint
	cargo test --workspace --locked
	tests/schemathesis/run --generation-deterministic
	tests/browser/run
	tests/packages/run

lint: need-rust need-npm ## formatting, warnings, bundles
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(NPM)/prettier --log-level=warn --check $(FORMATTED)
	@$(call bundle,$(TARGET)/bundles)
	@diff -qr assets/bundles $(TARGET)/bundles || { echo "snug: run make bundles" >&2; exit 1; }

# Templates are formatted by hand: tests/it/templates.rs says what is crooked in them.
format: need-rust need-npm ## put sources into their form
	cargo fmt --all
	$(NPM)/prettier --log-level=warn --write $(FORMATTED)

# Scripts and styles as release builds serve them, one file a page kind. They are checked in, so that a build
# needs nothing but Rust: make them anew with each change of assets/js or assets/css. Their first line says what
# they were made from. All of these browsers know `?.`; esbuild avoids it because the oldest gets `a?.b(...c)` wrong,
# which is not written here.
bundles: need-npm ## make the scripts and styles of release builds
	@$(call bundle,assets/bundles)

define bundle
rm -rf $(1) && made_from=$$(LC_ALL=C sh -c 'cat assets/css/*.css assets/js/*.js' | sha256sum | head -c 16) && \
	$(NPM)/esbuild $(BUNDLED) --outdir=$(1) --entry-names=[name] --bundle --minify --format=esm \
	--target=chrome90,firefox90,safari15 --supported:optional-chain=true --charset=utf8 --log-level=warning \
	--banner:js="/* $$made_from */" --banner:css="/* $$made_from */"
endef

# How many people does this machine bear? For other measurements, see: make load ARGS="--help"
load: ARGS = --start $(TARGET)/release/snug size
load: build ## how many people this machine bears; ARGS="--help" for more
	@.ci/need postgresql
	cargo build --release --locked --package snug-load
	@$(TARGET)/release/snug-load $(ARGS)

# The tables of docs/performance.md, measured on this machine.
figures: build ## measure the tables of docs/performance.md
	@.ci/need postgresql
	cargo build --release --locked --package snug-load
	@TARGET=$(TARGET) tests/load/figures

# How quick the pages are, on slow lines, too.
browser-figures: build ## time the pages in Chromium, behind slow lines, too
	@.ci/need postgresql node chromium
	@SNUG=$(TARGET)/release/snug tests/browser/run figures.js

# Times the small parts: frames, JSON, publishing, a page of history. FILTER=frames picks some.
bench: need-rust ## time the small parts; FILTER=frames picks some
	@.ci/need cc postgresql
	cargo bench --locked --bench parts -- $(FILTER)

# As root, after `make build`: installs the account, the program, the unit, and a settings file if there is none.
install: ## as root, after make build: the program, its account and its unit
	@test -x $(TARGET)/release/snug || { echo "snug: there is nothing to install yet; run make build first, not as root" >&2; exit 1; }
	install -D -m 755 $(TARGET)/release/snug "$(DESTDIR)$(PREFIX)/bin/snug"
	install -D -m 644 systemd/snug.service "$(DESTDIR)$(PREFIX)/lib/systemd/system/snug.service"
	install -D -m 644 systemd/snug.socket "$(DESTDIR)$(PREFIX)/lib/systemd/system/snug.socket"
	sed -i 's#/usr/local/bin/snug#$(PREFIX)/bin/snug#' "$(DESTDIR)$(PREFIX)/lib/systemd/system/snug.service"
	test -e "$(DESTDIR)/etc/snug/snug.env" || install -D -m 600 systemd/snug.env "$(DESTDIR)/etc/snug/snug.env"
ifeq ($(DESTDIR),)
	@.ci/need postgresql
	getent passwd snug >/dev/null || useradd --system --home-dir /var/lib/snug --shell /usr/sbin/nologin snug
	chgrp snug /etc/snug/snug.env && chmod 640 /etc/snug/snug.env
	test ! -d /run/systemd/system || systemctl daemon-reload
	@echo "snug: installed; to start it, run: systemctl enable --now snug"
endif

# ARCH=arm64 builds it for a Raspberry Pi on another machine: as root, in some ten minutes the first time.
ARCH =
ifeq ($(ARCH),arm64)
deb: need-rust
	@.ci/need debootstrap
	@systemd/debian/build "$$(systemd/debian/cross $(TARGET)/arm64)" $(TARGET)/debian
else
deb: build ## a Debian package, target/debian/snug_….deb; ARCH=arm64 for a Raspberry Pi
	@systemd/debian/build $(TARGET)/release/snug $(TARGET)/debian
endif

image: build ## as root: an OCI image, made from that package: target/image
	@.ci/need debootstrap umoci
	@systemd/debian/image "$$(systemd/debian/build $(TARGET)/release/snug $(TARGET)/debian)" $(TARGET)/image

need-npm:
	@.ci/need node
	@tests/browser/install

need-rust:
	@command -v cargo >/dev/null || { echo "snug: cargo is missing; install Rust from https://rustup.rs" >&2; exit 1; }
