/** What exporting costs, and what it gives. */
package dev.quantline.bench.export;
