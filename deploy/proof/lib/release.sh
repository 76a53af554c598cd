# The release: installed, upgraded, watched; sourced.
# shellcheck shell=bash
HERE_STORE=https://localhost:8333

# release TAG HELM-OPTION...: installs or upgrades, and waits until all is ready.
release() {
    local tag=$1
    shift
    helm upgrade --install quantline "$CHART" -n $SPACE -f "$HERE/values.yaml" --set "kafka.bootstrapServers=$BROKER,store.endpoint=$STORE,image.tag=$tag" \
        --wait --timeout 5m "$@"
}

# The stage that does a job's verb.
declare -A STAGE_OF=([profile]=profiler [calibrate]=calibrator [tune]=tuner [export]=exporter)

pods() { k get pods -l "app.kubernetes.io/component=$1" -o name "${@:2}"; }
running() { pods "$1" --field-selector status.phase=Running | wc -l; }
STAGE_PODS='app.kubernetes.io/component in (profiler, calibrator, tuner, exporter)'
images_are() { [ "$(k get pods -l "$STAGE_PODS" -o 'jsonpath={range .items[*]}{.spec.containers[0].image}{"\n"}{end}' | grep -c ":$1$")" = 4 ]; }
