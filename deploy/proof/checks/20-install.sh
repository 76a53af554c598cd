# From nothing to a release that is ready.
# shellcheck shell=bash
secrets() {
    k delete secret --ignore-not-found broker-ca broker-user store-keys store-ca
    k create secret generic broker-ca --from-file="$WORK/ca.crt"
    k create secret generic broker-user --from-literal=username=quantline --from-literal="password=$(password quantline)"
    k create secret generic store-keys --from-literal=access-key=quantline --from-literal="secret-key=$(password store)"
    k create secret generic store-ca --from-file="$WORK/ca.crt"
}

install() {
    secrets
    release old
    images_are old
    if k get events | grep -i 'violates PodSecurity'; then return 1; fi
}

no_token() {
    local pod
    for pod in $(k get pods -l "$STAGE_PODS" -o name); do
        k get "$pod" -o json | jq -e '[.spec.volumes[] | select(.projected)] == []'
    done
}

check "\`helm install --wait\`: topics and bucket made, all pods ready" install
check "no pod has a token of the cluster's API" no_token
