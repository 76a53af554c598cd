# Broker and store, and the way from this machine to them.
# shellcheck shell=bash
both_namespaces() { namespace $BACKING; namespace $SPACE; }

check "two namespaces that enforce the pod security standard \`restricted\`" both_namespaces
check "Apache Kafka runs, with TLS, SCRAM and ACLs of a user for the services and one for who submits jobs" broker
check "SeaweedFS runs, with TLS and a policy of seven rights on one bucket" store
