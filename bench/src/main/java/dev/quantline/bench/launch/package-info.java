/** Lists the benches and starts them, for {@code ./quantline bench}. Imports every other package of the module. */
package dev.quantline.bench.launch;
