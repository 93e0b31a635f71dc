#!/usr/bin/env bash
# What the action runs. LANDFALL_BASE is what the change is to be merged into; LANDFALL_DIRECTORY holds landfall.toml;
# LANDFALL is the program; LANDFALL_SARIF a file for SARIF. Ends as `landfall validate` does: with 3 where something is
# wrong.
set -euo pipefail

: "${LANDFALL_BASE:?the revision to merge into is missing: on other events than pull_request, give the input \`base\`}"
landfall=${LANDFALL:-landfall}
arguments=(validate --base "$LANDFALL_BASE" "${LANDFALL_DIRECTORY:-.}")

# SARIF and the summary are written whether or not something is wrong; what else goes wrong ends this.
findings_or_none() {
    "$@" || [[ $? -eq 3 ]]
}

if [[ -n ${LANDFALL_SARIF:-} ]]; then
    findings_or_none "$landfall" "${arguments[@]}" --format sarif >"$LANDFALL_SARIF"
fi
if [[ -n ${GITHUB_STEP_SUMMARY:-} ]]; then
    # Indented: nothing in it can end the block and become markup.
    report=$(findings_or_none "$landfall" "${arguments[@]}" --format text)
    printf '%s\n' "$report" | sed 's/^/    /' >>"$GITHUB_STEP_SUMMARY"
fi
"$landfall" "${arguments[@]}" --format github
