# The broker, the store, their users and what those may do; sourced.
# shellcheck shell=bash
SPACE=quantline-proof                  # of the release
BACKING=quantline-proof-backing        # of broker and store
BROKER=kafka.$BACKING.svc.cluster.local:9093
STORE=https://seaweedfs.$BACKING.svc.cluster.local:8333

k() { kubectl -n "$SPACE" "$@"; }
backing() { kubectl -n "$BACKING" "$@"; }

# namespace NAME: empty, and nothing in it may be less than restricted.
namespace() {
    kubectl delete namespace "$1" --ignore-not-found --wait
    kubectl create namespace "$1"
    kubectl label namespace "$1" pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted
}

# certificate NAME HOST...: signed by an authority of our own, key as PKCS #8.
certificate() {
    local name=$1 names
    shift
    [ -f "$WORK/ca.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=quantline-proof \
        -keyout "$WORK/ca.key" -out "$WORK/ca.crt"
    names=$(printf ',DNS:%s' "$@")
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$WORK/$name.key" -out "$WORK/$name.csr"
    openssl x509 -req -in "$WORK/$name.csr" -CA "$WORK/ca.crt" -CAkey "$WORK/ca.key" -CAcreateserial -days 2 \
        -extfile <(echo "subjectAltName=${names#,}") -out "$WORK/$name.crt"
}

# password NAME: the same for the whole run.
password() {
    [ -f "$WORK/$1.password" ] || openssl rand -hex 12 | tr -d '\n' >"$WORK/$1.password"
    cat "$WORK/$1.password"
}

broker() {
    certificate broker "${BROKER%:*}" localhost
    cat "$WORK/broker.key" "$WORK/broker.crt" >"$WORK/broker.pem"
    sed -e "s/NAMESPACE/$BACKING/" -e "s/\"ADMIN\"/\"$(password admin)\"/" -e "s/\"SUBMITTER\"/\"$(password submitter)\"/" \
        "$HERE/manifests/server.properties" >"$WORK/server.properties"
    printf 'security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.truststore.type=PEM\nssl.truststore.location=/etc/kafka/ca.crt\n' >"$WORK/admin.properties"
    echo "sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username=\"admin\" password=\"$(password admin)\";" \
        >>"$WORK/admin.properties"
    backing create secret generic kafka-config --from-file="$WORK/server.properties" --from-file="$WORK/admin.properties" \
        --from-file="$WORK/broker.pem" --from-file="$WORK/ca.crt"
    backing create secret generic kafka-passwords --from-literal="ADMIN=$(password admin)" \
        --from-literal="QUANTLINE=$(password quantline)"
    backing apply -f "$HERE/manifests/kafka.yaml"
    backing rollout status deployment/kafka --timeout 180s
    # Those that docs/cluster.md lists, and of whoever submits jobs by kcat.
    acl --add --allow-principal User:quantline --topic quantline. --resource-pattern-type prefixed \
        --operation Read --operation Write --operation Describe --operation Create
    acl --add --allow-principal User:quantline --group quantline. --resource-pattern-type prefixed --operation Read
    acl --add --allow-principal User:submitter --topic quantline.jobs --operation Write
    acl --add --allow-principal User:submitter --operation Read --topic quantline.exported --topic quantline.failed \
        --topic quantline.progress --topic quantline.profile.work-done
}

acl() {
    backing exec deployment/kafka -c kafka -- /java/bin/java -Xmx64m -XX:TieredStopAtLevel=1 -cp '/kafka/*' org.apache.kafka.tools.AclCommand \
        --bootstrap-server "$BROKER" --command-config /etc/kafka/admin.properties "$@"
}

# forward SERVICE PORT: this machine's port leads to the service's pod, also after it was replaced.
forward() { always "$LOGS/forward-$1.log" kubectl -n "$BACKING" port-forward "deployment/$1" "$2"; }

# follow TOPIC: its records come into a file of that name, key and value on a line.
follow() { always "$WORK/$1.records" "${KAFKA[@]}" -C -t "quantline.$1" -o beginning -q -u -f '%k %s\n'; }

# always FILE COMMAND...: in the background, again when it ends.
always() {
    local file=$1
    shift
    (
        trap 'kill "$child"; exit' TERM
        while :; do
            "$@" >"$file" 2>>"$LOGS/background.log" &
            child=$!
            wait $child || true
            sleep 0.5 &
            child=$!
            wait $child || true
        done
    ) &
    FOLLOWERS="${FOLLOWERS:-} $!"
}

# What docs/cluster.md lists, by S3's names.
STORE_RIGHTS="GetObject PutObject DeleteObject ListBucket ListBucketMultipartUploads AbortMultipartUpload CreateBucket"

# policy RIGHT...: these, on the bucket and on one that is not there yet.
policy() {
    jq -nc '{Version: "2012-10-17", Statement: [{Effect: "Allow", Action: ($ARGS.positional | map("s3:" + .)),
        Resource: ["quantline", "quantline/*", "quantline-new", "quantline-new/*"] | map("arn:aws:s3:::" + .)}]}' --args "$@"
}

store() {
    local right policies=()
    certificate store "$(sed -E 's#https://([^:]+):.*#\1#' <<<"$STORE")" localhost
    backing create secret tls seaweedfs-tls --cert="$WORK/store.crt" --key="$WORK/store.key"
    # shellcheck disable=SC2086 # words
    policies+=("--from-literal=all=$(policy $STORE_RIGHTS)")
    for right in $STORE_RIGHTS; do
        # shellcheck disable=SC2046,SC2086 # words
        policies+=("--from-literal=without-$right=$(policy $(tr ' ' '\n' <<<$STORE_RIGHTS | grep -vx "$right"))")
    done
    backing create configmap policies "${policies[@]}"
    backing apply -f "$HERE/manifests/seaweedfs.yaml"
    backing rollout status deployment/seaweedfs --timeout 180s
    within 30 store_shell s3.config.show
    store_shell "s3.user.create -name quantline -access_key quantline -secret_key $(password store)" \
        "s3.policy -put -name=quantline -file=/policies/all" "s3.policy.attach -policy quantline -user quantline"
    within 30 denied_elsewhere
}

# store_shell COMMAND...: of SeaweedFS's own shell.
store_shell() { printf '%s\n' "$@" | backing exec -i deployment/seaweedfs -- /weed shell -master=localhost:9333; }

# The store knows its user when it refuses what that user may not.
denied_elsewhere() { [ "$(s3 -o "$WORK/denied" -w '%{http_code}' -X PUT "$HERE_STORE/elsewhere")" = 403 ]; }

# store_policy NAME: lets the user do what /policies/NAME says.
store_policy() {
    store_shell "s3.policy -put -name=quantline -file=/policies/$1"
    sleep 2
}

# s3 CURL-ARGUMENT...: with the user's keys, from this machine.
s3() { curl -sS --cacert "$WORK/ca.crt" --aws-sigv4 aws:amz:us-east-1:s3 --user "quantline:$(password store)" "$@"; }

# As the user who submits jobs, from this machine.
KAFKA=(kcat -b localhost:19093 -X security.protocol=SASL_SSL -X "ssl.ca.location=$WORK/ca.crt" -X sasl.mechanism=PLAIN
    -X sasl.username=submitter -X "sasl.password=$(password submitter)")
