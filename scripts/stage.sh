# Sourced by the scripts that run stage after stage: `.ci/run` and `scripts/verify-all`. Not a program of its own.
# shellcheck shell=bash

# Runs a command as the stage $1, says how long it took, and ends everything where it fails.
stage() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name"
    "$@" || {
        local code=$?
        echo "== $name: failed after $((SECONDS - start)) s" >&2
        exit "$code"
    }
    echo "== $name: $((SECONDS - start)) s"
}

# What every script needs, and where the foreign programs of scripts/interop-tools are.
prepare() {
    command -v cargo >/dev/null || {
        echo "needs Rust: cargo is not on PATH" >&2
        exit 1
    }
    command -v go >/dev/null || {
        echo "needs Go, for the programs that scripts/interop-tools builds: go is not on PATH" >&2
        exit 1
    }
    export LANDFALL_TOOLS=${LANDFALL_TOOLS:-$HOME/.cache/landfall/tools}
    export PATH=$LANDFALL_TOOLS:$LANDFALL_TOOLS/cargo/bin:$PATH
    export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-auto}
}
