# Jobs by kcat, what becomes of them, and whether their bytes are those of a job that nobody disturbed; sourced.
# shellcheck shell=bash

RUN=$(date +%H%M%S)    # ends the ids of jobs, which are of one use

# submit ID: quantizes what `quantline demo` of `helm test` left in the store.
submit() {
    [ -f "$WORK/inputs.json" ] || inputs
    jq -nc --arg id "$1-$RUN" --slurpfile inputs "$WORK/inputs.json" --slurpfile recipe "$HERE/recipe.json" \
        '{id: $id, model: $inputs[0].model, calibration: $inputs[0].calibration, recipe: $recipe[0]}' >"$WORK/job.json"
    within 30 "${KAFKA[@]}" -P -t quantline.jobs -k "$1-$RUN" "$WORK/job.json"
}

inputs() {
    within 30 s3 -f -o "$WORK/denied" "$HERE_STORE/quantline?list-type=2"
    keys inputs/ >"$WORK/keys"
    jq -n --arg model "$(grep -m1 'onnx$' "$WORK/keys")" --arg data "$(grep -m1 'calibration.npz$' "$WORK/keys")" \
        '{model: "s3://quantline/\($model)", calibration: "s3://quantline/\($data)"}' >"$WORK/inputs.json"
}

# records TOPIC ID: what a topic has of a job, a line a record.
records() { sed -n "s/^$2-$RUN //p" "$WORK/$1.records"; }

# Where a job is: the verb of its stage, done, or failed.
place() {
    if [ -n "$(records failed "$1")" ]; then echo failed; return; fi
    if [ -n "$(records exported "$1")" ]; then echo done; return; fi
    records progress "$1" | tail -n 1 | jq -r '.data.stage'
}

# at ID STAGE: waits until the job is in the stage.
at() {
    local end=$((SECONDS + 300)) now
    until now=$(place "$1") && [ "$now" = "$2" ]; do
        case $now in done | failed) echo "$1 went past $2 unseen"; return 1 ;; esac
        ((SECONDS < end)) || { echo "$1 did not come to $2"; return 1; }
        sleep 0.2
    done
}

is_over() { case $(place "$1") in done | failed) ;; *) return 1 ;; esac; }

# finished ID SECONDS: the job is done in time.
finished() {
    within "$2" is_over "$1"
    records failed "$1"
    [ "$(place "$1")" = done ]
}

# The model of a job.
model_hash() {
    local key
    key=$(records exported "$1" | jq -r '.data.results["model.onnx"] | if type == "object" then .bucket + "/" + .key else sub("s3://"; "") end' | tail -n 1)
    s3 -f "$HERE_STORE/$key" | sha256sum | cut -d' ' -f1
}

# same_bytes ID: as those of the undisturbed job.
same_bytes() {
    local hash
    hash=$(model_hash "$1")
    echo "$hash, undisturbed: $(cat "$WORK/reference")"
    [ "$hash" = "$(cat "$WORK/reference")" ]
}

# keys PREFIX: of the bucket.
keys() { s3 -f "$HERE_STORE/quantline?list-type=2&prefix=$(sed 's#/#%2F#g' <<<"$1")" | grep -oP '(?<=<Key>)[^<]+'; }

# repeated ID STAGE: how many attempts at items of a stage were more than one for each.
repeated() { keys "jobs/$1-$RUN/$2/" | grep -E '/parts/[^/]+/attempts/' | awk -F/ '$NF > 1' | wc -l; }

# cheap ID: at most one item of each stage was begun twice.
cheap() {
    local stage most=0 count
    for stage in profile calibrate tune export; do
        count=$(repeated "$1" "$stage")
        echo "$stage: $count items begun again"
        ((count <= most)) || most=$count
    done
    remark "at most $most items of a stage begun again"
    ((most <= 1))
}
