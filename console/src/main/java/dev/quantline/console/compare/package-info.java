/** How two results differ. Imports nothing of the console. */
package dev.quantline.console.compare;
