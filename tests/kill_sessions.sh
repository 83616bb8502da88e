#!/bin/sh
# Kills programs that edit by script at 200 random moments (or as many as told), and checks that `prosector recover`
# gives exactly what they had reported as on the disk, and that undo goes back to the beginning.
#   tests/kill_sessions.sh [COUNT]
cd "$(dirname "$0")/.." || exit
PROSECTOR_KILLS="${1:-200}" exec cargo test --release --test it -- --nocapture \
    journals::kills::what_was_reported_as_on_the_disk_outlives_a_kill
