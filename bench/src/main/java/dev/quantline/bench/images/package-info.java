/** Container images of the services, tried without a container engine. Imports {@code embedded}. */
package dev.quantline.bench.images;
