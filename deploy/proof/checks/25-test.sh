# The release's own test: the product's command line quantizes a network and gets it back.
# shellcheck shell=bash
own_test() { helm test quantline -n $SPACE --timeout 15m; }

check "\`helm test\`" own_test
