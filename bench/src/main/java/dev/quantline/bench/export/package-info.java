/** What exporting costs. */
package dev.quantline.bench.export;
