/** The distribution: the packaged console, a Java runtime for it and native libraries of one platform, in one archive. */
package dev.quantline.console.dist;
