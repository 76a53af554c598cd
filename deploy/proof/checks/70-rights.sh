# Each right of docs/cluster.md is taken away by itself: the hook must fail and name it. No pods are needed, KEDA keeps them at 0.
# shellcheck shell=bash

# hook_says TEXT HELM-OPTION...: the upgrade fails, and the log of its hook says why.
hook_says() {
    local text=$1
    shift
    if release old -f "$HERE/keda.yaml" --set prepare.wait=30s,prepare.backoffLimit=0 "$@"; then return 1; fi
    k logs job/quantline-prepare | tee "$WORK/hook"
    grep -qF "$text" "$WORK/hook"
}

# without_acl TYPE OPERATION TEXT HELM-OPTION...
without_acl() {
    local rule=(--allow-principal User:quantline "--$1" quantline. --resource-pattern-type prefixed --operation "$2") code=0
    acl --remove --force "${rule[@]}"
    (set -e; hook_says "${@:3}") || code=$?
    acl --add "${rule[@]}"
    return $code
}

without_policy() {
    local code=0
    store_policy "without-$1"
    (set -e; hook_says "s3:$1" "${@:2}") || code=$?
    store_policy all
    return $code
}

all_again() { release old -f "$HERE/keda.yaml"; }

check "without Read on topics: the hook of \`helm upgrade\` names it" without_acl topic Read "Read on the topic quantline.jobs"
check "without Write on topics: the same" without_acl topic Write "Write on the topic quantline.jobs"
check "without Create on topics, where topics are missing: the same" without_acl topic Create "the right Create" --set topics.prefix=quantline.new.
check "without Read on groups: the same" without_acl group Read "Read on the group quantline.profiler-jobs"
for right in GetObject PutObject DeleteObject ListBucket; do
    check "without s3:$right: the same" without_policy $right
done
check "without s3:CreateBucket, where the bucket is missing: the same" without_policy CreateBucket --set store.bucket=quantline-new
check "with all rights again, \`helm upgrade\` succeeds" all_again
