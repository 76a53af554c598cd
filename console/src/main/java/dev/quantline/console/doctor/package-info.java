/** What the machine and a stack's addresses are like, and what to do where that is not enough. Imports core's runtime alone. */
package dev.quantline.console.doctor;
