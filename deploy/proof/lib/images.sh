# Images as docker archives, made without a container engine, and loaded with the cluster's own command; sourced.
# shellcheck shell=bash

# archive NAME:TAG FOLDER ARCHIVE ENTRYPOINT: an image of one layer from a root folder.
archive() {
    local name=$1 folder=$2 target=$3 entry=$4 scratch digest
    scratch=$(mktemp -d -p "$WORK")
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$folder" -cf "$scratch/layer.tar" .
    digest=$(sha256sum "$scratch/layer.tar" | cut -d' ' -f1)
    jq -n --arg digest "sha256:$digest" --arg entry "$entry" '{architecture: "amd64", os: "linux", config: {Entrypoint: [$entry]},
        rootfs: {type: "layers", diff_ids: [$digest]}}' >"$scratch/config.json"
    jq -n --arg name "$name" '[{Config: "config.json", RepoTags: [$name], Layers: ["layer.tar"]}]' >"$scratch/manifest.json"
    tar -C "$scratch" -cf "$target" config.json layer.tar manifest.json
    rm -r "$scratch"
}

# load_as ARCHIVE NAME:TAG...: loads an archive under names of ours, whatever it calls itself.
load_as() {
    local archive=$1 scratch names
    shift
    scratch=$(mktemp -d -p "$WORK")
    tar -C "$scratch" -xf "$archive"
    names=$(printf '%s\n' "$@" | jq -R . | jq -sc .)
    jq -c --argjson names "$names" '[.[0] | .RepoTags = $names]' "$scratch/manifest.json" >"$scratch/named"
    mv "$scratch/named" "$scratch/manifest.json"
    rm -f "$scratch/repositories" "$scratch/index.json" "$scratch/oci-layout"
    tar -C "$scratch" -cf "$scratch.tar" .
    rm -r "$scratch"
    load "$scratch.tar"
    rm "$scratch.tar"
}

# shellcheck disable=SC2086 # the command is words
load() { $QUANTLINE_PROOF_LOAD "$1"; }

# with_libraries FOLDER FILE...: copies what the dynamic linker loads for these files.
with_libraries() {
    local folder=$1
    shift
    ldd "$@" | grep -oE '/[^ ]+\.so[^ ]*' | sort -u | while read -r library; do
        case $library in "$folder"/*) ;; *) mkdir -p "$folder$(dirname "$library")" && cp -L "$library" "$folder$library" ;; esac
    done
}

# Apache Kafka from its Maven artifacts on a runtime that jlink makes.
broker_image() {
    local root=$WORK/broker target=$CACHE/broker.tar
    if [ ! -f "$target" ] || [ "$HERE/broker.xml" -nt "$target" ] || [ "$HERE/lib/images.sh" -nt "$target" ]; then
        mkdir -p "$root/tmp"
        "$(command -v mvn || echo "$HERE/../../mvnw")" -q -B -f "$HERE/broker.xml" dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$root/kafka"
        "$JAVA_HOME/bin/jlink" --strip-debug --no-man-pages --no-header-files --output "$root/java" \
            --add-modules java.base,java.desktop,java.logging,java.management,java.naming,java.security.jgss,java.security.sasl,java.sql,jdk.management,jdk.unsupported
        with_libraries "$root" "$root/java/bin/java" "$root/java"/lib/*.so "$root/java/lib/server/libjvm.so"
        archive localhost/quantline-proof/kafka:1 "$root" "$target" /java/bin/java
        rm -r "$root"
    fi
    load "$target"
}

# SeaweedFS, which is one program without libraries.
store_image() {
    local root=$WORK/store target=$CACHE/store.tar
    if [ ! -f "$target" ] || [ "$QUANTLINE_PROOF_WEED" -nt "$target" ]; then
        mkdir -p "$root/tmp"
        cp "$QUANTLINE_PROOF_WEED" "$root/weed"
        archive localhost/quantline-proof/seaweedfs:1 "$root" "$target" /weed
        rm -r "$root"
    fi
    load "$target"
}

# The images of Quantline: the same archive is both versions unless a newer one is given.
product_images() {
    local part old new
    for part in profiler calibrator tuner exporter console; do
        old=$IMAGES/quantline-$part.tar new=${NEWER:-$IMAGES}/quantline-$part.tar
        if [ "$old" = "$new" ]; then
            load_as "$old" "localhost/quantline/$part:old" "localhost/quantline/$part:new"
        else
            load_as "$old" "localhost/quantline/$part:old"
            load_as "$new" "localhost/quantline/$part:new"
        fi
    done
}
