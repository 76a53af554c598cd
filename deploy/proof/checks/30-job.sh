# A job by kcat, the measure of all that follow.
# shellcheck shell=bash
undisturbed() {
    submit undisturbed
    finished undisturbed 600
    model_hash undisturbed >"$WORK/reference"
    cat "$WORK/reference"
    cheap undisturbed
}

check "a job by kcat, undisturbed" undisturbed
