/** What a GPU is worth. */
package dev.quantline.bench.gpu;
