# How the console is started, by ./quantline in a checkout and by bin/quantline of a distribution. POSIX sh.

# start JAVA ROOT JAR ARGUMENT...: becomes the console; ROOT is the folder of the checkout or of the distribution.
# Tensors live outside the Java heap, so the heap may stay small; JavaCPP would count ONNX Runtime's memory as its own.
# Arrays of activations come and go by hundreds of megabytes: ZGC collects them before the heap grows above the soft limit, where G1
# first takes all it may have, and every two seconds, since native memory that Java let go of is freed only then. What heap and native
# memory grew by goes back to the system.
# What JavaCPP has to say goes to the log: versions differ that were seen to work together.
# ND4J's threads sleep between two pieces of work: spinning on, as they would, they take cores that ONNX Runtime needs.
start() {
  java=$1
  root=$2
  jar=$3
  shift 3
  terminal=false
  if [ -t 2 ]; then terminal=true; fi
  export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}" MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-1048576}"
  # shellcheck disable=SC2086 # options are words
  exec "$java" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -XX:MaxRAMPercentage=40 -Xms64m \
    -Dorg.bytedeco.javacpp.maxphysicalbytes=0 -XX:+UseZGC -XX:SoftMaxHeapSize=512m -XX:ZUncommitDelay=5 -XX:ZCollectionInterval=2 \
    -Dorg.bytedeco.javacpp.logger=slf4j -Dquantline.terminal=$terminal "-Dquantline.root=$root" ${QUANTLINE_JAVA_OPTS:-} -jar "$jar" "$@"
}
