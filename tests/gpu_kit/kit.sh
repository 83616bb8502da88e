#!/usr/bin/env bash
# Runs one mode of the kit: check, bench or train; README.md beside it says what they do.
set -euo pipefail
kit="$(cd "$(dirname "$0")" && pwd)"
case "${1:-}" in
    check | bench | train) ;;
    *)
        echo "usage: kit.sh check|bench|train [--device gpu|cpu|software] [--seconds 540] [--out DIR] [--quick]" >&2
        exit 2
        ;;
esac
export PYTHONPATH="$kit/twin${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
exec python3 "$kit/modes/$1.py" "${@:2}"
