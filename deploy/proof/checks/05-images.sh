# What the cluster runs comes from archives, not from a registry.
# shellcheck shell=bash
check "Apache Kafka's image is loaded" broker_image
check "SeaweedFS's image is loaded" store_image
check "Quantline's images are loaded" product_images
