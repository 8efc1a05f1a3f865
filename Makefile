# make demo    show real i386 programs running       make test   everything that is tested
# make bench   executed instructions per program     make bless  rewrite expected outputs of file tests
TARGET  = aarch64-unknown-linux-musl
FERRY   = target/$(TARGET)/release/ferry
CARGO   = cargo
ifeq ($(shell uname -m),aarch64)
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER = env
endif

.PHONY: all setup build demo test check record bench bless clean
all: build

setup:
	@tools/setup.sh

build: setup
	@$(CARGO) build --quiet --release --target $(TARGET) --package loader

demo: build
	@$(CARGO) run --quiet --package tests --bin demo

test: build
	@tools/test.sh

record: build
	@$(CARGO) run --quiet --package tests --bin demo -- --record
	@$(CARGO) run --quiet --package tests --bin guest -- --record

bench: build
	@tools/bench.sh

bless:
	@BLESS=1 $(CARGO) test --quiet --package tests --test filetests

check:
	$(CARGO) fmt --check
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	$(CARGO) clippy --quiet --workspace --all-targets --target $(TARGET) -- -D warnings
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny check bans licenses sources; \
	else echo "check: licences not checked: run 'cargo install cargo-deny'"; fi

clean:
	rm -rf target .work
