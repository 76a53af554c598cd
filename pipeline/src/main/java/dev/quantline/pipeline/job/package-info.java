/**
 * What a user may ask for: the job request and its published JSON schema, in which that of recipes is. Imports {@code onnx} and
 * {@code quantize}.
 */
package dev.quantline.pipeline.job;
